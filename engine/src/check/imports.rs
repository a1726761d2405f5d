//! What can be said about `import` blocks before anything is known.

use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{Mode, Str};

use crate::config::references::{Step, as_traversal};
use crate::config::{Config, Import, Repetition, ResourceKey};
use crate::eval::world::{ModuleInstanceId, World};

/// Checks an id that is written down, and whether the address fits the resource's repetition.
pub(super) fn check(config: &Config, world: &World<'_>, import: &Import) -> Diagnostics {
    let mut out = Diagnostics::new();
    let scope = world.scope(ModuleInstanceId::ROOT);
    if import.for_each.is_none()
        && let Ok(value) = crate::eval::eval(&import.id, &scope)
        && value.is_known()
    {
        out.extend(crate::plan::import_id(&import.id, &scope).err().into_iter().flatten());
    }
    out.extend(misfit(config, import));
    out
}

/// Says whether the address has a key where the resource takes none, or the other way round.
fn misfit(config: &Config, import: &Import) -> Option<Diagnostic> {
    let traversal = as_traversal(&import.to)?;
    let mut names: Vec<&Str> = vec![&traversal.root.name];
    let mut keyed = false;
    for step in &traversal.steps {
        keyed = match step {
            Step::Attr(name) => {
                names.push(&name.name);
                false
            }
            Step::Index(_) => true,
            Step::Splat(_) => return None,
        };
    }
    let mut module = config.root();
    let mut names = names.as_slice();
    while let [first, call, rest @ ..] = names
        && &***first == "module"
    {
        module = config.module(module.calls.get(*call)?.child);
        names = rest;
    }
    let [ty, name] = names else { return None };
    let key = ResourceKey {
        mode: Mode::Managed,
        ty: (*ty).clone(),
        name: (*name).clone(),
    };
    let label = match (&module.resources.get(&key)?.repetition, keyed) {
        (Repetition::Single, true) => "has no instances with keys",
        (Repetition::Count(_), false) => "needs an index, because of `count`",
        (Repetition::ForEach(_), false) => "needs a key, because of `for_each`",
        _ => return None,
    };
    Some(
        Diagnostic::error(
            "infra::plan::import_target",
            format!("`{key}` {label}, so this is no address to import to"),
        )
        .at(import.to.span, label)
        .help(format!("write it like `{key}` or `{key}[\"key\"]`")),
    )
}
