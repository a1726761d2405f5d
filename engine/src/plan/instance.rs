//! Plans one object: prior and desired value to an action.

use std::sync::Arc;

use infra_providers::{PlanRequest, Problem, ProviderError, Session};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Entries, InstanceAddr, Path, Str, Value, ValueKind};

use super::conditions::evaluate_conditions;
use super::planner::Walk;
use super::{Action, Cause, Change, Meta, Reason};
use crate::config::{AttributeStep, IgnoreChanges, Resource};
use crate::eval::body::eval_resource;
use crate::eval::spans::span_of;
use crate::eval::world::{ModuleInstanceId, ModuleScope, Repeat};
use crate::graph::{NodeId, provider_of};
use crate::sessions::ProviderRef;

/// What is to be done about a data source.
pub(super) enum DataPlan {
    /// It can be read now.
    Read { session: Arc<dyn Session>, config: Value },
    /// It is read while applying.
    Later { value: Value, change: Box<Change> },
    /// Its provider could not be configured, which was reported.
    Failed,
}

/// Turns a finding of a schema or provider into a diagnostic.
pub(crate) fn problem_diagnostic(problem: &Problem, span: Option<Span>, object: &str) -> Diagnostic {
    let code = "infra::config::invalid_value";
    let mut d = if problem.warning {
        Diagnostic::warning(code, problem.message.clone())
    } else {
        Diagnostic::error(code, problem.message.clone())
    };
    if let Some(span) = span {
        d = d.at(span, format!("`{}`", problem.path));
    }
    d.help.clone_from(&problem.help);
    d.about(object)
}

/// Turns a provider's failure into a diagnostic.
pub fn error_diagnostic(code: &'static str, what: &str, error: &ProviderError, span: Option<Span>) -> Diagnostic {
    let mut d = Diagnostic::error(code, format!("{what}: {error}"));
    if let Some(span) = span {
        d = d.at(span, error.path.as_ref().map_or(String::new(), |p| format!("`{p}`")));
    }
    d.help.clone_from(&error.help);
    d.notes.extend(error.details.iter().cloned());
    d
}

/// Returns the provider configuration that serves a resource.
pub(crate) fn provider_ref(walk_config: &crate::config::Config, resource: &Resource) -> ProviderRef {
    let module = walk_config
        .find_module(&resource.path.module)
        .unwrap_or_else(|| walk_config.root());
    let (owner, key) = provider_of(walk_config, module.id, &resource.provider);
    ProviderRef {
        module: walk_config.module(owner).path.clone(),
        key,
    }
}

