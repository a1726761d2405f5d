//! Compares values attribute by attribute.

use infra_types::{Path, PathStep, Value, ValueKind};

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// What was there; nothing if it is new.
    pub before: Option<Value>,
    /// What will be there; nothing if it goes away.
    pub after: Option<Value>,
}

/// Returns the smallest parts in which two values differ, in order.
///
/// Sets are compared by element; lists by position.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut out = Vec::new();
    compare(&Path::root(), Some(before), Some(after), &mut out);
    out
}

/// Returns the names of the top-level attributes that differ.
pub fn changed_attributes(before: &Value, after: &Value) -> Vec<infra_types::Str> {
    let (Some(b), Some(a)) = (before.as_entries(), after.as_entries()) else {
        return Vec::new();
    };
    a.iter()
        .filter(|(name, value)| b.get(name).is_none_or(|old| !old.same_value(value)))
        .map(|(name, _)| name.clone())
        .collect()
}

fn compare(at: &Path, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<Difference>) {
    let (Some(b), Some(a)) = (before, after) else {
        out.push(Difference {
            path: at.clone(),
            before: before.cloned(),
            after: after.cloned(),
        });
        return;
    };
    if b.same_value(a) && b.is_sensitive() == a.is_sensitive() {
        return;
    }
    let whole = |out: &mut Vec<Difference>| {
        out.push(Difference {
            path: at.clone(),
            before: Some(b.clone()),
            after: Some(a.clone()),
        });
    };
    if b.is_sensitive() || a.is_sensitive() {
        return whole(out);
    }
    match (&b.kind, &a.kind) {
        (ValueKind::Object(x), ValueKind::Object(y)) => entries(at, x, y, PathStep::Attr, out),
        (ValueKind::Map(x), ValueKind::Map(y)) => entries(at, &x.items, &y.items, PathStep::Key, out),
        (ValueKind::List(x), ValueKind::List(y)) => items(at, &x.items, &y.items, out),
        (ValueKind::Tuple(x), ValueKind::Tuple(y)) => items(at, x, y, out),
        (ValueKind::Set(x), ValueKind::Set(y)) => set_items(at, &x.items, &y.items, out),
        _ => whole(out),
    }
}

fn entries(
    at: &Path,
    before: &infra_types::Entries,
    after: &infra_types::Entries,
    step: fn(infra_types::Str) -> PathStep,
    out: &mut Vec<Difference>,
) {
    let mut b = before.iter().peekable();
    let mut a = after.iter().peekable();
    loop {
        let order = match (b.peek(), a.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((k, _)), Some((l, _))) => k.cmp(l),
        };
        match order {
            std::cmp::Ordering::Less => {
                if let Some((k, v)) = b.next() {
                    compare(&at.join(step(k.clone())), Some(v), None, out);
                }
            }
            std::cmp::Ordering::Greater => {
                if let Some((k, v)) = a.next() {
                    compare(&at.join(step(k.clone())), None, Some(v), out);
                }
            }
            std::cmp::Ordering::Equal => {
                if let (Some((k, v)), Some((_, w))) = (b.next(), a.next())
                    && !(v.same_value(w) && v.is_sensitive() == w.is_sensitive())
                {
                    compare(&at.join(step(k.clone())), Some(v), Some(w), out);
                }
            }
        }
    }
}

fn items(at: &Path, before: &[Value], after: &[Value], out: &mut Vec<Difference>) {
    for i in 0..before.len().max(after.len()) {
        compare(&at.join_index(i), before.get(i), after.get(i), out);
    }
}

/// Both are sorted; walks them side by side.
fn set_items(at: &Path, before: &[Value], after: &[Value], out: &mut Vec<Difference>) {
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        let order = match (before.get(i), after.get(j)) {
            (Some(b), Some(a)) => b.set_order(a),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        match order {
            std::cmp::Ordering::Less => {
                compare(&at.join_index(i), before.get(i), None, out);
                i += 1;
            }
            std::cmp::Ordering::Greater => {
                compare(&at.join_index(j), None, after.get(j), out);
                j += 1;
            }
            std::cmp::Ordering::Equal => {
                i += 1;
                j += 1;
            }
        }
    }
}

