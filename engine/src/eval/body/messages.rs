//! What is said about arguments and blocks that do not belong where they stand, or are missing.

use infra_providers::schema::{self, NestedBlock};
use infra_syntax::ast::{self, Ident};
use infra_syntax::{Diagnostic, Span};
use infra_types::Type;

use super::Owner;
use crate::config::names;

/// Returns the error, and the argument that was probably meant.
pub(super) fn unknown_argument<'s>(
    attribute: &ast::Attribute,
    owner: Owner<'s>,
    schema: &schema::Block,
) -> (Diagnostic, Option<&'s str>) {
    let name = &*attribute.name.name;
    let settable = schema
        .attributes
        .iter()
        .filter(|(_, a)| a.is_settable())
        .map(|(n, _)| *n);
    let known = settable
        .chain(schema.blocks.keys().copied())
        .chain(owner.also.iter().copied());
    let d = Diagnostic::error(
        "infra::config::unknown_argument",
        format!("{} has no argument `{name}`", owner.what),
    )
    .at(attribute.name.span, "not known here")
    .help(names::advice(
        name,
        known.clone(),
        "its arguments are",
        "it takes no arguments",
    ));
    (d, names::nearest(name, known))
}

pub(super) fn unknown_block(kind: &Ident, is_dynamic: bool, owner: Owner<'_>, schema: &schema::Block) -> Diagnostic {
    let name = &*kind.name;
    if let Some(attribute) = schema.attributes.get(name) {
        let braces = match &attribute.ty {
            Type::Map(_) | Type::Object(_) | Type::Dynamic => "{ … }",
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => "[…]",
            _ => "…",
        };
        return Diagnostic::error(
            "infra::config::block_for_argument",
            format!("`{name}` is an argument of {}, not a block", owner.what),
        )
        .at(kind.span, "written as a block")
        .help(match is_dynamic {
            false => format!("write `{name} = {braces}`"),
            true => format!("write `{name} = {braces}`, with a `for` expression inside"),
        });
    }
    let also = owner.also.iter().copied().filter(|n| *n == "lifecycle");
    Diagnostic::error(
        "infra::config::unknown_block",
        format!("{} has no block `{name}`", owner.what),
    )
    .at(kind.span, "not known here")
    .help(names::advice(
        name,
        schema.blocks.keys().copied().chain(also),
        "its blocks are",
        "it holds no blocks",
    ))
}

pub(super) fn missing_argument(name: &str, owner: Owner<'_>) -> Diagnostic {
    Diagnostic::error(
        "infra::config::missing_argument",
        format!("{} needs the argument `{name}`", owner.what),
    )
    .at(owner.header, format!("`{name}` is missing"))
    .help(format!("add `{name} = …`"))
}

pub(super) fn missing_block(name: &str, nested: &NestedBlock, owner: Owner<'_>) -> Diagnostic {
    let many = match nested.min {
        1 => format!("a block `{name}`"),
        n => format!("at least {n} blocks `{name}`"),
    };
    Diagnostic::error("infra::config::missing_block", format!("{} needs {many}", owner.what))
        .at(owner.header, format!("`{name}` is missing"))
        .help(format!("add `{name} {{ … }}`"))
}

pub(super) fn too_many_blocks(name: &str, most: usize, headers: &[Span]) -> Diagnostic {
    let what = match most {
        0 => format!("no `{name}` block may be written here"),
        1 => format!("only one `{name}` block may be written here"),
        n => format!("at most {n} `{name}` blocks may be written here"),
    };
    let at = headers.get(most).or(headers.last()).copied().unwrap_or_default();
    let mut d = Diagnostic::error("infra::config::too_many_blocks", what).at(at, "one too many");
    if let Some(first) = headers.first().filter(|first| **first != at) {
        d = d.related(*first, "the first is here");
    }
    d
}
