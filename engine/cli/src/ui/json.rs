//! Plans and states in Terraform's JSON output format (`format_version` 1.x),
//! because people's tools read that. Secrets are left out: where Terraform
//! writes a sensitive value, there is null here, and the marks say so.

mod checks;
mod configuration;

use std::collections::BTreeMap;

use infra_engine::plan::{Action, Change, Plan};
use infra_engine::project::Project;
use infra_providers::Registry;
use infra_state::{InstanceState, ObjectState, State};
use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, Path, PathStep, Str, Type, Value, ValueKind, json};
use serde_json::{Map, Value as Json, json};

/// The version that Terraform's tools are told, for compatibility.
const TERRAFORM_VERSION: &str = "1.11.4";

/// Returns the value without what is unknown or sensitive.
fn shown(value: &Value) -> Json {
    fn clean(value: &Value) -> Value {
        if value.is_sensitive() || !value.is_known() {
            return Value::null_of(value.ty());
        }
        value.map_children(clean)
    }
    if !value.is_known() || value.is_sensitive() {
        return Json::Null;
    }
    prune(value, &json::to_json(&clean(value)))
}

/// Leaves out object attributes that are unknown, as Terraform does.
fn prune(value: &Value, json: &Json) -> Json {
    match (&value.kind, json) {
        (ValueKind::Object(attrs), Json::Object(map)) => Json::Object(
            map.iter()
                .filter_map(|(k, v)| {
                    let value = attrs.get(k.as_str())?;
                    value.is_known().then(|| (k.clone(), prune(value, v)))
                })
                .collect(),
        ),
        (_, Json::Array(items)) => match value.as_items() {
            Some(values) => values.iter().zip(items).map(|(v, j)| prune(v, j)).collect(),
            None => json.clone(),
        },
        (ValueKind::Map(m), Json::Object(map)) => Json::Object(
            map.iter()
                .filter_map(|(k, v)| m.items.get(k.as_str()).map(|value| (k.clone(), prune(value, v))))
                .collect(),
        ),
        _ => json.clone(),
    }
}

/// Returns a structure with `true` at the places where `test` holds, `false` if there are none.
fn places(value: &Value, test: &dyn Fn(&Value) -> bool) -> Json {
    if test(value) {
        return Json::Bool(true);
    }
    match &value.kind {
        ValueKind::Object(_) | ValueKind::Map(_) => {
            let map: Map<String, Json> = value
                .as_entries()
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.to_string(), places(v, test)))
                .filter(|(_, v)| *v != Json::Bool(false))
                .collect();
            Json::Object(map)
        }
        ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => value
            .as_items()
            .unwrap_or(&[])
            .iter()
            .map(|v| places(v, test))
            .collect(),
        _ => Json::Bool(false),
    }
}

fn unknown_places(value: Option<&Value>) -> Json {
    value.map_or(Json::Bool(false), |v| places(v, &|v| !v.is_known()))
}

/// Returns a structure with `true` at what is sensitive.
///
/// As Terraform has it, a collection that is not known yet is there, but empty.
fn sensitive_places(value: Option<&Value>) -> Json {
    let Some(value) = value else {
        return Json::Bool(false);
    };
    if value.is_sensitive() {
        return Json::Bool(true);
    }
    match &value.kind {
        ValueKind::Unknown(Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => json!([]),
        ValueKind::Unknown(Type::Map(_) | Type::Object(_), _) => json!({}),
        ValueKind::Object(_) | ValueKind::Map(_) => {
            let entries = value.as_entries().into_iter().flatten();
            let entries = entries.map(|(k, v)| (k.to_string(), sensitive_places(Some(v))));
            Json::Object(entries.filter(|(_, v)| *v != Json::Bool(false)).collect())
        }
        ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
            let items = value.as_items().unwrap_or(&[]).iter();
            items.map(|v| sensitive_places(Some(v))).collect()
        }
        _ => Json::Bool(false),
    }
}

fn key(key: &InstanceKey) -> Option<Json> {
    match key {
        InstanceKey::None => None,
        InstanceKey::Int(i) => Some((*i).into()),
        InstanceKey::Str(s) => Some((**s).into()),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "managed",
        Mode::Data => "data",
    }
}

