//! Source files in memory.

use std::collections::{BTreeMap, BTreeSet};

use infra_engine::config::loader::normalise;
use infra_engine::config::{LoadError, SourceLoader};

/// Source files in memory, by path.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    files: BTreeMap<String, Vec<u8>>,
    dirs: BTreeSet<String>,
}

impl MemoryLoader {
    /// Creates a loader without files; only the folder `.` is there.
    pub fn new() -> Self {
        MemoryLoader {
            files: BTreeMap::new(),
            dirs: [".".to_owned()].into(),
        }
    }

    /// Adds a file, and the folders above it.
    pub fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.add(path, text);
        self
    }

    /// Adds a file, and the folders above it.
    pub fn add(&mut self, path: &str, text: impl Into<Vec<u8>>) {
        let path = normalise(path);
        let mut dir = path.as_str();
        while let Some((above, _)) = dir.rsplit_once('/') {
            self.dirs.insert(above.to_owned());
            dir = above;
        }
        self.files.insert(path, text.into());
    }
}

impl<P: AsRef<str>, T: Into<Vec<u8>>> FromIterator<(P, T)> for MemoryLoader {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        let mut loader = MemoryLoader::new();
        for (path, text) in files {
            loader.add(path.as_ref(), text);
        }
        loader
    }
}

impl SourceLoader for MemoryLoader {
    fn list(&self, dir: &str) -> Result<Vec<String>, LoadError> {
        if !self.exists_dir(dir) {
            return Err(LoadError("it does not exist".into()));
        }
        let dir = normalise(dir);
        let inside = |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
            (folder == dir).then(|| name.to_owned())
        };
        Ok(self.files.keys().filter_map(|path| inside(path)).collect())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.files
            .get(&normalise(path))
            .cloned()
            .ok_or_else(|| LoadError("it does not exist".into()))
    }

    fn exists_dir(&self, dir: &str) -> bool {
        self.dirs.contains(&normalise(dir))
    }
}
