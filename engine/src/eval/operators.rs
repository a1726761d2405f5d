//! Operators.

use infra_syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Number, Type, Value, ValueKind, convert};

use super::env::{Env, Eval, both};
use super::equality::equals;
use super::expr::{value_of, with_article};

/// Evaluates a unary operator; a run of them without recursion.
pub(super) fn unary(expr: &Expr, env: Env<'_>) -> Eval {
    let mut ops = Vec::new();
    let mut at = expr;
    while let ExprKind::Unary(op, operand) = &at.kind {
        ops.push(*op);
        at = operand;
    }
    let mut value = value_of(at, env)?;
    for op in ops.into_iter().rev() {
        let symbol = match op {
            UnaryOp::Neg => "-",
            UnaryOp::Not => "!",
        };
        let ty = unary_type(op);
        let operand = operand(&value, &ty, symbol, at.span)?;
        let marks = operand.marks;
        let result: Value = match (op, &operand.kind) {
            (UnaryOp::Neg, ValueKind::Number(n)) => n.neg().into(),
            (UnaryOp::Not, ValueKind::Bool(b)) => (!b).into(),
            _ => Value::unknown_not_null(ty),
        };
        value = result.with_marks(marks);
    }
    Ok(value)
}

/// Evaluates a binary operator; a chain that leans to the left without recursion.
pub(super) fn binary(expr: &Expr, env: Env<'_>) -> Eval {
    let mut chain = Vec::new();
    let mut at = expr;
    while let ExprKind::Binary(op, sides) = &at.kind {
        chain.push((*op, sides.left.span, &sides.right, at.span));
        at = &sides.left;
    }
    let mut value = value_of(at, env);
    for (op, left_span, right, span) in chain.into_iter().rev() {
        value = match op {
            BinaryOp::And | BinaryOp::Or => logical(op, value, left_span, right, env),
            _ => both(value, value_of(right, env)).and_then(|(a, b)| apply(op, &a, &b, [left_span, right.span], span)),
        };
    }
    value
}

/// `&&` and `||`: what stands on the right counts only if the left does not decide.
fn logical(op: BinaryOp, left: Eval, left_span: Span, right: &Expr, env: Env<'_>) -> Eval {
    let left = operand(&left?, &Type::Bool, op.symbol(), left_span)?;
    let decisive = op == BinaryOp::Or;
    if left.as_bool() == Some(decisive) {
        return Ok(left);
    }
    let right = operand(&value_of(right, env)?, &Type::Bool, op.symbol(), right.span)?;
    let marks = left.marks.union(right.marks);
    let result = match (left.as_bool(), right.as_bool()) {
        (_, Some(b)) if b == decisive => b.into(),
        (Some(_), Some(_)) => (!decisive).into(),
        _ => Value::unknown_not_null(Type::Bool),
    };
    Ok(result.with_marks(marks))
}

fn apply(op: BinaryOp, a: &Value, b: &Value, spans: [Span; 2], span: Span) -> Eval {
    if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
        let equal = equals(a, b);
        return Ok(match (op, equal.as_bool()) {
            (BinaryOp::Ne, Some(b)) => Value::from(!b).with_marks(equal.marks),
            _ => equal,
        });
    }
    let (a, b) = both(
        operand(a, &Type::Number, op.symbol(), spans[0]),
        operand(b, &Type::Number, op.symbol(), spans[1]),
    )?;
    let marks = a.marks.union(b.marks);
    let result = match (a.as_number(), b.as_number()) {
        (Some(a), Some(b)) => numbers(op, a, b).ok_or_else(|| undefined(op, a, b, span))?,
        _ if is_arithmetic(op) => Value::unknown_not_null(Type::Number),
        _ => Value::unknown_not_null(Type::Bool),
    };
    Ok(result.with_marks(marks))
}

/// Returns the type of what a unary operator takes and gives.
pub(super) fn unary_type(op: UnaryOp) -> Type {
    match op {
        UnaryOp::Neg => Type::Number,
        UnaryOp::Not => Type::Bool,
    }
}

/// Returns the type of what a binary operator gives.
pub(super) fn result_type(op: BinaryOp) -> Type {
    if is_arithmetic(op) { Type::Number } else { Type::Bool }
}

fn is_arithmetic(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem
    )
}

fn numbers(op: BinaryOp, a: &Number, b: &Number) -> Option<Value> {
    Some(match op {
        BinaryOp::Add => a.add(b)?.into(),
        BinaryOp::Sub => a.sub(b)?.into(),
        BinaryOp::Mul => a.mul(b)?.into(),
        BinaryOp::Div => a.div(b)?.into(),
        BinaryOp::Rem => a.rem(b)?.into(),
        BinaryOp::Lt => (a < b).into(),
        BinaryOp::Le => (a <= b).into(),
        BinaryOp::Gt => (a > b).into(),
        BinaryOp::Ge => (a >= b).into(),
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::And | BinaryOp::Or => return None,
    })
}

fn undefined(op: BinaryOp, a: &Number, b: &Number, span: Span) -> Diagnostics {
    let what = if op == BinaryOp::Div && a.is_zero() && b.is_zero() {
        "zero divided by zero has no value"
    } else {
        "this calculation with infinite numbers has no value"
    };
    Diagnostic::error("infra::eval::undefined_result", what)
        .at(span, "here")
        .into()
}

/// Brings an operand to its type; null is refused.
fn operand(value: &Value, ty: &Type, symbol: &str, span: Span) -> Eval {
    if value.is_null() {
        return Err(Diagnostic::error(
            "infra::eval::null_operand",
            format!("the operand of `{symbol}` must not be null"),
        )
        .at(span, "this is null")
        .help("`coalesce(…)` gives another value in place of null; `== null` asks whether it is null")
        .into());
    }
    convert(value, ty).map_err(|_| {
        let wanted = with_article(ty);
        let label = match &value.kind {
            ValueKind::String(_) => format!("this string is not {wanted}"),
            _ => format!("this is {}", with_article(&value.ty())),
        };
        let mut d = Diagnostic::error(
            "infra::eval::invalid_operand",
            format!("the operand of `{symbol}` must be {wanted}"),
        )
        .at(span, label);
        if symbol == "+" && matches!(value.kind, ValueKind::String(_)) {
            d = d.help("texts are joined by templates: `\"${a}${b}\"`");
        }
        d.into()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn arithmetic() {
        check("1 + 2 * 3 - 4 / 8", "6.5");
        check("\"2\" * 3", "6");
        check("-\"5\"", "-5");
        check(
            "length(list) / 3",
            "0.6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666667",
        );
        check("1 / 0 > 1", "true");
        check("0 / 0", "error: zero divided by zero has no value");
        check("null + 1", "error: the operand of `+` must not be null");
        check("\"a\" + 1", "error: the operand of `+` must be a number");
        check("unknown + 1", "unknown number, not null");
        check("unknown_list + 1", "error: the operand of `+` must be a number");
    }

    #[test]
    fn logic_decides_early() {
        check("true || nope", "true");
        check("false && nope", "false");
        check("false || nope", "error: no `nope`");
        check("unknown && false", "false");
        check("unknown || true", "true");
        check("unknown && true", "unknown bool, not null");
        check("!unknown", "unknown bool, not null");
        check("1 && true", "error: the operand of `&&` must be a bool");
    }

    #[test]
    fn comparison() {
        check("secret == \"hunter2\"", "sensitive true");
        check("[secret] != [\"a\"]", "sensitive true");
        check("unknown_text == \"a\"", "unknown bool, not null");
        check("null == null", "true");
        check("\"10\" > 9", "true");
    }
}
