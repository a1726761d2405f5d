//! Functions on lists, maps and their structural kin.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use infra_types::{Marks, Number, Str, Type, Value, ValueKind};

use super::convert::{self, unify};
use super::string::graphemes;
use super::{CallFn, FnError, Param, Spec, numeric, returns, text};
use crate::eval::equality::equals;
use crate::eval::scope::Scope;

/// How many numbers `range` makes at most.
const MAX_RANGE: usize = 1024;

pub(super) fn specs() -> Vec<Spec> {
    let any_list = || Type::list(Type::Dynamic);
    let bools = || vec![Param::new("list", Type::list(Type::Bool))];
    let strings = || Param::new("list", Type::list(Type::String));
    let removed = |name, instead: CallFn| {
        Spec::new(name, "Was removed from the language.", vec![], returns::any, instead)
            .variadic(Param::any("vals").null().unknown().marked().dynamic())
    };
    vec![
        Spec::new(
            "alltrue",
            "Says whether all elements are true.",
            bools(),
            returns::bool,
            alltrue,
        ),
        Spec::new(
            "anytrue",
            "Says whether any element is true.",
            bools(),
            returns::bool,
            anytrue,
        ),
        Spec::new(
            "chunklist",
            "Splits a list into pieces of a size.",
            vec![Param::new("list", any_list()).marked(), Param::number("size")],
            |args| Ok(Type::list(args[0].ty())),
            chunklist,
        ),
        Spec::new(
            "coalesce",
            "Returns the first argument that is neither null nor an empty string.",
            vec![],
            coalesced_type,
            coalesce,
        )
        .variadic(Param::any("vals").null().unknown().dynamic()),
        Spec::new(
            "coalescelist",
            "Returns the first list that is not empty.",
            vec![],
            returns::any,
            coalescelist,
        )
        .variadic(Param::any("vals").null().unknown().dynamic()),
        Spec::new(
            "compact",
            "Removes null and empty strings from a list.",
            vec![strings()],
            returns::strings,
            compact,
        ),
        Spec::new("concat", "Combines lists into one.", vec![], concat_type, concat)
            .variadic(Param::any("seqs").marked()),
        Spec::new(
            "contains",
            "Says whether a list or set contains a value.",
            vec![Param::any("list"), Param::any("value")],
            returns::bool,
            contains,
        ),
        Spec::new(
            "distinct",
            "Removes repetitions from a list.",
            vec![Param::new("list", any_list())],
            |args| Ok(args[0].ty()),
            distinct,
        ),
        Spec::new(
            "element",
            "Returns an element of a list; the index starts over at the list's end.",
            vec![Param::any("list").marked(), Param::number("index")],
            element_type,
            element,
        )
        .nullable(),
        Spec::new(
            "flatten",
            "Replaces lists within a list by their elements.",
            vec![Param::any("list").marked()],
            returns::any,
            flatten,
        ),
        Spec::new(
            "index",
            "Returns the position of a value in a list.",
            vec![Param::any("list"), Param::any("value")],
            returns::number,
            index,
        ),
        Spec::new(
            "keys",
            "Returns the keys of a map, sorted.",
            vec![Param::any("inputMap").unknown().marked()],
            returns::any,
            keys,
        ),
        Spec::new(
            "length",
            "Returns the number of elements of a collection, or of characters of a string.",
            vec![Param::any("value").unknown().marked().dynamic()],
            returns::number,
            length,
        ),
        removed("list", |_, _| {
            Err(FnError::new(
                "the `list` function does not exist any more; write `tolist([ … ])`",
            ))
        }),
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
        .nullable(),
        removed("map", |_, _| {
            Err(FnError::new(
                "the `map` function does not exist any more; write `tomap({ … })`",
            ))
        }),
        Spec::new(
            "matchkeys",
            "Returns the elements of a list whose keys are in a set.",
            vec![
                Param::new("values", any_list()),
                Param::new("keys", any_list()),
                Param::new("searchset", any_list()),
            ],
            |args| Ok(args[0].ty()),
            matchkeys,
        ),
        Spec::new("merge", "Combines maps; later ones win.", vec![], merge_type, merge)
            .variadic(Param::any("maps").null().marked()),
        Spec::new(
            "one",
            "Returns the only element of a list, or null if it is empty.",
            vec![Param::any("list")],
            one_type,
            one,
        )
        .nullable(),
        Spec::new(
            "range",
            "Returns the numbers from a start to before a limit.",
            vec![],
            |_| Ok(Type::list(Type::Number)),
            range,
        )
        .variadic(Param::number("params")),
        Spec::new(
            "reverse",
            "Reverses a list.",
            vec![Param::any("list").marked()],
            reverse_type,
            reverse,
        ),
        Spec::new(
            "slice",
            "Returns consecutive elements of a list.",
            vec![
                Param::any("list").marked(),
                Param::number("start_index"),
                Param::number("end_index"),
            ],
            slice_type,
            slice,
        ),
        Spec::new(
            "sort",
            "Sorts a list of strings.",
            vec![strings()],
            returns::strings,
            sort,
        ),
        Spec::new(
            "sum",
            "Adds the numbers of a list.",
            vec![Param::any("list")],
            returns::number,
            sum,
        ),
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

/// Says whether two values are equal, as `==` does; nothing if it is not known yet.
fn equal(a: &Value, b: &Value) -> Option<bool> {
    equals(a, b).as_bool()
}

/// Returns the elements of a known list, set or tuple.
fn items(value: &Value) -> &[Value] {
    value.as_items().unwrap_or_default()
}

/// Returns the types of the elements of a tuple type.
fn tuple_types(ty: &Type) -> Option<&[Type]> {
    match ty {
        Type::Tuple(types) => Some(types),
        _ => None,
    }
}

/// Returns an element of a list, set or tuple type, if all have the same.
fn element_ty(ty: &Type) -> Type {
    ty.element().cloned().unwrap_or(Type::Dynamic)
}

/// Makes a list of the elements of a known list or set, or a tuple of those of a tuple.
fn like(source: &Value, picked: Vec<Value>) -> Value {
    match &source.kind {
        ValueKind::List(s) | ValueKind::Set(s) => Value::list(s.elem.clone(), picked),
        _ => Value::tuple(picked),
    }
}

fn alltrue(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    for v in items(&args[0]) {
        if !v.is_known() {
            return Ok(Value::unknown(Type::Bool));
        }
        if v.as_bool() != Some(true) {
            return Ok(false.into());
        }
    }
    Ok(true.into())
}

fn anytrue(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let list = items(&args[0]);
    if list.iter().any(|v| v.as_bool() == Some(true)) {
        return Ok(true.into());
    }
    if list.iter().all(Value::is_known) {
        Ok(false.into())
    } else {
        Ok(Value::unknown(Type::Bool))
    }
}

fn chunklist(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let size = super::integer(args, 1)?;
    let size = usize::try_from(size).map_err(|_| FnError::at(1, "the size must not be negative"))?;
    let list = &args[0];
    let elem = element_ty(&list.ty());
    let all = items(list);
    let chunks = match size {
        _ if all.is_empty() => vec![],
        0 => vec![Value::list(elem.clone(), all.to_vec())],
        _ => all
            .chunks(size)
            .map(|c| Value::list(elem.clone(), c.to_vec()))
            .collect(),
    };
    Ok(Value::list(Type::list(elem), chunks).with_marks(list.marks))
}

fn coalesced_type(args: &[Value]) -> Result<Type, FnError> {
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    unify(&types).ok_or_else(|| FnError::new("all arguments must have the same type"))
}

fn coalesce(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let ty = coalesced_type(args)?;
    for arg in args {
        if !arg.is_known() {
            return Ok(Value::unknown(ty));
        }
        if arg.is_null() || (ty == Type::String && arg.as_str() == Some("")) {
            continue;
        }
        return convert::to(arg, &ty).map_err(FnError::new);
    }
    Err(FnError::new("all arguments are null or empty strings"))
}

fn coalescelist(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if args.is_empty() {
        return Err(FnError::new("at least one argument is required"));
    }
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    for (i, (arg, ty)) in args.iter().zip(&types).enumerate() {
        let dynamic = !arg.is_known() && *ty == Type::Dynamic;
        if !dynamic && !matches!(ty, Type::List(_) | Type::Tuple(_)) {
            return Err(FnError::at(i, "the arguments must be lists or tuples"));
        }
    }
    for arg in args {
        if !arg.is_known() {
            let ty = if types.iter().all(|t| *t == types[0]) {
                types[0].clone()
            } else {
                Type::Dynamic
            };
            return Ok(Value::unknown(ty));
        }
        if !items(arg).is_empty() {
            return Ok(arg.clone());
        }
    }
    Err(FnError::new("all lists are empty"))
}

fn compact(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    let kept = items(&args[0])
        .iter()
        .filter(|v| v.as_str().is_some_and(|s| !s.is_empty()));
    Ok(Value::list(Type::String, kept.cloned().collect()))
}

/// Returns the type of the concatenation; it depends on lengths too.
fn concat_type(args: &[Value]) -> Result<Type, FnError> {
    if args.is_empty() {
        return Err(FnError::new("at least one argument is required"));
    }
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    if let Some(i) = types.iter().position(|t| !matches!(t, Type::List(_) | Type::Tuple(_))) {
        return Err(FnError::at(
            i,
            format!("all arguments must be lists or tuples, not {}", types[i].friendly()),
        ));
    }
    if types.iter().all(|t| matches!(t, Type::List(_)))
        && let Some(common) = unify(&types)
    {
        return Ok(common);
    }
    let mut all = Vec::new();
    for (arg, ty) in args.iter().zip(&types) {
        match (tuple_types(ty), arg.as_items()) {
            (Some(types), _) => all.extend_from_slice(types),
            (None, Some(list)) => all.extend(list.iter().map(|_| element_ty(ty))),
            (None, None) => return Ok(Type::Dynamic),
        }
    }
    Ok(Type::tuple(all))
}

fn concat(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let marks = args.iter().fold(Marks::NONE, |m, a| m.union(a.marks));
    // Tuples need no common type, so theirs is not worked out.
    let ty = if args.iter().all(|a| matches!(a.kind, ValueKind::Tuple(_))) && !args.is_empty() {
        None
    } else {
        Some(concat_type(args)?)
    };
    let mut all = Vec::with_capacity(args.iter().map(|a| items(a).len()).sum());
    for arg in args {
        if let Some(common @ Type::List(_)) = &ty {
            let arg = convert::to(arg, common).map_err(FnError::new)?;
            all.extend_from_slice(items(&arg));
        } else {
            all.extend_from_slice(items(arg));
        }
    }
    let value = match ty {
        Some(Type::List(elem)) => Value::list((*elem).clone(), all),
        _ => Value::tuple(all),
    };
    Ok(value.with_marks(marks))
}

fn contains(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let Some(list) = args[0].as_items() else {
        return Err(FnError::at(0, "must be a list, tuple or set"));
    };
    let mut unknown = false;
    for v in list {
        match equal(&args[1], v) {
            Some(true) => return Ok(true.into()),
            None => unknown = true,
            Some(false) => {}
        }
    }
    if unknown {
        Ok(Value::unknown(Type::Bool))
    } else {
        Ok(false.into())
    }
}

fn distinct(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let list = &args[0];
    if !list.is_wholly_known() {
        return Ok(Value::unknown(list.ty()));
    }
    let all = items(list);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*a].set_order(&all[*b]).then(a.cmp(b)));
    let mut keep = vec![true; all.len()];
    for pair in order.windows(2) {
        // INVARIANT: the sort is stable, so of equal elements the first comes first.
        keep[pair[1]] = equal(&all[pair[0]], &all[pair[1]]) != Some(true);
    }
    let kept = all.iter().zip(&keep).filter(|(_, k)| **k).map(|(v, _)| v.clone());
    Ok(Value::list(element_ty(&list.ty()), kept.collect()))
}

