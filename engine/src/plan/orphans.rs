//! What is in the state and not in the configuration any more; destroying
//! everything; and deciding the order of replacements.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_state::{InstanceState, ObjectState};
use infra_syntax::ast::{Expr, ExprKind};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, Mode, ResourceAddr};

use super::planner::{Walk, key_fits, resource_key};
use super::{Action, Change, Meta, Reason};
use crate::config::{Config, Removed, Repetition};
use crate::eval::world::{ModuleInstanceId, Repeat};
use crate::graph::Node;

impl Walk<'_> {
    /// Plans what the configuration does not mention (any more): deletion, or forgetting.
    pub(super) fn plan_orphans(&mut self) {
        let stored = Arc::clone(&self.stored);
        let mut protected = Diagnostics::new();
        for (addr, instance) in &stored.instances {
            if !self.changes.contains_key(&(addr.clone(), None))
                && let Some(object) = self.prior.get(addr).cloned()
            {
                let removed = removed(self.planner.config, addr);
                let change = match removed {
                    Some(removed) if !removed.destroy => self.forget(addr, object),
                    _ => {
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
        for (key, object) in &instance.deposed {
            let change = self.delete(addr, Some(key.clone()), Arc::clone(object), None, errors);
            self.changes.insert((addr.clone(), Some(key.clone())), change);
        }
    }

    /// Plans the deletion of everything in the state.
    pub(super) async fn plan_destroy(&mut self) {
        let stored = Arc::clone(&self.stored);
        let mut protected = Diagnostics::new();
        for (addr, instance) in &stored.instances {
            if let Some(object) = self.prior.get(addr).cloned() {
                self.refuse_prevented(addr, &mut protected);
                let change = self.delete(addr, None, object, None, &mut protected);
                self.changes.insert((addr.clone(), None), change);
            }
            self.plan_deposed(addr, instance, &mut protected);
        }
        self.diagnostics.extend(protected);
    }

    /// `prevent_destroy` with a literal value, which needs no evaluation.
    fn refuse_prevented(&self, addr: &InstanceAddr, errors: &mut Diagnostics) {
        let Some(resource) = self.planner.config.find_resource(&addr.resource.path()) else {
            return;
        };
        if let Some(expr) = &resource.lifecycle.prevent_destroy
            && matches!(&*expr.unparen().kind, ExprKind::Bool(true))
        {
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

    /// Plans to take what is there into the state, and nothing else.
    pub(super) fn plan_refresh_only(&mut self) {
        for (addr, object) in self.prior.clone() {
            let change = self.change(&addr, None, Action::NoOp, &object, None);
            self.changes.insert((addr, None), change);
        }
    }

    fn change(
        &self,
        addr: &InstanceAddr,
        deposed: Option<String>,
        action: Action,
        object: &Arc<ObjectState>,
        reason: Option<Reason>,
    ) -> Change {
        Change {
            addr: addr.clone(),
            previous_addr: self.moves.get(addr).cloned(),
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
        self.change(addr, None, Action::Forget, &object, Some(Reason::NoResource))
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
        let Some(expr) = &resource.lifecycle.protect else {
            return false;
        };
        let Some(at) = self.world.find_module(&addr.resource.module) else {
            return matches!(&*expr.unparen().kind, ExprKind::Bool(false));
        };
        crate::eval::eval(expr, &self.world.scope(at)).is_ok_and(|v| v.as_bool() == Some(false))
    }

    fn delete_reason(&self, addr: &InstanceAddr) -> Reason {
        let config = self.planner.config;
        let path = addr.resource.path();
        if config.find_module(&path.module).is_none() {
            return Reason::NoModule;
        }
        let Some(resource) = config.find_resource(&path) else {
            return Reason::NoResource;
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
            let create_first = forced[id.at()] || (preferred && !says_no && !below);
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
        match &*e.kind {
            ExprKind::GetAttr(inner, attr) => {
                if let ExprKind::Variable(root) = &*inner.unparen().kind {
                    break (root.name.clone(), attr.name.clone());
                }
                attributes.push(attr.name.clone());
                e = inner.unparen();
            }
            ExprKind::Index(inner, index) => {
                if matches!(&*inner.unparen().kind, ExprKind::GetAttr(i, _) if matches!(&*i.unparen().kind, ExprKind::Variable(_)))
                {
                    let value = crate::eval::eval(index, &walk.world.scope_of(at, repeat))
                        .map_err(|d| d.into_iter().next().unwrap_or_else(|| invalid(expr)))?;
                    key = Some(match (value.as_str(), value.as_i64()) {
                        (Some(s), _) => InstanceKey::Str(s.into()),
                        (_, Some(i)) if i >= 0 => InstanceKey::Int(i.unsigned_abs()),
                        _ => return Err(invalid(expr)),
                    });
                } else {
                    attributes.clear();
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
    if !found && key.is_some() && declared {
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
fn attribute_changes(change: &Change, path: &[infra_types::Str]) -> bool {
    if !matches!(change.action, Action::Update | Action::Replace { .. }) {
        return false;
    }
    if path.is_empty() {
        return true;
    }
    let part = |value: &infra_types::Value| {
        path.iter().try_fold(value.clone(), |value, name| {
            if value.is_known() {
                value.get(name).cloned()
            } else {
                Some(value)
            }
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
