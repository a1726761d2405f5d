//! Addresses written in the configuration: `module.a["x"].aws_vpc.main[0]`.

use infra_syntax::ast::{Expr, ExprKind, Ident};
use infra_syntax::{Diagnostic, Span};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, ResourceAddr};

use crate::config::references::{Step, as_traversal};

/// Reads an address; its keys must be written out.
pub(in crate::config) fn target(expr: &Expr) -> Result<Target, Diagnostic> {
    let invalid = |span: Span, label: &str| {
        Diagnostic::error(
            "infra::config::invalid_address",
            "an address of a resource or module is needed here",
        )
        .at(span, label)
        .help("write an address such as `aws_vpc.main`, `aws_subnet.a[\"x\"]` or `module.network`")
    };
    let Some(traversal) = as_traversal(expr) else {
        return Err(match expr.as_literal_string() {
            Some(text) => invalid(expr.span, "a text").help(format!("remove the quotes: `{text}`")),
            None => invalid(expr.span, "not an address"),
        });
    };
    let mut parts: Vec<(&Ident, InstanceKey)> = vec![(traversal.root, InstanceKey::None)];
    for step in &traversal.steps {
        match step {
            Step::Attr(name) => parts.push((name, InstanceKey::None)),
            Step::Index(index) => {
                let key = key(index).ok_or_else(|| invalid(index.span, "keys must be written out here"))?;
                match parts.last_mut() {
                    Some((_, last)) if *last == InstanceKey::None => *last = key,
                    _ => return Err(invalid(index.span, "a second key")),
                }
            }
            Step::Splat(span) => return Err(invalid(*span, "one object at a time")),
        }
    }
    assemble(&parts).map_err(|(name, label)| invalid(name.span, label))
}

/// Returns the instance key that a literal in brackets means.
fn key(expr: &Expr) -> Option<InstanceKey> {
    match &expr.kind {
        ExprKind::String(text) => Some(InstanceKey::Str(text.clone())),
        ExprKind::Number(text) => text.parse().ok().map(InstanceKey::Int),
        _ => None,
    }
}

type Part<'a> = (&'a Ident, InstanceKey);

fn assemble<'a>(parts: &[Part<'a>]) -> Result<Target, (&'a Ident, &'static str)> {
    let mut parts = parts.iter().peekable();
    let mut module = ModuleAddr::root();
    while let Some((word, key)) = parts.next_if(|(name, _)| &*name.name == "module") {
        let (name, instance) = parts.next().ok_or((*word, "the name of the module call is missing"))?;
        if *key != InstanceKey::None {
            return Err((word, "the key belongs after the name"));
        }
        module = module.child(name.name.clone(), instance.clone());
    }
    let Some((first, first_key)) = parts.next() else {
        return Ok(Target::Module(module));
    };
    let (mode, ty, ty_key) = match &*first.name {
        "data" => {
            let (ty, key) = parts.next().ok_or((*first, "the type is missing"))?;
            (Mode::Data, *ty, key)
        }
        "resource" if parts.len() > 1 => {
            let (ty, key) = parts.next().ok_or((*first, "the type is missing"))?;
            (Mode::Managed, *ty, key)
        }
        "var" | "local" | "each" | "count" | "self" | "path" | "terraform" | "infra" => {
            return Err((first, "not a resource or module"));
        }
        _ => (Mode::Managed, *first, first_key),
    };
    if *ty_key != InstanceKey::None {
        return Err((ty, "the key belongs after the name"));
    }
    let (name, key) = parts.next().ok_or((ty, "the resource's name is missing"))?;
    if let Some((extra, _)) = parts.next() {
        return Err((extra, "an address ends with the resource's name"));
    }
    Ok(Target::Resource(InstanceAddr {
        resource: ResourceAddr {
            module,
            mode,
            ty: ty.name.clone(),
            name: name.name.clone(),
        },
        key: key.clone(),
    }))
}
