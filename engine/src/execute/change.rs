//! Applies one change: prepares the call, and records what came of it.

use std::sync::Arc;

use infra_providers::{ApplyError, CreateRequest, DeleteRequest, ErrorKind, PlanRequest, Session, UpdateRequest};
use infra_state::{Intent, ObjectState, Record, State};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{InstanceAddr, Str, Value};
use tokio::sync::mpsc;

use super::{Message, Progress, Reporter, Run, deposed_key};
use crate::config::{ModuleId, ProviderKey, Resource};
use crate::eval::world::{ModuleInstanceId, Repeat};
use crate::observe::{Event, Operation};
use crate::plan::{Action, Change, StepId, StepKind};
use crate::sessions::ProviderRef;

/// A call that is ready to go.
pub(super) struct Launch {
    pub(super) step: StepId,
    /// Whether the call reaches what is outside the state.
    pub(super) outside: bool,
    session: Arc<dyn Session>,
    call: Call,
}

enum Call {
    Create(CreateRequest),
    Update(UpdateRequest),
    Delete(DeleteRequest),
    Read(String, Value),
}

impl Launch {
    /// Runs the call as a task of its own; its result comes back as a message.
    pub(super) fn spawn(self, sender: mpsc::UnboundedSender<Message>) {
        let Launch {
            step, session, call, ..
        } = self;
        let reporter = Reporter {
            step,
            sender: sender.clone(),
        };
        let guard = Unfinished {
            step,
            sender: Some(sender),
        };
        tokio::spawn(async move {
            let result = match call {
                Call::Create(request) => session.create(request, &reporter).await.map(Some),
                Call::Update(request) => session.update(request, &reporter).await.map(Some),
                Call::Delete(request) => session.delete(request, &reporter).await.map(|()| None),
                Call::Read(ty, config) => session
                    .read_data(&ty, &config)
                    .await
                    .map(Some)
                    .map_err(ApplyError::from),
            };
            guard.finish(result);
        });
    }
}

/// Makes sure that a call which panics is reported as failed.
struct Unfinished {
    step: StepId,
    sender: Option<mpsc::UnboundedSender<Message>>,
}

impl Unfinished {
    fn finish(mut self, result: Result<Option<Value>, ApplyError>) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(Message::Finished(self.step, Box::new(result)));
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let error = infra_providers::ProviderError::new(
                infra_providers::ErrorKind::Other,
                "the provider ended without an answer; this is a bug in infra",
            );
            let _ = sender.send(Message::Finished(self.step, Box::new(Err(error.into()))));
        }
    }
}

/// Takes over what the plan says of an object that does not change: a new
/// address, new dependencies, new flags.
pub(super) fn settle_noop(change: &Change, state: &mut State) {
    if change.action != Action::NoOp || change.deposed.is_some() {
        return;
    }
    let Some(instance) = state.instances.get_mut(&change.addr) else {
        return;
    };
    let Some(current) = &instance.current else { return };
    let object = ObjectState {
        provider: change.provider.clone(),
        schema_version: change.meta.schema_version,
        attributes: change.planned.clone().unwrap_or_else(|| current.attributes.clone()),
        dependencies: Arc::clone(&change.meta.dependencies),
        create_before_destroy: change.meta.create_before_destroy,
        protect: change.meta.protect,
        tainted: current.tainted,
        token: current.token.clone(),
    };
    if object != **current {
        instance.current = Some(Arc::new(object));
    }
}

/// Returns the value with everything unknown made null, for records.
fn settled(value: &Value) -> Value {
    if !value.is_known() {
        return Value::null_of(value.ty()).with_marks(value.marks);
    }
    if value.is_wholly_known() {
        return value.clone();
    }
    value.map_children(settled)
}

