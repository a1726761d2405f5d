//! Locks: one run at a time changes a state.
//!
//! The lock of a file is a file beside it. It says who holds it, and for as long
//! as its owner lives, the operating system holds an advisory lock on it: when
//! that is free, the owner is dead and the lock is taken over at once. Where the
//! owner ran on another host, which advisory locks may not reach, its lease must
//! have expired too.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StateError;

/// How long a lease lasts that is not renewed.
pub const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// Who holds a lock, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockInfo {
    /// Identifies this lock.
    pub id: String,
    /// The user.
    pub user: String,
    /// The host.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// What it is held for: `plan`, `apply`, ….
    pub purpose: String,
    /// Since when it is held.
    pub created: Timestamp,
    /// Until when it is held if it is not renewed.
    pub expires: Timestamp,
}

impl LockInfo {
    /// A lock of this process, from now on.
    pub fn new(purpose: impl Into<String>) -> LockInfo {
        let now = Timestamp::now();
        LockInfo {
            id: uuid::Uuid::new_v4().to_string(),
            user: user_name(),
            host: host_name(),
            pid: std::process::id(),
            purpose: purpose.into(),
            created: now,
            expires: now + LEASE,
        }
    }

    /// Returns the owner as `user@host (process 1)`.
    pub fn owner(&self) -> String {
        format!("{}@{} (process {})", self.user, self.host, self.pid)
    }

    /// Says whether the lease has run out.
    pub fn is_expired(&self) -> bool {
        self.expires <= Timestamp::now()
    }
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} since {:.0} for `{}`", self.owner(), self.created, self.purpose)
    }
}

/// A lock that is held. Dropping it gives it back.
pub trait Lock: Send {
    /// Returns who holds it.
    fn info(&self) -> &LockInfo;

    /// Returns the dead owner it was taken over from.
    fn taken_over(&self) -> Option<&LockInfo>;

    /// Fails if the lock was taken away. Every write asks this first.
    fn check(&mut self) -> Result<(), StateError>;

    /// Extends the lease.
    fn renew(&mut self) -> Result<(), StateError>;

    /// Gives it back.
    fn release(self: Box<Self>) -> Result<(), StateError>;
}

/// The lock file, format 1.
#[derive(Serialize, Deserialize)]
struct LockFile {
    version: u64,
    id: String,
    user: String,
    host: String,
    pid: u32,
    purpose: String,
    created: String,
    expires: String,
}

impl LockFile {
    fn of(info: &LockInfo) -> LockFile {
        LockFile {
            version: 1,
            id: info.id.clone(),
            user: info.user.clone(),
            host: info.host.clone(),
            pid: info.pid,
            purpose: info.purpose.clone(),
            created: info.created.to_string(),
            expires: info.expires.to_string(),
        }
    }

    fn info(self) -> Option<LockInfo> {
        Some(LockInfo {
            created: self.created.parse().ok()?,
            expires: self.expires.parse().ok()?,
            id: self.id,
            user: self.user,
            host: self.host,
            pid: self.pid,
            purpose: self.purpose,
        })
    }
}

pub(crate) fn encode(info: &LockInfo) -> String {
    let mut text = serde_json::to_string_pretty(&LockFile::of(info)).expect("it is plain text and numbers");
    text.push('\n');
    text
}

pub(crate) fn decode(text: &[u8]) -> Option<LockInfo> {
    serde_json::from_slice::<LockFile>(text).ok()?.info()
}

/// The lock of a state file.
#[derive(Debug)]
pub(crate) struct FileLock {
    path: PathBuf,
    /// The state, for messages.
    place: String,
    /// Holds the advisory lock while it is open.
    file: File,
    info: LockInfo,
    taken_over: Option<LockInfo>,
    released: bool,
}

impl FileLock {
    /// Takes the lock `path` of the state `place`.
    pub(crate) fn acquire(path: &Path, place: &str, info: LockInfo) -> Result<FileLock, StateError> {
        let failed = |why| StateError::Unwritable {
            place: path.display().to_string(),
            why,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut file = open(path).map_err(failed)?;
            let owner = match file.try_lock() {
                Ok(()) if !is_at(&file, path) => {
                    // The last owner removed the file just now.
                    continue;
                }
                Ok(()) => {
                    let found = read_info(&mut file).map_err(failed)?;
                    match found {
                        Some(other) if other.host != info.host && !other.is_expired() => Some(other),
                        taken_over => {
                            write_info(&mut file, &info).map_err(failed)?;
                            return Ok(FileLock {
                                path: path.to_owned(),
                                place: place.to_owned(),
                                file,
                                info,
                                taken_over,
                                released: false,
                            });
                        }
                    }
                }
                Err(TryLockError::WouldBlock) => {
                    let owner = read_info_at(path).map_err(failed)?;
                    if owner.is_none() && attempts < 20 {
                        // Its owner is about to write it, or to remove it.
                        std::thread::sleep(Duration::from_millis(5));
                        continue;
                    }
                    owner
                }
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            };
            return Err(StateError::Locked {
                place: place.to_owned(),
                owner: owner.map(Box::new),
            });
        }
    }

