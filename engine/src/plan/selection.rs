//! Which part of the configuration and of the state a plan is about: `--target` and `--exclude`.
//!
//! What is targeted is planned together with everything it depends on; deleting
//! goes the other way, and takes along what depends on it. What is excluded is
//! left alone together with everything that depends on it. Both are decided once,
//! before anything is evaluated, with one pass over the graph and one over the state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infra_state::State;
use infra_syntax::Diagnostic;
use infra_types::address::Target;
use infra_types::{InstanceAddr, ModuleAddr, ResourcePath};

use super::{PlanMode, PlanOptions};
use crate::config::{Config, ModuleId, ResourceKey};
use crate::graph::{ConfigGraph, Node, NodeId};

/// How much of a declaration is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing of it.
    None,
    /// The instances that an option names (or does not exclude).
    Some,
    /// All of it.
    All,
}

/// What a plan is about.
#[derive(Debug)]
pub(super) enum Selection {
    /// Everything.
    All,
    /// A part.
    Part(Selected),
}

/// A part of the configuration and of the state.
#[derive(Debug)]
pub(super) struct Selected {
    targets: Vec<Target>,
    excludes: Vec<Target>,
    nodes: Vec<Part>,
    resources: HashMap<(ModuleId, ResourceKey), NodeId>,
    /// The objects to delete when destroying.
    destroyed: Option<BTreeSet<InstanceAddr>>,
    /// The resources that objects which are left alone still use.
    in_use: BTreeSet<ResourcePath>,
}

impl Selection {
    /// Decides what a plan with these options is about.
    pub(super) fn new(options: &PlanOptions, config: &Config, graph: &ConfigGraph, state: &State) -> Selection {
        if options.targets.is_empty() && options.excludes.is_empty() {
            return Selection::All;
        }
        let mut selected = Selected {
            targets: options.targets.clone(),
            excludes: options.excludes.clone(),
            nodes: Vec::new(),
            resources: HashMap::new(),
            destroyed: None,
            in_use: BTreeSet::new(),
        };
        for id in graph.order() {
            if let Node::Resource(module, key) = graph.node(*id) {
                selected.resources.insert((*module, key.clone()), *id);
            }
        }
        selected.nodes = if options.excludes.is_empty() {
            selected.targeted(config, graph)
        } else {
            selected.not_excluded(config, graph)
        };
        if options.mode == PlanMode::Destroy {
            let destroyed = if options.excludes.is_empty() {
                with_users(state, &selected.targets)
            } else {
                let kept = with_used(state, &selected.excludes);
                state.instances.keys().filter(|a| !kept.contains(*a)).cloned().collect()
            };
            selected.destroyed = Some(destroyed);
        } else if !options.excludes.is_empty() {
            selected.in_use = selected.still_used(config, state);
        }
        Selection::Part(selected)
    }

