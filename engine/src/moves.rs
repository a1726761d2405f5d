//! Renames addresses of the state before planning: `moved` blocks, and what a new or dropped `count` implies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_state::{ObjectState, State};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, ResourcePath, Str};

use crate::config::{Config, Moved, Repetition};

/// The state after moves.
pub struct Moves {
    /// The state under its new addresses.
    pub state: State,
    /// New address to old address.
    pub moves: BTreeMap<InstanceAddr, InstanceAddr>,
    /// What could not be moved.
    pub diagnostics: Diagnostics,
}

/// Applies all `moved` blocks, each in every instance of the module it stands in, then what is implied.
///
/// Chains (`a` to `b`, `b` to `c`) are followed to their end.
pub fn apply(config: &Config, state: &State) -> Moves {
    let blocks: Vec<(&infra_types::ModulePath, &Moved)> = config
        .modules
        .iter()
        .flat_map(|m| m.moved.iter().map(move |b| (&m.path, b)))
        .collect();
    let mut out = Moves {
        state: state.clone(),
        moves: BTreeMap::new(),
        diagnostics: Diagnostics::new(),
    };
    for old in state.instances.keys() {
        let mut at = old.clone();
        let mut seen = vec![old.clone()];
        let mut blocked = false;
        // A chain visits each block at most once.
        for _ in 0..=blocks.len() {
            let next = blocks.iter().find_map(|(module, block)| {
                let to = rename(module, block, seen.last()?)?;
                Some((to, *block))
            });
            let Some((to, block)) = next else { break };
            if seen.contains(&to) {
                out.diagnostics.push(
                    Diagnostic::error(
                        "infra::plan::move_circle",
                        format!("`{to}` moves to itself by way of others"),
                    )
                    .at(block.span, "leads back to where it began")
                    .help("remove one of the `moved` blocks; to swap two objects, use `infra state mv`"),
                );
                break;
            }
            seen.push(to.clone());
            if blocked {
                continue;
            }
            if out.state.instances.contains_key(&to) {
                out.diagnostics.push(
                    Diagnostic::warning(
                        "infra::plan::move_blocked",
                        format!("`{at}` cannot be moved to `{to}`: that address is taken"),
                    )
                    .at(block.span, "this move")
                    .help("remove or move what is there first (`infra state mv`)"),
                );
                blocked = true;
                continue;
            }
            if let Some(instance) = out.state.instances.remove(&at) {
                out.state.instances.insert(to.clone(), instance);
            }
            at = to;
        }
        if at != *old {
            out.moves.insert(at, old.clone());
        }
    }
    implied(config, &mut out);
    rename_dependencies(&mut out);
    out
}

/// Returns where an address that is not in the state (of a create whose answer
/// was lost, say) is now.
pub fn follow(config: &Config, addr: &InstanceAddr) -> InstanceAddr {
    let blocks = config
        .modules
        .iter()
        .flat_map(|m| m.moved.iter().map(move |b| (&m.path, b)));
    let mut at = addr.clone();
    for _ in blocks.clone() {
        match blocks.clone().find_map(|(module, block)| rename(module, block, &at)) {
            Some(to) => at = to,
            None => break,
        }
    }
    at
}

