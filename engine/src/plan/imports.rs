//! `import` blocks: takes objects that are there already into the plan.
//!
//! Each is looked up before the walk and filed as what is there now, so that it
//! is planned as any other object. An object that the state has already is left
//! alone: the block did its work.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use infra_providers::{ErrorKind, ProviderError, ReadRequest, Session};
use infra_state::ObjectState;
use infra_syntax::ast::Expr;
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, ResourceAddr, Str, Type, Value};

use super::instance;
use super::planner::Walk;
use crate::config::references::{Step, as_traversal, references};
use crate::config::{Import, ModuleId, ReferenceTarget};
use crate::eval::world::{ModuleInstanceId, ModuleScope, Repeat};
use crate::graph::{Node, provider_of};
use crate::sessions::ProviderRef;

/// An object to look up.
struct Wanted {
    addr: InstanceAddr,
    id: Str,
    span: Span,
    provider: ProviderRef,
}

impl Walk<'_> {
    /// Looks up what `import` blocks name.
    pub(super) async fn import(&mut self) {
        let imports = &self.planner.config.root().imports;
        if imports.is_empty() {
            return;
        }
        let pure = self.pure_nodes();
        let mut wanted = Vec::new();
        for import in imports {
            if let Err(errors) = self.find_imports(import, &pure, &mut wanted) {
                self.diagnostics.extend(errors);
            }
        }
        let errors = self.world.take_errors();
        self.diagnostics.extend(errors);
        let stored = Arc::clone(&self.stored);
        wanted.retain(|w| stored.instances.get(&w.addr).is_none_or(|i| i.current.is_none()));
        wanted.retain(|w| self.selection.object(self.planner.config, &w.addr));
        if wanted.is_empty() {
            return;
        }
        self.configure_early(wanted.iter().map(|w| w.provider.clone()).collect())
            .await;
        let mut pending = FuturesUnordered::new();
        for wanted in wanted {
            // If the provider cannot be used, that was reported.
            if let Some(session) = self.sessions.get(&wanted.provider) {
                pending.push(async move {
                    let found = look_up(&*session, wanted.addr.ty(), &wanted.id).await;
                    (wanted, found)
                });
            }
        }
        while let Some((wanted, found)) = pending.next().await {
            self.imported(wanted, found);
        }
    }

    fn imported(&mut self, wanted: Wanted, found: Result<Value, ProviderError>) {
        let Wanted {
            addr,
            id,
            span,
            provider,
        } = wanted;
        match found {
            Ok(attributes) => {
                let schema = self.planner.registry.schema(Mode::Managed, addr.ty());
                let version = schema.map_or(0, |s| s.version);
                let object = ObjectState::new(provider.to_string(), version, attributes);
                self.prior.insert(addr.clone(), Arc::new(object));
                self.imports.insert(addr, id.to_string());
            }
            Err(error) => self.diagnostics.push(
                instance::error_diagnostic(
                    "infra::plan::import",
                    &format!("`{addr}` cannot be imported"),
                    &error,
                    Some(span),
                )
                .about(&addr),
            ),
        }
    }

    /// Finds out what an `import` block names: one object, or one for each element.
    fn find_imports(
        &mut self,
        import: &Import,
        pure: &HashMap<Node, bool>,
        wanted: &mut Vec<Wanted>,
    ) -> Result<(), Diagnostics> {
        for expr in import.for_each.iter().chain([&import.id]) {
            only_known(expr, pure)?;
        }
        let each = match &import.for_each {
            None => vec![Repeat::default()],
            Some(expr) => {
                let value = crate::eval::eval(expr, &self.world.scope(ModuleInstanceId::ROOT))?;
                crate::eval::repeat::by_element(&value, expr.span, import.span)?
            }
        };
        for repeat in each {
            let scope = self.world.scope_of(ModuleInstanceId::ROOT, &repeat);
            let addr = address(&import.to, &scope, pure)?;
            let id = id(&import.id, &scope)?;
            if let Some(first) = self.import_spans.insert(addr.clone(), import.to.span) {
                return Err(
                    Diagnostic::error("infra::plan::duplicate_import", format!("`{addr}` is imported twice"))
                        .at(import.to.span, "imported here")
                        .related(first, "and here")
                        .help("one object has one id: remove one of them")
                        .into(),
                );
            }
            let Some(provider) = self.import_provider(import, &addr) else {
                return Err(not_declared(&addr, import.to.span).into());
            };
            wanted.push(Wanted {
                addr,
                id,
                span: import.id.span,
                provider,
            });
        }
        Ok(())
    }

    /// Returns the provider that an import is made with: of the block, or of the resource.
    fn import_provider(&self, import: &Import, addr: &InstanceAddr) -> Option<ProviderRef> {
        let config = self.planner.config;
        let resource = config.find_resource(&addr.resource.path())?;
        Some(match &import.provider {
            None => instance::provider_ref(config, resource),
            Some(key) => {
                let (owner, key) = provider_of(config, ModuleId::ROOT, key);
                ProviderRef {
                    module: config.module(owner).path.clone(),
                    key,
                }
            }
        })
    }

    /// Reports imports to instances that the configuration does not have.
    pub(super) fn check_imports(&mut self) {
        if self.diagnostics.has_errors() {
            return;
        }
        for (addr, span) in &self.import_spans {
            let planned = self.changes.contains_key(&(addr.clone(), None));
            let config = self.planner.config;
            if !planned && self.selection.object(config, addr) && !self.later.object(config, addr) {
                self.diagnostics.push(not_declared(addr, *span));
            }
        }
    }
}