    /// Says whether everything is selected.
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Selection::All)
    }

    /// Says whether a declaration is selected, or a part of it.
    pub(super) fn node(&self, id: NodeId) -> bool {
        match self {
            Selection::All => true,
            Selection::Part(selected) => selected.nodes[id.at()] != Part::None,
        }
    }

    /// Says whether an instance of a resource in the configuration is selected.
    pub(super) fn instance(&self, id: NodeId, addr: &InstanceAddr) -> bool {
        match self {
            Selection::All => true,
            Selection::Part(selected) => selected.instance(id, addr),
        }
    }

    /// Says whether an object of the state is selected: to be read, and to be deleted
    /// if the configuration does not have it.
    pub(super) fn object(&self, config: &Config, addr: &InstanceAddr) -> bool {
        match self {
            Selection::All => true,
            Selection::Part(selected) => selected.object(config, addr),
        }
    }

    /// Says whether an object that the configuration does not have (any more) is deleted.
    pub(super) fn orphan(&self, config: &Config, addr: &InstanceAddr) -> bool {
        self.object(config, addr)
            && match self {
                Selection::All => true,
                Selection::Part(selected) => !selected.in_use.contains(&addr.resource.path()),
            }
    }

    /// Says whether the objects that were set aside under an address are deleted.
    pub(super) fn deposed(&self, config: &Config, addr: &InstanceAddr) -> bool {
        match self {
            Selection::All => true,
            Selection::Part(s) if s.excludes.is_empty() && s.destroyed.is_none() => s.is_named(addr),
            Selection::Part(_) => self.orphan(config, addr),
        }
    }

    /// Refuses moves that only a part of the selection would follow.
    pub(super) fn check_moves(&self, moves: &BTreeMap<InstanceAddr, InstanceAddr>) -> Option<Diagnostic> {
        let Selection::Part(selected) = self else { return None };
        let left_out: BTreeSet<&InstanceAddr> = moves
            .iter()
            .flat_map(|(to, from)| [from, to])
            .filter(|addr| selected.is_excluded(addr) || !(selected.targets.is_empty() || selected.is_named(addr)))
            .collect();
        if left_out.is_empty() {
            return None;
        }
        let option = if selected.targets.is_empty() {
            "exclude"
        } else {
            "target"
        };
        let mut d = Diagnostic::error(
            "infra::plan::move_left_out",
            format!("objects have new addresses, and `--{option}` leaves some of them out"),
        )
        .note("an object has to be planned under its old and its new address at once");
        for addr in &left_out {
            d = d.note(format!("left out: `{addr}`"));
        }
        Some(if selected.targets.is_empty() {
            d.help("do not exclude these addresses, or apply the moves first")
        } else {
            let options: Vec<String> = left_out.iter().map(|a| format!("--target='{a}'")).collect();
            d.help(format!("add {}, or apply the moves first", options.join(" ")))
        })
    }

    /// Returns the warning that a plan is not about everything.
    pub(super) fn warning(&self) -> Option<Diagnostic> {
        let Selection::Part(selected) = self else { return None };
        let option = if selected.targets.is_empty() {
            "exclude"
        } else {
            "target"
        };
        Some(
            Diagnostic::warning(
                "infra::plan::partial",
                format!("the plan is not about everything: `--{option}` is in effect"),
            )
            .help("use it for exceptional cases, such as recovering from a mistake; plan without it afterwards"),
        )
    }
}

impl Selected {
    fn is_named(&self, addr: &InstanceAddr) -> bool {
        self.targets.iter().any(|t| t.covers(addr))
    }

    fn is_excluded(&self, addr: &InstanceAddr) -> bool {
        self.excludes.iter().any(|t| t.covers(addr))
    }

    fn instance(&self, id: NodeId, addr: &InstanceAddr) -> bool {
        match self.nodes[id.at()] {
            Part::None => false,
            Part::All => true,
            Part::Some if self.excludes.is_empty() => self.is_named(addr),
            Part::Some => !self.is_excluded(addr),
        }
    }

    fn object(&self, config: &Config, addr: &InstanceAddr) -> bool {
        if let Some(destroyed) = &self.destroyed {
            return destroyed.contains(addr);
        }
        let node = config.find_module(&addr.resource.module.path()).and_then(|module| {
            let key = super::planner::resource_key(addr);
            self.resources.get(&(module.id, key)).copied()
        });
        match node {
            Some(id) => self.instance(id, addr),
            None if self.excludes.is_empty() => self.is_named(addr),
            None => !self.is_excluded(addr),
        }
    }

