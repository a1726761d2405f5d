//! State: snapshot, file format, journal, backends, locks.
//!
//! [`State`] is what is known to exist. The [`file`] format keeps it as one JSON
//! document, with secrets sealed ([`SecretCodec`]). A [`StateBackend`] is a place
//! for it, with a [`Lock`] and a [`journal`] beside it. [`Store`] brings these
//! together for a run, so that a run may be killed at any instant. [`edit`]
//! moves and removes entries.

pub mod backend;
pub mod edit;
pub mod error;
pub mod file;
pub mod journal;
pub mod local;
pub mod lock;
pub mod memory;
pub mod resource;
pub mod secret;
pub mod snapshot;
pub mod store;
#[cfg(test)]
mod testing;
pub mod types;

pub use backend::{SnapshotInfo, StateBackend};
pub use edit::EditError;
pub use error::{KeyError, StateError};
pub use file::{MissingKey, ReadOptions, ReadState};
pub use journal::{Folded, Intent, OpenIntent, Record};
pub use local::LocalBackend;
pub use lock::{Lock, LockInfo};
pub use memory::MemoryBackend;
pub use resource::{InstanceState, ObjectState};
pub use secret::SecretCodec;
pub use snapshot::{OutputState, State};
pub use store::Store;
pub use types::{NoTypes, Types};
