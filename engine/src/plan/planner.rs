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
use infra_state::{ObjectState, OpenIntent, State};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, ResourcePath, Str, Type, Value, ValueKind};

use super::checks::warnings;
use super::conditions::evaluate_conditions;
use super::dependencies::resource_dependencies;
use super::instance::{self, DataPlan};
use super::later::Later;
use super::selection::Selection;
use super::{Change, CheckResult, Drift, OutputChange, Plan, PlanMode, Recovery};
use crate::config::{Config, ModuleId, Output, ProviderKey, Resource, ResourceKey};
use crate::eval::Host;
use crate::eval::world::{Expansion, ModuleInstanceId, Purpose, Repeat, World};
use crate::flow::Planned;
use crate::graph::{ConfigGraph, Node, NodeId};
use crate::observe::{Event, Observer};
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
    /// The only things to plan, with all that they depend on; everything if there are none.
    pub targets: Vec<Target>,
    /// What is left alone, with all that depends on it.
    pub excludes: Vec<Target>,
    /// The time of the plan, RFC 3339.
    pub timestamp: String,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            mode: PlanMode::Normal,
            refresh: true,
            replace: BTreeSet::new(),
            targets: Vec::new(),
            excludes: Vec::new(),
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
    pub state: Arc<State>,
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
    /// What the plan is about.
    pub(super) selection: Selection,
    /// What waits for the next plan.
    pub(super) later: Later,
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
    /// Refuses options that contradict each other.
    fn check_options(&self) -> Result<(), Diagnostics> {
        let options = &self.options;
        let refuse = |message: &str, help: &str| {
            Err(Diagnostics::from(
                Diagnostic::error("infra::plan::options", message).help(help),
            ))
        };
        let either = "leave out either of the two";
        if options.mode == PlanMode::Destroy && !options.replace.is_empty() {
            return refuse("what is destroyed cannot also be replaced", either);
        }
        if options.mode == PlanMode::RefreshOnly && !options.replace.is_empty() {
            return refuse("what is only refreshed cannot also be replaced", either);
        }
        if options.mode == PlanMode::RefreshOnly && !options.refresh {
            return refuse("a plan that only refreshes cannot go without refreshing", either);
        }
        if options.replace.iter().any(|addr| addr.resource.mode == Mode::Data) {
            return refuse(
                "data sources cannot be replaced",
                "`--replace` takes addresses of resources",
            );
        }
        if !options.targets.is_empty() && !options.excludes.is_empty() {
            return refuse(
                "a plan cannot both have targets and exclude something",
                "leave out either `--target` or `--exclude`",
            );
        }
        Ok(())
    }

    /// Makes the plan. Errors are all errors found.
    pub async fn plan(&self) -> Result<Planned, Diagnostics> {
        self.check_options()?;
        let world = World::new(
            self.config,
            self.registry,
            self.host,
            Purpose::Run,
            self.variables.clone(),
        );
        let mut moved = crate::moves::apply(self.config, &self.state);
        let selection = Selection::new(&self.options, self.config, self.graph, &moved.state);
        moved.diagnostics.extend(selection.check_moves(&moved.moves));
        if moved.diagnostics.has_errors() {
            return Err(moved.diagnostics);
        }
        moved.diagnostics.0.extend(selection.warning());
        let mut walk = Walk {
            planner: self,
            world,
            sessions: Sessions::new(self.session_options.clone()),
            selection,
            later: Later::default(),
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
            stored: moved.state,
        };
        let drift = walk.refresh().await;
        let refactor = |walk: &mut Walk<'_>| {
            let errors = crate::moves::check(self.config, &walk.world);
            walk.diagnostics.extend(errors);
        };
        match self.options.mode {
            PlanMode::Normal => {
                walk.import().await;
                walk.run().await;
                walk.plan_orphans();
                walk.check_imports();
                refactor(&mut walk);
            }
            PlanMode::Destroy => walk.plan_destroy().await,
            PlanMode::RefreshOnly => {
                walk.run().await;
                refactor(&mut walk);
            }
        }
        walk.finish(drift)
    }
}

