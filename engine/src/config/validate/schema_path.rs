//! Follows attribute names through schemas and types.

use infra_providers::schema::{Block, Nesting};
use infra_syntax::Diagnostic;
use infra_syntax::ast::{ExprKind, Ident};
use infra_types::Type;

use super::names_in::unknown_attribute;
use crate::config::references::Step;

/// Why a path leads nowhere.
pub(super) enum DeadEnd<'a, 's> {
    /// There is no attribute of this name, but these.
    Unknown(&'a Ident, Vec<&'s str>),
    /// A value of this type has no attributes.
    Plain(&'a Ident, String),
}

impl DeadEnd<'_, '_> {
    /// Returns the error; `what` is what was reached.
    pub(super) fn describe(self, what: &str) -> Diagnostic {
        match self {
            DeadEnd::Unknown(name, known) => unknown_attribute(what, name, known),
            DeadEnd::Plain(name, ty) => Diagnostic::error(
                "infra::config::unknown_attribute",
                format!("{what} is a {ty} and has no attribute `{}`", name.name),
            )
            .at(name.span, "not known"),
        }
    }
}

type Followed<'a, 's> = Result<(), DeadEnd<'a, 's>>;

/// Follows the steps after a resource; `end` is moved to the step at fault.
pub(super) fn follow<'a, 's>(block: &'s Block, steps: &[Step<'a>], end: &mut usize) -> Followed<'a, 's> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    let Step::Attr(name) = step else {
        return Ok(());
    };
    if let Some(attribute) = block.attributes.get(&*name.name) {
        *end += 1;
        return follow_type(&attribute.ty, rest, end);
    }
    let Some(nested) = block.blocks.get(&*name.name) else {
        let known = block.attributes.keys().chain(block.blocks.keys()).copied().collect();
        return Err(DeadEnd::Unknown(name, known));
    };
    *end += 1;
    match (nested.nesting, rest.first()) {
        (Nesting::Single, _) => follow(&nested.block, rest, end),
        (_, Some(Step::Index(_) | Step::Splat(_))) => {
            *end += 1;
            follow(&nested.block, &rest[1..], end)
        }
        (nesting, Some(Step::Attr(name))) => {
            let ty = if nesting == Nesting::List {
                "list of blocks"
            } else {
                "set of blocks"
            };
            Err(DeadEnd::Plain(name, ty.to_owned()))
        }
        (_, None) => Ok(()),
    }
}

/// Follows steps into a value of a type.
pub(super) fn follow_type<'a, 's>(ty: &'s Type, steps: &[Step<'a>], end: &mut usize) -> Followed<'a, 's> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    let next = match (ty, step) {
        (Type::Object(attrs), Step::Attr(name)) => match attrs.get(&name.name) {
            Some(attribute) => &attribute.ty,
            None => return Err(DeadEnd::Unknown(name, attrs.keys().map(|k| &**k).collect())),
        },
        (Type::Object(attrs), Step::Index(key)) => match &key.kind {
            ExprKind::String(name) => match attrs.get(name) {
                Some(attribute) => &attribute.ty,
                None => return Ok(()),
            },
            _ => return Ok(()),
        },
        (Type::Map(elem), Step::Attr(_) | Step::Index(_)) => &**elem,
        (Type::List(elem), Step::Index(_) | Step::Splat(_)) | (Type::Set(elem), Step::Splat(_)) => &**elem,
        (Type::Bool | Type::Number | Type::String | Type::Set(_) | Type::List(_), Step::Attr(name))
            if name.name.parse::<u64>().is_err() =>
        {
            return Err(DeadEnd::Plain(name, ty.friendly()));
        }
        _ => return Ok(()),
    };
    *end += 1;
    follow_type(next, rest, end)
}
