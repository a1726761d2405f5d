//! Files and clock for functions, from the operating system.

use std::fs;
use std::path::{Path, PathBuf};

use infra_engine::eval::{Host, HostError};

/// The operating system, seen from the working folder.
#[derive(Clone, Debug)]
pub(crate) struct SystemHost {
    working_folder: PathBuf,
    /// Whether values that only exist while applying (`timestamp()`) are known.
    applying: bool,
    plan_timestamp: String,
}

impl SystemHost {
    /// For planning at a time (RFC 3339).
    pub(crate) fn planning(timestamp: &str) -> Self {
        Self {
            working_folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            applying: false,
            plan_timestamp: timestamp.to_owned(),
        }
    }

    /// For applying a plan made at a time.
    pub(crate) fn applying(timestamp: &str) -> Self {
        Self {
            applying: true,
            ..Self::planning(timestamp)
        }
    }
}

/// Returns the present time as RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

fn error(path: &str, e: &std::io::Error) -> HostError {
    HostError(match e.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file `{path}`"),
        std::io::ErrorKind::PermissionDenied => format!("`{path}` may not be read"),
        _ => format!("`{path}` cannot be read: {e}"),
    })
}

/// Collects the files below a folder; does not follow links to folders, so it ends.
fn collect(folder: &Path, prefix: &str, out: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), out)?;
        } else if kind.is_file() || fs::metadata(entry.path()).is_ok_and(|m| m.is_file()) {
            out.push(path);
        }
    }
    Ok(())
}

impl Host for SystemHost {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        fs::read(path).map_err(|e| error(path, &e))
    }

    fn file_exists(&self, path: &str) -> Result<bool, HostError> {
        match fs::metadata(path) {
            Ok(m) if m.is_dir() => Err(HostError(format!("`{path}` is a folder, not a file"))),
            Ok(_) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(error(path, &e)),
        }
    }

    fn list_files(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let mut out = Vec::new();
        match collect(Path::new(folder), "", &mut out) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(error(folder, &e)),
        }
        out.sort();
        Ok(out)
    }

    fn absolute_path(&self, path: &str) -> String {
        let joined = self.working_folder.join(path);
        infra_engine::config::loader::normalise(&joined.to_string_lossy())
    }

    fn home(&self) -> Option<String> {
        std::env::home_dir().map(|h| h.to_string_lossy().into_owned())
    }

    fn timestamp(&self) -> Option<String> {
        self.applying.then(now)
    }

    fn plan_timestamp(&self) -> Option<String> {
        Some(self.plan_timestamp.clone())
    }

    fn uuid(&self) -> Option<String> {
        self.applying.then(|| uuid::Uuid::new_v4().to_string())
    }
}
