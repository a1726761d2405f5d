//! Generated names: `name_prefix`, or no name at all.
//!
//! The generated part comes from the token of the create, so that the same
//! create always asks for the same name, and `recover` knows what to look for.

use sha2::{Digest, Sha256};

use infra_types::Value;

use crate::resource::Plan;
use crate::value::{Fields, State};

/// The length of what is generated: as long as Terraform's.
const SUFFIX: usize = 26;

/// The prefix when nothing is given.
const DEFAULT_PREFIX: &str = "infra-";

/// Returns the name for a create: the planned one, or one with the given prefix.
pub(crate) fn resolve(planned: &Value, token: &str) -> String {
    resolve_as(planned, token, "name", "name_prefix", usize::MAX)
}

/// Like [`resolve`], for other attribute names, and no longer than `max`.
pub(crate) fn resolve_as(planned: &Value, token: &str, name: &str, prefix: &str, max: usize) -> String {
    if let Some(name) = planned.text(name) {
        return name;
    }
    let prefix = planned.text(prefix).filter(|p| !p.is_empty());
    let prefix = prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
    let room = max.saturating_sub(prefix.chars().count()).min(SUFFIX);
    format!("{prefix}{}", &suffix(token)[..room])
}

fn suffix(token: &str) -> String {
    let mut text = hex::encode(Sha256::digest(token.as_bytes()));
    text.truncate(SUFFIX);
    text
}

/// Returns a client token for the services: never longer than they allow.
pub(crate) fn client_token(token: &str) -> String {
    let mut text = hex::encode(Sha256::digest(token.as_bytes()));
    text.truncate(32);
    text
}

/// Returns the prefix of a generated name, if it looks like one.
pub(crate) fn prefix_of(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(SUFFIX)?;
    let (prefix, rest) = (name.get(..at)?, name.get(at..)?);
    let generated = rest.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    (generated && !prefix.is_empty()).then_some(prefix)
}

/// Returns the checksum (CRC-32) that Terraform makes some ids of.
pub(crate) fn checksum(text: &str) -> u32 {
    !text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Plans `name` and `name_prefix`: a written name has no prefix.
pub(crate) fn plan(plan: &mut Plan<'_>) {
    if plan.config.is_set("name") && !plan.config.is_set("name_prefix") && plan.prior.is_none() {
        plan.set("name_prefix", Value::null());
    }
}

impl State<'_> {
    /// Sets `name` and `name_prefix`.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        let prefix = self.prior().text("name_prefix").or_else(|| {
            let known = self.prior().is_set("name");
            prefix_of(name).filter(|_| !known).map(str::to_owned)
        });
        self.set("name", name).set("name_prefix", prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_always_asks_for_the_same_name() {
        let planned = Value::object([("name_prefix", "web-".into())]);
        let name = resolve(&planned, "token-1");
        assert_eq!(name, resolve(&planned, "token-1"));
        assert_ne!(name, resolve(&planned, "token-2"));
        assert_eq!(prefix_of(&name), Some("web-"));
        assert_eq!(name.len(), "web-".len() + SUFFIX);
    }

    #[test]
    fn checksums_are_the_usual_ones() {
        assert_eq!(checksum("123456789"), 0xCBF4_3926);
    }

    #[test]
    fn written_names_win() {
        let planned = Value::object([("name", "api".into())]);
        assert_eq!(resolve(&planned, "t"), "api");
        assert_eq!(prefix_of("api"), None);
    }

    #[test]
    fn short_names_are_cut() {
        let planned = Value::object([("name_prefix", "public".into())]);
        assert_eq!(resolve_as(&planned, "t", "name", "name_prefix", 32).len(), 32);
    }
}
