//! Walks the configuration graph and plans every object.
//!
//! The walk is one task: expressions are evaluated in order of dependency,
//! and only what needs the outside (reading data sources, configuring
//! providers) runs beside it. Objects in the state are read before the walk, in
//! one batch per type.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use infra_providers::{ProviderError, Registry, Session, SessionOptions};
use infra_state::{InstanceState, Intent, ObjectState, OpenIntent, State};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{InstanceAddr, InstanceKey, Mode, ResourcePath, Str, Value};

use super::instance::{self, DataPlan};
use super::{Change, CheckResult, CheckStatus, Drift, OutputChange, Plan, PlanMode, Recovery};
use crate::config::{Condition, Config, ModuleId, ProviderKey, Resource, ResourceKey};
use crate::eval::Host;
use crate::eval::world::{ModuleInstanceId, ModuleScope, Purpose, Repeat, World};
use crate::flow::Planned;
use crate::graph::{ConfigGraph, Node, NodeId, provider_of};
use crate::observe::{Event, Observer};
use crate::refresh::{self, Refreshed};
use crate::sessions::{ProviderRef, Sessions};

/// How to plan.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What for.
    pub mode: PlanMode,
    /// Whether objects are read before planning.
    pub refresh: bool,
    /// Instances to replace even though nothing changes.
    pub replace: BTreeSet<InstanceAddr>,
    /// The time of the plan, RFC 3339.
    pub timestamp: String,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            mode: PlanMode::Normal,
            refresh: true,
            replace: BTreeSet::new(),
            timestamp: "1970-01-01T00:00:00Z".into(),
        }
    }
}

/// What a plan is made from.
pub struct Planner<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Its graph.
    pub graph: &'a ConfigGraph,
    /// The providers.
    pub registry: &'a Registry,
    /// Files and clock.
    pub host: &'a dyn Host,
    /// The values of the root variables.
    pub variables: BTreeMap<Str, Value>,
    /// The state.
    pub state: State,
    /// Creates of an earlier run whose answer was lost.
    pub intents: Vec<OpenIntent>,
    /// How to plan.
    pub options: PlanOptions,
    /// What providers are told.
    pub session_options: SessionOptions,
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
}

/// What the walk collects.
pub(super) struct Walk<'a> {
    pub(super) planner: &'a Planner<'a>,
    pub(super) world: World<'a>,
    pub(super) sessions: Sessions,
    /// The state before refresh, after moves.
    pub(super) stored: Arc<State>,
    /// What is there now, by address.
    pub(super) prior: BTreeMap<InstanceAddr, Arc<ObjectState>>,
    pub(super) changes: BTreeMap<(InstanceAddr, Option<String>), Change>,
    /// New address to old address.
    pub(super) moves: BTreeMap<InstanceAddr, InstanceAddr>,
    /// Address to id, for imports.
    pub(super) imports: BTreeMap<InstanceAddr, String>,
    /// Where each import goes, in the configuration.
    pub(super) import_spans: BTreeMap<InstanceAddr, Span>,
    pub(super) recovered: Vec<Recovery>,
    pub(super) outputs: BTreeMap<Str, OutputChange>,
    pub(super) data: BTreeMap<InstanceAddr, Value>,
    pub(super) checks: Vec<CheckResult>,
    pub(super) diagnostics: Diagnostics,
    /// The managed resources each node depends on, through values and data sources.
    pub(super) dependencies: Vec<Arc<[ResourcePath]>>,
    /// Managed resources with a change that is not a no-op.
    pub(super) changed: BTreeSet<ResourcePath>,
    /// Nodes of resources whose `create_before_destroy` the configuration sets.
    pub(super) create_first: HashMap<NodeId, bool>,
}

/// What processing a node leads to.
enum Outcome<'w> {
    Done,
    Wait(Vec<LocalBoxFuture<'w, Arrived>>),
}

/// The answer to something the walk waited for.
enum Arrived {
    Data(NodeId, Box<DataArrived>),
    Provider(NodeId, ProviderRef, Box<Result<Arc<dyn Session>, ProviderError>>),
}

struct DataArrived {
    at: ModuleInstanceId,
    key: ResourceKey,
    repeat: Repeat,
    addr: InstanceAddr,
    result: Result<Value, ProviderError>,
}

