//! The fields of a container definition, once, as a table.
//!
//! From it come the schema of the `container` block, the way between that
//! block and the API's JSON, and what keys that JSON may have.

use infra_providers::schema::nearest;
use infra_providers::{Attribute, Block, NestedBlock};
use infra_types::{Str, Type, Value};
use serde_json::{Map, Value as Json};

/// A field: its name as an argument, its key in JSON, its form.
pub(super) struct Field {
    pub(super) arg: &'static str,
    pub(super) key: &'static str,
    pub(super) form: Form,
}

/// The form of a field.
pub(super) enum Form {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A truth value.
    Flag,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Numbers,
    /// A map of texts; in JSON an object.
    Labels,
    /// A map of texts; in JSON a list of objects with `name` and this key.
    Pairs(&'static str),
    /// A block at most once; in JSON an object.
    One(&'static [Field]),
    /// A repeated block; in JSON a list of objects.
    Many(&'static [Field]),
}

const fn field(arg: &'static str, key: &'static str, form: Form) -> Field {
    Field { arg, key, form }
}

use Form::{Flag, Labels, Many, Number, Numbers, One, Pairs, Text, Texts};

/// All fields of a container definition.
pub(super) const CONTAINER: &[Field] = &[
    field("name", "name", Text),
    field("image", "image", Text),
    field("cpu", "cpu", Number),
    field("memory", "memory", Number),
    field("memory_reservation", "memoryReservation", Number),
    field("essential", "essential", Flag),
    field("command", "command", Texts),
    field("entry_point", "entryPoint", Texts),
    field("working_directory", "workingDirectory", Text),
    field("user", "user", Text),
    field("hostname", "hostname", Text),
    field("environment", "environment", Pairs("value")),
    field("secrets", "secrets", Pairs("valueFrom")),
    field(
        "environment_files",
        "environmentFiles",
        Many(&[field("value", "value", Text), field("type", "type", Text)]),
    ),
    field(
        "repository_credentials",
        "repositoryCredentials",
        One(&[field("credentials_parameter", "credentialsParameter", Text)]),
    ),
    field(
        "port_mappings",
        "portMappings",
        Many(&[
            field("container_port", "containerPort", Number),
            field("host_port", "hostPort", Number),
            field("container_port_range", "containerPortRange", Text),
            field("protocol", "protocol", Text),
            field("name", "name", Text),
            field("app_protocol", "appProtocol", Text),
        ]),
    ),
    field(
        "health_check",
        "healthCheck",
        One(&[
            field("command", "command", Texts),
            field("interval", "interval", Number),
            field("timeout", "timeout", Number),
            field("retries", "retries", Number),
            field("start_period", "startPeriod", Number),
        ]),
    ),
    field(
        "log_configuration",
        "logConfiguration",
        One(&[
            field("log_driver", "logDriver", Text),
            field("options", "options", Labels),
            field("secret_options", "secretOptions", Pairs("valueFrom")),
        ]),
    ),
    field(
        "dependency",
        "dependsOn",
        Many(&[
            field("container_name", "containerName", Text),
            field("condition", "condition", Text),
        ]),
    ),
    field(
        "mount_points",
        "mountPoints",
        Many(&[
            field("source_volume", "sourceVolume", Text),
            field("container_path", "containerPath", Text),
            field("read_only", "readOnly", Flag),
        ]),
    ),
    field(
        "volumes_from",
        "volumesFrom",
        Many(&[
            field("source_container", "sourceContainer", Text),
            field("read_only", "readOnly", Flag),
        ]),
    ),
    field(
        "linux_parameters",
        "linuxParameters",
        One(&[
            field(
                "capabilities",
                "capabilities",
                One(&[field("add", "add", Texts), field("drop", "drop", Texts)]),
            ),
            field("init_process_enabled", "initProcessEnabled", Flag),
            field("shared_memory_size", "sharedMemorySize", Number),
            field("max_swap", "maxSwap", Number),
            field("swappiness", "swappiness", Number),
            field(
                "tmpfs",
                "tmpfs",
                Many(&[
                    field("container_path", "containerPath", Text),
                    field("size", "size", Number),
                    field("mount_options", "mountOptions", Texts),
                ]),
            ),
            field(
                "devices",
                "devices",
                Many(&[
                    field("host_path", "hostPath", Text),
                    field("container_path", "containerPath", Text),
                    field("permissions", "permissions", Texts),
                ]),
            ),
        ]),
    ),
    field(
        "ulimits",
        "ulimits",
        Many(&[
            field("name", "name", Text),
            field("soft_limit", "softLimit", Number),
            field("hard_limit", "hardLimit", Number),
        ]),
    ),
    field(
        "system_controls",
        "systemControls",
        Many(&[field("namespace", "namespace", Text), field("value", "value", Text)]),
    ),
    field(
        "resource_requirements",
        "resourceRequirements",
        Many(&[field("type", "type", Text), field("value", "value", Text)]),
    ),
    field(
        "extra_hosts",
        "extraHosts",
        Many(&[
            field("hostname", "hostname", Text),
            field("ip_address", "ipAddress", Text),
        ]),
    ),
    field(
        "firelens_configuration",
        "firelensConfiguration",
        One(&[field("type", "type", Text), field("options", "options", Labels)]),
    ),
    field(
        "restart_policy",
        "restartPolicy",
        One(&[
            field("enabled", "enabled", Flag),
            field("ignored_exit_codes", "ignoredExitCodes", Numbers),
            field("restart_attempt_period", "restartAttemptPeriod", Number),
        ]),
    ),
    field("start_timeout", "startTimeout", Number),
    field("stop_timeout", "stopTimeout", Number),
    field("version_consistency", "versionConsistency", Text),
    field("readonly_root_filesystem", "readonlyRootFilesystem", Flag),
    field("privileged", "privileged", Flag),
    field("disable_networking", "disableNetworking", Flag),
    field("interactive", "interactive", Flag),
    field("pseudo_terminal", "pseudoTerminal", Flag),
    field("docker_labels", "dockerLabels", Labels),
    field("docker_security_options", "dockerSecurityOptions", Texts),
    field("dns_servers", "dnsServers", Texts),
    field("dns_search_domains", "dnsSearchDomains", Texts),
    field("links", "links", Texts),
    field("credential_specs", "credentialSpecs", Texts),
];

/// Arguments that must be set wherever their block stands.
const REQUIRED: &[&str] = &[
    "condition",
    "container_name",
    "credentials_parameter",
    "host_path",
    "ip_address",
    "log_driver",
    "soft_limit",
    "hard_limit",
];

/// Returns the block that these fields make up.
pub(super) fn block(fields: &[Field], description: &'static str) -> Block {
    fields.iter().fold(Block::new(description), |block, field| {
        let ty = match field.form {
            Form::Text => Type::String,
            Form::Number => Type::Number,
            Form::Flag => Type::Bool,
            Form::Texts => Type::list(Type::String),
            Form::Numbers => Type::list(Type::Number),
            Form::Labels | Form::Pairs(_) => Type::map(Type::String),
            Form::One(inner) => {
                return block.block(field.arg, NestedBlock::single(self::block(inner, "")));
            }
            Form::Many(inner) => {
                return block.block(field.arg, NestedBlock::list(self::block(inner, "")));
            }
        };
        let named = field.arg == "name" && fields.len() > 10;
        let attribute = match named || field.arg == "image" || REQUIRED.contains(&field.arg) {
            true => Attribute::required(ty),
            false => Attribute::optional(ty),
        };
        block.attr(field.arg, attribute)
    })
}

/// Turns a block's value into JSON. Null and unknown are left out.
pub(super) fn to_json(fields: &[Field], value: &Value) -> Json {
    let mut out = Map::new();
    for field in fields {
        let Some(value) = value.get(field.arg).filter(|v| v.is_known() && !v.is_null()) else {
            continue;
        };
        let items = value.as_items().unwrap_or(&[]);
        let entries = value.as_entries().into_iter().flatten();
        let json = match &field.form {
            Form::Text => value.as_str().map(Json::from),
            Form::Number => value.as_i64().map(Json::from),
            Form::Flag => value.as_bool().map(Json::from),
            Form::Texts => Some(items.iter().filter_map(Value::as_str).collect()),
            Form::Numbers => Some(items.iter().filter_map(Value::as_i64).collect()),
            Form::Labels => {
                let labels = entries.filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.into())));
                Some(Json::Object(labels.collect()))
            }
            Form::Pairs(key) => Some(
                entries
                    .filter_map(|(name, v)| {
                        let v = v.as_str()?;
                        Some(serde_json::json!({ "name": &**name, (*key): v }))
                    })
                    .collect(),
            ),
            Form::One(inner) => Some(to_json(inner, value)),
            Form::Many(inner) => Some(items.iter().map(|item| to_json(inner, item)).collect()),
        };
        if let Some(json) = json {
            out.insert(field.key.to_owned(), json);
        }
    }
    Json::Object(out)
}

