//! Plan to provider calls to new state. Walks the execution graph, decides nothing.
//!
//! One task coordinates: it evaluates, records and schedules. Provider calls
//! run as tasks of their own; at most `parallelism` hold a slot at once (a
//! call that only waits gives its slot back). What a call did is recorded
//! before anything that depends on it begins; records that arrive together
//! become durable together.
//!
//! INVARIANT: an intent is durable before its create is called; an outcome is
//! recorded before its dependents start, and durable before any call to the
//! outside starts; a failed step skips what waits for it and nothing else.

mod change;
mod check;
pub mod shutdown;
pub mod sink;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use infra_providers::{ApplyError, Monitor, Registry, SessionOptions};
use infra_state::{InstanceState, ObjectState, OutputState, Record, State, StateError};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{InstanceAddr, Str, Value};
use tokio::sync::mpsc;

use self::check::Checks;
use crate::config::{Config, ResourceKey};
use crate::eval::Host;
use crate::eval::world::{Expansion, ModuleInstanceId, Purpose, World};
use crate::graph::{ConfigGraph, Node, NodeId};
use crate::observe::{Event, Observer, Operation};
use crate::plan::{CheckResult, Plan, StepId, StepKind};
use crate::sessions::Sessions;
pub use shutdown::{Shutdown, Stage};
pub use sink::StateSink;

/// How many provider calls run at once, unless said otherwise.
pub const DEFAULT_PARALLELISM: usize = 32;

/// How long records of objects that are nothing but their entry in the state may
/// wait: a run that is killed before makes them again.
const FLUSH_AFTER: std::time::Duration = std::time::Duration::from_millis(100);

/// How often the lock's lease is renewed while operations run.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(60);

/// What an execution needs.
pub struct Executor<'a> {
    /// The configuration the plan was made from.
    pub config: &'a Config,
    /// Its graph.
    pub graph: &'a ConfigGraph,
    /// The providers.
    pub registry: &'a Registry,
    /// Files and clock.
    pub host: &'a dyn Host,
    /// The plan.
    pub plan: &'a Plan,
    /// The configured providers of the planning run; empty after loading a plan.
    pub sessions: Sessions,
    /// What providers are told, if they have to be configured.
    pub session_options: SessionOptions,
    /// How many provider calls run at once.
    pub parallelism: usize,
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
    /// Who wants to end it early.
    pub shutdown: Shutdown,
}

/// What came of an execution.
#[derive(Debug)]
pub struct Outcome {
    /// The state as it is now, also after failures.
    pub state: State,
    /// Errors and warnings, by object.
    pub diagnostics: Diagnostics,
    /// How many operations succeeded.
    pub done: BTreeMap<Operation, usize>,
    /// The objects whose operation failed.
    pub failed: Vec<InstanceAddr>,
    /// The objects whose operation was not begun.
    pub skipped: Vec<InstanceAddr>,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// The objects whose operations were running when it was given up.
    pub abandoned: Vec<InstanceAddr>,
    /// How conditions and checks stand: as planned, or as found out since.
    pub checks: Vec<CheckResult>,
}

impl Outcome {
    /// Says whether everything was done.
    pub fn is_whole(&self) -> bool {
        !self.interrupted && self.failed.is_empty() && self.skipped.is_empty() && !self.diagnostics.has_errors()
    }
}

/// A message from a provider call.
enum Message {
    /// The object exists; it must be made durable.
    Exists(StepId, Value),
    Status(StepId, String),
    Waiting(StepId, bool),
    Finished(StepId, Box<Result<Option<Value>, ApplyError>>),
}

/// The monitor of one call: sends to the coordinator.
struct Reporter {
    step: StepId,
    sender: mpsc::UnboundedSender<Message>,
}

impl Monitor for Reporter {
    // A send fails only when the coordinator is gone, and then nobody listens.
    fn exists(&self, attributes: &Value) {
        let _ = self.sender.send(Message::Exists(self.step, attributes.clone()));
    }

    fn status(&self, text: &str) {
        let _ = self.sender.send(Message::Status(self.step, text.to_owned()));
    }

