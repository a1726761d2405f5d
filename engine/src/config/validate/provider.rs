//! `provider` blocks, and the provider configurations that are mentioned.

use infra_syntax::{Diagnostic, Diagnostics, Span};

use super::Validator;
use super::context::Context;
use super::resource::{NoValues, without_host};
use crate::config::model::{Config, Module, ProviderBlock, ProviderKey};
use crate::config::names;
use crate::eval::Scope;
use crate::eval::body::{Owner, check_block};

impl<'a> Validator<'a, '_> {
    pub(super) fn provider(&mut self, block: &'a ProviderBlock) {
        let before = self.out.0.len();
        self.names(Context::NONE).body(&block.body);
        let names_are_right = self.out.0.len() == before;
        let name = &*block.key.name;
        let Some(provider) = self.registry.get(name) else {
            let known: Vec<&str> = self.registry.iter().map(|p| p.name()).collect();
            self.out.push(
                Diagnostic::error(
                    "infra::config::unknown_provider",
                    format!("there is no provider `{name}`"),
                )
                .at(block.span, "not built in")
                .help(names::advice(name, known.iter().copied(), "the providers are", "")),
            );
            return;
        };
        if !names_are_right {
            return;
        }
        let what = format!("the provider `{name}`");
        let owner = Owner {
            what: &what,
            header: block.span,
            also: &["alias"],
        };
        let scope = NoValues { module: self.module };
        let evaluate = |expr: &infra_syntax::ast::Expr, scope: &dyn Scope| without_host(expr, self.module, scope);
        let schema = &provider.config_schema().block;
        let (_, found) = check_block(&block.body, owner, schema, &scope, &evaluate);
        self.out.extend(found);
    }
}

/// Checks that the configurations with an alias that a module mentions are there:
/// its own, or given by the caller.
pub(super) fn aliases(config: &Config, module: &Module, out: &mut Diagnostics) {
    if module.incomplete {
        return;
    }
    let resources = module.resources.values();
    let scoped = module.checks.values().filter_map(|check| check.data.as_ref());
    for resource in resources.chain(scoped) {
        let at = resource.provider_span.unwrap_or(resource.span);
        alias(config, module, &resource.provider, at, out);
    }
    for call in module.calls.values() {
        for ours in call.providers.values() {
            alias(config, module, ours, call.span, out);
        }
    }
}

fn alias(config: &Config, module: &Module, key: &ProviderKey, at: Span, out: &mut Diagnostics) {
    if key.alias.is_none() || module.providers.contains_key(key) || given(config, module, key) {
        return;
    }
    let same: Vec<String> = module
        .providers
        .keys()
        .filter(|k| k.name == key.name)
        .map(ProviderKey::to_string)
        .collect();
    let wanted = key.to_string();
    let there_is = format!("the configurations of `{}` are", key.name);
    let alias = key.alias.as_deref().unwrap_or_default();
    let nothing = match module.path.is_root() {
        true => format!("declare it: `provider {} {{ alias = \"{alias}\" … }}`", key.name),
        false => format!("give it where the module is called: `providers = {{ {wanted} = … }}`"),
    };
    out.push(
        Diagnostic::error(
            "infra::config::unknown_provider",
            format!("there is no provider configuration `{wanted}`"),
        )
        .at(at, "not declared")
        .help(names::advice(
            &wanted,
            same.iter().map(String::as_str),
            &there_is,
            &nothing,
        )),
    );
}

/// Says whether the caller of a module gives it a provider configuration.
fn given(config: &Config, module: &Module, key: &ProviderKey) -> bool {
    let (Some(parent), Some(name)) = (module.parent, module.path.0.last()) else {
        return false;
    };
    let calls = &config.module(parent).calls;
    calls.get(name).is_some_and(|call| call.providers.contains_key(key))
}
