//! Finds a Python interpreter that can run the sandbox.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::SandboxError;

/// The oldest Python that the pinned packages support.
pub(crate) const OLDEST_PYTHON: (u32, u32) = (3, 10);

const USUAL_NAMES: [&str; 7] = [
    "python3",
    "python",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];

/// Prints the version, and whether virtual environments can be made.
const PROBE: &str = "
import sys
from importlib.util import find_spec
print(*sys.version_info[:3], sys.implementation.name, all(map(find_spec, ('venv', 'ensurepip'))))
";

/// A Python interpreter that can make virtual environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    pub(crate) command: PathBuf,
    /// Its name and version, as in `cpython 3.11.7`.
    pub(crate) version: String,
}

struct Probe {
    version: (u32, u32, u32),
    implementation: String,
    has_venv: bool,
}

/// Returns the interpreter named, or the first usual one that is good enough.
pub(crate) fn find(named: Option<&Path>) -> Result<Python, SandboxError> {
    let candidates: Vec<PathBuf> = match named {
        Some(path) => vec![path.to_path_buf()],
        None => USUAL_NAMES.iter().map(PathBuf::from).collect(),
    };
    let mut nearest = None;
    for command in &candidates {
        match check(command) {
            Ok(python) => return Ok(python),
            Err(None) => {}
            Err(Some(error)) => {
                nearest.get_or_insert(error);
            }
        }
    }
    Err(nearest.unwrap_or_else(|| SandboxError::PythonMissing {
        tried: candidates.iter().map(|path| format!("`{}`", path.display())).collect(),
    }))
}

/// Returns why a command is not good enough; `None` when it is not there at all.
fn check(command: &Path) -> Result<Python, Option<SandboxError>> {
    let probe = probe(command).ok_or(None)?;
    let (major, minor, patch) = probe.version;
    let version = format!("{major}.{minor}.{patch}");
    let name = command.display().to_string();
    if (major, minor) < OLDEST_PYTHON {
        let error = SandboxError::PythonTooOld { python: name, version };
        return Err(Some(error));
    }
    if !probe.has_venv {
        return Err(Some(SandboxError::VenvMissing { python: name }));
    }
    Ok(Python {
        command: command.to_path_buf(),
        version: format!("{} {version}", probe.implementation),
    })
}

/// Asks a command what it is.
fn probe(command: &Path) -> Option<Probe> {
    let output = Command::new(command)
        .args(["-I", "-c", PROBE])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    parse_probe(std::str::from_utf8(&output.stdout).ok()?)
}

fn parse_probe(text: &str) -> Option<Probe> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [major, minor, patch, implementation, has_venv] = words.as_slice() else {
        return None;
    };
    Some(Probe {
        version: (major.parse().ok()?, minor.parse().ok()?, patch.parse().ok()?),
        implementation: (*implementation).to_owned(),
        has_venv: *has_venv == "True",
    })
}

#[cfg(test)]
mod tests {
    use super::{find, parse_probe};
    use crate::SandboxError;
    use std::path::Path;

    #[test]
    fn a_named_python_that_is_missing_is_said() {
        let error = find(Some(Path::new("/nowhere/python"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the sandbox needs Python 3, which was not found (tried `/nowhere/python`)"
        );
    }

    #[test]
    fn a_program_that_is_no_python_is_missing_too() {
        let error = find(Some(Path::new("true"))).unwrap_err();
        assert!(matches!(error, SandboxError::PythonMissing { .. }), "{error}");
    }

    #[test]
    fn probes_are_read() {
        let probe = parse_probe("3 9 18 cpython False\n").unwrap();
        assert_eq!(probe.version, (3, 9, 18));
        assert!(!probe.has_venv);
        assert!(parse_probe("Python 2.7").is_none());
    }
}
