//! Changes to the execution graph: every step, and what must come before it.
//!
//! * A node of the configuration is evaluated after all that it depends on;
//!   its objects are created or changed after that.
//! * What used an object, according to the state, is deleted or changed before
//!   the object is deleted; also what used it through others that hand on its id.
//! * A replacement deletes and then creates, or creates and then deletes.
//! * An object whose create failed has no users: its deletion waits for nothing,
//!   and its successor waits for its deletion.
//!
//! Where many steps wait for many others, a joint stands between, so that the
//! number of edges grows with the configuration and not with its square.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infra_types::{InstanceAddr, ResourcePath};
use petgraph::graph::{DiGraph, NodeIndex};

use super::names::Handover;
use super::{Action, Change};
use crate::config::Config;
use crate::graph::{ConfigGraph, Node, NodeId};

/// Index of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

impl StepId {
    /// Returns the position in arrays that are indexed by step.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// What must have succeeded before.
    pub after: Vec<StepId>,
}

/// What a step does. Numbers are indexes into the plan's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A declaration gets its final values.
    Evaluate(NodeId),
    /// An object is created.
    Create(usize),
    /// An object is changed in place.
    Update(usize),
    /// An object is deleted.
    Delete(usize),
    /// A data source is read.
    Read(usize),
    /// An object is taken out of the state.
    Forget(usize),
    /// Nothing: stands for all the steps it waits for.
    Joint,
}

/// The steps with their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionGraph {
    /// The steps. A step may wait for one with a higher number.
    pub steps: Vec<Step>,
}

impl ExecutionGraph {
    /// Returns the number of steps that call a provider or change the state.
    pub fn operations(&self) -> usize {
        self.steps
            .iter()
            .filter(|s| !matches!(s.kind, StepKind::Evaluate(_) | StepKind::Joint))
            .count()
    }

    /// Returns the steps in an order in which they may run.
    ///
    /// # Panics
    ///
    /// Panics if the steps wait for each other; [`build`] never makes such a graph.
    pub fn order(&self) -> Vec<StepId> {
        let mut order = petgraph::algo::toposort(&self.petgraph(), None).expect("no cycles among steps");
        order.reverse();
        order.into_iter().map(|i| StepId(i.index() as u32)).collect()
    }

    /// Lets whoever takes a name wait for whoever gives it up; returns where that cannot be.
    pub(super) fn hand_over(&mut self, handovers: &[Handover]) -> Vec<Handover> {
        if handovers.is_empty() {
            return Vec::new();
        }
        let mut takes: HashMap<usize, StepId> = HashMap::new();
        let mut gives: HashMap<usize, StepId> = HashMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            let id = StepId(u32::try_from(at).expect("fewer than 2^32 steps"));
            match step.kind {
                StepKind::Create(i) => {
                    takes.insert(i, id);
                }
                StepKind::Update(i) => {
                    takes.insert(i, id);
                    gives.insert(i, id);
                }
                StepKind::Delete(i) => {
                    gives.insert(i, id);
                }
                _ => {}
            }
        }
        let edges: Vec<(Handover, StepId, StepId)> = handovers
            .iter()
            .filter_map(|h| Some((*h, *takes.get(&h.to)?, *gives.get(&h.from)?)))
            .collect();
        for (_, to, from) in &edges {
            let after = &mut self.steps[to.at()].after;
            after.push(*from);
            after.sort_unstable();
            after.dedup();
        }
        let petgraph = self.petgraph();
        if petgraph::algo::toposort(&petgraph, None).is_ok() {
            return Vec::new();
        }
        let mut knot_of = vec![usize::MAX; self.steps.len()];
        for (number, knot) in petgraph::algo::tarjan_scc(&petgraph).iter().enumerate() {
            for step in knot.iter().filter(|_| knot.len() > 1) {
                knot_of[step.index()] = number;
            }
        }
        edges
            .into_iter()
            .filter(|(_, to, from)| knot_of[to.at()] != usize::MAX && knot_of[to.at()] == knot_of[from.at()])
            .map(|(handover, ..)| handover)
            .collect()
    }

    /// Edges point from a step to what it waits for.
    fn petgraph(&self) -> DiGraph<(), ()> {
        let edges: usize = self.steps.iter().map(|s| s.after.len()).sum();
        let mut graph = DiGraph::with_capacity(self.steps.len(), edges);
        for _ in &self.steps {
            graph.add_node(());
        }
        for (i, step) in self.steps.iter().enumerate() {
            for after in &step.after {
                graph.add_edge(NodeIndex::new(i), NodeIndex::new(after.at()), ());
            }
        }
        graph
    }
}

