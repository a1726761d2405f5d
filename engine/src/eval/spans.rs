//! Where in the source the parts of a value come from.
//!
//! Providers and plans speak of attribute paths; users look at lines.

use infra_providers::Problem;
use infra_syntax::ast::{Body, Expr, ExprKind, ObjectKey};
use infra_syntax::{Diagnostic, Span};
use infra_types::{Path, PathStep};

/// Returns the place of what a path points at in a resource's body; nothing if it is not written.
///
/// When only a part of the path is written out (the rest comes from a
/// reference, say), the place of that part is returned.
pub fn span_of(body: &Body, path: &Path) -> Option<Span> {
    in_body(body, &path.0)
}

/// Returns the place of what a path points at within the value of an expression.
pub fn within(expr: &Expr, path: &Path) -> Span {
    in_expr(expr, &path.0)
}

/// As [`span_of`], but of an argument only the value, without its name.
pub fn value_of(body: &Body, path: &Path) -> Option<Span> {
    if let [PathStep::Attr(name)] = path.0.as_slice()
        && let Some(attribute) = body.attribute(name)
    {
        return Some(attribute.expr.span);
    }
    span_of(body, path)
}

/// Returns a problem with a resource's configuration at the place of its attribute,
/// or at the block's header if the attribute is not written.
pub fn problem(body: &Body, header: Span, found: &Problem) -> Diagnostic {
    let code = "infra::config::invalid_argument";
    let d = match found.warning {
        true => Diagnostic::warning(code, found.message.clone()),
        false => Diagnostic::error(code, found.message.clone()),
    };
    let label = match found.path.0.is_empty() {
        true => "in this block".to_owned(),
        false => format!("`{}`", found.path),
    };
    let mut d = d.at(value_of(body, &found.path).unwrap_or(header), label);
    d.help = found.help.clone();
    d
}

/// Returns the place of the key `name` of the object that a path points at within
/// the value of an expression; the object's place if the key is not written out.
pub fn key_within(expr: &Expr, path: &Path, name: &str) -> Span {
    let object = part(expr, &path.0);
    let ExprKind::Object(items) = &object.unparen().kind else {
        return object.span;
    };
    items
        .iter()
        .find_map(|item| match &item.key {
            ObjectKey::Name(key) if &*key.name == name => Some(key.span),
            ObjectKey::Expr(key) if key.as_literal_string().is_some_and(|k| &**k == name) => Some(key.span),
            _ => None,
        })
        .unwrap_or(object.span)
}

/// Returns a path within a named value as it would be written: `tags["a"]`, `service.port`.
pub fn describe(name: &str, path: &Path) -> String {
    let steps = std::iter::once(PathStep::Attr(name.into())).chain(path.0.iter().cloned());
    Path(steps.collect()).to_string()
}

fn in_body(body: &Body, steps: &[PathStep]) -> Option<Span> {
    let (PathStep::Attr(name), rest) = steps.split_first()? else {
        return None;
    };
    if let Some(attribute) = body.attribute(name) {
        return Some(match rest {
            [] => attribute.span(),
            _ => in_expr(&attribute.expr, rest),
        });
    }
    in_blocks(body, name, rest)
}

fn in_blocks(body: &Body, name: &str, steps: &[PathStep]) -> Option<Span> {
    let (index, rest) = match steps.split_first() {
        Some((PathStep::Index(index), rest)) => (*index, rest),
        _ => (0, steps),
    };
    let mut at = 0;
    for block in &body.blocks {
        if &*block.kind.name == name {
            if at == index {
                return match rest {
                    [] => Some(block.header),
                    _ => Some(in_body(&block.body, rest).unwrap_or(block.header)),
                };
            }
            at += 1;
        } else if &*block.kind.name == "dynamic" && block.labels.first().is_some_and(|l| &*l.name == name) {
            // How many blocks it makes is not known here: it may stand for all that follow.
            let content = block.body.blocks_of("content").next();
            let inner = content
                .filter(|_| !rest.is_empty())
                .and_then(|c| in_body(&c.body, rest));
            return Some(inner.unwrap_or(block.header));
        }
    }
    body.blocks_of(name).last().map(|block| block.header)
}

fn in_expr(expr: &Expr, steps: &[PathStep]) -> Span {
    part(expr, steps).span
}

/// Returns the expression of a part, as far as it is written out.
fn part<'e>(expr: &'e Expr, steps: &[PathStep]) -> &'e Expr {
    let Some((step, rest)) = steps.split_first() else {
        return expr;
    };
    let inner = match (&expr.unparen().kind, step) {
        (ExprKind::Object(items), PathStep::Attr(name) | PathStep::Key(name)) => items
            .iter()
            .find(|item| match &item.key {
                ObjectKey::Name(key) => key.name == *name,
                ObjectKey::Expr(key) => key.as_literal_string() == Some(name),
            })
            .map(|item| &item.value),
        (ExprKind::Tuple(items), PathStep::Index(index)) => items.get(*index),
        _ => None,
    };
    inner.map_or(expr, |inner| part(inner, rest))
}