/// The full name of a provider, as tools expect it.
fn provider_name(provider: &str) -> String {
    let name = provider.rsplit('/').next().unwrap_or(provider);
    let name = name.split('.').next().unwrap_or(name);
    match name {
        "terraform" => "terraform.io/builtin/terraform".into(),
        name => format!("registry.terraform.io/hashicorp/{name}"),
    }
}

fn actions(action: Action) -> Json {
    match action {
        Action::NoOp => json!(["no-op"]),
        Action::Create => json!(["create"]),
        Action::Read => json!(["read"]),
        Action::Update => json!(["update"]),
        Action::Replace { create_first: true } => json!(["create", "delete"]),
        Action::Replace { create_first: false } => json!(["delete", "create"]),
        Action::Delete => json!(["delete"]),
        Action::Forget => json!(["forget"]),
    }
}

fn path(path: &Path) -> Json {
    path.0
        .iter()
        .map(|step| match step {
            PathStep::Attr(name) | PathStep::Key(name) => Json::from(&**name),
            PathStep::Index(i) => Json::from(*i),
        })
        .collect()
}

fn identify(addr: &InstanceAddr) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("address".into(), addr.to_string().into());
    if !addr.resource.module.is_root() {
        out.insert("module_address".into(), addr.resource.module.to_string().into());
    }
    out.insert("mode".into(), mode(addr.resource.mode).into());
    out.insert("type".into(), (*addr.resource.ty).into());
    out.insert("name".into(), (*addr.resource.name).into());
    if let Some(key) = key(&addr.key) {
        out.insert("index".into(), key);
    }
    out
}

fn resource_change(change: &Change) -> Json {
    let mut out = identify(&change.addr);
    if let Some(from) = &change.previous_addr {
        out.insert("previous_address".into(), from.to_string().into());
    }
    if let Some(key) = &change.deposed {
        out.insert("deposed".into(), key.as_str().into());
    }
    out.insert("provider_name".into(), provider_name(&change.provider).into());
    let before = change.prior.as_ref().map(|p| &p.attributes);
    let after = change.planned.as_ref();
    let mut inner = json!({
        "actions": actions(change.action),
        "before": before.map_or(Json::Null, shown),
        "after": after.map_or(Json::Null, shown),
        "after_unknown": after.filter(|v| !v.is_wholly_known()).map_or_else(|| json!({}), |v| unknown_places(Some(v))),
        "before_sensitive": sensitive_places(before),
        "after_sensitive": sensitive_places(after),
    });
    if !change.replace_paths.is_empty() {
        inner["replace_paths"] = change.replace_paths.iter().map(path).collect();
    }
    if let Some(id) = &change.importing {
        inner["importing"] = json!({"id": id});
    }
    out.insert("change".into(), inner);
    if let Some(reason) = change.reason {
        out.insert("action_reason".into(), reason.word().into());
    }
    Json::Object(out)
}

/// Groups resources by module, as `planned_values` and `values` do.
struct Tree {
    modules: BTreeMap<ModuleAddr, Vec<Json>>,
}

impl Tree {
    fn new() -> Self {
        Self {
            modules: BTreeMap::new(),
        }
    }

    fn add(&mut self, module: &ModuleAddr, resource: Json) {
        self.modules.entry(module.clone()).or_default().push(resource);
    }

    /// Returns the root module with all modules in it.
    fn render(mut self) -> Json {
        // Modules without resources of their own still hold others.
        let addresses: Vec<ModuleAddr> = self.modules.keys().cloned().collect();
        for addr in addresses {
            let mut at = addr.parent();
            while let Some(parent) = at {
                self.modules.entry(parent.clone()).or_default();
                at = parent.parent();
            }
        }
        let mut children: BTreeMap<ModuleAddr, Vec<ModuleAddr>> = BTreeMap::new();
        for addr in self.modules.keys() {
            if let Some(parent) = addr.parent() {
                children.entry(parent).or_default().push(addr.clone());
            }
        }
        self.module(&ModuleAddr::root(), &children)
    }

