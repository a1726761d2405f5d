//! Attributes and elements of values.

use infra_types::{Marks, Str, Type, Value, ValueKind, convert, suggest};

use super::expr::with_article;

/// Why an attribute or element is not there.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Self {
        Refusal {
            code,
            message: message.into(),
            label: label.into(),
            help: None,
        }
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

type Access = Result<Value, Box<Refusal>>;

/// What to do about a part of null.
const IN_PLACE_OF_NULL: &str = "`try(…, null)` gives another value where a part is not there";

fn refuse(refusal: Refusal) -> Access {
    Err(Box::new(refusal))
}

/// Returns `value.name`.
pub(super) fn attribute(value: &Value, name: &str) -> Access {
    let marks = value.marks;
    let found = match &value.kind {
        ValueKind::Null(_) => {
            return refuse(
                Refusal::new(
                    "infra::eval::null_access",
                    format!("a null value has no attribute `{name}`"),
                    "what stands before this is null",
                )
                .help(Some(IN_PLACE_OF_NULL.into())),
            );
        }
        ValueKind::Object(attrs) => attrs.get(name).cloned(),
        ValueKind::Map(m) => m.items.get(name).cloned(),
        ValueKind::Unknown(Type::Dynamic, _) => Some(Value::unknown(Type::Dynamic)),
        ValueKind::Unknown(Type::Object(attrs), _) => attrs.get(name).map(|a| Value::unknown(a.ty.clone())),
        ValueKind::Unknown(Type::Map(elem), _) => Some(Value::unknown((**elem).clone())),
        _ => return no_attributes(value, name),
    };
    match found {
        Some(found) => Ok(found.with_marks(marks)),
        None => {
            let message = match &value.kind {
                ValueKind::Map(_) => format!("this map has no element `{name}`"),
                _ => format!("this object has no attribute `{name}`"),
            };
            let help = near(value, name);
            refuse(Refusal::new("infra::eval::unknown_attribute", message, "not found").help(help))
        }
    }
}

fn no_attributes(value: &Value, name: &str) -> Access {
    let ty = value.ty();
    let message = format!("{} has no attributes, so there is no `{name}`", with_article(&ty));
    let help = match &ty {
        Type::List(elem) | Type::Set(elem) if matches!(**elem, Type::Object(_)) => {
            Some(format!("`[*].{name}` gives the attribute of every element"))
        }
        Type::Tuple(_) => Some(format!(
            "`[0].{name}` gives the attribute of the first element, `[*].{name}` of every element"
        )),
        _ => None,
    };
    refuse(Refusal::new("infra::eval::no_attributes", message, "not found").help(help))
}

/// Says what was probably meant, or what there is; nothing about sensitive values.
fn near(value: &Value, name: &str) -> Option<String> {
    if value.is_sensitive() {
        return None;
    }
    let names: Vec<&Str> = match &value.kind {
        ValueKind::Unknown(Type::Object(attrs), _) => attrs.keys().collect(),
        _ => value.as_entries()?.keys().collect(),
    };
    if let Some(near) = suggest(name, names.iter().map(|n| &***n)) {
        return Some(format!("did you mean `{near}`?"));
    }
    match names.as_slice() {
        [] => Some("it is empty".into()),
        few if few.len() <= 8 => {
            let few: Vec<_> = few.iter().map(|n| format!("`{n}`")).collect();
            Some(format!("it has {}", few.join(", ")))
        }
        _ => None,
    }
}

