//! Before the walk: finds what an interrupted run left behind, configures the
//! providers that objects of the state need, and reads those objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use infra_providers::{ProviderError, Session};
use infra_state::{InstanceState, Intent, ObjectState, OpenIntent};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{InstanceAddr, Value};

use super::planner::Walk;
use super::{Drift, Recovery, instance};
use crate::config::{ModuleId, ProviderKey};
use crate::eval::world::ModuleInstanceId;
use crate::graph::{Node, provider_of};
use crate::observe::Event;
use crate::refresh::{self, Refreshed};
use crate::sessions::ProviderRef;

impl Walk<'_> {
    /// Reads all objects of the state whose provider can be configured already.
    pub(super) async fn refresh(&mut self) -> Vec<Drift> {
        if !self.planner.intents.is_empty() {
            self.recover().await;
        }
        let stored = Arc::clone(&self.stored);
        let current = stored
            .instances
            .iter()
            .filter_map(|(addr, instance)| Some((addr.clone(), Arc::clone(instance.current.as_ref()?))));
        if self.prior.is_empty() {
            self.prior = current.collect();
        } else {
            self.prior.extend(current);
        }
        if self.prior.is_empty() {
            return Vec::new();
        }
        let selected: BTreeMap<InstanceAddr, Arc<ObjectState>> = self
            .prior
            .iter()
            .filter(|(addr, _)| self.selection.object(self.planner.config, addr))
            .map(|(addr, object)| (addr.clone(), Arc::clone(object)))
            .collect();
        let needed = selected
            .values()
            .filter_map(|o| ProviderRef::parse(&o.provider))
            .collect();
        self.configure_early(needed).await;
        if !self.planner.options.refresh {
            return Vec::new();
        }
        let refreshed = refresh::refresh(&self.sessions, &selected, self.planner.registry, self.planner.observer).await;
        self.take_refreshed(refreshed)
    }

    /// Looks for the objects of creates whose answer was lost: each is adopted,
    /// or was never made.
    async fn recover(&mut self) {
        let needed = self
            .planner
            .intents
            .iter()
            .filter_map(|open| ProviderRef::parse(&open.intent.provider))
            .collect();
        self.configure_early(needed).await;
        let mut pending = FuturesUnordered::new();
        let mut answers: Vec<(&OpenIntent, Option<Arc<ObjectState>>)> = Vec::new();
        for open in &self.planner.intents {
            let intent = &open.intent;
            if let Some(object) = &open.exists {
                answers.push((open, Some(Arc::clone(object))));
                continue;
            }
            let Some(planned) = &intent.planned else { continue };
            let Some(session) = ProviderRef::parse(&intent.provider).and_then(|p| self.sessions.get(&p)) else {
                continue;
            };
            pending.push(async move {
                let found = session
                    .recover(intent.address.ty(), &planned.attributes, &intent.token)
                    .await;
                (open, planned, found)
            });
        }
        while let Some((open, planned, found)) = pending.next().await {
            match found {
                Ok(attributes) => answers.push((
                    open,
                    attributes.map(|attributes| {
                        Arc::new(ObjectState {
                            attributes: super::diff::copy_marks(&planned.attributes, &attributes),
                            ..(**planned).clone()
                        })
                    }),
                )),
                Err(error) => self.diagnostics.push(
                    instance::error_diagnostic(
                        "infra::plan::recover",
                        &format!(
                            "cannot find out whether `{}` was created by an interrupted run",
                            open.intent.address
                        ),
                        &error,
                        None,
                    )
                    .about(&open.intent.address),
                ),
            }
        }
        drop(pending);
        answers.sort_by(|(a, _), (b, _)| a.intent.address.cmp(&b.intent.address));
        let mut state = (*self.stored).clone();
        for (open, object) in answers {
            let addr = crate::moves::follow(self.planner.config, &open.intent.address);
            self.recovered.push(Recovery {
                addr: addr.clone(),
                token: open.intent.token.clone(),
                found: object.is_some(),
            });
            let mut instance = state.instances.get(&addr).cloned().unwrap_or_default();
            if file_recovered(&mut instance, &open.intent, object) {
                self.planner.observer.event(&Event::Adopted { addr: &addr });
            }
            state.set_instance(addr, instance);
        }
        self.stored = Arc::new(state);
    }

    fn take_refreshed(&mut self, refreshed: Refreshed) -> Vec<Drift> {
        self.diagnostics.extend(refreshed.diagnostics);
        let mut drift = Vec::new();
        for (addr, value) in refreshed.values {
            let Some(object) = self.prior.get(&addr) else { continue };
            match value {
                None => {
                    drift.push(Drift {
                        addr: addr.clone(),
                        before: object.attributes.clone(),
                        after: None,
                    });
                    self.prior.remove(&addr);
                }
                Some(value) => {
                    let value = super::diff::copy_marks(&object.attributes, &value);
                    if !value.same_value(&object.attributes) {
                        let schema = self.planner.registry.schema(addr.resource.mode, addr.ty());
                        if schema.is_none_or(|s| is_drift(&s.block, &object.attributes, &value)) {
                            drift.push(Drift {
                                addr: addr.clone(),
                                before: object.attributes.clone(),
                                after: Some(value.clone()),
                            });
                        }
                        let object = ObjectState {
                            attributes: value,
                            ..(**object).clone()
                        };
                        self.prior.insert(addr, Arc::new(object));
                    }
                }
            }
        }
        drift.sort_by(|a, b| a.addr.cmp(&b.addr));
        drift
    }

    /// Configures the providers that objects of the state need, as far as
    /// their settings do not depend on resources.
    pub(super) async fn configure_early(&mut self, needed: BTreeSet<ProviderRef>) {
        let pure = self.pure_nodes();
        let mut pending = FuturesUnordered::new();
        for provider in needed {
            if self.sessions.is_settled(&provider) {
                continue;
            }
            let module = self.planner.config.find_module(&provider.module);
            let (owner, key) = match module {
                Some(module) => provider_of(self.planner.config, module.id, &provider.key),
                None => (ModuleId::ROOT, provider.key.clone()),
            };
            let node = Node::Provider(owner, key.clone());
            if pure.get(&node).is_some_and(|p| !p) {
                continue;
            }
            match self.provider_config(owner, &key) {
                Ok(Some((implementation, config))) => {
                    let options = self.sessions.options().clone();
                    pending.push(async move { (provider, implementation.configure(&config, &options).await) });
                }
                Ok(None) => {}
                Err(errors) => self.diagnostics.extend(errors),
            }
        }
        while let Some((provider, result)) = pending.next().await {
            self.add_session(&provider, result);
        }
        let errors = self.world.take_errors();
        self.diagnostics.extend(errors);
    }

    /// Says for each provider, variable and local value whether it depends on no resource.
    pub(super) fn pure_nodes(&self) -> HashMap<Node, bool> {
        let graph = self.planner.graph;
        let mut pure = vec![true; graph.len()];
        let mut out = HashMap::new();
        for id in graph.order() {
            let node = graph.node(*id);
            pure[id.at()] = !matches!(node, Node::Resource(..)) && graph.dependencies(*id).all(|(d, _)| pure[d.at()]);
            if matches!(node, Node::Provider(..) | Node::Variable(..) | Node::Local(..)) {
                out.insert(node.clone(), pure[id.at()]);
            }
        }
        out
    }

    /// Returns a provider with its evaluated settings.
    #[allow(clippy::type_complexity)]
    pub(super) fn provider_config(
        &self,
        owner: ModuleId,
        key: &ProviderKey,
    ) -> Result<Option<(Arc<dyn infra_providers::Provider>, Value)>, Diagnostics> {
        let Some(provider) = self.planner.registry.get(&key.name) else {
            return Ok(None);
        };
        let empty = infra_syntax::ast::Body::default();
        let block = self.planner.config.module(owner).providers.get(key);
        let body = block.map_or(&empty, |b| &b.body);
        let at = self
            .world
            .instances_of(owner)
            .first()
            .copied()
            .unwrap_or(ModuleInstanceId::ROOT);
        let schema = provider.config_schema();
        let (value, mut diagnostics) = crate::eval::body::eval_body(body, &schema.block, &self.world.scope(at));
        let mut problems = Vec::new();
        schema.block.validate(&value, &infra_types::Path::root(), &mut problems);
        for problem in problems {
            let span = block.map(|b| crate::eval::spans::span_of(&b.body, &problem.path).unwrap_or(b.span));
            diagnostics.push(instance::problem_diagnostic(&problem, span, &format!("provider.{key}")));
        }
        if !value.is_wholly_known() && !diagnostics.has_errors() {
            let mut d = Diagnostic::error(
                "infra::plan::unknown_provider_settings",
                format!("the settings of provider `{key}` depend on values that are only known after apply"),
            )
            .help("give the provider settings that come from variables or locals");
            if let Some(block) = block {
                d = d.at(block.span, "this provider");
            }
            diagnostics.push(d);
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        Ok(Some((Arc::clone(provider), value)))
    }

    pub(super) fn add_session(&mut self, provider: &ProviderRef, result: Result<Arc<dyn Session>, ProviderError>) {
        match result {
            Ok(session) => self.sessions.add(provider.clone(), session),
            Err(error) => {
                let block = self
                    .planner
                    .config
                    .find_module(&provider.module)
                    .and_then(|m| m.providers.get(&provider.key));
                let d = instance::error_diagnostic(
                    "infra::provider::configure",
                    &format!("provider `{}` cannot be used", provider.key),
                    &error,
                    block.map(|b| b.span),
                );
                self.sessions.set_failed(provider.clone());
                self.diagnostics.push(d);
            }
        }
    }
}

