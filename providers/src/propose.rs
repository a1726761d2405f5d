//! Planning rules that all providers share: prior and configured value in,
//! planned value and replacement paths out.
//!
//! For each attribute: what is configured wins (but keeps the prior text when
//! both mean the same); what is not configured takes its default, keeps what
//! the service had set before, or is unknown until the service sets it.

use std::sync::Arc;

use infra_types::{Entries, Path, Str, Type, Value, ValueKind};

use crate::schema::{Attribute, Block, NestedBlock, Nesting, Schema};

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// The resource type.
    pub ty: &'a str,
    /// The object as it is; nothing for a create.
    pub prior: Option<&'a Value>,
    /// The configured value, in the schema's form; parts may be unknown.
    pub config: &'a Value,
}

/// What was planned.
#[derive(Clone, Debug)]
pub struct PlanResponse {
    /// The object as it will be; what only the service can say is unknown.
    pub planned: Value,
    /// Paths whose change forces a replacement; empty for an update in place.
    ///
    /// With a replacement, `planned` is still the value relative to the prior
    /// object; the engine asks again without a prior object.
    pub replace: Vec<Path>,
}

/// Plans a resource by its schema alone.
pub fn plan_resource(schema: &Schema, request: &PlanRequest<'_>) -> PlanResponse {
    let planned = propose_block(&schema.block, request.prior, request.config);
    let mut replace = Vec::new();
    if let Some(prior) = request.prior {
        replacement_paths(&schema.block, prior, &planned, &Path::root(), &mut replace);
    }
    PlanResponse { planned, replace }
}

/// Returns the planned value of a block.
fn propose_block(block: &Block, prior: Option<&Value>, config: &Value) -> Value {
    let Some(configured) = config.as_entries() else {
        return config.clone();
    };
    let mut out: Vec<(Str, Value)> = Vec::with_capacity(block.attributes.len() + block.blocks.len());
    for (name, attribute) in &block.attributes {
        let prior = prior.and_then(|p| p.get(name));
        let (key, config) = entry(configured, name);
        out.push((key, propose_attribute(attribute, prior, config, config_exists(prior))));
    }
    for (name, nested) in &block.blocks {
        let prior = prior.and_then(|p| p.get(name));
        let (key, config) = entry(configured, name);
        let value = match config {
            Some(config) => propose_nested(nested, prior, config),
            None => nested.empty(),
        };
        out.push((key, value));
    }
    Value {
        kind: ValueKind::Object(Arc::new(out.into_iter().collect())),
        marks: config.marks,
    }
}

fn config_exists(prior: Option<&Value>) -> bool {
    prior.is_some()
}

/// Returns what is configured under a name, and the name: the text of the
/// configured value's key, so that it is shared.
fn entry<'v>(configured: &'v Entries, name: &'static str) -> (Str, Option<&'v Value>) {
    match configured.get_key_value(name) {
        Some((key, value)) => (key.clone(), Some(value)),
        None => (infra_types::name(name), None),
    }
}

fn propose_attribute(attribute: &Attribute, prior: Option<&Value>, config: Option<&Value>, exists: bool) -> Value {
    let mark = |v: Value| if attribute.sensitive { v.sensitive() } else { v };
    match config {
        Some(config) if !config.is_null() => {
            if let Some(prior) = prior
                && means_the_same(attribute, prior, config)
            {
                // Same meaning: the prior text stays, the configured marks count.
                return mark(prior.clone().with_marks(config.marks));
            }
            mark(config.clone())
        }
        _ => {
            if let Some(default) = &attribute.default {
                if let Some(prior) = prior
                    && means_the_same(attribute, prior, default)
                {
                    return mark(prior.clone());
                }
                return mark(default.clone());
            }
            if attribute.computed {
                return mark(match prior {
                    Some(prior) if exists => prior.clone(),
                    _ => Value::unknown(attribute.ty.clone()),
                });
            }
            mark(Value::null_of(attribute.ty.clone()))
        }
    }
}

fn means_the_same(attribute: &Attribute, prior: &Value, config: &Value) -> bool {
    if prior.same_value(config) {
        return true;
    }
    match attribute.equal {
        Some(equal) => !prior.is_null() && prior.is_wholly_known() && config.is_wholly_known() && equal(prior, config),
        None => false,
    }
}

