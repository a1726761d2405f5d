//! Changes to the execution graph: every step, and what must come before it.
//!
//! * A node of the configuration is evaluated after all that it depends on;
//!   its objects are created or changed after that.
//! * What used an object, according to the state, is deleted or changed before
//!   the object is deleted.
//! * A replacement deletes and then creates, or creates and then deletes.
//!
//! Where many steps wait for many others, a joint stands between, so that the
//! number of edges grows with the configuration and not with its square.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infra_types::ResourcePath;
use petgraph::graph::{DiGraph, NodeIndex};

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

struct Builder<'a> {
    changes: &'a [Change],
    steps: Vec<Step>,
    /// Edges that come from what the state remembers: (step, waits for).
    remembered: BTreeSet<(StepId, StepId)>,
    deletes: BTreeMap<ResourcePath, Vec<(StepId, bool)>>,
    updates: BTreeMap<ResourcePath, Vec<StepId>>,
}

/// Builds the execution graph.
pub fn build(config: &Config, graph: &ConfigGraph, changes: &[Change], destroying: bool) -> ExecutionGraph {
    let mut builder = Builder {
        changes,
        steps: Vec::new(),
        remembered: BTreeSet::new(),
        deletes: BTreeMap::new(),
        updates: BTreeMap::new(),
    };
    let mut by_path: BTreeMap<ResourcePath, Vec<usize>> = BTreeMap::new();
    for (i, change) in changes.iter().enumerate() {
        if change.action != Action::NoOp {
            by_path.entry(change.addr.resource.path()).or_default().push(i);
        }
    }
    let mut providers: HashMap<String, StepId> = HashMap::new();
    if !destroying {
        builder.walk(config, graph, &mut by_path, &mut providers);
    }
    // What the configuration does not mention (any more).
    for (path, indexes) in by_path {
        for i in indexes {
            builder.orphan(&path, i, &providers);
        }
    }
    builder.order_deletes();
    builder.finish()
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

    fn walk(
        &mut self,
        config: &Config,
        graph: &ConfigGraph,
        by_path: &mut BTreeMap<ResourcePath, Vec<usize>>,
        providers: &mut HashMap<String, StepId>,
    ) {
        let mut done: Vec<Option<StepId>> = vec![None; graph.len()];
        for id in graph.order() {
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
                    providers.insert(reference.to_string(), ready);
                }
                _ => {}
            }
            done[id.at()] = Some(last);
        }
    }

    /// Adds the steps of an object that stays; returns the step after which others may use it.
    fn instance(&mut self, path: &ResourcePath, i: usize, ready: StepId) -> StepId {
        match self.changes[i].action {
            Action::Create => self.add(StepKind::Create(i), vec![ready]),
            Action::Read => self.add(StepKind::Read(i), vec![ready]),
            Action::Update => {
                let step = self.add(StepKind::Update(i), vec![ready]);
                self.updates.entry(path.clone()).or_default().push(step);
                step
            }
            Action::Replace { create_first: true } => {
                let create = self.add(StepKind::Create(i), vec![ready]);
                let delete = self.add(StepKind::Delete(i), vec![create]);
                self.deletes.entry(path.clone()).or_default().push((delete, false));
                create
            }
            Action::Replace { create_first: false } => {
                let delete = self.add(StepKind::Delete(i), Vec::new());
                self.deletes.entry(path.clone()).or_default().push((delete, true));
                self.add(StepKind::Create(i), vec![ready, delete])
            }
            Action::NoOp | Action::Delete | Action::Forget => ready,
        }
    }

    fn orphan(&mut self, path: &ResourcePath, i: usize, providers: &HashMap<String, StepId>) {
        let change = &self.changes[i];
        let after: Vec<StepId> = providers.get(&*change.provider).copied().into_iter().collect();
        match change.action {
            Action::Delete => {
                let step = self.add(StepKind::Delete(i), after);
                self.deletes.entry(path.clone()).or_default().push((step, false));
            }
            Action::Forget => {
                self.add(StepKind::Forget(i), Vec::new());
            }
            // Objects of a resource that exists in the configuration are never orphans.
            _ => {}
        }
    }

    /// Adds the edges that the state remembers: users go (or change) first.
    fn order_deletes(&mut self) {
        let mut deleted_users: BTreeMap<&ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
        let mut updated_users: BTreeMap<&ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
        for change in self.changes {
            let Some(prior) = &change.prior else { continue };
            let users = match change.action {
                Action::Delete | Action::Replace { .. } => &mut deleted_users,
                Action::Update => &mut updated_users,
                _ => continue,
            };
            let user = change.addr.resource.path();
            for used in prior.dependencies.iter() {
                if self.deletes.contains_key(used) && *used != user {
                    users.entry(used).or_default().insert(user.clone());
                }
            }
        }
        let mut delete_joints: BTreeMap<ResourcePath, StepId> = BTreeMap::new();
        let mut update_joints: BTreeMap<ResourcePath, StepId> = BTreeMap::new();
        let paths: Vec<ResourcePath> = self.deletes.keys().cloned().collect();
        for path in paths {
            let mut before: Vec<StepId> = Vec::new();
            for user in deleted_users.get(&path).into_iter().flatten() {
                let steps: Vec<StepId> = self.deletes[user].iter().map(|(s, _)| *s).collect();
                let joint = match delete_joints.get(user) {
                    Some(joint) => *joint,
                    None => {
                        let joint = self.joint(&steps);
                        delete_joints.insert(user.clone(), joint);
                        joint
                    }
                };
                before.push(joint);
            }
            let mut changed: Vec<StepId> = Vec::new();
            for user in updated_users.get(&path).into_iter().flatten() {
                let steps = self.updates.get(user).cloned().unwrap_or_default();
                if steps.is_empty() {
                    continue;
                }
                let joint = match update_joints.get(user) {
                    Some(joint) => *joint,
                    None => {
                        let joint = self.joint(&steps);
                        update_joints.insert(user.clone(), joint);
                        joint
                    }
                };
                changed.push(joint);
            }
            let deletes = self.deletes[&path].clone();
            if deletes.len() > 1 && before.len() > 1 {
                let joint = self.add(StepKind::Joint, before.clone());
                self.remembered.extend(before.iter().map(|b| (joint, *b)));
                before = vec![joint];
            }
            for (delete, replaced_in_place) in deletes {
                let mut after = before.clone();
                if !replaced_in_place {
                    // Users that only change let go of the old object before it is deleted.
                    after.extend(changed.iter().copied());
                }
                self.remembered.extend(after.iter().map(|a| (delete, *a)));
                self.steps[delete.at()].after.extend(after);
            }
        }
    }

    /// Takes out edges that the state remembers where they contradict the
    /// configuration (its references may have turned round since).
    fn finish(mut self) -> ExecutionGraph {
        for step in &mut self.steps {
            step.after.sort_unstable();
            step.after.dedup();
        }
        let mut graph = ExecutionGraph { steps: self.steps };
        let petgraph = graph.petgraph();
        if petgraph::algo::toposort(&petgraph, None).is_err() {
            for knot in petgraph::algo::tarjan_scc(&petgraph) {
                if knot.len() < 2 {
                    continue;
                }
                let knot: BTreeSet<StepId> = knot.iter().map(|i| StepId(i.index() as u32)).collect();
                for id in &knot {
                    graph.steps[id.at()]
                        .after
                        .retain(|after| !(knot.contains(after) && self.remembered.contains(&(*id, *after))));
                }
            }
        }
        graph
    }
}
