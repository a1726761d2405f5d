//! What is in the state and not in the configuration any more; destroying
//! everything; and deciding the order of replacements.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_state::{InstanceState, ObjectState};
use infra_syntax::ast::{Expr, ExprKind};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, PathStep, ResourceAddr, Str};

use super::planner::{Walk, key_fits, resource_key};
use super::{Action, Change, Meta, PlanMode, Reason};
use crate::config::{Config, ModuleId, Removed, Repetition};
use crate::eval::world::{ModuleInstanceId, Repeat};
use crate::graph::Node;

impl Walk<'_> {
    /// Plans what the configuration does not mention (any more): deletion, or forgetting.
    pub(super) fn plan_orphans(&mut self) {
        let stored = Arc::clone(&self.stored);
        let mut protected = Diagnostics::new();
        let config = self.planner.config;
        let in_use = self.later.in_use(config, &stored);
        for (addr, instance) in &stored.instances {
            if self.later.object(config, addr) || in_use.contains(&addr.resource.path()) {
                continue;
            }
            if !self.changes.contains_key(&(addr.clone(), None))
                && let Some(object) = self.prior.get(addr).cloned()
                && self.selection.orphan(self.planner.config, addr)
            {
                let removed = removed(self.planner.config, addr);
                let change = match removed {
                    Some(removed) if !removed.destroy => self.forget(addr, object),
                    _ => {
                        self.refuse_prevented(addr, &mut protected);
                        let reason = self.delete_reason(addr);
                        self.delete(addr, None, object, Some(reason), &mut protected)
                    }
                };
                self.changes.insert((addr.clone(), None), change);
            }
            self.plan_deposed(addr, instance, &mut protected);
        }
        self.diagnostics.extend(protected);
    }

    fn plan_deposed(&mut self, addr: &InstanceAddr, instance: &InstanceState, errors: &mut Diagnostics) {
        if instance.deposed.is_empty() || !self.selection.deposed(self.planner.config, addr) {
            return;
        }
        for (key, object) in &instance.deposed {
            let change = self.delete(addr, Some(key.clone()), Arc::clone(object), None, errors);
            self.changes.insert((addr.clone(), Some(key.clone())), change);
        }
    }

    /// Plans the deletion of everything in the state.
    pub(super) async fn plan_destroy(&mut self) {
        let stored = Arc::clone(&self.stored);
        let mut protected = Diagnostics::new();
        self.prepare_flags();
        for (addr, instance) in &stored.instances {
            if let Some(object) = self.prior.get(addr).cloned()
                && self.selection.object(self.planner.config, addr)
            {
                self.refuse_prevented(addr, &mut protected);
                let change = self.delete(addr, None, object, None, &mut protected);
                self.changes.insert((addr.clone(), None), change);
            }
            self.plan_deposed(addr, instance, &mut protected);
        }
        self.diagnostics.extend(protected);
    }

    /// Checks the values of variables, and finds the module instances, as far as
    /// that needs no object: flags of `lifecycle` may depend on them.
    fn prepare_flags(&mut self) {
        let graph = self.planner.graph;
        for id in graph.order() {
            match graph.node(*id) {
                // What cannot be expanded does not stand in the way of deleting it.
                Node::Module(module) => drop(self.world.expand_module(*module)),
                Node::Variable(ModuleId::ROOT, name) => {
                    self.world.variable(ModuleInstanceId::ROOT, name);
                    self.check_variable(ModuleInstanceId::ROOT, name);
                }
                _ => {}
            }
        }
        drop(self.world.take_errors());
    }

    /// Refuses to delete what the configuration says must not be destroyed.
    fn refuse_prevented(&self, addr: &InstanceAddr, errors: &mut Diagnostics) {
        let Some(resource) = self.planner.config.find_resource(&addr.resource.path()) else {
            return;
        };
        let Some(expr) = &resource.lifecycle.prevent_destroy else {
            return;
        };
        if self.flag(addr, expr) == Some(true) {
            errors.push(
                Diagnostic::error(
                    "infra::plan::prevent_destroy",
                    format!("`{addr}` would be destroyed, but `prevent_destroy` is set"),
                )
                .at(resource.span, "must not be destroyed")
                .help("set `prevent_destroy = false`")
                .about(addr),
            );
        }
    }

    /// Evaluates a flag of `lifecycle` for an instance that goes away; nothing if that cannot be.
    fn flag(&self, addr: &InstanceAddr, expr: &Expr) -> Option<bool> {
        let at = self.world.find_module(&addr.resource.module);
        let repeat = Repeat {
            key: addr.key.clone(),
            ..Repeat::default()
        };
        // Of a module instance that is gone only literals can be told.
        let scope = match at {
            Some(at) => self.world.scope_of(at, &repeat),
            None if crate::config::references::references(expr).is_empty() => {
                self.world.scope_of(ModuleInstanceId::ROOT, &repeat)
            }
            None => return None,
        };
        let value = crate::eval::eval(expr, &scope).ok()?;
        crate::eval::repeat::flag(&value, "prevent_destroy", expr.span).ok()
    }

    fn change(
        &self,
        addr: &InstanceAddr,
        deposed: Option<String>,
        action: Action,
        object: &Arc<ObjectState>,
        reason: Option<Reason>,
    ) -> Change {
        let destroying = self.planner.options.mode == PlanMode::Destroy;
        Change {
            addr: addr.clone(),
            // Where everything goes, it does not matter where it was.
            previous_addr: self.moves.get(addr).filter(|_| !destroying).cloned(),
            deposed,
            action,
            provider: object.provider.clone(),
            prior: Some(Arc::clone(object)),
            planned: (action == Action::NoOp).then(|| object.attributes.clone()),
            reason,
            replace_paths: Vec::new(),
            causes: Vec::new(),
            meta: Meta {
                schema_version: object.schema_version,
                dependencies: Arc::clone(&object.dependencies),
                create_before_destroy: object.create_before_destroy,
                protect: object.protect,
            },
            importing: None,
            span: self.planner.config.find_resource(&addr.resource.path()).map(|r| r.span),
            token: "".into(),
        }
    }

    fn forget(&self, addr: &InstanceAddr, object: Arc<ObjectState>) -> Change {
        let reason = self.delete_reason(addr);
        self.change(addr, None, Action::Forget, &object, Some(reason))
    }

    fn delete(
        &mut self,
        addr: &InstanceAddr,
        deposed: Option<String>,
        object: Arc<ObjectState>,
        reason: Option<Reason>,
        errors: &mut Diagnostics,
    ) -> Change {
        let change = self.change(addr, deposed, Action::Delete, &object, reason);
        // The state remembers the protection; a configuration that now says
        // otherwise lifts it (as far as that needs no evaluation).
        if object.protect && change.deposed.is_none() && !self.lifted(addr) {
            errors.push(super::instance::protected(addr, "destroyed", "", change.span));
        }
        change
    }

    /// Says whether the configuration lifts the protection: `protect = false`.
    fn lifted(&self, addr: &InstanceAddr) -> bool {
        let Some(resource) = self.planner.config.find_resource(&addr.resource.path()) else {
            return false;
        };
        let protect = resource.lifecycle.protect.as_ref();
        protect.is_some_and(|expr| self.flag(addr, expr) == Some(false))
    }

    fn delete_reason(&self, addr: &InstanceAddr) -> Reason {
        let config = self.planner.config;
        let path = addr.resource.path();
        let Some(resource) = config.find_resource(&path) else {
            return if self.moves.contains_key(addr) {
                Reason::NoMoveTarget
            } else {
                Reason::NoResource
            };
        };
        if self.world.find_module(&addr.resource.module).is_none() {
            return Reason::NoModule;
        }
        if !key_fits(&resource.repetition, &addr.key) {
            return Reason::WrongRepetition;
        }
        match resource.repetition {
            Repetition::Count(_) => Reason::CountIndex,
            Repetition::ForEach(_) => Reason::EachKey,
            Repetition::Single => Reason::WrongRepetition,
        }
    }

    /// Decides for each replacement whether the new object is created first.
    ///
    /// What the configuration asks for is carried to everything that the
    /// resource depends on. What a type prefers by itself yields when something
    /// it depends on is deleted first.
    pub(super) fn decide_replacement_order(&mut self) {
        let graph = self.planner.graph;
        let config = self.planner.config;
        let mut forced = vec![false; graph.len()];
        for id in graph.order().iter().rev() {
            if self.create_first.get(id).copied().unwrap_or(false) {
                forced[id.at()] = true;
            }
            if forced[id.at()] {
                for (dependency, _) in graph.dependencies(*id) {
                    forced[dependency.at()] = true;
                }
            }
        }
        let mut delete_first_below = vec![false; graph.len()];
        let replaced: BTreeSet<ResourceAddr> = self
            .changes
            .values()
            .filter(|c| matches!(c.action, Action::Replace { .. }))
            .map(|c| c.addr.resource.clone())
            .collect();
        let replaced_paths: BTreeSet<_> = replaced.iter().map(ResourceAddr::path).collect();
        let mut same_name = self.replaced_under_the_same_name();
        if !same_name.is_empty() {
            // Of a type that is in use while it is replaced, nothing can be deleted
            // under a user that stays; the conflict is told later.
            let stay = self.changes.values().filter(|c| c.action == Action::Update);
            for prior in stay.filter_map(|c| c.prior.as_ref()) {
                for path in prior.dependencies.iter() {
                    same_name.remove(path);
                }
            }
        }
        let mut decided = std::collections::BTreeMap::new();
        for id in graph.order() {
            let below = graph.dependencies(*id).any(|(d, _)| delete_first_below[d.at()]);
            delete_first_below[id.at()] = below;
            let Node::Resource(module, key) = graph.node(*id) else {
                continue;
            };
            if key.mode != Mode::Managed {
                continue;
            }
            let path = &config.module(*module).resources[key].path;
            let preferred = self
                .planner
                .registry
                .schema(Mode::Managed, &key.ty)
                .is_some_and(|s| s.create_before_destroy);
            let explicit = self.create_first.get(id).copied();
            let says_no = config.module(*module).resources[key]
                .lifecycle
                .create_before_destroy
                .is_some()
                && explicit == Some(false);
            let create_first = forced[id.at()] || (preferred && !says_no && !below && !same_name.contains(path));
            decided.insert(path.clone(), (create_first, forced[id.at()]));
            if replaced_paths.contains(path) && !create_first {
                delete_first_below[id.at()] = true;
            }
        }
        for change in self.changes.values_mut() {
            let Some((first, forced)) = decided.get(&change.addr.resource.path()).copied() else {
                continue;
            };
            change.meta.create_before_destroy = forced;
            if let Action::Replace { create_first } = &mut change.action {
                // Nothing uses an object whose create failed, and it may hold the name.
                *create_first = first && change.reason != Some(Reason::Tainted);
            }
        }
    }
}

