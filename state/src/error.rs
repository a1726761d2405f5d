//! What can go wrong with state, and what to do about it.

use std::io;

use crate::LockInfo;

/// An error of reading, writing or locking state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Somebody else holds the lock.
    #[error("{}", locked(place, owner.as_deref()))]
    Locked {
        /// The locked state.
        place: String,
        /// Who holds it, if the lock says so.
        owner: Option<Box<LockInfo>>,
    },
    /// There is no such lock to remove.
    #[error("the state `{place}` has no lock with the id `{id}`")]
    NoSuchLock {
        /// The state.
        place: String,
        /// The id that was asked for.
        id: String,
        /// The lock there is.
        found: Option<Box<LockInfo>>,
    },
    /// The lock was taken away while it was in use.
    #[error("the lock on the state `{place}` was lost: {why}")]
    LockLost {
        /// The state.
        place: String,
        /// How that is known.
        why: String,
    },
    /// The content is not a state.
    #[error("the state `{place}` is damaged at line {line}, column {column}: {why}")]
    Corrupt {
        /// Where the state is.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        why: String,
    },
    /// It has a format from the future.
    #[error("the state `{place}` was written by a newer infra: format {found}, this one knows {known}")]
    NewerFormat {
        /// Where the state is.
        place: String,
        /// The format's version.
        found: u64,
        /// The newest version this program knows.
        known: u64,
    },
    /// It is somebody else's file.
    #[error("`{place}` is not a state of infra: {what}")]
    Foreign {
        /// Where the file is.
        place: String,
        /// What it seems to be.
        what: String,
    },
    /// The medium refused to read.
    #[error("cannot read `{place}`: {}", explain(why))]
    Unreadable {
        /// The file.
        place: String,
        /// The refusal.
        #[source]
        why: io::Error,
    },
    /// The medium refused to write.
    #[error("cannot write `{place}`: {}", explain(why))]
    Unwritable {
        /// The file.
        place: String,
        /// The refusal.
        #[source]
        why: io::Error,
    },
    /// A value has no form in the file.
    #[error("cannot write the state `{place}`: {why}")]
    Unwritten {
        /// Where the state is.
        place: String,
        /// What has no form.
        why: String,
    },
    /// Two different histories met.
    #[error("`{place}` belongs to another state: its lineage is `{found}`, not `{expected}`")]
    Lineage {
        /// The file with the other lineage.
        place: String,
        /// Its lineage.
        found: String,
        /// The lineage at hand.
        expected: String,
    },
    /// Somebody else wrote in between.
    #[error("the state `{place}` was changed meanwhile: its serial is {found}, and {expected} was expected")]
    Serial {
        /// Where the state is.
        place: String,
        /// The serial found there.
        found: u64,
        /// The serial that should have been there.
        expected: u64,
    },
    /// A secret cannot be opened or sealed.
    #[error("the state `{place}` holds secrets: {why}")]
    SecretKey {
        /// Where the state is.
        place: String,
        /// What is missing or wrong, and how to give the key.
        #[source]
        why: KeyError,
    },
    /// The journal is damaged where it must not be.
    #[error("the journal `{place}` is damaged in line {line}: {why}")]
    Journal {
        /// Where the journal is.
        place: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// The journal is there, the state it continues is not.
    #[error("the state `{place}` is gone, but its journal is still there and continues serial {serial}")]
    Missing {
        /// Where the state should be.
        place: String,
        /// The serial that the journal continues.
        serial: u64,
    },
}

/// Why a secret cannot be opened or sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key.
    #[error("there is no key to open them{}", file.as_ref().map(|f| format!(" (neither `INFRA_STATE_KEY` nor the file `{f}`)")).unwrap_or_default())]
    Missing {
        /// The key file that was looked for.
        file: Option<String>,
    },
    /// The key is another one.
    #[error("they are sealed with the key {needed}, and the one given is {given}")]
    Other {
        /// The id of the key that sealed them.
        needed: String,
        /// The id of the key at hand.
        given: String,
    },
    /// The sealed text was altered or put elsewhere.
    #[error("the one at `{at}` was altered, or moved here from another place")]
    Altered {
        /// The address and path of the secret.
        at: String,
    },
    /// The key file cannot be used.
    #[error("the key file `{file}` cannot be used: {why}")]
    File {
        /// The key file.
        file: String,
        /// The reason.
        why: String,
    },
    /// There is nowhere to keep a key.
    #[error("there is no place to keep a key: neither `INFRA_STATE_KEY` nor a home folder is set")]
    NoPlace,
    /// The state was read without its secrets and cannot be written so.
    #[error("they were left out in reading, so writing would lose them")]
    Redacted,
}