/// Evaluates a resource's body and carries forward what is ignored or owned by others.
pub(crate) fn desired(
    resource: &Resource,
    schema: &infra_providers::Schema,
    scope: &ModuleScope<'_, '_>,
    prior: Option<&Value>,
    addr: &InstanceAddr,
) -> Result<Value, Diagnostics> {
    let (config, mut diagnostics) = eval_resource(resource, &schema.block, scope);
    if diagnostics.has_errors() {
        return Err(about(diagnostics, addr));
    }
    let mut problems = Vec::new();
    schema.block.validate(&config, &Path::root(), &mut problems);
    for problem in &problems {
        let span = span_of(&resource.body, &problem.path).unwrap_or(resource.span);
        diagnostics.push(problem_diagnostic(problem, Some(span), &addr.to_string()));
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let mut config = config;
    if let Some(prior) = prior {
        if let IgnoreChanges::Some(paths) = &resource.lifecycle.ignore_changes {
            for path in paths {
                config = carry_forward(&config, prior, &path.steps);
            }
        }
        for path in &resource.lifecycle.external {
            config = carry_forward(&config, prior, &path.steps);
        }
    }
    Ok(config)
}

fn about(mut diagnostics: Diagnostics, addr: &InstanceAddr) -> Diagnostics {
    for d in &mut diagnostics.0 {
        d.address.get_or_insert_with(|| addr.to_string());
    }
    diagnostics
}

/// Returns the configured value with the part at `steps` taken from the prior value.
fn carry_forward(config: &Value, prior: &Value, steps: &[AttributeStep]) -> Value {
    let Some((step, rest)) = steps.split_first() else {
        return prior.clone().with_marks(config.marks);
    };
    match step {
        AttributeStep::Name(name) | AttributeStep::Key(name) => {
            if let (Some(entries), Some(old)) = (config.as_entries(), prior.as_entries()) {
                // An object has the attributes of its type; only the keys of a map come and go.
                let of_map = rest.is_empty() && matches!(config.kind, ValueKind::Map(_));
                return match (entries.get(name), old.get(name)) {
                    (Some(c), Some(p)) => with_entry(config, name, Some(carry_forward(c, p, rest))),
                    (None, Some(p)) if of_map => with_entry(config, name, Some(p.clone())),
                    (Some(_), None) if of_map => with_entry(config, name, None),
                    _ => config.clone(),
                };
            }
            // `container["web"]`: the block whose `name` says so.
            let (Some(items), Some(old)) = (config.as_items(), prior.as_items()) else {
                return config.clone();
            };
            let named = |v: &&Value| v.get_str("name") == Some(name);
            let Some(old) = old.iter().find(named) else {
                return config.clone();
            };
            let Some(at) = items.iter().position(|v| v.get_str("name") == Some(name)) else {
                return config.clone();
            };
            replace_item(config, at, |c| carry_forward(c, old, rest))
        }
        AttributeStep::Index(i) => match (config.as_items(), prior.as_items().and_then(|p| p.get(*i))) {
            (Some(_), Some(p)) => replace_item(config, *i, |c| carry_forward(c, p, rest)),
            _ => config.clone(),
        },
    }
}

fn with_entry(value: &Value, name: &Str, entry: Option<Value>) -> Value {
    let set = |entries: &Entries| {
        let mut entries = entries.to_map();
        match entry.clone() {
            Some(v) => entries.insert(name.clone(), v),
            None => entries.remove(name),
        };
        entries
    };
    match &value.kind {
        ValueKind::Map(m) => Value::map(m.elem.clone(), set(&m.items).into()).with_marks(value.marks),
        ValueKind::Object(attrs) => Value::object(set(attrs)).with_marks(value.marks),
        _ => value.clone(),
    }
}

fn replace_item(value: &Value, at: usize, f: impl Fn(&Value) -> Value) -> Value {
    let mut i = 0;
    value.map_children(|v| {
        let new = if i == at { f(v) } else { v.clone() };
        i += 1;
        new
    })
}

/// Plans a managed object.
pub(super) fn plan_managed<'a>(
    walk: &mut Walk<'a>,
    node: NodeId,
    at: ModuleInstanceId,
    resource: &'a Resource,
    repeat: &Repeat,
    addr: &InstanceAddr,
) -> Result<Change, Diagnostics> {
    let registry = walk.planner.registry;
    let provider = provider_ref(walk.planner.config, resource);
    let Some(schema) = registry.schema(addr.resource.mode, &resource.key.ty) else {
        return Err(Diagnostic::error(
            "infra::config::unknown_type",
            format!("no provider offers the type `{}`", resource.key.ty),
        )
        .at(resource.span, "not known")
        .into());
    };
    let prior = walk.prior.get(addr).cloned();
    let scope = walk.world.scope_of(at, repeat);

    let (results, mut errors) = evaluate_conditions(
        &resource.lifecycle.preconditions,
        &scope,
        "precondition",
        &addr.to_string(),
    );
    let mut conditions = results;
    let desired = desired(resource, schema, &scope, prior.as_deref().map(|p| &p.attributes), addr);
    let flags = Flags::evaluate(resource, schema, &scope, &mut errors);
    walk.create_first
        .entry(node)
        .and_modify(|v| *v |= flags.create_before_destroy == Some(true))
        .or_insert(flags.create_before_destroy == Some(true));
    let triggered = triggered(walk, at, resource, repeat, &mut errors);
    let desired = match desired {
        Ok(desired) if !errors.has_errors() => desired,
        Ok(_) => {
            walk.record_resource(addr, conditions);
            return Err(errors);
        }
        Err(more) => {
            errors.extend(more);
            walk.record_resource(addr, conditions);
            return Err(errors);
        }
    };
    let config = desired;
    for problem in registry
        .provider_of(&resource.key.ty)
        .map(|p| p.validate_resource(&resource.key.ty, &config))
        .unwrap_or_default()
    {
        let span = span_of(&resource.body, &problem.path).unwrap_or(resource.span);
        errors.push(problem_diagnostic(&problem, Some(span), &addr.to_string()));
    }
    let Some(session) = walk.sessions.get(&provider) else {
        // The provider's own error was reported.
        if errors.has_errors() {
            return Err(errors);
        }
        return Err(Diagnostics::new());
    };

    let plan = |prior: Option<&Value>, config: &Value| {
        session
            .plan(&PlanRequest {
                ty: &resource.key.ty,
                prior,
                config,
            })
            .map_err(|error| {
                let span = error
                    .path
                    .as_ref()
                    .and_then(|p| span_of(&resource.body, p))
                    .unwrap_or(resource.span);
                Diagnostics::from(
                    error_diagnostic(
                        "infra::plan::provider",
                        &format!("`{addr}` cannot be planned"),
                        &error,
                        Some(span),
                    )
                    .about(addr),
                )
            })
    };

    let mut change = Change {
        addr: addr.clone(),
        previous_addr: walk.moves.get(addr).cloned(),
        deposed: None,
        action: Action::NoOp,
        provider: provider.to_string().into(),
        prior: prior.clone(),
        planned: None,
        reason: None,
        replace_paths: Vec::new(),
        causes: Vec::new(),
        meta: Meta {
            schema_version: schema.version,
            dependencies: Arc::clone(&walk.dependencies[node.at()]),
            create_before_destroy: flags.create_before_destroy.unwrap_or(false),
            protect: flags.protect,
        },
        importing: walk.imports.get(addr).cloned(),
        span: Some(resource.span),
        token: walk.token(addr),
    };
    match &prior {
        None => {
            let response = plan(None, &config)?;
            change.action = Action::Create;
            change.planned = Some(response.planned);
        }
        Some(object) => {
            let ignore_all = matches!(resource.lifecycle.ignore_changes, IgnoreChanges::All);
            let response = if ignore_all {
                None
            } else {
                Some(plan(Some(&object.attributes), &config)?)
            };
            let reason = if object.tainted {
                Some(Reason::Tainted)
            } else if walk.planner.options.replace.contains(addr) {
                Some(Reason::Requested)
            } else if triggered {
                Some(Reason::Triggered)
            } else if response.as_ref().is_some_and(|r| !r.replace.is_empty()) {
                Some(Reason::CannotUpdate)
            } else {
                None
            };
            let planned = response
                .as_ref()
                .map_or_else(|| object.attributes.clone(), |r| r.planned.clone());
            if let Some(reason) = reason {
                change.action = Action::Replace {
                    create_first: flags.create_before_destroy.unwrap_or(schema.create_before_destroy),
                };
                change.reason = Some(reason);
                change.replace_paths = response.map(|r| r.replace).unwrap_or_default();
                // The new object is made as the configuration says: nothing is carried forward.
                let scope = walk.world.scope_of(at, repeat);
                let config = self::desired(resource, schema, &scope, None, addr)?;
                change.planned = Some(plan(None, &config)?.planned);
            } else if planned.same_value(&object.attributes)
                && (change.importing.is_some() || planned.deep_marks() == object.attributes.deep_marks())
            {
                // What is secret by its type is not marked yet on what is imported.
                change.planned = Some(planned);
            } else {
                // If only what is sensitive changed, the service will not be told.
                change.action = Action::Update;
                change.planned = Some(planned);
            }
            if matches!(change.action, Action::Update | Action::Replace { .. })
                && let Some(planned) = &change.planned
            {
                change.causes = causes(walk, resource, &object.attributes, planned);
            }
        }
    }
    if matches!(change.action, Action::Replace { .. }) {
        refuse_protected(&change, &flags, resource.span, &mut errors);
    }
    if let Some(planned) = &change.planned {
        let scope = walk.world.scope_of(at, repeat).with_self(planned.clone());
        let (results, more) = evaluate_conditions(
            &resource.lifecycle.postconditions,
            &scope,
            "postcondition",
            &addr.to_string(),
        );
        conditions.extend(results);
        errors.extend(more);
    }
    walk.record_resource(addr, conditions);
    if errors.has_errors() {
        return Err(errors);
    }
    walk.diagnostics.extend(errors);
    Ok(change)
}

