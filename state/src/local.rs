//! State in a file, with journal and lock beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::StateError;
use crate::file::{self, ReadState};
use crate::lock::{self, FileLock};
use crate::{Lock, LockInfo, ReadOptions, SecretCodec, State, StateBackend, Types};

/// The name of the state file in the folder of the root module.
pub const DEFAULT_FILE: &str = "infra.state.json";

/// A state file.
#[derive(Debug)]
pub struct LocalBackend {
    path: PathBuf,
    codec: SecretCodec,
    /// The journal while it is appended to, with its length.
    journal: Option<(File, u64)>,
}

impl LocalBackend {
    /// Keeps the state in a file.
    pub fn new(path: impl Into<PathBuf>, codec: SecretCodec) -> LocalBackend {
        let path = path.into();
        // A link is kept, and what it points to is replaced.
        let path = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => fs::canonicalize(&path).unwrap_or(path),
            _ => path,
        };
        LocalBackend {
            path,
            codec,
            journal: None,
        }
    }

    /// Keeps the state in the folder of the root module.
    pub fn in_folder(root: &Path, codec: SecretCodec) -> LocalBackend {
        LocalBackend::new(root.join(DEFAULT_FILE), codec)
    }

    /// Returns the path of the state file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the journal.
    pub fn journal_path(&self) -> PathBuf {
        self.beside(".journal")
    }

    /// Returns the path of the previous snapshot.
    pub fn backup_path(&self) -> PathBuf {
        self.beside(".backup")
    }

    /// Returns the path of the note.
    pub fn note_path(&self) -> PathBuf {
        self.beside(".approved")
    }

    /// Returns the path of the lock.
    pub fn lock_path(&self) -> PathBuf {
        self.beside(".lock")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(suffix);
        name.into()
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Returns how temporary files of this state begin.
    fn temp_prefix(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!(".{name}.tmp-")
    }

    /// Writes a file beside the state: wholly or not at all, and durably.
    fn replace(
        &self,
        path: &Path,
        before: impl FnOnce(&LocalBackend) -> io::Result<()>,
        write: impl FnOnce(&mut File) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let failed = unwritable(path);
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        fs::create_dir_all(self.folder()).map_err(&failed)?;
        let prefix = self.temp_prefix();
        let mut temp = tempfile::Builder::new()
            .prefix(&prefix)
            .tempfile_in(self.folder())
            .map_err(&failed)?;
        write(temp.as_file_mut())?;
        temp.as_file().sync_all().map_err(&failed)?;
        before(self).map_err(&failed)?;
        temp.persist(path).map_err(|e| failed(e.error))?;
        sync_folder(self.folder()).map_err(&failed)
    }

    /// Keeps the snapshot that is about to be replaced.
    fn back_up(&self) -> io::Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        // A link beside the state, then renamed: the backup is whole at any time.
        let spare = NamedTempFile::with_prefix_in(self.temp_prefix(), self.folder())?.into_temp_path();
        fs::remove_file(&spare)?;
        if fs::hard_link(&self.path, &spare).is_err() {
            fs::copy(&self.path, &spare)?;
            File::open(&spare)?.sync_all()?;
        }
        spare.persist(self.backup_path()).map_err(|e| e.error)
    }

    /// Removes temporary files that a killed run left behind. The lock must be held.
    fn remove_leftovers(&self) {
        let prefix = self.temp_prefix();
        let Ok(entries) = fs::read_dir(self.folder()) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // What cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn open_journal(&self) -> io::Result<(File, u64)> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.journal_path())?;
        sync_folder(self.folder())?;
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    fn append(&mut self, at: u64, text: &[u8]) -> io::Result<()> {
        if self.journal.is_none() {
            self.journal = Some(self.open_journal()?);
        }
        let (file, len) = self.journal.as_mut().expect("it was opened");
        if *len < at {
            return Err(io::Error::other("a part of the journal is gone"));
        }
        if *len > at {
            file.set_len(at)?;
        }
        // Until it is durable, its length is not to be relied on.
        *len = u64::MAX;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(text)?;
        file.sync_data()?;
        *len = at + text.len() as u64;
        Ok(())
    }
}

impl StateBackend for LocalBackend {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn codec(&self) -> &SecretCodec {
        &self.codec
    }

    fn read(&mut self, types: &dyn Types, options: ReadOptions) -> Result<Option<ReadState>, StateError> {
        match read_file(&self.path)? {
            Some(text) => file::read(&text, &self.place(), types, &self.codec, options).map(Some),
            None => Ok(None),
        }
    }

