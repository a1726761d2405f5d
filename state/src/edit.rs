//! Edits of a state by hand: find, move and remove entries.
//!
//! Pure functions; nothing happens to the objects themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, ModuleAddr, ResourcePath, Str, suggest};

use crate::{InstanceState, ObjectState, State};

/// Why a state cannot be edited so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The state has nothing there.
    #[error("the state has no `{target}`")]
    NotFound {
        /// What was looked for.
        target: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// There is something at the destination.
    #[error("`{from}` cannot move to `{to}`: there is an object already")]
    Taken {
        /// The address to move.
        from: String,
        /// The taken address.
        to: String,
    },
    /// Source and destination are of different kinds.
    #[error("`{from}` cannot move to `{to}`: {why}")]
    Mismatch {
        /// What was to move.
        from: String,
        /// Where to.
        to: String,
        /// What does not match.
        why: &'static str,
    },
}

impl EditError {
    /// Returns the stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            EditError::NotFound { .. } => "infra::state::not_found",
            EditError::Taken { .. } => "infra::state::taken",
            EditError::Mismatch { .. } => "infra::state::mismatch",
        }
    }

    /// Says what to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            EditError::NotFound { suggestion, .. } => Some(suggestion.as_ref().map_or_else(
                || "`infra state list` shows what there is.".into(),
                |s| format!("Did you mean `{s}`?"),
            )),
            EditError::Taken { to, .. } => Some(format!(
                "Move `{to}` somewhere else first, or remove it with `infra state rm`."
            )),
            EditError::Mismatch { .. } => None,
        }
    }
}

/// Returns the addresses that a target covers.
///
/// A resource without a key covers all its instances, and a module without a key
/// all of its. An address with a key covers exactly that.
pub fn select(state: &State, target: &Target) -> Result<Vec<InstanceAddr>, EditError> {
    let found: Vec<InstanceAddr> = match target {
        Target::Resource(addr) if addr.key == InstanceKey::None => {
            state.instances_of(&addr.resource).map(|(a, _)| a.clone()).collect()
        }
        Target::Resource(addr) => state
            .instances
            .contains_key(addr)
            .then(|| addr.clone())
            .into_iter()
            .collect(),
        Target::Module(module) => {
            let within = |a: &&InstanceAddr| is_within(&a.resource.module, module);
            state.instances.keys().filter(within).cloned().collect()
        }
    };
    if found.is_empty() {
        return Err(not_found(state, target));
    }
    Ok(found)
}

/// Returns the addresses that the targets cover, sorted; all without targets.
pub fn list(state: &State, targets: &[Target]) -> Result<Vec<InstanceAddr>, EditError> {
    if targets.is_empty() {
        return Ok(state.instances.keys().cloned().collect());
    }
    Ok(select_all(state, targets)?.into_iter().collect())
}

/// Moves what `from` covers to `to`: an instance, a resource, or a module.
///
/// What depends on a resource that moved away wholly follows it.
pub fn move_instances(state: &State, from: &Target, to: &Target) -> Result<State, EditError> {
    let sources = select(state, from)?;
    let mismatch = |why| EditError::Mismatch {
        from: show(from),
        to: show(to),
        why,
    };
    let renames: BTreeMap<InstanceAddr, InstanceAddr> = match (from, to) {
        (Target::Module(from), Target::Module(to)) => {
            if is_within(to, from) && to != from {
                return Err(mismatch("a module cannot move into itself"));
            }
            let moved = |a: InstanceAddr| (a.clone(), in_module(&a, from, to));
            sources.into_iter().map(moved).collect()
        }
        (Target::Resource(from), Target::Resource(to)) => {
            if (from.resource.mode, &from.resource.ty) != (to.resource.mode, &to.resource.ty) {
                return Err(mismatch("the types differ"));
            }
            resource_renames(sources, from, to).ok_or_else(|| {
                mismatch("the source has several instances, or other keys, and the destination is one instance")
            })?
        }
        (Target::Module(_), Target::Resource(_)) => {
            return Err(mismatch("a module is no resource"));
        }
        (Target::Resource(_), Target::Module(_)) => {
            return Err(mismatch(
                "the destination is a module; add the resource's type and name",
            ));
        }
    };
    rename(state, &renames)
}

