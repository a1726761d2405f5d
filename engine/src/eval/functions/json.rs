//! `jsonencode` and `jsondecode`.

use infra_types::{Refinement, Type, Value, ValueKind};

use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "jsondecode",
            "Reads a value from a JSON text.",
            vec![Param::string("str")],
            returns::any,
            |args, _| {
                infra_types::json::decode(text(args, 0)).map_err(|e| FnError::at(0, format!("this is not JSON: {e}")))
            },
        )
        .nullable(),
        Spec::new(
            "jsonencode",
            "Writes a value as JSON text.",
            vec![Param::any("val").null().unknown().dynamic()],
            returns::string,
            jsonencode,
        ),
    ]
}

/// Writes a known value as JSON text.
pub(super) fn encode(value: &Value) -> Result<String, String> {
    infra_types::json::encode(value).map_err(|e| e.to_string())
}

fn jsonencode(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if args[0].is_wholly_known() {
        return encode(&args[0]).map(Value::from).map_err(|e| FnError::at(0, e));
    }
    let not_null = match &args[0].kind {
        ValueKind::Unknown(_, r) => r.as_ref().is_some_and(|r| r.not_null),
        _ => true,
    };
    // The type says what the text starts with.
    let start = match args[0].ty() {
        _ if !not_null => None,
        Type::String => Some("\""),
        Type::Object(_) | Type::Map(_) => Some("{"),
        Type::Tuple(_) | Type::List(_) | Type::Set(_) => Some("["),
        _ => None,
    };
    let refinement = Refinement {
        not_null: true,
        prefix: start.map(Into::into),
        ..Refinement::default()
    };
    Ok(ValueKind::Unknown(Type::String, Some(refinement.into())).into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused, run};
    use super::*;

    #[test]
    fn values_to_text_and_back() {
        let value = Value::object([("a", Value::tuple(vec![1.into(), Value::null()])), ("b", "<é>".into())]);
        let json = r#"{"a":[1,null],"b":"\u003cé\u003e"}"#;
        check("jsonencode", [value.clone()], json);
        check("jsondecode", [json.into()], value);
        check("jsonencode", [Value::null()], "null");
        refused("jsondecode", ["[1".into()]);
    }

    #[test]
    fn unknown_values_have_a_known_beginning() {
        let result = run("jsonencode", [Value::tuple(vec![Value::unknown(Type::String)])]).unwrap();
        let ValueKind::Unknown(Type::String, Some(r)) = result.kind else {
            panic!("{result:?}")
        };
        assert_eq!(r.prefix.as_deref(), Some("["));
    }
}