    /// Selects what targets name, all that it depends on, and the root outputs that
    /// need nothing else.
    fn targeted(&self, config: &Config, graph: &ConfigGraph) -> Vec<Part> {
        let mut nodes = vec![Part::None; graph.len()];
        let mut wanted = vec![false; graph.len()];
        for id in graph.order() {
            let Node::Resource(module, key) = graph.node(*id) else {
                continue;
            };
            let path = &config.module(*module).resources[key].path;
            if self.targets.iter().any(|t| t.mentions(path)) {
                nodes[id.at()] = Part::Some;
                wanted[id.at()] = true;
            }
        }
        let spread = |nodes: &mut Vec<Part>, wanted: &mut Vec<bool>| {
            for id in graph.order().iter().rev() {
                if !wanted[id.at()] {
                    continue;
                }
                if nodes[id.at()] == Part::None {
                    nodes[id.at()] = Part::All;
                }
                for (dependency, _) in graph.dependencies(*id) {
                    wanted[dependency.at()] = true;
                }
            }
        };
        spread(&mut nodes, &mut wanted);
        // Outputs cannot be named; those that come from selected resources alone follow.
        let mut sources = vec![Sources::default(); graph.len()];
        for id in graph.order() {
            let mut own = Sources::default();
            for (dependency, _) in graph.dependencies(*id) {
                own.add(sources[dependency.at()]);
                if matches!(graph.node(dependency), Node::Resource(..)) {
                    own.add(Sources {
                        selected: nodes[dependency.at()] != Part::None,
                        other: nodes[dependency.at()] == Part::None,
                    });
                }
            }
            sources[id.at()] = own;
            let is_output = matches!(graph.node(*id), Node::Output(ModuleId::ROOT, _));
            wanted[id.at()] |= is_output && own.selected && !own.other;
        }
        spread(&mut nodes, &mut wanted);
        nodes
    }

    /// Selects all but what is excluded and what depends on it.
    fn not_excluded(&self, config: &Config, graph: &ConfigGraph) -> Vec<Part> {
        let mut nodes = vec![Part::All; graph.len()];
        for id in graph.order() {
            if graph.dependencies(*id).any(|(d, _)| nodes[d.at()] != Part::All) {
                nodes[id.at()] = Part::None;
            } else if let Node::Resource(module, key) = graph.node(*id) {
                let path = &config.module(*module).resources[key].path;
                if self.excludes.iter().any(|t| t.covers_all(path)) {
                    nodes[id.at()] = Part::None;
                } else if self.excludes.iter().any(|t| t.mentions(path)) {
                    nodes[id.at()] = Part::Some;
                }
            }
        }
        nodes
    }

    /// Returns what objects that stay as they are use, by the state: it cannot be deleted under them.
    fn still_used(&self, config: &Config, state: &State) -> BTreeSet<ResourcePath> {
        super::later::used_by(state, |addr| !self.object(config, addr))
    }
}

/// Which resources something comes from.
#[derive(Clone, Copy, Debug, Default)]
struct Sources {
    /// Selected ones are among them.
    selected: bool,
    /// Others are among them.
    other: bool,
}

impl Sources {
    fn add(&mut self, more: Sources) {
        self.selected |= more.selected;
        self.other |= more.other;
    }
}

/// Returns what each resource uses, by the state.
pub(super) fn uses(state: &State) -> BTreeMap<ResourcePath, BTreeSet<ResourcePath>> {
    let mut uses: BTreeMap<ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
    for (addr, instance) in &state.instances {
        let own = uses.entry(addr.resource.path()).or_default();
        for (_, object) in instance.objects() {
            for path in object.dependencies.iter() {
                if !own.contains(path) {
                    own.insert(path.clone());
                }
            }
        }
    }
    uses
}

/// Returns the objects that targets name, with all that uses them.
///
/// Objects in different instances of one module do not use each other.
fn with_users(state: &State, targets: &[Target]) -> BTreeSet<InstanceAddr> {
    let mut users = Users::default();
    for (addr, instance) in &state.instances {
        for (_, object) in instance.objects() {
            object.dependencies.iter().for_each(|used| users.add(used, addr));
        }
    }
    let named = state.instances.keys().filter(|a| targets.iter().any(|t| t.covers(a)));
    let mut open: Vec<&InstanceAddr> = named.collect();
    let mut found: BTreeSet<InstanceAddr> = BTreeSet::new();
    while let Some(addr) = open.pop() {
        open.extend(users.take(addr));
        found.insert(addr.clone());
    }
    found
}