/// Returns the `removed` block that speaks of an address. Only the modules on
/// the way to it can have one.
fn removed<'c>(config: &'c Config, addr: &InstanceAddr) -> Option<&'c Removed> {
    let path = addr.resource.module.path();
    let mut module = config.root();
    for depth in 0.. {
        let inner = &path.0[depth..];
        let found = module.removed.iter().find(|r| match &r.from {
            Target::Module(target) => inner.starts_with(&target.path().0),
            Target::Resource(target) => {
                *inner == *target.resource.module.path().0
                    && target.resource.mode == addr.resource.mode
                    && target.resource.ty == addr.resource.ty
                    && target.resource.name == addr.resource.name
            }
        });
        if found.is_some() {
            return found;
        }
        module = config.module(module.calls.get(inner.first()?)?.child);
    }
    None
}

/// Says whether what a `replace_triggered_by` expression names changes in this plan.
pub(super) fn trigger(walk: &Walk<'_>, at: ModuleInstanceId, repeat: &Repeat, expr: &Expr) -> Result<bool, Diagnostic> {
    let mut attributes = Vec::new();
    let mut key = None;
    let mut e = expr.unparen();
    let (ty, name) = loop {
        match &e.kind {
            ExprKind::GetAttr(get) => {
                let (inner, attr) = (&get.source, &get.name);
                if let ExprKind::Variable(root) = &inner.unparen().kind {
                    break (root.name.clone(), attr.name.clone());
                }
                attributes.push(PathStep::Attr(attr.name.clone()));
                e = inner.unparen();
            }
            ExprKind::Index(index) => {
                let inner = &index.source;
                let value = crate::eval::eval(&index.key, &walk.world.scope_of(at, repeat))
                    .map_err(|d| d.into_iter().next().unwrap_or_else(|| invalid(expr)))?;
                let of_resource = matches!(&inner.unparen().kind, ExprKind::GetAttr(get) if matches!(&get.source.unparen().kind, ExprKind::Variable(_)));
                let text = value.as_str().map(Str::from);
                let number = value.as_i64().and_then(|i| u64::try_from(i).ok());
                match (text, number, of_resource) {
                    (Some(text), _, true) => key = Some(InstanceKey::Str(text)),
                    (_, Some(i), true) => key = Some(InstanceKey::Int(i)),
                    (Some(text), _, false) => attributes.push(PathStep::Key(text)),
                    (_, Some(i), false) => attributes.push(PathStep::Index(i as usize)),
                    _ => return Err(invalid(expr)),
                }
                e = inner.unparen();
            }
            _ => return Err(invalid(expr)),
        }
    };
    attributes.reverse();
    let resource = ResourceAddr {
        module: walk.world.module_addr(at),
        mode: Mode::Managed,
        ty,
        name,
    };
    let first = (resource.instance(InstanceKey::None), None);
    let mut found = false;
    for ((addr, deposed), change) in walk.changes.range(first..) {
        if addr.resource != resource {
            break;
        }
        if deposed.is_some() || key.as_ref().is_some_and(|k| *k != addr.key) {
            continue;
        }
        found = true;
        if attribute_changes(change, &attributes) {
            return Ok(true);
        }
    }
    let declared = walk
        .world
        .module_of(at)
        .resources
        .contains_key(&resource_key(&resource.instance(InstanceKey::None)));
    if !found && key.is_some() && declared && walk.selection.is_all() {
        return Err(Diagnostic::error(
            "infra::plan::invalid_trigger",
            format!("`{resource}` has no such instance"),
        )
        .at(expr.span, "not planned"));
    }
    Ok(false)
}

fn invalid(expr: &Expr) -> Diagnostic {
    Diagnostic::error(
        "infra::config::invalid_trigger",
        "`replace_triggered_by` takes references to resources, their instances or attributes",
    )
    .at(expr.span, "not such a reference")
}

/// Says whether an object, or the part of it at a path, is another one after this plan.
fn attribute_changes(change: &Change, path: &[PathStep]) -> bool {
    if !matches!(change.action, Action::Update | Action::Replace { .. }) {
        return false;
    }
    if path.is_empty() {
        return true;
    }
    let part = |value: &infra_types::Value| {
        path.iter().try_fold(value.clone(), |value, step| match step {
            _ if !value.is_known() => Some(value),
            PathStep::Attr(name) | PathStep::Key(name) => value.get(name).cloned(),
            PathStep::Index(i) => value.as_items()?.get(*i).cloned(),
        })
    };
    let before = change.prior.as_ref().and_then(|p| part(&p.attributes));
    let after = change.planned.as_ref().and_then(part);
    match (before, after) {
        (Some(b), Some(a)) => !b.same_value(&a),
        (None, None) => false,
        _ => true,
    }
}