impl<'a> Run<'a, '_> {
    /// Configures the providers whose settings depend on no resource, when the
    /// plan comes from a file and nothing is configured yet.
    pub(super) async fn configure_providers(&mut self) {
        let mut needed: Vec<ProviderRef> = self
            .executor
            .plan
            .changes
            .iter()
            .filter(|c| c.action != Action::NoOp)
            .filter_map(|c| ProviderRef::parse(&c.provider))
            .collect();
        needed.sort();
        needed.dedup();
        for provider in needed {
            if self.sessions.is_settled(&provider) {
                continue;
            }
            let module = self
                .executor
                .config
                .find_module(&provider.module)
                .map_or(ModuleId::ROOT, |m| m.id);
            let in_graph = self.executor.plan.graph.steps.iter().any(|s| {
                matches!(s.kind, StepKind::Evaluate(n) if *self.executor.graph.node(n) == crate::graph::Node::Provider(module, provider.key.clone()))
            });
            if !in_graph {
                self.configure(module, &provider.key).await;
            }
        }
    }

    /// Configures a provider, unless it is already. Returns whether it can be used.
    pub(super) async fn configure(&mut self, module: ModuleId, key: &ProviderKey) -> bool {
        let config = self.executor.config;
        let reference = ProviderRef {
            module: config.module(module).path.clone(),
            key: key.clone(),
        };
        if self.sessions.is_settled(&reference) {
            return self.sessions.get(&reference).is_some();
        }
        let Some(provider) = self.executor.registry.get(&key.name) else {
            return true;
        };
        let empty = infra_syntax::ast::Body::default();
        let block = config.module(module).providers.get(key);
        let at = self
            .world
            .instances_of(module)
            .first()
            .copied()
            .unwrap_or(ModuleInstanceId::ROOT);
        let (value, diagnostics) = crate::eval::body::eval_body(
            block.map_or(&empty, |b| &b.body),
            &provider.config_schema().block,
            &self.world.scope(at),
        );
        if diagnostics.has_errors() {
            self.diagnostics.extend(diagnostics);
            self.sessions.set_failed(reference);
            return false;
        }
        match provider.configure(&value, &self.executor.session_options).await {
            Ok(session) => {
                self.sessions.add(reference, session);
                true
            }
            Err(error) => {
                self.diagnostics.push(crate::plan::error_diagnostic(
                    "infra::provider::configure",
                    &format!("provider `{key}` cannot be used"),
                    &error,
                    block.map(|b| b.span),
                ));
                self.sessions.set_failed(reference);
                false
            }
        }
    }

    /// Prepares the call of a step. Returns nothing if there is nothing to
    /// call, or if it failed before (which is recorded).
    pub(super) fn prepare(&mut self, id: StepId) -> Option<Launch> {
        let kind = self.kind(id);
        let (i, operation) = Self::operation(kind)?;
        let change = self.change(i);
        let session = ProviderRef::parse(&change.provider).and_then(|p| self.sessions.get(&p));
        let Some(session) = session else {
            self.fail_with(
                id,
                change,
                operation,
                Diagnostic::error(
                    "infra::apply::no_provider",
                    format!(
                        "`{}` needs provider `{}`, which cannot be used",
                        change.addr, change.provider
                    ),
                )
                .help("keep the provider's block in the configuration until its objects are gone"),
            );
            return None;
        };
        let call = match kind {
            StepKind::Create(_) => self.prepare_create(id, change, &session),
            StepKind::Update(_) => self.prepare_update(id, change, &session),
            StepKind::Delete(_) => Ok(self.prepare_delete(change)),
            StepKind::Read(_) => self.prepare_read(change),
            StepKind::Forget(_) | StepKind::Evaluate(_) | StepKind::Joint => Ok(None),
        };
        match call {
            Ok(Some(call)) => {
                self.progress[id.at()] = Progress::Running { waiting: false };
                self.running.insert(id, operation);
                self.executor.observer.event(&Event::Start {
                    addr: &change.addr,
                    deposed: change.deposed.is_some(),
                    operation,
                });
                Some(Launch {
                    step: id,
                    outside: !self.is_state_only(change),
                    session,
                    call,
                })
            }
            Ok(None) => {
                self.succeed(id);
                None
            }
            Err(diagnostics) => {
                self.diagnostics.extend(diagnostics);
                self.failed.push(change.addr.clone());
                self.fail(id);
                None
            }
        }
    }

    /// Says whether an object is nothing but its entry in the state.
    fn is_state_only(&self, change: &Change) -> bool {
        let schema = self
            .executor
            .registry
            .schema(change.addr.resource.mode, change.addr.ty());
        schema.is_some_and(|schema| schema.state_only)
    }

    /// Evaluates a resource again, now that more is known.
    fn desired(&mut self, change: &Change, prior: Option<&Value>) -> Result<(&'a Resource, Value), Diagnostics> {
        let config = self.executor.config;
        let missing = || {
            Diagnostics::from(Diagnostic::error(
                "infra::apply::configuration",
                format!("`{}` is not in the configuration", change.addr),
            ))
        };
        let resource = config.find_resource(&change.addr.resource.path()).ok_or_else(missing)?;
        let schema = self
            .executor
            .registry
            .schema(change.addr.resource.mode, &resource.key.ty)
            .ok_or_else(missing)?;
        let at = self
            .world
            .find_module(&change.addr.resource.module)
            .ok_or_else(missing)?;
        let repeat = self.repeat(at, resource, &change.addr);
        let scope = self.world.scope_of(at, &repeat);
        let desired = crate::plan::desired(resource, schema, &scope, prior, &change.addr)?;
        let (results, errors) = crate::plan::evaluate_conditions(
            &resource.lifecycle.preconditions,
            &scope,
            "precondition",
            &change.addr.to_string(),
        );
        let last = resource.lifecycle.postconditions.is_empty();
        self.checks.before(&change.addr.to_string(), results, last);
        if errors.has_errors() {
            return Err(errors);
        }
        Ok((resource, desired))
    }

    /// Returns what `each` and `count` mean for an instance.
    fn repeat(&self, at: ModuleInstanceId, resource: &Resource, addr: &InstanceAddr) -> Repeat {
        let found = self.expansions.get(&(at, resource.key.clone())).and_then(|expansion| {
            let instances = &expansion.instances;
            let i = instances.binary_search_by(|r| r.key.cmp(&addr.key)).ok()?;
            Some(instances[i].clone())
        });
        found.unwrap_or_else(|| Repeat {
            key: addr.key.clone(),
            ..Repeat::default()
        })
    }

    /// Plans again with what is known now; the result may only refine the plan.
    fn refine(
        &self,
        change: &Change,
        resource: &Resource,
        session: &Arc<dyn Session>,
        prior: Option<&Value>,
        config: &Value,
    ) -> Result<Value, Diagnostics> {
        let response = session
            .plan(&PlanRequest {
                ty: &resource.key.ty,
                prior,
                config,
            })
            .map_err(|error| {
                Diagnostics::from(
                    crate::plan::error_diagnostic(
                        "infra::plan::provider",
                        &format!("`{}` cannot be planned", change.addr),
                        &error,
                        change.span,
                    )
                    .about(&change.addr),
                )
            })?;
        if let Some(planned) = &change.planned
            && let Some(path) = crate::plan::diff::contradiction(planned, &response.planned)
        {
            return Err(Diagnostic::error(
                "infra::apply::differs_from_plan",
                format!("`{}`: `{path}` is now another value than was planned", change.addr),
            )
            .at(resource.span, "planned with another value")
            .note("nothing was done to this object")
            .help("plan again, and apply the new plan")
            .about(&change.addr)
            .into());
        }
        Ok(response.planned)
    }

    fn prepare_create(
        &mut self,
        id: StepId,
        change: &'a Change,
        session: &Arc<dyn Session>,
    ) -> Result<Option<Call>, Diagnostics> {
        let (resource, config) = self.desired(change, None)?;
        let planned = self.refine(change, resource, session, None, &config)?;
        if change.action == (Action::Replace { create_first: true }) {
            self.depose(id, change);
        }
        // A create that leaves nothing outside needs no intent, unless the journal
        // must know what it replaces.
        if !self.is_state_only(change) || self.deposed.contains_key(&id) {
            self.record(&Record::Intent(Intent {
                address: change.addr.clone(),
                deposed: self.deposed.get(&id).cloned(),
                provider: change.provider.clone(),
                token: change.token.clone(),
                name: planned.get_str("name").map(Str::from),
                planned: Some(self.object(change, settled(&planned), false)),
            }));
        }
        Ok(Some(Call::Create(CreateRequest {
            ty: resource.key.ty.to_string(),
            planned,
            config,
            token: change.token.to_string(),
        })))
    }

    /// Sets the current object aside: it is deleted after its successor was created.
    fn depose(&mut self, id: StepId, change: &Change) {
        let mut instance = self.state.instances.get(&change.addr).cloned().unwrap_or_default();
        let Some(old) = instance.current.take() else { return };
        let key = deposed_key(&change.token);
        instance.deposed.insert(key.clone(), old);
        self.deposed.insert(id, key);
        self.state.set_instance(change.addr.clone(), instance.clone());
        self.record(&Record::Done {
            address: change.addr.clone(),
            instance,
            token: None,
        });
    }

    fn prepare_update(
        &mut self,
        _id: StepId,
        change: &'a Change,
        session: &Arc<dyn Session>,
    ) -> Result<Option<Call>, Diagnostics> {
        let prior = self
            .state
            .instances
            .get(&change.addr)
            .and_then(|i| i.current.clone())
            .or_else(|| change.prior.clone());
        let Some(prior) = prior else { return Ok(None) };
        let (resource, config) = self.desired(change, Some(&prior.attributes))?;
        let planned = self.refine(change, resource, session, Some(&prior.attributes), &config)?;
        if planned.same_value(&prior.attributes) {
            // What was unknown turned out to be what is there already.
            self.keep(change, planned);
            return Ok(None);
        }
        Ok(Some(Call::Update(UpdateRequest {
            ty: resource.key.ty.to_string(),
            prior: prior.attributes.clone(),
            planned,
            config,
            token: change.token.to_string(),
        })))
    }

    fn prepare_delete(&mut self, change: &'a Change) -> Option<Call> {
        let prior = change.prior.as_ref()?;
        Some(Call::Delete(DeleteRequest {
            ty: change.addr.ty().to_string(),
            prior: prior.attributes.clone(),
        }))
    }

    fn prepare_read(&mut self, change: &'a Change) -> Result<Option<Call>, Diagnostics> {
        let (resource, config) = self.desired(change, None)?;
        if !config.is_wholly_known() {
            return Err(Diagnostic::error(
                "infra::apply::unknown",
                format!("`{}` needs values that are still not known", change.addr),
            )
            .at(resource.span, "this data source")
            .about(&change.addr)
            .into());
        }
        Ok(Some(Call::Read(resource.key.ty.to_string(), config)))
    }

    fn object(&self, change: &Change, attributes: Value, tainted: bool) -> Arc<ObjectState> {
        Arc::new(ObjectState {
            provider: change.provider.clone(),
            schema_version: change.meta.schema_version,
            attributes,
            dependencies: Arc::clone(&change.meta.dependencies),
            create_before_destroy: change.meta.create_before_destroy,
            protect: change.meta.protect,
            tainted,
            token: Some(change.token.clone()).filter(|t| !t.is_empty()),
        })
    }

    fn keep(&mut self, change: &Change, attributes: Value) {
        self.world.set_by_address(&change.addr, attributes.clone());
        let object = self.object(change, attributes, false);
        let instance = self.set_current(&change.addr, Some(object));
        self.record_done(&change.addr, instance, &change.token);
    }

    /// An object exists before its create has finished.
    pub(super) fn exists(&mut self, id: StepId, attributes: &Value) {
        let StepKind::Create(i) = self.kind(id) else { return };
        let change = self.change(i);
        let attributes = match &change.planned {
            Some(planned) => crate::plan::diff::copy_marks(planned, &settled(attributes)),
            None => settled(attributes),
        };
        let object = self.object(change, attributes, false);
        self.record(&Record::Exists {
            address: change.addr.clone(),
            token: change.token.clone(),
            object: Arc::clone(&object),
        });
        self.set_current(&change.addr, Some(object));
        self.existing.insert(id);
        self.urgent = true;
    }

    /// Takes an object out of the state.
    pub(super) fn forget(&mut self, i: usize) {
        let change = self.change(i);
        let instance = self.set_current(&change.addr, None);
        self.record_done(&change.addr, instance, &change.token);
    }

    /// Records what came of a call.
    pub(super) fn finished(&mut self, id: StepId, result: Result<Option<Value>, ApplyError>) {
        let kind = self.kind(id);
        let Some((i, operation)) = Self::operation(kind) else {
            return;
        };
        let change = self.change(i);
        self.urgent |= !self.is_state_only(change);
        match result {
            Ok(value) => {
                let value = value.map(|v| match &change.planned {
                    Some(planned) => crate::plan::diff::copy_marks(planned, &settled(&v)),
                    None => settled(&v),
                });
                self.succeeded(id, change, operation, value);
            }
            Err(error) => self.failed_call(id, change, operation, error),
        }
    }

    fn succeeded(&mut self, id: StepId, change: &'a Change, operation: Operation, value: Option<Value>) {
        match (operation, value) {
            (Operation::Create | Operation::Update, Some(value)) => {
                self.world.set_by_address(&change.addr, value.clone());
                let object = self.object(change, value, false);
                let instance = self.set_current(&change.addr, Some(object));
                self.record_done(&change.addr, instance, &change.token);
            }
            (Operation::Read, Some(value)) => self.world.set_by_address(&change.addr, value),
            (Operation::Delete, _) => {
                let instance = self.remove(change);
                self.record_done(&change.addr, instance, &change.token);
            }
            _ => {}
        }
        self.count(operation);
        let value = self.world_id(change);
        self.executor.observer.event(&Event::Done {
            addr: &change.addr,
            deposed: change.deposed.is_some(),
            operation,
            id: value.as_deref(),
        });
        if let Some(errors) = self.postconditions(change, operation) {
            self.diagnostics.extend(errors);
            self.failed.push(change.addr.clone());
            self.fail(id);
            return;
        }
        self.succeed(id);
    }

    /// Checks the postconditions of what was created, changed or read.
    fn postconditions(&mut self, change: &Change, operation: Operation) -> Option<Diagnostics> {
        if operation == Operation::Delete {
            return None;
        }
        let resource = self.executor.config.find_resource(&change.addr.resource.path())?;
        if resource.lifecycle.postconditions.is_empty() {
            return None;
        }
        let at = self.world.find_module(&change.addr.resource.module)?;
        let value = self.world.instance(at, &resource.key, &change.addr.key)?;
        let repeat = self.repeat(at, resource, &change.addr);
        let scope = self.world.scope_of(at, &repeat).with_self(value);
        let (results, errors) = crate::plan::evaluate_conditions(
            &resource.lifecycle.postconditions,
            &scope,
            "postcondition",
            &change.addr.to_string(),
        );
        self.checks.settle(&change.addr.to_string(), results);
        errors.has_errors().then_some(errors)
    }

    fn world_id(&self, change: &Change) -> Option<Str> {
        let instance = self.state.instances.get(&change.addr)?;
        let id = instance.current.as_ref()?.attributes.get("id")?;
        if id.is_sensitive() {
            return None;
        }
        id.as_str().map(Str::from)
    }

    /// Takes the deleted object out of the state: a deposed one, or the current one.
    fn remove(&mut self, change: &Change) -> infra_state::InstanceState {
        let key = match &change.deposed {
            Some(key) => Some(key.clone()),
            None if change.action == (Action::Replace { create_first: true }) => Some(deposed_key(&change.token)),
            None => None,
        };
        match key {
            Some(key) => {
                let mut instance = self.state.instances.get(&change.addr).cloned().unwrap_or_default();
                instance.deposed.remove(&key);
                self.state.set_instance(change.addr.clone(), instance.clone());
                instance
            }
            None => self.set_current(&change.addr, None),
        }
    }

    fn failed_call(&mut self, id: StepId, change: &'a Change, operation: Operation, error: ApplyError) {
        let ApplyError { error, object } = error;
        match (operation, object) {
            (Operation::Create, Some(object)) => {
                let object = match &change.planned {
                    Some(planned) => crate::plan::diff::copy_marks(planned, &settled(&object)),
                    None => settled(&object),
                };
                let object = self.object(change, object, true);
                self.taint(id, change, object);
            }
            (Operation::Create, None) if self.existing.contains(&id) => {
                let current = self.state.instances.get(&change.addr).and_then(|i| i.current.clone());
                if let Some(current) = current {
                    let object = ObjectState {
                        tainted: true,
                        ..(*current).clone()
                    };
                    self.taint(id, change, Arc::new(object));
                }
            }
            (Operation::Create, None) => self.undo_create(id, change, is_certain(error.kind)),
            (Operation::Update | Operation::Delete, Some(object)) if change.deposed.is_none() => {
                let object = crate::plan::diff::copy_marks(
                    change.prior.as_ref().map_or(&object, |p| &p.attributes),
                    &settled(&object),
                );
                if change.action != (Action::Replace { create_first: true }) {
                    let object = self.unfinished(change, object, operation);
                    let instance = self.set_current(&change.addr, Some(object));
                    self.record_done(&change.addr, instance, &change.token);
                }
            }
            _ => {}
        }
        let verb = match operation {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Read => "read",
            Operation::Forget => "forget",
        };
        let span = change.span.map(|header| {
            let resource = self.executor.config.find_resource(&change.addr.resource.path());
            match (resource, &error.path) {
                (Some(r), Some(p)) => crate::eval::spans::span_of(&r.body, p).unwrap_or(header),
                _ => header,
            }
        });
        let d = crate::plan::error_diagnostic(
            "infra::apply::failed",
            &format!("cannot {verb} `{}`", change.addr),
            &error,
            span,
        );
        self.fail_with(id, change, operation, d);
    }

    /// Returns an object after an update or delete that failed: it may still use what it used before.
    fn unfinished(&self, change: &Change, attributes: Value, operation: Operation) -> Arc<ObjectState> {
        let Some(prior) = &change.prior else {
            return self.object(change, attributes, false);
        };
        let mut object = ObjectState {
            attributes,
            ..(**prior).clone()
        };
        if operation == Operation::Update {
            let both = prior.dependencies.iter().chain(change.meta.dependencies.iter());
            let both: std::collections::BTreeSet<_> = both.cloned().collect();
            object.dependencies = both.into_iter().collect();
            object.schema_version = change.meta.schema_version;
        }
        Arc::new(object)
    }

    /// A create failed and left a damaged object. The object it was to replace
    /// is the current one again, as others still use it; the damaged one is set
    /// aside to be deleted.
    fn taint(&mut self, id: StepId, change: &Change, object: Arc<ObjectState>) {
        let mut instance = self.state.instances.get(&change.addr).cloned().unwrap_or_default();
        let old = self.deposed.remove(&id).and_then(|key| {
            let old = instance.deposed.remove(&key)?;
            Some((key, old))
        });
        match old {
            Some((key, old)) => {
                instance.current = Some(old);
                instance.deposed.insert(key, object);
            }
            None => instance.current = Some(object),
        }
        self.state.set_instance(change.addr.clone(), instance.clone());
        self.record_done(&change.addr, instance, &change.token);
    }

    /// A create failed and left nothing, as far as is known: the object it was
    /// to replace is the current one again. Only when it is certain that
    /// nothing was made is the intent settled; otherwise the next run looks.
    fn undo_create(&mut self, id: StepId, change: &Change, certain: bool) {
        let mut instance = self.state.instances.get(&change.addr).cloned().unwrap_or_default();
        if let Some(key) = self.deposed.remove(&id)
            && let Some(old) = instance.deposed.remove(&key)
        {
            instance.current = Some(old);
        }
        self.state.set_instance(change.addr.clone(), instance.clone());
        self.record(&Record::Done {
            address: change.addr.clone(),
            instance,
            token: None,
        });
        if certain {
            self.record(&Record::Dropped {
                token: change.token.clone(),
            });
        }
    }

    fn fail_with(&mut self, id: StepId, change: &Change, operation: Operation, d: Diagnostic) {
        self.executor.observer.event(&Event::Failed {
            addr: &change.addr,
            operation,
            message: &d.message,
        });
        self.diagnostics.push(d.about(&change.addr));
        self.failed.push(change.addr.clone());
        self.fail(id);
    }
}

/// Says whether a failed create has certainly made nothing.
fn is_certain(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Denied
        | ErrorKind::Invalid
        | ErrorKind::Credentials
        | ErrorKind::Throttled
        | ErrorKind::Unsupported => true,
        ErrorKind::Retryable | ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Other => false,
    }
}
