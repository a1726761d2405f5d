//! Where state is kept.

use jiff::Timestamp;

use crate::error::StateError;
use crate::file::ReadState;
use crate::{Lock, LockInfo, ReadOptions, SecretCodec, State, Types};

/// A snapshot that was written some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// What names it in its place.
    pub id: String,
    /// Its serial.
    pub serial: u64,
    /// When it was written.
    pub written: Timestamp,
    /// Its size in bytes.
    pub size: u64,
}

/// A place for one state, its journal and its lock.
///
/// All calls block until their effect is durable.
pub trait StateBackend: Send {
    /// Returns the name of the place for messages.
    fn place(&self) -> String;

    /// Returns what seals the secrets of this state.
    fn codec(&self) -> &SecretCodec;

    /// Reads the state; nothing if there is none yet.
    fn read(&mut self, types: &dyn Types, options: ReadOptions) -> Result<Option<ReadState>, StateError>;

    /// Replaces the state by the snapshot `serial`, wholly or not at all.
    ///
    /// Refuses if the state there has another lineage, or a serial that is not smaller.
    fn write(&mut self, state: &State, serial: u64, types: &dyn Types) -> Result<(), StateError>;

    /// Takes the lock, or says who holds it.
    fn lock(&mut self, info: LockInfo) -> Result<Box<dyn Lock>, StateError>;

    /// Returns the lock that is held or was left behind.
    fn lock_info(&mut self) -> Result<Option<LockInfo>, StateError>;

    /// Removes the lock with this id, whoever holds it.
    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError>;

    /// Reads the journal; empty if there is none.
    fn read_journal(&mut self) -> Result<Vec<u8>, StateError>;

    /// Writes to the journal at a position; what was behind it is cut off.
    fn append_journal(&mut self, at: u64, text: &[u8]) -> Result<(), StateError>;

    /// Replaces the journal, wholly or not at all; an empty text removes it.
    fn replace_journal(&mut self, text: &[u8]) -> Result<(), StateError>;

    /// Keeps a text beside the state, which nothing else depends on; an empty one removes it.
    fn keep_note(&mut self, text: &[u8]) -> Result<(), StateError>;

    /// Reads what [`StateBackend::keep_note`] kept; empty if there is nothing.
    fn read_note(&mut self) -> Result<Vec<u8>, StateError>;

    /// Lists the snapshots that can be read again, the newest (the current one) first.
    fn snapshots(&mut self) -> Result<Vec<SnapshotInfo>, StateError> {
        Ok(Vec::new())
    }

    /// Reads one of [`StateBackend::snapshots`].
    fn read_snapshot(
        &mut self,
        snapshot: &SnapshotInfo,
        types: &dyn Types,
        options: ReadOptions,
    ) -> Result<ReadState, StateError> {
        let _ = (types, options);
        Err(StateError::Unreadable {
            place: format!("{} ({})", self.place(), snapshot.id),
            why: std::io::ErrorKind::NotFound.into(),
        })
    }
}
