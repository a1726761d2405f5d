//! `moved`, `removed` and `import` blocks against what is declared.

use std::collections::BTreeMap;

use infra_syntax::{Diagnostic, Span};
use infra_types::address::Target;
use infra_types::{InstanceKey, Str};

use super::Validator;
use super::context::Context;
use crate::config::decode::address;
use crate::config::model::{Import, Module, ResourceKey};
use crate::config::references::as_traversal;

impl<'a> Validator<'a, '_> {
    pub(super) fn refactoring(&mut self) {
        self.moves();
        for removed in &self.module.removed {
            if let Some(declared) = self.declared(&removed.from) {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::invalid_removal",
                        format!("`{}` is still declared", display(&removed.from)),
                    )
                    .at(removed.from_span, "said to be removed")
                    .related(declared, "declared here")
                    .help("remove either the declaration or the `removed` block"),
                );
            }
        }
        let mut imports = BTreeMap::new();
        for import in &self.module.imports {
            self.import(import, &mut imports);
        }
    }

    fn moves(&mut self) {
        let mut targets: BTreeMap<&Target, (&Target, Span)> = BTreeMap::new();
        let mut sources: BTreeMap<&Target, (&Target, Span)> = BTreeMap::new();
        for moved in &self.module.moved {
            // The same move twice is no contradiction.
            if let Some((from, first)) = targets.insert(&moved.to, (&moved.from, moved.to_span))
                && *from != moved.from
            {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::ambiguous_move",
                        format!("two objects cannot both move to `{}`", display(&moved.to)),
                    )
                    .at(moved.to_span, "the second move")
                    .related(first, "the first move")
                    .help("remove one of the `moved` blocks"),
                );
            }
            if let Some((to, first)) = sources.insert(&moved.from, (&moved.to, moved.from_span))
                && *to != moved.to
            {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::ambiguous_move",
                        format!("`{}` cannot move to two places", display(&moved.from)),
                    )
                    .at(moved.from_span, "the second move")
                    .related(first, "the first move")
                    .help("remove one of the `moved` blocks"),
                );
            }
        }
        for moved in &self.module.moved {
            if is_whole(&moved.from)
                && let Some(declared) = self.declared(&moved.from)
                && !is_instance_of(&moved.to, &moved.from)
            {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::invalid_move",
                        format!("`{}` is still declared, so it cannot have moved", display(&moved.from)),
                    )
                    .at(moved.from_span, "said to have moved")
                    .related(declared, "declared here")
                    .help("rename the declaration, or remove the `moved` block"),
                );
            }
        }
    }

    fn import(&mut self, import: &'a Import, imports: &mut BTreeMap<String, Span>) {
        let context = Context {
            each: import.for_each.is_some(),
            repeatable: true,
            ..Context::NONE
        };
        if let Some(for_each) = &import.for_each {
            self.names(Context::NONE).expr(for_each);
        }
        self.names(context).expr(&import.id);
        let Some((module, key)) = self.import_target(import, context) else {
            return;
        };
        if !module.resources.contains_key(&key) && !module.may_declare(&key.name) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::undeclared",
                    format!("there is no resource `{key}` to import to"),
                )
                .at(import.to.span, "not declared")
                .help(format!("declare it: `resource {} {} {{ … }}`", key.ty, key.name)),
            );
        }
        if import.for_each.is_none()
            && let Ok(target) = address::target(&import.to)
            && let Some(first) = imports.insert(display(&target), import.to.span)
        {
            self.out.push(
                Diagnostic::error(
                    "infra::config::duplicate",
                    format!("`{}` is imported twice", display(&target)),
                )
                .at(import.to.span, "again")
                .related(first, "imported here first")
                .help("remove one of the `import` blocks"),
            );
        }
    }

    /// Finds what an import goes to: the module, and the resource in it.
    fn import_target(&mut self, import: &'a Import, context: Context<'a>) -> Option<(&'a Module, ResourceKey)> {
        let invalid = || {
            Diagnostic::error(
                "infra::config::invalid_address",
                "`to` must be the address of a resource",
            )
            .at(import.to.span, "not such an address")
            .help("write it like `aws_vpc.main` or `aws_subnet.a[\"x\"]`")
        };
        let Some(traversal) = as_traversal(&import.to) else {
            self.out.push(invalid());
            return None;
        };
        let mut module = self.module;
        let names: Vec<&infra_syntax::ast::Ident> = std::iter::once(traversal.root)
            .chain((0..traversal.steps.len()).filter_map(|i| traversal.name(i)))
            .collect();
        let mut names = names.into_iter().peekable();
        while names.next_if(|n| &*n.name == "module").is_some() {
            let name = names.next()?;
            let Some(call) = module.calls.get(&name.name) else {
                if !module.may_declare(&name.name) {
                    self.out.push(
                        Diagnostic::error(
                            "infra::config::undeclared",
                            format!("there is no module call `{}`", name.name),
                        )
                        .at(name.span, "not declared"),
                    );
                }
                return None;
            };
            module = self.config.module(call.child);
        }
        for step in &traversal.steps {
            if let crate::config::references::Step::Index(key) = step {
                self.names(context).expr(key);
            }
        }
        let (Some(ty), Some(name), None) = (names.next(), names.next(), names.next()) else {
            self.out.push(invalid());
            return None;
        };
        if matches!(&*ty.name, "data" | "var" | "local") {
            self.out.push(invalid());
            return None;
        }
        let key = ResourceKey {
            mode: infra_types::Mode::Managed,
            ty: ty.name.clone(),
            name: name.name.clone(),
        };
        Some((module, key))
    }

    /// Returns where a resource or module is declared, without regard to keys.
    fn declared(&self, target: &Target) -> Option<Span> {
        let (path, resource) = match target {
            Target::Module(module) => (&module.0, None),
            Target::Resource(instance) => (&instance.resource.module.0, Some(&instance.resource)),
        };
        let mut module = self.module;
        let mut last = None;
        for (name, _) in path.iter() {
            let call = module.calls.get(name)?;
            last = Some(call.span);
            module = self.config.module(call.child);
        }
        match resource {
            None => last,
            Some(resource) => {
                let key = ResourceKey {
                    mode: resource.mode,
                    ty: resource.ty.clone(),
                    name: resource.name.clone(),
                };
                Some(module.resources.get(&key)?.span)
            }
        }
    }
}

fn keys(target: &Target) -> (Vec<&(Str, InstanceKey)>, Option<&InstanceKey>) {
    match target {
        Target::Module(module) => (module.0.iter().collect(), None),
        Target::Resource(instance) => (instance.resource.module.0.iter().collect(), Some(&instance.key)),
    }
}

/// Says whether an address names all of a resource or module.
fn is_whole(target: &Target) -> bool {
    let (modules, key) = keys(target);
    let none = |key: &InstanceKey| *key == InstanceKey::None;
    modules.iter().all(|(_, key)| none(key)) && key.is_none_or(none)
}

/// Says whether an address names an instance of what another names as a whole.
fn is_instance_of(instance: &Target, whole: &Target) -> bool {
    match (instance, whole) {
        (Target::Resource(a), Target::Resource(b)) => a.resource.path() == b.resource.path(),
        (Target::Module(a), Target::Module(b)) => a.path() == b.path(),
        _ => false,
    }
}

fn display(target: &Target) -> String {
    match target {
        Target::Module(module) => module.to_string(),
        Target::Resource(resource) => resource.to_string(),
    }
}