/// Turns JSON into a block's value; what is not there is null, or an empty list of blocks.
pub(super) fn from_json(fields: &[Field], json: &Json) -> Value {
    Value::object(fields.iter().map(|field| {
        let found = json.get(field.key).filter(|j| !j.is_null());
        let items = found.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let value = match &field.form {
            Form::Text => or_null(found.and_then(Json::as_str).map(Value::from), Type::String),
            Form::Number => or_null(found.and_then(Json::as_i64).map(Value::from), Type::Number),
            Form::Flag => or_null(found.and_then(Json::as_bool).map(Value::from), Type::Bool),
            Form::Texts => {
                let texts = || Value::strings(items.iter().filter_map(Json::as_str));
                or_null(found.map(|_| texts()), Type::list(Type::String))
            }
            Form::Numbers => {
                let numbers = items.iter().filter_map(Json::as_i64).map(Value::from);
                let list = Value::list(Type::Number, numbers.collect());
                or_null(found.map(|_| list), Type::list(Type::Number))
            }
            Form::Labels => {
                let entries = found.and_then(Json::as_object).into_iter().flatten();
                let map = texts(entries.filter_map(|(k, v)| Some((k.as_str(), v.as_str()?))));
                or_null(found.map(|_| map), Type::map(Type::String))
            }
            Form::Pairs(key) => {
                let pairs = items
                    .iter()
                    .filter_map(|pair| Some((pair.get("name")?.as_str()?, pair.get(key)?.as_str()?)));
                let map = texts(pairs);
                or_null(found.map(|_| map), Type::map(Type::String))
            }
            Form::One(inner) => or_null(found.map(|j| from_json(inner, j)), block(inner, "").ty()),
            Form::Many(inner) => {
                let items = items.iter().map(|j| from_json(inner, j)).collect();
                Value::list(block(inner, "").ty(), items)
            }
        };
        (field.arg, value)
    }))
}

