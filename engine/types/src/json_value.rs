//! Values and types as JSON trees, for state files and plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::json::JsonError;
use crate::{ConvertError, Entries, Number, ObjectAttr, Path, PathStep, Str, Type, Value, ValueKind};

/// Writes a value; numbers keep all their digits, marks are lost.
///
/// What JSON cannot express (unknown values, infinities) becomes null; see [`try_to_json`].
pub fn to_json(value: &Value) -> Json {
    if let Ok(json) = try_to_json(value) {
        return json;
    }
    match &value.kind {
        ValueKind::List(s) | ValueKind::Set(s) => s.items.iter().map(to_json).collect(),
        ValueKind::Tuple(items) => items.iter().map(to_json).collect(),
        ValueKind::Map(m) => m.items.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect(),
        ValueKind::Object(attrs) => attrs.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect(),
        _ => Json::Null,
    }
}

/// Writes a value; refuses unknown values and infinities.
pub fn try_to_json(value: &Value) -> Result<Json, JsonError> {
    Ok(match &value.kind {
        ValueKind::Null(_) => Json::Null,
        ValueKind::Unknown(..) => return Err(JsonError::Unknown),
        ValueKind::Bool(b) => Json::Bool(*b),
        ValueKind::Number(n) => number_to_json(n)?,
        ValueKind::String(s) => Json::String(s.to_string()),
        ValueKind::List(s) | ValueKind::Set(s) => items_to_json(&s.items)?,
        ValueKind::Tuple(items) => items_to_json(items)?,
        ValueKind::Map(m) => entries_to_json(&m.items)?,
        ValueKind::Object(attrs) => entries_to_json(attrs)?,
    })
}

fn number_to_json(n: &Number) -> Result<Json, JsonError> {
    if n.is_infinite() {
        return Err(JsonError::Infinite);
    }
    if let Some(n) = n.to_i64().filter(|i| *i != 0 || !n.is_negative_zero()) {
        return Ok(Json::from(n));
    }
    let number = n.to_string().parse::<serde_json::Number>();
    number.map(Json::Number).map_err(|_| JsonError::Infinite)
}

fn items_to_json(items: &[Value]) -> Result<Json, JsonError> {
    items.iter().map(try_to_json).collect::<Result<_, _>>().map(Json::Array)
}

fn entries_to_json(entries: &Entries) -> Result<Json, JsonError> {
    let entries = entries.iter().map(|(k, v)| Ok((k.to_string(), try_to_json(v)?)));
    entries.collect::<Result<_, _>>().map(Json::Object)
}

/// Reads a value of a type.
///
/// Attributes that are absent become null, ones that the type does not have are
/// dropped; where the type is dynamic, the value's own form decides.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, ConvertError> {
    read(json, ty, &mut Vec::new())
}