/// Returns the objects that are excluded, with all that they use.
fn with_used(state: &State, excludes: &[Target]) -> BTreeSet<InstanceAddr> {
    let uses = uses(state);
    let mut open: Vec<ResourcePath> = Vec::new();
    let mut kept: BTreeSet<InstanceAddr> = BTreeSet::new();
    for addr in state.instances.keys() {
        if excludes.iter().any(|t| t.covers(addr)) {
            open.push(addr.resource.path());
            kept.insert(addr.clone());
        }
    }
    let mut used: BTreeSet<ResourcePath> = BTreeSet::new();
    while let Some(path) = open.pop() {
        for next in uses.get(&path).into_iter().flatten() {
            if used.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    let addresses = state.instances.keys();
    kept.extend(addresses.filter(|a| used.contains(&a.resource.path())).cloned());
    kept
}

/// Who uses each resource: those in the same module, by instance of the module, and those elsewhere.
#[derive(Default)]
struct Users<'s> {
    elsewhere: BTreeMap<&'s ResourcePath, Vec<&'s InstanceAddr>>,
    within: BTreeMap<&'s ResourcePath, BTreeMap<&'s ModuleAddr, Vec<&'s InstanceAddr>>>,
}

impl<'s> Users<'s> {
    fn add(&mut self, used: &'s ResourcePath, user: &'s InstanceAddr) {
        let module = &user.resource.module;
        if module.path() == used.module {
            let by_module = self.within.entry(used).or_default();
            by_module.entry(module).or_default().push(user);
        } else {
            self.elsewhere.entry(used).or_default().push(user);
        }
    }

    /// Takes out the users of an object. Each group is taken once, so all of it is linear.
    fn take(&mut self, addr: &InstanceAddr) -> Vec<&'s InstanceAddr> {
        let path = addr.resource.path();
        let mut users = self.elsewhere.remove(&path).unwrap_or_default();
        let within = self
            .within
            .get_mut(&path)
            .and_then(|by_module| by_module.remove(&addr.resource.module));
        users.extend(within.unwrap_or_default());
        users
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use infra_state::{InstanceState, ObjectState};
    use infra_types::Value;

    use super::*;

    /// A state of objects with what they use.
    fn state(objects: &[(&str, &[&str])]) -> State {
        let mut state = State::new("test");
        for (addr, uses) in objects {
            let mut object = ObjectState::new("t", 0, Value::null());
            let path = |used: &&str| used.parse::<InstanceAddr>().unwrap().resource.path();
            object.dependencies = uses.iter().map(path).collect();
            let instance = InstanceState {
                current: Some(Arc::new(object)),
                ..InstanceState::default()
            };
            state.set_instance(addr.parse().unwrap(), instance);
        }
        state
    }

    fn targets(texts: &[&str]) -> Vec<Target> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn shown(addresses: BTreeSet<InstanceAddr>) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn users_go_with_what_they_use() {
        let state = state(&[("t.a", &[]), ("t.b", &["t.a"]), ("t.c", &["t.b"]), ("t.d", &[])]);
        assert_eq!(shown(with_users(&state, &targets(&["t.b"]))), ["t.b", "t.c"]);
        assert_eq!(shown(with_users(&state, &targets(&["t.d"]))), ["t.d"]);
        assert_eq!(shown(with_users(&state, &targets(&["t.zz"]))), Vec::<String>::new());
    }

    #[test]
    fn instances_of_a_module_do_not_use_each_other() {
        let state = state(&[
            ("module.m[0].t.a", &[]),
            ("module.m[0].t.b", &["module.m.t.a"]),
            ("module.m[1].t.a", &[]),
            ("module.m[1].t.b", &["module.m.t.a"]),
            ("t.c", &["module.m.t.a"]),
        ]);
        let found = with_users(&state, &targets(&["module.m[0].t.a"]));
        assert_eq!(shown(found), ["t.c", "module.m[0].t.a", "module.m[0].t.b"]);
    }

    #[test]
    fn what_is_left_alone_keeps_what_it_uses() {
        let state = state(&[("t.a", &[]), ("t.b", &["t.a"]), ("t.c", &["t.b"]), ("t.d", &[])]);
        assert_eq!(shown(with_used(&state, &targets(&["t.b"]))), ["t.a", "t.b"]);
    }
}
