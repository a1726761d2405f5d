//! Arguments that must be the same in every run: they mention nothing.

use infra_syntax::ast::{Attribute, Expr, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Type, Value, convert};

use crate::config::misfit::described;
use crate::config::references::references;
use crate::eval::{self, Host, NoHost, Resolved, Scope};

/// A scope without names.
pub(in crate::config) struct NoNames;

impl Scope for NoNames {
    fn resolve(&self, root: &Ident, _attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        Err(not_constant(&root.name, span))
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

fn not_constant(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::config::not_constant",
        "this must be written out: it cannot refer to other values",
    )
    .at(span, "a reference")
    .help(format!(
        "write the value itself instead of `{name}…`; text needs quotes"
    ))
}

/// Evaluates an expression that may mention nothing.
pub(in crate::config) fn constant(expr: &Expr, out: &mut Diagnostics) -> Option<Value> {
    let mentioned = references(expr);
    if let Some(first) = mentioned.first() {
        out.push(not_constant("", first.span).help("write the value itself; text needs quotes"));
        return None;
    }
    match eval::eval(expr, &NoNames) {
        Ok(value) => Some(value),
        Err(errors) => {
            out.extend(errors);
            None
        }
    }
}

/// Reads an argument that is a text written out.
pub(super) fn text(attribute: &Attribute, out: &mut Diagnostics) -> Option<String> {
    let value = of_type(attribute, &Type::String, out)?;
    value.as_str().map(str::to_owned)
}

/// Reads an argument that is `true` or `false` written out.
pub(super) fn flag(attribute: &Attribute, out: &mut Diagnostics) -> Option<bool> {
    of_type(attribute, &Type::Bool, out)?.as_bool()
}

fn of_type(attribute: &Attribute, ty: &Type, out: &mut Diagnostics) -> Option<Value> {
    let value = constant(&attribute.expr, out)?;
    match convert(&value, ty) {
        Ok(value) if !value.is_null() => Some(value),
        Ok(_) => None,
        Err(_) => {
            out.push(
                Diagnostic::error(
                    "infra::config::wrong_type",
                    format!("`{}` must be {}", attribute.name.name, described(ty)),
                )
                .at(attribute.expr.span, format!("this is {}", described(&value.ty()))),
            );
            None
        }
    }
}
