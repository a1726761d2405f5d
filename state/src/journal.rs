//! The write-ahead journal: what an apply intends and what it did.
//!
//! It lies beside the state. A run appends to it and flushes before and after it
//! touches the world; at the end the state is rewritten and the journal goes
//! away. If the run is killed, the next one folds the journal into the state.
//!
//! INVARIANT: a flushed record is never lost. A line that was not flushed in time
//! may be missing or torn; nothing is known to depend on it.
//!
//! INVARIANT: folding twice is folding once. Each run's records begin with the
//! serial they continue; results are not applied to a newer snapshot, which has
//! them already.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_types::{InstanceAddr, Str};

use crate::error::StateError;
use crate::file::journal::{Batch, Decoded, LineError, VERSION, encode, encode_begin, line, parse_line};
use crate::file::{Opener, ReadOptions, Sealer, write_error};
use crate::{InstanceState, ObjectState, OutputState, SecretCodec, State, Types};

/// What is recorded while a plan is applied.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An object is about to be created. Flush before creating it.
    Intent(Intent),
    /// The object of an intent exists, though it is not finished (it is waited for).
    Exists {
        /// The address it is created for.
        address: InstanceAddr,
        /// The token of its intent.
        token: Str,
        /// What is known of it.
        object: Arc<ObjectState>,
    },
    /// An address has a new state: after a create, update, delete, move or forget.
    ///
    /// Closes the intent of `token`, and those whose token is that of an object
    /// of the instance.
    Done {
        /// The address.
        address: InstanceAddr,
        /// What is there now; without objects it is removed.
        instance: InstanceState,
        /// The token of the intent this is the outcome of.
        token: Option<Str>,
    },
    /// An intent led to nothing: its object was certainly not created.
    Dropped {
        /// The token of the intent.
        token: Str,
    },
    /// An output has a new value, or is gone.
    Output {
        /// Its name.
        name: Str,
        /// Its value.
        value: Option<OutputState>,
    },
    /// The run did all it wanted to.
    End,
}

/// An object that is about to be created, with what it takes to find it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The address it is created for.
    pub address: InstanceAddr,
    /// The key of the deposed object it replaces, if that stays until it exists.
    pub deposed: Option<String>,
    /// The provider configuration it is created with.
    pub provider: Str,
    /// The recovery token: unique, and known to the object (client token, tag, or name).
    pub token: Str,
    /// The name it will have, if that is known.
    pub name: Option<Str>,
    /// The planned object: known attributes, dependencies, flags.
    pub planned: Option<Arc<ObjectState>>,
}

/// An intent without an outcome: its object may exist.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIntent {
    /// The intent.
    pub intent: Intent,
    /// What is known of the object, if it is known to exist.
    pub exists: Option<Arc<ObjectState>>,
}

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) run: String,
    pub(crate) lineage: String,
    pub(crate) serial: u64,
}

/// A state with a journal folded into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The state with all results of the journal.
    pub state: State,
    /// The intents without an outcome, by address.
    pub open: Vec<OpenIntent>,
    /// Whether secrets were left out for want of their key.
    pub redacted: bool,
    /// How many bytes of the journal are whole lines.
    pub valid_len: u64,
    /// How many lines these are.
    pub lines: u64,
}

