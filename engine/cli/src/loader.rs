//! Source files from the file system.

use std::fs;

use infra_engine::config::{LoadError, SourceLoader};

/// Reads from the file system; relative paths are relative to the working folder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileLoader;

fn error(e: &std::io::Error) -> LoadError {
    LoadError(match e.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => e.to_string(),
    })
}

impl SourceLoader for FileLoader {
    fn list(&self, dir: &str) -> Result<Vec<String>, LoadError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(|e| error(&e))? {
            let entry = entry.map_err(|e| error(&e))?;
            let is_file = fs::metadata(entry.path()).is_ok_and(|m| m.is_file());
            if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        fs::read(path).map_err(|e| error(&e))
    }

    fn exists_dir(&self, dir: &str) -> bool {
        fs::metadata(dir).is_ok_and(|m| m.is_dir())
    }
}
