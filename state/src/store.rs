//! The state of one run: load it, record what is done, commit the result.
//!
//! ```text
//! lock ─ load ─ plan ─ begin ─ (record … flush)* ─ commit ─ unlock
//! ```
//!
//! The process may be killed between any two of these, and within any of them.
//! [`Store::load`] then returns the state with all flushed results, and the
//! intents of which nobody knows yet whether they succeeded.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{KeyError, StateError};
use crate::journal::{Folded, Journal, OpenIntent, Record, fold};
use crate::{LocalBackend, Lock, LockInfo, ReadOptions, SecretCodec, State, StateBackend, Types};

/// A state that is worked with.
pub struct Store {
    backend: Box<dyn StateBackend>,
    types: Arc<dyn Types>,
    options: ReadOptions,
    lock: Option<Box<dyn Lock>>,
    loaded: Option<Loaded>,
    journal: Option<Journal>,
}

/// What was found when the state was loaded.
struct Loaded {
    /// The snapshot as it is stored; none if there is none yet.
    stored: Option<State>,
    /// The state with the journal folded in.
    folded: Folded,
    /// The serial of the stored snapshot.
    serial: u64,
    /// Whether there is a journal, even if nothing in it is whole.
    has_journal: bool,
}

impl Store {
    /// Works with the state of a backend.
    pub fn new(backend: impl StateBackend + 'static, types: Arc<dyn Types>) -> Store {
        Store {
            backend: Box::new(backend),
            types,
            options: ReadOptions::default(),
            lock: None,
            loaded: None,
            journal: None,
        }
    }

    /// Works with a state file.
    pub fn local(path: impl Into<PathBuf>, types: Arc<dyn Types>, codec: SecretCodec) -> Store {
        Store::new(LocalBackend::new(path, codec), types)
    }

    /// Reads with other options.
    pub fn with_options(mut self, options: ReadOptions) -> Store {
        self.options = options;
        self
    }

    /// Returns the name of the place for messages.
    pub fn place(&self) -> String {
        self.backend.place()
    }

    /// Takes the lock. It is kept until [`Store::unlock`], or until the store is dropped.
    pub fn lock(&mut self, info: LockInfo) -> Result<(), StateError> {
        if self.lock.is_none() {
            self.lock = Some(self.backend.lock(info)?);
        }
        Ok(())
    }

    /// Returns the dead owner that the lock was taken over from.
    pub fn taken_over(&self) -> Option<&LockInfo> {
        self.lock.as_ref()?.taken_over()
    }

    /// Extends the lease of the lock. To be called well within [`crate::lock::LEASE`].
    pub fn renew_lock(&mut self) -> Result<(), StateError> {
        self.lock.as_mut().map_or(Ok(()), |lock| lock.renew())
    }

    /// Gives the lock back.
    pub fn unlock(&mut self) -> Result<(), StateError> {
        self.lock.take().map_or(Ok(()), Lock::release)
    }

    /// Returns the lock that is held or was left behind, by whomever.
    pub fn lock_info(&mut self) -> Result<Option<LockInfo>, StateError> {
        self.backend.lock_info()
    }