fn read(json: &Json, ty: &Type, path: &mut Vec<PathStep>) -> Result<Value, ConvertError> {
    let fail = |path: &[PathStep], message: String| {
        Err(ConvertError {
            path: Path(path.to_vec()),
            message,
        })
    };
    let mut at = |step: PathStep, json: &Json, ty: &Type| {
        path.push(step);
        let value = read(json, ty, path);
        path.pop();
        value
    };
    match (json, ty) {
        (Json::Null, ty) => Ok(Value::null_of(ty.without_optional())),
        (Json::Bool(b), Type::Bool | Type::Dynamic) => Ok((*b).into()),
        (Json::Bool(b), Type::String) => Ok(b.to_string().into()),
        (Json::Number(n), Type::Number | Type::Dynamic) => match Number::parse(&n.to_string()) {
            Some(n) => Ok(n.into()),
            None => fail(path, "the number is out of range".into()),
        },
        (Json::Number(n), Type::String) => Ok(n.to_string().into()),
        (Json::String(s), Type::String | Type::Dynamic) => Ok(Value::string(s.as_str())),
        (Json::String(s), Type::Number) => match Number::parse(s) {
            Some(n) => Ok(n.into()),
            None => fail(path, "a number is required".into()),
        },
        (Json::String(s), Type::Bool) if s == "true" || s == "false" => Ok((s == "true").into()),
        (Json::Array(items), Type::List(elem) | Type::Set(elem)) => {
            let items = items.iter().enumerate();
            let items = items.map(|(i, v)| at(PathStep::Index(i), v, elem));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            collect(ty, Value::tuple(items), path)
        }
        (Json::Array(items), Type::Dynamic) => {
            let items = items.iter().enumerate();
            let items = items.map(|(i, v)| at(PathStep::Index(i), v, &Type::Dynamic));
            Ok(Value::tuple(items.collect::<Result<_, _>>()?))
        }
        (Json::Array(items), Type::Tuple(types)) if items.len() == types.len() => {
            let items = items.iter().zip(types.iter()).enumerate();
            let items = items.map(|(i, (v, ty))| at(PathStep::Index(i), v, ty));
            Ok(Value::tuple(items.collect::<Result<_, _>>()?))
        }
        (Json::Object(entries), Type::Map(elem)) => {
            let entries = entries
                .iter()
                .map(|(k, v)| Ok((Str::from(k.as_str()), at(PathStep::Key(k.as_str().into()), v, elem)?)));
            let entries = entries.collect::<Result<BTreeMap<Str, _>, _>>()?;
            collect(ty, Value::object(entries), path)
        }
        (Json::Object(entries), Type::Dynamic) => {
            let entries = entries.iter().map(|(k, v)| {
                let value = at(PathStep::Attr(k.as_str().into()), v, &Type::Dynamic)?;
                Ok((k.as_str(), value))
            });
            Ok(Value::object(entries.collect::<Result<Vec<_>, _>>()?))
        }
        (Json::Object(entries), Type::Object(attrs)) => {
            let attrs = attrs.iter().map(|(name, attr)| {
                let value = match entries.get(&**name) {
                    Some(v) => at(PathStep::Attr(name.clone()), v, &attr.ty)?,
                    None => Value::null_of(attr.ty.without_optional()),
                };
                Ok((name.clone(), value))
            });
            Ok(Value::object(attrs.collect::<Result<Vec<_>, _>>()?))
        }
        (_, ty) => fail(path, format!("{} required", ty.friendly())),
    }
}

/// Makes a collection of parts that were read with its element type.
fn collect(ty: &Type, parts: Value, path: &[PathStep]) -> Result<Value, ConvertError> {
    let elem = ty.element().unwrap_or(&Type::Dynamic);
    if elem.has_dynamic() {
        return crate::convert(&parts, ty).map_err(|mut e| {
            e.path.0.splice(0..0, path.iter().cloned());
            e
        });
    }
    let elem = elem.without_optional();
    Ok(match (ty, parts.kind) {
        (Type::Set(_), ValueKind::Tuple(items)) => Value::set(elem, Arc::unwrap_or_clone(items).into_vec()),
        (_, ValueKind::Tuple(items)) => Value::list(elem, Arc::unwrap_or_clone(items).into_vec()),
        (_, ValueKind::Object(entries)) => Value::map(elem, Arc::unwrap_or_clone(entries)),
        (_, kind) => kind.into(),
    })
}