fn or_null(value: Option<Value>, ty: Type) -> Value {
    value.unwrap_or_else(|| Value::null_of(ty))
}

fn texts<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let entries = entries.map(|(k, v)| (Str::from(k), v.into()));
    Value::map(Type::String, entries.collect())
}

/// Brings written JSON to the API's types: numbers and truth values written as
/// texts, texts written as numbers. Nulls, and pairs without a value, go away.
///
/// Fails on a key that is none of the fields, and on a value of another form.
pub(super) fn check(fields: &[Field], json: &Json, at: &str) -> Result<Json, String> {
    let Some(entries) = json.as_object() else {
        return Err(format!("{at} must be an object"));
    };
    let mut out = Map::new();
    for (key, value) in entries {
        let Some(field) = fields.iter().find(|f| f.key == key) else {
            let known: Vec<&str> = fields.iter().map(|f| f.key).collect();
            let hint = nearest(key, &known).map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            return Err(format!("{at} has no key `{key}`{hint}"));
        };
        if value.is_null() {
            continue;
        }
        let at = format!("{at}.{key}");
        let value = match &field.form {
            Form::Text => text(value, &at)?.into(),
            Form::Number => number(value, &at)?.into(),
            Form::Flag => match value {
                Json::String(s) if s == "true" => true.into(),
                Json::String(s) if s == "false" => false.into(),
                Json::Bool(_) => value.clone(),
                _ => return Err(format!("{at} must be true or false")),
            },
            Form::Texts => list(value, &at, text)?,
            Form::Numbers => list(value, &at, number)?,
            Form::Labels => {
                let entries = value.as_object().ok_or_else(|| format!("{at} must be an object"))?;
                let entries = entries.iter().filter(|(_, v)| !v.is_null());
                let labels: Result<Map<String, Json>, String> =
                    entries.map(|(k, v)| Ok((k.clone(), text(v, &at)?.into()))).collect();
                labels?.into()
            }
            Form::Pairs(value_key) => pairs(value, value_key, &at)?,
            Form::One(inner) => check(inner, value, &at)?,
            Form::Many(inner) => {
                let items = value.as_array().ok_or_else(|| format!("{at} must be a list"))?;
                let checked: Result<Vec<Json>, String> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| check(inner, item, &format!("{at}[{i}]")))
                    .collect();
                checked?.into()
            }
        };
        out.insert(key.clone(), value);
    }
    Ok(Json::Object(out))
}

fn text(json: &Json, at: &str) -> Result<String, String> {
    match json {
        Json::String(s) => Ok(s.clone()),
        Json::Number(n) => Ok(n.to_string()),
        Json::Bool(b) => Ok(b.to_string()),
        _ => Err(format!("{at} must be a text")),
    }
}

fn number(json: &Json, at: &str) -> Result<i64, String> {
    let number = match json {
        Json::Number(n) => n.as_i64(),
        Json::String(s) => s.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{at} must be a whole number"))
}

fn list<T: Into<Json>>(json: &Json, at: &str, item: impl Fn(&Json, &str) -> Result<T, String>) -> Result<Json, String> {
    let items = json.as_array().ok_or_else(|| format!("{at} must be a list"))?;
    let items: Result<Vec<Json>, String> = items.iter().map(|j| Ok(item(j, at)?.into())).collect();
    Ok(items?.into())
}

fn pairs(json: &Json, value_key: &str, at: &str) -> Result<Json, String> {
    let items = json.as_array().ok_or_else(|| format!("{at} must be a list"))?;
    let mut out = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = format!("{at}[{i}]");
        let entries = item.as_object().ok_or_else(|| format!("{at} must be an object"))?;
        if let Some(key) = entries.keys().find(|k| *k != "name" && *k != value_key) {
            return Err(format!("{at} has no key `{key}`; it has `name` and `{value_key}`"));
        }
        let name = entries.get("name").ok_or_else(|| format!("{at} has no `name`"))?;
        // Lists that modules build have nulls where there is no value.
        let Some(value) = entries.get(value_key).filter(|v| !v.is_null()) else {
            continue;
        };
        out.push(serde_json::json!({ "name": text(name, &at)?, value_key: text(value, &at)? }));
    }
    Ok(out.into())
}