/// What the deletion of an object waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Nothing: its create failed, so nobody uses it.
    Unused,
    /// Its users are deleted. Those that only change wait for its successor.
    UsersDeleted,
    /// Its users are deleted or use something else.
    UsersGone,
}

struct Builder<'a> {
    changes: &'a [Change],
    steps: Vec<Step>,
    /// Edges that come from what the state remembers: (step, waits for).
    remembered: BTreeSet<(StepId, StepId)>,
    /// Those of them that lead from users to the users of users.
    indirect: BTreeSet<(StepId, StepId)>,
    deletes: BTreeMap<ResourcePath, Vec<(StepId, Gate)>>,
    updates: BTreeMap<ResourcePath, Vec<StepId>>,
    /// The step after which each provider can be used.
    providers: HashMap<String, StepId>,
    /// The deletions of set-aside objects whose create failed, by address.
    leftovers: BTreeMap<InstanceAddr, Vec<StepId>>,
}

/// Builds the execution graph.
///
/// Only some declarations may have to be evaluated: none when everything is destroyed.
pub fn build(
    config: &Config,
    graph: &ConfigGraph,
    changes: &[Change],
    evaluated: &dyn Fn(NodeId) -> bool,
) -> ExecutionGraph {
    let mut builder = Builder {
        changes,
        steps: Vec::new(),
        remembered: BTreeSet::new(),
        indirect: BTreeSet::new(),
        deletes: BTreeMap::new(),
        updates: BTreeMap::new(),
        providers: HashMap::new(),
        leftovers: BTreeMap::new(),
    };
    let mut by_path: BTreeMap<ResourcePath, Vec<usize>> = BTreeMap::new();
    for (i, change) in changes.iter().enumerate() {
        if change.deposed.is_some() && is_tainted(change) {
            builder.leftover(i);
        } else if change.action != Action::NoOp {
            by_path.entry(change.addr.resource.path()).or_default().push(i);
        }
    }
    builder.walk(config, graph, evaluated, &mut by_path);
    // What the configuration does not mention (any more).
    for (path, indexes) in by_path {
        for i in indexes {
            builder.orphan(&path, i);
        }
    }
    builder.order_deletes();
    builder.finish()
}

fn is_tainted(change: &Change) -> bool {
    change.prior.as_ref().is_some_and(|p| p.tainted)
}

