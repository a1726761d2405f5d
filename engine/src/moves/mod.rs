//! Renames addresses of the state before planning: `moved` blocks, and what a new or dropped `count` implies.
//!
//! The blocks are put in order first ([`order`]): one whose source is the target of
//! another comes after it, and inner moves fit around outer ones. Then each is applied
//! to the whole state, as Terraform does. An address that is taken blocks its move.

mod order;
mod rename;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_state::{ObjectState, State};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, ModulePath, ResourceAddr, ResourcePath};

use crate::config::{Config, Repetition};
use crate::eval::world::World;
use rename::rename;

/// The state after moves.
pub struct Moves {
    /// The state under its new addresses.
    pub state: Arc<State>,
    /// New address to old address.
    pub moves: BTreeMap<InstanceAddr, InstanceAddr>,
    /// What could not be moved.
    pub diagnostics: Diagnostics,
}

/// One move: of a block, or implied.
struct Statement<'c> {
    /// The module that its addresses are relative to.
    module: &'c ModulePath,
    from: Target,
    to: Target,
    /// The block; nothing if it is implied.
    span: Option<Span>,
}

/// Applies all `moved` blocks, each in every instance of the module it stands in, and what is implied.
pub fn apply(config: &Config, state: &Arc<State>) -> Moves {
    let root = ModulePath::root();
    let mut statements = blocks(config);
    let implied = implied(config, state, &statements, &root);
    statements.extend(implied);
    let mut out = Moves {
        state: Arc::clone(state),
        moves: BTreeMap::new(),
        diagnostics: Diagnostics::new(),
    };
    if statements.is_empty() {
        return out;
    }
    let order = match order::order(&statements) {
        Ok(order) => order,
        Err(circle) => {
            out.diagnostics.push(circle);
            return out;
        }
    };
    let mut books = Books::new(state);
    for i in order {
        books.apply(&statements[i], &mut out);
    }
    // What came back to where it was did not move.
    out.moves.retain(|to, from| to != from);
    rename_dependencies(&mut out);
    out
}

/// Returns where an address that is not in the state (of a create whose answer
/// was lost, say) is now.
pub fn follow(config: &Config, addr: &InstanceAddr) -> InstanceAddr {
    let statements = blocks(config);
    let Ok(order) = order::order(&statements) else {
        return addr.clone();
    };
    let mut at = addr.clone();
    for i in order {
        let s = &statements[i];
        at = rename(s.module, &s.from, &s.to, &at).unwrap_or(at);
    }
    at
}

/// Reports blocks that contradict the configuration, now that all instances are known:
/// what moved away must not be there any more, and each object has one source and one target.
pub fn check(config: &Config, world: &World<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut sources: BTreeMap<String, (String, Span)> = BTreeMap::new();
    let mut targets: BTreeMap<String, (String, Span)> = BTreeMap::new();
    for module in &config.modules {
        for block in &module.moved {
            for at in world.instances_of(module.id) {
                let base = world.module_addr(at);
                let (from, to) = (within(&base, &block.from), within(&base, &block.to));
                let (source, target) = (from.to_string(), to.to_string());
                let one_instance = last_key(&block.from) != last_key(&block.to);
                if exists(world, &from, one_instance) {
                    diagnostics.push(
                        Diagnostic::error(
                            "infra::plan::moved_exists",
                            format!("`{source}` is said to have moved, but it is still declared"),
                        )
                        .at(block.from_span, "still declared")
                        .help(format!("declare it as `{target}` instead, or remove the `moved` block")),
                    );
                }
                let first = sources
                    .entry(source.clone())
                    .or_insert((target.clone(), block.from_span));
                if first.0 != target {
                    diagnostics.push(ambiguous(
                        format!("`{source}` cannot move to two places"),
                        block.from_span,
                        first.1,
                    ));
                }
                let first = targets.entry(target.clone()).or_insert((source.clone(), block.to_span));
                if first.0 != source {
                    diagnostics.push(ambiguous(
                        format!("two objects cannot both move to `{target}`"),
                        block.to_span,
                        first.1,
                    ));
                }
            }
        }
    }
    diagnostics
}

fn ambiguous(message: String, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error("infra::plan::ambiguous_move", message)
        .at(at, "the second move")
        .related(first, "the first move")
        .help("remove one of the `moved` blocks")
}

/// Returns an address as seen from the root module.
fn within(base: &ModuleAddr, target: &Target) -> Target {
    let join = |inner: &ModuleAddr| ModuleAddr(base.0.iter().chain(inner.0.iter()).cloned().collect::<Vec<_>>().into());
    match target {
        Target::Module(module) => Target::Module(join(module)),
        Target::Resource(addr) => {
            let mut addr = addr.clone();
            addr.resource.module = join(&addr.resource.module);
            Target::Resource(addr)
        }
    }
}

