//! The record of a running sandbox, and what can be asked of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::SandboxError;
use crate::http::{self, Answer};

/// How long an answer about the sandbox itself may take.
const SOON: Duration = Duration::from_secs(2);
/// How long a request may take; a server that is still loading answers late.
const LATER: Duration = Duration::from_secs(60);

/// A running sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The address for AWS clients, as in `http://127.0.0.1:5566`.
    pub endpoint: String,
    /// The port it listens on.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// Who it is; a reset or a restart changes it, for then everything in it is gone.
    pub identity: String,
}

/// What the launcher says about itself, over HTTP and in the record file.
#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    pub(crate) port: u16,
    pub(crate) pid: u32,
    pub(crate) identity: String,
    #[serde(default)]
    pub(crate) ready: bool,
}

impl From<Description> for Sandbox {
    fn from(description: Description) -> Self {
        Self {
            endpoint: format!("http://127.0.0.1:{}", description.port),
            port: description.port,
            pid: description.pid,
            identity: description.identity,
        }
    }
}

/// Reads the record file; a missing or damaged one means that nothing is known.
pub(crate) fn read_record(path: &Path) -> Option<Description> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Asks whoever listens on a port whether it is a sandbox.
pub(crate) fn ask(port: u16) -> Option<Description> {
    let answer = http::request(port, "GET", "/_test/identity", b"", SOON).ok()?;
    (answer.status == 200).then_some(())?;
    serde_json::from_slice(&answer.body).ok()
}

impl Sandbox {
    /// Returns the identity it has now, or `None` when it does not answer.
    #[must_use]
    pub fn current_identity(&self) -> Option<String> {
        Some(ask(self.port)?.identity)
    }

    /// Empties it. It has a new identity afterwards.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer.
    pub fn reset(&mut self) -> Result<(), SandboxError> {
        let answer = self.post("/moto-api/reset", b"")?;
        let identity = answer.get("identity").and_then(Value::as_str);
        self.identity = identity.ok_or_else(|| refused("no identity after a reset"))?.to_owned();
        Ok(())
    }

    /// Asks for a `fault`, a `settle`ing time or the `log`, as the launcher describes.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer or refuses the request.
    pub fn control(&self, what: &str, request: Option<&Value>) -> Result<Value, SandboxError> {
        let body = request.map(Value::to_string).unwrap_or_default();
        self.post(&format!("/_test/{what}"), body.as_bytes())
    }

    fn post(&self, path: &str, body: &[u8]) -> Result<Value, SandboxError> {
        let Answer { status, body } = http::request(self.port, "POST", path, body, LATER)
            .map_err(|error| refused(&format!("{path}: {error}")))?;
        if status != 200 {
            return Err(refused(String::from_utf8_lossy(&body).trim()));
        }
        serde_json::from_slice(&body).map_err(|error| refused(&format!("{path}: {error}")))
    }
}

fn refused(reason: &str) -> SandboxError {
    SandboxError::Refused {
        reason: reason.to_owned(),
    }
}