    fn write(&mut self, state: &State, serial: u64, types: &dyn Types) -> Result<(), StateError> {
        let place = self.place();
        if let Some(file) = open_file(&self.path)? {
            let header = file::read_header(io::BufReader::new(file), &place)?;
            header.check_successor(&place, &state.lineage, serial)?;
        }
        self.replace(&self.path, LocalBackend::back_up, |file| {
            file::write(file, state, serial, &place, types, &self.codec)
        })
    }

    fn lock(&mut self, info: LockInfo) -> Result<Box<dyn Lock>, StateError> {
        let path = self.lock_path();
        fs::create_dir_all(self.folder()).map_err(unwritable(&path))?;
        let lock = FileLock::acquire(&path, &self.place(), info)?;
        self.remove_leftovers();
        Ok(Box::new(lock))
    }

    fn lock_info(&mut self) -> Result<Option<LockInfo>, StateError> {
        let path = self.lock_path();
        lock::read_info_at(&path).map_err(unreadable(&path))
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        let path = self.lock_path();
        match self.lock_info()? {
            Some(info) if info.id == id => {
                fs::remove_file(&path).map_err(unwritable(&path))?;
                Ok(info)
            }
            found => Err(StateError::NoSuchLock {
                place: self.place(),
                id: id.to_owned(),
                found: found.map(Box::new),
            }),
        }
    }

    fn read_journal(&mut self) -> Result<Vec<u8>, StateError> {
        Ok(read_file(&self.journal_path())?.unwrap_or_default())
    }

    fn append_journal(&mut self, at: u64, text: &[u8]) -> Result<(), StateError> {
        let path = self.journal_path();
        fs::create_dir_all(self.folder()).map_err(unwritable(&path))?;
        self.append(at, text).map_err(unwritable(&path))
    }

    fn keep_note(&mut self, text: &[u8]) -> Result<(), StateError> {
        let path = self.note_path();
        if !text.is_empty() {
            let write = |file: &mut File| file.write_all(text).map_err(unwritable(&path));
            return self.replace(&path, |_| Ok(()), write);
        }
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unwritable(&path)(e)),
            _ => Ok(()),
        }
    }

    fn read_note(&mut self) -> Result<Vec<u8>, StateError> {
        Ok(read_file(&self.note_path())?.unwrap_or_default())
    }

    fn replace_journal(&mut self, text: &[u8]) -> Result<(), StateError> {
        self.journal = None;
        let path = self.journal_path();
        if !text.is_empty() {
            let write = |file: &mut File| file.write_all(text).map_err(unwritable(&path));
            return self.replace(&path, |_| Ok(()), write);
        }
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(self.folder()).map_err(unwritable(&path)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(unwritable(&path)(e)),
        }
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> StateError + use<> {
    let place = path.display().to_string();
    move |why| StateError::Unreadable {
        place: place.clone(),
        why,
    }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> StateError + use<> {
    let place = path.display().to_string();
    move |why| StateError::Unwritable {
        place: place.clone(),
        why,
    }
}

fn open_file(path: &Path) -> Result<Option<File>, StateError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path)(e)),
    }
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path)(e)),
    }
}