fn last_key(target: &Target) -> InstanceKey {
    match target {
        Target::Module(module) => module.0.last().map(|(_, key)| key.clone()).unwrap_or_default(),
        Target::Resource(addr) => addr.key.clone(),
    }
}

/// Says whether what an address names is declared: one instance, or all of a resource or module.
fn exists(world: &World<'_>, target: &Target, one_instance: bool) -> bool {
    let one_instance = one_instance || last_key(target) != InstanceKey::None;
    match target {
        Target::Module(module) if one_instance => world.find_module(module).is_some(),
        Target::Module(module) => {
            let caller = module.parent().and_then(|parent| world.find_module(&parent));
            let name = module.0.last().map(|(name, _)| name);
            caller
                .zip(name)
                .is_some_and(|(at, name)| world.module_of(at).calls.contains_key(name))
        }
        Target::Resource(addr) => world.find_module(&addr.resource.module).is_some_and(|at| {
            let key = crate::plan::resource_key(addr);
            match one_instance {
                true => world.instance(at, &key, &addr.key).is_some(),
                false => world.module_of(at).resources.contains_key(&key),
            }
        }),
    }
}

fn blocks(config: &Config) -> Vec<Statement<'_>> {
    let statement = |module, block: &crate::config::Moved| Statement {
        module,
        from: block.from.clone(),
        to: block.to.clone(),
        span: Some(block.span),
    };
    let modules = config.modules.iter();
    modules
        .flat_map(|m| m.moved.iter().map(move |block| statement(&m.path, block)))
        .collect()
}

/// Returns the moves that are implied: the only instance of a resource is its first
/// one once it has a `count`, and the other way round. Blocks about the resource
/// come instead.
fn implied<'c>(config: &Config, state: &State, blocks: &[Statement<'c>], root: &'c ModulePath) -> Vec<Statement<'c>> {
    let mut explicit: BTreeMap<ResourcePath, Vec<&Statement<'c>>> = BTreeMap::new();
    for block in blocks {
        if let Target::Resource(from) = &block.from {
            let inner = from.resource.path();
            let path = ResourcePath {
                module: block
                    .module
                    .0
                    .iter()
                    .chain(inner.module.0.iter())
                    .cloned()
                    .collect::<Vec<_>>()
                    .into(),
                ..inner
            };
            explicit.entry(path).or_default().push(block);
        }
    }
    let mut moves = Vec::new();
    for addr in state.instances.keys() {
        if !matches!(addr.key, InstanceKey::None | InstanceKey::Int(0)) || addr.resource.mode != Mode::Managed {
            continue;
        }
        let path = addr.resource.path();
        let Some(resource) = config.find_resource(&path) else {
            continue;
        };
        let key = match (&resource.repetition, &addr.key) {
            (Repetition::Single, InstanceKey::Int(0)) => InstanceKey::None,
            (Repetition::Count(_), InstanceKey::None) => InstanceKey::Int(0),
            _ => continue,
        };
        let spoken_of = |block: &&Statement<'_>| match &block.from {
            Target::Resource(from) => {
                let inner = &addr.resource.module.0[block.module.0.len()..];
                *inner == *from.resource.module.0
            }
            Target::Module(_) => false,
        };
        if explicit.get(&path).is_none_or(|blocks| !blocks.iter().any(spoken_of)) {
            moves.push(Statement {
                module: root,
                from: Target::Resource(addr.clone()),
                to: Target::Resource(addr.resource.instance(key)),
                span: None,
            });
        }
    }
    moves
}

/// The addresses of the state, by resource, while moves are applied.
struct Books {
    by_path: BTreeMap<ResourcePath, BTreeSet<InstanceAddr>>,
    /// How many instances each resource and each module instance has.
    resources: BTreeMap<ResourceAddr, usize>,
    modules: BTreeMap<ModuleAddr, usize>,
}

impl Books {
    fn new(state: &State) -> Books {
        let mut books = Books {
            by_path: BTreeMap::new(),
            resources: BTreeMap::new(),
            modules: BTreeMap::new(),
        };
        for addr in state.instances.keys() {
            books.add(addr);
        }
        books
    }

    fn add(&mut self, addr: &InstanceAddr) {
        self.by_path
            .entry(addr.resource.path())
            .or_default()
            .insert(addr.clone());
        *self.resources.entry(addr.resource.clone()).or_default() += 1;
        *self.modules.entry(addr.resource.module.clone()).or_default() += 1;
    }

