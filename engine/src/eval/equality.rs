//! Equality of values.

use infra_types::{Entries, Marks, Refinement, Type, Value, ValueKind};

/// Says whether two values are equal: a bool, maybe unknown, with the marks of both.
///
/// Values of different types are not equal, even a list and a tuple of the same elements.
pub fn equals(a: &Value, b: &Value) -> Value {
    let marks: Marks = a.deep_marks().union(b.deep_marks());
    let result = match compare(a, b) {
        Some(equal) => equal.into(),
        None => Value::unknown_not_null(Type::Bool),
    };
    result.with_marks(marks)
}

/// Compares; nothing if it depends on what is unknown.
fn compare(a: &Value, b: &Value) -> Option<bool> {
    match (&a.kind, &b.kind) {
        (ValueKind::Unknown(_, known), other) | (other, ValueKind::Unknown(_, known)) => {
            let known = known.as_deref()?;
            excludes(known, other).then_some(false)
        }
        (ValueKind::Null(_), ValueKind::Null(_)) => Some(true),
        (ValueKind::Null(_), _) | (_, ValueKind::Null(_)) => Some(false),
        _ if !same_types(a, b) => Some(false),
        _ => parts(a, b),
    }
}

/// Compares values of the same type.
fn parts(a: &Value, b: &Value) -> Option<bool> {
    match (&a.kind, &b.kind) {
        (ValueKind::Unknown(..), _)
        | (_, ValueKind::Unknown(..))
        | (ValueKind::Null(_), _)
        | (_, ValueKind::Null(_)) => compare(a, b),
        (ValueKind::Bool(a), ValueKind::Bool(b)) => Some(a == b),
        (ValueKind::Number(a), ValueKind::Number(b)) => Some(a == b),
        (ValueKind::String(a), ValueKind::String(b)) => Some(a == b),
        (ValueKind::List(a), ValueKind::List(b)) => sequences(&a.items, &b.items),
        (ValueKind::Tuple(a), ValueKind::Tuple(b)) => sequences(a, b),
        (ValueKind::Set(x), ValueKind::Set(y)) => {
            if a.is_wholly_known() && b.is_wholly_known() {
                sequences(&x.items, &y.items)
            } else {
                None
            }
        }
        (ValueKind::Map(a), ValueKind::Map(b)) => entries(&a.items, &b.items),
        (ValueKind::Object(a), ValueKind::Object(b)) => entries(a, b),
        _ => Some(false),
    }
}

fn sequences(a: &[Value], b: &[Value]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    conclude(a.iter().zip(b).map(|(a, b)| parts(a, b)))
}

fn entries(a: &Entries, b: &Entries) -> Option<bool> {
    if a.len() != b.len() || !a.keys().eq(b.keys()) {
        return Some(false);
    }
    conclude(a.values().zip(b.values()).map(|(a, b)| parts(a, b)))
}

/// One difference decides; otherwise one unknown leaves it open.
fn conclude(results: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut open = false;
    for result in results {
        match result {
            Some(true) => {}
            Some(false) => return Some(false),
            None => open = true,
        }
    }
    (!open).then_some(true)
}

/// Says whether what is known of an unknown value rules out that it is this one.
fn excludes(known: &Refinement, other: &ValueKind) -> bool {
    match other {
        ValueKind::Null(_) => known.not_null,
        ValueKind::String(s) => known.prefix.as_ref().is_some_and(|p| !s.starts_with(&**p)),
        ValueKind::List(s) | ValueKind::Set(s) => excludes_len(known, s.items.len()),
        ValueKind::Map(m) => excludes_len(known, m.items.len()),
        _ => false,
    }
}

fn excludes_len(known: &Refinement, len: usize) -> bool {
    known.min_len.is_some_and(|min| len < min) || known.max_len.is_some_and(|max| len > max)
}

/// Says whether the types are the same, without building them.
fn same_types(a: &Value, b: &Value) -> bool {
    match (&a.kind, &b.kind) {
        (ValueKind::Bool(_), ValueKind::Bool(_))
        | (ValueKind::Number(_), ValueKind::Number(_))
        | (ValueKind::String(_), ValueKind::String(_)) => true,
        (ValueKind::List(a), ValueKind::List(b)) | (ValueKind::Set(a), ValueKind::Set(b)) => a.elem == b.elem,
        (ValueKind::Map(a), ValueKind::Map(b)) => a.elem == b.elem,
        (ValueKind::Tuple(a), ValueKind::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_types(a, b))
        }
        (ValueKind::Object(a), ValueKind::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|((k, a), (l, b))| k == l && same_types(a, b))
        }
        (ValueKind::Null(t), _) | (ValueKind::Unknown(t, _), _) => b.is_of(t),
        (_, ValueKind::Null(t) | ValueKind::Unknown(t, _)) => a.is_of(t),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: Value, b: Value, expect: Option<bool>) {
        assert_eq!(equals(&a, &b).as_bool(), expect, "{a:?} == {b:?}");
        assert_eq!(equals(&b, &a).as_bool(), expect, "{b:?} == {a:?}");
    }

    #[test]
    fn types_count() {
        check(1i64.into(), "1".into(), Some(false));
        let tuple = Value::tuple(vec!["a".into()]);
        check(tuple.clone(), Value::strings(["a"]), Some(false));
        check(tuple.clone(), tuple, Some(true));
        check(Value::null(), Value::null_of(Type::String), Some(true));
        check(
            Value::tuple(vec![Value::null()]),
            Value::tuple(vec![Value::null_of(Type::String)]),
            Some(false),
        );
    }

    #[test]
    fn unknowns_leave_it_open_unless_excluded() {
        check(Value::unknown(Type::String), "a".into(), None);
        check(Value::unknown(Type::String), Value::null(), None);
        check(Value::unknown_not_null(Type::String), Value::null(), Some(false));
        let half = |s: &str| Value::tuple(vec![s.into(), Value::unknown(Type::String)]);
        check(half("a"), half("b"), Some(false));
        check(half("a"), half("a"), None);
    }
}