/// Folds the text of a journal into the state it lies beside.
///
/// Without a state the journal must be that of a first run. `place` names the
/// journal in errors.
pub fn fold(
    text: &[u8],
    state: Option<State>,
    place: &str,
    types: &dyn Types,
    codec: &SecretCodec,
    options: ReadOptions,
) -> Result<Folded, StateError> {
    let (batches, valid_len) = whole_lines(text, place)?;
    let Some(first) = batches.first() else {
        return Ok(Folded {
            state: state.unwrap_or_else(State::empty),
            open: Vec::new(),
            redacted: false,
            valid_len: 0,
            lines: 0,
        });
    };
    let begin = first
        .begin()
        .ok_or_else(|| damaged(place, 0, "it does not say what it continues"))?;
    let mut state = match state {
        Some(state) => state,
        None if begin.serial == 0 => State::new(begin.lineage.clone()),
        None => {
            return Err(StateError::Missing {
                place: place.strip_suffix(".journal").unwrap_or(place).to_owned(),
                serial: begin.serial,
            });
        }
    };
    let opener = Opener::new(codec, &begin.lineage, options);
    let mut open = OpenIntents::default();
    let mut live = true;
    for (index, batch) in batches.iter().enumerate() {
        let records = batch.decode(place, types, &opener).map_err(|e| match e {
            StateError::Corrupt { why, .. } => damaged(place, index, why),
            e => e,
        })?;
        for record in records {
            match record {
                Decoded::Begin(begin) => {
                    if begin.lineage != state.lineage {
                        return Err(StateError::Lineage {
                            place: place.to_owned(),
                            found: begin.lineage,
                            expected: state.lineage,
                        });
                    }
                    live = begin.serial >= state.serial;
                }
                Decoded::Record(record) => {
                    open.track(&record);
                    if live {
                        apply(&mut state, record);
                    }
                }
            }
        }
    }
    Ok(Folded {
        redacted: opener.redacted(),
        open: open.list(),
        lines: batches.len() as u64,
        state,
        valid_len,
    })
}

fn apply(state: &mut State, record: Record) {
    match record {
        Record::Done { address, instance, .. } => state.set_instance(address, instance),
        Record::Output { name, value } => {
            match value {
                Some(value) => state.outputs.insert(name, value),
                None => state.outputs.remove(&name),
            };
        }
        Record::Intent(_) | Record::Exists { .. } | Record::Dropped { .. } | Record::End => {}
    }
}

/// Splits a journal into its lines. What was torn off at the end is left out.
fn whole_lines<'t>(text: &'t [u8], place: &str) -> Result<(Vec<Batch<'t>>, u64), StateError> {
    let mut batches = Vec::new();
    let mut valid_len = 0;
    let mut rest = text;
    while let Some(len) = rest.iter().position(|b| *b == b'\n') {
        let (this, next) = (&rest[..len], &rest[len + 1..]);
        match parse_line(this, batches.len() as u64) {
            Ok(batch) => batches.push(batch),
            // Blocks that were never written read as zeros.
            Err(LineError::Broken(_)) if this.contains(&0) && next.iter().all(|b| *b == 0) => break,
            Err(LineError::Broken(why)) => return Err(damaged(place, batches.len(), why)),
            Err(LineError::Newer(found)) => {
                return Err(StateError::NewerFormat {
                    place: place.to_owned(),
                    found,
                    known: VERSION,
                });
            }
        }
        valid_len += len + 1;
        rest = next;
    }
    Ok((batches, valid_len as u64))
}

fn damaged(place: &str, index: usize, why: impl Into<String>) -> StateError {
    StateError::Journal {
        place: place.to_owned(),
        line: index + 1,
        why: why.into(),
    }
}

/// The intents without an outcome, by token.
#[derive(Clone, Debug, Default)]
struct OpenIntents(BTreeMap<Str, OpenIntent>);

impl OpenIntents {
    fn track(&mut self, record: &Record) {
        match record {
            Record::Intent(intent) => {
                let intent = OpenIntent {
                    intent: intent.clone(),
                    exists: None,
                };
                self.0.insert(intent.intent.token.clone(), intent);
            }
            Record::Exists { address, token, object } => {
                let open = self.0.entry(token.clone()).or_insert_with(|| OpenIntent {
                    intent: Intent {
                        address: address.clone(),
                        deposed: None,
                        provider: object.provider.clone(),
                        token: token.clone(),
                        name: None,
                        planned: None,
                    },
                    exists: None,
                });
                open.exists = Some(object.clone());
            }
            Record::Done { instance, token, .. } => {
                let created = instance.objects().filter_map(|(_, o)| o.token.as_ref());
                for token in token.iter().chain(created) {
                    self.0.remove(token);
                }
            }
            Record::Dropped { token } => {
                self.0.remove(token);
            }
            Record::Output { .. } | Record::End => {}
        }
    }

