//! The two flows that every front end uses: plan, and apply what was planned.
//!
//! They tie the store to the pure stages: load the state, plan, begin a run,
//! execute with every outcome recorded, commit the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_providers::{Registry, SessionOptions};
use infra_state::{StateError, Store};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{Str, Value};

use crate::eval::Host;
use crate::execute::{Executor, Outcome, Shutdown};
use crate::observe::Observer;
use crate::plan::approval::Approval;
use crate::plan::{Plan, PlanOptions, Planner};
use crate::project::Project;
use crate::sessions::Sessions;

/// What both flows work with.
pub struct Context<'a> {
    /// The checked configuration.
    pub project: &'a Project,
    /// The providers.
    pub registry: &'a Registry,
    /// What providers are told.
    pub session_options: SessionOptions,
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
}

/// A plan with the providers that were configured on the way.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The configured providers.
    pub sessions: Sessions,
    /// How it was made.
    pub options: PlanOptions,
}

/// Loads the state and plans.
pub async fn plan(
    store: &mut Store,
    context: &Context<'_>,
    host: &dyn Host,
    variables: BTreeMap<Str, Value>,
    options: PlanOptions,
) -> Result<Planned, Diagnostics> {
    let (state, intents) = store.load().map_err(|e| state_error(&e))?;
    let mut session_options = context.session_options.clone();
    session_options.has_objects = !state.instances.is_empty();
    let planner = Planner {
        config: &context.project.config,
        graph: &context.project.graph,
        registry: context.registry,
        host,
        variables,
        state: Arc::new(state),
        intents,
        options,
        session_options,
        observer: context.observer,
    };
    planner.plan().await
}

/// Executes a plan and commits the state, whatever came of it.
///
/// The state must not have changed since the plan was made: the store must
/// have been locked before planning.
pub async fn apply(
    store: &mut Store,
    context: &Context<'_>,
    host: &dyn Host,
    planned: &Planned,
    parallelism: usize,
    shutdown: Shutdown,
) -> Result<Outcome, Diagnostics> {
    store.begin(&planned.plan.timestamp).map_err(|e| state_error(&e))?;
    if planned.plan.has_changes() {
        let approval = Approval::of(&planned.plan, &planned.options, &context.project.config);
        store.keep_note(&approval.to_bytes()).map_err(|e| state_error(&e))?;
    }
    let executor = Executor {
        config: &context.project.config,
        graph: &context.project.graph,
        registry: context.registry,
        host,
        plan: &planned.plan,
        sessions: planned.sessions.clone(),
        session_options: context.session_options.clone(),
        parallelism,
        observer: context.observer,
        shutdown,
    };
    let mut outcome = executor.execute(store).await;
    if let Err(error) = store.commit(&outcome.state) {
        outcome.diagnostics.push(
            state_error(&error)
                .into_iter()
                .next()
                .unwrap_or_else(|| Diagnostic::error("infra::state::write", "the state cannot be written"))
                .note("what was done is in the journal beside the state; the next run takes it from there"),
        );
    }
    if outcome.is_whole() {
        // A note that stays says that nothing is left to do.
        let _ = store.keep_note(&[]);
    }
    Ok(outcome)
}

/// Turns a failure of the state into a diagnostic.
pub fn state_error(error: &StateError) -> Diagnostics {
    let mut d = Diagnostic::error(error.code(), error.to_string());
    d.help = error.help();
    d.into()
}
