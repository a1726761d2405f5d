//! Conditionals: `condition ? a : b`.

use std::sync::Arc;

use infra_syntax::ast::Expr;
use infra_syntax::{Diagnostic, Span};
use infra_types::{Refinement, Type, Value, ValueKind, convert, unify};

use super::env::{Env, Eval, error};
use super::expr::{value_of, with_article};

/// Evaluates a conditional.
///
/// Both branches count for the type of the result; the one that is not taken may fail.
pub(super) fn eval(condition: &Expr, then: &Expr, otherwise: &Expr, env: Env<'_>) -> Eval {
    let condition_value = truth(condition, env)?;
    let marks = condition_value.marks;
    let then_value = value_of(then, env);
    let otherwise_value = value_of(otherwise, env);
    match condition_value.as_bool() {
        Some(taken) => {
            let (value, other, span) = if taken {
                (then_value?, otherwise_value, then.span)
            } else {
                (otherwise_value?, then_value, otherwise.span)
            };
            let Ok(other) = other else {
                return Ok(value.with_marks(marks));
            };
            // The result has the marks of both, whichever is taken.
            let marks = marks.union(other.marks);
            if is_untyped(&other) {
                return Ok(value.with_marks(marks));
            }
            let result = if is_untyped(&value) {
                fit(&value, &other.ty(), span)?
            } else {
                let order = if taken { [&value, &other] } else { [&other, &value] };
                fit(&value, &common(order, then, otherwise)?, span)?
            };
            Ok(result.with_marks(marks))
        }
        None => {
            let (a, b) = super::env::both(then_value, otherwise_value)?;
            let marks = marks.union(a.marks).union(b.marks);
            Ok(either(a.unmarked(), b.unmarked(), then, otherwise)?.with_marks(marks))
        }
    }
}

/// Evaluates a condition; the result is a bool, maybe unknown.
pub(super) fn truth(condition: &Expr, env: Env<'_>) -> Eval {
    let value = value_of(condition, env)?;
    as_truth(&value, condition.span)
}

/// Takes a value as a condition; the result is a bool, maybe unknown.
pub(super) fn as_truth(value: &Value, span: Span) -> Eval {
    if value.is_null() {
        return error(
            "infra::eval::null_condition",
            "a condition must be true or false, but it is null",
            span,
            "this is null",
        );
    }
    match convert(value, &Type::Bool) {
        Ok(value) => Ok(value),
        Err(_) => error(
            "infra::eval::invalid_condition",
            format!("a condition must be true or false, not {}", with_article(&value.ty())),
            span,
            "not a bool",
        ),
    }
}

/// Says whether a value takes any type: an untyped null, or nothing is known of it.
fn is_untyped(value: &Value) -> bool {
    matches!(
        value.kind,
        ValueKind::Null(Type::Dynamic) | ValueKind::Unknown(Type::Dynamic, _)
    )
}

fn common([a, b]: [&Value; 2], then: &Expr, otherwise: &Expr) -> Eval<Type> {
    let (a, b) = (a.ty(), b.ty());
    if a == b {
        return Ok(a);
    }
    match unify(&[a.clone(), b.clone()]) {
        Some(ty) => Ok(ty),
        None => Err(Diagnostic::error(
            "infra::eval::inconsistent_conditional",
            "the two results of the conditional have types that do not go together",
        )
        .at(otherwise.span, format!("this is {}", with_article(&b)))
        .related(then.span, format!("this is {}", with_article(&a)))
        .help("both must have the same type, or convert to one")
        .into()),
    }
}

fn fit(value: &Value, ty: &Type, span: Span) -> Eval {
    match convert(value, ty) {
        Ok(value) => Ok(value),
        Err(e) => {
            let at = if e.path.0.is_empty() {
                String::new()
            } else {
                format!(" at `{}`", e.path)
            };
            error(
                "infra::eval::inconsistent_conditional",
                format!(
                    "the two results of the conditional have types that do not go together{at}: {}",
                    e.message
                ),
                span,
                format!("cannot be converted to {}", ty.friendly()),
            )
        }
    }
}

/// Returns the result when the condition is unknown.
fn either(a: Value, b: Value, then: &Expr, otherwise: &Expr) -> Eval {
    let ty = match (is_untyped(&a), is_untyped(&b)) {
        (true, _) => b.ty(),
        (_, true) => a.ty(),
        _ => common([&a, &b], then, otherwise)?,
    };
    if a.is_null() && b.is_null() {
        return Ok(Value::null_of(ty));
    }
    let known = Refinement {
        not_null: a.is_never_null() && b.is_never_null(),
        ..Refinement::default()
    };
    Ok(if known == Refinement::default() {
        Value::unknown(ty)
    } else {
        ValueKind::Unknown(ty, Some(Arc::new(known))).into()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn both_branches_count_for_the_type() {
        check("true ? 1 : \"a\"", r#""1""#);
        check("true ? { a = 1 } : { b = 2 }", r#"{"a":1}"#);
        check("false ? null : 1", "1");
        check(
            "true ? [1] : \"a\"",
            "error: the two results of the conditional have types that do not go together",
        );
        check("true ? 1 : list[9]", "1");
        check(
            "false ? 1 : list[9]",
            "error: there is no element 9: it has 2, counted from 0",
        );
    }

    #[test]
    fn conditions() {
        check("\"true\" ? 1 : 2", "1");
        check(
            "null ? 1 : 2",
            "error: a condition must be true or false, but it is null",
        );
        check("5 ? 1 : 2", "error: a condition must be true or false, not a number");
        check("unknown ? 1 : 2", "unknown number, not null");
        check("unknown ? 1 : null", "unknown number");
        check("(secret == \"x\") ? 1 : 2", "sensitive 2");
        check("true ? \"a\" : secret", r#"sensitive "a""#);
        check("true ? 1 : unknown_text", r#""1""#);
        check("true ? 1 : unknown", "1");
    }
}