/// Makes changes of a folder's entries durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use infra_types::{InstanceAddr, InstanceKey, Value};

    use super::*;
    use crate::testing::codec;
    use crate::{InstanceState, NoTypes, ObjectState};

    fn backend(folder: &Path) -> LocalBackend {
        LocalBackend::in_folder(folder, codec())
    }

    fn state(name: &str) -> State {
        let mut state = State::new("l");
        let object = ObjectState::new("core", 0, Value::object([("id", Value::from(name))]));
        state.set_instance(
            InstanceAddr::root("t", name, InstanceKey::None),
            InstanceState::of(object),
        );
        state
    }

    fn read(backend: &mut LocalBackend) -> Option<State> {
        backend.read(&NoTypes, ReadOptions::default()).unwrap().map(|r| r.state)
    }

    fn files(folder: &Path) -> Vec<String> {
        let name = |e: io::Result<fs::DirEntry>| e.unwrap().file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_snapshot_replaces_the_one_before_and_keeps_it_as_backup() {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = backend(folder.path());
        assert_eq!(read(&mut backend), None);
        for (serial, name) in [(1, "a"), (2, "b"), (3, "c")] {
            backend.write(&state(name), serial, &NoTypes).unwrap();
        }
        let mut expected = state("c");
        expected.serial = 3;
        assert_eq!(read(&mut backend), Some(expected));
        assert_eq!(files(folder.path()), [DEFAULT_FILE, "infra.state.json.backup"]);
        let backup = fs::read_to_string(backend.backup_path()).unwrap();
        assert!(backup.contains("t.b"));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut backend = backend(folder.path());
        backend.write(&state("a"), 1, &NoTypes).unwrap();
        backend.write(&state("a"), 2, &NoTypes).unwrap();
        backend.append_journal(0, b"x").unwrap();
        let lock = backend.lock(LockInfo::new("apply")).unwrap();
        let names = files(folder.path());
        assert_eq!(names.len(), 4);
        for name in names {
            let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        drop(lock);
    }

    #[test]
    fn another_lineage_or_a_newer_serial_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = backend(folder.path());
        backend.write(&state("a"), 5, &NoTypes).unwrap();
        for serial in [4, 5] {
            let error = backend.write(&state("b"), serial, &NoTypes).unwrap_err();
            assert_eq!(error.code(), "infra::state::serial");
        }
        let mut other = state("b");
        other.lineage = "other".into();
        assert_eq!(
            backend.write(&other, 6, &NoTypes).unwrap_err().code(),
            "infra::state::lineage"
        );
        backend.write(&state("b"), 6, &NoTypes).unwrap();
    }

    #[test]
    fn refusals_of_the_disk_are_told_plainly() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(DEFAULT_FILE)).unwrap();
        let mut backend = backend(folder.path());
        let error = backend.read(&NoTypes, ReadOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with("it is a folder"), "{error}");
        let error = backend.write(&state("a"), 1, &NoTypes).unwrap_err();
        assert!(error.to_string().ends_with("it is a folder"), "{error}");

        fs::write(folder.path().join("file"), "").unwrap();
        let mut backend = LocalBackend::new(folder.path().join("file/state.json"), codec());
        let error = backend.write(&state("a"), 1, &NoTypes).unwrap_err();
        assert!(error.help().is_some(), "{error}");
    }

    #[test]
    fn a_full_disk_leaves_the_state_as_it_was() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let file = OpenOptions::new().write(true).open(full).unwrap();
        let error = file::write(file, &state("a"), 1, "s", &NoTypes, &codec()).unwrap_err();
        assert!(error.to_string().ends_with("the disk is full"), "{error}");
        assert!(error.help().unwrap().contains("is intact"));
    }

    #[test]
    fn a_damaged_state_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = backend(folder.path());
        fs::write(backend.path(), "{\"format\": \"infra-state\", ").unwrap();
        assert_eq!(
            backend.write(&state("a"), 1, &NoTypes).unwrap_err().code(),
            "infra::state::corrupt"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.json");
        let link = folder.path().join("link.json");
        backend(folder.path()).write(&state("a"), 1, &NoTypes).unwrap();
        fs::rename(folder.path().join(DEFAULT_FILE), &real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        LocalBackend::new(&link, codec())
            .write(&state("b"), 2, &NoTypes)
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains("t.b"));
    }

    #[test]
    fn leftovers_of_killed_runs_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = backend(folder.path());
        fs::write(folder.path().join(".infra.state.json.tmp-abc"), "x").unwrap();
        fs::write(folder.path().join(".other"), "x").unwrap();
        drop(backend.lock(LockInfo::new("apply")).unwrap());
        assert_eq!(files(folder.path()), [".other"]);
    }

    #[test]
    fn the_journal_is_cut_where_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = backend(folder.path());
        writer.append_journal(0, b"one\n").unwrap();
        writer.append_journal(4, b"two\ntorn").unwrap();
        let mut next = backend(folder.path());
        assert_eq!(next.read_journal().unwrap(), b"one\ntwo\ntorn");
        next.append_journal(8, b"x\n").unwrap();
        assert_eq!(next.read_journal().unwrap(), b"one\ntwo\nx\n");
        assert!(next.append_journal(99, b"x\n").is_err());
        next.replace_journal(b"rest\n").unwrap();
        next.append_journal(5, b"more\n").unwrap();
        assert_eq!(next.read_journal().unwrap(), b"rest\nmore\n");
        next.replace_journal(b"").unwrap();
        next.replace_journal(b"").unwrap();
        assert_eq!(next.read_journal().unwrap(), b"");
    }

    #[test]
    fn a_lock_can_be_removed_by_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = backend(folder.path());
        let mut two = backend(folder.path());
        assert_eq!(two.force_unlock("x").unwrap_err().code(), "infra::state::no_such_lock");
        let mut lock = one.lock(LockInfo::new("apply")).unwrap();
        let error = two.force_unlock("x").unwrap_err();
        assert!(error.help().unwrap().contains(&lock.info().id));
        two.force_unlock(&lock.info().id).unwrap();
        let _mine = two.lock(LockInfo::new("plan")).unwrap();
        assert_eq!(lock.check().unwrap_err().code(), "infra::state::lock_lost");
    }
}