/// Says whether `actual` only refines `planned`: equal wherever the plan was known.
///
/// Returns the first path where it is not.
pub fn contradiction(planned: &Value, actual: &Value) -> Option<Path> {
    fn go(at: &Path, planned: &Value, actual: &Value) -> Option<Path> {
        if !planned.is_known() || planned.same_value(actual) {
            return None;
        }
        match (&planned.kind, &actual.kind) {
            (ValueKind::Object(p), ValueKind::Object(a)) => {
                pairs(at, p.iter().map(|(k, v)| (PathStep::Attr(k.clone()), v, a.get(k))))
            }
            (ValueKind::Map(p), ValueKind::Map(a)) => {
                if p.items.len() != a.items.len() {
                    return Some(at.clone());
                }
                pairs(
                    at,
                    p.items
                        .iter()
                        .map(|(k, v)| (PathStep::Key(k.clone()), v, a.items.get(k))),
                )
            }
            (ValueKind::List(_) | ValueKind::Tuple(_), ValueKind::List(_) | ValueKind::Tuple(_)) => {
                let (p, a) = (planned.as_items().unwrap_or(&[]), actual.as_items().unwrap_or(&[]));
                if p.len() != a.len() {
                    return Some(at.clone());
                }
                pairs(
                    at,
                    p.iter()
                        .zip(a)
                        .enumerate()
                        .map(|(i, (p, a))| (PathStep::Index(i), p, Some(a))),
                )
            }
            (ValueKind::Set(_), ValueKind::Set(_)) if !planned.is_wholly_known() => None,
            _ => Some(at.clone()),
        }
    }
    fn pairs<'a>(at: &Path, pairs: impl Iterator<Item = (PathStep, &'a Value, Option<&'a Value>)>) -> Option<Path> {
        for (step, planned, actual) in pairs {
            let at = at.join(step);
            match actual {
                Some(actual) => {
                    if let Some(path) = go(&at, planned, actual) {
                        return Some(path);
                    }
                }
                None if planned.is_known() => return Some(at),
                None => {}
            }
        }
        None
    }
    go(&Path::root(), planned, actual)
}

/// Puts the marks of one value on the same places of another.
pub fn copy_marks(from: &Value, to: &Value) -> Value {
    if from.deep_marks().is_empty() {
        return to.clone();
    }
    let marked = match (&from.kind, &to.kind) {
        (ValueKind::Object(f), ValueKind::Object(t)) => Value::object(
            t.iter()
                .map(|(k, v)| (k.clone(), f.get(k).map_or_else(|| v.clone(), |f| copy_marks(f, v)))),
        ),
        (ValueKind::Map(f), ValueKind::Map(t)) => Value::map(
            t.elem.clone(),
            t.items
                .iter()
                .map(|(k, v)| {
                    (
                        k.clone(),
                        f.items.get(k).map_or_else(|| v.clone(), |f| copy_marks(f, v)),
                    )
                })
                .collect(),
        ),
        (ValueKind::List(f), ValueKind::List(t)) => Value::list(t.elem.clone(), zip_marks(&f.items, &t.items)),
        (ValueKind::Tuple(f), ValueKind::Tuple(t)) => Value::tuple(zip_marks(f, t)),
        _ => {
            // Another form: what was secret inside stays secret as a whole.
            return to.clone().with_marks(from.deep_marks());
        }
    };
    marked.with_marks(to.marks).with_marks(from.marks)
}

fn zip_marks(from: &[Value], to: &[Value]) -> Vec<Value> {
    to.iter()
        .enumerate()
        .map(|(i, v)| from.get(i).map_or_else(|| v.clone(), |f| copy_marks(f, v)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_types::Type;

    fn object(a: Value, b: Value) -> Value {
        Value::object([("a", a), ("b", b)])
    }

    #[test]
    fn only_the_smallest_parts_differ() {
        let before = object(Value::strings(["x", "y"]), 1.into());
        let after = object(Value::strings(["x", "z", "w"]), 1.into());
        let paths: Vec<String> = differences(&before, &after)
            .iter()
            .map(|d| d.path.to_string())
            .collect();
        assert_eq!(paths, ["a[1]", "a[2]"]);
    }

    #[test]
    fn a_secret_is_compared_as_a_whole() {
        let before = object(Value::strings(["x"]).sensitive(), 1.into());
        let after = object(Value::strings(["y"]).sensitive(), 1.into());
        assert_eq!(differences(&before, &after)[0].path.to_string(), "a");
    }

    #[test]
    fn known_values_must_not_change() {
        let planned = object(Value::unknown(Type::String), 1.into());
        assert_eq!(contradiction(&planned, &object("x".into(), 1.into())), None);
        assert_eq!(
            contradiction(&planned, &object("x".into(), 2.into())),
            Some(Path::attr("b"))
        );
    }

    #[test]
    fn marks_follow_the_place() {
        let from = object(Value::from("s").sensitive(), 1.into());
        let to = object("t".into(), 2.into());
        let marked = copy_marks(&from, &to);
        assert!(marked.get("a").unwrap().is_sensitive());
        assert!(!marked.get("b").unwrap().is_sensitive());
    }
}