impl<'a> Walk<'a> {
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
                if !self.selection.node(id) || self.later.follow(graph, id) {
                    release(id, &dependents, &mut waits, &mut ready, &position);
                    continue;
                }
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
                    self.not_expanded(id, errors);
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
        if let Node::Check(module, name) = self.planner.graph.node(id)
            && !self.later.has(id)
        {
            for at in self.world.instances_of(*module) {
                self.run_check(at, name);
            }
        }
    }

    /// Decides how many instances a resource has in each instance of its module.
    fn expand(&mut self, id: NodeId, resource: &Resource) -> Vec<(ModuleInstanceId, Expansion)> {
        let module = self.planner.graph.node(id).module();
        let mut expansions = Vec::new();
        for at in self.world.instances_of(module) {
            match self.world.expand_resource(at, resource) {
                Ok(expansion) => expansions.push((at, expansion)),
                Err(errors) => self.not_expanded(id, errors),
            }
        }
        if self.later.has(id) {
            // All of it waits, as what depends on it does.
            expansions.clear();
        }
        expansions
    }

    /// Notes why something has no instances: it waits if they are not known yet.
    fn not_expanded(&mut self, id: NodeId, errors: Diagnostics) {
        let unknown =
            |d: &Diagnostic| matches!(d.code, "infra::eval::unknown_repetition" | "infra::eval::unknown_flag");
        if self.planner.options.mode == PlanMode::Normal && errors.iter().all(unknown) {
            self.later.begin(self.planner.graph, id, errors);
        } else {
            self.diagnostics.extend(errors);
        }
    }

    fn plan_data(&mut self, id: NodeId, module: ModuleId, resource: &'a Resource) -> Outcome<'static> {
        let mut futures: Vec<LocalBoxFuture<'static, Arrived>> = Vec::new();
        let in_check = matches!(self.planner.graph.node(id), Node::Check(..));
        for (at, expansion) in self.expand(id, resource) {
            self.world.declare_resource(at, &resource.key, expansion.shape);
            let pending = self.dependency_pending(module, resource);
            for repeat in expansion.instances {
                let addr = self.world.resource_addr(at, &resource.key).instance(repeat.key.clone());
                if !self.selection.instance(id, &addr) {
                    self.leave_out(at, resource, &repeat.key, &addr);
                    continue;
                }
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
                        if !in_check && self.planner.options.mode == PlanMode::Normal {
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
                    // Sorted by module, so the first one not before the module tells.
                    let first = ResourcePath {
                        module: path.clone(),
                        mode: Mode::Managed,
                        ty: "".into(),
                        name: "".into(),
                    };
                    let next = self.changed.range(first..).next();
                    next.is_some_and(|changed| changed.module.0.starts_with(&path.0))
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
                self.record_resource(&addr, results);
                self.diagnostics.extend(errors);
            }
            Err(error) => {
                // One cause, one error: its users see an unknown value.
                self.world
                    .set_instance(at, &key, repeat.key.clone(), Value::unknown(Type::Dynamic));
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
        for (at, expansion) in self.expand(id, resource) {
            self.world.declare_resource(at, &resource.key, expansion.shape);
            let base = self.world.resource_addr(at, &resource.key);
            for repeat in &expansion.instances {
                let addr = base.instance(repeat.key.clone());
                if !self.selection.instance(id, &addr) {
                    self.leave_out(at, resource, &repeat.key, &addr);
                    continue;
                }
                if self.planner.options.mode == PlanMode::RefreshOnly {
                    self.leave_out(at, resource, &repeat.key, &addr);
                    self.check_unplanned(at, resource, repeat, &addr);
                    continue;
                }
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

    /// Gives an instance that is not planned the value it has in the state.
    fn leave_out(&self, at: ModuleInstanceId, resource: &Resource, key: &InstanceKey, addr: &InstanceAddr) {
        let value = self.prior.get(addr).map(|object| object.attributes.clone());
        let value = value.unwrap_or_else(|| Value::unknown(Type::Dynamic));
        self.world.set_instance(at, &resource.key, key.clone(), value);
    }

    fn plan_output(&mut self, at: ModuleInstanceId, name: &Str) {
        let output = &self.world.module_of(at).outputs[name];
        if !output.preconditions.is_empty() {
            let scope = self.world.scope(at);
            let (object, declared) = self.names(at, &format!("output.{name}"));
            let (results, mut errors) = evaluate_conditions(&output.preconditions, &scope, "precondition", &object);
            if self.planner.options.mode == PlanMode::RefreshOnly {
                errors = warnings(errors);
            }
            self.record_check(object, declared, "output_value", results);
            self.diagnostics.extend(errors);
        }
        let value = self.world.output(at, name);
        if at != ModuleInstanceId::ROOT {
            return;
        }
        self.diagnostics.extend(shown_secret(output, &value));
        if has_infinity(&value) {
            self.diagnostics.push(
                Diagnostic::error(
                    "infra::plan::infinite_output",
                    format!("output `{name}` is infinite, and cannot be written down"),
                )
                .at(output.value.span, "an infinite number"),
            );
        }
        let before = self.stored.outputs.get(name).map(|o| o.value.clone());
        let after = Some(value);
        self.outputs.insert(name.clone(), OutputChange { before, after });
    }

    fn finish(mut self, drift: Vec<Drift>) -> Result<Planned, Diagnostics> {
        let stored = Arc::clone(&self.stored);
        // Outputs that a partial plan does not reach stay as they are.
        let waiting = self.later.outputs(self.planner.graph);
        let outputs = stored.outputs.iter().filter(|_| self.selection.is_all());
        for (name, output) in outputs.filter(|(name, _)| !waiting.contains(*name)) {
            self.outputs.entry(name.clone()).or_insert_with(|| OutputChange {
                before: Some(output.value.clone()),
                after: None,
            });
        }
        self.record_left_out();
        let prior = self.prior_state();
        self.diagnostics.sort();
        if self.diagnostics.has_errors() {
            drop_consequences(&mut self.diagnostics);
            return Err(self.diagnostics);
        }
        let mut warnings = std::mem::take(&mut self.diagnostics);
        self.warn_not_replaced(&mut warnings);
        self.decide_replacement_order();
        let mut conflicts = self.check_replaced_names();
        let changes: Vec<Change> = std::mem::take(&mut self.changes).into_values().collect();
        let destroying = self.planner.options.mode == PlanMode::Destroy;
        let evaluated = |id: NodeId| !destroying && self.selection.node(id) && !self.later.has(id);
        let mut graph = super::steps::build(self.planner.config, self.planner.graph, &changes, &evaluated);
        let (handovers, same) = self.handovers(&changes);
        conflicts.extend(same);
        for held in graph.hand_over(&handovers) {
            conflicts.push(super::names::held(&changes[held.to], &changes[held.from]));
        }
        if conflicts.has_errors() {
            conflicts.extend(warnings);
            conflicts.sort();
            return Err(conflicts);
        }
        let plan = Plan {
            mode: self.planner.options.mode,
            targets: self.planner.options.targets.clone(),
            excludes: self.planner.options.excludes.clone(),
            stored,
            prior,
            variables: self.planner.variables.clone(),
            recovered: self.recovered,
            moved: self.moves,
            changes,
            outputs: self.outputs,
            drift,
            data: self.data,
            checks: self.checks,
            later: self.later.listed(self.planner.config, self.planner.graph),
            graph,
            warnings,
            timestamp: self.planner.options.timestamp.clone(),
        };
        if !plan.later.is_empty() && !plan.has_changes() {
            // Nothing would be known that is not known now.
            let mut errors = self.later.causes();
            errors.extend(plan.warnings);
            errors.sort();
            return Err(errors);
        }
        Ok(Planned {
            plan,
            sessions: self.sessions,
            options: self.planner.options.clone(),
        })
    }

    /// Returns the state with the objects as they were found: refreshed, imported, or gone.
    fn prior_state(&self) -> Arc<State> {
        let stored = &self.stored;
        let same = |current: Option<&Arc<ObjectState>>, found: Option<&Arc<ObjectState>>| match (current, found) {
            (Some(current), Some(found)) => Arc::ptr_eq(current, found),
            (None, None) => true,
            _ => false,
        };
        // Both are in order of their addresses.
        let mut found = self.prior.iter().peekable();
        let mut differ: Vec<(&InstanceAddr, Option<&Arc<ObjectState>>)> = Vec::new();
        for (addr, instance) in &stored.instances {
            while found.peek().is_some_and(|(other, _)| *other < addr) {
                found.next();
            }
            let object = found.next_if(|(other, _)| *other == addr).map(|(_, object)| object);
            if !same(instance.current.as_ref(), object) {
                differ.push((addr, object));
            }
        }
        for addr in self.imports.keys() {
            if self.later.object(self.planner.config, addr) {
                continue;
            }
            let object = self.prior.get(addr);
            let current = stored.instances.get(addr).and_then(|i| i.current.as_ref());
            if !same(current, object) {
                differ.push((addr, object));
            }
        }
        if differ.is_empty() {
            return Arc::clone(stored);
        }
        let mut prior = (**stored).clone();
        for (addr, object) in differ {
            let mut instance = prior.instances.get(addr).cloned().unwrap_or_default();
            instance.current = object.cloned();
            prior.set_instance(addr.clone(), instance);
        }
        Arc::new(prior)
    }

    /// Warns of instances that were to be replaced and are not in the plan.
    fn warn_not_replaced(&self, warnings: &mut Diagnostics) {
        let missing = |addr: &&InstanceAddr| !self.changes.contains_key(&((*addr).clone(), None));
        let missing: Vec<&InstanceAddr> = self.planner.options.replace.iter().filter(missing).collect();
        if missing.is_empty() {
            return;
        }
        let names: Vec<String> = self.changes.keys().map(|(addr, _)| addr.to_string()).collect();
        for addr in missing {
            let name = addr.to_string();
            let mut d = Diagnostic::warning(
                "infra::plan::replace",
                format!("there is no `{name}` in the plan to replace"),
            );
            if let Some(near) = infra_types::suggest(&name, names.iter().map(String::as_str)) {
                d = d.help(format!("did you mean `{near}`?"));
            }
            warnings.push(d.about(addr));
        }
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

/// Refuses to show a sensitive value as an output of the root module.
pub(crate) fn shown_secret(output: &Output, value: &Value) -> Option<Diagnostic> {
    (value.contains_sensitive() && !output.sensitive).then(|| {
        Diagnostic::error(
            "infra::plan::sensitive_output",
            format!("output `{}` shows a sensitive value", output.name.name),
        )
        .at(output.value.span, "comes from a sensitive value")
        .related(output.span, "this output is not marked")
        .help("add `sensitive = true` to the output, or wrap the part that may be shown in `nonsensitive(…)`")
    })
}

fn has_infinity(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Number(n) => n.is_infinite(),
        _ => {
            value.as_items().is_some_and(|items| items.iter().any(has_infinity))
                || value
                    .as_entries()
                    .is_some_and(|entries| entries.values().any(has_infinity))
        }
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
