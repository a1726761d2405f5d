//! The state file: one JSON document, in the newest format it is written in.
//!
//! [`read`] finds out the version and hands over to the module of that version;
//! an older one is upgraded step by step until it is the newest. [`write`]
//! always writes the newest. In-memory types never appear in files: each version
//! has structs of its own, which stay as they are once released.

mod decode;
mod encode;
pub(crate) mod journal;
#[cfg(test)]
mod tests;
mod text;
mod v1;

use std::cell::Cell;
use std::io::{self, Read, Write};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

pub(crate) use decode::Opener;
pub(crate) use encode::Sealer;
pub(crate) use text::position;

use crate::error::StateError;
use crate::{SecretCodec, State, Types};

/// The name of the format.
pub(crate) const FORMAT: &str = "infra-state";
/// The newest version of the format.
pub const VERSION: u64 = 1;

/// How to read a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What to do about secrets whose key is missing.
    pub missing_key: MissingKey,
}

/// What to do about secrets whose key is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// Refuse to read the state.
    #[default]
    Fail,
    /// Read them as unknown values. What was read so is never written.
    Redact,
}

/// A state as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadState {
    /// The state.
    pub state: State,
    /// Whether secrets were left out for want of their key.
    pub redacted: bool,
}

/// What a document says of itself at its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: Option<String>,
    pub(crate) version: Option<u64>,
    pub(crate) lineage: Option<String>,
    pub(crate) serial: Option<u64>,
    /// What it is, if it is not ours.
    foreign: Option<&'static str>,
}

impl Header {
    /// Fails unless a snapshot of this lineage and serial may take the place.
    pub(crate) fn check_successor(&self, place: &str, lineage: &str, serial: u64) -> Result<(), StateError> {
        if let Some(found) = self.version.filter(|v| *v > VERSION) {
            return Err(StateError::NewerFormat {
                place: place.to_owned(),
                found,
                known: VERSION,
            });
        }
        if let Some(found) = self.lineage.as_ref().filter(|l| *l != lineage) {
            return Err(StateError::Lineage {
                place: place.to_owned(),
                found: found.clone(),
                expected: lineage.to_owned(),
            });
        }
        if let Some(found) = self.serial.filter(|s| *s >= serial) {
            return Err(StateError::Serial {
                place: place.to_owned(),
                found,
                expected: serial.saturating_sub(1),
            });
        }
        Ok(())
    }
}

/// Reads a state from the text of its file. `place` names the file in errors.
pub fn read(
    text: &[u8],
    place: &str,
    types: &dyn Types,
    codec: &SecretCodec,
    options: ReadOptions,
) -> Result<ReadState, StateError> {
    let text = std::str::from_utf8(text).map_err(|e| {
        let valid = std::str::from_utf8(&text[..e.valid_up_to()]).unwrap_or_default();
        corrupt(place, valid, valid.len(), "this is not UTF-8 text")
    })?;
    if text.trim().is_empty() {
        return Err(corrupt(place, text, 0, "the file is empty"));
    }
    let header = read_header(text.as_bytes(), place)?;
    match header.version {
        // A version 2 will read version 1 through an upgrade of its structs.
        Some(1) => v1::read(text, place, types, codec, options),
        Some(0) | None => {
            // Without a version the document may be broken before it.
            serde_json::from_str::<IgnoredAny>(text).map_err(|e| syntax(place, &e))?;
            Err(corrupt(place, text, 0, "it does not say its `version`"))
        }
        Some(found) => Err(StateError::NewerFormat {
            place: place.to_owned(),
            found,
            known: VERSION,
        }),
    }
}

/// Writes a state as the snapshot `serial`. The same state gives the same bytes.
pub fn write(
    out: impl Write,
    state: &State,
    serial: u64,
    place: &str,
    types: &dyn Types,
    codec: &SecretCodec,
) -> Result<(), StateError> {
    let sealer = Sealer::new(codec, &state.lineage);
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    v1::write(&mut out, state, serial, types, &sealer)
        .and_then(|()| out.flush().map_err(serde_json::Error::io))
        .map_err(|e| write_error(place, e, &sealer))
}

/// Turns a failure to serialise into what caused it.
pub(crate) fn write_error(place: &str, error: serde_json::Error, sealer: &Sealer<'_>) -> StateError {
    if let Some(why) = sealer.take_failure() {
        return StateError::SecretKey {
            place: place.to_owned(),
            why,
        };
    }
    if error.is_io() {
        return StateError::Unwritable {
            place: place.to_owned(),
            why: error.into(),
        };
    }
    StateError::Unwritten {
        place: place.to_owned(),
        why: error.to_string(),
    }
}

/// Reads the beginning of a document, until lineage and serial are known.
pub(crate) fn read_header(text: impl Read, place: &str) -> Result<Header, StateError> {
    let found = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_reader(text);
    let read = serde::Deserializer::deserialize_map(&mut deserializer, HeaderVisitor(&found));
    let header: Header = match (found.take(), read) {
        // The visitor stops early, which the parser takes for an error.
        (Some(header), _) => header,
        (None, Err(e)) => return Err(syntax(place, &e)),
        (None, Ok(())) => unreachable!("the visitor always leaves a header"),
    };
    if header.format.as_deref() == Some(FORMAT) {
        return Ok(header);
    }
    Err(StateError::Foreign {
        place: place.to_owned(),
        what: match (header.foreign, &header.format) {
            (Some(what), _) => what.to_owned(),
            (None, Some(format)) => format!("its format is `{format}`"),
            (None, None) => "it does not say its `format`".to_owned(),
        },
    })
}

struct HeaderVisitor<'h>(&'h Cell<Option<Header>>);

impl<'de> Visitor<'de> for HeaderVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a state")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut header = Header::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "format" => header.format = map.next_value::<Value>()?.as_str().map(str::to_owned),
                "version" => header.version = map.next_value::<Value>()?.as_u64(),
                "lineage" => header.lineage = map.next_value::<Value>()?.as_str().map(str::to_owned),
                "serial" => header.serial = map.next_value::<Value>()?.as_u64(),
                "terraform_version" => {
                    header.foreign = Some("it is a state of Terraform or OpenTofu");
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if header.format.is_some() && header.version.is_some_and(|v| v > VERSION) {
                break;
            }
            let all = header.format.is_some() && header.version.is_some();
            if all && header.lineage.is_some() && header.serial.is_some() {
                break;
            }
        }
        self.0.set(Some(header));
        Ok(())
    }
}

/// Makes the error for a text that is wrong at a byte.
pub(crate) fn corrupt(place: &str, text: &str, at: usize, why: impl Into<String>) -> StateError {
    let (line, column) = position(text, at);
    StateError::Corrupt {
        place: place.to_owned(),
        line,
        column,
        why: why.into(),
    }
}

/// Makes the error for a text that is not JSON, or not of the right shape.
pub(crate) fn syntax(place: &str, error: &serde_json::Error) -> StateError {
    if let Some(kind) = error.io_error_kind() {
        return StateError::Unreadable {
            place: place.to_owned(),
            why: kind.into(),
        };
    }
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
    StateError::Corrupt {
        place: place.to_owned(),
        line: error.line(),
        column: error.column(),
        why: why.to_owned(),
    }
}
