//! What can go wrong in a provider.

use std::fmt;

use infra_types::{Path, Value};

/// The kind of a failure: decides whether trying again makes sense, and what to advise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// May succeed when tried again.
    Retryable,
    /// The service asks to slow down.
    Throttled,
    /// The object does not exist.
    NotFound,
    /// The object is in the way, in use, or in another state than needed.
    Conflict,
    /// The caller may not do this.
    Denied,
    /// The request is wrong.
    Invalid,
    /// No or unusable credentials.
    Credentials,
    /// The service could not be reached.
    Unreachable,
    /// A wait took longer than allowed.
    Timeout,
    /// The service (or a local fake) does not offer this operation.
    Unsupported,
    /// Anything else.
    Other,
}

/// A failure, told so that a user can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What could not be done, and why, in one line.
    pub message: String,
    /// The operation, such as `CreateVpc`.
    pub operation: Option<String>,
    /// The service's error code, such as `InvalidVpcID.NotFound`.
    pub code: Option<String>,
    /// The service's request id.
    pub request_id: Option<String>,
    /// The attribute it is about.
    pub path: Option<Path>,
    /// What to do.
    pub help: Option<String>,
    /// Further lines: events, stop reasons, what holds the object.
    pub details: Vec<String>,
}

impl ProviderError {
    /// Creates an error.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            operation: None,
            code: None,
            request_id: None,
            path: None,
            help: None,
            details: Vec::new(),
        }
    }

    /// Sets the attribute it is about.
    pub fn at(mut self, path: Path) -> Self {
        self.path = Some(path);
        self
    }

    /// Sets what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a line.
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Says whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let context: Vec<String> = [
            self.operation.clone(),
            self.code.clone(),
            self.request_id.as_ref().map(|id| format!("request {id}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !context.is_empty() {
            write!(f, " ({})", context.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for ProviderError {}

/// A failed create, update or delete.
///
/// INVARIANT: when the operation left an object behind or changed one,
/// `object` holds its attributes as far as known, so that the state never
/// forgets it. After a failed create such an object is tainted.
#[derive(Clone, Debug)]
pub struct ApplyError {
    /// The failure.
    pub error: ProviderError,
    /// What exists now.
    pub object: Option<Value>,
}

impl From<ProviderError> for ApplyError {
    fn from(error: ProviderError) -> Self {
        Self { error, object: None }
    }
}

/// A finding about a configuration value, before anything is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the block.
    pub path: Path,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether it only warns.
    pub warning: bool,
}

impl Problem {
    /// Creates an error about an attribute.
    pub fn new(path: Path, message: impl Into<String>) -> Self {
        Self {
            path,
            message: message.into(),
            help: None,
            warning: false,
        }
    }

    /// Sets what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
