//! Values as JSON, with their secrets sealed.
//!
//! JSON has fewer forms than values have. Where the schema gives the type,
//! nothing is added; elsewhere, and for secrets, an object with one of the keys
//! below stands for the value. Other keys that begin with `$` get one more `$`.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use infra_types::{Marks, Str, Type, Value, ValueKind};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::error::KeyError;
use crate::secret::{LineageKey, SecretCodec};

/// Stands for a sealed secret.
pub(super) const SEALED: &str = "$sealed";
/// Within a sealed text: marks a part that is itself sensitive.
pub(super) const SENSITIVE: &str = "$sensitive";
/// Gives the type of what follows as [`VALUE`].
pub(super) const TYPE: &str = "$type";
/// The value of the type given by [`TYPE`].
pub(super) const VALUE: &str = "$value";
/// Stands for a number that JSON cannot write.
pub(super) const NUMBER: &str = "$number";

pub(super) static DYNAMIC: Type = Type::Dynamic;

/// How deep values may be nested. What is written can always be read again:
/// readers allow for a type and a seal at each level.
pub(super) const MAX_DEPTH: usize = 64;

/// The way to a part of a value, kept on the stack.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    parent: Option<&'a Steps<'a>>,
    step: Option<Step<'a>>,
    pub(super) depth: usize,
}

/// One step of the way.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Steps<'a> {
    pub(super) const ROOT: Steps<'static> = Steps {
        parent: None,
        step: None,
        depth: 0,
    };

    pub(super) fn name(&'a self, name: &'a str) -> Steps<'a> {
        self.join(Step::Name(name))
    }

    pub(super) fn index(&'a self, index: usize) -> Steps<'a> {
        self.join(Step::Index(index))
    }

    /// Returns the same place, one level deeper in the text.
    pub(super) fn deeper(&self) -> Steps<'a> {
        Steps {
            depth: self.depth + 1,
            ..*self
        }
    }

    fn join(&'a self, step: Step<'a>) -> Steps<'a> {
        Steps {
            parent: Some(self),
            step: Some(step),
            depth: self.depth + 1,
        }
    }

    /// Returns the steps as file steps.
    fn list(&self) -> Vec<FileStep> {
        let mut steps = Vec::with_capacity(self.depth);
        let mut at = Some(self);
        while let Some(here) = at {
            match here.step {
                Some(Step::Name(name)) => steps.push(FileStep::Name(name.to_owned())),
                Some(Step::Index(index)) => steps.push(FileStep::Index(index)),
                None => {}
            }
            at = here.parent;
        }
        steps.reverse();
        steps
    }

    /// Returns the text that a secret at this place is bound to.
    pub(super) fn place(&self, owner: &str) -> String {
        let steps = serde_json::to_string(&self.list()).expect("steps are plain data");
        format!("{owner} {steps}")
    }
}

/// A step of a path in the file: a name or an index.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum FileStep {
    /// An attribute or a key.
    Name(String),
    /// A position.
    Index(usize),
}

/// Writes paths, each on one line.
pub(super) fn write_paths<S: Serializer>(paths: &[Vec<FileStep>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(Some(paths.len()))?;
    for path in paths {
        seq.serialize_element(&on_one_line(path).map_err(S::Error::custom)?)?;
    }
    seq.end()
}

/// Keeps pretty printing out of a small part.
fn on_one_line(part: &impl Serialize) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(part)
}

/// Returns the paths of the outermost sensitive parts of a value.
pub(super) fn sensitive_paths(value: &Value) -> Vec<Vec<FileStep>> {
    let mut paths = Vec::new();
    collect_sensitive(value, &Steps::ROOT, &mut paths);
    paths
}

fn collect_sensitive(value: &Value, steps: &Steps<'_>, paths: &mut Vec<Vec<FileStep>>) {
    if value.marks.contains(Marks::EPHEMERAL) {
        return;
    }
    if value.is_sensitive() {
        paths.push(steps.list());
        return;
    }
    match &value.kind {
        ValueKind::List(s) | ValueKind::Set(s) => collect_items(&s.items, steps, paths),
        ValueKind::Tuple(items) => collect_items(items, steps, paths),
        ValueKind::Map(m) => collect_entries(m.items.iter(), steps, paths),
        ValueKind::Object(attrs) => collect_entries(attrs.iter(), steps, paths),
        _ => {}
    }
}

fn collect_items(items: &[Value], steps: &Steps<'_>, paths: &mut Vec<Vec<FileStep>>) {
    for (i, item) in items.iter().enumerate() {
        collect_sensitive(item, &steps.index(i), paths);
    }
}

fn collect_entries<'v>(
    entries: impl Iterator<Item = (&'v Str, &'v Value)>,
    steps: &Steps<'_>,
    paths: &mut Vec<Vec<FileStep>>,
) {
    for (name, value) in entries {
        collect_sensitive(value, &steps.name(name), paths);
    }
}

/// Seals secrets for one lineage. The key is looked for when the first secret comes.
pub(crate) struct Sealer<'c> {
    codec: &'c SecretCodec,
    lineage: &'c str,
    key: OnceCell<Arc<LineageKey>>,
    failed: RefCell<Option<KeyError>>,
}

impl<'c> Sealer<'c> {
    pub(crate) fn new(codec: &'c SecretCodec, lineage: &'c str) -> Sealer<'c> {
        Sealer {
            codec,
            lineage,
            key: OnceCell::new(),
            failed: RefCell::new(None),
        }
    }

    /// Takes the reason why there was no key to seal with.
    pub(crate) fn take_failure(&self) -> Option<KeyError> {
        self.failed.borrow_mut().take()
    }

    fn key(&self) -> Result<&LineageKey, KeyError> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = self.codec.sealing_key(self.lineage)?;
        Ok(self.key.get_or_init(|| key))
    }

    fn seal<E: Error>(&self, place: &str, plain: &[u8]) -> Result<String, E> {
        match self.key() {
            Ok(key) => Ok(key.seal(place, plain)),
            Err(e) => {
                let message = e.to_string();
                *self.failed.borrow_mut() = Some(e);
                Err(E::custom(message))
            }
        }
    }
}

