//! Explicit conversion between types.

use infra_types::{Type, Value};

use super::{FnError, Param, Spec, returns};

pub(super) fn specs() -> Vec<Spec> {
    let spec = |name, description, returns, call| {
        Spec::new(
            name,
            description,
            vec![Param::any("v").null().unknown().marked().dynamic()],
            returns,
            call,
        )
        .nullable()
    };
    vec![
        spec("tobool", "Converts a value to a bool.", returns::bool, |args, _| {
            explicit(args, Type::Bool)
        }),
        spec("tolist", "Converts a value to a list.", returns::any, |args, _| {
            explicit(args, Type::list(Type::Dynamic))
        }),
        spec("tomap", "Converts a value to a map.", returns::any, |args, _| {
            explicit(args, Type::map(Type::Dynamic))
        }),
        spec(
            "tonumber",
            "Converts a value to a number.",
            returns::number,
            |args, _| explicit(args, Type::Number),
        ),
        spec("toset", "Converts a value to a set.", returns::any, |args, _| {
            explicit(args, Type::set(Type::Dynamic))
        }),
        spec(
            "tostring",
            "Converts a value to a string.",
            returns::string,
            |args, _| explicit(args, Type::String),
        ),
        spec(
            "type",
            "Returns the type of a value, as it is written in the language.",
            returns::string,
            |args, _| Ok(args[0].ty().to_string().into()),
        ),
    ]
}

/// Converts a value to a type.
pub(super) fn to(value: &Value, ty: &Type) -> Result<Value, String> {
    infra_types::convert::convert(value, ty).map_err(|e| e.to_string())
}

/// Returns the type all the types can be converted to.
pub(super) fn unify(types: &[Type]) -> Option<Type> {
    infra_types::convert::unify(types)
}

fn explicit(args: &[Value], ty: Type) -> Result<Value, FnError> {
    to(&args[0], &ty).map_err(|why| {
        // The reason may quote the value.
        if args[0].contains_sensitive() {
            FnError::at(
                0,
                format!("the sensitive value cannot be converted to {}", ty.friendly()),
            )
        } else {
            FnError::at(0, why)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    #[test]
    fn conversions() {
        check("tostring", [1.into()], "1");
        check("tonumber", ["5".into()], 5);
        check("tobool", ["true".into()], true);
        check("tolist", [Value::tuple(vec!["a".into()])], Value::strings(["a"]));
        check("tostring", [Value::null()], Value::null_of(Type::String));
        check("tostring", [Value::unknown(Type::Number)], Value::unknown(Type::String));
        refused("tobool", ["yes".into()]);
        check("type", [Value::strings(["a"])], "list(string)");
    }

    #[test]
    fn sensitive_values_are_not_quoted() {
        let error = refused("tonumber", [Value::from("hunter2").sensitive()]);
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}
