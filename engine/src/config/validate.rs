//! What can be found wrong without a value: names, arguments, types.
//!
//! Everything is looked at, and everything found is returned, sorted by place.
//! What does not depend on the caller of a module is checked once per folder.

mod call;
mod context;
mod declared;
mod function;
mod lifecycle;
mod names_in;
mod provider;
mod refactor;
mod resource;
mod schema_path;
mod settings;

use infra_providers::Registry;
use infra_syntax::{Diagnostic, Diagnostics, Span};

use self::context::Context;
use self::names_in::Names;
pub(crate) use self::resource::is_missing;
use super::load::one_per_folder;
use super::model::{Check, Condition, Config, Module, Output};

/// Returns everything that is wrong with a configuration whatever the values are.
pub fn validate(config: &Config, registry: &Registry) -> Diagnostics {
    let mut out = Diagnostics::new();
    for module in one_per_folder(config) {
        let mut validator = Validator {
            config,
            registry,
            module,
            out: &mut out,
            advice_left: ADVICE,
        };
        validator.module();
    }
    for module in &config.modules {
        provider::aliases(config, module, &mut out);
    }
    out.sort();
    out
}

/// Joins findings about the same configuration from two sources: of `later`, those
/// at a place where `first` has an error already are left out, for they have the same cause.
pub fn merge(first: Diagnostics, later: Diagnostics) -> Diagnostics {
    let mut taken: Vec<Span> = first
        .iter()
        .filter(|d| d.is_error())
        .filter_map(|d| Some(d.label.as_ref()?.0))
        .collect();
    taken.sort();
    let mut all = first;
    let is_new = |d: &Diagnostic| match &d.label {
        None => true,
        Some((span, _)) => !overlaps(&taken, *span),
    };
    all.extend(later.into_iter().filter(is_new));
    all.sort();
    all
}

/// Says whether a place overlaps one of others, which are sorted.
fn overlaps(places: &[Span], span: Span) -> bool {
    // The last place that begins before the end of `span`; places seldom contain each other,
    // so a few before it are enough.
    let end = places.partition_point(|p| (p.source, p.start) < (span.source, span.end));
    places[..end]
        .iter()
        .rev()
        .take(8)
        .any(|p| p.source == span.source && p.end > span.start)
}

/// How many suggestions are searched for per module: each looks at all names.
const ADVICE: usize = 200;

/// Checks one module.
struct Validator<'a, 'o> {
    config: &'a Config,
    registry: &'a Registry,
    module: &'a Module,
    out: &'o mut Diagnostics,
    advice_left: usize,
}

impl<'a> Validator<'a, '_> {
    fn module(&mut self) {
        let module = self.module;
        for variable in module.variables.values() {
            self.conditions(&variable.validations, Context::NONE);
        }
        for local in module.locals.values() {
            self.names(Context::NONE).expr(&local.expr);
        }
        for output in module.outputs.values() {
            self.output(output);
        }
        for function in module.functions.values() {
            self.function(function);
        }
        self.function_cycles();
        for resource in module.resources.values() {
            self.resource(resource);
        }
        for call in module.calls.values() {
            self.call(call);
        }
        for provider in module.providers.values() {
            self.provider(provider);
        }
        for check in module.checks.values() {
            self.check(check);
        }
        self.refactoring();
        if module.path.is_root() {
            self.settings();
        }
    }

    /// Returns a checker of the names in expressions.
    fn names(&mut self, context: Context<'a>) -> Names<'a, '_> {
        Names {
            config: self.config,
            registry: self.registry,
            module: self.module,
            context,
            out: self.out,
            advice_left: &mut self.advice_left,
        }
    }

    fn output(&mut self, output: &'a Output) {
        self.names(Context::NONE).expr(&output.value);
        self.names(Context::NONE).dependencies(&output.depends_on);
        self.conditions(&output.preconditions, Context::NONE);
        if output.ephemeral && self.module.path.is_root() {
            self.out.push(
                Diagnostic::error(
                    "infra::config::ephemeral_output",
                    format!("output `{}` of the root module cannot be ephemeral", output.name.name),
                )
                .at(output.span, "shown and stored after the run")
                .help("remove `ephemeral`; only outputs of called modules can have it"),
            );
        }
    }

    fn check(&mut self, check: &'a Check) {
        if let Some(data) = &check.data {
            self.resource(data);
        }
        let context = Context {
            check: Some(check),
            ..Context::NONE
        };
        self.conditions(&check.asserts, context);
    }

    fn conditions(&mut self, conditions: &'a [Condition], context: Context<'a>) {
        for condition in conditions {
            self.names(context).expr(&condition.condition);
            self.names(context).expr(&condition.message);
        }
    }
}