    fn remove(&mut self, addr: &InstanceAddr) {
        if let Some(addresses) = self.by_path.get_mut(&addr.resource.path()) {
            addresses.remove(addr);
        }
        if let Some(count) = self.resources.get_mut(&addr.resource) {
            *count -= 1;
        }
        if let Some(count) = self.modules.get_mut(&addr.resource.module) {
            *count -= 1;
        }
    }

    /// Returns the addresses that a statement moves, with where they go.
    fn affected(&self, s: &Statement<'_>) -> Vec<(InstanceAddr, InstanceAddr)> {
        let path = |inner: ModulePath| ModulePath(s.module.0.iter().chain(inner.0.iter()).cloned().collect());
        let renamed = |addr: &InstanceAddr| Some((addr.clone(), rename(s.module, &s.from, &s.to, addr)?));
        match &s.from {
            Target::Resource(from) => {
                let inner = from.resource.path();
                let path = ResourcePath {
                    module: path(inner.module),
                    ..inner
                };
                self.by_path
                    .get(&path)
                    .into_iter()
                    .flatten()
                    .filter_map(renamed)
                    .collect()
            }
            Target::Module(from) => {
                let module = path(from.path());
                let first = ResourcePath {
                    module: module.clone(),
                    mode: Mode::Managed,
                    ty: "".into(),
                    name: "".into(),
                };
                let inside = self
                    .by_path
                    .range(first..)
                    .take_while(|(path, _)| path.module.0.starts_with(&module.0));
                inside
                    .flat_map(|(_, addresses)| addresses)
                    .filter_map(renamed)
                    .collect()
            }
        }
    }

    /// Says whether there is something already where an address goes: the instance, or
    /// anything of the resource or module that moves as a whole.
    fn taken(&self, s: &Statement<'_>, to: &InstanceAddr, state: &State) -> bool {
        let has = |count: Option<&usize>| count.is_some_and(|count| *count > 0);
        match (&s.from, &s.to) {
            (Target::Module(_), _) => has(self.modules.get(&to.resource.module)),
            (Target::Resource(a), Target::Resource(b)) if a.key == InstanceKey::None && b.key == InstanceKey::None => {
                has(self.resources.get(&to.resource))
            }
            _ => state.instances.contains_key(to),
        }
    }

    fn apply(&mut self, s: &Statement<'_>, out: &mut Moves) {
        let affected = self.affected(s);
        let (blocked, free): (Vec<_>, Vec<_>) = affected.into_iter().partition(|(_, to)| self.taken(s, to, &out.state));
        for (from, to) in blocked {
            out.diagnostics.extend(s.span.map(|span| {
                Diagnostic::warning(
                    "infra::plan::move_blocked",
                    format!("`{from}` cannot be moved to `{to}`: that address is taken"),
                )
                .at(span, "this move")
                .help("remove or move what is there first (`infra state mv`)")
            }));
        }
        if free.is_empty() {
            return;
        }
        let instances = &mut Arc::make_mut(&mut out.state).instances;
        for (from, to) in free {
            let Some(instance) = instances.remove(&from) else {
                continue;
            };
            self.remove(&from);
            self.add(&to);
            instances.insert(to.clone(), instance);
            let old = out.moves.remove(&from).unwrap_or(from);
            out.moves.insert(to, old);
        }
    }
}

/// Lets objects depend on what they used under its new name.
fn rename_dependencies(out: &mut Moves) {
    let mut renamed: BTreeMap<ResourcePath, BTreeSet<ResourcePath>> = BTreeMap::new();
    for (to, from) in &out.moves {
        let (from, to) = (from.resource.path(), to.resource.path());
        if from != to {
            renamed.entry(from).or_default().insert(to);
        }
    }
    if renamed.is_empty() {
        return;
    }
    // Where only some instances moved, users may use those that stayed.
    for path in out.state.instances.keys().map(|a| a.resource.path()) {
        if let Some(to) = renamed.get_mut(&path) {
            to.insert(path);
        }
    }
    let rename = |object: &mut Arc<ObjectState>| {
        if object.dependencies.iter().any(|d| renamed.contains_key(d)) {
            let mut new: BTreeSet<ResourcePath> = BTreeSet::new();
            for path in object.dependencies.iter() {
                match renamed.get(path) {
                    Some(to) => new.extend(to.iter().cloned()),
                    None => {
                        new.insert(path.clone());
                    }
                }
            }
            Arc::make_mut(object).dependencies = new.into_iter().collect();
        }
    };
    for instance in Arc::make_mut(&mut out.state).instances.values_mut() {
        instance.current.iter_mut().for_each(rename);
        instance.deposed.values_mut().for_each(rename);
    }
}