impl Planner<'_> {
    /// Makes the plan. Errors are all errors found.
    pub async fn plan(&self) -> Result<Planned, Diagnostics> {
        let world = World::new(
            self.config,
            self.registry,
            self.host,
            Purpose::Run,
            self.variables.clone(),
        );
        let moved = crate::moves::apply(self.config, &self.state);
        let mut walk = Walk {
            planner: self,
            world,
            sessions: Sessions::new(self.session_options.clone()),
            prior: BTreeMap::new(),
            changes: BTreeMap::new(),
            moves: moved.moves,
            imports: BTreeMap::new(),
            import_spans: BTreeMap::new(),
            recovered: Vec::new(),
            outputs: BTreeMap::new(),
            data: BTreeMap::new(),
            checks: Vec::new(),
            diagnostics: moved.diagnostics,
            dependencies: resource_dependencies(self.config, self.graph),
            changed: BTreeSet::new(),
            create_first: HashMap::new(),
            stored: Arc::new(moved.state),
        };
        let drift = walk.refresh().await;
        match self.options.mode {
            PlanMode::Normal => {
                walk.import().await;
                walk.run().await;
                walk.plan_orphans();
                walk.check_imports();
            }
            PlanMode::Destroy => walk.plan_destroy().await,
            PlanMode::RefreshOnly => walk.plan_refresh_only(),
        }
        walk.finish(drift)
    }
}

impl<'a> Walk<'a> {
    /// Reads all objects of the state whose provider can be configured already.
    async fn refresh(&mut self) -> Vec<Drift> {
        if !self.planner.intents.is_empty() {
            self.recover().await;
        }
        let stored = Arc::clone(&self.stored);
        for (addr, instance) in &stored.instances {
            if let Some(object) = &instance.current {
                self.prior.insert(addr.clone(), Arc::clone(object));
            }
        }
        if self.prior.is_empty() {
            return Vec::new();
        }
        let needed = self
            .prior
            .values()
            .filter_map(|o| ProviderRef::parse(&o.provider))
            .collect();
        self.configure_early(needed).await;
        if !self.planner.options.refresh {
            return Vec::new();
        }
        let refreshed = refresh::refresh(
            &self.sessions,
            &self.prior,
            self.planner.registry,
            self.planner.observer,
        )
        .await;
        self.take_refreshed(refreshed)
    }

    /// Looks for the objects of creates whose answer was lost: each is adopted,
    /// or was never made.
    async fn recover(&mut self) {
        let needed = self
            .planner
            .intents
            .iter()
            .filter_map(|open| ProviderRef::parse(&open.intent.provider))
            .collect();
        self.configure_early(needed).await;
        let mut pending = FuturesUnordered::new();
        let mut answers: Vec<(&OpenIntent, Option<Arc<ObjectState>>)> = Vec::new();
        for open in &self.planner.intents {
            let intent = &open.intent;
            if let Some(object) = &open.exists {
                answers.push((open, Some(Arc::clone(object))));
                continue;
            }
            let Some(planned) = &intent.planned else { continue };
            let Some(session) = ProviderRef::parse(&intent.provider).and_then(|p| self.sessions.get(&p)) else {
                continue;
            };
            pending.push(async move {
                let found = session
                    .recover(intent.address.ty(), &planned.attributes, &intent.token)
                    .await;
                (open, planned, found)
            });
        }
        while let Some((open, planned, found)) = pending.next().await {
            match found {
                Ok(attributes) => answers.push((
                    open,
                    attributes.map(|attributes| {
                        Arc::new(ObjectState {
                            attributes: super::diff::copy_marks(&planned.attributes, &attributes),
                            ..(**planned).clone()
                        })
                    }),
                )),
                Err(error) => self.diagnostics.push(
                    instance::error_diagnostic(
                        "infra::plan::recover",
                        &format!(
                            "cannot find out whether `{}` was created by an interrupted run",
                            open.intent.address
                        ),
                        &error,
                        None,
                    )
                    .about(&open.intent.address),
                ),
            }
        }
        drop(pending);
        answers.sort_by(|(a, _), (b, _)| a.intent.address.cmp(&b.intent.address));
        let mut state = (*self.stored).clone();
        for (open, object) in answers {
            let addr = crate::moves::follow(self.planner.config, &open.intent.address);
            self.recovered.push(Recovery {
                addr: addr.clone(),
                token: open.intent.token.clone(),
                found: object.is_some(),
            });
            let mut instance = state.instances.get(&addr).cloned().unwrap_or_default();
            if file_recovered(&mut instance, &open.intent, object) {
                self.planner.observer.event(&Event::Adopted { addr: &addr });
            }
            state.set_instance(addr, instance);
        }
        self.stored = Arc::new(state);
    }