/// Writes a value together with its types where `ty` is dynamic, so that it reads
/// back exactly: such a part becomes `{"value": …, "type": …}`.
pub fn to_json_typed(value: &Value, ty: &Type) -> Result<Json, JsonError> {
    match (&value.kind, ty) {
        (ValueKind::Null(own), _) if own == ty || *ty != Type::Dynamic => Ok(Json::Null),
        (_, Type::Dynamic) => {
            let own = value.ty();
            let mut wrapped = serde_json::Map::new();
            wrapped.insert("value".into(), to_json_typed(value, &own)?);
            wrapped.insert("type".into(), type_to_json(&own));
            Ok(Json::Object(wrapped))
        }
        _ if !ty.has_dynamic() => try_to_json(value),
        (ValueKind::List(s) | ValueKind::Set(s), Type::List(elem) | Type::Set(elem)) => {
            let items = s.items.iter().map(|v| to_json_typed(v, elem));
            items.collect::<Result<_, _>>().map(Json::Array)
        }
        (ValueKind::Tuple(items), Type::Tuple(types)) => {
            let items = items.iter().zip(types.iter()).map(|(v, t)| to_json_typed(v, t));
            items.collect::<Result<_, _>>().map(Json::Array)
        }
        (ValueKind::Map(m), Type::Map(elem)) => {
            let entries = m
                .items
                .iter()
                .map(|(k, v)| Ok((k.to_string(), to_json_typed(v, elem)?)));
            entries.collect::<Result<_, _>>().map(Json::Object)
        }
        (ValueKind::Object(attrs), Type::Object(types)) => {
            let entries = attrs.iter().map(|(k, v)| {
                let ty = types.get(k).map_or(&Type::Dynamic, |a| &a.ty);
                Ok((k.to_string(), to_json_typed(v, ty)?))
            });
            entries.collect::<Result<_, _>>().map(Json::Object)
        }
        _ => try_to_json(value),
    }
}

/// Reads what [`to_json_typed`] wrote.
pub fn from_json_typed(json: &Json, ty: &Type) -> Result<Value, ConvertError> {
    let fail = |message: &str| {
        Err(ConvertError {
            path: Path::root(),
            message: message.to_owned(),
        })
    };
    if !ty.has_dynamic() || json.is_null() {
        return from_json(json, ty);
    }
    let within = |step: PathStep, json: &Json, ty: &Type| {
        from_json_typed(json, ty).map_err(|mut e| {
            e.path.0.insert(0, step);
            e
        })
    };
    match (json, ty) {
        (Json::Object(wrapped), Type::Dynamic) => match (wrapped.get("value"), wrapped.get("type")) {
            (Some(value), Some(ty)) => match type_from_json(ty) {
                Some(ty) => from_json_typed(value, &ty),
                None => fail("a type is written wrongly"),
            },
            _ => fail("a value with its type is required"),
        },
        (Json::Array(items), Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
            let elem = |i: usize| match ty {
                Type::Tuple(types) => types.get(i),
                ty => ty.element(),
            };
            let items = items.iter().enumerate();
            let items = items.map(|(i, v)| within(PathStep::Index(i), v, elem(i).unwrap_or(&Type::Dynamic)));
            let items = Value::tuple(items.collect::<Result<_, _>>()?);
            crate::convert(&items, ty)
        }
        (Json::Object(entries), Type::Map(_) | Type::Object(_)) => {
            let mut parts = BTreeMap::new();
            match ty {
                Type::Object(attrs) => {
                    for (name, attr) in attrs.iter() {
                        let part = entries.get(&**name).unwrap_or(&Json::Null);
                        parts.insert(name.clone(), within(PathStep::Attr(name.clone()), part, &attr.ty)?);
                    }
                }
                ty => {
                    for (key, part) in entries {
                        let key = Str::from(key.as_str());
                        let elem = ty.element().unwrap_or(&Type::Dynamic);
                        parts.insert(key.clone(), within(PathStep::Key(key), part, elem)?);
                    }
                }
            }
            crate::convert(&Value::object(parts), ty)
        }
        _ => from_json(json, ty),
    }
}