/// Removes what the targets cover; returns also what was removed.
pub fn remove(state: &State, targets: &[Target]) -> Result<(State, Vec<InstanceAddr>), EditError> {
    let removed = select_all(state, targets)?;
    let mut state = state.clone();
    for addr in &removed {
        state.instances.remove(addr);
    }
    Ok((state, removed.into_iter().collect()))
}

fn select_all(state: &State, targets: &[Target]) -> Result<BTreeSet<InstanceAddr>, EditError> {
    let mut found = BTreeSet::new();
    for target in targets {
        found.extend(select(state, target)?);
    }
    Ok(found)
}

/// Returns where each instance of a resource goes; nothing if that cannot be.
fn resource_renames(
    sources: Vec<InstanceAddr>,
    from: &InstanceAddr,
    to: &InstanceAddr,
) -> Option<BTreeMap<InstanceAddr, InstanceAddr>> {
    let whole = from.key == InstanceKey::None && to.key == InstanceKey::None;
    if whole {
        let moved = |a: InstanceAddr| (a.clone(), to.resource.instance(a.key));
        return Some(sources.into_iter().map(moved).collect());
    }
    match sources.as_slice() {
        // Without a key `from` means the one instance that has none.
        [one] if one.key == from.key => Some([(one.clone(), to.clone())].into()),
        _ => None,
    }
}

/// Says whether `module` is `ancestor` or within it.
fn is_within(module: &ModuleAddr, ancestor: &ModuleAddr) -> bool {
    let Some((last, calls)) = ancestor.0.split_last() else {
        return true;
    };
    let Some((here, _)) = module.0.split_at_checked(ancestor.0.len()) else {
        return false;
    };
    let any_key = last.1 == InstanceKey::None;
    let (here_last, here_calls) = here.split_last().expect("it is as long as the ancestor");
    here_calls == calls && here_last.0 == last.0 && (any_key || here_last.1 == last.1)
}

/// Returns an address with the module `from` in it replaced by `to`.
fn in_module(addr: &InstanceAddr, from: &ModuleAddr, to: &ModuleAddr) -> InstanceAddr {
    let depth = from.0.len();
    let own = &addr.resource.module.0;
    let mut calls: Vec<(Str, InstanceKey)> = to.0.to_vec();
    // A module call moves with the keys of its instances.
    if let (Some(last), Some((_, from_key)), Some((_, own_key))) = (
        calls.last_mut(),
        from.0.last(),
        depth.checked_sub(1).and_then(|i| own.get(i)),
    ) && *from_key == InstanceKey::None
        && last.1 == InstanceKey::None
    {
        last.1 = own_key.clone();
    }
    calls.extend_from_slice(&own[depth..]);
    let mut addr = addr.clone();
    addr.resource.module = ModuleAddr(calls.into());
    addr
}

/// Files instances under other addresses.
fn rename(state: &State, renames: &BTreeMap<InstanceAddr, InstanceAddr>) -> Result<State, EditError> {
    let mut instances = state.instances.clone();
    let mut moved = Vec::with_capacity(renames.len());
    for (from, to) in renames {
        if let Some(instance) = instances.remove(from) {
            moved.push((from, to, instance));
        }
    }
    for (from, to, instance) in moved {
        let taken = instances.insert(to.clone(), instance).is_some();
        if taken {
            return Err(EditError::Taken {
                from: from.to_string(),
                to: to.to_string(),
            });
        }
    }
    let left: BTreeSet<ResourcePath> = instances.keys().map(|a| a.resource.path()).collect();
    let paths: BTreeMap<ResourcePath, ResourcePath> = renames
        .iter()
        .map(|(from, to)| (from.resource.path(), to.resource.path()))
        .filter(|(from, to)| from != to && !left.contains(from))
        .collect();
    if !paths.is_empty() {
        for instance in instances.values_mut() {
            rename_dependencies(instance, &paths);
        }
    }
    Ok(State {
        instances,
        ..state.clone()
    })
}

