//! The stages of an apply: what is repeated over values that are not known yet
//! is planned again when they are.

use infra_engine::plan::{Deferred, Plan, PlanOptions};
use infra_syntax::Diagnostic;

use crate::error::{ACKNOWLEDGE, Failure};

/// Where an apply stands.
pub(super) struct Stages {
    number: usize,
    options: PlanOptions,
    /// What waited before this stage.
    waited: Vec<Deferred>,
}

impl Stages {
    /// Begins with the first stage.
    pub(super) fn new(options: PlanOptions) -> Stages {
        Stages {
            number: 1,
            options,
            waited: Vec::new(),
        }
    }

    /// Returns how to plan this stage.
    pub(super) fn options(&self) -> &PlanOptions {
        &self.options
    }

    /// Returns its number, from 1 on.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Says whether it is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.number == 1
    }

    /// Goes on to the next stage, if something waits for it.
    pub(super) fn next(&mut self, applied: &Plan) -> bool {
        self.waited.clone_from(&applied.later);
        self.number += 1;
        // What was to be replaced has been.
        self.options.replace.clear();
        !self.waited.is_empty()
    }

    /// Refuses a stage that waits for the same as the one before: there would be no end.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Failure> {
        if self.is_first() || plan.later.is_empty() || plan.later != self.waited {
            return Ok(());
        }
        let names: Vec<String> = plan.later.iter().map(|d| format!("`{}`", d.declared)).collect();
        Err(Diagnostic::error(
            "infra::apply::no_progress",
            format!(
                "after the last stage, the instances of {} are still not known",
                names.join(", ")
            ),
        )
        .note("the stages before were applied")
        .help("something they depend on changes in every run; find it with `infra plan`")
        .into())
    }

    /// The error about a stage that nobody approved.
    pub(super) fn not_approved(&self) -> Failure {
        Failure::from(
            Diagnostic::error(
                "infra::cli::acknowledge",
                format!(
                    "stage {} must be confirmed, and there is no terminal to ask on",
                    self.number
                ),
            )
            .note("the stages before were applied")
            .help(format!(
                "review it with `infra plan`, then apply again; or allow it beforehand with `--stages {} --yes`",
                self.number
            )),
        )
        .with_code(ACKNOWLEDGE)
    }
}