/// Files what came of a create whose answer was lost; says whether an object was adopted.
///
/// The object that it was to replace is set aside if the new one exists, and is
/// the current one again if it does not.
fn file_recovered(instance: &mut InstanceState, intent: &Intent, object: Option<Arc<ObjectState>>) -> bool {
    if instance.objects().any(|(_, o)| o.token.as_ref() == Some(&intent.token)) {
        return false;
    }
    let key = crate::execute::deposed_key(&intent.token);
    match (object, instance.current.take()) {
        (Some(object), None) => instance.current = Some(object),
        (Some(object), Some(old)) if intent.deposed.is_some() => {
            instance.deposed.insert(key, old);
            instance.current = Some(object);
        }
        (Some(object), current) => {
            // Another one was made since, and may be in use: this one is too many.
            let object = ObjectState {
                tainted: true,
                ..(*object).clone()
            };
            instance.deposed.insert(key, Arc::new(object));
            instance.current = current;
        }
        (None, None) => {
            instance.current = intent.deposed.as_ref().and_then(|key| instance.deposed.remove(key));
            return false;
        }
        (None, current) => {
            instance.current = current;
            return false;
        }
    }
    true
}

/// Says whether a difference is worth telling: one in what users can set.
/// What only the service sets, or fills in when it is not set, is its own business.
fn is_drift(block: &infra_providers::Block, before: &Value, after: &Value) -> bool {
    super::diff::changed_attributes(before, after).iter().any(|name| {
        if let Some(attribute) = block.attributes.get(&**name) {
            let filled_in = attribute.computed && before.get(name).is_none_or(Value::is_null);
            return attribute.is_settable() && !filled_in;
        }
        match block.blocks.get(&**name) {
            Some(nested) => {
                let unset = before
                    .get(name)
                    .is_none_or(|v| v.is_null() || v.as_items().is_some_and(<[Value]>::is_empty));
                !(nested.computed && unset)
            }
            None => true,
        }
    })
}