fn rename_dependencies(instance: &mut InstanceState, paths: &BTreeMap<ResourcePath, ResourcePath>) {
    let InstanceState { current, deposed } = instance;
    for object in current.iter_mut().chain(deposed.values_mut()) {
        if object.dependencies.iter().all(|d| !paths.contains_key(d)) {
            continue;
        }
        let renamed = object.dependencies.iter().map(|d| paths.get(d).unwrap_or(d).clone());
        let renamed: BTreeSet<ResourcePath> = renamed.collect();
        *object = Arc::new(ObjectState {
            dependencies: renamed.into_iter().collect(),
            ..(**object).clone()
        });
    }
}

fn show(target: &Target) -> String {
    match target {
        Target::Module(module) => module.to_string(),
        Target::Resource(addr) => addr.to_string(),
    }
}

fn not_found(state: &State, target: &Target) -> EditError {
    let name = show(target);
    let candidates: BTreeSet<String> = match target {
        Target::Module(_) => state
            .instances
            .keys()
            .flat_map(|a| ancestors(&a.resource.module))
            .collect(),
        Target::Resource(addr) => {
            let with_key = addr.key != InstanceKey::None;
            let keyed = state.instances.keys().filter(|_| with_key).map(InstanceAddr::to_string);
            keyed
                .chain(state.instances.keys().map(|a| a.resource.to_string()))
                .collect()
        }
    };
    let suggestion = suggest(&name, candidates.iter().map(String::as_str)).map(str::to_owned);
    EditError::NotFound {
        target: name,
        suggestion,
    }
}

/// Returns the texts of a module and the modules around it.
fn ancestors(module: &ModuleAddr) -> impl Iterator<Item = String> {
    let innermost = (!module.is_root()).then(|| module.clone());
    std::iter::successors(innermost, |m| m.parent().filter(|m| !m.is_root())).map(|m| m.to_string())
}

#[cfg(test)]
mod tests {
    use infra_types::Value;

    use super::*;

    /// Makes a state of addresses; `a > b` makes `a` depend on `b`.
    fn state(lines: &[&str]) -> State {
        let mut state = State::new("l");
        for line in lines {
            let (addr, dependency) = line.split_once(" > ").unwrap_or((line, ""));
            let mut object = ObjectState::new("core", 0, Value::object([("id", Value::from(addr))]));
            if !dependency.is_empty() {
                object.dependencies = [target_addr(dependency).resource.path()].into();
            }
            state.set_instance(target_addr(addr), InstanceState::of(object));
        }
        state
    }

    fn target_addr(text: &str) -> InstanceAddr {
        text.parse().unwrap()
    }

    /// Lists each address with the id of its object and its dependencies.
    fn lines(state: &State) -> Vec<String> {
        let line = |(addr, instance): (&InstanceAddr, &InstanceState)| {
            let object = instance.current.as_ref().unwrap();
            let id = object.attributes.get_str("id").unwrap();
            let depends: String = object.dependencies.iter().map(|d| format!(" > {d}")).collect();
            format!("{addr} = {id}{depends}")
        };
        state.instances.iter().map(line).collect()
    }

    fn check_move(before: &[&str], from: &str, to: &str, after: &[&str]) {
        let moved = move_instances(&state(before), &from.parse().unwrap(), &to.parse().unwrap());
        match moved {
            Ok(moved) => assert_eq!(lines(&moved), after),
            Err(e) => {
                let help = e.help().map(|h| format!(" {h}")).unwrap_or_default();
                assert_eq!([format!("{e}.{help}")], after);
            }
        }
    }

    #[test]
    fn instances_move() {
        check_move(&["t.a"], "t.a", "t.b", &["t.b = t.a"]);
        check_move(&["t.a"], "t.a", "t.a[0]", &["t.a[0] = t.a"]);
        check_move(
            &["t.a[0]", "t.a[1]"],
            "t.a[0]",
            "t.b",
            &["t.a[1] = t.a[1]", "t.b = t.a[0]"],
        );
        check_move(
            &["t.a[0]"],
            "t.a[0]",
            "module.m.t.a[\"x\"]",
            &["module.m.t.a[\"x\"] = t.a[0]"],
        );
        check_move(&["t.a"], "t.a", "t.a", &["t.a = t.a"]);
    }