/// Moves what is implied: the only instance of a resource is its first one once
/// it has a `count`, and the other way round.
fn implied(config: &Config, out: &mut Moves) {
    let mut moves = Vec::new();
    for addr in out.state.instances.keys() {
        if !matches!(addr.key, InstanceKey::None | InstanceKey::Int(0)) || addr.resource.mode != Mode::Managed {
            continue;
        }
        let Some(resource) = config.find_resource(&addr.resource.path()) else {
            continue;
        };
        let key = match (&resource.repetition, &addr.key) {
            (Repetition::Single, InstanceKey::Int(0)) => InstanceKey::None,
            (Repetition::Count(_), InstanceKey::None) => InstanceKey::Int(0),
            _ => continue,
        };
        let to = addr.resource.instance(key);
        if !out.state.instances.contains_key(&to) {
            moves.push((addr.clone(), to));
        }
    }
    for (from, to) in moves {
        if let Some(instance) = out.state.instances.remove(&from) {
            out.state.instances.insert(to.clone(), instance);
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
    for instance in out.state.instances.values_mut() {
        instance.current.iter_mut().for_each(rename);
        instance.deposed.values_mut().for_each(rename);
    }
}

/// Returns the new address if the block speaks of this one.
fn rename(module: &infra_types::ModulePath, block: &Moved, at: &InstanceAddr) -> Option<InstanceAddr> {
    let depth = module.0.len();
    let path = &at.resource.module.0;
    if path.len() < depth || !path.iter().zip(module.0.iter()).all(|((name, _), m)| name == m) {
        return None;
    }
    let (base, inner) = path.split_at(depth);
    match (&block.from, &block.to) {
        (Target::Resource(from), Target::Resource(to)) => {
            let same = *inner == *from.resource.module.0
                && from.resource.mode == at.resource.mode
                && from.resource.ty == at.resource.ty
                && from.resource.name == at.resource.name;
            // Without keys the whole resource moves; so does a lone instance to or from a key.
            let key = if from.key == at.key {
                if from.key == InstanceKey::None && to.key == InstanceKey::None {
                    at.key.clone()
                } else {
                    to.key.clone()
                }
            } else if from.key == InstanceKey::None && to.key == InstanceKey::None {
                at.key.clone()
            } else {
                return None;
            };
            if !same {
                return None;
            }
            let mut moved = at.clone();
            moved.resource.module = joined(base, &to.resource.module.0);
            moved.resource.ty = to.resource.ty.clone();
            moved.resource.name = to.resource.name.clone();
            moved.key = key;
            (moved != *at).then_some(moved)
        }
        (Target::Module(from), Target::Module(to)) => {
            let n = from.0.len();
            if inner.len() < n {
                return None;
            }
            let (head, tail) = inner.split_at(n);
            let (last_from, last_to) = (from.0.last()?, to.0.last()?);
            let (last, before) = head.split_last()?;
            if *before != from.0[..n - 1] || last.0 != last_from.0 {
                return None;
            }
            let key = if last.1 == last_from.1 && (last_from.1 != InstanceKey::None || last_to.1 != InstanceKey::None) {
                last_to.1.clone()
            } else if last_from.1 == InstanceKey::None && last_to.1 == InstanceKey::None {
                last.1.clone()
            } else {
                return None;
            };
            let mut new = to.0.to_vec();
            if let Some(end) = new.last_mut() {
                end.1 = key;
            }
            new.extend_from_slice(tail);
            let mut moved = at.clone();
            moved.resource.module = joined(base, &new);
            (moved != *at).then_some(moved)
        }
        _ => None,
    }
}

fn joined(base: &[(Str, InstanceKey)], rest: &[(Str, InstanceKey)]) -> ModuleAddr {
    ModuleAddr(base.iter().chain(rest).cloned().collect::<Vec<_>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, at: &str, expect: Option<&str>) {
        let block = Moved {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            span: infra_syntax::Span::default(),
            from_span: infra_syntax::Span::default(),
            to_span: infra_syntax::Span::default(),
        };
        let got = rename(&infra_types::ModulePath::root(), &block, &at.parse().unwrap());
        assert_eq!(got.map(|a| a.to_string()).as_deref(), expect, "{from} -> {to}: {at}");
    }

    #[test]
    fn addresses_are_renamed() {
        check("t.a", "t.b", "t.a", Some("t.b"));
        check("t.a", "t.b", "t.a[0]", Some("t.b[0]"));
        check("t.a", "t.a[0]", "t.a", Some("t.a[0]"));
        check("t.a[0]", "t.a[\"x\"]", "t.a[0]", Some("t.a[\"x\"]"));
        check("t.a[0]", "t.a[\"x\"]", "t.a[1]", None);
        check("t.a", "module.m.t.a", "t.a", Some("module.m.t.a"));
        check("module.m", "module.n", "module.m[0].t.a", Some("module.n[0].t.a"));
        check("module.m", "module.m[0]", "module.m.t.a", Some("module.m[0].t.a"));
        check("module.m[0]", "module.n", "module.m[1].t.a", None);
        check("t.a", "t.b", "module.m.t.a", None);
    }
}