    fn take_refreshed(&mut self, refreshed: Refreshed) -> Vec<Drift> {
        self.diagnostics.extend(refreshed.diagnostics);
        let mut drift = Vec::new();
        for (addr, value) in refreshed.values {
            let Some(object) = self.prior.get(&addr) else { continue };
            match value {
                None => {
                    drift.push(Drift {
                        addr: addr.clone(),
                        before: object.attributes.clone(),
                        after: None,
                    });
                    self.prior.remove(&addr);
                }
                Some(value) => {
                    let value = super::diff::copy_marks(&object.attributes, &value);
                    if !value.same_value(&object.attributes) {
                        let schema = self.planner.registry.schema(addr.resource.mode, addr.ty());
                        if schema.is_none_or(|s| is_drift(&s.block, &object.attributes, &value)) {
                            drift.push(Drift {
                                addr: addr.clone(),
                                before: object.attributes.clone(),
                                after: Some(value.clone()),
                            });
                        }
                        let object = ObjectState {
                            attributes: value,
                            ..(**object).clone()
                        };
                        self.prior.insert(addr, Arc::new(object));
                    }
                }
            }
        }
        drift.sort_by(|a, b| a.addr.cmp(&b.addr));
        drift
    }

    /// Configures the providers that objects of the state need, as far as
    /// their settings do not depend on resources.
    pub(super) async fn configure_early(&mut self, needed: BTreeSet<ProviderRef>) {
        let pure = self.pure_nodes();
        let mut pending = FuturesUnordered::new();
        for provider in needed {
            if self.sessions.is_settled(&provider) {
                continue;
            }
            let module = self.planner.config.find_module(&provider.module);
            let (owner, key) = match module {
                Some(module) => provider_of(self.planner.config, module.id, &provider.key),
                None => (ModuleId::ROOT, provider.key.clone()),
            };
            let node = Node::Provider(owner, key.clone());
            if pure.get(&node).is_some_and(|p| !p) {
                continue;
            }
            match self.provider_config(owner, &key) {
                Ok(Some((implementation, config))) => {
                    let options = self.sessions.options().clone();
                    pending.push(async move { (provider, implementation.configure(&config, &options).await) });
                }
                Ok(None) => {}
                Err(errors) => self.diagnostics.extend(errors),
            }
        }
        while let Some((provider, result)) = pending.next().await {
            self.add_session(&provider, result);
        }
        let errors = self.world.take_errors();
        self.diagnostics.extend(errors);
    }

    /// Says for each provider, variable and local value whether it depends on no resource.
    pub(super) fn pure_nodes(&self) -> HashMap<Node, bool> {
        let graph = self.planner.graph;
        let mut pure = vec![true; graph.len()];
        let mut out = HashMap::new();
        for id in graph.order() {
            let node = graph.node(*id);
            pure[id.at()] = !matches!(node, Node::Resource(..)) && graph.dependencies(*id).all(|(d, _)| pure[d.at()]);
            if matches!(node, Node::Provider(..) | Node::Variable(..) | Node::Local(..)) {
                out.insert(node.clone(), pure[id.at()]);
            }
        }
        out
    }

