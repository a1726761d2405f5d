//! What can be planned only after this plan was applied: declarations whose
//! number of instances is not known yet, and what depends on them.
//!
//! Their objects stay as they are, and so does what these use. The next plan
//! knows more; as long as each one changes something, there are stages and no error.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infra_state::State;
use infra_syntax::{Diagnostics, Span};
use infra_types::{InstanceAddr, ResourcePath, Str};

use super::selection::uses;
use crate::config::{Config, ModuleId, ResourceKey};
use crate::graph::{ConfigGraph, Node, NodeId};

/// A resource, data source or module that is planned after this plan was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// What it is: `aws_subnet.a`, `data.aws_region.b`, `module.c`.
    pub declared: String,
    /// Why it waits.
    pub reason: Wait,
    /// Its header.
    pub span: Option<Span>,
}

/// Why something waits for the next plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its `count`, `for_each` or `enabled` is known only after apply.
    Repetition,
    /// It depends on something that waits.
    Dependency(String),
}

/// The declarations that wait, while the plan is made.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// Each with what it depends on that waits; nothing if it is a beginning.
    nodes: BTreeMap<NodeId, Option<NodeId>>,
    /// What was not known.
    causes: Diagnostics,
    /// The resources of the configuration; filled when the first one waits.
    resources: HashMap<(ModuleId, ResourceKey), NodeId>,
}

impl Later {
    /// Says whether a declaration waits.
    pub(super) fn has(&self, id: NodeId) -> bool {
        self.nodes.contains_key(&id)
    }

    /// Lets a declaration wait because something about it is not known.
    pub(super) fn begin(&mut self, graph: &ConfigGraph, id: NodeId, causes: Diagnostics) {
        if self.resources.is_empty() {
            for id in graph.order() {
                if let Node::Resource(module, key) = graph.node(*id) {
                    self.resources.insert((*module, key.clone()), *id);
                }
            }
        }
        self.nodes.insert(id, None);
        self.causes.extend(causes);
    }

    /// Lets a declaration wait if it depends on something that waits. Returns whether it does.
    pub(super) fn follow(&mut self, graph: &ConfigGraph, id: NodeId) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        let first = graph.dependencies(id).map(|(d, _)| d).find(|d| self.has(*d));
        if let Some(first) = first {
            self.nodes.insert(id, Some(first));
        }
        first.is_some()
    }

    /// Says whether the resource of an object waits.
    pub(super) fn object(&self, config: &Config, addr: &InstanceAddr) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        let node = config.find_module(&addr.resource.module.path()).and_then(|module| {
            let key = super::planner::resource_key(addr);
            self.resources.get(&(module.id, key))
        });
        node.is_some_and(|id| self.has(*id))
    }

    /// Returns the outputs of the root module that wait.
    pub(super) fn outputs<'g>(&self, graph: &'g ConfigGraph) -> BTreeSet<&'g Str> {
        let root = |id: &NodeId| match graph.node(*id) {
            Node::Output(ModuleId::ROOT, name) => Some(name),
            _ => None,
        };
        self.nodes.keys().filter_map(root).collect()
    }

    /// Returns the resources that objects which wait still use, by the state.
    pub(super) fn in_use(&self, config: &Config, state: &State) -> BTreeSet<ResourcePath> {
        if self.nodes.is_empty() {
            return BTreeSet::new();
        }
        used_by(state, |addr| self.object(config, addr))
    }

    /// Returns the errors that it would be if there were no next plan.
    pub(super) fn causes(&self) -> Diagnostics {
        self.causes.clone()
    }

    /// Returns what waits, for people: resources, data sources and modules, by name.
    ///
    /// What is in a module that waits is not listed.
    pub(super) fn listed(&self, config: &Config, graph: &ConfigGraph) -> Vec<Deferred> {
        let waiting_modules: BTreeSet<ModuleId> = self
            .nodes
            .keys()
            .filter_map(|id| match graph.node(*id) {
                Node::Module(module) => Some(*module),
                _ => None,
            })
            .collect();
        let within = |mut module: ModuleId| loop {
            if waiting_modules.contains(&module) {
                return true;
            }
            match config.module(module).parent {
                Some(parent) => module = parent,
                None => return false,
            }
        };
        let mut listed: Vec<Deferred> = Vec::new();
        for (id, because) in &self.nodes {
            let node = graph.node(*id);
            let span = match node {
                Node::Resource(module, key) if !within(*module) => Some(config.module(*module).resources[key].span),
                Node::Module(module) => {
                    let parent = config.module(*module).parent;
                    if parent.is_some_and(within) {
                        continue;
                    }
                    let name = config.module(*module).path.0.last();
                    let call = parent.and_then(|p| config.module(p).calls.get(name?));
                    call.map(|call| call.span)
                }
                _ => continue,
            };
            listed.push(Deferred {
                declared: node.label(config),
                reason: match because {
                    None => Wait::Repetition,
                    Some(other) => Wait::Dependency(graph.node(*other).label(config)),
                },
                span,
            });
        }
        listed.sort_by(|a, b| a.declared.cmp(&b.declared));
        listed
    }
}

/// Returns what some objects use by the state, directly or through others.
pub(super) fn used_by(state: &State, users: impl Fn(&InstanceAddr) -> bool) -> BTreeSet<ResourcePath> {
    let mut used: BTreeSet<ResourcePath> = BTreeSet::new();
    let mut open: Vec<ResourcePath> = Vec::new();
    for (addr, instance) in &state.instances {
        if users(addr) {
            open.extend(instance.objects().flat_map(|(_, o)| o.dependencies.iter().cloned()));
        }
    }
    let uses = uses(state);
    while let Some(path) = open.pop() {
        if let Some(further) = uses.get(&path) {
            open.extend(further.iter().filter(|p| !used.contains(*p)).cloned());
        }
        used.insert(path);
    }
    used
}
