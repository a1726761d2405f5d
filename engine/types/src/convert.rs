//! Conversion of values to a wanted type.
//!
//! The rules are Terraform's: primitives to and from strings, tuples and
//! objects to collections, collections among each other, objects by attribute.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::unify::convertible;
pub use crate::unify::unify;
use crate::{Entries, Marks, Number, ObjectAttr, Path, PathStep, Refinement, Str, Type, Value, ValueKind};

/// Why a value does not convert: what is wrong, and at which part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", at(.path))]
pub struct ConvertError {
    /// The part of the value.
    pub path: Path,
    /// What is wrong with it, such as `a bool is required`.
    pub message: String,
}

fn at(path: &Path) -> String {
    if path.0.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

/// How to convert.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvertOptions {
    /// Whether attributes that an object type does not have are refused rather than dropped.
    pub closed: bool,
}

/// Converts a value; attributes that an object type does not have are dropped.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    convert_with(value, ty, ConvertOptions::default())
}

/// Converts a value; attributes that an object type does not have are refused.
pub fn convert_closed(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    convert_with(value, ty, ConvertOptions { closed: true })
}

/// Converts a value.
pub fn convert_with(value: &Value, ty: &Type, options: ConvertOptions) -> Result<Value, ConvertError> {
    let mut conversion = Conversion {
        options,
        path: Vec::new(),
    };
    conversion.run(value, ty)
}

struct Conversion {
    options: ConvertOptions,
    path: Vec<PathStep>,
}

type Converted = Result<Value, ConvertError>;

impl Conversion {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, ConvertError> {
        Err(ConvertError {
            path: Path(self.path.clone()),
            message: message.into(),
        })
    }

    fn step(&mut self, step: PathStep, value: &Value, ty: &Type) -> Converted {
        self.path.push(step);
        let result = self.run(value, ty);
        self.path.pop();
        result
    }

    fn run(&mut self, value: &Value, ty: &Type) -> Converted {
        if *ty == Type::Dynamic || value.is_of(ty) {
            return Ok(value.clone());
        }
        let converted = self.run_unmarked(value, ty)?;
        Ok(converted.with_marks(value.marks))
    }

    fn run_unmarked(&mut self, value: &Value, ty: &Type) -> Converted {
        match (&value.kind, ty) {
            (ValueKind::Null(from) | ValueKind::Unknown(from, _), _) => {
                if !convertible(from, ty, true) {
                    return self.mismatch(from, ty);
                }
                let target = fill_dynamic(from, ty);
                Ok(match &value.kind {
                    ValueKind::Unknown(_, known) => convert_unknown(from, target, known.as_deref()),
                    _ => Value::null_of(target),
                })
            }
            (ValueKind::Bool(b), Type::String) => Ok(Value::string(if *b { "true" } else { "false" })),
            (ValueKind::Number(n), Type::String) => Ok(Value::string(n.to_string())),
            (ValueKind::String(s), Type::Number) => match Number::parse(s) {
                Some(n) => Ok(n.into()),
                None => self.fail("a number is required"),
            },
            (ValueKind::String(s), Type::Bool) => match &**s {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                "True" | "TRUE" => self.fail("a bool is required; to convert from string, use lowercase \"true\""),
                "False" | "FALSE" => self.fail("a bool is required; to convert from string, use lowercase \"false\""),
                _ => self.fail("a bool is required"),
            },
            (ValueKind::List(s) | ValueKind::Set(s), Type::List(elem) | Type::Set(elem)) => {
                self.sequence(&s.items, Some(&s.elem), elem, ty)
            }
            (ValueKind::Tuple(items), Type::List(elem) | Type::Set(elem)) => self.sequence(items, None, elem, ty),
            (ValueKind::Map(m), Type::Map(elem)) => self.mapping(&m.items, Some(&m.elem), elem, ty),
            (ValueKind::Object(attrs), Type::Map(elem)) => self.mapping(attrs, None, elem, ty),
            (ValueKind::Tuple(items), Type::Tuple(types)) => {
                if items.len() != types.len() {
                    return self.fail(format!(
                        "tuple of {} elements required, but it has {}",
                        types.len(),
                        items.len()
                    ));
                }
                let items = items.iter().zip(types.iter()).enumerate();
                let items = items.map(|(i, (item, ty))| self.step(PathStep::Index(i), item, ty));
                Ok(Value::tuple(items.collect::<Result<_, _>>()?))
            }
            (ValueKind::Object(attrs), Type::Object(types)) => self.object(attrs, None, types),
            (ValueKind::Map(m), Type::Object(types)) => self.object(&m.items, Some(&m.elem), types),
            _ => self.mismatch(&value.ty(), ty),
        }
    }