    fn waiting(&self, on: bool) {
        let _ = self.sender.send(Message::Waiting(self.step, on));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Running { waiting: bool },
    Done,
    Failed,
    Skipped,
}

/// The coordinator's books.
struct Run<'a, 's> {
    executor: &'a Executor<'a>,
    sink: &'s mut dyn StateSink,
    world: World<'a>,
    sessions: Sessions,
    state: State,
    progress: Vec<Progress>,
    waits: Vec<usize>,
    dependents: Vec<Vec<StepId>>,
    ready: VecDeque<StepId>,
    running: BTreeMap<StepId, Operation>,
    /// How many running calls hold a slot.
    slots: usize,
    sender: mpsc::UnboundedSender<Message>,
    diagnostics: Diagnostics,
    done: BTreeMap<Operation, usize>,
    failed: Vec<InstanceAddr>,
    checks: Checks,
    /// Whether a record could not be kept: nothing new is started then.
    sink_failed: bool,
    /// Whether anything was recorded since the last flush.
    dirty: bool,
    /// Whether something of it happened outside the state.
    urgent: bool,
    /// When the last flush was.
    flushed: tokio::time::Instant,
    /// The object each running create replaces, by step: its deposed key.
    deposed: BTreeMap<StepId, String>,
    /// The creates whose object is known to exist before they finish.
    existing: std::collections::BTreeSet<StepId>,
    /// What `each` and `count` mean in the instances of each resource.
    expansions: BTreeMap<(ModuleInstanceId, ResourceKey), Expansion>,
}

impl<'a> Executor<'a> {
    /// Executes the plan. Everything that happened is in the outcome, and was recorded in the sink.
    pub async fn execute(&self, sink: &mut dyn StateSink) -> Outcome {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut run = self.start(sink, sender);
        run.record_recovered();
        run.record_moved();
        run.configure_providers().await;
        self.observer.event(&Event::ApplyStart {
            operations: self.plan.graph.operations(),
        });
        let mut interrupted = false;
        let mut shutdown = self.shutdown.clone();
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            let stopping = shutdown.stage() != Stage::Running || run.sink_failed;
            if !stopping {
                run.start_ready().await;
            }
            if run.running.is_empty() {
                break;
            }
            let message = tokio::select! {
                biased;
                message = receiver.recv() => message,
                _ = heartbeat.tick() => {
                    if let Err(error) = run.sink.keep_alive() {
                        run.sink_error(&error);
                    }
                    continue;
                }
                stage = shutdown.changed(), if !interrupted || shutdown.stage() != Stage::Abandon => {
                    interrupted = true;
                    if stage == Stage::Abandon {
                        break;
                    }
                    self.observer.event(&Event::Stopping { running: run.running.len() });
                    continue;
                }
            };
            let Some(message) = message else { break };
            run.receive(message);
            // Whatever else has arrived becomes durable in the same flush.
            while let Ok(message) = receiver.try_recv() {
                run.receive(message);
            }
            run.flush_if_due();
        }
        interrupted |= shutdown.stage() != Stage::Running;
        let abandoned = run.abandon();
        run.finish(interrupted, abandoned)
    }

    fn start<'s>(&'a self, sink: &'s mut dyn StateSink, sender: mpsc::UnboundedSender<Message>) -> Run<'a, 's> {
        let steps = &self.plan.graph.steps;
        let mut waits = vec![0; steps.len()];
        let mut dependents = vec![Vec::new(); steps.len()];
        let mut ready = VecDeque::new();
        for (i, step) in steps.iter().enumerate() {
            let id = StepId(i as u32);
            waits[i] = step.after.len();
            for before in &step.after {
                dependents[before.at()].push(id);
            }
            if step.after.is_empty() {
                ready.push_back(id);
            }
        }
        let mut state = (*self.plan.prior).clone();
        for change in &self.plan.changes {
            change::settle_noop(change, &mut state);
        }
        Run {
            executor: self,
            sink,
            world: World::new(
                self.config,
                self.registry,
                self.host,
                Purpose::Run,
                self.plan.variables.clone(),
            ),
            sessions: self.sessions.clone(),
            state,
            progress: vec![Progress::Open; steps.len()],
            waits,
            dependents,
            ready,
            running: BTreeMap::new(),
            slots: 0,
            sender,
            diagnostics: Diagnostics::new(),
            done: BTreeMap::new(),
            failed: Vec::new(),
            checks: Checks::new(&self.plan.checks),
            sink_failed: false,
            dirty: false,
            urgent: false,
            flushed: tokio::time::Instant::now(),
            deposed: BTreeMap::new(),
            existing: std::collections::BTreeSet::new(),
            expansions: BTreeMap::new(),
        }
    }
}

