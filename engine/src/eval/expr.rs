//! Evaluation of expressions.

use infra_syntax::ast::{self, Expr, ExprKind, ObjectItem, ObjectKey};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{Marks, Number, Str, Type, Value, ValueKind, convert};

use super::env::{Env, Eval, Run, error};
use super::scope::Scope;
use super::{call, collection, conditional, operators, reference, splat, template};

/// Evaluates an expression.
///
/// Names that the expression does not introduce itself are looked up in the scope.
pub fn eval(expr: &Expr, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let run = Run::new(scope);
    value_of(expr, Env::new(&run))
}

/// Evaluates an expression in which some further names have a meaning.
pub fn eval_with(expr: &Expr, scope: &dyn Scope, names: &[(&str, Value)]) -> Result<Value, Diagnostics> {
    let run = Run::new(scope);
    with_names(Env::new(&run), names, |env| value_of(expr, env))
}

/// Renders a template; one that is a single interpolation keeps the value's type.
pub fn eval_template(parsed: &ast::Template, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let run = Run::new(scope);
    template::eval(parsed, Env::new(&run))
}

/// Does something where some further names have a meaning.
pub(super) fn with_names<T>(env: Env<'_>, names: &[(&str, Value)], f: impl FnOnce(Env<'_>) -> Eval<T>) -> Eval<T> {
    // Bindings are linked from the last to the first; recursion keeps them alive.
    fn go<'a>(env: Env<'a>, names: &[(&'a str, Value)], f: &mut dyn FnMut(Env<'_>)) {
        match names.split_first() {
            None => f(env),
            Some(((name, value), rest)) => {
                let binding = super::env::Binding {
                    name,
                    value: value.clone(),
                    outer: env.names,
                };
                let inner = Env {
                    run: env.run,
                    names: Some(&binding),
                };
                go(inner, rest, f);
            }
        }
    }
    let mut f = Some(f);
    let mut result = None;
    go(env, names, &mut |env| result = f.take().map(|f| f(env)));
    result.unwrap_or_else(|| Err(Diagnostics::new()))
}

pub(super) fn value_of(expr: &Expr, env: Env<'_>) -> Eval {
    let mut expr = expr;
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    let value = match &expr.kind {
        ExprKind::Null => Ok(Value::null()),
        ExprKind::Bool(b) => Ok((*b).into()),
        ExprKind::Number(text) => number(text, expr),
        ExprKind::String(s) => Ok(ValueKind::String(s.clone()).into()),
        ExprKind::Variable(_) => reference::eval(expr, env),
        _ => env.deeper(expr.span, || compound(expr, env)),
    };
    if value.is_err() {
        note_failure(expr, env);
    }
    value
}

/// Notes what is known of the value of an expression that failed.
fn note_failure(expr: &Expr, env: Env<'_>) {
    match &expr.kind {
        // They have noted what their parts are.
        ExprKind::Tuple(_) | ExprKind::Object(_) | ExprKind::For(_) | ExprKind::Conditional(_) => {}
        ExprKind::Template(parsed) if matches!(&*parsed.parts, [ast::TemplatePart::Interpolation(_)]) => {}
        ExprKind::Template(_) => env.run.fail(Some(Value::unknown(Type::String))),
        ExprKind::Unary(op, _) => env.run.fail(Some(Value::unknown(operators::unary_type(*op)))),
        ExprKind::Binary(op, ..) => env.run.fail(Some(Value::unknown(operators::result_type(*op)))),
        _ => env.run.fail(None),
    }
}

fn compound(expr: &Expr, env: Env<'_>) -> Eval {
    match &expr.kind {
        ExprKind::Template(parsed) => made(template::eval(parsed, env), expr, env),
        ExprKind::Tuple(items) => made(tuple(items, env), expr, env),
        ExprKind::Object(items) => made(object(items, env), expr, env),
        ExprKind::GetAttr(_) | ExprKind::Index(_) => reference::eval(expr, env),
        ExprKind::Splat(splat) => made(splat::eval(splat, env), expr, env),
        ExprKind::Call(call) => made(call::eval(call, expr.span, env), expr, env),
        ExprKind::Unary(..) => operators::unary(expr, env),
        ExprKind::Binary(..) => operators::binary(expr, env),
        ExprKind::Conditional(c) => made(conditional::eval(c, env), expr, env),
        ExprKind::For(for_expr) => made(collection::for_expr(for_expr, env), expr, env),
        _ => value_of(expr, env),
    }
}

/// Refuses a new value that is too large.
fn made(value: Eval, expr: &Expr, env: Env<'_>) -> Eval {
    let value = value?;
    env.budget().check(&value, expr.span)?;
    Ok(value)
}

fn number(text: &str, expr: &Expr) -> Eval {
    match Number::parse_literal(text) {
        Some(n) => Ok(n.into()),
        None => error(
            "infra::eval::invalid_number",
            format!("`{text}` is not a number that can be represented"),
            expr.span,
            "this number",
        ),
    }
}

