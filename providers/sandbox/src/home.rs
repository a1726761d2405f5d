//! Where the sandbox keeps its environment, its log and the record of what runs.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::SandboxError;
use crate::error::Doing;

/// The folder of one sandbox. Each folder has at most one shared sandbox running.
#[derive(Clone, Debug)]
pub struct SandboxHome {
    path: PathBuf,
    python: Option<PathBuf>,
}

impl SandboxHome {
    /// Uses the given folder, which is made when needed.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            python: None,
        }
    }

    /// Uses the user's cache folder: `INFRA_CACHE_DIR`, else the system's usual place.
    #[must_use]
    pub fn default_location() -> Self {
        Self::at(cache_folder().join("sandbox"))
    }

    /// Uses a folder beside the build's results, so that tests share one environment.
    ///
    /// A fresh machine sets it up by itself the first time, and `cargo clean` removes it.
    #[must_use]
    pub fn for_tests() -> Self {
        Self::at(target_folder().join("infra-sandbox"))
    }

    /// Uses this Python interpreter instead of looking for one.
    #[must_use]
    pub fn with_python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the interpreter that must be used, if one was named.
    pub(crate) fn python(&self) -> Option<PathBuf> {
        let named = env::var_os("INFRA_PYTHON").filter(|value| !value.is_empty());
        self.python.clone().or_else(|| named.map(PathBuf::from))
    }

    /// Returns the log of the shared sandbox.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.path.join("sandbox.log")
    }

    /// Returns the record that the shared sandbox writes about itself.
    pub(crate) fn record_file(&self) -> PathBuf {
        self.path.join("sandbox.json")
    }

    /// Makes the folder.
    pub(crate) fn create(&self) -> Result<(), SandboxError> {
        fs::create_dir_all(&self.path).doing(|| format!("make {}", self.path.display()))
    }

    /// Waits for the named lock; it is released when the file is dropped.
    pub(crate) fn lock(&self, name: &str, waiting: &mut dyn FnMut()) -> Result<File, SandboxError> {
        self.create()?;
        let path = self.path.join(name);
        let doing = || format!("lock {}", path.display());
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .doing(doing)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().doing(doing)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).doing(doing),
        }
        Ok(file)
    }
}

/// Returns the folder for what can be made again.
fn cache_folder() -> PathBuf {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = env::var_os("INFRA_CACHE_DIR").filter(|value| !value.is_empty()) {
        return PathBuf::from(folder);
    }
    if let Some(folder) = absolute("XDG_CACHE_HOME") {
        return folder.join("infra");
    }
    let home = env::home_dir().unwrap_or_else(env::temp_dir);
    if cfg!(target_os = "macos") {
        home.join("Library/Caches/infra")
    } else {
        home.join(".cache/infra")
    }
}

/// Returns the folder that cargo builds into, found from the running test.
fn target_folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    if let Some(folder) = marked {
        return folder.to_path_buf();
    }
    let deps = program.ancestors().find(|folder| folder.ends_with("deps"));
    if let Some(folder) = deps.and_then(|deps| deps.ancestors().nth(2)) {
        return folder.to_path_buf();
    }
    env::var_os("CARGO_TARGET_DIR").map_or_else(env::temp_dir, PathBuf::from)
}