    fn mismatch<T>(&self, from: &Type, to: &Type) -> Result<T, ConvertError> {
        self.fail(match (from, to) {
            (Type::Tuple(_), Type::List(e)) if **e == Type::Dynamic => {
                "all list elements must have the same type".into()
            }
            (Type::Tuple(_), Type::Set(e)) if **e == Type::Dynamic => "all set elements must have the same type".into(),
            (Type::Object(_), Type::Map(e)) if **e == Type::Dynamic => {
                "all map elements must have the same type".into()
            }
            (_, Type::Bool) => "a bool is required".into(),
            (_, Type::Number) => "a number is required".into(),
            _ => {
                let words = to.friendly();
                let article = match words.starts_with(['a', 'e', 'i', 'o', 'u']) {
                    true => "an",
                    false => "a",
                };
                format!("{article} {words} is required")
            }
        })
    }

    fn sequence(&mut self, items: &[Value], from: Option<&Type>, elem: &Type, ty: &Type) -> Converted {
        let is_set = matches!(ty, Type::Set(_));
        let build = |elem: Type, items: Vec<Value>| {
            if is_set {
                Value::set(elem, items)
            } else {
                Value::list(elem, items)
            }
        };
        if items.is_empty() {
            return self.empty(from, elem, ty).map(|elem| build(elem, Vec::new()));
        }
        let Some(elem) = self.element_type(items.iter(), from, elem) else {
            return self.mismatch(&Type::tuple(Vec::new()), ty);
        };
        if from.is_some_and(|from| same_type(from, &elem)) {
            return Ok(build(elem, items.to_vec()));
        }
        let items = items.iter().enumerate();
        let items = items.map(|(i, item)| self.step(PathStep::Index(i), item, &elem));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        if !elem.has_dynamic() {
            return Ok(build(elem.without_optional(), items));
        }
        // Elements of sets are not brought together a second time.
        match if is_set { Some(items) } else { self.align(items)? } {
            Some(items) if same_types(items.iter()) => Ok(build(items[0].ty(), items)),
            Some(items) if items.iter().any(is_open) => Ok(Value::unknown(ty.without_optional())),
            _ if is_set => self.mismatch(&Type::tuple(Vec::new()), &Type::set(Type::Dynamic)),
            _ => self.mismatch(&Type::tuple(Vec::new()), &Type::list(Type::Dynamic)),
        }
    }