    fn list(&self) -> Vec<OpenIntent> {
        let mut list: Vec<_> = self.0.values().cloned().collect();
        list.sort_by(|a, b| a.intent.address.cmp(&b.intent.address));
        list
    }
}

/// The journal of a run: turns records into lines and knows the open intents.
#[derive(Debug)]
pub(crate) struct Journal {
    begin: Begin,
    /// Where the next line goes.
    at: u64,
    lines: u64,
    begun: bool,
    pending: Vec<String>,
    open: OpenIntents,
}

impl Journal {
    /// Continues the journal that was folded into a state.
    pub(crate) fn new(run: &str, folded: &Folded, serial: u64) -> Journal {
        let open = folded.open.iter().map(|o| (o.intent.token.clone(), o.clone()));
        Journal {
            begin: Begin {
                run: run.to_owned(),
                lineage: folded.state.lineage.clone(),
                serial,
            },
            at: folded.valid_len,
            lines: folded.lines,
            begun: false,
            pending: Vec::new(),
            open: OpenIntents(open.collect()),
        }
    }

    /// Adds a record to the batch of the next line.
    pub(crate) fn append(
        &mut self,
        record: &Record,
        place: &str,
        types: &dyn Types,
        codec: &SecretCodec,
    ) -> Result<(), StateError> {
        let sealer = Sealer::new(codec, &self.begin.lineage);
        let text = encode(record, types, &sealer).map_err(|e| write_error(place, e, &sealer))?;
        if !self.begun {
            self.pending.push(encode_begin(&self.begin));
            self.begun = true;
        }
        self.pending.push(text);
        self.open.track(record);
        Ok(())
    }

    /// Returns the next line and where it goes; nothing if there is nothing new.
    pub(crate) fn next_line(&self) -> Option<(u64, String)> {
        let line = || (self.at, line(self.lines, &self.pending));
        (!self.pending.is_empty()).then(line)
    }

    /// Notes that the line of [`Journal::next_line`] is durable.
    pub(crate) fn flushed(&mut self, len: usize) {
        self.at += len as u64;
        self.lines += 1;
        self.pending.clear();
    }

    /// Returns the journal that goes on after a snapshot: only the open intents.
    pub(crate) fn rest(
        &self,
        serial: u64,
        place: &str,
        types: &dyn Types,
        codec: &SecretCodec,
    ) -> Result<String, StateError> {
        if self.open.0.is_empty() {
            return Ok(String::new());
        }
        let sealer = Sealer::new(codec, &self.begin.lineage);
        let mut texts = vec![encode_begin(&Begin {
            serial,
            ..self.begin.clone()
        })];
        for open in self.open.list() {
            let exists = open.exists.map(|object| Record::Exists {
                address: open.intent.address.clone(),
                token: open.intent.token.clone(),
                object,
            });
            for record in [Record::Intent(open.intent)].into_iter().chain(exists) {
                texts.push(encode(&record, types, &sealer).map_err(|e| write_error(place, e, &sealer))?);
            }
        }
        Ok(line(0, &texts))
    }

    /// Notes that the journal now is what [`Journal::rest`] returned.
    pub(crate) fn replaced(&mut self, serial: u64, rest: &str) {
        self.begin.serial = serial;
        self.at = rest.len() as u64;
        self.lines = u64::from(!rest.is_empty());
        self.begun = !rest.is_empty();
        self.pending.clear();
    }

    /// Returns the intents without an outcome.
    pub(crate) fn open(&self) -> Vec<OpenIntent> {
        self.open.list()
    }

