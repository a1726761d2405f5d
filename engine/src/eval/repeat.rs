//! `count`, `for_each` and `enabled`: values to instance keys.

use std::collections::BTreeMap;

use infra_syntax::{Diagnostic, Span};
use infra_types::{InstanceKey, Marks, Str, Type, Value, ValueKind};

use super::expr::with_article;
use super::world::Repeat;

/// The largest number of instances of one block.
const MAX_INSTANCES: u64 = 1_000_000;

/// Reads a flag that must be known.
pub fn flag(value: &Value, name: &str, span: Span) -> Result<bool, Diagnostic> {
    let error = |message: String| Err(Diagnostic::error("infra::eval::invalid_flag", message).at(span, "here"));
    if value.marks.contains(Marks::EPHEMERAL) {
        return Err(ephemeral(name, span));
    }
    if value.is_null() {
        return Err(
            Diagnostic::error("infra::eval::invalid_flag", format!("`{name}` must not be null"))
                .at(span, "null")
                .help("write `coalesce(…, false)` to have another value in place of null"),
        );
    }
    if !value.is_known() {
        return Err(Diagnostic::error(
            "infra::eval::unknown_flag",
            format!("`{name}` must be known when planning, but its value is only known after apply"),
        )
        .at(span, "depends on a value that is not known yet"));
    }
    match infra_types::convert::convert(value, &Type::Bool) {
        Ok(v) => Ok(v.as_bool().unwrap_or(false)),
        Err(_) => error(format!(
            "`{name}` must be true or false, not {}",
            with_article(&value.ty())
        )),
    }
}

/// The instance that stands for all of an unknown `count` when only checking.
pub(super) fn unknown_count() -> Repeat {
    Repeat {
        key: InstanceKey::Int(0),
        value: None,
        unknown_key: true,
    }
}

/// The instance that stands for all of an unknown `for_each` when only checking.
pub(super) fn unknown_each(value: &Value) -> Repeat {
    let elem = match value.ty() {
        Type::Map(t) => (*t).clone(),
        Type::Set(_) => Type::String,
        _ => Type::Dynamic,
    };
    Repeat {
        key: InstanceKey::Str("".into()),
        value: Some(Value::unknown(elem)),
        unknown_key: true,
    }
}

/// Says whether the keys of a `for_each` value are known.
pub(super) fn keys_known(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Unknown(..) => false,
        ValueKind::Set(s) | ValueKind::List(s) => s.items.iter().all(Value::is_known),
        ValueKind::Tuple(items) => items.iter().all(Value::is_known),
        _ => true,
    }
}

fn unknown(argument: &str, span: Span, header: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        "infra::eval::unknown_repetition",
        format!("{what} of `{argument}` is only known after apply, so the instances cannot be planned"),
    )
    .at(span, "depends on a value that is not known yet")
    .related(header, "the instances of this block")
    .help(
        "use keys and counts that are written in the configuration or come from variables; \
         put values that are only known later into the values of a map, not into its keys",
    )
}

fn sensitive(argument: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::eval::sensitive_repetition",
        format!("`{argument}` comes from a sensitive value, which instance keys would show"),
    )
    .at(span, "sensitive")
    .help("use `nonsensitive(…)` on the part that may be shown, such as the keys")
}

/// The error about a value that may be another one in the next run.
fn ephemeral(argument: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::eval::ephemeral_repetition",
        format!("`{argument}` must be the same in every run, but its value exists during one run only"),
    )
    .at(span, "an ephemeral value")
    .help("use a value that does not come from an ephemeral variable or output")
}

/// Returns the instances for `count`.
pub(super) fn by_count(value: &Value, span: Span, header: Span) -> Result<Vec<Repeat>, Diagnostic> {
    let error = |message: String| Diagnostic::error("infra::eval::invalid_count", message).at(span, "here");
    if value.marks.contains(Marks::EPHEMERAL) {
        return Err(ephemeral("count", span));
    }
    if value.is_null() {
        return Err(error("`count` must not be null".into()).help("use 0 for no instance"));
    }
    if !value.is_known() {
        return Err(unknown("count", span, header, "the value"));
    }
    let number = infra_types::convert::convert(value, &Type::Number)
        .map_err(|_| error(format!("`count` must be a number, not {}", with_article(&value.ty()))))?;
    let n = number
        .as_i64()
        .ok_or_else(|| error("`count` must be a whole number".into()).help("round it with `floor(…)` or `ceil(…)`"))?;
    let n = u64::try_from(n).map_err(|_| error(format!("`count` must not be negative, it is {n}")))?;
    if n > MAX_INSTANCES {
        return Err(error(format!("`count` is {n}; the limit is {MAX_INSTANCES}")));
    }
    Ok((0..n)
        .map(|i| Repeat {
            key: InstanceKey::Int(i),
            value: None,
            unknown_key: false,
        })
        .collect())
}

