//! Whether two trees mean the same, wherever their parts stand.

use crate::ast::{
    Attribute, Block, Body, Expr, ExprKind, File, For, FunctionDecl, Ident, ObjectItem, ObjectKey, Splat, TemplatePart,
    Traverse, TypeDecl,
};

/// Says whether two files are equal but for their places.
pub fn same_file(a: &File, b: &File) -> bool {
    same_body(&a.body, &b.body)
        && same_all(&a.types, &b.types, same_type)
        && same_all(&a.functions, &b.functions, same_function)
}

/// Says whether two bodies are equal but for their places.
pub fn same_body(a: &Body, b: &Body) -> bool {
    same_all(&a.attributes, &b.attributes, same_attribute) && same_all(&a.blocks, &b.blocks, same_block)
}

/// Says whether two expressions are equal but for their places.
///
/// `"${a}"` is the same as `a` and as `(a)`: on its own, an interpolation keeps
/// what it holds.
pub fn same_expr(a: &Expr, b: &Expr) -> bool {
    let (a, b) = (strip(a), strip(b));
    match (&a.kind, &b.kind) {
        (ExprKind::Null, ExprKind::Null) => true,
        (ExprKind::Bool(a), ExprKind::Bool(b)) => a == b,
        (ExprKind::Number(a), ExprKind::Number(b)) => a == b,
        (ExprKind::String(a), ExprKind::String(b)) => a == b,
        (ExprKind::Template(a), ExprKind::Template(b)) => {
            a.heredoc == b.heredoc && same_all(&a.parts, &b.parts, same_part)
        }
        (ExprKind::Tuple(a), ExprKind::Tuple(b)) => same_all(a, b, same_expr),
        (ExprKind::Object(a), ExprKind::Object(b)) => same_all(a, b, same_item),
        (ExprKind::Variable(a), ExprKind::Variable(b)) => same_ident(a, b),
        (ExprKind::GetAttr(a), ExprKind::GetAttr(b)) => same_ident(&a.name, &b.name) && same_expr(&a.source, &b.source),
        (ExprKind::Index(a), ExprKind::Index(b)) => same_expr(&a.source, &b.source) && same_expr(&a.key, &b.key),
        (ExprKind::Splat(a), ExprKind::Splat(b)) => same_splat(a, b),
        (ExprKind::Call(a), ExprKind::Call(b)) => {
            same_ident(&a.name, &b.name) && a.expand_final == b.expand_final && same_all(&a.args, &b.args, same_expr)
        }
        (ExprKind::Unary(o, a), ExprKind::Unary(p, b)) => o == p && same_expr(a, b),
        (ExprKind::Binary(o, a), ExprKind::Binary(p, b)) => {
            o == p && same_expr(&a.left, &b.left) && same_expr(&a.right, &b.right)
        }
        (ExprKind::Conditional(a), ExprKind::Conditional(b)) => {
            same_expr(&a.condition, &b.condition)
                && same_expr(&a.then, &b.then)
                && same_expr(&a.otherwise, &b.otherwise)
        }
        (ExprKind::For(a), ExprKind::For(b)) => same_for(a, b),
        _ => false,
    }
}

/// Takes away parentheses and quotes that change nothing.
fn strip(expr: &Expr) -> &Expr {
    let mut e = expr;
    loop {
        e = match &e.kind {
            ExprKind::Paren(inner) => inner,
            ExprKind::Template(t) if !t.heredoc => match &*t.parts {
                [TemplatePart::Interpolation(inner)] => inner,
                _ => return e,
            },
            _ => return e,
        };
    }
}

fn same_all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn same_option<T>(a: Option<&T>, b: Option<&T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn same_ident(a: &Ident, b: &Ident) -> bool {
    a.name == b.name
}

fn same_attribute(a: &Attribute, b: &Attribute) -> bool {
    same_ident(&a.name, &b.name) && same_expr(&a.expr, &b.expr)
}

fn same_block(a: &Block, b: &Block) -> bool {
    same_ident(&a.kind, &b.kind) && same_all(&a.labels, &b.labels, same_ident) && same_body(&a.body, &b.body)
}

fn same_type(a: &TypeDecl, b: &TypeDecl) -> bool {
    same_ident(&a.name, &b.name)
        && same_expr(&a.ty, &b.ty)
        && same_option(a.condition.as_ref(), b.condition.as_ref(), same_expr)
}

fn same_function(a: &FunctionDecl, b: &FunctionDecl) -> bool {
    same_ident(&a.name, &b.name)
        && same_all(&a.params, &b.params, |a, b| {
            same_ident(&a.name, &b.name) && same_expr(&a.ty, &b.ty)
        })
        && same_expr(&a.result, &b.result)
        && same_expr(&a.body, &b.body)
}

fn same_item(a: &ObjectItem, b: &ObjectItem) -> bool {
    let keys = match (&a.key, &b.key) {
        (ObjectKey::Name(a), ObjectKey::Name(b)) => same_ident(a, b),
        (ObjectKey::Expr(a), ObjectKey::Expr(b)) => same_expr(a, b),
        _ => false,
    };
    keys && same_expr(&a.value, &b.value)
}

fn same_splat(a: &Splat, b: &Splat) -> bool {
    a.full == b.full
        && same_expr(&a.source, &b.source)
        && same_all(&a.rest, &b.rest, |a, b| match (a, b) {
            (Traverse::Attr(a), Traverse::Attr(b)) => same_ident(a, b),
            (Traverse::Index(a), Traverse::Index(b)) => same_expr(a, b),
            _ => false,
        })
}

fn same_for(a: &For, b: &For) -> bool {
    same_option(a.key_var.as_ref(), b.key_var.as_ref(), same_ident)
        && same_ident(&a.value_var, &b.value_var)
        && same_expr(&a.collection, &b.collection)
        && same_option(a.key.as_ref(), b.key.as_ref(), same_expr)
        && same_expr(&a.value, &b.value)
        && a.group == b.group
        && same_option(a.condition.as_ref(), b.condition.as_ref(), same_expr)
}

fn same_part(a: &TemplatePart, b: &TemplatePart) -> bool {
    match (a, b) {
        (TemplatePart::Literal(a, _), TemplatePart::Literal(b, _)) => a == b,
        (TemplatePart::Interpolation(a), TemplatePart::Interpolation(b)) => same_expr(a, b),
        (TemplatePart::If(a), TemplatePart::If(b)) => {
            same_expr(&a.condition, &b.condition)
                && same_all(&a.then, &b.then, same_part)
                && same_all(&a.otherwise, &b.otherwise, same_part)
        }
        (TemplatePart::For(a), TemplatePart::For(b)) => {
            same_option(a.key_var.as_ref(), b.key_var.as_ref(), same_ident)
                && same_ident(&a.value_var, &b.value_var)
                && same_expr(&a.collection, &b.collection)
                && same_all(&a.body, &b.body, same_part)
        }
        _ => false,
    }
}
