//! Functions on sets.

use infra_types::{Marks, Type, Value};

use super::convert::{self, unify};
use super::{FnError, Param, Spec};
use crate::eval::scope::Scope;

/// The largest product that is built.
const MAX_PRODUCT: usize = 1_000_000;

pub(super) fn specs() -> Vec<Spec> {
    let set = |name| Param::new(name, Type::set(Type::Dynamic));
    vec![
        Spec::new(
            "setintersection",
            "Returns the elements that all the sets have.",
            vec![set("first_set")],
            common_type,
            setintersection,
        )
        .variadic(set("other_sets")),
        Spec::new(
            "setproduct",
            "Returns all combinations of elements of the sets.",
            vec![],
            product_type,
            setproduct,
        )
        .variadic(Param::any("sets").marked()),
        Spec::new(
            "setsubtract",
            "Returns the elements of the first set that the second does not have.",
            vec![set("a"), set("b")],
            common_type,
            setsubtract,
        ),
        Spec::new(
            "setunion",
            "Returns the elements that any of the sets has.",
            vec![set("first_set")],
            common_type,
            setunion,
        )
        .variadic(set("other_sets")),
    ]
}

/// Returns the set type all the sets can be converted to.
fn common_type(args: &[Value]) -> Result<Type, FnError> {
    let types: Vec<Type> = args
        .iter()
        .filter_map(|a| {
            let elem = a.ty().element().cloned().unwrap_or(Type::Dynamic);
            let empty = a.as_items().is_some_and(<[Value]>::is_empty);
            (elem != Type::Dynamic || !empty).then_some(elem)
        })
        .collect();
    if types.is_empty() {
        return Ok(Type::set(Type::Dynamic));
    }
    unify(&types)
        .map(Type::set)
        .ok_or_else(|| FnError::new("the sets must have compatible element types"))
}

/// Returns the element type of the result and the elements of each set, sorted.
fn operands(args: &[Value]) -> Result<(Type, Vec<Vec<Value>>), FnError> {
    let ty = common_type(args)?;
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    let mut sets = Vec::with_capacity(args.len());
    for (i, arg) in args.iter().enumerate() {
        let set = convert::to(arg, &ty).map_err(|m| FnError::at(i, m))?;
        sets.push(set.as_items().unwrap_or_default().to_vec());
    }
    Ok((elem, sets))
}

fn all_known(args: &[Value]) -> bool {
    args.iter().all(Value::is_wholly_known)
}

/// Says whether a sorted list has an element.
fn has(sorted: &[Value], v: &Value) -> bool {
    sorted.binary_search_by(|w| w.set_order(v)).is_ok()
}

fn setunion(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let (elem, sets) = operands(args)?;
    Ok(Value::set(elem, sets.into_iter().flatten().collect()))
}

fn setintersection(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if !all_known(args) {
        return common_type(args).map(Value::unknown);
    }
    let (elem, sets) = operands(args)?;
    let (first, others) = sets.split_first().expect("there is a first set");
    let kept = first.iter().filter(|v| others.iter().all(|o| has(o, v)));
    Ok(Value::set(elem, kept.cloned().collect()))
}

fn setsubtract(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if !all_known(args) {
        return common_type(args).map(Value::unknown);
    }
    let (elem, sets) = operands(args)?;
    let kept = sets[0].iter().filter(|v| !has(&sets[1], v));
    Ok(Value::set(elem, kept.cloned().collect()))
}

/// Returns the element type of a factor, and whether it has an order.
fn factor(i: usize, ty: &Type) -> Result<(Type, bool), FnError> {
    match ty {
        Type::Set(elem) => Ok(((**elem).clone(), false)),
        Type::List(elem) => Ok(((**elem).clone(), true)),
        Type::Tuple(types) if types.is_empty() => Ok((Type::Dynamic, true)),
        Type::Tuple(types) => match unify(types) {
            Some(elem) => Ok((elem, true)),
            None => Err(FnError::at(i, "all elements must have the same type")),
        },
        _ => Err(FnError::at(i, "must be a set or a list")),
    }
}