    fn module(&mut self, addr: &ModuleAddr, children: &BTreeMap<ModuleAddr, Vec<ModuleAddr>>) -> Json {
        let mut out = Map::new();
        if !addr.is_root() {
            out.insert("address".into(), addr.to_string().into());
        }
        let resources = self.modules.remove(addr).unwrap_or_default();
        if !resources.is_empty() {
            out.insert("resources".into(), resources.into());
        }
        if let Some(list) = children.get(addr) {
            let modules: Vec<Json> = list.iter().map(|c| self.module(c, children)).collect();
            out.insert("child_modules".into(), modules.into());
        }
        Json::Object(out)
    }
}

fn resource_values(addr: &InstanceAddr, provider: &str, schema_version: u32, values: &Value) -> Map<String, Json> {
    let mut out = identify(addr);
    out.remove("module_address");
    out.insert("provider_name".into(), provider_name(provider).into());
    out.insert("schema_version".into(), schema_version.into());
    out.insert("values".into(), shown(values));
    out.insert("sensitive_values".into(), sensitive_places(Some(values)));
    out
}

fn output_values<'a>(outputs: impl Iterator<Item = (&'a Str, &'a Value)>) -> Json {
    let map: Map<String, Json> = outputs
        .map(|(name, value)| {
            let sensitive = value.contains_sensitive();
            let mut out = json!({"sensitive": sensitive});
            if value.is_wholly_known() {
                out["type"] = json::type_to_json(&value.ty());
                out["value"] = if sensitive { Json::Null } else { shown(value) };
            }
            (name.to_string(), out)
        })
        .collect();
    Json::Object(map)
}

/// Says whether a variable's value exists during one run only.
fn is_ephemeral(project: &Project, name: &str) -> bool {
    let variables = &project.config.root().variables;
    variables.get(name).is_some_and(|v| v.ephemeral)
}

/// Returns a plan.
pub(crate) fn plan(plan: &Plan, project: &Project, registry: &Registry) -> Json {
    let mut planned = Tree::new();
    for change in &plan.changes {
        if let (Some(value), None) = (&change.planned, &change.deposed)
            && change.action != Action::Read
        {
            let out = resource_values(&change.addr, &change.provider, change.meta.schema_version, value);
            planned.add(&change.addr.resource.module, Json::Object(out));
        }
    }
    let variables: Map<String, Json> = plan
        .variables
        .iter()
        .filter(|(name, _)| !is_ephemeral(project, name))
        .map(|(name, value)| (name.to_string(), json!({"value": shown(value)})))
        .collect();
    let outputs = plan
        .outputs
        .iter()
        .filter_map(|(name, change)| Some((name, change.after.as_ref()?)));
    let mut planned_values = json!({"root_module": planned.render()});
    let planned_outputs = output_values(outputs);
    if planned_outputs.as_object().is_some_and(|o| !o.is_empty()) {
        planned_values["outputs"] = planned_outputs;
    }
    let mut out = json!({
        "format_version": "1.2",
        "terraform_version": TERRAFORM_VERSION,
        "infra_version": env!("CARGO_PKG_VERSION"),
        "planned_values": planned_values,
        "resource_changes": plan.changes.iter().map(resource_change).collect::<Vec<_>>(),
        "output_changes": output_changes(plan),
        "configuration": configuration::render(&project.config, registry),
        "timestamp": plan.timestamp,
        "applyable": plan.has_changes(),
        "complete": plan.targets.is_empty() && plan.excludes.is_empty() && plan.later.is_empty(),
        "errored": false,
    });
    if !variables.is_empty() {
        out["variables"] = variables.into();
    }
    if let Some(later) = super::later::json(plan) {
        out["deferred_changes"] = later;
    }
    let drift = drift(plan);
    if !drift.is_empty() {
        out["resource_drift"] = drift.into();
    }
    if !plan.prior.is_empty() {
        out["prior_state"] = state(&plan.prior);
    }
    if !plan.checks.is_empty() {
        out["checks"] = checks::render(&plan.checks);
    }
    out
}

