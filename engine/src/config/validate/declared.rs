//! Explains mentions of resources that are not declared.

use infra_syntax::ast::Ident;
use infra_syntax::{Diagnostic, Span};
use infra_types::{Mode, Str, suggest};

use super::names_in::Names;
use crate::config::model::{Module, ResourceKey};
use crate::config::names;

/// First names of references that are no types.
const ROOTS: &[&str] = &["var", "local", "module", "data", "each", "count", "path", "self"];

/// Returns the error about a resource that is not declared.
pub(super) fn undeclared_resource(at: &mut Names<'_, '_>, key: &ResourceKey, ty: &Ident, span: Span) -> Diagnostic {
    let module = at.module;
    if key.mode == Mode::Managed
        && let Some(d) = not_a_type(at, key, ty)
    {
        return d;
    }
    let what = match key.mode {
        Mode::Managed => "resource",
        Mode::Data => "data source",
    };
    let d = Diagnostic::error("infra::config::undeclared", format!("there is no {what} `{key}`"))
        .at(span, "not declared in this module");
    if *at.advice_left == 0 {
        return d;
    }
    *at.advice_left -= 1;
    d.help(advice(module, key, what))
}

fn advice(module: &Module, key: &ResourceKey, what: &str) -> String {
    let alike = of_type(module, key.mode, &key.ty).map(|k| &*k.name);
    if let Some(near) = suggest(&key.name, alike.clone()) {
        return format!("did you mean `{}`?", with_name(key, near));
    }
    let other_mode = match key.mode {
        Mode::Managed => Mode::Data,
        Mode::Data => Mode::Managed,
    };
    let twin = ResourceKey {
        mode: other_mode,
        ..key.clone()
    };
    if module.resources.contains_key(&twin) {
        return format!("did you mean `{twin}`?");
    }
    let same_name = module
        .resources
        .keys()
        .filter(|k| k.mode == key.mode && k.name == key.name)
        .map(|k| (&*k.ty, k));
    if let Some(near) = suggest(&key.ty, same_name.clone().map(|(ty, _)| ty)) {
        return format!("did you mean `{}`?", with_type(key, near));
    }
    let list = names::list(alike);
    match list.is_empty() {
        true => format!("declare the {what}, or correct the reference"),
        false => format!("the {what}s of the type `{}` are {list}", key.ty),
    }
}

fn of_type<'m>(module: &'m Module, mode: Mode, ty: &Str) -> impl Iterator<Item = &'m ResourceKey> + Clone {
    let first = ResourceKey {
        mode,
        ty: ty.clone(),
        name: "".into(),
    };
    let ty = ty.clone();
    module
        .resources
        .keys()
        .skip(module.resources.partition_point(|key, _| *key < first))
        .take_while(move |key| key.mode == mode && key.ty == ty)
}

fn with_name(key: &ResourceKey, name: &str) -> ResourceKey {
    ResourceKey {
        name: name.into(),
        ..key.clone()
    }
}

fn with_type(key: &ResourceKey, ty: &str) -> ResourceKey {
    ResourceKey {
        ty: ty.into(),
        ..key.clone()
    }
}

/// Explains a reference whose first name looks like a mistake rather than like a type.
fn not_a_type(at: &Names<'_, '_>, key: &ResourceKey, ty: &Ident) -> Option<Diagnostic> {
    if at.registry.schema(Mode::Managed, &key.ty).is_some() {
        return None;
    }
    let help = match &*key.ty {
        "output" => "outputs cannot be referred to within their module; refer to what the output's value is".to_owned(),
        "resources" => format!("write `{}` without `resources.`", key.name),
        "locals" => format!("did you mean `local.{}`?", key.name),
        "vars" | "variable" | "variables" => format!("did you mean `var.{}`?", key.name),
        "modules" => format!("did you mean `module.{}`?", key.name),
        root if !root.contains('_') => match suggest(root, ROOTS.iter().copied()) {
            Some(near) => format!("did you mean `{near}.{}`?", key.name),
            None => return None,
        },
        _ => return None,
    };
    Some(
        Diagnostic::error(
            "infra::config::undeclared",
            format!("`{}` is not something that can be referred to", key.ty),
        )
        .at(ty.span, "not known")
        .help(help),
    )
}
