//! Finding one type that values of several types convert to.

use std::collections::BTreeSet;

use crate::Type;
use crate::convert::same_type;

/// Returns a type that values of all these types convert to, if there is one.
///
/// Conversions that can fail for some values (string to number) are allowed.
/// Nothing comes of nothing.
pub fn unify(types: &[Type]) -> Option<Type> {
    unify_by(types.iter(), true)
}

/// Like [`unify`], but only with conversions that never fail.
pub fn unify_safe(types: &[Type]) -> Option<Type> {
    unify_by(types.iter(), false)
}

#[derive(Default)]
struct Kinds {
    map: usize,
    list: usize,
    set: usize,
    object: usize,
    tuple: usize,
    dynamic: usize,
}

fn unify_by<'t>(types: impl Iterator<Item = &'t Type>, lossy: bool) -> Option<Type> {
    let mut seen = BTreeSet::new();
    unify_distinct(types.filter(|t| seen.insert(*t)).collect(), lossy)
}

fn unify_distinct(types: Vec<&Type>, lossy: bool) -> Option<Type> {
    match types.as_slice() {
        [] => return None,
        [one] => return Some((*one).clone()),
        _ => {}
    }
    let mut n = Kinds::default();
    for ty in &types {
        match ty {
            Type::Map(_) => n.map += 1,
            Type::List(_) => n.list += 1,
            Type::Set(_) => n.set += 1,
            Type::Object(_) => n.object += 1,
            Type::Tuple(_) => n.tuple += 1,
            Type::Dynamic => n.dynamic += 1,
            Type::Bool | Type::Number | Type::String => {}
        }
    }
    let all = types.len();
    let structural = n.map + n.list + n.set + n.object + n.tuple;
    // A dynamic type may turn out to be anything.
    let one_kind = [n.map, n.list, n.set, n.object, n.tuple].contains(&(all - n.dynamic));
    if structural > 0 && n.dynamic > 0 && one_kind {
        return Some(Type::Dynamic);
    }
    if n.map == all {
        return unify_elements(&types, lossy).map(Type::map);
    }
    if n.list == all {
        return unify_elements(&types, lossy).map(Type::list);
    }
    if n.set == all {
        return unify_elements(&types, lossy).map(Type::set);
    }
    if n.object == all {
        return unify_objects(&types, lossy);
    }
    if n.tuple == all {
        return unify_tuples(&types, lossy);
    }
    if n.map > 0
        && n.map + n.object + n.dynamic == all
        && let Some(ty) = unify_disguised(&types, |t| matches!(t, Type::Object(_)), objects_as_map, lossy)
        && matches!(ty, Type::Map(_))
    {
        return Some(ty);
    }
    if n.list > 0
        && n.list + n.tuple + n.dynamic == all
        && let Some(ty) = unify_disguised(&types, |t| matches!(t, Type::Tuple(_)), tuples_as_list, lossy)
        && matches!(ty, Type::List(_))
    {
        return Some(ty);
    }
    if n.object > 0 && n.tuple > 0 {
        return None;
    }
    let preferred = by_preference(&types);
    preferred
        .into_iter()
        .find(|want| types.iter().all(|t| same_type(t, want) || convertible(t, want, lossy)))
        .cloned()
}

fn unify_elements(types: &[&Type], lossy: bool) -> Option<Type> {
    unify_by(types.iter().filter_map(|t| t.element()), lossy)
}

fn unify_objects(types: &[&Type], lossy: bool) -> Option<Type> {
    let Some(Type::Object(first)) = types.first() else {
        return None;
    };
    let same_names = types.iter().all(|t| match t {
        Type::Object(attrs) => attrs.len() == first.len() && attrs.keys().eq(first.keys()),
        _ => false,
    });
    if !same_names {
        return objects_as_map(types, lossy);
    }
    let attrs = first.keys().map(|name| {
        let across = types.iter().filter_map(|t| t.attribute(name));
        Some((name.clone(), unify_by(across, lossy)?))
    });
    Some(Type::object(attrs.collect::<Option<Vec<_>>>()?))
}

