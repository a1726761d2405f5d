//! How conditions and checks stand while planning.

use std::collections::BTreeSet;

use infra_syntax::{Diagnostics, Severity};
use infra_types::{InstanceAddr, Str};

use super::conditions::evaluate_conditions;
use super::planner::Walk;
use super::{CheckResult, CheckStatus, PlanMode};
use crate::config::{ModuleId, Resource};
use crate::eval::world::{ModuleInstanceId, Repeat};
use crate::graph::{Node, NodeId};

impl Walk<'_> {
    /// Evaluates the conditions of an object that is only read. What fails is a warning:
    /// reading must work, so that what is wrong can be seen.
    pub(super) fn check_unplanned(
        &mut self,
        at: ModuleInstanceId,
        resource: &Resource,
        repeat: &Repeat,
        addr: &InstanceAddr,
    ) {
        let name = addr.to_string();
        let scope = self.world.scope_of(at, repeat);
        let before = &resource.lifecycle.preconditions;
        let (mut results, mut found) = evaluate_conditions(before, &scope, "precondition", &name);
        if let Some(object) = self.prior.get(addr) {
            let scope = scope.with_self(object.attributes.clone());
            let after = &resource.lifecycle.postconditions;
            let (more, errors) = evaluate_conditions(after, &scope, "postcondition", &name);
            results.extend(more);
            found.extend(errors);
        }
        self.record_resource(addr, results);
        self.diagnostics.extend(warnings(found));
    }

    pub(super) fn check_variable(&mut self, at: ModuleInstanceId, name: &Str) {
        let variable = &self.world.module_of(at).variables[name];
        if variable.validations.is_empty() {
            return;
        }
        let scope = self.world.scope(at);
        let (object, declared) = self.names(at, &format!("var.{name}"));
        let (results, errors) = evaluate_conditions(&variable.validations, &scope, "validation", &object);
        if errors.has_errors() {
            self.world.forget_variable(at, name, variable.ty.ty.clone());
        }
        self.record_check(object, declared, "var", results);
        self.diagnostics.extend(errors);
    }

    pub(super) fn run_check(&mut self, at: ModuleInstanceId, name: &Str) {
        let check = &self.world.module_of(at).checks[name];
        let scope = self.world.scope(at);
        let (object, declared) = self.names(at, &format!("check.{name}"));
        let (results, errors) = evaluate_conditions(&check.asserts, &scope, "check", &object);
        self.record_check(object, declared, "check", results);
        // A check that does not hold warns; it never stops a run.
        self.diagnostics.extend(warnings(errors));
    }

    /// Returns the name of something in a module instance, with and without instance keys.
    pub(super) fn names(&self, at: ModuleInstanceId, name: &str) -> (String, String) {
        let module = &self.world.module_of(at).path;
        let declared = match module.is_root() {
            true => name.to_owned(),
            false => format!("{module}.{name}"),
        };
        (self.world.name_in(at, name), declared)
    }

    pub(super) fn record_resource(&mut self, addr: &InstanceAddr, results: Vec<(CheckStatus, Option<String>)>) {
        if !results.is_empty() {
            let declared = addr.resource.path().to_string();
            self.record_check(addr.to_string(), declared, "resource", results);
        }
    }

    pub(super) fn record_check(
        &mut self,
        object: String,
        declared: String,
        kind: &'static str,
        results: Vec<(CheckStatus, Option<String>)>,
    ) {
        let Some(status) = results.iter().map(|(s, _)| *s).max() else {
            return;
        };
        self.checks.push(CheckResult {
            object,
            declared,
            kind,
            status,
            messages: results.into_iter().filter_map(|(_, m)| m).collect(),
        });
    }

    /// Notes how the conditions stand of what is not planned, or has no instance.
    pub(super) fn record_left_out(&mut self) {
        let destroying = self.planner.options.mode == PlanMode::Destroy;
        let known: BTreeSet<String> = self.checks.iter().map(|c| c.declared.clone()).collect();
        let graph = self.planner.graph;
        let planned = |id: &NodeId| match destroying {
            true => matches!(graph.node(*id), Node::Variable(ModuleId::ROOT, _)),
            false => self.selection.node(*id) && !self.later.has(*id),
        };
        let mut left_out: Vec<(String, &'static str, CheckStatus)> = Vec::new();
        for id in graph.order() {
            let node = graph.node(*id);
            let module = self.planner.config.module(node.module());
            let (kind, any) = match node {
                Node::Variable(_, name) => ("var", !module.variables[name].validations.is_empty()),
                Node::Output(_, name) => ("output_value", !module.outputs[name].preconditions.is_empty()),
                Node::Check(..) => ("check", true),
                Node::Resource(_, key) => {
                    let lifecycle = &module.resources[key].lifecycle;
                    let none = lifecycle.preconditions.is_empty() && lifecycle.postconditions.is_empty();
                    ("resource", !none)
                }
                Node::Module(_) | Node::ModuleEnd(_) | Node::Local(..) | Node::Provider(..) => continue,
            };
            let name = node.label(self.planner.config);
            if any && !known.contains(&name) {
                // Conditions without an instance hold.
                let status = match planned(id) {
                    true => CheckStatus::Pass,
                    false => CheckStatus::Unknown,
                };
                left_out.push((name, kind, status));
            }
        }
        for (name, kind, status) in left_out {
            self.record_check(name.clone(), name, kind, vec![(status, None)]);
        }
    }
}

/// Turns the errors about conditions that do not hold into warnings.
pub(super) fn warnings(mut found: Diagnostics) -> Diagnostics {
    for d in &mut found.0 {
        if d.code == "infra::plan::condition_failed" {
            d.severity = Severity::Warning;
        }
    }
    found
}