/// Returns the position that `element` means; a negative index counts from the end.
fn element_index(args: &[Value], length: usize) -> Result<Option<usize>, FnError> {
    if length == 0 {
        return Err(FnError::at(0, "`element` cannot be used with an empty list"));
    }
    if !args[1].is_known() {
        return Ok(None);
    }
    let at = super::integer(args, 1)?.rem_euclid(length as i64);
    Ok(usize::try_from(at).ok())
}

fn no_elements(ty: &Type) -> FnError {
    FnError::at(0, format!("{} has no elements with positions", ty.friendly()))
}

fn element_type(args: &[Value]) -> Result<Type, FnError> {
    match args[0].ty() {
        Type::List(elem) => Ok((*elem).clone()),
        Type::Tuple(types) => Ok(match element_index(args, types.len())? {
            Some(at) => types[at].clone(),
            None => Type::Dynamic,
        }),
        other => Err(no_elements(&other)),
    }
}

fn element(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let all = match &args[0].kind {
        ValueKind::List(s) => &s.items[..],
        ValueKind::Tuple(s) => &s[..],
        _ => return Err(no_elements(&args[0].ty())),
    };
    let at = element_index(args, all.len())?.unwrap_or_default();
    Ok(all[at].clone().with_marks(args[0].marks))
}