impl StateError {
    /// Returns the stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            StateError::Locked { .. } => "infra::state::locked",
            StateError::NoSuchLock { .. } => "infra::state::no_such_lock",
            StateError::LockLost { .. } => "infra::state::lock_lost",
            StateError::Corrupt { .. } => "infra::state::corrupt",
            StateError::NewerFormat { .. } => "infra::state::newer_format",
            StateError::Foreign { .. } => "infra::state::foreign",
            StateError::Unreadable { .. } => "infra::state::unreadable",
            StateError::Unwritable { .. } => "infra::state::unwritable",
            StateError::Unwritten { .. } => "infra::state::unwritten",
            StateError::Lineage { .. } => "infra::state::lineage",
            StateError::Serial { .. } => "infra::state::serial",
            StateError::SecretKey { .. } => "infra::state::secret_key",
            StateError::Journal { .. } => "infra::state::journal",
            StateError::Missing { .. } => "infra::state::missing",
        }
    }

    /// Says what to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            StateError::Locked { owner, .. } => match owner {
                Some(info) => format!(
                    "Wait until it is finished. If {} is certainly not running any more, remove the lock with `infra unlock {}`.",
                    info.owner(),
                    info.id
                ),
                None => "Wait until the other run is finished, and try again.".into(),
            },
            StateError::NoSuchLock { found, .. } => match found {
                Some(info) => format!("The lock that is there has the id `{}`: {info}.", info.id),
                None => "It is not locked; nothing needs to be done.".into(),
            },
            StateError::LockLost { .. } => {
                "The state was not overwritten. What was done is in the journal; the next run folds it in.".into()
            }
            StateError::Corrupt { place, .. } => {
                format!("Nothing was changed. Restore the file: the snapshot before it is `{place}.backup`.")
            }
            StateError::NewerFormat { .. } => "Update infra to the version that wrote it.".into(),
            StateError::Foreign { .. } => {
                "Choose another path for the state; existing objects are taken over with `import` blocks.".into()
            }
            StateError::Unreadable { why, .. } => read_help(why.kind()).into(),
            StateError::Unwritable { why, .. } => write_help(why.kind()).into(),
            StateError::Unwritten { .. } => return None,
            StateError::Lineage { .. } => {
                "Each configuration needs a state of its own: check the path, or move the other file away.".into()
            }
            StateError::Serial { .. } => {
                "Another run wrote it without the lock, or an older copy was put there. Plan again.".into()
            }
            StateError::SecretKey { why, .. } => return Some(why.help()),
            StateError::Journal { place, .. } => format!(
                "Nothing was changed. The journal says what the interrupted run did: look at `{place}`, restore it if there is a copy; else move it away and compare the state with what exists (`infra plan`)."
            ),
            StateError::Missing { place, .. } => {
                format!("Restore the state from `{place}.backup` or a copy; the journal completes it.")
            }
        })
    }
}

impl KeyError {
    fn help(&self) -> String {
        match self {
            KeyError::Missing { .. } => {
                "Set `INFRA_STATE_KEY` to the key of this state, or copy the key file from the machine that wrote it."
                    .into()
            }
            KeyError::Other { needed, .. } => {
                format!("Set `INFRA_STATE_KEY` to the key with the id {needed}.")
            }
            KeyError::Altered { .. } => {
                "Restore the file from a copy: a sealed value cannot be edited or moved by hand.".into()
            }
            KeyError::File { .. } => "Restore the key file, or set `INFRA_STATE_KEY`.".into(),
            KeyError::NoPlace => "Set `INFRA_STATE_KEY` to a long random text and keep it safe.".into(),
            KeyError::Redacted => "Set `INFRA_STATE_KEY` to the key of this state.".into(),
        }
    }
}

fn locked(place: &str, owner: Option<&LockInfo>) -> String {
    match owner {
        Some(info) => format!("the state `{place}` is locked by {info}"),
        None => format!("the state `{place}` is locked by another run"),
    }
}

fn explain(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::NotADirectory => "a part of its path is a file, not a folder".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".into(),
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".into(),
        io::ErrorKind::NotFound => "it does not exist".into(),
        _ => why.to_string(),
    }
}

fn read_help(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "State files are readable by their owner only: run as that user.",
        io::ErrorKind::IsADirectory => "Give the path of a file.",
        _ => "Nothing was changed. Check the path and the disk.",
    }
}

fn write_help(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "Run as a user who may write there.",
        io::ErrorKind::IsADirectory => "Give the path of a file.",
        io::ErrorKind::ReadOnlyFilesystem => "Choose a path on a writable disk.",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "The file there is intact. Free some space and run again: nothing that was recorded is lost."
        }
        _ => "The file there is intact. Check the path and the disk.",
    }
}
