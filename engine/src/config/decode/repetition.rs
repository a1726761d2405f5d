//! `count` and `for_each`.

use infra_syntax::ast::Attribute;
use infra_syntax::{Diagnostic, Diagnostics};

use crate::config::model::Repetition;

/// Joins the two arguments that repeat a block; both together are refused.
pub(super) fn repetition(count: Option<Attribute>, for_each: Option<Attribute>, out: &mut Diagnostics) -> Repetition {
    match (count, for_each) {
        (None, None) => Repetition::Single,
        (Some(count), None) => Repetition::Count(count.expr),
        (None, Some(for_each)) => Repetition::ForEach(for_each.expr),
        (Some(count), Some(for_each)) => {
            out.push(
                Diagnostic::error(
                    "infra::config::count_and_for_each",
                    "`count` and `for_each` exclude each other",
                )
                .at(for_each.name.span, "`for_each` here")
                .related(count.name.span, "`count` here")
                .help("keep `for_each` if the instances have names, `count` if they are all alike"),
            );
            Repetition::ForEach(for_each.expr)
        }
    }
}