/// A value where it is written.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    value: &'a Value,
    ty: &'a Type,
    /// What the value belongs to: an address, or an output.
    owner: &'a str,
    steps: Steps<'a>,
    /// None within a sealed text.
    sealer: Option<&'a Sealer<'a>>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(value: &'a Value, ty: &'a Type, owner: &'a str, sealer: &'a Sealer<'a>) -> Place<'a> {
        Place {
            value,
            ty,
            owner,
            steps: Steps::ROOT,
            sealer: Some(sealer),
        }
    }

    fn write_items<S: Serializer>(&self, serializer: S, items: &[Value], ty: &Type) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(items.len()))?;
        for (i, item) in items.iter().enumerate() {
            let ty = match ty {
                Type::List(t) | Type::Set(t) => t,
                Type::Tuple(ts) => ts.get(i).unwrap_or(&DYNAMIC),
                _ => &DYNAMIC,
            };
            seq.serialize_element(&Place {
                value: item,
                ty,
                owner: self.owner,
                steps: self.steps.index(i),
                sealer: self.sealer,
            })?;
        }
        seq.end()
    }

    fn write_entries<'v, S: Serializer>(
        &self,
        serializer: S,
        entries: impl Iterator<Item = (&'v Str, &'v Value)>,
        len: usize,
        ty: &Type,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(len))?;
        for (name, value) in entries {
            let ty = match ty {
                Type::Map(t) => t,
                Type::Object(attrs) => attrs.get(name).map_or(&DYNAMIC, |a| &a.ty),
                _ => &DYNAMIC,
            };
            let place = Place {
                value,
                ty,
                owner: self.owner,
                steps: self.steps.name(name),
                sealer: self.sealer,
            };
            if name.starts_with('$') {
                map.serialize_entry(&format!("${name}"), &place)?;
            } else {
                map.serialize_entry(&**name, &place)?;
            }
        }
        map.end()
    }

    /// Writes the value with its type.
    fn write_typed<S: Serializer>(&self, serializer: S, ty: &Type) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(
            TYPE,
            &on_one_line(&infra_types::type_to_json(ty)).map_err(S::Error::custom)?,
        )?;
        map.serialize_entry(
            VALUE,
            &Place {
                value: self.value,
                ty,
                owner: self.owner,
                steps: self.steps,
                sealer: self.sealer,
            },
        )?;
        map.end()
    }

    fn write_sensitive<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let clear = Value {
            kind: self.value.kind.clone(),
            marks: self.value.marks.without(Marks::SENSITIVE),
        };
        let inner = Place {
            value: &clear,
            ty: self.ty,
            owner: self.owner,
            steps: self.steps,
            sealer: None,
        };
        let mut map = serializer.serialize_map(Some(1))?;
        match self.sealer {
            Some(sealer) => {
                let plain = serde_json::to_vec(&inner).map_err(S::Error::custom)?;
                let sealed = sealer.seal(&self.steps.place(self.owner), &plain)?;
                map.serialize_entry(SEALED, &sealed)?;
            }
            None => map.serialize_entry(SENSITIVE, &inner)?,
        }
        map.end()
    }

    fn write_number<S: Serializer>(&self, serializer: S, number: &infra_types::Number) -> Result<S::Ok, S::Error> {
        if let Some(i) = number.to_i64() {
            return serializer.serialize_i64(i);
        }
        if number.is_infinite() {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(NUMBER, if number.is_negative() { "-Inf" } else { "Inf" })?;
            return map.end();
        }
        let text = number.to_string();
        let number: serde_json::Number = text.parse().map_err(S::Error::custom)?;
        number.serialize(serializer)
    }
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.steps.depth > MAX_DEPTH {
            return Err(S::Error::custom(format!(
                "a value of `{}` is nested more than {MAX_DEPTH} levels deep",
                self.owner
            )));
        }
        if self.value.marks.contains(Marks::EPHEMERAL) || !self.value.is_known() {
            // Neither is remembered; the type is, like that of any null.
            let null = Value {
                kind: ValueKind::Null(self.value.ty()),
                marks: self.value.marks.without(Marks::EPHEMERAL),
            };
            let place = Place { value: &null, ..*self };
            return place.serialize(serializer);
        }
        if self.value.is_sensitive() {
            return self.write_sensitive(serializer);
        }
        let dynamic = *self.ty == Type::Dynamic;
        match &self.value.kind {
            ValueKind::Null(t) if dynamic && *t != Type::Dynamic => self.write_typed(serializer, t),
            ValueKind::Null(_) | ValueKind::Unknown(..) => serializer.serialize_unit(),
            ValueKind::Bool(b) => serializer.serialize_bool(*b),
            ValueKind::Number(n) => self.write_number(serializer, n),
            ValueKind::String(s) => serializer.serialize_str(s),
            ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Map(_) if dynamic => {
                self.write_typed(serializer, &self.value.ty())
            }
            ValueKind::List(s) | ValueKind::Set(s) => self.write_items(serializer, &s.items, self.ty),
            ValueKind::Tuple(items) => self.write_items(serializer, items, self.ty),
            ValueKind::Map(m) => self.write_entries(serializer, m.items.iter(), m.items.len(), self.ty),
            ValueKind::Object(attrs) => self.write_entries(serializer, attrs.iter(), attrs.len(), self.ty),
        }
    }
}