    fn mapping(&mut self, items: &Entries, from: Option<&Type>, elem: &Type, ty: &Type) -> Converted {
        if items.is_empty() {
            return self
                .empty(from, elem, ty)
                .map(|elem| Value::map(elem, Entries::from([])));
        }
        let Some(elem) = self.element_type(items.values(), from, elem) else {
            return self.mismatch(&Type::object::<Str>([]), ty);
        };
        if from.is_some_and(|from| same_type(from, &elem)) {
            return Ok(Value::map(elem, items.clone()));
        }
        let converted = items
            .iter()
            .map(|(k, v)| Ok((k.clone(), self.step(PathStep::Key(k.clone()), v, &elem)?)));
        let items = converted.collect::<Result<Vec<_>, _>>()?;
        if !elem.has_dynamic() {
            return Ok(Value::map(elem.without_optional(), items.into_iter().collect()));
        }
        let (keys, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let Some(values) = self.align(values)? else {
            return self.mismatch(&Type::object::<Str>([]), &Type::map(Type::Dynamic));
        };
        // A null without a type fits any others.
        let typed = || {
            values
                .iter()
                .filter(|v| !matches!(v.kind, ValueKind::Null(Type::Dynamic)))
        };
        if !same_types(typed()) {
            if values.iter().any(is_open) {
                return Ok(Value::unknown(ty.without_optional()));
            }
            return self.mismatch(&Type::object::<Str>([]), &Type::map(Type::Dynamic));
        }
        let elem = typed().next().map_or(Type::Dynamic, Value::ty);
        let values = values.into_iter().map(|v| match v.kind {
            ValueKind::Null(_) => Value::null_of(elem.clone()).with_marks(v.marks),
            _ => v,
        });
        let items = keys.into_iter().zip(values).collect();
        Ok(Value::map(elem, items))
    }

    /// Converts parts that have different types to a common one, if there is one.
    fn align(&mut self, items: Vec<Value>) -> Result<Option<Vec<Value>>, ConvertError> {
        if same_types(items.iter()) {
            return Ok(Some(items));
        }
        let types: Vec<Type> = items.iter().map(Value::ty).collect();
        let Some(elem) = unify(&types) else {
            return Ok(None);
        };
        let items = items.iter().map(|v| self.run(v, &elem)).collect::<Result<_, _>>()?;
        Ok(Some(items))
    }

    /// Returns the element type of an empty collection.
    fn empty(&self, from: Option<&Type>, elem: &Type, ty: &Type) -> Result<Type, ConvertError> {
        match from {
            Some(from) if *elem == Type::Dynamic => Ok(from.clone()),
            Some(from) if !convertible(from, elem, true) => self.mismatch(from, ty),
            _ => Ok(elem.without_optional()),
        }
    }

    /// Returns the type elements convert to: the wanted one, or one that suits all.
    fn element_type<'v>(
        &self,
        items: impl Iterator<Item = &'v Value>,
        from: Option<&Type>,
        elem: &Type,
    ) -> Option<Type> {
        match from {
            _ if *elem != Type::Dynamic => Some(elem.clone()),
            Some(from) => Some(from.clone()),
            None => unify(&items.map(Value::ty).collect::<Vec<_>>()),
        }
    }

    /// Builds an object from attributes, or (with `from`) from entries of a map.
    fn object(&mut self, attrs: &Entries, from: Option<&Type>, types: &BTreeMap<Str, ObjectAttr>) -> Converted {
        if let Some(from) = from
            && let Some((_, attr)) = types.iter().find(|(_, a)| !convertible(from, &a.ty, true))
        {
            return self.mismatch(from, &attr.ty);
        }
        if self.options.closed
            && let Some(name) = attrs.keys().find(|k| !types.contains_key(*k))
        {
            return self.fail(unexpected(name, types.keys()));
        }
        let mut result = BTreeMap::new();
        for (name, attr) in types {
            let value = match attrs.get(name) {
                Some(value) => self.step(PathStep::Attr(name.clone()), value, &attr.ty)?,
                None if attr.optional => Value::null_of(attr.ty.without_optional()),
                None => return self.missing(attrs, types),
            };
            result.insert(name.clone(), value);
        }
        Ok(ValueKind::Object(Arc::new(result.into())).into())
    }

    fn missing<T>(&self, attrs: &Entries, types: &BTreeMap<Str, ObjectAttr>) -> Result<T, ConvertError> {
        let missing: Vec<String> = types
            .iter()
            .filter(|(name, attr)| !attr.optional && !attrs.contains_key(name))
            .map(|(name, _)| format!("{name:?}"))
            .collect();
        self.fail(match missing.as_slice() {
            [one] => format!("attribute {one} is required"),
            [first, last] => format!("attributes {first} and {last} are required"),
            [most @ .., last] => format!("attributes {}, and {last} are required", most.join(", ")),
            [] => "an object is required".into(),
        })
    }
}

fn unexpected<'a>(name: &str, known: impl Iterator<Item = &'a Str>) -> String {
    match crate::suggest(name, known.map(|s| &**s)) {
        Some(near) => format!("unexpected attribute {name:?}; did you mean {near:?}?"),
        None => format!("unexpected attribute {name:?}"),
    }
}

/// Says whether all values have one type.
fn same_types<'v>(mut values: impl Iterator<Item = &'v Value>) -> bool {
    let Some(first) = values.next() else {
        return true;
    };
    let ty = first.ty();
    values.all(|v| v.is_of(&ty))
}