fn propose_nested(nested: &NestedBlock, prior: Option<&Value>, config: &Value) -> Value {
    if !config.is_known() {
        return config.clone();
    }
    let unwritten = match nested.nesting {
        Nesting::Single => config.is_null(),
        Nesting::List | Nesting::Set => config.as_items().is_none_or(<[Value]>::is_empty),
    };
    if unwritten {
        if nested.computed {
            return prior.cloned().unwrap_or_else(|| Value::unknown(nested.ty()));
        }
        return nested.empty();
    }
    match nested.nesting {
        Nesting::Single => {
            let prior = prior.filter(|p| p.as_entries().is_some());
            propose_block(&nested.block, prior, config)
        }
        Nesting::List => {
            let prior = prior.and_then(Value::as_items).unwrap_or(&[]);
            let items = config.as_items().unwrap_or(&[]);
            let items: Vec<Value> = items
                .iter()
                .enumerate()
                .map(|(i, item)| propose_block(&nested.block, prior.get(i), item))
                .collect();
            if matches!(config.kind, ValueKind::Tuple(_)) {
                Value::tuple(items).with_marks(config.marks)
            } else {
                Value::list(nested.block.ty(), items).with_marks(config.marks)
            }
        }
        Nesting::Set => {
            let prior = prior.and_then(Value::as_items).unwrap_or(&[]);
            let mut index = SetIndex::new(&nested.block, prior);
            let items = config
                .as_items()
                .unwrap_or(&[])
                .iter()
                .map(|item| propose_block(&nested.block, index.take(item), item))
                .collect();
            Value::set(nested.block.ty(), items).with_marks(config.marks)
        }
    }
}

/// Finds the prior element that a configured set element stands for: the one
/// that has the same values wherever the configuration says something.
struct SetIndex<'a> {
    block: &'a Block,
    rest: Vec<Option<&'a Value>>,
}

impl<'a> SetIndex<'a> {
    fn new(block: &'a Block, prior: &'a [Value]) -> Self {
        Self {
            block,
            rest: prior.iter().map(Some).collect(),
        }
    }

    fn take(&mut self, config: &Value) -> Option<&'a Value> {
        let block = self.block;
        let slot = self
            .rest
            .iter_mut()
            .find(|p| p.is_some_and(|p| could_be(block, p, config)))?;
        slot.take()
    }
}

fn could_be(block: &Block, prior: &Value, config: &Value) -> bool {
    let attributes = block.attributes.iter().all(|(name, attribute)| {
        let (Some(p), Some(c)) = (prior.get(name), config.get(name)) else {
            return false;
        };
        if c.is_null() {
            return attribute.computed
                || p.is_null()
                || attribute
                    .default
                    .as_ref()
                    .is_some_and(|d| means_the_same(attribute, p, d));
        }
        means_the_same(attribute, p, c)
    });
    attributes
        && block.blocks.iter().all(|(name, nested)| {
            let (Some(p), Some(c)) = (prior.get(name), config.get(name)) else {
                return false;
            };
            propose_nested(nested, Some(p), c).same_value(p)
        })
}

/// Collects the paths whose change forces a replacement.
fn replacement_paths(block: &Block, prior: &Value, planned: &Value, at: &Path, out: &mut Vec<Path>) {
    for (name, attribute) in &block.attributes {
        if !attribute.force_new {
            continue;
        }
        let (p, n) = (prior.get(name), planned.get(name));
        if differs(p, n) {
            out.push(at.join_attr(*name));
        }
    }
    for (name, nested) in &block.blocks {
        let (Some(p), Some(n)) = (prior.get(name), planned.get(name)) else {
            continue;
        };
        if p.same_value(n) {
            continue;
        }
        let path = at.join_attr(*name);
        if nested.force_new {
            out.push(path);
            continue;
        }
        match (p.as_items(), n.as_items()) {
            (Some(ps), Some(ns)) if nested.nesting == Nesting::List => {
                for (i, (p, n)) in ps.iter().zip(ns).enumerate() {
                    replacement_paths(&nested.block, p, n, &path.join_index(i), out);
                }
                if ps.len() != ns.len() && has_force_new(&nested.block) {
                    out.push(path);
                }
            }
            (Some(_), Some(_)) => {
                if has_force_new(&nested.block) {
                    out.push(path);
                }
            }
            _ if p.as_entries().is_some() && n.as_entries().is_some() => {
                replacement_paths(&nested.block, p, n, &path, out);
            }
            _ => {
                if has_force_new(&nested.block) {
                    out.push(path);
                }
            }
        }
    }
}

