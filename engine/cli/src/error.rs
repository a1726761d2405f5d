//! Failures of commands, and exit codes.

use std::sync::Arc;

use infra_syntax::{Diagnostic, Diagnostics, Sources};

/// Success; with `--detailed-exitcode` also: no changes.
pub(crate) const SUCCESS: u8 = 0;
/// An error.
pub(crate) const ERROR: u8 = 1;
/// With `--detailed-exitcode`: there are changes.
pub(crate) const CHANGES: u8 = 2;
/// An acknowledgement is needed and nobody can give it.
pub(crate) const ACKNOWLEDGE: u8 = 3;
/// The plan differs from the one that was reviewed.
pub(crate) const DIFFERS: u8 = 4;
/// Wrong usage.
pub(crate) const USAGE: u8 = 64;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong; nothing if it has been shown already.
    pub diagnostics: Diagnostics,
    /// The texts that the diagnostics point into.
    pub sources: Arc<Sources>,
    code: u8,
}

impl Failure {
    /// A failure with diagnostics that point into sources.
    pub(crate) fn new(diagnostics: impl Into<Diagnostics>, sources: Arc<Sources>) -> Self {
        Self {
            diagnostics: diagnostics.into(),
            sources,
            code: ERROR,
        }
    }

    /// A failure that was shown already.
    pub(crate) fn shown(code: u8) -> Self {
        Self {
            diagnostics: Diagnostics::new(),
            sources: Arc::default(),
            code,
        }
    }

    /// Sets the exit code.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl From<Diagnostic> for Failure {
    fn from(d: Diagnostic) -> Self {
        Failure::new(d, Arc::default())
    }
}

impl From<infra_state::StateError> for Failure {
    fn from(error: infra_state::StateError) -> Self {
        let mut d = Diagnostic::error(error.code(), error.to_string());
        d.help = error.help();
        d.into()
    }
}

impl From<infra_sandbox::SandboxError> for Failure {
    fn from(error: infra_sandbox::SandboxError) -> Self {
        Diagnostic::error("infra::sandbox::failed", error.to_string())
            .help(error.help())
            .into()
    }
}

/// A file that could not be read or written.
pub(crate) fn file_error(what: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound if what == "write" => "there is no such folder".to_owned(),
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    Diagnostic::error("infra::cli::file", format!("cannot {what} `{}`: {why}", path.display()))
        .help("check the path and its permissions")
        .into()
}
