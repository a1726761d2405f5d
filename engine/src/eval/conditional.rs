//! Conditionals: `condition ? a : b`.

use std::sync::Arc;

use infra_syntax::ast::{Conditional, Expr};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Refinement, Type, Value, ValueKind, convert, unify};

use super::env::{Env, Eval, both, error};
use super::expr::{value_of, with_article};

/// Evaluates a conditional.
///
/// Both branches count for the type of the result; the one that is not taken may fail.
pub(super) fn eval(conditional: &Conditional, env: Env<'_>) -> Eval {
    let value = choose(conditional, env);
    value.map_err(|(errors, known)| {
        env.run.fail(known);
        errors
    })
}

/// Errors, and what is known of the value nevertheless.
type Failed = (Diagnostics, Option<Value>);

fn choose(conditional: &Conditional, env: Env<'_>) -> Result<Value, Failed> {
    let Conditional {
        condition,
        then,
        otherwise,
    } = conditional;
    let unknown = |e: Diagnostics| (e, None);
    let condition_value = truth(condition, env).map_err(unknown)?;
    let marks = condition_value.marks;
    // What is known of a branch that fails still counts for the type.
    let branch = |expr: &Expr| value_of(expr, env).map_err(|e| (e, Some(env.run.failed())));
    let then_value = branch(then);
    let otherwise_value = branch(otherwise);
    match condition_value.as_bool() {
        Some(taken) => {
            let (value, other, span) = if taken {
                (then_value?, otherwise_value, then.span)
            } else {
                (otherwise_value?, then_value, otherwise.span)
            };
            let other = other.unwrap_or_else(|(_, known)| known.unwrap_or_else(|| Value::unknown(Type::Dynamic)));
            // The result has the marks of both, whichever is taken.
            let marks = marks.union(other.marks);
            if is_untyped(&other) {
                return Ok(value.with_marks(marks));
            }
            let result = if is_untyped(&value) {
                fit(&value, &other.ty(), span).map_err(unknown)?
            } else {
                let order = if taken { [&value, &other] } else { [&other, &value] };
                let ty = common(order, then, otherwise).map_err(unknown)?;
                fit(&value, &ty, span).map_err(unknown)?
            };
            Ok(result.with_marks(marks))
        }
        None => {
            let plain = |value: Result<Value, Failed>| value.map_err(|(e, _)| e);
            let (a, b) = both(plain(then_value), plain(otherwise_value)).map_err(unknown)?;
            let marks = marks.union(a.marks).union(b.marks);
            let value = either(a.unmarked(), b.unmarked(), then, otherwise).map_err(unknown)?;
            Ok(value.with_marks(marks))
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
        return Err(Diagnostic::error(
            "infra::eval::null_condition",
            "a condition must be true or false, but it is null",
        )
        .at(span, "this is null")
        .help("`coalesce(…, false)` gives another value in place of null; `… == null` asks whether it is null")
        .into());
    }
    match convert(value, &Type::Bool) {
        Ok(value) => Ok(value),
        Err(_) => {
            let what = with_article(&value.ty());
            let d = Diagnostic::error(
                "infra::eval::invalid_condition",
                format!("a condition must be true or false, not {what}"),
            )
            .at(span, "not a bool");
            Err(match value.kind {
                ValueKind::String(_) | ValueKind::Number(_) => d.help("compare it with something: `… == …`"),
                _ => d.help("to ask whether something is in it, write `length(…) > 0`"),
            }
            .into())
        }
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
    if ty.element() == Some(&Type::Dynamic) && !is_uniform(value) {
        return error(
            "infra::eval::inconsistent_conditional",
            "the two results of the conditional have types that do not go together: \
             all elements must have the same type",
            span,
            "the elements have different types",
        );
    }
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

/// Says whether all elements have one type, as far as they have any.
fn is_uniform(value: &Value) -> bool {
    fn same<'v>(parts: impl Iterator<Item = &'v Value> + Clone) -> bool {
        let mut typed = parts.filter(|v| !is_untyped(v));
        let first = typed.next().map(Value::ty);
        first.is_none_or(|ty| typed.all(|v| v.is_of(&ty)))
    }
    match &value.kind {
        ValueKind::Tuple(items) => same(items.iter()),
        ValueKind::Object(attrs) => same(attrs.values()),
        _ => true,
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
    }

    #[test]
    fn what_is_known_of_a_failing_branch_counts_for_the_type() {
        check(r#"true ? 1 : "a${list[9]}""#, r#""1""#);
        check("true ? [1, \"a\"] : [list[9]]", r#"["1","a"]"#);
        check(
            "true ? [1, \"a\"] : [for x in [1, 2, 3] : list[9] if x > 1]",
            r#"[1,"a"]"#,
        );
        check("true ? { a = 1 } : { a = list[9], b = \"x\" }", r#"{"a":"1"}"#);
        check("true ? 1 : (true ? \"x\" : list[9]) + 1", "1");
        let mismatch = "error: the two results of the conditional have types that do not go together";
        check("true ? 1 : [list[9]]", mismatch);
        check("true ? true : -list[9]", mismatch);
        check("true ? 1 : list[9] == 1", mismatch);
        check("true ? 1 : [for x in [1, 2] : list[9]]", mismatch);
        check("true ? 1 : { for x in [\"a\", \"a\"] : x => 1 }", mismatch);
        // Of these nothing is known.
        check("true ? 1 : upper(list[9])", "1");
        check("true ? 1 : { (list[9]) = 1 }", "1");
        check("true ? 1 : [for x in list[9] : x]", "1");
        check("true ? 1 : [for x in [1] : x if list[9]]", "1");
        check("true ? 1 : \"${list[9]}\"", "1");
    }

    #[test]
    fn the_branch_that_is_taken_must_not_fail() {
        check(
            "false ? 1 : list[9]",
            "error: there is no element 9: it has 2, counted from 0",
        );
    }

    #[test]
    fn elements_are_not_brought_together_for_an_untyped_collection() {
        check("true ? [{ a = 1 }, { a = 2 }] : tolist([])", r#"[{"a":1},{"a":2}]"#);
        check("true ? [1, \"a\"] : tolist([])", r#"["1","a"]"#);
        check("false ? [[1], [\"a\"]] : tolist([])", "[]");
        let refused = "error: the two results of the conditional have types that do not go together: \
                       all elements must have the same type";
        check("true ? [[1], [\"a\"]] : tolist([])", refused);
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