/// What `lifecycle` says about one object.
pub(super) struct Flags {
    /// As configured; nothing if the configuration does not say.
    pub create_before_destroy: Option<bool>,
    pub prevent_destroy: bool,
    pub protect: bool,
}

impl Flags {
    fn evaluate(
        resource: &Resource,
        schema: &infra_providers::Schema,
        scope: &ModuleScope<'_, '_>,
        errors: &mut Diagnostics,
    ) -> Flags {
        let mut flag = |expr: &Option<infra_syntax::ast::Expr>, name: &str| -> Option<bool> {
            let expr = expr.as_ref()?;
            match crate::eval::eval(expr, scope) {
                Ok(value) => match crate::eval::repeat::flag(&value, name, expr.span) {
                    Ok(flag) => Some(flag),
                    Err(d) => {
                        errors.push(d);
                        None
                    }
                },
                Err(more) => {
                    errors.extend(more);
                    None
                }
            }
        };
        let lifecycle = &resource.lifecycle;
        Flags {
            create_before_destroy: flag(&lifecycle.create_before_destroy, "create_before_destroy"),
            prevent_destroy: flag(&lifecycle.prevent_destroy, "prevent_destroy").unwrap_or(false),
            protect: flag(&lifecycle.protect, "protect").unwrap_or(schema.data_bearing),
        }
    }
}