fn tuple(items: &[Expr], env: Env<'_>) -> Eval {
    let mut errors = Diagnostics::new();
    let values = items.iter().map(|item| part(item, env, &mut errors)).collect();
    let value = Value::tuple(values);
    if errors.is_empty() {
        return Ok(value);
    }
    env.run.fail(Some(value));
    Err(errors)
}

/// Evaluates a part of a value; if that fails, returns what is known of it.
fn part(expr: &Expr, env: Env<'_>, errors: &mut Diagnostics) -> Value {
    value_of(expr, env).unwrap_or_else(|e| {
        errors.extend(e);
        env.run.failed()
    })
}

fn object(items: &[ObjectItem], env: Env<'_>) -> Eval {
    let mut errors = Diagnostics::new();
    let mut attrs = Vec::with_capacity(items.len());
    let mut marks = Marks::NONE;
    let mut known = true;
    for item in items {
        let key = object_key(&item.key, env);
        if let Err(e) = &key {
            errors.extend(e.clone());
        }
        let value = part(&item.value, env, &mut errors);
        let (key, key_marks) = key.unwrap_or((None, Marks::NONE));
        marks = marks.union(key_marks);
        match key {
            // A repeated key stands for its last value.
            Some(key) => attrs.push((key, value)),
            None => known = false,
        }
    }
    let value = if known {
        Value::object(attrs)
    } else {
        Value::unknown(Type::Dynamic)
    };
    if errors.is_empty() {
        return Ok(value.with_marks(marks));
    }
    env.run.fail(Some(value));
    Err(errors)
}

/// Returns the key, or nothing if it is unknown, and its marks.
fn object_key(key: &ObjectKey, env: Env<'_>) -> Eval<(Option<Str>, Marks)> {
    let expr = match key {
        ObjectKey::Name(ident) => return Ok((Some(ident.name.clone()), Marks::NONE)),
        ObjectKey::Expr(expr) => expr,
    };
    let value = value_of(expr, env)?;
    if value.is_null() {
        return error(
            "infra::eval::null_key",
            "the key of an object must not be null",
            expr.span,
            "this is null",
        );
    }
    let marks = value.marks;
    match convert(&value, &Type::String) {
        Ok(key) => Ok((key.as_str().map(Str::from), marks)),
        Err(_) => Err(Diagnostic::error(
            "infra::eval::invalid_key",
            format!(
                "the key of an object must be a string, not {}",
                with_article(&value.ty())
            ),
        )
        .at(expr.span, format!("this is {}", with_article(&value.ty())))
        .into()),
    }
}

/// Returns the words for a type with its article: `a string`, `an object`.
pub(crate) fn with_article(ty: &Type) -> String {
    let words = match ty {
        Type::Dynamic => "value of unknown type".to_owned(),
        ty => ty.friendly(),
    };
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {words}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Names, check, check_in};

    #[test]
    fn constructors() {
        check("[1, \"a\", null]", r#"[1,"a",null]"#);
        check("{ a = 1, (text) = 2, a = 3 }", r#"{"1":2,"a":3}"#);
        check("{ (unknown_text) = 1 }", "unknown any");
        check("{ (secret) = 1 }", r#"sensitive {"hunter2":1}"#);
        check("{ (null) = 1 }", "error: the key of an object must not be null");
        check(
            "{ ([]) = 1 }",
            "error: the key of an object must be a string, not a tuple",
        );
        check("[unknown_text]", "partly unknown tuple([string])");
    }

    #[test]
    fn all_errors_are_reported() {
        let errors = Names::usual().eval("[nope1, 1, nope2 + nope3]").unwrap_err();
        assert_eq!(errors.iter().count(), 3);
    }

    #[test]
    fn deep_expressions_do_not_exhaust_the_stack() {
        let names = Names::usual();
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{a=", "}"),
            ("-(", ")"),
            ("[for x in [1] : ", "]"),
            ("true ? (", ") : 0"),
            ("try(", ")"),
        ] {
            let nested = format!("{}1{}", open.repeat(190), close.repeat(190));
            // Too deep for the parser, or fine.
            let _ = names.eval(&nested);
        }
        let functions: Vec<String> = (0..8)
            .map(|i| {
                let inner = if i == 7 {
                    "x".to_owned()
                } else {
                    format!("f{}(x)", i + 1)
                };
                let (open, close) = ("[for y in [1] : ".repeat(90), "]".repeat(90));
                format!("function f{i}(x: any): any = {open}{inner}{close}\n")
            })
            .collect();
        check_in(
            &Names::declaring(&functions.concat()),
            "f0(1)",
            "error: the expression nests too deeply",
        );
        check(&vec!["1"; 900].join(" + "), "900");
        check(&format!("{}true", "!".repeat(500)), "true");
    }
}
