//! Values: what expressions evaluate to.
//!
//! Cheap to clone: everything large is shared. A value may be unknown (its
//! type, and more, may be known) and carries marks, such as *sensitive*.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::{Entries, Facts, Items};
use crate::{Number, Str, Type, set_order};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: ValueKind,
    /// What must be remembered about it. Marks of a collection cover all it holds.
    pub marks: Marks,
}

/// The forms of values.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// No value, of a type.
    Null(Type),
    /// A value that is not known yet, of a type, with what is known of it.
    Unknown(Type, Option<Arc<Refinement>>),
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, in NFC.
    String(Str),
    /// A list.
    List(Arc<Seq>),
    /// A set: sorted, without repetitions. May hold unknown elements.
    Set(Arc<Seq>),
    /// A map.
    Map(Arc<MapValue>),
    /// A tuple.
    Tuple(Arc<Items>),
    /// An object.
    Object(Arc<Entries>),
}

/// The items of a list or set with their common type.
#[derive(Clone, Debug, PartialEq)]
pub struct Seq {
    /// The element type.
    pub elem: Type,
    /// The elements.
    pub items: Items,
}

/// The entries of a map with their common type.
#[derive(Clone, Debug, PartialEq)]
pub struct MapValue {
    /// The element type.
    pub elem: Type,
    /// The entries.
    pub items: Entries,
}

/// What is known of an unknown value besides its type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refinement {
    /// It will not be null.
    pub not_null: bool,
    /// The text a string will start with.
    pub prefix: Option<Str>,
    /// Lower bound of a collection's length.
    pub min_len: Option<usize>,
    /// Upper bound of a collection's length.
    pub max_len: Option<usize>,
}