    #[test]
    fn resources_move_with_all_instances() {
        check_move(
            &["t.a[0]", "t.a[1]"],
            "t.a",
            "t.b",
            &["t.b[0] = t.a[0]", "t.b[1] = t.a[1]"],
        );
    }

    #[test]
    fn modules_move() {
        check_move(
            &["module.a.t.x", "module.a.module.b[0].t.x", "t.x"],
            "module.a",
            "module.c",
            &[
                "t.x = t.x",
                "module.c.t.x = module.a.t.x",
                "module.c.module.b[0].t.x = module.a.module.b[0].t.x",
            ],
        );
        check_move(
            &["module.a[0].t.x", "module.a[1].t.x"],
            "module.a",
            "module.b.module.c",
            &[
                "module.b.module.c[0].t.x = module.a[0].t.x",
                "module.b.module.c[1].t.x = module.a[1].t.x",
            ],
        );
        check_move(
            &["module.a[0].t.x", "module.a[1].t.x"],
            "module.a[1]",
            "module.a[\"k\"]",
            &[
                "module.a[0].t.x = module.a[0].t.x",
                "module.a[\"k\"].t.x = module.a[1].t.x",
            ],
        );
    }

    #[test]
    fn dependencies_follow_what_moved_away_wholly() {
        check_move(&["t.a", "t.z > t.a"], "t.a", "t.b", &["t.b = t.a", "t.z = t.z > t.b"]);
        check_move(
            &["t.a[0]", "t.a[1]", "t.z > t.a"],
            "t.a[0]",
            "t.b[0]",
            &["t.a[1] = t.a[1]", "t.b[0] = t.a[0]", "t.z = t.z > t.a"],
        );
    }

    #[test]
    fn wrong_moves_are_refused() {
        check_move(
            &["t.main"],
            "t.mian",
            "t.b",
            &["the state has no `t.mian`. Did you mean `t.main`?"],
        );
        check_move(
            &["module.web.t.x"],
            "module.wbe",
            "module.b",
            &["the state has no `module.wbe`. Did you mean `module.web`?"],
        );
        check_move(
            &["t.a", "t.b"],
            "t.a",
            "t.b",
            &[
                "`t.a` cannot move to `t.b`: there is an object already. Move `t.b` somewhere else first, or remove it with `infra state rm`.",
            ],
        );
        check_move(
            &["t.a"],
            "t.a",
            "u.a",
            &["`t.a` cannot move to `u.a`: the types differ."],
        );
        check_move(
            &["module.a.t.x"],
            "module.a",
            "t.x",
            &["`module.a` cannot move to `t.x`: a module is no resource."],
        );
        check_move(
            &["module.a.t.x"],
            "module.a",
            "module.a.module.b",
            &["`module.a` cannot move to `module.a.module.b`: a module cannot move into itself."],
        );
        check_move(
            &["t.a[0]", "t.a[1]"],
            "t.a",
            "t.b[0]",
            &[
                "`t.a` cannot move to `t.b[0]`: the source has several instances, or other keys, and the destination is one instance.",
            ],
        );
    }

    #[test]
    fn targets_are_removed() {
        let before = state(&["module.a.t.x", "t.a[0]", "t.a[1]", "t.b"]);
        let targets: Vec<Target> = ["t.a", "module.a"].map(|t| t.parse().unwrap()).into();
        let (after, removed) = remove(&before, &targets).unwrap();
        assert_eq!(lines(&after), ["t.b = t.b"]);
        let removed: Vec<String> = removed.iter().map(InstanceAddr::to_string).collect();
        assert_eq!(removed, ["t.a[0]", "t.a[1]", "module.a.t.x"]);
        let missing = remove(&before, &["t.b[0]".parse().unwrap()]);
        assert!(matches!(missing, Err(EditError::NotFound { .. })));
    }

    #[test]
    fn without_targets_all_is_listed() {
        let state = state(&["t.a", "t.b"]);
        assert_eq!(list(&state, &[]).unwrap().len(), 2);
        assert_eq!(list(&state, &["t.b".parse().unwrap()]).unwrap(), [target_addr("t.b")]);
    }
}
