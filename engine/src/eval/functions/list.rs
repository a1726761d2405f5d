//! Functions on lists and tuples.

use std::cmp::Ordering;

use infra_types::{Marks, Number, Type, Value, ValueKind};

use super::collection::{element_ty, equal, items};
use super::convert::{self, unify};
use super::{FnError, Param, Spec, numeric, returns};
use crate::eval::scope::Scope;

/// How many numbers `range` makes at most.
const MAX_RANGE: usize = 1024;

pub(super) fn specs() -> Vec<Spec> {
    let any_list = || Type::list(Type::Dynamic);
    let strings = || Param::new("list", Type::list(Type::String));
    vec![
        Spec::new(
            "chunklist",
            "Splits a list into pieces of a size.",
            vec![Param::new("list", any_list()).marked(), Param::number("size")],
            |args| Ok(Type::list(args[0].ty())),
            chunklist,
        ),
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
        .nullable()
        .quick(),
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
        Spec::removed("list", |_, _| {
            Err(FnError::new(
                "the `list` function does not exist any more; write `tolist([ … ])`",
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
    ]
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

/// Makes a list of the elements of a known list or set, or a tuple of those of a tuple.
fn like(source: &Value, picked: Vec<Value>) -> Value {
    match &source.kind {
        ValueKind::List(s) | ValueKind::Set(s) => Value::list(s.elem.clone(), picked),
        _ => Value::tuple(picked),
    }
}

/// Returns the types of the elements of a tuple type.
fn tuple_types(ty: &Type) -> Option<&[Type]> {
    match ty {
        Type::Tuple(types) => Some(types),
        _ => None,
    }
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
    fn ranges_are_bounded() {
        check("range", [n(3)], Value::list(Type::Number, vec![n(0), n(1), n(2)]));
        check("range", [n(2), n(0)], Value::list(Type::Number, vec![n(2), n(1)]));
        refused("range", [n(1025)]);
        refused("range", [n(1), n(2), n(0)]);
    }
}