/// Refuses to delete what must stay.
fn refuse_protected(change: &Change, flags: &Flags, span: Span, errors: &mut Diagnostics) {
    let because = change
        .replace_paths
        .first()
        .map(|p| format!(" because `{p}` cannot be changed in place"))
        .unwrap_or_default();
    if flags.prevent_destroy {
        errors.push(
            Diagnostic::error(
                "infra::plan::prevent_destroy",
                format!(
                    "`{}` would be replaced{because}, but `prevent_destroy` is set",
                    change.addr
                ),
            )
            .at(span, "must not be destroyed")
            .help("undo the change, or set `prevent_destroy = false`")
            .about(&change.addr),
        );
    } else if change.prior.as_ref().is_some_and(|p| p.protect) && flags.protect {
        errors.push(protected(&change.addr, "replaced", &because, Some(span)));
    }
}

/// The error about an object that is protected in the state.
pub(super) fn protected(addr: &InstanceAddr, what: &str, because: &str, span: Option<Span>) -> Diagnostic {
    let mut d = Diagnostic::error(
        "infra::plan::protected",
        format!("`{addr}` is protected and would be {what}{because}"),
    )
    .note(
        "it holds data that cannot be made again, or its configuration said `protect = true` when it was last applied",
    )
    .help(format!(
        "apply once with `lifecycle {{ protect = false }}` on `{addr}`, then try again"
    ))
    .about(addr);
    if let Some(span) = span {
        d = d.at(span, "protected");
    }
    d
}