    fn lost(&self, why: impl Into<String>) -> StateError {
        StateError::LockLost {
            place: self.place.clone(),
            why: why.into(),
        }
    }

    fn give_back(&mut self) -> Result<(), StateError> {
        if std::mem::replace(&mut self.released, true) {
            return Ok(());
        }
        if !is_at(&self.file, &self.path) {
            return Ok(());
        }
        // Removed while the advisory lock is still held, so nobody else has it.
        fs::remove_file(&self.path).map_err(|why| StateError::Unwritable {
            place: self.path.display().to_string(),
            why,
        })
    }
}

impl Lock for FileLock {
    fn info(&self) -> &LockInfo {
        &self.info
    }

    fn taken_over(&self) -> Option<&LockInfo> {
        self.taken_over.as_ref()
    }

    fn check(&mut self) -> Result<(), StateError> {
        if is_at(&self.file, &self.path) {
            return Ok(());
        }
        Err(match read_info_at(&self.path) {
            Ok(Some(other)) => self.lost(format!("it is now held by {other}")),
            _ => self.lost("it was removed"),
        })
    }

    fn renew(&mut self) -> Result<(), StateError> {
        self.check()?;
        self.info.expires = Timestamp::now() + LEASE;
        write_info(&mut self.file, &self.info).map_err(|why| StateError::Unwritable {
            place: self.path.display().to_string(),
            why,
        })
    }

    fn release(mut self: Box<Self>) -> Result<(), StateError> {
        self.give_back()
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A lock that stays behind is taken over by the next run.
        let _ = self.give_back();
    }
}

/// Returns what the lock file says; nothing if there is none.
pub(crate) fn read_info_at(path: &Path) -> io::Result<Option<LockInfo>> {
    match fs::read(path) {
        Ok(text) => Ok(decode(&text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn read_info(file: &mut File) -> io::Result<Option<LockInfo>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(decode(&text))
}

fn write_info(file: &mut File, info: &LockInfo) -> io::Result<()> {
    file.rewind()?;
    let text = encode(info);
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Says whether the open file is still the one at the path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Says whether the open file is still the one at the path.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn user_name() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .unwrap_or_else(|| "unknown".into())
}

fn host_name() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquire(path: &Path) -> Result<FileLock, StateError> {
        FileLock::acquire(path, "state", LockInfo::new("apply"))
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        let mut first = acquire(&path).unwrap();
        first.check().unwrap();
        first.renew().unwrap();
        let error = acquire(&path).unwrap_err();
        let StateError::Locked { owner: Some(owner), .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(owner.id, first.info.id);
        assert!(error.to_string().contains(&format!("(process {})", std::process::id())));
        assert!(error.to_string().contains("for `apply`"), "{error}");
        assert!(error.help().unwrap().contains(&format!("infra unlock {}", owner.id)));
        drop(first);
        assert!(!path.exists());
        acquire(&path).unwrap();
    }

    #[test]
    fn a_dead_owners_lock_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        let dead = LockInfo::new("destroy");
        fs::write(&path, encode(&dead)).unwrap();
        let lock = acquire(&path).unwrap();
        assert_eq!(lock.taken_over(), Some(&dead));
    }

    #[test]
    fn a_lease_of_another_host_must_expire() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        let mut other = LockInfo::new("apply");
        other.host.push_str("-other");
        fs::write(&path, encode(&other)).unwrap();
        assert!(matches!(acquire(&path), Err(StateError::Locked { .. })));
        other.expires = Timestamp::now() - SignedDuration::from_secs(1);
        fs::write(&path, encode(&other)).unwrap();
        assert_eq!(acquire(&path).unwrap().taken_over(), Some(&other));
    }

    #[test]
    fn a_broken_lock_file_does_not_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        fs::write(&path, "{\"version\": 1, \"id").unwrap();
        assert_eq!(acquire(&path).unwrap().taken_over(), None);
    }

    #[test]
    fn a_lock_that_was_taken_away_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        let mut lock = acquire(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(lock.check(), Err(StateError::LockLost { .. })));
        let mut other = acquire(&path).unwrap();
        let error = lock.renew().unwrap_err().to_string();
        assert!(error.contains("it is now held by"), "{error}");
        drop(lock);
        other.check().unwrap();
    }

    #[test]
    fn threads_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l");
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut done = 0;
                    while done < 20 {
                        match acquire(&path) {
                            Ok(lock) => {
                                assert_eq!(inside.fetch_add(1, order), 0);
                                std::thread::yield_now();
                                inside.fetch_sub(1, order);
                                drop(lock);
                                done += 1;
                            }
                            Err(StateError::Locked { .. }) => std::thread::yield_now(),
                            Err(e) => panic!("{e}"),
                        }
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