/// Returns `value[key]`.
pub(super) fn index(value: &Value, key: &Value) -> Access {
    const INVALID: &str = "infra::eval::invalid_index";
    if value.is_null() {
        return refuse(
            Refusal::new(
                "infra::eval::null_access",
                "a null value has no elements",
                "what stands before this is null",
            )
            .help(Some(IN_PLACE_OF_NULL.into())),
        );
    }
    if key.is_null() {
        return refuse(Refusal::new(INVALID, "an index must not be null", "this is null"));
    }
    let ty = match &value.kind {
        ValueKind::Unknown(ty, _) => ty.clone(),
        // The types of parts don't matter here.
        ValueKind::Tuple(_) => Type::tuple(Vec::new()),
        ValueKind::Object(_) => Type::object::<Str>([]),
        _ => value.ty(),
    };
    let wanted = match ty {
        Type::Dynamic => return Ok(unknown(Type::Dynamic, value, key)),
        Type::List(_) | Type::Tuple(_) => Type::Number,
        Type::Map(_) | Type::Object(_) => Type::String,
        Type::Set(_) => {
            return refuse(
                Refusal::new(INVALID, "the elements of a set have no index", "a set").help(Some(
                    "`tolist` makes a list of a set; `one` takes its only element".into(),
                )),
            );
        }
        Type::Bool | Type::Number | Type::String => {
            let message = format!("{} has no elements", with_article(&ty));
            return refuse(Refusal::new(INVALID, message, "no elements"));
        }
    };
    if let ValueKind::Unknown(Type::Dynamic, _) = key.kind {
        return Ok(unknown(Type::Dynamic, value, key));
    }
    let was_number = matches!(key.kind, ValueKind::Number(_));
    let Ok(key) = convert(key, &wanted) else {
        let wanted = if wanted == Type::Number { "a number" } else { "a string" };
        let message = format!("the index of {} must be {wanted}", with_article(&ty));
        let label = format!("this is {}", with_article(&key.ty()));
        return refuse(Refusal::new(INVALID, message, label));
    };
    match wanted {
        Type::Number => by_number(value, &ty, &key),
        _ => by_text(value, &ty, &key, was_number),
    }
}

fn unknown(ty: Type, value: &Value, key: &Value) -> Value {
    Value::unknown(ty).with_marks(value.marks.union(key.marks))
}

fn by_number(value: &Value, ty: &Type, key: &Value) -> Access {
    const INVALID: &str = "infra::eval::invalid_index";
    let marks: Marks = value.marks.union(key.marks);
    let Some(number) = key.as_number() else {
        return Ok(match ty {
            Type::List(elem) => unknown((**elem).clone(), value, key),
            _ => unknown(Type::Dynamic, value, key),
        });
    };
    let len = match &value.kind {
        ValueKind::Unknown(Type::Tuple(items), _) => Some(items.len()),
        ValueKind::Unknown(..) => None,
        _ => value.as_items().map(<[Value]>::len),
    };
    if !number.is_integer() {
        return refuse(Refusal::new(
            INVALID,
            "an index must be a whole number",
            "this has a fraction",
        ));
    }
    if number.is_negative() {
        return refuse(Refusal::new(INVALID, "an index must not be negative", "below zero"));
    }
    let at = number.to_usize().unwrap_or(usize::MAX);
    let found = match &value.kind {
        ValueKind::Unknown(Type::Tuple(items), _) => items.get(at).map(|t| Value::unknown(t.clone())),
        ValueKind::Unknown(Type::List(elem), _) => Some(Value::unknown((**elem).clone())),
        _ => value.as_items().and_then(|items| items.get(at)).cloned(),
    };
    match (found, len) {
        (Some(found), _) => Ok(found.with_marks(marks)),
        (None, _) if !marks.is_empty() => refuse(Refusal::new(
            INVALID,
            "there is no element with this index",
            "not there",
        )),
        (None, Some(0)) => refuse(Refusal::new(
            INVALID,
            format!("there is no element {at}: it is empty"),
            "not there",
        )),
        (None, len) => {
            let len = len.unwrap_or(0);
            let message = format!("there is no element {at}: it has {len}, counted from 0");
            refuse(Refusal::new(INVALID, message, "not there"))
        }
    }
}

fn by_text(value: &Value, ty: &Type, key: &Value, was_number: bool) -> Access {
    let Some(name) = key.as_str() else {
        return Ok(match ty {
            Type::Map(elem) => unknown((**elem).clone(), value, key),
            _ => unknown(Type::Dynamic, value, key),
        });
    };
    match attribute(value, name) {
        Ok(found) => Ok(found.with_marks(key.marks)),
        Err(_) if !key.marks.is_empty() => refuse(Refusal::new(
            "infra::eval::invalid_index",
            "there is no element with this key",
            "not there",
        )),
        Err(mut refusal) => {
            if was_number && matches!(ty, Type::Object(_)) && refusal.help.is_none() {
                refusal.help = Some("an object has attributes with names, no numbered elements".into());
            }
            Err(refusal)
        }
    }
}