fn objects_as_map(types: &[&Type], lossy: bool) -> Option<Type> {
    let attrs = types.iter().flat_map(|t| match t {
        Type::Object(attrs) => Some(attrs.values().map(|a| &a.ty)),
        _ => None,
    });
    reached(types, unify_by(attrs.flatten(), lossy).map(Type::map)?, lossy)
}

fn unify_tuples(types: &[&Type], lossy: bool) -> Option<Type> {
    let items: Vec<&[Type]> = types.iter().filter_map(|t| tuple_items(t)).collect();
    let len = items.first()?.len();
    if items.iter().any(|i| i.len() != len) {
        return tuples_as_list(types, lossy);
    }
    let unified = (0..len).map(|i| unify_by(items.iter().map(|t| &t[i]), lossy));
    Some(Type::tuple(unified.collect::<Option<Vec<_>>>()?))
}

fn tuples_as_list(types: &[&Type], lossy: bool) -> Option<Type> {
    let items = types.iter().filter_map(|t| tuple_items(t)).flatten();
    reached(types, unify_by(items, lossy).map(Type::list)?, lossy)
}

/// Returns the type if each of the others converts to it.
///
/// Elements of unknown type hide what does not go together; the parts of one type may.
fn reached(types: &[&Type], ty: Type, lossy: bool) -> Option<Type> {
    let hidden = ty.element() == Some(&Type::Dynamic);
    (!hidden || types.iter().all(|t| convertible(t, &ty, lossy))).then_some(ty)
}

fn tuple_items(ty: &Type) -> Option<&[Type]> {
    match ty {
        Type::Tuple(items) => Some(items),
        _ => None,
    }
}

/// Unifies after replacing the structures that may be collections in disguise.
fn unify_disguised(
    types: &[&Type],
    disguised: impl Fn(&Type) -> bool,
    reveal: impl Fn(&[&Type], bool) -> Option<Type>,
    lossy: bool,
) -> Option<Type> {
    let hidden: Vec<&Type> = types.iter().copied().filter(|t| disguised(t)).collect();
    let revealed = reveal(&hidden, lossy)?;
    let shown = types.iter().map(|t| if disguised(t) { &revealed } else { *t });
    unify_by(shown, lossy)
}

/// Sorts the most general types to the front, keeping the order otherwise.
fn by_preference<'t>(types: &[&'t Type]) -> Vec<&'t Type> {
    let mut above: Vec<usize> = types
        .iter()
        .map(|t| types.iter().filter(|o| more_general(o, t)).count())
        .collect();
    let mut queue: Vec<usize> = (0..types.len()).filter(|i| above[*i] == 0).collect();
    let mut at = 0;
    while let Some(&i) = queue.get(at) {
        at += 1;
        for j in 0..types.len() {
            if more_general(types[i], types[j]) {
                above[j] -= 1;
                if above[j] == 0 {
                    queue.push(j);
                }
            }
        }
    }
    queue.into_iter().map(|i| types[i]).collect()
}

/// Says whether `a` is to be preferred to `b` when both may do.
fn more_general(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dynamic, _) => false,
        (_, Type::Dynamic) => true,
        (Type::String, Type::Bool | Type::Number) => true,
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            more_general(a, b)
        }
        (Type::List(_) | Type::Tuple(_), Type::Set(_)) => true,
        (Type::List(_), Type::Tuple(_)) => true,
        (Type::Map(_), Type::Object(_)) => true,
        _ => false,
    }
}

