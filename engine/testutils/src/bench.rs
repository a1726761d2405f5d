//! A whole installation in memory: sources, state, a fake cloud. Plans and
//! applies as the command does.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_engine::eval::NoHost;
use infra_engine::execute::{DEFAULT_PARALLELISM, Outcome, Shutdown};
use infra_engine::flow::{self, Context, Planned};
use infra_engine::observe::Silent;
use infra_engine::plan::{Plan, PlanMode, PlanOptions};
use infra_engine::project::Project;
use infra_provider_core::CoreProviders;
use infra_provider_fake::{FakeCloud, FakeProvider};
use infra_providers::{Registry, SessionOptions};
use infra_state::{MemoryBackend, State, Store};
use infra_syntax::Diagnostics;
use infra_types::{Mode, Str, Type, Value};

use crate::MemoryLoader;

/// Sources, state and cloud of one test.
pub struct Bench {
    /// The files.
    pub loader: MemoryLoader,
    /// Where the state is kept.
    pub backend: MemoryBackend,
    /// The cloud.
    pub cloud: FakeCloud,
    /// Values of root variables.
    pub variables: BTreeMap<Str, Value>,
    /// How many operations run at once.
    pub parallelism: usize,
    registry: Registry,
    clock: u64,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// Nothing is there yet.
    pub fn new() -> Self {
        let cloud = FakeCloud::new();
        let mut registry = Registry::new();
        for provider in CoreProviders::default().providers() {
            registry.add(provider);
        }
        registry.add(Arc::new(FakeProvider::new(&cloud)));
        Self {
            loader: MemoryLoader::new(),
            backend: MemoryBackend::new(),
            cloud,
            variables: BTreeMap::new(),
            parallelism: DEFAULT_PARALLELISM,
            registry,
            clock: 0,
        }
    }

    /// Begins with a root module of one file.
    pub fn with(main: &str) -> Self {
        let mut bench = Self::new();
        bench.main(main);
        bench
    }

    /// Replaces the root module's file.
    pub fn main(&mut self, text: &str) {
        self.loader.add("main.infra", text);
    }

    /// Lets a type of the fake cloud prefer that its objects are replaced by creating first.
    pub fn creating_first(mut self, ty: &str) -> Self {
        self.registry
            .add(Arc::new(FakeProvider::new(&self.cloud).creating_first(ty)));
        self
    }

    /// Returns the providers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads and checks the configuration.
    ///
    /// # Panics
    ///
    /// Panics if it has errors.
    pub fn project(&self) -> Project {
        self.load().unwrap_or_else(|found| panic!("{found:#?}"))
    }

    /// Reads and checks the configuration; returns its errors if it has some.
    pub fn load(&self) -> Result<Project, Diagnostics> {
        Project::load(&self.loader, ".", &self.registry, &NoHost).map_err(|rejected| rejected.diagnostics)
    }

    /// Opens the state.
    pub fn store(&self) -> Store {
        let registry = self.registry.clone();
        let types = move |mode: Mode, ty: &str| -> Option<Type> { registry.schema(mode, ty).map(|s| s.ty()) };
        Store::new(self.backend.clone(), Arc::new(types))
    }

    /// Returns the state as it is stored, with the journal folded in.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be read.
    pub fn state(&self) -> State {
        self.store().load().expect("the state can be read").0
    }

    /// Returns the addresses in the state.
    pub fn addresses(&self) -> Vec<String> {
        self.state().instances.keys().map(ToString::to_string).collect()
    }

    fn options(&mut self, mode: PlanMode) -> PlanOptions {
        // Each plan has a time of its own, as with a real clock.
        self.clock += 1;
        PlanOptions {
            mode,
            timestamp: format!("2026-01-01T00:00:{:02}Z", self.clock % 60),
            ..PlanOptions::default()
        }
    }

    /// Plans.
    pub async fn plan(&mut self) -> Result<Plan, Diagnostics> {
        let options = self.options(PlanMode::Normal);
        let project = self.project();
        let mut store = self.store();
        let planned = self.plan_with(&project, &mut store, options).await?;
        Ok(planned.plan)
    }

    async fn plan_with(
        &self,
        project: &Project,
        store: &mut Store,
        options: PlanOptions,
    ) -> Result<Planned, Diagnostics> {
        flow::plan(store, &self.context(project), &NoHost, self.variables.clone(), options).await
    }

    fn context<'a>(&'a self, project: &'a Project) -> Context<'a> {
        Context {
            project,
            registry: &self.registry,
            session_options: SessionOptions::default(),
            observer: &Silent,
        }
    }

    /// Plans and applies.
    pub async fn apply(&mut self) -> Result<Outcome, Diagnostics> {
        self.run(PlanMode::Normal, Shutdown::never()).await
    }

    /// Deletes everything.
    pub async fn destroy(&mut self) -> Result<Outcome, Diagnostics> {
        self.run(PlanMode::Destroy, Shutdown::never()).await
    }

    /// Plans in a mode and applies, with somebody who may end it early.
    pub async fn run(&mut self, mode: PlanMode, shutdown: Shutdown) -> Result<Outcome, Diagnostics> {
        let options = self.options(mode);
        let project = self.project();
        let mut store = self.store();
        let planned = self.plan_with(&project, &mut store, options).await?;
        flow::apply(
            &mut store,
            &self.context(&project),
            &NoHost,
            &planned,
            self.parallelism,
            shutdown,
        )
        .await
    }

    /// Plans and applies, and expects that all of it succeeds.
    ///
    /// # Panics
    ///
    /// Panics if anything fails.
    pub async fn apply_ok(&mut self) -> Outcome {
        let outcome = self.apply().await.unwrap_or_else(|d| panic!("{d:#?}"));
        assert!(outcome.failed.is_empty() && outcome.skipped.is_empty(), "{outcome:#?}");
        outcome
    }

    /// Plans, and returns one line per change that is not a no-op: `create fake_thing.a`.
    pub async fn changes(&mut self) -> Vec<String> {
        let plan = self.plan().await.unwrap_or_else(|d| panic!("{d:#?}"));
        lines(&plan)
    }
}

/// Returns one line per change that is not a no-op.
pub fn lines(plan: &Plan) -> Vec<String> {
    use infra_engine::plan::Action;
    plan.changes
        .iter()
        .filter(|c| c.action != Action::NoOp || c.previous_addr.is_some())
        .map(|c| {
            let word = match c.action {
                Action::Replace { create_first: true } => "create-then-delete",
                Action::Replace { create_first: false } => "delete-then-create",
                Action::NoOp => "move",
                other => other.word(),
            };
            let deposed = c.deposed.as_ref().map(|_| " (deposed)").unwrap_or_default();
            format!("{word} {}{deposed}", c.addr)
        })
        .collect()
}