    /// Returns a provider with its evaluated settings.
    #[allow(clippy::type_complexity)]
    fn provider_config(
        &self,
        owner: ModuleId,
        key: &ProviderKey,
    ) -> Result<Option<(Arc<dyn infra_providers::Provider>, Value)>, Diagnostics> {
        let Some(provider) = self.planner.registry.get(&key.name) else {
            return Ok(None);
        };
        let empty = infra_syntax::ast::Body::default();
        let block = self.planner.config.module(owner).providers.get(key);
        let body = block.map_or(&empty, |b| &b.body);
        let at = self
            .world
            .instances_of(owner)
            .first()
            .copied()
            .unwrap_or(ModuleInstanceId::ROOT);
        let schema = provider.config_schema();
        let (value, mut diagnostics) = crate::eval::body::eval_body(body, &schema.block, &self.world.scope(at));
        let mut problems = Vec::new();
        schema.block.validate(&value, &infra_types::Path::root(), &mut problems);
        for problem in problems {
            let span = block.map(|b| crate::eval::spans::span_of(&b.body, &problem.path).unwrap_or(b.span));
            diagnostics.push(instance::problem_diagnostic(&problem, span, &format!("provider.{key}")));
        }
        if !value.is_wholly_known() && !diagnostics.has_errors() {
            let mut d = Diagnostic::error(
                "infra::plan::unknown_provider_settings",
                format!("the settings of provider `{key}` depend on values that are only known after apply"),
            )
            .help("give the provider settings that come from variables or locals");
            if let Some(block) = block {
                d = d.at(block.span, "this provider");
            }
            diagnostics.push(d);
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        Ok(Some((Arc::clone(provider), value)))
    }

    fn add_session(&mut self, provider: &ProviderRef, result: Result<Arc<dyn Session>, ProviderError>) {
        match result {
            Ok(session) => self.sessions.add(provider.clone(), session),
            Err(error) => {
                let block = self
                    .planner
                    .config
                    .find_module(&provider.module)
                    .and_then(|m| m.providers.get(&provider.key));
                let d = instance::error_diagnostic(
                    "infra::provider::configure",
                    &format!("provider `{}` cannot be used", provider.key),
                    &error,
                    block.map(|b| b.span),
                );
                self.sessions.set_failed(provider.clone());
                self.diagnostics.push(d);
            }
        }
    }

    /// Walks all nodes, each after what it depends on.
    async fn run(&mut self) {
        let graph = self.planner.graph;
        let mut position = vec![0usize; graph.len()];
        for (i, id) in graph.order().iter().enumerate() {
            position[id.at()] = i;
        }
        let mut waits: Vec<usize> = vec![0; graph.len()];
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
        for id in graph.order() {
            for (dependency, _) in graph.dependencies(*id) {
                waits[id.at()] += 1;
                dependents[dependency.at()].push(*id);
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> = graph
            .order()
            .iter()
            .filter(|id| waits[id.at()] == 0)
            .map(|id| Reverse(position[id.at()]))
            .collect();
        let mut open: HashMap<NodeId, usize> = HashMap::new();
        let mut pending: FuturesUnordered<LocalBoxFuture<'static, Arrived>> = FuturesUnordered::new();
        loop {
            while let Some(Reverse(at)) = ready.pop() {
                let id = graph.order()[at];
                match self.process(id) {
                    Outcome::Done => release(id, &dependents, &mut waits, &mut ready, &position),
                    Outcome::Wait(futures) => {
                        open.insert(id, futures.len());
                        pending.extend(futures);
                    }
                }
                let errors = self.world.take_errors();
                self.diagnostics.extend(errors);
            }
            let Some(arrived) = pending.next().await else {
                break;
            };
            let id = self.arrive(arrived);
            if let Some(count) = open.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&id);
                    self.complete(id);
                    release(id, &dependents, &mut waits, &mut ready, &position);
                }
            }
        }
        let errors = self.world.take_errors();
        self.diagnostics.extend(errors);
    }