/// Says whether a value may turn out to have any type.
fn is_open(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Unknown(Type::Dynamic, _))
}

/// Says whether both are the same type, optional attributes or not.
pub(crate) fn same_type(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            Arc::ptr_eq(a, b) || same_type(a, b)
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            Arc::ptr_eq(a, b) || a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_type(a, b))
        }
        (Type::Object(a), Type::Object(b)) => {
            Arc::ptr_eq(a, b)
                || a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((k, a), (l, b))| k == l && same_type(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

/// Returns the target type with its dynamic parts taken from the source type.
fn fill_dynamic(from: &Type, to: &Type) -> Type {
    match (from, to) {
        (_, Type::Dynamic) => from.without_optional(),
        (_, to) if !to.has_dynamic() => to.without_optional(),
        (Type::List(a) | Type::Set(a), Type::List(b)) => Type::list(fill_dynamic(a, b)),
        (Type::List(a) | Type::Set(a), Type::Set(b)) => Type::set(fill_dynamic(a, b)),
        (Type::Map(a), Type::Map(b)) => Type::map(fill_dynamic(a, b)),
        (Type::Tuple(a), Type::List(b)) => Type::list(fill_common(a.iter(), b)),
        (Type::Tuple(a), Type::Set(b)) => Type::set(fill_common(a.iter(), b)),
        (Type::Object(a), Type::Map(b)) => Type::map(fill_common(a.values().map(|a| &a.ty), b)),
        (Type::Tuple(a), Type::Tuple(b)) => {
            Type::tuple(a.iter().zip(b.iter()).map(|(a, b)| fill_dynamic(a, b)).collect())
        }
        (Type::Object(a), Type::Object(b)) => Type::object(b.iter().map(|(name, attr)| {
            let ty = match a.get(name) {
                Some(a) => fill_dynamic(&a.ty, &attr.ty),
                None => attr.ty.without_optional(),
            };
            (name.clone(), ty)
        })),
        (Type::Map(a), Type::Object(b)) => {
            Type::object(b.iter().map(|(name, attr)| (name.clone(), fill_dynamic(a, &attr.ty))))
        }
        (_, to) => to.without_optional(),
    }
}

fn fill_common<'t>(from: impl Iterator<Item = &'t Type>, to: &Type) -> Type {
    let filled: Vec<Type> = from.map(|t| fill_dynamic(t, to)).collect();
    unify(&filled).unwrap_or_else(|| to.without_optional())
}

/// Converts an unknown value: keeps what is known of it as far as it still holds.
fn convert_unknown(from: &Type, to: Type, known: Option<&Refinement>) -> Value {
    let mut kept = Refinement {
        not_null: known.is_some_and(|k| k.not_null),
        ..Refinement::default()
    };
    if to.is_collection() {
        let given = match from {
            Type::Tuple(items) => Some((items.len(), items.len())),
            Type::Object(attrs) => Some((attrs.len(), attrs.len())),
            _ => None,
        };
        let min = given.map(|g| g.0).or(known.and_then(|k| k.min_len));
        let max = given.map(|g| g.1).or(known.and_then(|k| k.max_len));
        // A set may have fewer elements than what it is made of.
        let shrinks = matches!(to, Type::Set(_)) && !matches!(from, Type::Set(_));
        kept.min_len = min.map(|n| if shrinks { n.min(1) } else { n });
        kept.max_len = max;
    }
    let refinement = (kept != Refinement::default()).then(|| Arc::new(kept));
    ValueKind::Unknown(to, refinement).into()
}

impl Value {
    /// Says whether it has exactly this type (optional attributes or not).
    pub fn is_of(&self, ty: &Type) -> bool {
        match (&self.kind, ty) {
            (ValueKind::Null(t) | ValueKind::Unknown(t, _), ty) => same_type(t, ty),
            (ValueKind::Bool(_), Type::Bool)
            | (ValueKind::Number(_), Type::Number)
            | (ValueKind::String(_), Type::String) => true,
            (ValueKind::List(s), Type::List(elem)) | (ValueKind::Set(s), Type::Set(elem)) => same_type(&s.elem, elem),
            (ValueKind::Map(m), Type::Map(elem)) => same_type(&m.elem, elem),
            (ValueKind::Tuple(items), Type::Tuple(types)) => {
                items.len() == types.len() && items.iter().zip(types.iter()).all(|(v, t)| v.is_of(t))
            }
            (ValueKind::Object(attrs), Type::Object(types)) => {
                attrs.len() == types.len()
                    && attrs
                        .iter()
                        .zip(types.iter())
                        .all(|((k, v), (l, a))| k == l && v.is_of(&a.ty))
            }
            _ => false,
        }
    }

    /// Returns a copy with marks added to the value itself.
    pub fn marked(&self, marks: Marks) -> Value {
        self.clone().with_marks(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, ty: Type, expect: Result<Value, &str>) {
        let got = convert(&value, &ty).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{value:?} to {ty}");
    }

    #[test]
    fn primitives_convert_through_strings() {
        check(1i64.into(), Type::String, Ok("1".into()));
        check("1.50".into(), Type::Number, Ok(Number::parse("1.5").unwrap().into()));
        check("x".into(), Type::Number, Err("a number is required"));
        check("1".into(), Type::Bool, Ok(true.into()));
        check("yes".into(), Type::Bool, Err("a bool is required"));
        check(true.into(), Type::Number, Err("a number is required"));
        check(Value::null(), Type::Bool, Ok(Value::null_of(Type::Bool)));
    }

    #[test]
    fn structures_convert_to_collections() {
        let pair = Value::tuple(vec![1i64.into(), "a".into()]);
        check(pair.clone(), Type::list(Type::String), Ok(Value::strings(["1", "a"])));
        check(pair.clone(), Type::list(Type::Dynamic), Ok(Value::strings(["1", "a"])));
        check(pair, Type::list(Type::Number), Err("[1]: a number is required"));
        let mixed = Value::tuple(vec![1i64.into(), Value::tuple(vec![])]);
        check(
            mixed,
            Type::set(Type::Dynamic),
            Err("all set elements must have the same type"),
        );
        check(
            Value::tuple(vec![]),
            Type::list(Type::Number),
            Ok(Value::list(Type::Number, vec![])),
        );
        let list = Value::strings(["b", "a", "b"]);
        check(
            list,
            Type::set(Type::String),
            Ok(Value::set(Type::String, vec!["a".into(), "b".into()])),
        );
    }

    #[test]
    fn objects_fill_optional_attributes() {
        let ty = Type::Object(Arc::new(
            [("a", Type::String, false), ("b", Type::Number, true)]
                .map(|(n, ty, optional)| (Str::from(n), ObjectAttr { ty, optional }))
                .into(),
        ));
        let filled = Value::object([("a", "1".into()), ("b", Value::null_of(Type::Number))]);
        check(Value::object([("a", 1i64.into())]), ty.clone(), Ok(filled.clone()));
        check(
            Value::object([("a", Value::from(1i64)), ("c", true.into())]),
            ty.clone(),
            Ok(filled.clone()),
        );
        check(
            Value::map(Type::String, [("a".into(), "1".into())].into()),
            ty.clone(),
            Ok(filled),
        );
        check(
            Value::object([("b", 1i64.into())]),
            ty.clone(),
            Err("attribute \"a\" is required"),
        );
        let wrong = Value::object([("a", Value::from("x")), ("bb", 1i64.into())]);
        assert_eq!(
            convert_closed(&wrong, &ty).unwrap_err().to_string(),
            "unexpected attribute \"bb\"; did you mean \"b\"?"
        );
    }

    #[test]
    fn unknowns_and_marks_survive() {
        let secret = Value::tuple(vec![Value::from(1i64).sensitive()]).sensitive();
        let list = convert(&secret, &Type::list(Type::String)).unwrap();
        assert!(list.is_sensitive() && list.as_items().unwrap()[0].is_sensitive());
        check(
            Value::unknown(Type::Dynamic),
            Type::String,
            Ok(Value::unknown(Type::String)),
        );
        check(Value::unknown(Type::Bool), Type::Number, Err("a number is required"));
        let set = convert(&secret, &Type::set(Type::String)).unwrap();
        assert!(set.is_sensitive() && !set.as_items().unwrap()[0].is_sensitive());
    }
}