/// Returns the instances for `for_each`.
pub(crate) fn by_for_each(value: &Value, span: Span, header: Span) -> Result<Vec<Repeat>, Diagnostic> {
    let error = |message: String| Diagnostic::error("infra::eval::invalid_for_each", message).at(span, "here");
    if value.marks.contains(Marks::EPHEMERAL) {
        return Err(ephemeral("for_each", span));
    }
    if value.is_sensitive() {
        return Err(sensitive("for_each", span));
    }
    let instances = match &value.kind {
        ValueKind::Null(_) => {
            return Err(error("`for_each` must not be null".into()).help("use `{}` for no instance"));
        }
        ValueKind::Unknown(..) => return Err(unknown("for_each", span, header, "the value")),
        ValueKind::Map(_) | ValueKind::Object(_) => {
            let entries = value.as_entries().into_iter().flatten();
            entries
                .map(|(key, value)| Repeat {
                    key: InstanceKey::Str(key.clone()),
                    value: Some(value.clone()),
                    unknown_key: false,
                })
                .collect()
        }
        ValueKind::Set(_) | ValueKind::List(_) | ValueKind::Tuple(_) => by_items(value, span, header)?,
        _ => {
            let what = with_article(&value.ty());
            return Err(
                error(format!("`for_each` must be a map or a set of strings, not {what}"))
                    .help("for one instance or none use `enabled`, for a number of them `count`"),
            );
        }
    };
    Ok(instances)
}

/// Returns what `each` means for each element of an `import` block's `for_each`.
///
/// What is imported has addresses of its own, so the elements need no names:
/// those of a list are counted.
pub(crate) fn by_element(value: &Value, span: Span, header: Span) -> Result<Vec<Repeat>, Diagnostic> {
    let items = match &value.kind {
        ValueKind::List(list) => &list.items,
        ValueKind::Tuple(items) => &**items,
        _ => return by_for_each(value, span, header),
    };
    let marks = value.marks;
    if marks.contains(Marks::EPHEMERAL) {
        return Err(ephemeral("for_each", span));
    }
    if marks.contains(Marks::SENSITIVE) {
        return Err(sensitive("for_each", span));
    }
    let each = |(i, value): (u64, &Value)| Repeat {
        key: InstanceKey::Int(i),
        value: Some(value.clone()),
        unknown_key: false,
    };
    Ok((0..).zip(items).map(each).collect())
}

fn by_items(value: &Value, span: Span, header: Span) -> Result<Vec<Repeat>, Diagnostic> {
    let error = |message: String| Diagnostic::error("infra::eval::invalid_for_each", message).at(span, "here");
    let mut keys: BTreeMap<Str, ()> = BTreeMap::new();
    for item in value.as_items().unwrap_or(&[]) {
        if item.marks.contains(Marks::EPHEMERAL) {
            return Err(ephemeral("for_each", span));
        }
        if item.is_sensitive() {
            return Err(sensitive("for_each", span));
        }
        if !item.is_known() {
            return Err(unknown("for_each", span, header, "a key"));
        }
        if item.is_null() {
            return Err(error("`for_each` holds null; keys must be strings".into())
                .help("leave it out: `[for x in list : x if x != null]`"));
        }
        let ValueKind::String(key) = &item.kind else {
            return Err(error(format!(
                "`for_each` holds {}; keys must be strings",
                with_article(&item.ty())
            ))
            .help("use a map whose keys name the instances: `{ for x in list : x.name => x }`"));
        };
        if keys.insert(key.clone(), ()).is_some() {
            return Err(error(format!("`for_each` holds `{key}` twice")).help("use `toset(…)` to drop repetitions"));
        }
    }
    Ok(keys
        .into_keys()
        .map(|key| Repeat {
            value: Some(Value::string(key.clone())),
            key: InstanceKey::Str(key),
            unknown_key: false,
        })
        .collect())
}