fn differs(prior: Option<&Value>, planned: Option<&Value>) -> bool {
    match (prior, planned) {
        (Some(p), Some(n)) => !p.same_value(n),
        (None, Some(n)) => !n.is_null(),
        _ => false,
    }
}

fn has_force_new(block: &Block) -> bool {
    block.attributes.values().any(|a| a.force_new)
        || block.blocks.values().any(|b| b.force_new || has_force_new(&b.block))
}

/// Returns the value with the attributes that only the service sets made
/// unknown: for attributes whose value depends on what is changed.
pub fn make_unknown(schema: &Schema, planned: &Value, names: &[&str]) -> Value {
    names.iter().fold(planned.clone(), |value, name| {
        let ty = schema
            .block
            .attributes
            .get(name)
            .map_or(Type::Dynamic, |a| a.ty.clone());
        let marks = value.get(name).map_or(infra_types::Marks::NONE, |v| v.marks);
        value.with_attr(*name, Value::unknown(ty).with_marks(marks))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Attribute, Block, NestedBlock};

    fn schema() -> Schema {
        Schema::new(
            Block::new("")
                .attr("id", Attribute::computed(Type::String))
                .attr("name", Attribute::required(Type::String).force_new())
                .attr("size", Attribute::optional(Type::Number).default(1))
                .attr(
                    "zone",
                    Attribute::optional_computed(Type::String)
                        .equal(|a, b| a.as_str().map(str::to_lowercase) == b.as_str().map(str::to_lowercase)),
                )
                .block(
                    "port",
                    NestedBlock::set(
                        Block::new("")
                            .attr("number", Attribute::required(Type::Number))
                            .attr("rule_id", Attribute::computed(Type::String)),
                    ),
                ),
        )
    }

    fn port(number: i64, id: Value) -> Value {
        Value::object([("number", number.into()), ("rule_id", id)])
    }

    fn config(name: &str, zone: Value, ports: Vec<Value>) -> Value {
        let elem = schema().block.blocks["port"].block.ty();
        Value::object([
            ("id", Value::null_of(Type::String)),
            ("name", name.into()),
            ("size", Value::null_of(Type::Number)),
            ("zone", zone),
            ("port", Value::set(elem, ports)),
        ])
    }

    fn plan(prior: Option<&Value>, config: &Value) -> PlanResponse {
        plan_resource(&schema(), &PlanRequest { ty: "x", prior, config })
    }

    fn prior() -> Value {
        let elem = schema().block.blocks["port"].block.ty();
        Value::object([
            ("id", "i-1".into()),
            ("name", "a".into()),
            ("size", 1.into()),
            ("zone", "EU".into()),
            (
                "port",
                Value::set(elem, vec![port(80, "r-80".into()), port(90, "r-90".into())]),
            ),
        ])
    }

    #[test]
    fn create_leaves_computed_unknown_and_takes_defaults() {
        let response = plan(None, &config("a", Value::null_of(Type::String), vec![]));
        assert!(!response.planned.get("id").unwrap().is_known());
        assert!(!response.planned.get("zone").unwrap().is_known());
        assert_eq!(response.planned.get("size").unwrap().as_i64(), Some(1));
        assert!(response.replace.is_empty());
    }

    #[test]
    fn same_meaning_keeps_the_prior_value() {
        let null = Value::null_of(Type::String);
        let ports = vec![port(90, null.clone()), port(80, null)];
        let response = plan(Some(&prior()), &config("a", "eu".into(), ports));
        assert!(response.planned.same_value(&prior()), "{:#?}", response.planned);
        assert!(response.replace.is_empty());
    }

    #[test]
    fn forced_attributes_are_reported() {
        let null = Value::null_of(Type::String);
        let response = plan(Some(&prior()), &config("b", null.clone(), vec![port(80, null)]));
        assert_eq!(response.replace, vec![Path::attr("name")]);
        assert_eq!(response.planned.get_str("zone"), Some("EU"));
        assert_eq!(response.planned.get("port").unwrap().as_items().unwrap().len(), 1);
    }
}