impl Builder<'_> {
    fn add(&mut self, kind: StepKind, after: Vec<StepId>) -> StepId {
        let id = StepId(u32::try_from(self.steps.len()).expect("fewer than 2^32 steps"));
        self.steps.push(Step { kind, after });
        id
    }

    /// Returns a step that stands for all of these.
    fn joint(&mut self, steps: &[StepId]) -> StepId {
        match steps {
            [one] => *one,
            many => self.add(StepKind::Joint, many.to_vec()),
        }
    }

    /// Returns the step after which the provider of a change can be used.
    fn provider(&self, i: usize) -> Option<StepId> {
        self.providers.get(&*self.changes[i].provider).copied()
    }

    fn delete(&mut self, i: usize, gate: Gate, after: Vec<StepId>) -> StepId {
        let step = self.add(StepKind::Delete(i), after);
        let path = self.changes[i].addr.resource.path();
        self.deletes.entry(path).or_default().push((step, gate));
        step
    }

    /// Adds the deletion of a set-aside object whose create failed.
    fn leftover(&mut self, i: usize) {
        let step = self.delete(i, Gate::Unused, Vec::new());
        let addr = self.changes[i].addr.clone();
        self.leftovers.entry(addr).or_default().push(step);
    }

    fn walk(
        &mut self,
        config: &Config,
        graph: &ConfigGraph,
        evaluated: &dyn Fn(NodeId) -> bool,
        by_path: &mut BTreeMap<ResourcePath, Vec<usize>>,
    ) {
        let mut done: Vec<Option<StepId>> = vec![None; graph.len()];
        for id in graph.order().iter().filter(|id| evaluated(**id)) {
            let after: Vec<StepId> = graph
                .dependencies(*id)
                .filter_map(|(dependency, _)| done[dependency.at()])
                .collect();
            let ready = self.add(StepKind::Evaluate(*id), after);
            let mut last = ready;
            match graph.node(*id) {
                Node::Resource(module, key) => {
                    let path = &config.module(*module).resources[key].path;
                    // Instances that go away are ordered as orphans are.
                    let indexes = by_path.get_mut(path).map(std::mem::take).unwrap_or_default();
                    let (stay, gone): (Vec<usize>, Vec<usize>) = indexes
                        .into_iter()
                        .partition(|i| !matches!(self.changes[*i].action, Action::Delete | Action::Forget));
                    if let Some(rest) = by_path.get_mut(path) {
                        *rest = gone;
                    }
                    let ends: Vec<StepId> = stay.into_iter().map(|i| self.instance(path, i, ready)).collect();
                    if !ends.is_empty() {
                        last = self.joint(&ends);
                    }
                }
                Node::Provider(module, key) => {
                    let reference = crate::sessions::ProviderRef {
                        module: config.module(*module).path.clone(),
                        key: key.clone(),
                    };
                    self.providers.insert(reference.to_string(), ready);
                }
                _ => {}
            }
            done[id.at()] = Some(last);
        }
        // What has no provider block in the configuration is deleted without waiting.
        for step in self.leftovers.values().flatten() {
            let StepKind::Delete(i) = self.steps[step.at()].kind else {
                continue;
            };
            if let Some(provider) = self.providers.get(&*self.changes[i].provider) {
                self.steps[step.at()].after.push(*provider);
            }
        }
    }

    /// Adds the steps of an object that stays; returns the step after which others may use it.
    fn instance(&mut self, path: &ResourcePath, i: usize, ready: StepId) -> StepId {
        let change = &self.changes[i];
        let mut before_create = vec![ready];
        before_create.extend(self.leftovers.get(&change.addr).into_iter().flatten());
        match change.action {
            Action::Create => self.add(StepKind::Create(i), before_create),
            Action::Read => self.add(StepKind::Read(i), vec![ready]),
            Action::Update => {
                let step = self.add(StepKind::Update(i), vec![ready]);
                self.updates.entry(path.clone()).or_default().push(step);
                step
            }
            Action::Replace { create_first: true } => {
                let create = self.add(StepKind::Create(i), before_create);
                self.delete(i, Gate::UsersGone, vec![create]);
                create
            }
            Action::Replace { create_first: false } => {
                let gate = if is_tainted(change) {
                    Gate::Unused
                } else {
                    Gate::UsersDeleted
                };
                let after = self.provider(i).into_iter().collect();
                let delete = self.delete(i, gate, after);
                before_create.push(delete);
                self.add(StepKind::Create(i), before_create)
            }
            Action::NoOp | Action::Delete | Action::Forget => ready,
        }
    }

    fn orphan(&mut self, path: &ResourcePath, i: usize) {
        let change = &self.changes[i];
        match change.action {
            Action::Delete => {
                let gate = if is_tainted(change) {
                    Gate::Unused
                } else {
                    Gate::UsersGone
                };
                let after = self.provider(i).into_iter().collect();
                self.delete(i, gate, after);
            }
            Action::Forget => {
                self.add(StepKind::Forget(i), Vec::new());
            }
            // Objects of a resource that exists in the configuration are never orphans.
            _ => debug_assert!(false, "{path} is not in the configuration"),
        }
    }

    /// Returns who uses what, by the state, as far as it leads to what is deleted.
    fn users(&self) -> BTreeMap<ResourcePath, BTreeSet<ResourcePath>> {
        let mut users: BTreeMap<ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
        let mut last: Option<(ResourcePath, &[ResourcePath])> = None;
        for change in self.changes {
            let Some(prior) = &change.prior else { continue };
            let user = change.addr.resource.path();
            // The instances of a resource mostly remember the same.
            if last
                .as_ref()
                .is_some_and(|(u, d)| *u == user && **d == *prior.dependencies)
            {
                continue;
            }
            for used in prior.dependencies.iter().filter(|used| **used != user) {
                users.entry(used.clone()).or_default().insert(user.clone());
            }
            last = Some((user, &prior.dependencies));
        }
        let mut reached: BTreeMap<ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
        let mut open: Vec<ResourcePath> = self.deletes.keys().cloned().collect();
        while let Some(path) = open.pop() {
            if let Some((path, direct)) = users.remove_entry(&path) {
                open.extend(direct.iter().cloned());
                reached.insert(path, direct);
            }
        }
        reached
    }

    /// Adds the edges that the state remembers: users go (or change) first.
    ///
    /// For each resource with users, two joints stand for what becomes of them:
    /// their deletions, and their changes. Each also waits for the same joint of
    /// the users, as an id may be handed on.
    fn order_deletes(&mut self) {
        if self.deletes.is_empty() {
            return;
        }
        let users = self.users();
        let joints: BTreeMap<&ResourcePath, (StepId, StepId)> = users
            .keys()
            .map(|path| {
                let deleted = self.add(StepKind::Joint, Vec::new());
                (path, (deleted, self.add(StepKind::Joint, Vec::new())))
            })
            .collect();
        for (path, direct) in &users {
            let (deleted, changed) = joints[path];
            for user in direct {
                let deletes: Vec<StepId> = self.deletes.get(user).into_iter().flatten().map(|(s, _)| *s).collect();
                let updates = self.updates.get(user).cloned().unwrap_or_default();
                self.remember(deleted, deletes);
                self.remember(changed, updates);
                if let Some((further_deleted, further_changed)) = joints.get(user) {
                    self.remember(deleted, vec![*further_deleted]);
                    self.remember(changed, vec![*further_changed]);
                    self.indirect.insert((deleted, *further_deleted));
                    self.indirect.insert((changed, *further_changed));
                }
            }
        }
        let gated: Vec<(StepId, Gate, (StepId, StepId))> = self
            .deletes
            .iter()
            .filter_map(|(path, deletes)| Some((deletes, *joints.get(path)?)))
            .flat_map(|(deletes, joints)| deletes.iter().map(move |(step, gate)| (*step, *gate, joints)))
            .collect();
        for (step, gate, (deleted, changed)) in gated {
            match gate {
                Gate::Unused => {}
                Gate::UsersDeleted => self.remember(step, vec![deleted]),
                Gate::UsersGone => self.remember(step, vec![deleted, changed]),
            }
        }
    }

    /// Makes a step wait for others because of what the state remembers.
    fn remember(&mut self, step: StepId, after: Vec<StepId>) {
        self.remembered.extend(after.iter().map(|a| (step, *a)));
        self.steps[step.at()].after.extend(after);
    }

    /// Takes out edges that the state remembers where they contradict the
    /// configuration (its references may have turned round since): first those
    /// to users of users, then all.
    fn finish(mut self) -> ExecutionGraph {
        for step in &mut self.steps {
            step.after.sort_unstable();
            step.after.dedup();
        }
        let mut graph = ExecutionGraph { steps: self.steps };
        for edges in [&self.indirect, &self.remembered] {
            // The configuration alone has no cycles.
            if edges.is_empty() {
                continue;
            }
            let petgraph = graph.petgraph();
            if petgraph::algo::toposort(&petgraph, None).is_ok() {
                break;
            }
            for knot in petgraph::algo::tarjan_scc(&petgraph) {
                if knot.len() < 2 {
                    continue;
                }
                let knot: BTreeSet<StepId> = knot.iter().map(|i| StepId(i.index() as u32)).collect();
                for id in &knot {
                    graph.steps[id.at()]
                        .after
                        .retain(|after| !(knot.contains(after) && edges.contains(&(*id, *after))));
                }
            }
        }
        graph
    }
}
