//! What was typed in earlier sessions.
//!
//! A file of the user's own, one entry per line as a JSON string. History is a
//! convenience: whatever fails here is ignored.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use infra_syntax::tokens::{self, Kind};

/// How many entries are remembered.
pub(super) const MAX_ENTRIES: usize = 1000;

/// The file with the entries, if the user has a folder for it.
pub(super) struct History {
    file: Option<PathBuf>,
}

impl History {
    /// The history of the user.
    pub(super) fn of_user() -> Self {
        Self {
            file: state_folder().map(|folder| folder.join("infra").join("console-history")),
        }
    }

    /// Returns the last entries, the oldest first.
    pub(super) fn load(&self) -> Vec<String> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let Ok(bytes) = fs::read(file) else {
            return Vec::new();
        };
        let mut entries: Vec<String> = bytes
            .split(|b| *b == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        let old = entries.len().saturating_sub(MAX_ENTRIES);
        entries.drain(..old);
        if old > MAX_ENTRIES {
            let _ = rewrite(file, &entries);
        }
        entries
    }

    /// Remembers an entry, unless it may hold a secret.
    pub(super) fn add(&self, entry: &str) {
        if let Some(file) = &self.file
            && is_recorded(entry)
        {
            let _ = append(file, entry);
        }
    }
}

/// Says whether an entry may be kept: not one that begins with a space, and
/// none that marks something as a secret.
pub(super) fn is_recorded(entry: &str) -> bool {
    if entry.starts_with(char::is_whitespace) {
        return false;
    }
    let words: Vec<_> = tokens::expression(entry)
        .tokens
        .into_iter()
        .filter(|t| !matches!(t.kind, Kind::Newline | Kind::Comment))
        .collect();
    !words
        .windows(2)
        .any(|w| &entry[w[0].start..w[0].end] == "sensitive" && &entry[w[1].start..w[1].end] == "(")
}

fn append(file: &Path, entry: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    let mut file = open_private(&mut options, file)?;
    let line = serde_json::Value::from(entry);
    file.write_all(format!("{line}\n").as_bytes())
}

/// Writes the file anew, in place of the old one.
fn rewrite(file: &Path, entries: &[String]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    for entry in entries {
        writeln!(new, "{}", serde_json::Value::from(entry.as_str()))?;
    }
    new.persist(file)?;
    Ok(())
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

/// Opens a file that only the user may read, whatever it was before.
#[cfg(unix)]
fn open_private(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = options.mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    options.open(path)
}

/// Returns the folder for what programs remember, as the platform has it.
fn state_folder() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    if cfg!(windows) {
        return var("LOCALAPPDATA");
    }
    if let Some(folder) = var("XDG_STATE_HOME") {
        return Some(folder);
    }
    let home = var("HOME")?;
    Some(if cfg!(target_os = "macos") {
        home.join("Library").join("Application Support")
    } else {
        home.join(".local").join("state")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(folder: &tempfile::TempDir) -> History {
        History {
            file: Some(folder.path().join("a/b/history")),
        }
    }

    #[test]
    fn entries_come_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let history = history(&folder);
        assert_eq!(history.load(), Vec::<String>::new());
        for entry in ["1 + 1", "[\n  1,\n]", "\"ü\\n\""] {
            history.add(entry);
        }
        assert_eq!(history.load(), ["1 + 1", "[\n  1,\n]", "\"ü\\n\""]);
    }

    #[test]
    fn what_may_be_secret_is_not_recorded() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let history = history(&folder);
        for entry in [
            " \"hunter2\"",
            "\t1",
            "sensitive(\"hunter2\")",
            "{ a = sensitive /* */ (\n1) }",
            "\"${sensitive(\"x\")}\"",
        ] {
            history.add(entry);
        }
        assert_eq!(history.load(), Vec::<String>::new());
        assert!(is_recorded("var.sensitive"));
        assert!(is_recorded("\"sensitive(\""));
    }

    #[test]
    fn old_entries_go() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let history = history(&folder);
        history.add("first");
        let file = history.file.clone().expect("it has one");
        let more: String = (0..=2 * MAX_ENTRIES).map(|i| format!("\"{i}\"\nrubbish\n")).collect();
        fs::write(&file, more).expect("it can be written");
        let entries = history.load();
        assert_eq!(entries.len(), MAX_ENTRIES);
        assert_eq!(entries[0], (MAX_ENTRIES + 1).to_string());
        let lines = fs::read_to_string(&file).expect("it can be read").lines().count();
        assert_eq!(lines, MAX_ENTRIES);
        history.add("last");
        assert_eq!(history.load().last().map(String::as_str), Some("last"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let history = history(&folder);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let file = history.file.clone().expect("it has one");
        history.add("1");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("it is in a folder")), 0o700);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
        history.add("2");
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_failure() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let history = History {
            file: Some(file.path().join("history")),
        };
        history.add("1");
        assert_eq!(history.load(), Vec::<String>::new());
    }
}