fn flatten(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    /// Appends the elements; says whether all lists among them are known.
    fn go(list: &[Value], out: &mut Vec<Value>, marks: &mut Marks) -> bool {
        list.iter().all(|v| match &v.kind {
            ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
                *marks = marks.union(v.marks);
                go(items(v), out, marks)
            }
            ValueKind::Unknown(Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => {
                *marks = marks.union(v.marks);
                false
            }
            _ => {
                out.push(v.clone());
                true
            }
        })
    }
    let Some(list) = args[0].as_items() else {
        return Err(FnError::at(0, "only lists, sets and tuples can be flattened"));
    };
    let mut out = Vec::with_capacity(list.len());
    let mut marks = args[0].marks;
    if go(list, &mut out, &mut marks) {
        Ok(Value::tuple(out).with_marks(marks))
    } else {
        Ok(Value::unknown(Type::Dynamic).with_marks(args[0].deep_marks()))
    }
}

fn index(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let all = match &args[0].kind {
        ValueKind::List(s) => &s.items[..],
        ValueKind::Tuple(s) => &s[..],
        _ => return Err(FnError::at(0, "must be a list or tuple")),
    };
    if all.is_empty() {
        return Err(FnError::at(0, "an empty list cannot be searched"));
    }
    for (i, v) in all.iter().enumerate() {
        match equal(v, &args[1]) {
            Some(true) => return Ok((i as i64).into()),
            None => return Ok(Value::unknown(Type::Number)),
            Some(false) => {}
        }
    }
    Err(FnError::at(1, "the list has no such item"))
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

fn length(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let arg = &args[0];
    let mut marks = arg.marks;
    let known = |n: usize| Ok(Value::from(n as i64));
    let value: Result<Value, FnError> = match &arg.kind {
        ValueKind::String(s) => known(graphemes(s).len()),
        ValueKind::List(s) => known(s.items.len()),
        ValueKind::Set(s) => {
            marks = arg.deep_marks();
            // Two unknown elements may turn out to be the same.
            if s.items.len() <= 1 || arg.is_wholly_known() {
                known(s.items.len())
            } else {
                Ok(Value::unknown(Type::Number))
            }
        }
        ValueKind::Map(m) => known(m.items.len()),
        ValueKind::Tuple(t) => known(t.len()),
        ValueKind::Object(o) => known(o.len()),
        ValueKind::Unknown(ty, refinement) => match (ty, refinement) {
            (Type::Tuple(t), _) => known(t.len()),
            (Type::Object(o), _) => known(o.len()),
            (Type::List(_) | Type::Set(_) | Type::Map(_), Some(r)) if r.max_len.is_some() && r.min_len == r.max_len => {
                known(r.min_len.unwrap_or_default())
            }
            (Type::List(_) | Type::Set(_) | Type::Map(_) | Type::String | Type::Dynamic, _) => {
                Ok(Value::unknown(Type::Number))
            }
            _ => Err(no_length()),
        },
        _ => Err(no_length()),
    };
    Ok(value?.with_marks(marks))
}

fn no_length() -> FnError {
    FnError::at(0, "must be a string, a collection, an object or a tuple")
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

fn matchkeys(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let common = unify(&[args[1].ty(), args[2].ty()])
        .ok_or_else(|| FnError::new("keys and searchset must have the same type"))?;
    if items(&args[0]).len() != items(&args[1]).len() {
        return Err(FnError::new("keys and values must have the same length"));
    }
    let keys = convert::to(&args[1], &common).map_err(|m| FnError::at(1, m))?;
    let search = convert::to(&args[2], &common).map_err(|m| FnError::at(2, m))?;
    let elem = element_ty(&args[0].ty());
    if items(&search).is_empty() {
        return Ok(Value::list(elem, vec![]));
    }
    if !args[0].is_wholly_known() || !keys.is_wholly_known() || !search.is_wholly_known() {
        return Ok(Value::unknown(Type::list(elem)));
    }
    let mut wanted = items(&search).to_vec();
    wanted.sort_by(Value::set_order);
    let found = items(&keys)
        .iter()
        .zip(items(&args[0]))
        .filter(|(k, _)| wanted.binary_search_by(|w| w.set_order(k)).is_ok());
    Ok(Value::list(elem, found.map(|(_, v)| v.clone()).collect()))
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

fn merge(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let mut all: BTreeMap<Str, Value> = BTreeMap::new();
    let mut marks = Marks::NONE;
    // The element type, as long as all arguments are maps with the same.
    let mut elem: Option<Option<Type>> = None;
    for (i, arg) in args.iter().enumerate() {
        marks = marks.union(arg.marks);
        let this = match &arg.kind {
            ValueKind::Map(m) => Some(m.elem.clone()),
            ValueKind::Null(Type::Map(e)) => Some((**e).clone()),
            ValueKind::Object(_) | ValueKind::Null(Type::Object(_) | Type::Dynamic) => None,
            _ => return Err(not_a_map(i, &arg.ty())),
        };
        if elem.as_ref().is_none_or(|e| *e == this) {
            elem = Some(this);
        } else {
            elem = Some(None);
        }
        match arg.as_entries() {
            Some(entries) if all.is_empty() => all.clone_from(entries),
            Some(entries) => all.extend(entries.iter().map(|(k, v)| (k.clone(), v.clone()))),
            None => {}
        }
    }
    let value = match elem.flatten() {
        Some(elem) => Value::map(elem, all),
        None => Value::object(all),
    };
    Ok(value.with_marks(marks))
}

fn not_one() -> FnError {
    FnError::at(0, "must be a list, set or tuple with at most one element")
}

fn one_type(args: &[Value]) -> Result<Type, FnError> {
    match args[0].ty() {
        Type::List(elem) | Type::Set(elem) => Ok((*elem).clone()),
        Type::Tuple(types) if types.len() <= 1 => Ok(types.first().cloned().unwrap_or(Type::Dynamic)),
        _ => Err(not_one()),
    }
}

fn one(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    match args[0].as_items() {
        Some([]) => Ok(Value::null_of(element_ty(&args[0].ty()))),
        Some([only]) => Ok(only.clone()),
        Some(_) if matches!(args[0].kind, ValueKind::Set(_)) && !args[0].is_wholly_known() => {
            Ok(Value::unknown(element_ty(&args[0].ty())))
        }
        _ => Err(not_one()),
    }
}

fn range(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let number = |i: usize| args[i].as_number().cloned().unwrap_or(Number::ZERO);
    let (start, end, step) = match args.len() {
        1 => (Number::ZERO, number(0), None),
        2 => (number(0), number(1), None),
        3 => (number(0), number(1), Some(number(2))),
        n => {
            return Err(FnError::new(format!(
                "`range` takes one, two or three arguments, got {n}"
            )));
        }
    };
    let order = start.cmp(&end);
    let step = step.unwrap_or_else(|| Number::from(if order == Ordering::Greater { -1 } else { 1 }));
    let direction = step.cmp(&Number::ZERO);
    match (order, direction) {
        (Ordering::Equal, _) => return Ok(Value::list(Type::Number, vec![])),
        (Ordering::Less, Ordering::Less) => {
            return Err(FnError::at(
                1,
                "the limit must be less than the start when the step is negative",
            ));
        }
        (Ordering::Greater, Ordering::Greater | Ordering::Equal) => {
            return Err(FnError::at(
                1,
                "the limit must be greater than the start when the step is not negative",
            ));
        }
        (_, Ordering::Equal) => return Err(FnError::at(2, "the step must not be zero")),
        _ => {}
    }
    let mut all = Vec::new();
    let mut at = start;
    while at.cmp(&end) == order {
        if all.len() == MAX_RANGE {
            return Err(FnError::new(format!(
                "more than {MAX_RANGE} numbers; take start and limit closer together or a larger step"
            )));
        }
        all.push(Value::from(at.clone()));
        at = numeric::add(&at, &step)?;
    }
    Ok(Value::list(Type::Number, all))
}

fn reverse_type(args: &[Value]) -> Result<Type, FnError> {
    match args[0].ty() {
        Type::List(elem) | Type::Set(elem) => Ok(Type::list((*elem).clone())),
        Type::Tuple(types) => Ok(Type::tuple(types.iter().rev().cloned().collect())),
        other => Err(FnError::at(
            0,
            format!("only a list or tuple can be reversed, not {}", other.friendly()),
        )),
    }
}

fn reverse(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let Some(all) = args[0].as_items() else {
        return Err(reverse_type(args)
            .err()
            .unwrap_or_else(|| FnError::at(0, "only a list can be reversed")));
    };
    Ok(like(&args[0], all.iter().rev().cloned().collect()).with_marks(args[0].marks))
}

/// Returns the bounds of a slice, as far as they are known.
fn slice_bounds(args: &[Value], len: Option<usize>) -> Result<(Option<usize>, Option<usize>), FnError> {
    let bound = |i: usize, what: &str| -> Result<Option<usize>, FnError> {
        if !args[i].is_known() {
            return Ok(None);
        }
        let n = super::integer(args, i)?;
        let n = usize::try_from(n).map_err(|_| FnError::at(i, format!("the {what} must not be negative")))?;
        if len.is_some_and(|len| n > len) {
            return Err(FnError::at(
                i,
                format!("the {what} must not be greater than the length of the list"),
            ));
        }
        Ok(Some(n))
    };
    let (start, end) = (bound(1, "start index")?, bound(2, "end index")?);
    if let (Some(s), Some(e)) = (start, end)
        && s > e
    {
        return Err(FnError::at(1, "the start index must not be greater than the end index"));
    }
    Ok((start, end))
}

fn not_sliceable(ty: &Type) -> FnError {
    FnError::at(
        0,
        match ty {
            Type::Set(_) => "the elements of a set have no positions; convert it to a list first",
            _ => "must be a list or tuple",
        },
    )
}

fn slice_type(args: &[Value]) -> Result<Type, FnError> {
    let ty = args[0].ty();
    match &ty {
        Type::List(_) => {
            slice_bounds(args, args[0].as_items().map(<[Value]>::len))?;
            Ok(ty)
        }
        Type::Tuple(types) => match slice_bounds(args, Some(types.len()))? {
            (Some(s), Some(e)) => Ok(Type::tuple(types[s..e].to_vec())),
            _ => Ok(Type::Dynamic),
        },
        _ => Err(not_sliceable(&ty)),
    }
}

fn slice(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let all = match &args[0].kind {
        ValueKind::List(s) => &s.items[..],
        ValueKind::Tuple(s) => &s[..],
        _ => return Err(not_sliceable(&args[0].ty())),
    };
    let (start, end) = slice_bounds(args, Some(all.len()))?;
    let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
    Ok(like(&args[0], all[start..end].to_vec()).with_marks(args[0].marks))
}

fn sort(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let list = items(&args[0]);
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    if let Some(at) = list.iter().position(Value::is_null) {
        return Err(FnError::at(
            0,
            format!("element {at} is null; a null string cannot be sorted"),
        ));
    }
    let mut sorted = list.to_vec();
    sorted.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Ok(Value::list(Type::String, sorted))
}

fn sum(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let Some(all) = args[0].as_items() else {
        return Err(FnError::at(
            0,
            format!("must be a list, set or tuple, not {}", args[0].ty().friendly()),
        ));
    };
    if all.is_empty() {
        return Err(FnError::at(0, "an empty list has no sum"));
    }
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(Type::Number));
    }
    let mut total: Option<Number> = None;
    for v in all {
        let v = convert::to(v, &Type::Number).ok();
        let Some(n) = v.as_ref().and_then(Value::as_number) else {
            return Err(FnError::at(0, "all elements must be numbers"));
        };
        total = Some(match total {
            Some(sum) => numeric::add(&sum, n)?,
            None => n.clone(),
        });
    }
    Ok(total.unwrap_or(Number::ZERO).into())
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
    let entries: BTreeMap<Str, Value> = keys.into_iter().zip(all.iter().cloned()).collect();
    let value = match &args[1].kind {
        ValueKind::List(s) => Value::map(s.elem.clone(), entries),
        _ => Value::object(entries),
    };
    Ok(value.with_marks(args[1].marks))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused, run};
    use super::*;

    fn n(i: i64) -> Value {
        i.into()
    }

    fn tuple<const N: usize>(items: [Value; N]) -> Value {
        Value::tuple(items.into())
    }

    #[test]
    fn lists_are_taken_apart_and_put_together() {
        check(
            "concat",
            [tuple([n(1)]), tuple(["a".into()])],
            tuple([n(1), "a".into()]),
        );
        check(
            "concat",
            [Value::strings(["a"]), Value::strings(["b"])],
            Value::strings(["a", "b"]),
        );
        refused("concat", [Value::set(Type::String, vec![])]);
        check(
            "flatten",
            [tuple([tuple([n(1)]), tuple([tuple([n(2)])])])],
            tuple([n(1), n(2)]),
        );
        check(
            "slice",
            [Value::strings(["a", "b", "c"]), n(1), n(2)],
            Value::strings(["b"]),
        );
        refused("slice", [Value::strings(["a"]), n(0), n(2)]);
        check("element", [Value::strings(["a", "b"]), n(3)], "b");
        check("element", [Value::strings(["a", "b", "c"]), n(-4)], "c");
        refused("element", [tuple([]), n(0)]);
        check(
            "chunklist",
            [Value::strings(["a"]), n(2)],
            Value::list(Type::list(Type::String), vec![Value::strings(["a"])]),
        );
    }

    #[test]
    fn repetitions_are_dropped_in_order() {
        check(
            "distinct",
            [Value::strings(["b", "a", "b", "c", "a"])],
            Value::strings(["b", "a", "c"]),
        );
    }

    #[test]
    fn maps_are_merged() {
        let m = |k: &str, v: &str| Value::map(Type::String, [(k.into(), v.into())].into());
        let both: BTreeMap<Str, Value> = [("a".into(), "1".into()), ("b".into(), "2".into())].into();
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

    #[test]
    fn ranges_are_bounded() {
        check("range", [n(3)], Value::list(Type::Number, vec![n(0), n(1), n(2)]));
        check("range", [n(2), n(0)], Value::list(Type::Number, vec![n(2), n(1)]));
        refused("range", [n(1025)]);
        refused("range", [n(1), n(2), n(0)]);
    }

    #[test]
    fn unknown_and_sensitive_arguments() {
        let unknown = Value::unknown(Type::list(Type::String));
        check("length", [unknown.clone()], Value::unknown_not_null(Type::Number));
        check(
            "sort",
            [unknown.clone()],
            Value::unknown_not_null(Type::list(Type::String)),
        );
        check(
            "contains",
            [tuple([Value::unknown(Type::String), "a".into()]), "a".into()],
            true,
        );
        check("length", [tuple([Value::from("x").sensitive()])], 1);
        let sorted = run("sort", [Value::strings(["b"]).sensitive()]).unwrap();
        assert!(sorted.is_sensitive());
        check(
            "keys",
            [Value::object([("a", n(1))]).sensitive()],
            tuple(["a".into()]).sensitive(),
        );
    }

    #[test]
    fn values_of_different_types_differ() {
        check("contains", [Value::strings(["1"]), n(1)], false);
        check("index", [tuple([tuple([n(1)]), tuple([n(2)])]), tuple([n(2)])], 1);
        refused("index", [tuple([n(1)]), "1".into()]);
    }
}
