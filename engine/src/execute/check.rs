//! Conditions that depended on what was not known when planning.

use std::collections::HashMap;

use infra_providers::ProviderError;
use infra_syntax::{Diagnostics, Severity};
use infra_types::{Str, Value};

use super::Run;
use crate::config::Resource;
use crate::eval::body::eval_resource;
use crate::eval::world::{ModuleInstanceId, Repeat};
use crate::plan::{CheckResult, CheckStatus, PlanMode, evaluate_conditions, provider_ref};

/// How conditions stand, by the object that they belong to.
pub(super) struct Checks {
    results: Vec<CheckResult>,
    /// The preconditions of objects whose postconditions are still to come.
    open: HashMap<String, Vec<(CheckStatus, Option<String>)>>,
    by_object: HashMap<String, usize>,
}

impl Checks {
    pub(super) fn new(planned: &[CheckResult]) -> Self {
        let by_object = planned.iter().enumerate().map(|(i, c)| (c.object.clone(), i));
        Checks {
            results: planned.to_vec(),
            open: HashMap::new(),
            by_object: by_object.collect(),
        }
    }

    fn find(&self, object: &str) -> Option<&CheckResult> {
        self.by_object.get(object).map(|i| &self.results[*i])
    }

    /// Notes how the preconditions of an object stand; postconditions may follow.
    pub(super) fn before(&mut self, object: &str, results: Vec<(CheckStatus, Option<String>)>, last: bool) {
        let failed = results.iter().any(|(status, _)| *status > CheckStatus::Unknown);
        if last || failed {
            self.settle(object, results);
        } else if !results.is_empty() {
            self.open.insert(object.to_owned(), results);
        }
    }

    /// Notes how conditions stand that were not all known when planning.
    pub(super) fn settle(&mut self, object: &str, mut results: Vec<(CheckStatus, Option<String>)>) {
        results.extend(self.open.remove(object).unwrap_or_default());
        if let Some(i) = self.by_object.get(object)
            && self.results[*i].status != CheckStatus::Pass
            && let Some(status) = results.iter().map(|(s, _)| *s).max()
        {
            let planned = &mut self.results[*i];
            planned.status = status;
            planned.messages = results.into_iter().filter_map(|(_, m)| m).collect();
        }
    }

    pub(super) fn into_results(self) -> Vec<CheckResult> {
        self.results
    }
}

impl Run<'_, '_> {
    /// Evaluates a check again whose conditions did not all hold when planning, or
    /// were not all known. It never stops a run, and says nothing twice.
    pub(super) async fn check(&mut self, at: ModuleInstanceId, name: &Str) {
        let object = self.world.name_in(at, &format!("check.{name}"));
        let said = match self.checks.find(&object) {
            Some(planned) if planned.status != CheckStatus::Pass => planned.messages.clone(),
            _ => return,
        };
        let check = &self.world.module_of(at).checks[name];
        if let Some(data) = &check.data {
            let value = match self.read_for_check(at, data).await {
                Ok(value) => value,
                Err(errors) => return self.warn(errors),
            };
            self.world.set_instance(at, &data.key, Repeat::default().key, value);
        }
        let scope = self.world.scope(at);
        let (results, mut found) = evaluate_conditions(&check.asserts, &scope, "check", &object);
        found.0.retain(|d| {
            d.code != "infra::plan::condition_failed" || !said.iter().any(|m| d.message.ends_with(m.as_str()))
        });
        self.warn(found);
        self.checks.settle(&object, results);
    }

    /// Evaluates the preconditions of an output that were not all known when planning.
    /// Returns whether they hold.
    pub(super) fn output_preconditions(&mut self, at: ModuleInstanceId, name: &Str) -> bool {
        let output = &self.world.module_of(at).outputs[name];
        if output.preconditions.is_empty() {
            return true;
        }
        let object = self.world.name_in(at, &format!("output.{name}"));
        let undecided = |c: &CheckResult| c.status == CheckStatus::Unknown;
        if !self.checks.find(&object).is_some_and(undecided) {
            return true;
        }
        let scope = self.world.scope(at);
        let (results, errors) = evaluate_conditions(&output.preconditions, &scope, "precondition", &object);
        self.checks.settle(&object, results);
        if self.executor.plan.mode == PlanMode::RefreshOnly {
            self.warn(errors);
            return true;
        }
        let holds = !errors.has_errors();
        self.diagnostics.extend(errors);
        holds
    }

    /// Gives a variable its final value, and evaluates its validations if they were
    /// not all known when planning. Returns whether they hold.
    pub(super) fn variable(&mut self, at: ModuleInstanceId, name: &Str) -> bool {
        self.world.variable(at, name);
        let variable = &self.world.module_of(at).variables[name];
        if variable.validations.is_empty() {
            return true;
        }
        let object = self.world.name_in(at, &format!("var.{name}"));
        let undecided = |c: &CheckResult| c.status == CheckStatus::Unknown;
        if !self.checks.find(&object).is_some_and(undecided) {
            return true;
        }
        let scope = self.world.scope(at);
        let (results, errors) = evaluate_conditions(&variable.validations, &scope, "validation", &object);
        let holds = !errors.has_errors();
        self.diagnostics.extend(errors);
        self.checks.settle(&object, results);
        holds
    }

    fn warn(&mut self, mut found: Diagnostics) {
        for d in &mut found.0 {
            d.severity = Severity::Warning;
        }
        self.diagnostics.extend(found);
    }

    /// Reads the data source that only a check uses.
    async fn read_for_check(&mut self, at: ModuleInstanceId, data: &Resource) -> Result<Value, Diagnostics> {
        let executor = self.executor;
        let failed = |error: &ProviderError| {
            crate::plan::error_diagnostic(
                "infra::plan::data_source",
                &format!("`{}` cannot be read", data.path),
                error,
                Some(data.span),
            )
        };
        let reference = provider_ref(executor.config, data);
        let module = executor
            .config
            .find_module(&reference.module)
            .map_or(crate::config::ModuleId::ROOT, |m| m.id);
        self.configure(module, &reference.key).await;
        let schema = executor.registry.schema(data.key.mode, &data.key.ty);
        let (Some(session), Some(schema)) = (self.sessions.get(&reference), schema) else {
            // The provider's own error was reported.
            return Err(Diagnostics::new());
        };
        let (config, found) = eval_resource(data, &schema.block, &self.world.scope(at));
        if found.has_errors() {
            return Err(found);
        }
        session
            .read_data(&data.key.ty, &config)
            .await
            .map_err(|error| failed(&error).into())
    }
}
