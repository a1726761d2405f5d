//! The order of elements in a set.
//!
//! Primitives go by value. Other elements go by a text made of their parts,
//! the same that Terraform uses; nulls and unknown values come last.

use std::cmp::Ordering;

use crate::printable::is_printable;
use crate::{Entries, Value, ValueKind};

impl Value {
    /// Orders elements of sets: by value for primitives, by a text made of the parts otherwise.
    pub fn set_order(&self, other: &Value) -> Ordering {
        rank(self).cmp(&rank(other)).then_with(|| {
            if is_simple(self) && is_simple(other) {
                structural(self, other)
            } else {
                key(self).cmp(&key(other)).then_with(|| structural(self, other))
            }
        })
    }
}

/// Sorts elements.
pub(crate) fn sort(items: &mut [Value]) {
    if items.iter().all(is_simple) {
        items.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| structural(a, b)));
    } else if !items.is_sorted_by(|a, b| a.set_order(b).is_le()) {
        let mut keyed: Vec<_> = items.iter().map(|v| (rank(v), key(v), v.clone())).collect();
        keyed.sort_by(|(r, k, v), (s, l, w)| (r, k).cmp(&(s, l)).then_with(|| structural(v, w)));
        for (place, (_, _, value)) in items.iter_mut().zip(keyed) {
            *place = value;
        }
    }
}

/// Nulls follow values; unknown values follow nulls.
fn rank(value: &Value) -> u8 {
    match value.kind {
        ValueKind::Null(_) => 1,
        ValueKind::Unknown(..) => 2,
        _ => 0,
    }
}

fn is_simple(value: &Value) -> bool {
    matches!(
        value.kind,
        ValueKind::Bool(_) | ValueKind::Number(_) | ValueKind::String(_) | ValueKind::Null(_) | ValueKind::Unknown(..)
    )
}

fn structural(a: &Value, b: &Value) -> Ordering {
    fn kind(k: &ValueKind) -> u8 {
        match k {
            ValueKind::Bool(_) => 0,
            ValueKind::Number(_) => 1,
            ValueKind::String(_) => 2,
            ValueKind::List(_) => 3,
            ValueKind::Set(_) => 4,
            ValueKind::Tuple(_) => 5,
            ValueKind::Map(_) => 6,
            ValueKind::Object(_) => 7,
            ValueKind::Null(_) => 8,
            ValueKind::Unknown(..) => 9,
        }
    }
    fn items(a: &[Value], b: &[Value]) -> Ordering {
        let parts = a.iter().zip(b).map(|(x, y)| structural(x, y));
        first_difference(parts).then_with(|| a.len().cmp(&b.len()))
    }
    fn entries(a: &Entries, b: &Entries) -> Ordering {
        let parts = a
            .iter()
            .zip(b)
            .map(|((k, x), (l, y))| k.cmp(l).then_with(|| structural(x, y)));
        first_difference(parts).then_with(|| a.len().cmp(&b.len()))
    }
    fn first_difference(mut parts: impl Iterator<Item = Ordering>) -> Ordering {
        parts.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
    match (&a.kind, &b.kind) {
        (ValueKind::Bool(a), ValueKind::Bool(b)) => a.cmp(b),
        (ValueKind::Number(a), ValueKind::Number(b)) => a.cmp(b),
        (ValueKind::String(a), ValueKind::String(b)) => a.cmp(b),
        (ValueKind::List(a), ValueKind::List(b)) | (ValueKind::Set(a), ValueKind::Set(b)) => items(&a.items, &b.items),
        (ValueKind::Tuple(a), ValueKind::Tuple(b)) => items(a, b),
        (ValueKind::Map(a), ValueKind::Map(b)) => entries(&a.items, &b.items),
        (ValueKind::Object(a), ValueKind::Object(b)) => entries(a, b),
        (a, b) => kind(a).cmp(&kind(b)),
    }
}

fn key(value: &Value) -> String {
    let mut out = String::new();
    write_key(value, &mut out);
    out
}

fn write_key(value: &Value, out: &mut String) {
    match &value.kind {
        ValueKind::Unknown(..) => out.push('?'),
        ValueKind::Null(_) => out.push('~'),
        ValueKind::Bool(b) => out.push(if *b { 'T' } else { 'F' }),
        ValueKind::Number(n) => out.push_str(&n.format_general(10)),
        ValueKind::String(s) => write_quoted(s, out),
        ValueKind::Map(m) => {
            out.push('{');
            for (k, v) in &m.items {
                write_quoted(k, out);
                out.push(':');
                write_key(v, out);
                out.push(';');
            }
            out.push('}');
        }
        ValueKind::List(s) | ValueKind::Set(s) => write_keys(&s.items, ['[', ']'], out),
        ValueKind::Tuple(items) => write_keys(items.iter(), ['<', '>'], out),
        ValueKind::Object(attrs) => write_keys(attrs.values(), ['<', '>'], out),
    }
}

fn write_keys<'v>(items: impl IntoIterator<Item = &'v Value>, [open, close]: [char; 2], out: &mut String) {
    out.push(open);
    for item in items {
        write_key(item, out);
        out.push(';');
    }
    out.push(close);
}

/// Quotes as Go does.
fn write_quoted(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_printable(c) => out.push(c),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Type;

    fn check(items: Vec<Value>, expect: Vec<Value>) {
        let set = Value::set(Type::Dynamic, items);
        assert_eq!(set.as_items().unwrap(), expect);
    }

    #[test]
    fn primitives_go_by_value() {
        check(
            vec![10i64.into(), Value::null(), 9i64.into(), 10i64.into()],
            vec![9i64.into(), 10i64.into(), Value::null()],
        );
        check(
            vec!["b".into(), "B".into(), "a".into()],
            vec!["B".into(), "a".into(), "b".into()],
        );
    }

    #[test]
    fn structures_go_by_text() {
        let of = |n: i64| Value::tuple(vec![n.into()]);
        check(vec![of(9), of(10), of(9)], vec![of(10), of(9)]);
    }

    #[test]
    fn invisible_characters_count_as_escapes() {
        let of = |s: &str| Value::tuple(vec![s.into()]);
        let sorted = [
            "\u{80}", "\u{a0}", "\u{200d}", "\u{3000}", "\u{1}", "z", "é", "\u{301}", "😀",
        ]
        .map(of);
        let mut mixed = sorted.to_vec();
        mixed.reverse();
        check(mixed, sorted.to_vec());
    }
}