/// Marks of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Marks(u8);

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);
    /// Must not be shown; is not stored in clear.
    pub const SENSITIVE: Marks = Marks(1);
    /// Exists during one run only; is never stored.
    pub const EPHEMERAL: Marks = Marks(2);

    /// Returns both together.
    pub fn union(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// Says whether all of `other` are set.
    pub fn contains(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these without `other`.
    pub fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }

    /// Says whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<ValueKind> for Value {
    fn from(kind: ValueKind) -> Self {
        Value {
            kind,
            marks: Marks::NONE,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        ValueKind::Bool(b).into()
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        ValueKind::Number(n.into()).into()
    }
}

impl From<Number> for Value {
    fn from(n: Number) -> Self {
        ValueKind::Number(n).into()
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::string(s)
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::string(s)
    }
}

impl From<Str> for Value {
    fn from(s: Str) -> Self {
        Value::string(s)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// Turns `None` into an untyped null.
    fn from(o: Option<T>) -> Self {
        o.map_or_else(Value::null, Into::into)
    }
}

impl Value {
    /// A null without a type.
    pub fn null() -> Value {
        Value::null_of(Type::Dynamic)
    }

    /// A null of a type.
    pub fn null_of(ty: Type) -> Value {
        ValueKind::Null(ty).into()
    }

    /// An unknown value of a type.
    pub fn unknown(ty: Type) -> Value {
        ValueKind::Unknown(ty, None).into()
    }

    /// An unknown value of a type that will not be null.
    pub fn unknown_not_null(ty: Type) -> Value {
        ValueKind::Unknown(
            ty,
            Some(Arc::new(Refinement {
                not_null: true,
                ..Refinement::default()
            })),
        )
        .into()
    }

    /// A string. The text is brought to NFC.
    pub fn string(s: impl Into<Str>) -> Value {
        ValueKind::String(normalize(s.into())).into()
    }

    /// A list. The items must have the element type.
    pub fn list(elem: Type, items: Vec<Value>) -> Value {
        ValueKind::List(Arc::new(Seq {
            elem,
            items: items.into(),
        }))
        .into()
    }

    /// A list of strings.
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Value {
        Value::list(Type::String, items.into_iter().map(Value::string).collect())
    }

    /// A map. The items must have the element type.
    pub fn map(elem: Type, items: Entries) -> Value {
        ValueKind::Map(Arc::new(MapValue { elem, items })).into()
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        ValueKind::Tuple(Arc::new(items.into())).into()
    }

    /// An object.
    pub fn object<K: Into<Str>>(attrs: impl IntoIterator<Item = (K, Value)>) -> Value {
        ValueKind::Object(Arc::new(attrs.into_iter().map(|(k, v)| (k.into(), v)).collect())).into()
    }

    /// A set: sorts the items and drops repetitions.
    ///
    /// Marks of items become marks of the set.
    pub fn set(elem: Type, mut items: Vec<Value>) -> Value {
        let marks = union_marks(items.iter());
        if !marks.is_empty() {
            items = items.iter().map(Value::unmark_deep).collect();
        }
        set_order::sort(&mut items);
        items.dedup_by(|a, b| a.same_value(b) && a.is_wholly_known() && b.is_wholly_known());
        Value {
            kind: ValueKind::Set(Arc::new(Seq {
                elem,
                items: items.into(),
            })),
            marks,
        }
    }

    /// Says whether the value is certainly not null: known and not null, or
    /// unknown with that promise.
    pub fn is_never_null(&self) -> bool {
        match &self.kind {
            ValueKind::Null(_) => false,
            ValueKind::Unknown(_, known) => known.as_ref().is_some_and(|k| k.not_null),
            _ => true,
        }
    }

    /// Returns the value's type.
    pub fn ty(&self) -> Type {
        match &self.kind {
            ValueKind::Null(t) | ValueKind::Unknown(t, _) => t.clone(),
            ValueKind::Bool(_) => Type::Bool,
            ValueKind::Number(_) => Type::Number,
            ValueKind::String(_) => Type::String,
            ValueKind::List(s) => Type::list(s.elem.clone()),
            ValueKind::Set(s) => Type::set(s.elem.clone()),
            ValueKind::Map(m) => Type::map(m.elem.clone()),
            ValueKind::Tuple(items) => Type::tuple(items.iter().map(Value::ty).collect()),
            ValueKind::Object(attrs) => Type::object(attrs.iter().map(|(k, v)| (k.clone(), v.ty()))),
        }
    }

    /// Says whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, ValueKind::Null(_))
    }

    /// Says whether the value itself is known; parts of it may not be.
    pub fn is_known(&self) -> bool {
        !matches!(self.kind, ValueKind::Unknown(..))
    }

    /// Returns what is true of it and all its parts.
    pub fn facts(&self) -> Facts {
        Facts::of(self)
    }

    /// Says whether all of it is known.
    pub fn is_wholly_known(&self) -> bool {
        self.facts().known
    }

    /// Says whether the value itself is marked sensitive.
    pub fn is_sensitive(&self) -> bool {
        self.marks.contains(Marks::SENSITIVE)
    }

    /// Returns the marks of the value and all its parts.
    pub fn deep_marks(&self) -> Marks {
        self.facts().marks
    }

    /// Says whether it or any part is marked sensitive.
    pub fn contains_sensitive(&self) -> bool {
        self.deep_marks().contains(Marks::SENSITIVE)
    }

    /// Adds marks to the value itself.
    pub fn with_marks(mut self, marks: Marks) -> Value {
        self.marks = self.marks.union(marks);
        self
    }

    /// Marks it sensitive.
    pub fn sensitive(self) -> Value {
        self.with_marks(Marks::SENSITIVE)
    }

    /// Returns the value without its own marks (parts keep theirs).
    pub fn unmarked(mut self) -> Value {
        self.marks = Marks::NONE;
        self
    }

    /// Returns the value with no marks anywhere.
    pub fn unmark_deep(&self) -> Value {
        if self.deep_marks().is_empty() {
            return self.clone();
        }
        self.map_children(Value::unmark_deep).unmarked()
    }

    /// Returns the value with each direct part replaced; keeps its own marks.
    ///
    /// The parts must keep their types. Sets are sorted again.
    pub fn map_children(&self, mut f: impl FnMut(&Value) -> Value) -> Value {
        let kind = match &self.kind {
            ValueKind::List(s) => ValueKind::List(Arc::new(Seq {
                elem: s.elem.clone(),
                items: s.items.iter().map(f).collect(),
            })),
            ValueKind::Set(s) => {
                return Value::set(s.elem.clone(), s.items.iter().map(f).collect()).with_marks(self.marks);
            }
            ValueKind::Map(m) => ValueKind::Map(Arc::new(MapValue {
                elem: m.elem.clone(),
                items: m.items.iter().map(|(k, v)| (k.clone(), f(v))).collect(),
            })),
            ValueKind::Tuple(items) => ValueKind::Tuple(Arc::new(items.iter().map(f).collect())),
            ValueKind::Object(attrs) => {
                ValueKind::Object(Arc::new(attrs.iter().map(|(k, v)| (k.clone(), f(v))).collect()))
            }
            other => other.clone(),
        };
        Value {
            kind,
            marks: self.marks,
        }
    }

    /// Says whether both are the same value, whatever their marks.
    pub fn same_value(&self, other: &Value) -> bool {
        match (&self.kind, &other.kind) {
            (ValueKind::List(a), ValueKind::List(b)) | (ValueKind::Set(a), ValueKind::Set(b)) => {
                Arc::ptr_eq(a, b) || same_items(&a.items, &b.items)
            }
            (ValueKind::Map(a), ValueKind::Map(b)) => Arc::ptr_eq(a, b) || same_entries(&a.items, &b.items),
            (ValueKind::Tuple(a), ValueKind::Tuple(b)) => Arc::ptr_eq(a, b) || same_items(a, b),
            (ValueKind::Object(a), ValueKind::Object(b)) => Arc::ptr_eq(a, b) || same_entries(a, b),
            (ValueKind::Null(_), ValueKind::Null(_)) => true,
            (a, b) => a == b,
        }
    }

    /// Returns the text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::String(s) => Some(s),
            _ => None,
        }
    }

    /// Returns the truth value, if it is a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            ValueKind::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// Returns the number, if it is a known one.
    pub fn as_number(&self) -> Option<&Number> {
        match &self.kind {
            ValueKind::Number(n) => Some(n),
            _ => None,
        }
    }

    /// Returns the number as an integer, if it is a known one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::to_i64)
    }

    /// Returns the items of a known list, set or tuple.
    pub fn as_items(&self) -> Option<&[Value]> {
        match &self.kind {
            ValueKind::List(s) | ValueKind::Set(s) => Some(&s.items),
            ValueKind::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the entries of a known map or object.
    pub fn as_entries(&self) -> Option<&Entries> {
        match &self.kind {
            ValueKind::Map(m) => Some(&m.items),
            ValueKind::Object(attrs) => Some(attrs),
            _ => None,
        }
    }

    /// Returns an entry of a map or object without regard to marks.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_entries()?.get(name)
    }

    /// Returns the text of an entry, if it is there and a known string.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Returns an object with one attribute set. Other values become an object.
    pub fn with_attr(&self, name: impl Into<Str>, value: Value) -> Value {
        let mut attrs = match &self.kind {
            ValueKind::Object(attrs) => attrs.to_map(),
            _ => BTreeMap::new(),
        };
        attrs.insert(name.into(), value);
        Value {
            kind: ValueKind::Object(Arc::new(attrs.into())),
            marks: self.marks,
        }
    }
}

/// Brings a text to NFC.
pub(crate) fn normalize(s: Str) -> Str {
    if s.is_ascii() || unicode_normalization::is_nfc(&s) {
        return s;
    }
    use unicode_normalization::UnicodeNormalization;
    s.nfc().collect::<String>().into()
}

fn union_marks<'a>(values: impl Iterator<Item = &'a Value>) -> Marks {
    values.fold(Marks::NONE, |m, v| m.union(v.deep_marks()))
}

fn same_items(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_value(y))
}

fn same_entries(a: &Entries, b: &Entries) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((k, x), (l, y))| k == l && x.same_value(y))
}