impl<'a> Run<'a, '_> {
    fn kind(&self, id: StepId) -> StepKind {
        self.executor.plan.graph.steps[id.at()].kind
    }

    fn change(&self, i: usize) -> &'a crate::plan::Change {
        &self.executor.plan.changes[i]
    }

    /// Starts everything that may start, as far as there are slots.
    async fn start_ready(&mut self) {
        let mut later = VecDeque::new();
        let mut launches = Vec::new();
        while let Some(id) = self.ready.pop_front() {
            if self.progress[id.at()] != Progress::Open {
                continue;
            }
            match self.kind(id) {
                StepKind::Joint => self.succeed(id),
                StepKind::Evaluate(node) => {
                    if self.evaluate(node).await {
                        self.succeed(id);
                    } else {
                        self.fail(id);
                    }
                }
                StepKind::Forget(i) => {
                    self.forget(i);
                    self.count(Operation::Forget);
                    self.succeed(id);
                }
                _ if self.slots >= self.executor.parallelism => later.push_back(id),
                StepKind::Create(_) | StepKind::Update(_) | StepKind::Delete(_) | StepKind::Read(_) => {
                    if let Some(launch) = self.prepare(id) {
                        self.slots += 1;
                        launches.push(launch);
                    }
                }
            }
        }
        self.ready = later;
        // Intents first, then the calls; and what the calls were made from.
        if launches.iter().any(|launch| launch.outside) {
            self.flush();
        } else {
            self.flush_if_due();
        }
        if self.sink_failed {
            for launch in launches {
                self.slots -= 1;
                self.running.remove(&launch.step);
                self.progress[launch.step.at()] = Progress::Open;
            }
            return;
        }
        for launch in launches {
            launch.spawn(self.sender.clone());
        }
    }

    /// Makes the records durable if they tell of something outside the state, or
    /// have waited long enough.
    fn flush_if_due(&mut self) {
        if self.urgent || (self.dirty && self.flushed.elapsed() >= FLUSH_AFTER) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.urgent = false;
        if !self.dirty || self.sink_failed {
            return;
        }
        self.dirty = false;
        self.flushed = tokio::time::Instant::now();
        if let Err(error) = self.sink.flush() {
            self.sink_error(&error);
        }
    }

    fn sink_error(&mut self, error: &StateError) {
        self.sink_failed = true;
        let mut d = Diagnostic::error(error.code(), format!("what was done cannot be recorded: {error}"))
            .note("nothing new is started; what is running is waited for");
        d.help = error.help();
        self.diagnostics.push(d);
    }

    fn record(&mut self, record: &Record) {
        self.dirty = true;
        if let Err(error) = self.sink.record(record)
            && !self.sink_failed
        {
            self.sink_error(&error);
        }
    }

    /// Records that an operation on an instance ended.
    fn record_done(&mut self, addr: &InstanceAddr, instance: InstanceState, token: &Str) {
        self.record(&Record::Done {
            address: addr.clone(),
            instance,
            token: Some(token.clone()).filter(|t| !t.is_empty()),
        });
    }

    /// Settles the intents of an earlier run: their objects were found, or never made.
    fn record_recovered(&mut self) {
        for recovery in &self.executor.plan.recovered {
            let instance = self.state.instances.get(&recovery.addr).cloned();
            match instance {
                Some(instance) => self.record_done(&recovery.addr, instance, &recovery.token),
                None => self.record(&Record::Dropped {
                    token: recovery.token.clone(),
                }),
            }
        }
    }

    /// Records new addresses, before anything is recorded under them; and what is imported.
    fn record_moved(&mut self) {
        let record = |run: &mut Self, address: &InstanceAddr| {
            let instance = run.state.instances.get(address).cloned().unwrap_or_default();
            run.record(&Record::Done {
                address: address.clone(),
                instance,
                token: None,
            });
        };
        let plan = self.executor.plan;
        plan.moved.values().for_each(|old| record(self, old));
        plan.moved.keys().for_each(|new| record(self, new));
        for change in plan.changes.iter().filter(|c| c.importing.is_some()) {
            record(self, &change.addr);
        }
    }

    /// Gives a declaration its final values. Returns whether that worked.
    async fn evaluate(&mut self, node: NodeId) -> bool {
        let graph = self.executor.graph;
        match graph.node(node) {
            Node::Module(module) => {
                if let Err(errors) = self.world.expand_module(*module) {
                    self.diagnostics.extend(errors);
                    return false;
                }
            }
            Node::ModuleEnd(_) => {}
            Node::Check(module, name) => {
                for at in self.world.instances_of(*module) {
                    self.check(at, name).await;
                }
            }
            Node::Variable(module, name) => {
                let mut hold = true;
                for at in self.world.instances_of(*module) {
                    hold &= self.variable(at, name);
                }
                if !hold {
                    return false;
                }
            }
            Node::Local(module, name) => {
                for at in self.world.instances_of(*module) {
                    self.world.local(at, name);
                }
            }
            Node::Output(module, name) => {
                for at in self.world.instances_of(*module) {
                    if !self.output_preconditions(at, name) {
                        return false;
                    }
                    let value = self.world.output(at, name);
                    if at == ModuleInstanceId::ROOT {
                        self.set_output(name, value);
                    }
                }
            }
            Node::Provider(module, key) => {
                if !self.configure(*module, key).await {
                    return false;
                }
            }
            Node::Resource(module, key) => {
                let resource = &self.executor.config.module(*module).resources[key];
                for at in self.world.instances_of(*module) {
                    match self.world.expand_resource(at, resource) {
                        Ok(expansion) => {
                            self.seed(at, resource, &expansion);
                            self.expansions.insert((at, resource.key.clone()), expansion);
                        }
                        Err(errors) => {
                            self.diagnostics.extend(errors);
                            return false;
                        }
                    }
                }
            }
        }
        let errors = self.world.take_errors();
        let ok = !errors.has_errors();
        self.diagnostics.extend(errors);
        ok
    }

    /// Gives instances the values that the plan knows: objects that do not
    /// change, data that was read, and planned values until they are refined.
    fn seed(
        &self,
        at: ModuleInstanceId,
        resource: &crate::config::Resource,
        expansion: &crate::eval::world::Expansion,
    ) {
        self.world.declare_resource(at, &resource.key, expansion.shape);
        let base = self.world.resource_addr(at, &resource.key);
        for repeat in &expansion.instances {
            let addr = base.instance(repeat.key.clone());
            if let Some(value) = self.executor.plan.value_of(&addr) {
                self.world.set_instance(at, &resource.key, repeat.key.clone(), value);
            } else if self.executor.plan.leaves_out() {
                // The places of the others must not change.
                let unknown = Value::unknown(infra_types::Type::Dynamic);
                self.world.set_instance(at, &resource.key, repeat.key.clone(), unknown);
            }
        }
    }

    fn set_output(&mut self, name: &Str, value: Value) {
        if !value.is_wholly_known() {
            // Something it needs failed or was skipped: the old value stays.
            return;
        }
        if value.is_null() {
            // An output without a value is not kept.
            if self.state.outputs.remove(name).is_some() {
                self.record(&Record::Output {
                    name: name.clone(),
                    value: None,
                });
            }
            return;
        }
        let output = OutputState { value };
        if self.state.outputs.get(name) != Some(&output) {
            self.state.outputs.insert(name.clone(), output.clone());
            self.record(&Record::Output {
                name: name.clone(),
                value: Some(output),
            });
        }
    }

    fn count(&mut self, operation: Operation) {
        *self.done.entry(operation).or_default() += 1;
    }

    fn succeed(&mut self, id: StepId) {
        self.progress[id.at()] = Progress::Done;
        for dependent in std::mem::take(&mut self.dependents[id.at()]) {
            self.waits[dependent.at()] -= 1;
            if self.waits[dependent.at()] == 0 && self.progress[dependent.at()] == Progress::Open {
                self.ready.push_back(dependent);
            }
        }
    }

    /// Marks a step failed and everything that waits for it skipped.
    fn fail(&mut self, id: StepId) {
        self.progress[id.at()] = Progress::Failed;
        let mut stack = std::mem::take(&mut self.dependents[id.at()]);
        while let Some(next) = stack.pop() {
            if self.progress[next.at()] != Progress::Open {
                continue;
            }
            self.progress[next.at()] = Progress::Skipped;
            stack.extend(std::mem::take(&mut self.dependents[next.at()]));
        }
    }

    fn operation(kind: StepKind) -> Option<(usize, Operation)> {
        match kind {
            StepKind::Create(i) => Some((i, Operation::Create)),
            StepKind::Update(i) => Some((i, Operation::Update)),
            StepKind::Delete(i) => Some((i, Operation::Delete)),
            StepKind::Read(i) => Some((i, Operation::Read)),
            StepKind::Forget(i) => Some((i, Operation::Forget)),
            StepKind::Evaluate(_) | StepKind::Joint => None,
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Exists(id, attributes) => self.exists(id, &attributes),
            Message::Status(id, text) => {
                if let Some((i, _)) = Self::operation(self.kind(id)) {
                    let addr = &self.change(i).addr;
                    self.executor.observer.event(&Event::Status { addr, text: &text });
                }
            }
            Message::Waiting(id, on) => {
                if let Progress::Running { waiting } = &mut self.progress[id.at()]
                    && *waiting != on
                {
                    *waiting = on;
                    if on { self.slots -= 1 } else { self.slots += 1 }
                }
            }
            Message::Finished(id, result) => {
                if let Progress::Running { waiting: false } = self.progress[id.at()] {
                    self.slots -= 1;
                }
                self.running.remove(&id);
                self.finished(id, *result);
            }
        }
    }

    fn abandon(&mut self) -> Vec<InstanceAddr> {
        let running: Vec<InstanceAddr> = self
            .running
            .keys()
            .filter_map(|id| Self::operation(self.kind(*id)))
            .map(|(i, _)| self.change(i).addr.clone())
            .collect();
        if !running.is_empty() {
            self.executor.observer.event(&Event::Abandoning { running: &running });
        }
        running
    }

    fn finish(mut self, interrupted: bool, abandoned: Vec<InstanceAddr>) -> Outcome {
        let mut skipped = Vec::new();
        for i in 0..self.progress.len() {
            let id = StepId(i as u32);
            let open = matches!(self.progress[i], Progress::Skipped | Progress::Open);
            if let (true, Some((change, operation))) = (open, Self::operation(self.kind(id))) {
                let addr = &self.change(change).addr;
                self.executor.observer.event(&Event::Skipped { addr, operation });
                skipped.push(addr.clone());
            }
        }
        skipped.sort();
        skipped.dedup();
        for (name, change) in &self.executor.plan.outputs {
            if change.after.is_none() && self.state.outputs.remove(name).is_some() {
                self.record(&Record::Output {
                    name: name.clone(),
                    value: None,
                });
            }
        }
        let plan = self.executor.plan;
        if plan.mode == crate::plan::PlanMode::Destroy && self.state.instances.is_empty() && !plan.is_partial() {
            self.state.outputs.clear();
        }
        self.flush();
        self.failed.sort();
        self.failed.dedup();
        self.diagnostics.0.sort_by(|a, b| a.address.cmp(&b.address));
        Outcome {
            state: self.state,
            diagnostics: self.diagnostics,
            done: self.done,
            failed: self.failed,
            skipped,
            interrupted,
            abandoned,
            // Deleting checks nothing.
            checks: match plan.mode {
                crate::plan::PlanMode::Destroy => Vec::new(),
                _ => self.checks.into_results(),
            },
        }
    }

    /// Files an object as the current one of its address.
    fn set_current(&mut self, addr: &InstanceAddr, object: Option<Arc<ObjectState>>) -> InstanceState {
        let mut instance = self.state.instances.get(addr).cloned().unwrap_or_default();
        instance.current = object;
        self.state.set_instance(addr.clone(), instance.clone());
        instance
    }
}

impl Plan {
    /// Returns the value of an instance as far as the plan knows it.
    pub fn value_of(&self, addr: &InstanceAddr) -> Option<Value> {
        let i = self
            .changes
            .binary_search_by(|c| c.addr.cmp(addr).then_with(|| c.deposed.is_some().cmp(&false)))
            .ok();
        if let Some(change) = i.map(|i| &self.changes[i]) {
            return change.planned.clone();
        }
        let read = self.data.get(addr).cloned();
        // What was not planned is as the state has it.
        let left_out = || {
            let current = self.prior.instances.get(addr)?.current.as_ref()?;
            self.leaves_out().then(|| current.attributes.clone())
        };
        read.or_else(left_out)
    }
}

/// Returns the key under which a replaced object waits for its deletion: by the token of its successor.
pub(crate) fn deposed_key(token: &str) -> String {
    token.chars().take(8).collect()
}
