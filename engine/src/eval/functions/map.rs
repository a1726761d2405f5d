//! Functions on maps and objects.

use std::collections::BTreeMap;

use infra_types::{Entries, Marks, Str, Type, Value, ValueKind};

use super::collection::items;
use super::{FnError, Param, Spec, convert, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "keys",
            "Returns the keys of a map, sorted.",
            vec![Param::any("inputMap").unknown().marked()],
            returns::any,
            keys,
        ),
        Spec::new(
            "lookup",
            "Returns the element of a map with a key, or a default.",
            vec![
                Param::any("inputMap").unknown().marked(),
                Param::string("key").unknown().marked(),
            ],
            returns::any,
            lookup,
        )
        .variadic(Param::any("default").null().unknown().marked().dynamic())
        .nullable()
        .quick(),
        Spec::removed("map", |_, _| {
            Err(FnError::new(
                "the `map` function does not exist any more; write `tomap({ … })`",
            ))
        }),
        Spec::new("merge", "Combines maps; later ones win.", vec![], merge_type, merge)
            .variadic(Param::any("maps").null().marked()),
        Spec::new(
            "transpose",
            "Swaps keys and values of a map of lists of strings.",
            vec![Param::new("values", Type::map(Type::list(Type::String)))],
            |_| Ok(Type::map(Type::list(Type::String))),
            transpose,
        ),
        Spec::new(
            "values",
            "Returns the values of a map, by sorted keys.",
            vec![Param::any("mapping").marked()],
            values_type,
            values,
        ),
        Spec::new(
            "zipmap",
            "Makes a map of a list of keys and a list of values.",
            vec![
                Param::new("keys", Type::list(Type::String)),
                Param::any("values").marked(),
            ],
            zipmap_type,
            zipmap,
        ),
    ]
}

fn keys(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let names = |names: &mut dyn Iterator<Item = &Str>| -> Vec<Value> { names.cloned().map(Value::from).collect() };
    let value = match &args[0].kind {
        ValueKind::Map(m) => Value::list(Type::String, names(&mut m.items.keys())),
        ValueKind::Object(attrs) => Value::tuple(names(&mut attrs.keys())),
        ValueKind::Unknown(Type::Map(_), _) => Value::unknown(Type::list(Type::String)),
        ValueKind::Unknown(Type::Object(attrs), _) => Value::tuple(names(&mut attrs.keys())),
        _ => return Err(FnError::at(0, "must be a map or an object")),
    };
    Ok(value.with_marks(args[0].marks))
}

fn lookup(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if args.len() > 3 {
        return Err(FnError::new(format!(
            "`lookup` takes two or three arguments, got {}",
            args.len()
        )));
    }
    let (map, key, default) = (&args[0], &args[1], args.get(2));
    let marks = map.marks.union(key.marks);
    let elem = match &map.kind {
        ValueKind::Map(m) => Some(&m.elem),
        ValueKind::Unknown(Type::Map(elem), _) => Some(&**elem),
        ValueKind::Object(_) | ValueKind::Unknown(Type::Object(_), _) => None,
        _ => return Err(FnError::at(0, "must be a map or an object")),
    };
    let default = match (default, elem) {
        (Some(v), Some(elem)) => Some(
            convert::to(v, elem).map_err(|_| FnError::at(2, "the default must have the type of the map's elements"))?,
        ),
        (v, _) => v.cloned(),
    };
    let value = match (map.as_entries(), key.as_str()) {
        (Some(entries), Some(key)) => entries.get(key).cloned().or(default),
        (None, Some(key)) => match &map.kind {
            ValueKind::Unknown(ty @ Type::Object(_), _) => {
                ty.attribute(key).map(|t| Value::unknown(t.clone())).or(default)
            }
            _ => Some(Value::unknown(elem.cloned().unwrap_or(Type::Dynamic))),
        },
        (_, None) => Some(Value::unknown(elem.cloned().unwrap_or(Type::Dynamic))),
    };
    match value {
        Some(value) => Ok(value.with_marks(marks)),
        None if marks.contains(Marks::SENSITIVE) => Err(FnError::at(
            1,
            "there is no such key (it is not shown because it is sensitive), and no default",
        )),
        None => Err(FnError::at(
            1,
            format!("there is no key \"{}\", and no default", text(args, 1)),
        )),
    }
}