    /// Returns the length of what is durable.
    pub(crate) fn len(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use infra_types::{InstanceKey, Value};

    use super::*;
    use crate::NoTypes;
    use crate::file::journal::line_of_version;
    use crate::testing::codec;

    const PLACE: &str = "infra.state.json.journal";
    const LINEAGE: &str = "l";

    fn addr(name: &str) -> InstanceAddr {
        InstanceAddr::root("t", name, InstanceKey::None)
    }

    fn object(id: &str, token: Option<&str>) -> ObjectState {
        let attributes = Value::object([("id", Value::from(id)), ("secret", Value::from("hunter2").sensitive())]);
        ObjectState {
            token: token.map(Str::from),
            ..ObjectState::new("core", 0, attributes)
        }
    }

    fn intent(name: &str) -> Record {
        Record::Intent(Intent {
            address: addr(name),
            deposed: None,
            provider: "core".into(),
            token: format!("token-{name}").into(),
            name: Some(name.into()),
            planned: Some(object("", None).into()),
        })
    }

    fn exists(name: &str) -> Record {
        Record::Exists {
            address: addr(name),
            token: format!("token-{name}").into(),
            object: object(name, None).into(),
        }
    }

    fn done(name: &str) -> Record {
        Record::Done {
            address: addr(name),
            instance: InstanceState::of(object(name, Some(&format!("token-{name}")))),
            token: None,
        }
    }

    fn output(value: Option<i64>) -> Record {
        Record::Output {
            name: "o".into(),
            value: value.map(|v| OutputState { value: v.into() }),
        }
    }

    fn fold_text(text: &[u8], state: Option<State>) -> Result<Folded, StateError> {
        fold(text, state, PLACE, &NoTypes, &codec(), ReadOptions::default())
    }

    /// Writes a journal, each inner list as one flush.
    fn write(serial: u64, batches: &[Vec<Record>]) -> String {
        let mut base = State::new(LINEAGE);
        base.serial = serial;
        let empty = fold_text(b"", Some(base)).unwrap();
        let mut journal = Journal::new("run", &empty, serial);
        let mut text = String::new();
        for batch in batches {
            for record in batch {
                journal.append(record, PLACE, &NoTypes, &codec()).unwrap();
            }
            let (at, line) = journal.next_line().unwrap();
            assert_eq!(at, text.len() as u64);
            text.push_str(&line);
            journal.flushed(line.len());
        }
        text
    }

    fn run() -> Vec<Vec<Record>> {
        vec![
            vec![intent("a"), intent("b")],
            vec![exists("a")],
            vec![done("a"), output(Some(1))],
            vec![intent("c")],
            vec![
                Record::Dropped {
                    token: "token-c".into(),
                },
                Record::End,
            ],
        ]
    }

    fn names(open: &[OpenIntent]) -> Vec<&str> {
        open.iter().map(|o| &*o.intent.address.resource.name).collect()
    }

    #[test]
    fn results_and_open_intents_are_folded() {
        let text = write(0, &run());
        let folded = fold_text(text.as_bytes(), None).unwrap();
        assert_eq!(folded.state.lineage, LINEAGE);
        assert_eq!(folded.state.instances.keys().collect::<Vec<_>>(), [&addr("a")]);
        assert_eq!(folded.state.outputs.len(), 1);
        assert_eq!(names(&folded.open), ["b"]);
        assert_eq!(folded.valid_len, text.len() as u64);
        let Record::Intent(expected) = intent("b") else {
            unreachable!()
        };
        assert_eq!(folded.open[0].intent, expected);
    }

    #[test]
    fn an_object_that_exists_is_kept_with_its_intent() {
        let text = write(0, &[vec![intent("a")], vec![exists("a")]]);
        let folded = fold_text(text.as_bytes(), None).unwrap();
        assert!(folded.state.is_empty());
        assert_eq!(folded.open[0].exists.as_deref(), Some(&object("a", None)));
    }

    #[test]
    fn gone_things_are_removed() {
        let gone = Record::Done {
            address: addr("a"),
            instance: InstanceState::default(),
            token: None,
        };
        let text = write(0, &[vec![done("a"), output(Some(1))], vec![gone, output(None)]]);
        assert!(fold_text(text.as_bytes(), None).unwrap().state.is_empty());
    }

    #[test]
    fn secrets_are_sealed() {
        assert!(!write(0, &run()).contains("hunter2"));
    }

    #[test]
    fn torn_anywhere_it_folds_to_a_prefix() {
        let batches = run();
        let text = write(0, &batches);
        let ends: Vec<usize> = text.match_indices('\n').map(|(i, _)| i + 1).collect();
        for cut in 0..=text.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let folded = fold_text(&text.as_bytes()[..cut], Some(State::new(LINEAGE))).unwrap();
            let prefix = write(0, &batches[..whole]);
            let expected = fold_text(prefix.as_bytes(), Some(State::new(LINEAGE))).unwrap();
            assert_eq!(folded, expected, "{cut}");
            assert_eq!(folded.lines, whole as u64);
        }
    }

