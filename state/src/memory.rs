//! State in memory, for tests: with the real formats, and with faults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StateError;
use crate::file::{self, ReadState};
use crate::{Lock, LockInfo, ReadOptions, SecretCodec, State, StateBackend, Types};

/// A state in memory. Clones share it, like processes share a disk.
#[derive(Clone, Debug)]
pub struct MemoryBackend {
    disk: Arc<Mutex<Disk>>,
    codec: SecretCodec,
}

#[derive(Debug, Default)]
struct Disk {
    state: Option<Vec<u8>>,
    journal: Vec<u8>,
    note: Vec<u8>,
    lock: Option<LockInfo>,
    /// How many writes succeed before all fail.
    writes_left: Option<usize>,
    writes: usize,
}

impl Default for MemoryBackend {
    fn default() -> Self {
        MemoryBackend::new()
    }
}

impl MemoryBackend {
    /// An empty place, with a key of its own for secrets.
    pub fn new() -> MemoryBackend {
        MemoryBackend {
            disk: Arc::default(),
            codec: SecretCodec::with_key("key of the memory backend"),
        }
    }

    /// A place that holds a state already.
    pub fn with_state(state: &State, types: &dyn Types) -> Result<MemoryBackend, StateError> {
        let backend = MemoryBackend::new();
        let mut text = Vec::new();
        file::write(&mut text, state, state.serial, "memory", types, &backend.codec)?;
        backend.disk().state = Some(text);
        Ok(backend)
    }

    /// Lets `writes` more writes succeed, then fails all, like a killed process.
    pub fn fail_after(&self, writes: usize) {
        self.disk().writes_left = Some(writes);
    }

    /// Lets writes succeed again, and frees the lock: the next process comes.
    pub fn recover(&self) {
        let mut disk = self.disk();
        disk.writes_left = None;
        disk.lock = None;
    }

    /// Returns how many writes there were.
    pub fn writes(&self) -> usize {
        self.disk().writes
    }

    /// Returns the text of the state file.
    pub fn state_text(&self) -> Option<String> {
        self.disk()
            .state
            .as_ref()
            .map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// Returns the text of the journal.
    pub fn journal_text(&self) -> String {
        String::from_utf8_lossy(&self.disk().journal).into_owned()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_disk(&self, write: impl FnOnce(&mut Disk)) -> Result<(), StateError> {
        let mut disk = self.disk();
        if let Some(left) = &mut disk.writes_left {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => {
                    return Err(StateError::Unwritable {
                        place: self.place(),
                        why: std::io::Error::other("the disk fails, as it was told to"),
                    });
                }
            }
        }
        disk.writes += 1;
        write(&mut disk);
        Ok(())
    }
}

impl StateBackend for MemoryBackend {
    fn place(&self) -> String {
        "memory".into()
    }

    fn codec(&self) -> &SecretCodec {
        &self.codec
    }

    fn read(&mut self, types: &dyn Types, options: ReadOptions) -> Result<Option<ReadState>, StateError> {
        let text = self.disk().state.clone();
        text.map(|text| file::read(&text, "memory", types, &self.codec, options))
            .transpose()
    }

    fn write(&mut self, state: &State, serial: u64, types: &dyn Types) -> Result<(), StateError> {
        if let Some(text) = &self.disk().state {
            let header = file::read_header(text.as_slice(), "memory")?;
            header.check_successor("memory", &state.lineage, serial)?;
        }
        let mut text = Vec::new();
        file::write(&mut text, state, serial, "memory", types, &self.codec)?;
        self.write_disk(|disk| disk.state = Some(text))
    }

    fn lock(&mut self, info: LockInfo) -> Result<Box<dyn Lock>, StateError> {
        let mut disk = self.disk();
        if let Some(owner) = &disk.lock {
            return Err(StateError::Locked {
                place: self.place(),
                owner: Some(Box::new(owner.clone())),
            });
        }
        disk.lock = Some(info.clone());
        Ok(Box::new(MemoryLock {
            info,
            backend: self.clone(),
        }))
    }

    fn lock_info(&mut self) -> Result<Option<LockInfo>, StateError> {
        Ok(self.disk().lock.clone())
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        let mut disk = self.disk();
        match disk.lock.take_if(|info| info.id == id) {
            Some(info) => Ok(info),
            None => Err(StateError::NoSuchLock {
                place: self.place(),
                id: id.to_owned(),
                found: disk.lock.clone().map(Box::new),
            }),
        }
    }

    fn read_journal(&mut self) -> Result<Vec<u8>, StateError> {
        Ok(self.disk().journal.clone())
    }

    fn append_journal(&mut self, at: u64, text: &[u8]) -> Result<(), StateError> {
        self.write_disk(|disk| {
            disk.journal.truncate(usize::try_from(at).unwrap_or(usize::MAX));
            disk.journal.extend_from_slice(text);
        })
    }

    fn replace_journal(&mut self, text: &[u8]) -> Result<(), StateError> {
        self.write_disk(|disk| disk.journal = text.to_vec())
    }

    fn keep_note(&mut self, text: &[u8]) -> Result<(), StateError> {
        self.disk().note = text.to_vec();
        Ok(())
    }

    fn read_note(&mut self) -> Result<Vec<u8>, StateError> {
        Ok(self.disk().note.clone())
    }
}

struct MemoryLock {
    info: LockInfo,
    backend: MemoryBackend,
}

impl Lock for MemoryLock {
    fn info(&self) -> &LockInfo {
        &self.info
    }

    fn taken_over(&self) -> Option<&LockInfo> {
        None
    }

    fn check(&mut self) -> Result<(), StateError> {
        match &self.backend.disk().lock {
            Some(owner) if owner.id == self.info.id => Ok(()),
            _ => Err(StateError::LockLost {
                place: self.backend.place(),
                why: "it was removed".into(),
            }),
        }
    }

    fn renew(&mut self) -> Result<(), StateError> {
        self.check()
    }

    fn release(self: Box<Self>) -> Result<(), StateError> {
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.backend.disk().lock.take_if(|owner| owner.id == self.info.id);
    }
}