/// Writes a type in Terraform's form: `"string"`, `["list", T]`, `["object", {…}]`, ….
pub fn type_to_json(ty: &Type) -> Json {
    let pair = |kind: &str, inner: Json| Json::Array(vec![kind.into(), inner]);
    match ty {
        Type::Dynamic => "dynamic".into(),
        Type::Bool => "bool".into(),
        Type::Number => "number".into(),
        Type::String => "string".into(),
        Type::List(t) => pair("list", type_to_json(t)),
        Type::Set(t) => pair("set", type_to_json(t)),
        Type::Map(t) => pair("map", type_to_json(t)),
        Type::Tuple(ts) => pair("tuple", ts.iter().map(type_to_json).collect()),
        Type::Object(attrs) => {
            let types: serde_json::Map<_, _> = attrs
                .iter()
                .map(|(name, attr)| (name.to_string(), type_to_json(&attr.ty)))
                .collect();
            let optional: Vec<Json> = attrs
                .iter()
                .filter(|(_, attr)| attr.optional)
                .map(|(name, _)| Json::from(&**name))
                .collect();
            let mut parts = vec!["object".into(), Json::Object(types)];
            if !optional.is_empty() {
                parts.push(Json::Array(optional));
            }
            Json::Array(parts)
        }
    }
}

/// Reads a type in Terraform's form.
pub fn type_from_json(json: &Json) -> Option<Type> {
    if let Some(name) = json.as_str() {
        return Some(match name {
            "dynamic" => Type::Dynamic,
            "bool" => Type::Bool,
            "number" => Type::Number,
            "string" => Type::String,
            _ => return None,
        });
    }
    let parts = json.as_array()?;
    let (kind, inner) = (parts.first()?.as_str()?, parts.get(1)?);
    Some(match kind {
        "list" => Type::list(type_from_json(inner)?),
        "set" => Type::set(type_from_json(inner)?),
        "map" => Type::map(type_from_json(inner)?),
        "tuple" => {
            let types = inner.as_array()?.iter().map(type_from_json);
            Type::tuple(types.collect::<Option<_>>()?)
        }
        "object" => {
            let optional: Vec<&str> = match parts.get(2) {
                Some(names) => names.as_array()?.iter().filter_map(Json::as_str).collect(),
                None => Vec::new(),
            };
            let attrs = inner.as_object()?.iter().map(|(name, ty)| {
                let attr = ObjectAttr {
                    ty: type_from_json(ty)?,
                    optional: optional.contains(&name.as_str()),
                };
                Some((Str::from(name.as_str()), attr))
            });
            Type::Object(std::sync::Arc::new(attrs.collect::<Option<_>>()?))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: &Value) {
        let ty = value.ty();
        let json = to_json(value);
        assert_eq!(from_json(&json, &ty).unwrap(), *value);
        assert_eq!(type_from_json(&type_to_json(&ty)).unwrap(), ty);
        let text = serde_json::to_string(&to_json_typed(value, &Type::Dynamic).unwrap()).unwrap();
        let json = serde_json::from_str(&text).unwrap();
        let back = from_json_typed(&json, &Type::Dynamic).unwrap();
        assert_eq!(&back, value);
        assert_eq!(back.ty(), ty);
    }

    #[test]
    fn values_round_trip() {
        round_trip(&Value::strings(["a", "b"]));
        round_trip(&Value::tuple(vec![1i64.into(), Value::null(), "x".into()]));
        round_trip(&Value::set(Type::Number, vec![2i64.into(), 1i64.into()]));
        round_trip(&Number::parse("123456789012345678901234567890.125").unwrap().into());
        round_trip(&Value::object([(
            "a",
            Value::map(Type::Bool, [("k".into(), true.into())].into()),
        )]));
        round_trip(&Value::null());
    }

    #[test]
    fn absent_attributes_are_null() {
        let ty = Type::object([("a", Type::String), ("b", Type::Number)]);
        let value = from_json(&serde_json::json!({"a": "x", "c": 1}), &ty).unwrap();
        let expect = Value::object([("a", "x".into()), ("b", Value::null_of(Type::Number))]);
        assert_eq!(value, expect);
        let error = from_json(&serde_json::json!({"b": []}), &ty).unwrap_err();
        assert_eq!(error.to_string(), "b: number required");
    }

    #[test]
    fn unknown_values_are_refused() {
        assert_eq!(try_to_json(&Value::unknown(Type::String)), Err(JsonError::Unknown));
    }
}
