//! `validation`, `precondition`, `postcondition` and `assert` blocks.

use infra_syntax::Diagnostics;
use infra_syntax::ast::Block;

use super::fields::{Form, missing_argument, placeholder};
use crate::config::model::Condition;

/// Reads a block that holds a condition and a message; what is missing is null.
pub(super) fn condition(block: Block, out: &mut Diagnostics) -> Condition {
    let what = match &*block.kind.name {
        "assert" => "an `assert` block".to_owned(),
        kind => format!("a `{kind}` block"),
    };
    Form {
        what: &what,
        arguments: &["condition", "error_message"],
        blocks: &[],
    }
    .check(&block.body, out);
    let (mut condition, mut message) = (None, None);
    for attribute in block.body.attributes {
        match &*attribute.name.name {
            "condition" => condition = Some(attribute.expr),
            "error_message" => message = Some(attribute.expr),
            _ => {}
        }
    }
    if condition.is_none() {
        out.push(missing_argument(&what, "condition", block.header));
    }
    if message.is_none() {
        out.push(missing_argument(&what, "error_message", block.header));
    }
    Condition {
        condition: condition.unwrap_or_else(|| placeholder(block.header)),
        message: message.unwrap_or_else(|| placeholder(block.header)),
        span: block.header,
    }
}
