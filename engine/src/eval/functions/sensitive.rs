//! Functions on the marks of values.

use infra_types::{Marks, Type, Value};

use super::{Param, Spec, returns};

pub(super) fn specs() -> Vec<Spec> {
    let spec = |name, description, returns, call| {
        Spec::new(
            name,
            description,
            vec![Param::any("value").null().unknown().marked().dynamic()],
            returns,
            call,
        )
        .nullable()
    };
    vec![
        spec(
            "ephemeralasnull",
            "Replaces everything in a value that is ephemeral by null.",
            |args| Ok(args[0].ty()),
            |args, _| Ok(without_ephemeral(&args[0])),
        ),
        spec(
            "issensitive",
            "Says whether a value is sensitive.",
            returns::bool,
            |args, _| {
                Ok(match &args[0] {
                    v if v.is_sensitive() => true.into(),
                    v if v.is_known() => false.into(),
                    _ => Value::unknown_not_null(Type::Bool),
                })
            },
        ),
        spec(
            "nonsensitive",
            "Returns a value without its mark as sensitive.",
            |args| Ok(args[0].ty()),
            |args, _| {
                let marks = args[0].marks.without(Marks::SENSITIVE);
                Ok(args[0].clone().unmarked().with_marks(marks))
            },
        ),
        spec(
            "sensitive",
            "Marks a value as sensitive, so that it is not shown.",
            |args| Ok(args[0].ty()),
            |args, _| Ok(args[0].clone().sensitive()),
        ),
    ]
}

fn without_ephemeral(value: &Value) -> Value {
    if value.marks.contains(Marks::EPHEMERAL) {
        let marks = value.marks.without(Marks::EPHEMERAL);
        return Value::null_of(value.ty()).with_marks(marks);
    }
    if !value.deep_marks().contains(Marks::EPHEMERAL) {
        return value.clone();
    }
    value.map_children(without_ephemeral)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, run};
    use super::*;

    #[test]
    fn marks_are_put_and_taken() {
        let secret = Value::from("x").sensitive();
        check("sensitive", ["x".into()], secret.clone());
        check("nonsensitive", [secret.clone()], "x");
        check("issensitive", [secret.clone()], true);
        check("issensitive", [Value::tuple(vec![secret])], false);
        check(
            "issensitive",
            [Value::unknown(Type::String)],
            Value::unknown_not_null(Type::Bool),
        );
    }

    #[test]
    fn ephemeral_values_become_null() {
        let token = Value::from("t").with_marks(Marks::EPHEMERAL);
        let given = Value::tuple(vec![token, "a".into()]);
        let result = run("ephemeralasnull", [given]).unwrap();
        assert_eq!(result, Value::tuple(vec![Value::null_of(Type::String), "a".into()]));
    }
}
