//! What can go wrong with the sandbox, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::python::OLDEST_PYTHON;

/// A failure of the sandbox, told so that a user can act on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No Python interpreter was found.
    #[error("the sandbox needs Python 3, which was not found (tried {})", tried.join(", "))]
    PythonMissing {
        /// The commands that were tried.
        tried: Vec<String>,
    },
    /// Only interpreters that are too old were found.
    #[error("the sandbox needs Python {}.{} or newer, but `{python}` is {version}", OLDEST_PYTHON.0, OLDEST_PYTHON.1)]
    PythonTooOld {
        /// The command that was found.
        python: String,
        /// Its version.
        version: String,
    },
    /// Python cannot make virtual environments.
    #[error("`{python}` cannot make a virtual environment: its `venv` or `ensurepip` module is missing")]
    VenvMissing {
        /// The command that was found.
        python: String,
    },
    /// The virtual environment could not be made, or its packages not installed.
    #[error("the sandbox's Python packages could not be installed:\n{tail}")]
    InstallFailed {
        /// The end of the installer's output.
        tail: String,
    },
    /// A package differs from the one that was pinned.
    #[error("a downloaded Python package is not the pinned one, so it was not installed:\n{tail}")]
    HashMismatch {
        /// The end of the installer's output.
        tail: String,
    },
    /// Another program uses the port.
    #[error("the sandbox cannot listen on 127.0.0.1:{port}: another program uses the port")]
    PortTaken {
        /// The port that was asked for.
        port: u16,
    },
    /// The sandbox runs already, on another port than the one asked for.
    #[error("the sandbox runs already, on port {running} and not on {wanted}")]
    RunsElsewhere {
        /// The port it listens on.
        running: u16,
        /// The port that was asked for.
        wanted: u16,
    },
    /// The launcher ended or did not answer in time.
    #[error("the sandbox did not start:\n{tail}")]
    DidNotStart {
        /// The end of its log.
        tail: String,
        /// The log, if it is kept.
        log: Option<PathBuf>,
    },
    /// No sandbox runs.
    #[error("the sandbox is not running")]
    NotRunning,
    /// The sandbox refused a request, or its answer was not understood.
    #[error("the sandbox did not do what it was asked: {reason}")]
    Refused {
        /// What it answered.
        reason: String,
    },
    /// A file could not be read or written, or a program not be run.
    #[error("could not {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl SandboxError {
    /// Returns what the user can do about it.
    #[must_use]
    pub fn help(&self) -> String {
        let (major, minor) = OLDEST_PYTHON;
        match self {
            Self::PythonMissing { .. } => {
                format!("Install Python {major}.{minor} or newer, or set INFRA_PYTHON to the path of one.")
            }
            Self::PythonTooOld { .. } => {
                format!("Install a newer Python, or set INFRA_PYTHON to the path of Python {major}.{minor} or newer.")
            }
            Self::VenvMissing { .. } => "Install Python's venv module (on Debian and Ubuntu: \
                `apt install python3-venv`), or set INFRA_PYTHON to a complete Python."
                .to_owned(),
            Self::InstallFailed { .. } => "A Python package index must be reachable the first time \
                the sandbox is used. pip's own configuration (its files and PIP_... variables) \
                is respected: set an index, a proxy or a certificate there, then try again."
                .to_owned(),
            Self::HashMismatch { .. } => "Do not use what was downloaded. Check that the package \
                index or mirror in pip's configuration serves unchanged packages; \
                `pip cache purge` removes a damaged local copy."
                .to_owned(),
            Self::PortTaken { port } => format!(
                "Stop the program that listens on port {port}, or ask for another port with \
                `infra sandbox start --port`; without --port, a free one is taken."
            ),
            Self::RunsElsewhere { running, .. } => {
                format!("Use the one on port {running}, or run `infra sandbox stop` first (its contents are lost).")
            }
            Self::DidNotStart { log, .. } => match log {
                Some(log) => format!(
                    "Its whole log is in {}. Deleting {} makes the next start install everything anew.",
                    log.display(),
                    log.parent().unwrap_or(log).display()
                ),
                None => "Deleting the sandbox's folder makes the next start install everything anew.".to_owned(),
            },
            Self::NotRunning => "Start it with `infra sandbox start`.".to_owned(),
            Self::Refused { .. } => "Restart it: `infra sandbox stop`, then `infra sandbox start`.".to_owned(),
            Self::Io { .. } => "Check that the folder exists, can be written and has room; \
                INFRA_CACHE_DIR names another one."
                .to_owned(),
        }
    }
}

/// Adds what was being done to an input or output error.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SandboxError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SandboxError> {
        self.map_err(|source| SandboxError::Io { doing: what(), source })
    }
}

/// Returns the last lines of a text, indented.
pub(crate) fn tail(text: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "  (it said nothing)".to_owned();
    }
    let from = lines.len().saturating_sub(LINES);
    let tail: Vec<String> = lines[from..].iter().map(|line| format!("  {line}")).collect();
    tail.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{SandboxError, tail};

    #[test]
    fn the_tail_is_the_end() {
        let text: String = (0..40).map(|n| format!("line {n}\n\n")).collect();
        let tail = tail(&text);
        assert!(tail.starts_with("  line 25\n"), "{tail}");
        assert!(tail.ends_with("  line 39"), "{tail}");
    }

    #[test]
    fn errors_say_what_and_what_to_do() {
        let error = SandboxError::PortTaken { port: 5566 };
        assert_eq!(
            error.to_string(),
            "the sandbox cannot listen on 127.0.0.1:5566: another program uses the port"
        );
        assert!(error.help().contains("--port"));
    }
}
