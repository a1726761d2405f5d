//! What conditions mention: something that can make a difference, and not what they stand in.

use infra_syntax::ast::Expr;
use infra_syntax::{Diagnostic, Diagnostics};

use crate::config::references::references;
use crate::config::{Condition, Config, Module, ReferenceTarget, Resource};

/// Returns what is wrong with the conditions and triggers of a configuration, whatever the values are.
pub(super) fn check(config: &Config) -> Diagnostics {
    let mut out = Diagnostics::new();
    for module in &config.modules {
        check_module(module, &mut out);
    }
    out
}

fn check_module(module: &Module, out: &mut Diagnostics) {
    for (name, variable) in &module.variables {
        let own = ReferenceTarget::Variable(name.clone());
        for validation in &variable.validations {
            if !references(&validation.condition).iter().any(|r| r.target == own) {
                out.push(
                    Diagnostic::error(
                        "infra::config::constant_condition",
                        format!("the validation of `{name}` does not mention `var.{name}`"),
                    )
                    .at(validation.condition.span, "says nothing about the value")
                    .help("conditions about other things are preconditions, or belong in a `check` block"),
                );
            }
        }
    }
    for output in module.outputs.values() {
        output
            .preconditions
            .iter()
            .for_each(|c| must_refer(c, "precondition", out));
    }
    for check in module.checks.values() {
        check.asserts.iter().for_each(|c| must_refer(c, "assertion", out));
    }
    for resource in module.resources.values() {
        let lifecycle = &resource.lifecycle;
        for (kind, conditions) in [
            ("precondition", &lifecycle.preconditions),
            ("postcondition", &lifecycle.postconditions),
        ] {
            for condition in conditions {
                must_refer(condition, kind, out);
                for expr in [&condition.condition, &condition.message] {
                    not_itself(resource, expr, kind, out);
                }
            }
        }
        for trigger in &lifecycle.replace_triggered_by {
            not_itself(resource, trigger, "trigger", out);
        }
    }
}

/// Refuses a condition that is the same whatever happens.
fn must_refer(condition: &Condition, kind: &str, out: &mut Diagnostics) {
    if references(&condition.condition).is_empty() {
        out.push(
            Diagnostic::error(
                "infra::config::constant_condition",
                format!("the condition of this {kind} mentions nothing, so it checks nothing"),
            )
            .at(condition.condition.span, "always the same")
            .help("mention a variable, a resource, or another part of the configuration"),
        );
    }
}

/// Refuses a mention of the resource in itself.
fn not_itself(resource: &Resource, expr: &Expr, kind: &str, out: &mut Diagnostics) {
    let own = ReferenceTarget::Resource(resource.key.clone());
    for reference in references(expr) {
        if reference.target == own {
            let mut d = Diagnostic::error(
                "infra::config::self_reference",
                format!("`{}` cannot refer to itself in a {kind}", resource.key),
            )
            .at(reference.span, "the resource that this stands in");
            if kind == "postcondition" {
                d = d.help("its own attributes are `self.NAME`");
            }
            out.push(d);
        }
    }
}