/// Says whether values of one type may convert to another; `lossy` allows what
/// fails for some values or loses order.
pub fn convertible(from: &Type, to: &Type, lossy: bool) -> bool {
    match (from, to) {
        (_, Type::Dynamic) => true,
        (Type::Dynamic, _) => lossy,
        (Type::Bool | Type::Number, Type::String) => true,
        (Type::String, Type::Bool | Type::Number) => lossy,
        (Type::List(a) | Type::Set(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            convertible(a, b, lossy)
        }
        (Type::List(a), Type::Set(b)) => lossy && convertible(a, b, lossy),
        (Type::Tuple(items), Type::List(elem) | Type::Set(elem)) => {
            // Nothing is found for tuples of which only some elements have a type that is known.
            let found = |ty| ty != Type::Dynamic || items.iter().all(|t| *t == Type::Dynamic);
            match elem.as_ref() {
                Type::Dynamic => items.is_empty() || unify_by(items.iter(), lossy).is_some_and(found),
                elem => all_convertible(items.iter(), elem, lossy),
            }
        }
        (Type::Object(attrs), Type::Map(elem)) => all_convertible(attrs.values().map(|a| &a.ty), elem, lossy),
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| convertible(a, b, lossy))
        }
        (Type::Object(from), Type::Object(to)) => to.iter().all(|(name, attr)| match from.get(name) {
            Some(a) => convertible(&a.ty, &attr.ty, lossy),
            None => attr.optional,
        }),
        (Type::Map(elem), Type::Object(attrs)) => lossy && attrs.values().all(|a| convertible(elem, &a.ty, lossy)),
        (from, to) => same_type(from, to),
    }
}

fn all_convertible<'t>(types: impl Iterator<Item = &'t Type> + Clone, elem: &Type, lossy: bool) -> bool {
    if *elem == Type::Dynamic {
        let mut types = types.peekable();
        return types.peek().is_none() || unify_by(types, lossy).is_some();
    }
    types.into_iter().all(|t| convertible(t, elem, lossy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(types: &[Type], expect: Option<Type>) {
        assert_eq!(unify(types), expect, "{types:?}");
    }

    #[test]
    fn primitives_become_strings() {
        check(&[], None);
        check(&[Type::Number, Type::Number], Some(Type::Number));
        check(&[Type::Number, Type::String, Type::Bool], Some(Type::String));
        check(&[Type::Number, Type::Bool], None);
        check(&[Type::Number, Type::Dynamic], Some(Type::Number));
        check(&[Type::String, Type::list(Type::String)], None);
    }

    #[test]
    fn structures_unify_by_part_or_become_collections() {
        let a = Type::object([("a", Type::Number)]);
        let b = Type::object([("a", Type::String)]);
        let c = Type::object([("c", Type::Number)]);
        check(&[a.clone(), b.clone()], Some(b));
        check(&[a.clone(), c], Some(Type::map(Type::Number)));
        check(&[a, Type::object::<crate::Str>([])], Some(Type::map(Type::Number)));
        let one = Type::tuple(vec![Type::Number]);
        let two = Type::tuple(vec![Type::Number, Type::String]);
        check(&[one.clone(), two], Some(Type::list(Type::String)));
        check(&[one, Type::list(Type::String)], Some(Type::list(Type::String)));
        check(
            &[Type::set(Type::String), Type::list(Type::String)],
            Some(Type::list(Type::String)),
        );
        check(
            &[Type::object::<crate::Str>([]), Type::map(Type::String)],
            Some(Type::map(Type::String)),
        );
    }

    #[test]
    fn elements_of_unknown_type_hide_no_difference() {
        let map = || Type::map(Type::String);
        let untyped = |ty| Type::tuple(vec![ty, Type::Dynamic]);
        check(
            &[untyped(Type::Dynamic), Type::list(Type::String)],
            Some(Type::list(Type::String)),
        );
        check(&[untyped(map()), Type::list(Type::String)], None);
        check(&[untyped(map()), Type::tuple(vec![])], None);
        check(
            &[
                untyped(Type::tuple(vec![Type::Number])),
                Type::list(Type::tuple(vec![Type::String])),
            ],
            Some(Type::list(Type::tuple(vec![Type::String]))),
        );
        let object = |types: &[(&str, Type)]| Type::object(types.iter().cloned());
        let null = object(&[("a", Type::Dynamic)]);
        check(
            &[null.clone(), object(&[("b", map()), ("c", map())])],
            Some(Type::map(Type::Dynamic)),
        );
        check(&[null, object(&[("a", Type::Number), ("b", map())])], None);
    }
}
