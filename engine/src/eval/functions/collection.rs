//! Functions on any kind of collection: questions about it, and choices of one element.

use infra_types::{Type, Value, ValueKind};

use super::convert::{self, unify};
use super::string::graphemes;
use super::{FnError, Param, Spec, returns};
use crate::eval::equality::equals;
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let bools = || vec![Param::new("list", Type::list(Type::Bool))];
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
            "coalesce",
            "Returns the first argument that is neither null nor an empty string.",
            vec![],
            coalesced_type,
            coalesce,
        )
        .variadic(Param::any("vals").null().unknown().dynamic())
        .quick(),
        Spec::new(
            "coalescelist",
            "Returns the first list that is not empty.",
            vec![],
            returns::any,
            coalescelist,
        )
        .variadic(Param::any("vals").null().unknown().dynamic()),
        Spec::new(
            "contains",
            "Says whether a list or set contains a value.",
            vec![Param::any("list"), Param::any("value")],
            returns::bool,
            contains,
        ),
        Spec::new(
            "length",
            "Returns the number of elements of a collection, or of characters of a string.",
            vec![Param::any("value").unknown().marked().dynamic()],
            returns::number,
            length,
        )
        .quick(),
        Spec::new(
            "one",
            "Returns the only element of a list, or null if it is empty.",
            vec![Param::any("list")],
            one_type,
            one,
        )
        .nullable()
        .quick(),
    ]
}

/// Says whether two values are equal, as `==` does; nothing if it is not known yet.
pub(super) fn equal(a: &Value, b: &Value) -> Option<bool> {
    equals(a, b).as_bool()
}

/// Returns the elements of a known list, set or tuple.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_items().unwrap_or_default()
}

/// Returns an element of a list, set or tuple type, if all have the same.
pub(super) fn element_ty(ty: &Type) -> Type {
    ty.element().cloned().unwrap_or(Type::Dynamic)
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
    fn values_of_different_types_differ() {
        check("contains", [Value::strings(["1"]), n(1)], false);
        check("index", [tuple([tuple([n(1)]), tuple([n(2)])]), tuple([n(2)])], 1);
        refused("index", [tuple([n(1)]), "1".into()]);
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
}