    /// Removes the lock with this id, whoever holds it.
    pub fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        self.backend.force_unlock(id)
    }

    /// Reads the state and folds the journal of a killed run into it.
    ///
    /// Nothing is written; without a state, an empty one is returned. Each open
    /// intent is to be looked up by its token, and then closed with a record.
    pub fn load(&mut self) -> Result<(State, Vec<OpenIntent>), StateError> {
        // The journal first: a snapshot that is written in between is then newer
        // than the journal, which is told by its serial.
        let text = self.backend.read_journal()?;
        let read = self.backend.read(&*self.types, self.options)?;
        let (stored, redacted) = match read {
            Some(read) => (Some(read.state), read.redacted),
            None => (None, false),
        };
        let place = self.journal_place();
        let codec = self.backend.codec();
        let mut folded = fold(&text, stored.clone(), &place, &*self.types, codec, self.options)?;
        folded.redacted |= redacted;
        let result = (folded.state.clone(), folded.open.clone());
        self.loaded = Some(Loaded {
            serial: folded.state.serial,
            has_journal: !text.is_empty(),
            stored,
            folded,
        });
        self.journal = None;
        Ok(result)
    }

    /// Fails if secrets could not be written. Worth asking before a plan with
    /// secrets is applied, so that it does not fail midway.
    pub fn check_secrets(&self) -> Result<(), StateError> {
        let loaded = self.loaded.as_ref().expect("a state is loaded before it is changed");
        let key = self.backend.codec().sealing_key(&loaded.folded.state.lineage);
        key.map(|_| ()).map_err(|why| StateError::SecretKey {
            place: self.place(),
            why,
        })
    }

    /// Begins a run that changes things. `run` names it in the journal.
    pub fn begin(&mut self, run: &str) -> Result<(), StateError> {
        let loaded = loaded(&mut self.loaded, &*self.backend)?;
        self.journal = Some(Journal::new(run, &loaded.folded, loaded.serial));
        Ok(())
    }

    /// Adds a record to the journal. It is durable after [`Store::flush`].
    ///
    /// # Panics
    ///
    /// If the run was not begun.
    pub fn record(&mut self, record: &Record) -> Result<(), StateError> {
        let place = self.journal_place();
        let journal = self
            .journal
            .as_mut()
            .expect("a run is begun before anything is recorded");
        journal.append(record, &place, &*self.types, self.backend.codec())
    }

    /// Makes all records durable, in one write.
    pub fn flush(&mut self) -> Result<(), StateError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let Some((at, line)) = journal.next_line() else {
            return Ok(());
        };
        check_lock(&mut self.lock)?;
        self.backend.append_journal(at, line.as_bytes())?;
        journal.flushed(line.len());
        Ok(())
    }

    /// Returns the length of the journal. When it is long, a commit in between shortens it.
    pub fn journal_len(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::len)
    }

    /// Returns the intents that have no outcome yet.
    pub fn open_intents(&self) -> Vec<OpenIntent> {
        match (&self.journal, &self.loaded) {
            (Some(journal), _) => journal.open(),
            (None, Some(loaded)) => loaded.folded.open.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// Writes the snapshot, then removes the journal; returns the snapshot's serial.
    ///
    /// The state must have all that was recorded. Intents without an outcome stay
    /// in the journal. A state that is stored already is not written again.
    /// The run can go on afterwards.
    pub fn commit(&mut self, state: &State) -> Result<u64, StateError> {
        self.flush()?;
        check_lock(&mut self.lock)?;
        let place = self.journal_place();
        let loaded = loaded(&mut self.loaded, &*self.backend)?;
        let expected = &loaded.folded.state.lineage;
        if state.lineage != *expected {
            return Err(StateError::Lineage {
                place: self.backend.place(),
                found: expected.clone(),
                expected: state.lineage.clone(),
            });
        }
        let unchanged = loaded.stored.as_ref().is_some_and(|stored| stored.same_content(state));
        if !unchanged {
            self.backend.write(state, loaded.serial + 1, &*self.types)?;
            loaded.serial += 1;
            loaded.stored = Some(state.clone());
        }
        let mut idle = None;
        let journal = self.journal.as_mut().unwrap_or_else(|| {
            // Only what a killed run left behind.
            idle.insert(Journal::new("", &loaded.folded, loaded.serial))
        });
        let rest = journal.rest(loaded.serial, &place, &*self.types, self.backend.codec())?;
        if journal.len() > 0 || loaded.has_journal {
            self.backend.replace_journal(rest.as_bytes())?;
            journal.replaced(loaded.serial, &rest);
        }
        loaded.has_journal = false;
        loaded.folded.valid_len = journal.len();
        loaded.folded.lines = u64::from(!rest.is_empty());
        loaded.folded.open = journal.open();
        Ok(loaded.serial)
    }

    /// Keeps a text beside the state, which nothing else depends on; an empty one removes it.
    pub fn keep_note(&mut self, text: &[u8]) -> Result<(), StateError> {
        check_lock(&mut self.lock)?;
        self.backend.keep_note(text)
    }

    /// Reads what [`Store::keep_note`] kept; empty if there is nothing.
    pub fn read_note(&mut self) -> Result<Vec<u8>, StateError> {
        self.backend.read_note()
    }

    fn journal_place(&self) -> String {
        format!("{}.journal", self.backend.place())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

/// Returns what was loaded, if it may be written again.
fn loaded<'l>(loaded: &'l mut Option<Loaded>, backend: &dyn StateBackend) -> Result<&'l mut Loaded, StateError> {
    let loaded = loaded.as_mut().expect("a state is loaded before it is changed");
    if loaded.folded.redacted {
        return Err(StateError::SecretKey {
            place: backend.place(),
            why: KeyError::Redacted,
        });
    }
    Ok(loaded)
}

fn check_lock(lock: &mut Option<Box<dyn Lock>>) -> Result<(), StateError> {
    lock.as_mut().map_or(Ok(()), |lock| lock.check())
}

#[cfg(test)]
mod tests {
    use infra_types::{InstanceAddr, InstanceKey, Str, Value};

    use super::*;
    use crate::{InstanceState, Intent, MemoryBackend, MissingKey, NoTypes, ObjectState, OutputState};

    fn store(backend: &MemoryBackend) -> Store {
        Store::new(backend.clone(), Arc::new(NoTypes))
    }

    fn addr(i: usize) -> InstanceAddr {
        InstanceAddr::root("t", "a", InstanceKey::Int(i as u64))
    }

    fn token(i: usize) -> Str {
        format!("token-{i}").into()
    }

    fn instance(i: usize) -> InstanceState {
        InstanceState::of(ObjectState {
            token: Some(token(i)),
            ..ObjectState::new("core", 0, Value::object([("id", Value::from(i as i64))]))
        })
    }

    fn intent(i: usize) -> Record {
        Record::Intent(Intent {
            address: addr(i),
            deposed: None,
            provider: "core".into(),
            token: token(i),
            name: None,
            planned: None,
        })
    }

    /// Applies the creation of `count` objects; `cloud` is what exists then.
    ///
    /// Recovers first what a run before it left open.
    fn apply(backend: &MemoryBackend, count: usize, cloud: &mut Vec<usize>) -> Result<u64, StateError> {
        let mut store = store(backend);
        store.lock(LockInfo::new("apply"))?;
        let (mut state, open) = store.load()?;
        store.begin("run")?;
        let set = |store: &mut Store, state: &mut State, i: usize| {
            state.set_instance(addr(i), instance(i));
            store.record(&Record::Done {
                address: addr(i),
                instance: instance(i),
                token: Some(token(i)),
            })
        };
        for open in open {
            let InstanceKey::Int(i) = open.intent.address.key else {
                unreachable!()
            };
            let i = i as usize;
            if cloud.contains(&i) {
                set(&mut store, &mut state, i)?;
            } else {
                store.record(&Record::Dropped { token: token(i) })?;
            }
        }
        for i in 0..count {
            if state.instances.contains_key(&addr(i)) {
                continue;
            }
            store.record(&intent(i))?;
            store.flush()?;
            assert!(!cloud.contains(&i), "{i} is created twice");
            cloud.push(i);
            set(&mut store, &mut state, i)?;
            if i % 2 == 1 {
                store.flush()?;
            }
            if i == 2 {
                store.commit(&state)?;
            }
        }
        state.outputs.insert(
            "count".into(),
            OutputState {
                value: (count as i64).into(),
            },
        );
        store.record(&Record::End)?;
        let serial = store.commit(&state)?;
        store.unlock()?;
        Ok(serial)
    }

    #[test]
    fn killed_anywhere_nothing_is_lost_or_made_twice() {
        const COUNT: usize = 5;
        let whole = MemoryBackend::new();
        apply(&whole, COUNT, &mut Vec::new()).unwrap();
        let writes = whole.writes();
        assert!(writes > 8);
        let (expected, _) = store(&whole).load().unwrap();
        for first in 0..writes {
            for second in 0..=writes {
                let backend = MemoryBackend::new();
                let mut cloud = Vec::new();
                backend.fail_after(first);
                apply(&backend, COUNT, &mut cloud).unwrap_err();
                backend.recover();
                backend.fail_after(second);
                let _ = apply(&backend, COUNT, &mut cloud);
                backend.recover();
                apply(&backend, COUNT, &mut cloud).unwrap();
                let (state, open) = store(&backend).load().unwrap();
                assert!(state.same_content(&expected), "{first} {second}");
                assert!(open.is_empty());
                assert_eq!(backend.journal_text(), "");
                assert_eq!(cloud.len(), COUNT);
            }
        }
    }

    #[test]
    fn serials_grow_with_each_snapshot_only() {
        let backend = MemoryBackend::new();
        assert_eq!(apply(&backend, 2, &mut Vec::new()).unwrap(), 1);
        assert_eq!(apply(&backend, 2, &mut vec![0, 1]).unwrap(), 1);
        assert_eq!(apply(&backend, 4, &mut vec![0, 1]).unwrap(), 3);
        let (state, _) = store(&backend).load().unwrap();
        assert_eq!((state.serial, state.instances.len()), (3, 4));
    }

    #[test]
    fn open_intents_survive_a_commit() {
        let backend = MemoryBackend::new();
        let mut first = store(&backend);
        let (state, _) = first.load().unwrap();
        first.begin("run").unwrap();
        first.record(&intent(0)).unwrap();
        first.commit(&state).unwrap();
        first.record(&intent(1)).unwrap();
        first.flush().unwrap();
        for _ in 0..2 {
            let mut next = store(&backend);
            let (state, open) = next.load().unwrap();
            let found: Vec<_> = open.iter().map(|o| o.intent.address.clone()).collect();
            assert_eq!(found, [addr(0), addr(1)]);
            next.commit(&state).unwrap();
            assert_eq!(next.open_intents().len(), 2);
        }
        let mut last = store(&backend);
        let (state, _) = last.load().unwrap();
        last.begin("run").unwrap();
        for i in 0..2 {
            last.record(&Record::Dropped { token: token(i) }).unwrap();
        }
        last.commit(&state).unwrap();
        assert_eq!(backend.journal_text(), "");
    }

    #[test]
    fn a_lost_lock_stops_all_writes() {
        let backend = MemoryBackend::new();
        let mut store = store(&backend);
        let info = LockInfo::new("apply");
        store.lock(info.clone()).unwrap();
        let (state, _) = store.load().unwrap();
        store.begin("run").unwrap();
        backend.clone().force_unlock(&info.id).unwrap();
        store.record(&intent(0)).unwrap();
        assert_eq!(store.flush().unwrap_err().code(), "infra::state::lock_lost");
        assert_eq!(store.commit(&state).unwrap_err().code(), "infra::state::lock_lost");
        assert_eq!(backend.writes(), 0);
    }

    #[test]
    fn a_state_read_without_its_secrets_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        let mut writer = Store::local(&path, Arc::new(NoTypes), SecretCodec::with_key("k"));
        let (mut state, _) = writer.load().unwrap();
        let secret = Value::from("x").sensitive();
        state.outputs.insert("o".into(), OutputState { value: secret });
        writer.commit(&state).unwrap();
        let reader = Store::local(&path, Arc::new(NoTypes), SecretCodec::without_key());
        let missing_key = MissingKey::Redact;
        let mut reader = reader.with_options(ReadOptions { missing_key });
        let (state, _) = reader.load().unwrap();
        assert!(!state.outputs["o"].value.is_known());
        assert_eq!(reader.begin("run").unwrap_err().code(), "infra::state::secret_key");
        assert_eq!(reader.commit(&state).unwrap_err().code(), "infra::state::secret_key");
    }

    #[test]
    fn another_states_content_is_refused() {
        let backend = MemoryBackend::new();
        let mut store = store(&backend);
        store.load().unwrap();
        assert_eq!(
            store.commit(&State::new("other")).unwrap_err().code(),
            "infra::state::lineage"
        );
    }
}