fn merge_type(args: &[Value]) -> Result<Type, FnError> {
    let mut attrs: BTreeMap<Str, Type> = BTreeMap::new();
    let mut open = false;
    let mut maps: Vec<Type> = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let ty = arg.ty();
        match &ty {
            Type::Dynamic if arg.is_null() => {}
            Type::Object(_) if arg.is_null() => {}
            Type::Object(a) => attrs.extend(a.iter().map(|(k, a)| (k.clone(), a.ty.clone()))),
            Type::Map(elem) => match arg.as_entries() {
                Some(entries) => attrs.extend(entries.keys().map(|k| (k.clone(), (**elem).clone()))),
                None => open |= !arg.is_known(),
            },
            _ => return Err(not_a_map(i, &ty)),
        }
        maps.push(ty);
    }
    match maps.first() {
        Some(first) if *first != Type::Dynamic && maps.iter().all(|t| t == first) => Ok(first.clone()),
        _ if open => Ok(Type::Dynamic),
        _ => Ok(Type::object(attrs)),
    }
}

fn not_a_map(i: usize, ty: &Type) -> FnError {
    FnError::at(
        i,
        format!("all arguments must be maps or objects, not {}", ty.friendly()),
    )
}

/// Says whether a value is null or a collection without elements.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_items().is_some_and(<[Value]>::is_empty)
}

fn merge(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let mut all: BTreeMap<Str, Value> = BTreeMap::new();
    let mut marks = Marks::NONE;
    // The element type, as long as all arguments are maps with the same.
    let mut elem: Option<Option<Type>> = None;
    let mut untyped = false;
    for (i, arg) in args.iter().enumerate() {
        marks = marks.union(arg.marks);
        let this = match &arg.kind {
            ValueKind::Map(m) => Some(m.elem.clone()),
            ValueKind::Null(Type::Map(e)) => Some((**e).clone()),
            ValueKind::Object(_) | ValueKind::Null(Type::Object(_) | Type::Dynamic) => None,
            // As in Terraform, types are not looked at behind an untyped null; nothing is still nothing.
            _ if untyped && is_nothing(arg) => None,
            _ => return Err(not_a_map(i, &arg.ty())),
        };
        untyped |= matches!(arg.kind, ValueKind::Null(Type::Dynamic));
        if elem.as_ref().is_none_or(|e| *e == this) {
            elem = Some(this);
        } else {
            elem = Some(None);
        }
        match arg.as_entries() {
            Some(entries) if all.is_empty() => all = entries.to_map(),
            Some(entries) => all.extend(entries.iter().map(|(k, v)| (k.clone(), v.clone()))),
            None => {}
        }
    }
    let value = match elem.flatten() {
        Some(elem) => Value::map(elem, all.into()),
        None => Value::object(all),
    };
    Ok(value.with_marks(marks))
}

fn transpose(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let list = Type::list(Type::String);
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(Type::map(list)));
    }
    let mut out: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
    for (key, inner) in args[0].as_entries().into_iter().flatten() {
        let Some(inner) = inner.as_items() else {
            return Err(FnError::at(0, "there must be no null list in it"));
        };
        for v in inner {
            let ValueKind::String(s) = &v.kind else {
                return Err(FnError::at(0, "there must be no null string in it"));
            };
            out.entry(s.clone()).or_default().push(key.clone().into());
        }
    }
    let out = out
        .into_iter()
        .map(|(k, v)| (k, Value::list(Type::String, v)))
        .collect();
    Ok(Value::map(list, out))
}

fn values_type(args: &[Value]) -> Result<Type, FnError> {
    match args[0].ty() {
        Type::Map(elem) => Ok(Type::list((*elem).clone())),
        Type::Object(attrs) => Ok(Type::tuple(attrs.values().map(|a| a.ty.clone()).collect())),
        other => Err(FnError::at(
            0,
            format!("must be a map or an object, not {}", other.friendly()),
        )),
    }
}