fn product_type(args: &[Value]) -> Result<Type, FnError> {
    if args.len() < 2 {
        return Err(FnError::new("at least two arguments are required"));
    }
    let mut elems = Vec::with_capacity(args.len());
    let mut ordered = true;
    for (i, arg) in args.iter().enumerate() {
        let (elem, order) = factor(i, &arg.ty())?;
        elems.push(elem);
        ordered &= order;
    }
    let elem = Type::tuple(elems);
    Ok(if ordered { Type::list(elem) } else { Type::set(elem) })
}

fn setproduct(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let ty = product_type(args)?;
    let (Type::List(elem) | Type::Set(elem)) = &ty else {
        return Err(FnError::new("the product has no type"));
    };
    let Type::Tuple(types) = &**elem else {
        return Err(FnError::new("the product has no type"));
    };
    let mut marks = args.iter().fold(Marks::NONE, |m, a| m.union(a.marks));
    // A set with unknown elements has no known length.
    if args
        .iter()
        .any(|a| matches!(a.ty(), Type::Set(_)) && !a.is_wholly_known())
    {
        marks = args.iter().fold(marks, |m, a| m.union(a.deep_marks()));
        return Ok(Value::unknown(ty).with_marks(marks));
    }
    if args.iter().any(|a| a.as_items().is_some_and(<[Value]>::is_empty)) {
        let elem = (**elem).clone();
        let empty = if matches!(ty, Type::List(_)) {
            Value::list(elem, vec![])
        } else {
            Value::set(elem, vec![])
        };
        return Ok(empty.with_marks(marks));
    }
    let mut factors = Vec::with_capacity(args.len());
    let mut total: usize = 1;
    for (i, (arg, ty)) in args.iter().zip(types.iter()).enumerate() {
        let items = arg.as_items().unwrap_or_default();
        let items: Result<Vec<Value>, String> = items.iter().map(|v| convert::to(v, ty)).collect();
        let items = items.map_err(|m| FnError::at(i, m))?;
        total = total.saturating_mul(items.len());
        factors.push(items);
    }
    if total > MAX_PRODUCT {
        return Err(FnError::new(format!(
            "the product would have more than {MAX_PRODUCT} elements"
        )));
    }
    let mut product = Vec::with_capacity(total);
    let mut at = vec![0; factors.len()];
    for _ in 0..total {
        product.push(Value::tuple(
            factors.iter().zip(&at).map(|(f, i)| f[*i].clone()).collect(),
        ));
        for (i, factor) in at.iter_mut().zip(&factors).rev() {
            *i += 1;
            if *i < factor.len() {
                break;
            }
            *i = 0;
        }
    }
    if matches!(ty, Type::List(_)) {
        return Ok(Value::list((**elem).clone(), product).with_marks(marks));
    }
    for v in &product {
        marks = marks.union(v.deep_marks());
    }
    let product = product.iter().map(Value::unmark_deep).collect();
    Ok(Value::set((**elem).clone(), product).with_marks(marks))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn set(items: &[&str]) -> Value {
        Value::set(Type::String, items.iter().map(|s| Value::from(*s)).collect())
    }

    #[test]
    fn sets_are_combined() {
        check("setunion", [set(&["b"]), set(&["a", "b"])], set(&["a", "b"]));
        check("setintersection", [set(&["a", "b"]), set(&["b", "c"])], set(&["b"]));
        check("setsubtract", [set(&["a", "b"]), set(&["b", "c"])], set(&["a"]));
        check(
            "setunion",
            [Value::tuple(vec![]), Value::tuple(vec![])],
            Value::set(Type::Dynamic, vec![]),
        );
    }

    #[test]
    fn products_keep_the_order_of_lists() {
        let pair = |a: &str, b: &str| Value::tuple(vec![a.into(), b.into()]);
        let ty = Type::tuple(vec![Type::String, Type::String]);
        check(
            "setproduct",
            [Value::strings(["b", "a"]), Value::strings(["x"])],
            Value::list(ty.clone(), vec![pair("b", "x"), pair("a", "x")]),
        );
        check(
            "setproduct",
            [set(&["b", "a"]), Value::strings(["x"])],
            Value::set(ty, vec![pair("a", "x"), pair("b", "x")]),
        );
    }

    #[test]
    fn huge_products_are_refused() {
        let many = Value::strings((0..1001).map(|i| i.to_string()));
        refused("setproduct", [many.clone(), many]);
    }
}
