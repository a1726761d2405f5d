//! `depends_on` and other lists of references.

use infra_syntax::ast::{Expr, ExprKind};
use infra_syntax::{Diagnostic, Diagnostics};

use crate::config::model::{Reference, ReferenceTarget};
use crate::config::references::{Traversal, as_traversal};

/// Reads the value of `depends_on`.
pub(super) fn depends_on(expr: &Expr, out: &mut Diagnostics) -> Vec<Reference> {
    let ExprKind::Tuple(items) = &expr.unparen().kind else {
        out.push(
            Diagnostic::error(
                "infra::config::invalid_depends_on",
                "`depends_on` must be a list of references",
            )
            .at(expr.span, "not a list")
            .help("write `depends_on = [aws_vpc.main, module.network]`"),
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| dependency(item, out)).collect()
}

fn dependency(expr: &Expr, out: &mut Diagnostics) -> Option<Reference> {
    // All of a resource, not an attribute of it.
    let whole = |t: &Traversal<'_>| match t.resource() {
        Some((_, named)) => (named..t.steps.len()).all(|i| t.name(i).is_none()),
        None => true,
    };
    let target = as_traversal(expr).and_then(|t| match t.target()? {
        ReferenceTarget::Resource(_) if !whole(&t) => None,
        target => Some(target),
    });
    match target {
        Some(
            ReferenceTarget::Each | ReferenceTarget::Count | ReferenceTarget::SelfObject | ReferenceTarget::Environment,
        )
        | None => {
            let help = match expr.as_literal_string() {
                Some(text) => format!("remove the quotes: `{text}`"),
                None => "name a resource, data source or module, such as `aws_vpc.main`".into(),
            };
            out.push(
                Diagnostic::error(
                    "infra::config::invalid_depends_on",
                    "`depends_on` takes references to resources, data sources and modules",
                )
                .at(expr.span, "not such a reference")
                .help(help),
            );
            None
        }
        Some(target) => Some(Reference {
            target,
            span: expr.span,
        }),
    }
}