fn values(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let value = match &args[0].kind {
        ValueKind::Map(m) => Value::list(m.elem.clone(), m.items.values().cloned().collect()),
        ValueKind::Object(attrs) => Value::tuple(attrs.values().cloned().collect()),
        _ => {
            return values_type(args).and_then(|_| Err(FnError::at(0, "must be a map or an object")));
        }
    };
    Ok(value.with_marks(args[0].marks))
}

/// Checks that there are as many keys as values.
fn same_count(keys: usize, values: usize) -> Result<(), FnError> {
    if keys == values {
        return Ok(());
    }
    Err(FnError::new(format!(
        "the number of keys ({keys}) does not match the number of values ({values})"
    )))
}

/// Returns the keys of a known list of strings.
fn key_names(keys: &Value) -> Result<Vec<Str>, FnError> {
    items(keys)
        .iter()
        .enumerate()
        .map(|(i, k)| match &k.kind {
            ValueKind::String(s) => Ok(s.clone()),
            _ => Err(FnError::at(0, format!("key {i} is null"))),
        })
        .collect()
}

fn zipmap_type(args: &[Value]) -> Result<Type, FnError> {
    match args[1].ty() {
        Type::List(elem) => Ok(Type::map((*elem).clone())),
        Type::Tuple(_) if !args[0].is_wholly_known() => Ok(Type::Dynamic),
        Type::Tuple(types) => {
            let keys = key_names(&args[0])?;
            same_count(keys.len(), types.len())?;
            Ok(Type::object(keys.into_iter().zip(types.iter().cloned())))
        }
        _ => Err(FnError::at(1, "must be a list or tuple")),
    }
}

fn zipmap(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let all = match &args[1].kind {
        ValueKind::List(s) => &s.items[..],
        ValueKind::Tuple(s) => &s[..],
        _ => return Err(FnError::at(1, "must be a list or tuple")),
    };
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(zipmap_type(args)?).with_marks(args[1].deep_marks()));
    }
    let keys = key_names(&args[0])?;
    same_count(keys.len(), all.len())?;
    let entries: Entries = keys.into_iter().zip(all.iter().cloned()).collect();
    let value = match &args[1].kind {
        ValueKind::List(s) => Value::map(s.elem.clone(), entries),
        _ => Value::object(entries),
    };
    Ok(value.with_marks(args[1].marks))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn n(i: i64) -> Value {
        i.into()
    }

    fn tuple<const N: usize>(items: [Value; N]) -> Value {
        Value::tuple(items.into())
    }

    #[test]
    fn maps_are_merged() {
        let m = |k: &str, v: &str| Value::map(Type::String, [(k.into(), v.into())].into());
        let both: Entries = [("a".into(), "1".into()), ("b".into(), "2".into())].into();
        check(
            "merge",
            [m("a", "1"), m("b", "2")],
            Value::map(Type::String, both.clone()),
        );
        check(
            "merge",
            [
                m("a", "1"),
                Value::object([("b", "2")].map(|(k, v)| (k, Value::from(v)))),
            ],
            Value::object(both),
        );
        check("merge", [Value::null()], Value::object([] as [(&str, Value); 0]));
        refused("merge", [tuple([])]);
        check(
            "merge",
            [Value::null(), tuple([])],
            Value::object([] as [(&str, Value); 0]),
        );
        refused("merge", [tuple([]), Value::null()]);
        refused("merge", [Value::null(), tuple([1.into()])]);
    }

    #[test]
    fn lookups_have_defaults() {
        let o = Value::object([("a", n(1))]);
        check("lookup", [o.clone(), "a".into()], 1);
        check("lookup", [o.clone(), "b".into(), "d".into()], "d");
        assert_eq!(refused("lookup", [o.clone(), "b".into()]).arg, Some(1));
        let error = refused("lookup", [o, Value::from("hidden").sensitive()]);
        assert!(!error.message.contains("hidden"), "{error}");
    }
}