    fn process(&mut self, id: NodeId) -> Outcome<'static> {
        let planner = self.planner;
        match planner.graph.node(id) {
            Node::Module(module) => {
                if let Err(errors) = self.world.expand_module(*module) {
                    self.diagnostics.extend(errors);
                }
                Outcome::Done
            }
            Node::ModuleEnd(_) => Outcome::Done,
            Node::Variable(module, name) => {
                for at in self.world.instances_of(*module) {
                    self.world.variable(at, name);
                    self.check_variable(at, name);
                }
                Outcome::Done
            }
            Node::Local(module, name) => {
                for at in self.world.instances_of(*module) {
                    self.world.local(at, name);
                }
                Outcome::Done
            }
            Node::Output(module, name) => {
                for at in self.world.instances_of(*module) {
                    self.plan_output(at, name);
                }
                Outcome::Done
            }
            Node::Provider(module, key) => self.process_provider(id, *module, key),
            Node::Resource(module, key) => {
                let resource = &planner.config.module(*module).resources[key];
                match key.mode {
                    Mode::Managed => {
                        self.plan_resource(id, resource);
                        Outcome::Done
                    }
                    Mode::Data => self.plan_data(id, *module, resource),
                }
            }
            Node::Check(module, name) => {
                let check = &planner.config.module(*module).checks[name];
                match &check.data {
                    Some(data) => match self.plan_data(id, *module, data) {
                        Outcome::Done => {
                            self.complete(id);
                            Outcome::Done
                        }
                        wait => wait,
                    },
                    None => {
                        self.complete(id);
                        Outcome::Done
                    }
                }
            }
        }
    }

    fn process_provider(&mut self, id: NodeId, module: ModuleId, key: &ProviderKey) -> Outcome<'static> {
        let provider = ProviderRef {
            module: self.planner.config.module(module).path.clone(),
            key: key.clone(),
        };
        if self.sessions.is_settled(&provider) {
            return Outcome::Done;
        }
        match self.provider_config(module, key) {
            Ok(Some((implementation, config))) => {
                let options = self.sessions.options().clone();
                Outcome::Wait(vec![Box::pin(async move {
                    let result = implementation.configure(&config, &options).await;
                    Arrived::Provider(id, provider, Box::new(result))
                })])
            }
            Ok(None) => Outcome::Done,
            Err(errors) => {
                self.diagnostics.extend(errors);
                self.sessions.set_failed(provider);
                Outcome::Done
            }
        }
    }

    fn arrive(&mut self, arrived: Arrived) -> NodeId {
        match arrived {
            Arrived::Provider(id, provider, result) => {
                self.add_session(&provider, *result);
                id
            }
            Arrived::Data(id, data) => {
                self.data_arrived(id, *data);
                id
            }
        }
    }

    /// Finishes a node whose answers have all arrived.
    fn complete(&mut self, id: NodeId) {
        if let Node::Check(module, name) = self.planner.graph.node(id) {
            for at in self.world.instances_of(*module) {
                self.run_check(at, name);
            }
        }
    }

    fn plan_data(&mut self, id: NodeId, module: ModuleId, resource: &'a Resource) -> Outcome<'static> {
        let mut futures: Vec<LocalBoxFuture<'static, Arrived>> = Vec::new();
        let in_check = matches!(self.planner.graph.node(id), Node::Check(..));
        for at in self.world.instances_of(module) {
            let expansion = match self.world.expand_resource(at, resource) {
                Ok(expansion) => expansion,
                Err(errors) => {
                    self.diagnostics.extend(errors);
                    continue;
                }
            };
            self.world.declare_resource(at, &resource.key, expansion.shape);
            let pending = self.dependency_pending(module, resource);
            for repeat in expansion.instances {
                let addr = self.world.resource_addr(at, &resource.key).instance(repeat.key.clone());
                match instance::plan_data(self, at, resource, &repeat, &addr, pending) {
                    Ok(DataPlan::Read { session, config }) => {
                        let ty = resource.key.ty.to_string();
                        let key = resource.key.clone();
                        self.planner.observer.event(&Event::DataRead { addr: &addr });
                        futures.push(Box::pin(async move {
                            let result = session.read_data(&ty, &config).await;
                            Arrived::Data(
                                id,
                                Box::new(DataArrived {
                                    at,
                                    key,
                                    repeat,
                                    addr,
                                    result,
                                }),
                            )
                        }));
                    }
                    Ok(DataPlan::Later { value, change }) => {
                        self.world.set_instance(at, &resource.key, repeat.key.clone(), value);
                        if !in_check {
                            self.changes.insert((addr, None), *change);
                        }
                    }
                    Ok(DataPlan::Failed) => {}
                    Err(errors) => self.diagnostics.extend(errors),
                }
            }
        }
        if futures.is_empty() {
            Outcome::Done
        } else {
            Outcome::Wait(futures)
        }
    }

    /// Says whether something in `depends_on` (of the data source or of a
    /// module around it) really changes in this plan.
    fn dependency_pending(&self, module: ModuleId, resource: &Resource) -> bool {
        use crate::config::ReferenceTarget;
        let config = self.planner.config;
        let pending = |module: ModuleId, references: &[crate::config::Reference]| {
            references.iter().any(|r| match &r.target {
                ReferenceTarget::Resource(key) => config
                    .module(module)
                    .resources
                    .get(key)
                    .is_some_and(|r| self.changed.contains(&r.path)),
                ReferenceTarget::Module(name) | ReferenceTarget::ModuleOutput(name, _) => {
                    let path = config.module(module).path.child(name.clone());
                    self.changed.iter().any(|changed| changed.module.0.starts_with(&path.0))
                }
                _ => false,
            })
        };
        if pending(module, &resource.depends_on) {
            return true;
        }
        let mut at = config.module(module);
        while let (Some(parent), Some(name)) = (at.parent, at.path.0.last()) {
            if config
                .module(parent)
                .calls
                .get(name)
                .is_some_and(|call| pending(parent, &call.depends_on))
            {
                return true;
            }
            at = config.module(parent);
        }
        false
    }

    fn data_arrived(&mut self, id: NodeId, data: DataArrived) {
        let DataArrived {
            at,
            key,
            repeat,
            addr,
            result,
        } = data;
        let (resource, in_check) = match self.planner.graph.node(id) {
            Node::Check(module, name) => (self.planner.config.module(*module).checks[name].data.as_ref(), true),
            node => (self.planner.config.module(node.module()).resources.get(&key), false),
        };
        let Some(resource) = resource else { return };
        match result {
            Ok(value) => {
                self.world.set_instance(at, &key, repeat.key.clone(), value.clone());
                if !in_check {
                    self.data.insert(addr.clone(), value.clone());
                }
                let scope = self.world.scope_of(at, &repeat).with_self(value);
                let (results, errors) = evaluate_conditions(
                    &resource.lifecycle.postconditions,
                    &scope,
                    "postcondition",
                    &addr.to_string(),
                );
                self.record_check(addr.to_string(), "resource", results);
                self.diagnostics.extend(errors);
            }
            Err(error) => {
                let mut d = instance::error_diagnostic(
                    "infra::plan::data_source",
                    &format!("`{addr}` cannot be read"),
                    &error,
                    Some(resource.span),
                );
                d.address = Some(addr.to_string());
                if in_check {
                    d.severity = infra_syntax::Severity::Warning;
                }
                self.diagnostics.push(d);
            }
        }
    }

    fn plan_resource(&mut self, id: NodeId, resource: &'a Resource) {
        let module = self.planner.graph.node(id).module();
        for at in self.world.instances_of(module) {
            let expansion = match self.world.expand_resource(at, resource) {
                Ok(expansion) => expansion,
                Err(errors) => {
                    self.diagnostics.extend(errors);
                    continue;
                }
            };
            self.world.declare_resource(at, &resource.key, expansion.shape);
            let base = self.world.resource_addr(at, &resource.key);
            for repeat in &expansion.instances {
                let addr = base.instance(repeat.key.clone());
                match instance::plan_managed(self, id, at, resource, repeat, &addr) {
                    Ok(change) => {
                        if let Some(value) = &change.planned {
                            self.world
                                .set_instance(at, &resource.key, repeat.key.clone(), value.clone());
                        }
                        if change.action != super::Action::NoOp {
                            self.changed.insert(resource.path.clone());
                        }
                        self.changes.insert((addr, None), change);
                    }
                    Err(errors) => self.diagnostics.extend(errors),
                }
            }
        }
    }

    fn check_variable(&mut self, at: ModuleInstanceId, name: &Str) {
        let variable = &self.world.module_of(at).variables[name];
        if variable.validations.is_empty() {
            return;
        }
        let scope = self.world.scope(at);
        let module = self.world.module_addr(at);
        let prefix = if module.is_root() {
            String::new()
        } else {
            format!("{module}.")
        };
        let (results, errors) = evaluate_conditions(
            &variable.validations,
            &scope,
            "validation",
            &format!("{prefix}var.{name}"),
        );
        if errors.has_errors() {
            self.world.forget_variable(at, name, variable.ty.ty.clone());
        }
        self.record_check(format!("{prefix}var.{name}"), "var", results);
        self.diagnostics.extend(errors);
    }

    fn plan_output(&mut self, at: ModuleInstanceId, name: &Str) {
        let output = &self.world.module_of(at).outputs[name];
        if !output.preconditions.is_empty() {
            let scope = self.world.scope(at);
            let (results, errors) =
                evaluate_conditions(&output.preconditions, &scope, "precondition", &format!("output.{name}"));
            self.record_check(format!("output.{name}"), "output_value", results);
            self.diagnostics.extend(errors);
        }
        let value = self.world.output(at, name);
        if at != ModuleInstanceId::ROOT {
            return;
        }
        if value.contains_sensitive() && !output.sensitive {
            self.diagnostics.push(
                Diagnostic::error(
                    "infra::plan::sensitive_output",
                    format!("output `{name}` shows a sensitive value"),
                )
                .at(output.value.span, "comes from a sensitive value")
                .related(output.span, "this output is not marked")
                .help("add `sensitive = true` to the output, or wrap the part that may be shown in `nonsensitive(…)`"),
            );
        }
        let before = self.stored.outputs.get(name).map(|o| o.value.clone());
        let after = Some(value);
        self.outputs.insert(name.clone(), OutputChange { before, after });
    }

    fn run_check(&mut self, at: ModuleInstanceId, name: &Str) {
        let check = &self.world.module_of(at).checks[name];
        let scope = self.world.scope(at);
        let (results, mut errors) = evaluate_conditions(&check.asserts, &scope, "check", &format!("check.{name}"));
        for d in &mut errors.0 {
            // A check warns; it never stops a run.
            d.severity = infra_syntax::Severity::Warning;
        }
        self.record_check(format!("check.{name}"), "check", results);
        self.diagnostics.extend(errors);
    }

    pub(super) fn record_check(
        &mut self,
        object: String,
        kind: &'static str,
        results: Vec<(CheckStatus, Option<String>)>,
    ) {
        let Some(status) = results.iter().map(|(s, _)| *s).max() else {
            return;
        };
        self.checks.push(CheckResult {
            object,
            kind,
            status,
            messages: results.into_iter().filter_map(|(_, m)| m).collect(),
        });
    }

    fn finish(mut self, drift: Vec<Drift>) -> Result<Planned, Diagnostics> {
        let stored = Arc::clone(&self.stored);
        for (name, output) in &stored.outputs {
            self.outputs.entry(name.clone()).or_insert_with(|| OutputChange {
                before: Some(output.value.clone()),
                after: None,
            });
        }
        if self.planner.options.mode == PlanMode::RefreshOnly {
            self.outputs.clear();
        }
        let mut prior = (*stored).clone();
        let addresses: Vec<InstanceAddr> = prior.instances.keys().cloned().collect();
        for addr in addresses {
            let mut instance = prior.instances[&addr].clone();
            instance.current = self.prior.get(&addr).cloned();
            prior.set_instance(addr, instance);
        }
        for addr in self.imports.keys() {
            let mut instance = prior.instances.get(addr).cloned().unwrap_or_default();
            instance.current = self.prior.get(addr).cloned();
            prior.set_instance(addr.clone(), instance);
        }
        self.diagnostics.sort();
        if self.diagnostics.has_errors() {
            drop_consequences(&mut self.diagnostics);
            return Err(self.diagnostics);
        }
        let warnings = std::mem::take(&mut self.diagnostics);
        self.decide_replacement_order();
        let changes: Vec<Change> = std::mem::take(&mut self.changes).into_values().collect();
        let destroying = self.planner.options.mode == PlanMode::Destroy;
        let graph = super::steps::build(self.planner.config, self.planner.graph, &changes, destroying);
        let plan = Plan {
            mode: self.planner.options.mode,
            stored,
            prior: Arc::new(prior),
            variables: self.planner.variables.clone(),
            recovered: self.recovered,
            changes,
            outputs: self.outputs,
            drift,
            data: self.data,
            checks: self.checks,
            graph,
            warnings,
            timestamp: self.planner.options.timestamp.clone(),
        };
        Ok(Planned {
            plan,
            sessions: self.sessions,
        })
    }

    /// Returns the recovery token of an object that this plan creates.
    pub(super) fn token(&self, addr: &InstanceAddr) -> Str {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for part in [
            &self.stored.lineage,
            &self.stored.serial.to_string(),
            &self.planner.options.timestamp,
            &addr.to_string(),
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hex::encode(&hash.finalize()[..16]).into()
    }
}

/// Takes out errors about values that are only unknown because of another error.
fn drop_consequences(diagnostics: &mut Diagnostics) {
    let consequence = |d: &Diagnostic| {
        matches!(
            d.code,
            "infra::eval::unknown_repetition" | "infra::eval::unknown_flag" | "infra::plan::unknown_provider_settings"
        )
    };
    if diagnostics.iter().any(|d| d.is_error() && !consequence(d)) {
        diagnostics.0.retain(|d| !consequence(d));
    }
}

/// Files what came of a create whose answer was lost; says whether an object was adopted.
///
/// The object that it was to replace is set aside if the new one exists, and is
/// the current one again if it does not.
fn file_recovered(instance: &mut InstanceState, intent: &Intent, object: Option<Arc<ObjectState>>) -> bool {
    if instance.objects().any(|(_, o)| o.token.as_ref() == Some(&intent.token)) {
        return false;
    }
    let key = crate::execute::deposed_key(&intent.token);
    match (object, instance.current.take()) {
        (Some(object), None) => instance.current = Some(object),
        (Some(object), Some(old)) if intent.deposed.is_some() => {
            instance.deposed.insert(key, old);
            instance.current = Some(object);
        }
        (Some(object), current) => {
            // Another one was made since, and may be in use: this one is too many.
            let object = ObjectState {
                tainted: true,
                ..(*object).clone()
            };
            instance.deposed.insert(key, Arc::new(object));
            instance.current = current;
        }
        (None, None) => {
            instance.current = intent.deposed.as_ref().and_then(|key| instance.deposed.remove(key));
            return false;
        }
        (None, current) => {
            instance.current = current;
            return false;
        }
    }
    true
}

/// Says whether a difference is worth telling: one in what users can set.
/// What only the service sets, or fills in when it is not set, is its own business.
fn is_drift(block: &infra_providers::Block, before: &Value, after: &Value) -> bool {
    super::diff::changed_attributes(before, after).iter().any(|name| {
        if let Some(attribute) = block.attributes.get(&**name) {
            let filled_in = attribute.computed && before.get(name).is_none_or(Value::is_null);
            return attribute.is_settable() && !filled_in;
        }
        match block.blocks.get(&**name) {
            Some(nested) => {
                let unset = before
                    .get(name)
                    .is_none_or(|v| v.is_null() || v.as_items().is_some_and(<[Value]>::is_empty));
                !(nested.computed && unset)
            }
            None => true,
        }
    })
}

fn release(
    id: NodeId,
    dependents: &[Vec<NodeId>],
    waits: &mut [usize],
    ready: &mut BinaryHeap<Reverse<usize>>,
    position: &[usize],
) {
    for dependent in &dependents[id.at()] {
        waits[dependent.at()] -= 1;
        if waits[dependent.at()] == 0 {
            ready.push(Reverse(position[dependent.at()]));
        }
    }
}

/// Evaluates conditions; returns how each stands, and errors for what fails.
pub(crate) fn evaluate_conditions(
    conditions: &[Condition],
    scope: &ModuleScope<'_, '_>,
    kind: &str,
    object: &str,
) -> (Vec<(CheckStatus, Option<String>)>, Diagnostics) {
    let mut results = Vec::new();
    let mut diagnostics = Diagnostics::new();
    for condition in conditions {
        let value = match crate::eval::eval(&condition.condition, scope) {
            Ok(value) => value,
            Err(errors) => {
                diagnostics.extend(errors);
                results.push((CheckStatus::Error, None));
                continue;
            }
        };
        let value = match infra_types::convert::convert(&value, &infra_types::Type::Bool) {
            Ok(value) if !value.is_null() => value,
            _ => {
                diagnostics.push(
                    Diagnostic::error(
                        "infra::eval::invalid_condition",
                        format!(
                            "the condition of this {kind} is {}, not true or false",
                            value.ty().friendly()
                        ),
                    )
                    .at(condition.condition.span, "must be a bool"),
                );
                results.push((CheckStatus::Error, None));
                continue;
            }
        };
        match value.as_bool() {
            None => results.push((CheckStatus::Unknown, None)),
            Some(true) => results.push((CheckStatus::Pass, None)),
            Some(false) => {
                let message = condition_message(condition, scope);
                diagnostics.push(
                    Diagnostic::error("infra::plan::condition_failed", format!("{object}: {message}"))
                        .at(condition.condition.span, "is false")
                        .about(object),
                );
                results.push((CheckStatus::Fail, Some(message)));
            }
        }
    }
    (results, diagnostics)
}

fn condition_message(condition: &Condition, scope: &ModuleScope<'_, '_>) -> String {
    let value = crate::eval::eval(&condition.message, scope)
        .ok()
        .and_then(|v| infra_types::convert::convert(&v, &infra_types::Type::String).ok());
    match value {
        Some(value) if value.contains_sensitive() => "the condition does not hold (its message is sensitive)".into(),
        Some(value) => value
            .as_str()
            .map_or_else(|| "the condition does not hold".into(), |s| s.trim().to_owned()),
        None => "the condition does not hold".into(),
    }
}

/// Returns for each node the managed resources that it depends on: directly,
/// or through values, data sources and provider settings.
fn resource_dependencies(config: &Config, graph: &ConfigGraph) -> Vec<Arc<[ResourcePath]>> {
    let empty: Arc<[ResourcePath]> = Arc::from([]);
    let mut out: Vec<Arc<[ResourcePath]>> = vec![Arc::clone(&empty); graph.len()];
    for id in graph.order() {
        let mut own: BTreeSet<ResourcePath> = BTreeSet::new();
        let mut through: Vec<&Arc<[ResourcePath]>> = Vec::new();
        for (dependency, _) in graph.dependencies(*id) {
            match graph.node(dependency) {
                Node::Resource(module, key) if key.mode == Mode::Managed => {
                    own.insert(config.module(*module).resources[key].path.clone());
                }
                _ => {
                    let set = &out[dependency.at()];
                    if !set.is_empty() && !through.iter().any(|t| Arc::ptr_eq(t, set)) {
                        through.push(set);
                    }
                }
            }
        }
        let set = match through.as_slice() {
            [] if own.is_empty() => Arc::clone(&empty),
            [one] if own.is_empty() => Arc::clone(one),
            _ => {
                own.extend(through.iter().flat_map(|t| t.iter().cloned()));
                own.into_iter().collect::<Vec<_>>().into()
            }
        };
        out[id.at()] = set;
    }
    out
}

/// Returns the key under which a resource instance stands in its module.
pub(crate) fn resource_key(addr: &InstanceAddr) -> ResourceKey {
    ResourceKey {
        mode: addr.resource.mode,
        ty: addr.resource.ty.clone(),
        name: addr.resource.name.clone(),
    }
}

/// Says whether a key fits a form of repetition.
pub(crate) fn key_fits(repetition: &crate::config::Repetition, key: &InstanceKey) -> bool {
    use crate::config::Repetition;
    matches!(
        (repetition, key),
        (Repetition::Single, InstanceKey::None)
            | (Repetition::Count(_), InstanceKey::Int(_))
            | (Repetition::ForEach(_), InstanceKey::Str(_))
    )
}