/// Says whether something in `replace_triggered_by` changes in this plan.
fn triggered(
    walk: &Walk<'_>,
    at: ModuleInstanceId,
    resource: &Resource,
    repeat: &Repeat,
    errors: &mut Diagnostics,
) -> bool {
    let mut any = false;
    for expr in &resource.lifecycle.replace_triggered_by {
        match super::orphans::trigger(walk, at, repeat, expr) {
            Ok(changed) => any |= changed,
            Err(d) => errors.push(d),
        }
    }
    any
}

/// Returns where the changed attributes come from.
fn causes(walk: &Walk<'_>, resource: &Resource, prior: &Value, planned: &Value) -> Vec<Cause> {
    let sources = &walk.planner.config.sources;
    super::diff::changed_attributes(prior, planned)
        .into_iter()
        .filter_map(|name| {
            let path = Path::attr(name.clone());
            let attribute = resource.body.attribute(&name);
            let span = attribute.map(|a| a.span()).or_else(|| span_of(&resource.body, &path))?;
            let mentions = attribute
                .map(|a| {
                    crate::config::references::references(&a.expr)
                        .into_iter()
                        .map(|r| sources.text(r.span).to_owned())
                        .collect()
                })
                .unwrap_or_default();
            Some(Cause {
                path,
                span: Some(span),
                location: sources.location(span),
                mentions,
            })
        })
        .collect()
}

/// Plans a data source: read now, or while applying.
pub(super) fn plan_data<'a>(
    walk: &mut Walk<'a>,
    at: ModuleInstanceId,
    resource: &'a Resource,
    repeat: &Repeat,
    addr: &InstanceAddr,
    dependency_pending: bool,
) -> Result<DataPlan, Diagnostics> {
    let provider = provider_ref(walk.planner.config, resource);
    let Some(schema) = walk.planner.registry.schema(addr.resource.mode, &resource.key.ty) else {
        return Err(Diagnostic::error(
            "infra::config::unknown_type",
            format!("no provider offers the data source `{}`", resource.key.ty),
        )
        .at(resource.span, "not known")
        .into());
    };
    let scope = walk.world.scope_of(at, repeat);
    let (results, mut errors) = evaluate_conditions(
        &resource.lifecycle.preconditions,
        &scope,
        "precondition",
        &addr.to_string(),
    );
    let desired = desired(resource, schema, &scope, None, addr);
    walk.record_resource(addr, results);
    let config = match desired {
        Ok(desired) => desired,
        Err(more) => {
            errors.extend(more);
            return Err(errors);
        }
    };
    if errors.has_errors() {
        return Err(errors);
    }
    let Some(session) = walk.sessions.get(&provider) else {
        return Ok(DataPlan::Failed);
    };
    if config.is_wholly_known() && !dependency_pending {
        return Ok(DataPlan::Read { session, config });
    }
    let value = unknown_data(schema, &config);
    let change = Change {
        addr: addr.clone(),
        previous_addr: None,
        deposed: None,
        action: Action::Read,
        provider: provider.to_string().into(),
        prior: None,
        planned: Some(value.clone()),
        reason: Some(if dependency_pending {
            Reason::DependencyPending
        } else {
            Reason::ConfigUnknown
        }),
        replace_paths: Vec::new(),
        causes: Vec::new(),
        meta: Meta::default(),
        importing: None,
        span: Some(resource.span),
        token: "".into(),
    };
    walk.changed.insert(resource.path.clone());
    Ok(DataPlan::Later {
        value,
        change: Box::new(change),
    })
}

/// The value of a data source that is read later: what is configured, the rest unknown.
fn unknown_data(schema: &infra_providers::Schema, config: &Value) -> Value {
    let response = infra_providers::plan_resource(
        schema,
        &PlanRequest {
            ty: "",
            prior: None,
            config,
        },
    );
    response.planned
}