fn output_changes(plan: &Plan) -> Json {
    let map: Map<String, Json> = plan
        .outputs
        .iter()
        .map(|(name, change)| {
            // An output that is null counts as one that is not there.
            let null = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_null);
            let word = match (null(&change.before), null(&change.after)) {
                _ if change.is_noop() => "no-op",
                (true, true) => "no-op",
                (true, false) => "create",
                (false, true) => "delete",
                (false, false) => "update",
            };
            let show = |v: &Option<Value>| v.as_ref().map_or(Json::Null, shown);
            let values = [&change.before, &change.after];
            let sensitive = values.into_iter().flatten().any(Value::contains_sensitive);
            let unknown = change.after.as_ref().filter(|v| !v.is_wholly_known());
            let mut out = json!({
                "actions": [word],
                "before": show(&change.before),
                "after": show(&change.after),
                "after_unknown": unknown_places(unknown),
                "before_sensitive": sensitive,
                "after_sensitive": sensitive,
            });
            if let (Some(map), Some(false)) = (out.as_object_mut(), change.after.as_ref().map(Value::is_known)) {
                map.remove("after");
            }
            (name.to_string(), out)
        })
        .collect();
    Json::Object(map)
}

fn drift(plan: &Plan) -> Vec<Json> {
    plan.drift
        .iter()
        .map(|d| {
            let mut out = identify(&d.addr);
            let word = if d.after.is_none() { "delete" } else { "update" };
            out.insert(
                "change".into(),
                json!({
                    "actions": [word],
                    "before": shown(&d.before),
                    "after": d.after.as_ref().map_or(Json::Null, shown),
                    "after_unknown": {},
                    "before_sensitive": sensitive_places(Some(&d.before)),
                    "after_sensitive": sensitive_places(d.after.as_ref()),
                }),
            );
            Json::Object(out)
        })
        .collect()
}

fn object_values(addr: &InstanceAddr, object: &ObjectState, deposed: Option<&str>) -> Json {
    let mut out = resource_values(addr, &object.provider, object.schema_version, &object.attributes);
    if !object.dependencies.is_empty() {
        out.insert(
            "depends_on".into(),
            object.dependencies.iter().map(|d| Json::from(d.to_string())).collect(),
        );
    }
    if object.tainted {
        out.insert("tainted".into(), true.into());
    }
    if object.protect {
        out.insert("protected".into(), true.into());
    }
    if let Some(key) = deposed {
        out.insert("deposed_key".into(), key.into());
    }
    Json::Object(out)
}

/// Returns the objects of one instance.
pub(crate) fn instance(addr: &InstanceAddr, instance: &InstanceState) -> Json {
    let current = instance.current.iter().map(|o| object_values(addr, o, None));
    let deposed = instance.deposed.iter().map(|(k, o)| object_values(addr, o, Some(k)));
    current.chain(deposed).collect()
}

/// Returns a state.
pub(crate) fn state(state: &State) -> Json {
    let mut tree = Tree::new();
    for (addr, instance) in &state.instances {
        if let Some(object) = &instance.current {
            tree.add(&addr.resource.module, object_values(addr, object, None));
        }
        for (key, object) in &instance.deposed {
            tree.add(&addr.resource.module, object_values(addr, object, Some(key)));
        }
    }
    let mut out = json!({"format_version": "1.0"});
    if !state.is_empty() {
        out["terraform_version"] = TERRAFORM_VERSION.into();
        out["infra_version"] = env!("CARGO_PKG_VERSION").into();
        let mut values = json!({"root_module": tree.render()});
        let outputs: Vec<_> = set_outputs(state).collect();
        if !outputs.is_empty() {
            values["outputs"] = output_values(outputs.into_iter());
        }
        out["values"] = values;
    }
    out
}

/// Returns the outputs that are not null: to Terraform, such an output is not there.
fn set_outputs(state: &State) -> impl Iterator<Item = (&Str, &Value)> {
    let outputs = state.outputs.iter().map(|(name, output)| (name, &output.value));
    outputs.filter(|(_, value)| !value.is_null())
}

/// Returns the outputs, as `terraform output -json` does; sensitive values masked.
pub(crate) fn outputs(state: &State) -> Json {
    let map: Map<String, Json> = set_outputs(state)
        .map(|(name, value)| {
            let sensitive = value.contains_sensitive();
            let masked = if sensitive { Json::Null } else { shown(value) };
            (
                name.to_string(),
                json!({"sensitive": sensitive, "type": json::type_to_json(&value.ty()), "value": masked}),
            )
        })
        .collect();
    Json::Object(map)
}
