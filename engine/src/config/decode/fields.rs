//! What blocks of a fixed form may contain.

use infra_syntax::ast::{Block, Body};
use infra_syntax::{Diagnostic, Diagnostics};

use crate::config::names;

/// The contents of a block of a fixed form.
pub(super) struct Form<'f> {
    /// What it is called in messages, such as `a variable block`.
    pub(super) what: &'f str,
    /// Its arguments.
    pub(super) arguments: &'f [&'f str],
    /// Its nested blocks.
    pub(super) blocks: &'f [&'f str],
}

impl Form<'_> {
    /// Reports everything in a body that does not belong there.
    pub(super) fn check(&self, body: &Body, out: &mut Diagnostics) {
        for attribute in &body.attributes {
            if !self.arguments.contains(&&*attribute.name.name) {
                out.push(self.unknown_argument(attribute));
            }
        }
        for block in &body.blocks {
            if self.blocks.contains(&&*block.kind.name) {
                labels(block, &[], out);
            } else {
                out.push(self.unknown_block(block));
            }
        }
    }

    fn unknown_argument(&self, attribute: &infra_syntax::ast::Attribute) -> Diagnostic {
        let name = &*attribute.name.name;
        let what = self.what;
        if self.blocks.contains(&name) {
            return Diagnostic::error(
                "infra::config::argument_for_block",
                format!("`{name}` is a block of {what}, not an argument"),
            )
            .at(attribute.name.span, "written as an argument")
            .help(format!("write `{name} {{ … }}`, without `=`"));
        }
        Diagnostic::error(
            "infra::config::unknown_argument",
            format!("{what} has no argument `{name}`"),
        )
        .at(attribute.name.span, "not known here")
        .help(names::advice(
            name,
            self.arguments.iter().copied(),
            "its arguments are",
            "it takes no arguments",
        ))
    }

    fn unknown_block(&self, block: &Block) -> Diagnostic {
        let name = &*block.kind.name;
        let what = self.what;
        if self.arguments.contains(&name) {
            return Diagnostic::error(
                "infra::config::block_for_argument",
                format!("`{name}` is an argument of {what}, not a block"),
            )
            .at(block.header, "written as a block")
            .help(format!("write `{name} = …`"));
        }
        Diagnostic::error("infra::config::unknown_block", format!("{what} has no block `{name}`"))
            .at(block.header, "not known here")
            .help(names::advice(
                name,
                self.blocks.iter().copied(),
                "its blocks are",
                "it holds no blocks",
            ))
    }
}

/// Checks that a block has the labels it needs; `wanted` says what each is.
pub(super) fn labels(block: &Block, wanted: &[&str], out: &mut Diagnostics) -> bool {
    let kind = &*block.kind.name;
    if block.labels.len() == wanted.len() {
        return true;
    }
    let form = std::iter::once(kind.to_owned())
        .chain(wanted.iter().map(|w| w.to_uppercase()))
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(extra) = block.labels.get(wanted.len()) {
        out.push(
            Diagnostic::error(
                "infra::config::wrong_labels",
                format!("the label `{}` of the `{kind}` block is too much", extra.name),
            )
            .at(extra.span, "one label too many")
            .help(format!("write `{form} {{`")),
        );
    } else {
        let missing = wanted[block.labels.len()..].join(" and ");
        out.push(
            Diagnostic::error(
                "infra::config::wrong_labels",
                format!("the `{kind}` block needs a {missing}"),
            )
            .at(block.header, format!("the {missing} is missing"))
            .help(format!("write `{form} {{`")),
        );
    }
    false
}

/// Reports all but the first of blocks that may stand once, and returns the first.
pub(super) fn at_most_one(blocks: Vec<Block>, out: &mut Diagnostics) -> Option<Block> {
    let mut blocks = blocks.into_iter();
    let first = blocks.next()?;
    for again in blocks {
        out.push(
            Diagnostic::error(
                "infra::config::duplicate_block",
                format!("there is more than one `{}` block", again.kind.name),
            )
            .at(again.header, "one too many")
            .related(first.header, "the first is here")
            .help("put everything into one of them"),
        );
    }
    Some(first)
}

/// Says that an argument is missing.
pub(super) fn missing_argument(what: &str, name: &str, header: infra_syntax::Span) -> Diagnostic {
    Diagnostic::error(
        "infra::config::missing_argument",
        format!("{what} needs the argument `{name}`"),
    )
    .at(header, format!("`{name}` is missing"))
    .help(format!("add `{name} = …`"))
}

/// Returns a null expression that stands for a missing one.
pub(super) fn placeholder(span: infra_syntax::Span) -> infra_syntax::ast::Expr {
    infra_syntax::ast::Expr::new(infra_syntax::ast::ExprKind::Null, span)
}
