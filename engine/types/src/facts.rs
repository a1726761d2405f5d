//! Collections that know what is true of all their parts.
//!
//! Asking a large value for its marks, or whether it is wholly known, must not
//! cost a walk: functions ask at each call. The answers are found once, when a
//! collection is made; its parts have theirs already.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use crate::{Marks, Str, Type, Value, ValueKind};

/// Types with more parts are not measured any further.
const MAX_TYPE: u64 = if cfg!(fuzzing) { 1 << 14 } else { 1 << 22 };

/// What is true of a value and all its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The marks found anywhere.
    pub marks: Marks,
    /// Whether nothing is unknown.
    pub known: bool,
    /// How many values it takes to write it down, plus the bytes of its texts.
    /// Shared parts count each time.
    pub size: u64,
    /// How deeply it nests.
    pub depth: u32,
}

impl Facts {
    const EMPTY: Facts = Facts {
        marks: Marks::NONE,
        known: true,
        size: 1,
        depth: 1,
    };

    fn with(self, value: &Value) -> Facts {
        let part = value.facts();
        Facts {
            marks: self.marks.union(part.marks),
            known: self.known && part.known,
            size: self.size.saturating_add(part.size),
            depth: self.depth.max(part.depth.saturating_add(1)),
        }
    }

    /// What stands for something of a type is as large as the type, for it grows
    /// in the same way.
    fn of_type(ty: &Type) -> Facts {
        if matches!(ty, Type::Dynamic) || ty.is_primitive() {
            return Facts::EMPTY;
        }
        let mut left = MAX_TYPE;
        let depth = ty.measure(&mut left);
        Facts {
            size: if left == 0 { u64::MAX } else { MAX_TYPE - left },
            depth,
            ..Facts::EMPTY
        }
    }

    /// Returns the facts of a value.
    pub(crate) fn of(value: &Value) -> Facts {
        let inner = match &value.kind {
            ValueKind::List(s) | ValueKind::Set(s) => s.items.facts,
            ValueKind::Map(m) => m.items.facts,
            ValueKind::Tuple(items) => items.facts,
            ValueKind::Object(attrs) => attrs.facts,
            ValueKind::String(s) => Facts {
                size: 1 + s.len() as u64,
                ..Facts::EMPTY
            },
            ValueKind::Unknown(ty, _) => Facts {
                known: false,
                ..Facts::of_type(ty)
            },
            ValueKind::Null(ty) => Facts::of_type(ty),
            ValueKind::Bool(_) | ValueKind::Number(_) => Facts::EMPTY,
        };
        Facts {
            marks: inner.marks.union(value.marks),
            ..inner
        }
    }
}

/// The items of a list, set or tuple.
#[derive(Clone, PartialEq)]
pub struct Items {
    values: Vec<Value>,
    facts: Facts,
}

/// The entries of a map or object.
#[derive(Clone, PartialEq)]
pub struct Entries {
    values: BTreeMap<Str, Value>,
    facts: Facts,
}

impl Items {
    /// Returns the items as a vector of their own.
    pub fn to_vec(&self) -> Vec<Value> {
        self.values.clone()
    }

    /// Returns the items.
    pub fn into_vec(self) -> Vec<Value> {
        self.values
    }
}

impl Entries {
    /// Returns the entries as a map of their own.
    pub fn to_map(&self) -> BTreeMap<Str, Value> {
        self.values.clone()
    }

    /// Returns the entries.
    pub fn into_map(self) -> BTreeMap<Str, Value> {
        self.values
    }
}

impl From<Vec<Value>> for Items {
    fn from(values: Vec<Value>) -> Self {
        let facts = values.iter().fold(Facts::EMPTY, Facts::with);
        Items { values, facts }
    }
}

impl From<BTreeMap<Str, Value>> for Entries {
    fn from(values: BTreeMap<Str, Value>) -> Self {
        let mut facts = Facts::EMPTY;
        for (key, value) in &values {
            facts = facts.with(value);
            facts.size = facts.size.saturating_add(key.len() as u64);
        }
        Entries { values, facts }
    }
}

impl FromIterator<Value> for Items {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl FromIterator<(Str, Value)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(values: I) -> Self {
        BTreeMap::from_iter(values).into()
    }
}

impl Deref for Items {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.values
    }
}

impl Deref for Entries {
    type Target = BTreeMap<Str, Value>;

    fn deref(&self) -> &BTreeMap<Str, Value> {
        &self.values
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a Str, &'a Value);
    type IntoIter = std::collections::btree_map::Iter<'a, Str, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Marks, Type, Value};

    #[test]
    fn parts_tell_of_themselves() {
        let inner = Value::object([("ab", Value::from("text").sensitive())]);
        let outer = Value::tuple(vec![inner.clone(), inner, Value::unknown(Type::String)]);
        let facts = outer.facts();
        assert_eq!(facts.marks, Marks::SENSITIVE);
        assert!(!facts.known);
        assert_eq!(facts.depth, 3);
        // Tuple, two objects with a key of two bytes and a text of four, an unknown value.
        assert_eq!(facts.size, 1 + 2 * (1 + 2 + 1 + 4) + 1);
    }

    #[test]
    fn what_doubles_is_counted_without_a_walk() {
        let mut value = Value::from(1);
        for _ in 0..100 {
            value = Value::tuple(vec![value.clone(), value]);
        }
        assert_eq!(value.facts().size, u64::MAX);
        assert!(value.is_wholly_known());
        assert!(value.deep_marks().is_empty());
    }
}
