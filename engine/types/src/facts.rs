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

/// The entries of a map or object, sorted by their names.
///
/// They are made once and then read, so they take no more room than they need.
#[derive(Clone, PartialEq)]
pub struct Entries {
    values: Box<[(Str, Value)]>,
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
    /// Returns the entries as a map that can be changed.
    pub fn to_map(&self) -> BTreeMap<Str, Value> {
        self.values.iter().cloned().collect()
    }

    /// Returns the entries.
    pub fn into_map(self) -> BTreeMap<Str, Value> {
        self.values.into_vec().into_iter().collect()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        Some(self.get_key_value(name)?.1)
    }

    /// Returns the entry of a name, with the name as it is held here.
    pub fn get_key_value(&self, name: &str) -> Option<(&Str, &Value)> {
        let found = self.values.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        let (key, value) = &self.values[found];
        Some((key, value))
    }

    /// Says whether there is a value of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Iterates over names and values, sorted by name.
    pub fn iter(&self) -> EntriesIter<'_> {
        EntriesIter(self.values.iter())
    }

    /// Iterates over the names, sorted.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Str> + ExactSizeIterator + Clone {
        self.values.iter().map(|(key, _)| key)
    }

    /// Iterates over the values, sorted by their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.values.iter().map(|(_, value)| value)
    }

    fn of_sorted(values: Box<[(Str, Value)]>) -> Self {
        let mut facts = Facts::EMPTY;
        for (key, value) in &values {
            facts = facts.with(value);
            facts.size = facts.size.saturating_add(key.len() as u64);
        }
        Entries { values, facts }
    }
}

/// Iterates over [`Entries`].
#[derive(Clone, Debug)]
pub struct EntriesIter<'a>(std::slice::Iter<'a, (Str, Value)>);

impl<'a> Iterator for EntriesIter<'a> {
    type Item = (&'a Str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for EntriesIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl ExactSizeIterator for EntriesIter<'_> {}

impl From<Vec<Value>> for Items {
    fn from(values: Vec<Value>) -> Self {
        let facts = values.iter().fold(Facts::EMPTY, Facts::with);
        Items { values, facts }
    }
}

impl From<BTreeMap<Str, Value>> for Entries {
    fn from(values: BTreeMap<Str, Value>) -> Self {
        Entries::of_sorted(values.into_iter().collect())
    }
}

impl<const N: usize> From<[(Str, Value); N]> for Entries {
    fn from(values: [(Str, Value); N]) -> Self {
        values.into_iter().collect()
    }
}

impl FromIterator<Value> for Items {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl FromIterator<(Str, Value)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(values: I) -> Self {
        let mut values = Vec::from_iter(values);
        if !values.is_sorted_by(|(a, _), (b, _)| a < b) {
            // A repeated name stands for its last value.
            values.reverse();
            values.sort_by(|(a, _), (b, _)| a.cmp(b));
            values.dedup_by(|(a, _), (b, _)| a == b);
        }
        let exact = match values.len() == values.capacity() {
            true => values.into_boxed_slice(),
            false => values.drain(..).collect(),
        };
        Entries::of_sorted(exact)
    }
}

impl Deref for Items {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
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
    type IntoIter = EntriesIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Entries {
    type Item = (Str, Value);
    type IntoIter = std::vec::IntoIter<(Str, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_vec().into_iter()
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Entries;
    use crate::{Marks, Str, Type, Value};

    #[test]
    fn entries_are_sorted_and_the_last_of_a_name_counts() {
        let pairs = [("b", 1), ("a", 2), ("b", 3), ("aa", 4), ("b", 5)];
        let entries: Entries = pairs.iter().map(|(k, v)| (Str::from(*k), Value::from(*v))).collect();
        assert_eq!(entries.keys().map(|k| &**k).collect::<Vec<_>>(), ["a", "aa", "b"]);
        assert_eq!(entries.get("b").and_then(Value::as_i64), Some(5));
        assert_eq!(entries.get("ab"), None);
        assert_eq!(entries.len(), 3);
        assert_eq!(Entries::from(entries.to_map()), entries);
    }

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
