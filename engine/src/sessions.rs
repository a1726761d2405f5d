//! The configured providers of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use infra_providers::{Session, SessionOptions};
use infra_types::{ModulePath, Str};

use crate::config::ProviderKey;

/// Which provider configuration: the module its block stands in, name and alias.
///
/// Written into the state as text: `aws`, `aws.west`, `module.net/aws`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderRef {
    /// The module with the `provider` block (the root for the default).
    pub module: ModulePath,
    /// Name and alias.
    pub key: ProviderKey,
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}/", self.module)?;
        }
        self.key.fmt(f)
    }
}

impl ProviderRef {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<ProviderRef> {
        let (module, key) = match text.rsplit_once('/') {
            Some((module, key)) => (module, key),
            None => ("", text),
        };
        let mut names: Vec<Str> = Vec::new();
        if !module.is_empty() {
            let mut parts = module.split('.');
            while let Some(word) = parts.next() {
                if word != "module" {
                    return None;
                }
                names.push(parts.next()?.into());
            }
        }
        let (name, alias) = match key.split_once('.') {
            Some((name, alias)) => (name, Some(alias.into())),
            None => (key, None),
        };
        if name.is_empty() {
            return None;
        }
        Some(ProviderRef {
            module: names.into(),
            key: ProviderKey {
                name: name.into(),
                alias,
            },
        })
    }
}

/// The sessions of a run, by provider configuration.
#[derive(Clone, Default)]
pub struct Sessions {
    sessions: BTreeMap<ProviderRef, Option<Arc<dyn Session>>>,
    options: SessionOptions,
}

impl Sessions {
    /// Creates an empty set.
    pub fn new(options: SessionOptions) -> Self {
        Self {
            sessions: BTreeMap::new(),
            options,
        }
    }

    /// Returns what providers are told.
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// Adds a session.
    pub fn add(&mut self, provider: ProviderRef, session: Arc<dyn Session>) {
        self.sessions.insert(provider, Some(session));
    }

    /// Remembers that a provider could not be configured, which was reported.
    pub fn set_failed(&mut self, provider: ProviderRef) {
        self.sessions.insert(provider, None);
    }

    /// Says whether configuring was tried.
    pub fn is_settled(&self, provider: &ProviderRef) -> bool {
        self.sessions.contains_key(provider)
    }

    /// Returns a session.
    pub fn get(&self, provider: &ProviderRef) -> Option<Arc<dyn Session>> {
        self.sessions.get(provider)?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips() {
        for text in ["aws", "aws.west", "module.a.module.b/aws.x"] {
            assert_eq!(ProviderRef::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(ProviderRef::parse(""), None);
        assert_eq!(ProviderRef::parse("a.b/aws"), None);
    }
}
