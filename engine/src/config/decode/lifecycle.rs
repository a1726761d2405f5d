//! `lifecycle` blocks.

use infra_syntax::ast::{Block, Expr, ExprKind};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::Mode;

use super::condition::condition;
use super::fields::Form;
use crate::config::model::{AttributeRef, AttributeStep, IgnoreChanges, Lifecycle};
use crate::config::references::{Step, as_traversal};

const MANAGED: Form<'static> = Form {
    what: "a `lifecycle` block",
    arguments: &[
        "create_before_destroy",
        "prevent_destroy",
        "protect",
        "adopt",
        "ignore_changes",
        "external",
        "replace_triggered_by",
    ],
    blocks: &["precondition", "postcondition"],
};

const DATA: Form<'static> = Form {
    what: "the `lifecycle` block of a data source",
    arguments: &[],
    blocks: &["precondition", "postcondition"],
};

/// Reads a `lifecycle` block.
pub(super) fn lifecycle(block: Block, mode: Mode, out: &mut Diagnostics) -> Lifecycle {
    match mode {
        Mode::Managed => MANAGED.check(&block.body, out),
        Mode::Data => DATA.check(&block.body, out),
    }
    let mut lifecycle = Lifecycle {
        span: Some(block.header),
        ..Lifecycle::default()
    };
    for attribute in block.body.attributes {
        let expr = attribute.expr;
        match &*attribute.name.name {
            "create_before_destroy" => lifecycle.create_before_destroy = Some(expr),
            "prevent_destroy" => lifecycle.prevent_destroy = Some(expr),
            "protect" => lifecycle.protect = Some(expr),
            "adopt" => lifecycle.adopt = Some(expr),
            "ignore_changes" => lifecycle.ignore_changes = ignore_changes(&expr, out),
            "external" => lifecycle.external = attribute_list("external", &expr, out),
            "replace_triggered_by" => lifecycle.replace_triggered_by = triggers(expr, out),
            _ => {}
        }
    }
    for nested in block.body.blocks {
        match &*nested.kind.name {
            "precondition" => lifecycle.preconditions.push(condition(nested, out)),
            "postcondition" => lifecycle.postconditions.push(condition(nested, out)),
            _ => {}
        }
    }
    lifecycle
}

fn ignore_changes(expr: &Expr, out: &mut Diagnostics) -> IgnoreChanges {
    let is_all = |e: &Expr| match &e.kind {
        ExprKind::Variable(name) => &*name.name == "all",
        ExprKind::String(text) => matches!(&**text, "all" | "*"),
        _ => false,
    };
    match &expr.kind {
        ExprKind::Tuple(items) if items.len() == 1 && items[0].as_literal_string().is_some() && is_all(&items[0]) => {
            IgnoreChanges::All
        }
        _ if is_all(expr) => IgnoreChanges::All,
        _ => IgnoreChanges::Some(attribute_list("ignore_changes", expr, out)),
    }
}

fn attribute_list(argument: &str, expr: &Expr, out: &mut Diagnostics) -> Vec<AttributeRef> {
    let ExprKind::Tuple(items) = &expr.unparen().kind else {
        let all = if argument == "ignore_changes" { ", or `all`" } else { "" };
        out.push(
            Diagnostic::error(
                "infra::config::invalid_attribute_list",
                format!("`{argument}` must be a list of attributes"),
            )
            .at(expr.span, "not a list")
            .help(format!("write `{argument} = [tags, container[\"web\"].image]`{all}")),
        );
        return Vec::new();
    };
    let mut attributes = Vec::with_capacity(items.len());
    for item in items {
        match attribute_ref(item) {
            Some(attribute) => attributes.push(attribute),
            None => out.push(
                Diagnostic::error(
                    "infra::config::invalid_attribute_list",
                    format!("`{argument}` takes attributes of this block"),
                )
                .at(item.span, "not an attribute")
                .help("write the attribute's name, with literal keys: `tags`, `tags[\"owner\"]`, `setting[0].value`"),
            ),
        }
    }
    attributes
}

/// Reads the path of an attribute, such as `container["web"].image`.
fn attribute_ref(expr: &Expr) -> Option<AttributeRef> {
    if let Some(text) = expr.as_literal_string() {
        // The quoted form of old configurations.
        return crate::config::names::is_valid(text).then(|| AttributeRef {
            steps: vec![AttributeStep::Name(text.clone())],
            span: expr.span,
        });
    }
    let traversal = as_traversal(expr)?;
    let mut steps = vec![AttributeStep::Name(traversal.root.name.clone())];
    for step in &traversal.steps {
        steps.push(match step {
            Step::Attr(name) => AttributeStep::Name(name.name.clone()),
            Step::Index(key) => match &key.kind {
                ExprKind::String(text) => AttributeStep::Key(text.clone()),
                ExprKind::Number(text) => AttributeStep::Index(text.parse().ok()?),
                _ => return None,
            },
            Step::Splat(_) => return None,
        });
    }
    Some(AttributeRef { steps, span: expr.span })
}

fn triggers(expr: Expr, out: &mut Diagnostics) -> Vec<Expr> {
    let span = expr.span;
    match expr.kind {
        ExprKind::Tuple(items) => items.into_vec(),
        ExprKind::Paren(inner) => triggers(*inner, out),
        _ => {
            out.push(
                Diagnostic::error(
                    "infra::config::invalid_trigger",
                    "`replace_triggered_by` must be a list of references",
                )
                .at(span, "not a list")
                .help("write `replace_triggered_by = [aws_vpc.main.id]`"),
            );
            Vec::new()
        }
    }
}
