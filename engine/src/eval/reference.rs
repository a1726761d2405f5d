//! References, and what is applied to them: `local.a["b"].c`.

use infra_syntax::Diagnostic;
use infra_syntax::Span;
use infra_syntax::ast::{Expr, ExprKind, Ident, Traverse};
use infra_types::Value;

use super::access::{self, Refusal};
use super::env::{Env, Eval};
use super::expr::value_of;

/// One operation of a chain, with what it points at in messages.
enum Step<'a> {
    Attr(&'a Ident),
    Index(&'a Expr),
}

/// Evaluates a chain of `.name` and `[key]`, or a bare name.
pub(super) fn eval(expr: &Expr, env: Env<'_>) -> Eval {
    let mut steps = Vec::new();
    let mut root = expr;
    loop {
        root = match &root.kind {
            ExprKind::GetAttr(get) => {
                steps.push(Step::Attr(&get.name));
                &get.source
            }
            ExprKind::Index(index) => {
                steps.push(Step::Index(&index.key));
                &index.source
            }
            _ => break,
        };
    }
    steps.reverse();
    let mut consumed = 0;
    let mut value = match &root.kind {
        ExprKind::Variable(name) => match env.binding(&name.name) {
            Some(value) => value.clone(),
            None => {
                let resolved = resolve(name, &steps, env)?;
                consumed = resolved.consumed;
                resolved.value
            }
        },
        _ => value_of(root, env)?,
    };
    for step in &steps[consumed.min(steps.len())..] {
        value = match step {
            Step::Attr(name) => attribute(&value, name)?,
            Step::Index(key) => index(&value, key, env)?,
        };
    }
    Ok(value)
}

fn resolve(root: &Ident, steps: &[Step<'_>], env: Env<'_>) -> Eval<super::scope::Resolved> {
    let attrs: Vec<&Ident> = steps
        .iter()
        .map_while(|step| match step {
            Step::Attr(name) => Some(*name),
            Step::Index(_) => None,
        })
        .collect();
    let span: Span = attrs.last().map_or(root.span, |last| root.span.to(last.span));
    Ok(env.scope().resolve(root, &attrs, span)?)
}

/// Applies one operation of a splat's tail.
pub(super) fn traverse(value: &Value, step: &Traverse, env: Env<'_>) -> Eval {
    match step {
        Traverse::Attr(name) => attribute(value, name),
        Traverse::Index(key) => index(value, key, env),
    }
}

fn attribute(value: &Value, name: &Ident) -> Eval {
    access::attribute(value, &name.name).map_err(|r| refused(*r, name.span).into())
}

fn index(value: &Value, key: &Expr, env: Env<'_>) -> Eval {
    let key_value = value_of(key, env)?;
    access::index(value, &key_value).map_err(|r| refused(*r, key.span).into())
}

fn refused(refusal: Refusal, span: Span) -> Diagnostic {
    let mut d = Diagnostic::error(refusal.code, refusal.message).at(span, refusal.label);
    d.help = refusal.help;
    d
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn chains() {
        check("object.name", r#""x""#);
        check("object[\"size\"]", "3");
        check("list[0]", r#""a""#);
        check("list.1", r#""b""#);
        check("list[text]", r#""b""#);
        check("[{ a = [5] }][0].a[0]", "5");
        check("unknown.a.b[0]", "unknown any");
        check("unknown_list[0]", "unknown string");
        check("[secret][0]", r#"sensitive "hunter2""#);
    }

    #[test]
    fn what_is_not_there() {
        check("object.nmae", "error: this object has no attribute `nmae`");
        check("object[\"b\"]", "error: this object has no attribute `b`");
        check("list[2]", "error: there is no element 2: it has 2, counted from 0");
        check("list[-1]", "error: an index must not be negative");
        check("list[0.5]", "error: an index must be a whole number");
        check("list[\"x\"]", "error: the index of a list of string must be a number");
        check("toset(list)[0]", "error: the elements of a set have no index");
        check("text.a", "error: a string has no attributes, so there is no `a`");
        check("null.a", "error: a null value has no attribute `a`");
        check("{ a = 1 }[secret]", "error: there is no element with this key");
    }
}