    #[test]
    fn blocks_that_were_never_written_are_torn_off() {
        let text = write(0, &run());
        let last = text.trim_end().rfind('\n').unwrap() + 1;
        for (from, to) in [(last, text.len()), (last + 5, text.len()), (last, last + 9)] {
            let mut text = text.clone().into_bytes();
            text[from..to].fill(0);
            assert_eq!(fold_text(&text, None).unwrap().lines, 4);
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_refused() {
        let text = write(0, &run());
        let mut broken = text.clone().into_bytes();
        let second = text.find('\n').unwrap() + 1;
        for at in second..second + 40 {
            broken[at] ^= 1;
            let error = fold_text(&broken, None).unwrap_err();
            assert!(matches!(error, StateError::Journal { line: 2, .. }), "{at}: {error}");
            broken[at] ^= 1;
        }
        let without = format!("{}{}", &text[..second], text[second..].split_once('\n').unwrap().1);
        let error = fold_text(without.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(error.code(), "infra::state::journal");
    }

    #[test]
    fn another_lineage_is_refused() {
        let text = write(0, &run());
        let error = fold_text(text.as_bytes(), Some(State::new("other"))).unwrap_err();
        assert_eq!(error.code(), "infra::state::lineage");
    }

    #[test]
    fn a_newer_journal_is_refused() {
        let line = line_of_version(2, 0, &[r#"{"future":{}}"#.to_owned()]);
        let error = fold_text(line.as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), "infra::state::newer_format");
    }

    #[test]
    fn a_journal_without_its_state_is_refused() {
        let error = fold_text(write(3, &run()).as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), "infra::state::missing");
    }

    #[test]
    fn a_newer_snapshot_has_the_results_already() {
        let mut snapshot = State::new(LINEAGE);
        snapshot.serial = 4;
        let folded = fold_text(write(3, &run()).as_bytes(), Some(snapshot.clone())).unwrap();
        assert_eq!(folded.state, snapshot);
        assert_eq!(names(&folded.open), ["b"]);
    }

    #[test]
    fn the_rest_after_a_snapshot_is_the_open_intents() {
        let text = write(0, &[vec![intent("a"), intent("b"), exists("b")], vec![done("a")]]);
        let folded = fold_text(text.as_bytes(), None).unwrap();
        let journal = Journal::new("next", &folded, 0);
        let rest = journal.rest(1, PLACE, &NoTypes, &codec()).unwrap();
        let mut snapshot = folded.state.clone();
        snapshot.serial = 1;
        let again = fold_text(rest.as_bytes(), Some(snapshot)).unwrap();
        assert_eq!(again.open, folded.open);
    }

    proptest::proptest! {
        #[test]
        fn damaged_journals_do_not_panic(at: proptest::sample::Index, byte: u8) {
            let mut text = write(0, &run()).into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            let _ = fold_text(&text, None);
        }

        #[test]
        fn any_text_is_folded_or_refused(text: Vec<u8>) {
            let _ = fold_text(&text, None);
        }
    }
}