/// Refuses what is only known when resources have been planned: imports come first.
fn only_known(expr: &Expr, pure: &HashMap<Node, bool>) -> Result<(), Diagnostics> {
    for reference in references(expr) {
        let known = match &reference.target {
            ReferenceTarget::Variable(name) => pure.get(&Node::Variable(ModuleId::ROOT, name.clone())).copied(),
            ReferenceTarget::Local(name) => pure.get(&Node::Local(ModuleId::ROOT, name.clone())).copied(),
            ReferenceTarget::Resource(_) | ReferenceTarget::Module(_) | ReferenceTarget::ModuleOutput(..) => {
                Some(false)
            }
            ReferenceTarget::Each
            | ReferenceTarget::Count
            | ReferenceTarget::SelfObject
            | ReferenceTarget::Environment => Some(true),
        };
        if known == Some(false) {
            return Err(Diagnostic::error(
                "infra::plan::unknown_import",
                "what is imported must be known before anything is planned",
            )
            .at(reference.span, "depends on resources")
            .help("use variables, local values and texts that do not depend on resources")
            .into());
        }
    }
    Ok(())
}

fn not_declared(addr: &InstanceAddr, span: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::plan::import_target",
        format!("there is no `{addr}` in the configuration to import to"),
    )
    .at(span, "no such instance")
    .help("declare it, or check the key in the address")
    .about(addr)
}

/// Finds the object that an id names, and reads it.
async fn look_up(session: &dyn Session, ty: &str, id: &str) -> Result<Value, ProviderError> {
    let prior = session.import(ty, id).await?;
    let request = ReadRequest {
        prior,
        just_created: false,
    };
    let answer = session.read(ty, vec![request]).await.pop();
    answer
        .unwrap_or(Ok(None))?
        .ok_or_else(|| ProviderError::new(ErrorKind::NotFound, format!("there is no `{ty}` with the id `{id}`")))
}

/// Returns the id, which must be a known text.
pub(crate) fn id(expr: &Expr, scope: &ModuleScope<'_, '_>) -> Result<Str, Diagnostics> {
    let refuse = |why: &str| {
        let d = Diagnostic::error("infra::plan::import_id", format!("the id to import {why}"));
        Diagnostics::from(d.at(expr.span, "this id"))
    };
    let value = crate::eval::eval(expr, scope)?;
    if !value.is_known() {
        return Err(refuse("must be known when planning"));
    }
    if value.contains_sensitive() {
        return Err(refuse("is sensitive, and it would be shown"));
    }
    let text = infra_types::convert::convert(&value, &Type::String).map_err(|_| refuse("must be a text"))?;
    match text.as_str() {
        Some("") | None => Err(refuse("must not be null or empty")),
        Some(id) => Ok(id.into()),
    }
}

/// Returns the address that `to` names; its keys may be expressions.
fn address(to: &Expr, scope: &ModuleScope<'_, '_>, pure: &HashMap<Node, bool>) -> Result<InstanceAddr, Diagnostics> {
    let invalid = |span: Span, label: &str| {
        let d = Diagnostic::error(
            "infra::config::invalid_address",
            "`to` must be the address of a resource",
        );
        Diagnostics::from(d.at(span, label))
    };
    let traversal = as_traversal(to).ok_or_else(|| invalid(to.span, "not an address"))?;
    let mut parts: Vec<(Str, InstanceKey)> = vec![(traversal.root.name.clone(), InstanceKey::None)];
    for step in &traversal.steps {
        match step {
            Step::Attr(name) => parts.push((name.name.clone(), InstanceKey::None)),
            Step::Index(index) => {
                only_known(index, pure)?;
                let value = crate::eval::eval(index, scope)?;
                let key = match (value.as_str(), value.as_i64()) {
                    (Some(text), _) => InstanceKey::Str(text.into()),
                    (None, Some(i)) if i >= 0 => InstanceKey::Int(i.unsigned_abs()),
                    _ => return Err(invalid(index.span, "must be a known text or index")),
                };
                match parts.last_mut() {
                    Some((_, last)) if *last == InstanceKey::None => *last = key,
                    _ => return Err(invalid(index.span, "a second key")),
                }
            }
            Step::Splat(span) => return Err(invalid(*span, "one object at a time")),
        }
    }
    let mut parts = parts.into_iter().peekable();
    let mut module = ModuleAddr::root();
    while parts.next_if(|(name, _)| &**name == "module").is_some() {
        let (name, key) = parts
            .next()
            .ok_or_else(|| invalid(to.span, "a module's name is missing"))?;
        module = module.child(name, key);
    }
    if parts.len() == 3 {
        parts.next_if(|(name, _)| &**name == "resource");
    }
    match (parts.next(), parts.next(), parts.next()) {
        (Some((ty, InstanceKey::None)), Some((name, key)), None) => Ok(InstanceAddr {
            resource: ResourceAddr {
                module,
                mode: Mode::Managed,
                ty,
                name,
            },
            key,
        }),
        _ => Err(invalid(to.span, "not the address of a resource")),
    }
}
