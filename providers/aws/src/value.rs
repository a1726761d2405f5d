//! Reading arguments out of values, and building the attributes of an object.
//!
//! [`Fields`] reads configured, planned and stored objects: unknown and null
//! are both "not there". [`State`] builds the object that a read returns: it
//! starts from what is known already, so that a type sets only what the
//! service says, and it keeps the user's form of a value where the service
//! means the same.

use std::collections::BTreeMap;

use infra_providers::{Attribute, Block, NestedBlock, Nesting, Schema};
use infra_types::{Str, Type, Value, ValueKind};

/// Reads entries of an object value. Null, unknown and absent are `None` or empty.
pub(crate) trait Fields {
    /// Returns a text.
    fn text(&self, name: &str) -> Option<String>;
    /// Returns a truth value.
    fn flag(&self, name: &str) -> Option<bool>;
    /// Returns a whole number.
    fn int(&self, name: &str) -> Option<i32>;
    /// Returns a list or set of texts.
    fn texts(&self, name: &str) -> Vec<String>;
    /// Returns a map of texts.
    fn map(&self, name: &str) -> BTreeMap<String, String>;
    /// Returns the repetitions of a nested block.
    fn blocks(&self, name: &str) -> &[Value];
    /// Returns a nested block that stands at most once.
    fn block(&self, name: &str) -> Option<&Value>;
    /// Returns the `id`, empty if there is none.
    fn id(&self) -> String;
    /// Says whether there is a value at all: neither absent nor null. Unknown counts.
    fn is_set(&self, name: &str) -> bool;
}

impl Fields for Value {
    fn text(&self, name: &str) -> Option<String> {
        self.get_str(name).map(str::to_owned)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    fn int(&self, name: &str) -> Option<i32> {
        self.get(name)?.as_i64()?.try_into().ok()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.blocks(name)
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    }

    fn map(&self, name: &str) -> BTreeMap<String, String> {
        let entries = self.get(name).and_then(Value::as_entries);
        entries
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned())))
            .collect()
    }

    fn blocks(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_items).unwrap_or(&[])
    }

    fn block(&self, name: &str) -> Option<&Value> {
        let value = self.get(name)?;
        match value.as_items() {
            Some(items) => items.first(),
            None => value.as_entries().map(|_| value),
        }
    }

    fn id(&self) -> String {
        self.text("id").unwrap_or_default()
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| !v.is_null())
    }
}

/// Something that can become an attribute's value, given the attribute's type.
pub(crate) trait ToValue {
    /// Returns the value.
    fn to_value(self, ty: &Type) -> Value;
}

impl ToValue for &str {
    fn to_value(self, _: &Type) -> Value {
        Value::string(self)
    }
}

impl ToValue for String {
    fn to_value(self, _: &Type) -> Value {
        Value::string(self)
    }
}

impl ToValue for &String {
    fn to_value(self, _: &Type) -> Value {
        Value::string(self.as_str())
    }
}

impl ToValue for bool {
    fn to_value(self, _: &Type) -> Value {
        self.into()
    }
}

impl ToValue for i32 {
    fn to_value(self, _: &Type) -> Value {
        i64::from(self).into()
    }
}

impl ToValue for i64 {
    fn to_value(self, _: &Type) -> Value {
        self.into()
    }
}

impl ToValue for Value {
    fn to_value(self, ty: &Type) -> Value {
        if self.is_null() {
            return Value::null_of(ty.clone());
        }
        match (ty, &self.kind) {
            (Type::Set(elem), ValueKind::List(_) | ValueKind::Tuple(_)) => {
                Value::set((**elem).clone(), self.as_items().unwrap_or(&[]).to_vec())
            }
            (Type::List(elem), ValueKind::Set(_) | ValueKind::Tuple(_)) => {
                Value::list((**elem).clone(), self.as_items().unwrap_or(&[]).to_vec())
            }
            _ => self,
        }
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(self, ty: &Type) -> Value {
        self.map_or_else(|| Value::null_of(ty.clone()), |v| v.to_value(ty))
    }
}

impl<T: ToValue> ToValue for Vec<T> {
    fn to_value(self, ty: &Type) -> Value {
        let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
        let items = self.into_iter().map(|v| v.to_value(&elem)).collect();
        match ty {
            Type::Set(_) => Value::set(elem, items),
            _ => Value::list(elem, items),
        }
    }
}

impl ToValue for &[String] {
    fn to_value(self, ty: &Type) -> Value {
        self.iter().collect::<Vec<_>>().to_value(ty)
    }
}

impl ToValue for BTreeMap<String, String> {
    fn to_value(self, _: &Type) -> Value {
        let items = self.into_iter().map(|(k, v)| (k.into(), Value::string(v)));
        Value::map(Type::String, items.collect())
    }
}

/// Builds the attributes of an object as just read.
pub(crate) struct State<'a> {
    schema: &'a Schema,
    prior: &'a Value,
    values: BTreeMap<Str, Value>,
}

impl<'a> State<'a> {
    /// Starts from what was known (or planned) before.
    pub(crate) fn new(schema: &'a Schema, prior: &'a Value) -> Self {
        Self {
            schema,
            prior,
            values: BTreeMap::new(),
        }
    }

    /// Sets an attribute to what the service says; `None` is null.
    pub(crate) fn set(&mut self, name: &'static str, value: impl ToValue) -> &mut Self {
        let block = &self.schema.block;
        debug_assert!(
            block.attributes.contains_key(name) || block.blocks.contains_key(name),
            "`{name}` is not in the schema"
        );
        let ty = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) => attribute.ty.clone(),
            (_, Some(nested)) => nested.ty(),
            _ => Type::Dynamic,
        };
        self.values.insert(name.into(), value.to_value(&ty));
        self
    }

    /// Sets a nested block to objects that may leave out attributes (they are null).
    pub(crate) fn set_blocks(&mut self, name: &'static str, items: Vec<Value>) -> &mut Self {
        debug_assert!(self.schema.block.blocks.contains_key(name), "`{name}` is no block");
        self.values.insert(name.into(), Value::tuple(items));
        self
    }

    /// Returns the text that was known before.
    pub(crate) fn prior(&self) -> &'a Value {
        self.prior
    }

    /// Returns the object.
    pub(crate) fn finish(self) -> Value {
        let values = Value::object(self.values);
        build(&self.schema.block, Some(self.prior), &values, true)
    }
}

/// Completes an object: what was not read is as before (or null), and what
/// means the same as before keeps its form.
fn build(block: &Block, prior: Option<&Value>, read: &Value, keep: bool) -> Value {
    let mut out: BTreeMap<Str, Value> = BTreeMap::new();
    for (name, attribute) in &block.attributes {
        let before = prior.and_then(|p| p.get(name)).filter(|p| p.is_wholly_known());
        let value = match read.get(name) {
            Some(value) => echo(attribute, before, value),
            None if keep => before.cloned().unwrap_or_else(Value::null),
            None => echo(attribute, before, &Value::null()),
        };
        let value = value.to_value(&attribute.ty);
        let value = if attribute.sensitive { value.sensitive() } else { value };
        out.insert((*name).into(), value);
    }
    for (name, nested) in &block.blocks {
        let before = prior.and_then(|p| p.get(name));
        let value = match read.get(name) {
            Some(value) => build_nested(nested, before, value),
            None if keep => before
                .filter(|b| b.is_wholly_known())
                .cloned()
                .unwrap_or_else(|| nested.empty()),
            None => nested.empty(),
        };
        out.insert((*name).into(), value);
    }
    Value::object(out)
}

fn build_nested(nested: &NestedBlock, before: Option<&Value>, read: &Value) -> Value {
    let items: &[Value] = match read.as_items() {
        Some(items) => items,
        None if read.as_entries().is_some() => std::slice::from_ref(read),
        None => &[],
    };
    let old = before.and_then(Value::as_items).unwrap_or(&[]);
    let elem = nested.block.ty();
    match nested.nesting {
        Nesting::Single => items.first().map_or_else(
            || nested.empty(),
            |item| build(&nested.block, before.filter(|b| b.as_entries().is_some()), item, false),
        ),
        Nesting::List => {
            let items: Vec<Value> = items
                .iter()
                .enumerate()
                .map(|(i, item)| build(&nested.block, old.get(i), item, false))
                .collect();
            if elem.has_dynamic() {
                Value::tuple(items)
            } else {
                Value::list(elem, items)
            }
        }
        Nesting::Set => {
            let mut rest: Vec<&Value> = old.iter().collect();
            let items = items
                .iter()
                .map(|item| {
                    // The old element that this one equals when it echoes the old form.
                    let like = rest
                        .iter()
                        .position(|old| build(&nested.block, Some(old), item, false).same_value(old));
                    match like {
                        Some(i) => rest.swap_remove(i).clone(),
                        None => build(&nested.block, None, item, false),
                    }
                })
                .collect();
            Value::set(elem, items)
        }
    }
}

/// Returns the value as read, or as it was written when both mean the same.
fn echo(attribute: &Attribute, before: Option<&Value>, read: &Value) -> Value {
    let Some(before) = before else {
        return read.clone();
    };
    if read.is_null() && is_empty(before) {
        return before.clone();
    }
    if before.is_null() && !attribute.computed && is_empty(read) {
        return before.clone();
    }
    match attribute.equal {
        Some(equal) if !before.is_null() && !read.is_null() && equal(before, read) => before.clone(),
        _ => read.clone(),
    }
}

/// Says whether a value is empty: text, list, set or map.
fn is_empty(value: &Value) -> bool {
    match &value.kind {
        ValueKind::String(s) => s.is_empty(),
        ValueKind::Map(m) => m.items.is_empty(),
        ValueKind::List(s) | ValueKind::Set(s) => s.items.is_empty(),
        _ => false,
    }
}

/// Returns the value with everything unknown made null.
pub(crate) fn known(value: &Value) -> Value {
    match &value.kind {
        ValueKind::Unknown(ty, _) => Value::null_of(ty.clone()),
        _ if value.is_wholly_known() => value.clone(),
        _ => value.map_children(known),
    }
}

/// Says whether two texts are the same CIDR, host bits aside.
pub(crate) fn same_cidr(prior: &Value, configured: &Value) -> bool {
    let net = |v: &Value| {
        v.as_str()
            .and_then(|s| s.parse::<ipnet::IpNet>().ok())
            .map(|n| n.trunc())
    };
    matches!((net(prior), net(configured)), (Some(a), Some(b)) if a == b)
}

/// Says what is wrong with the IPv4 addresses of a VPC or subnet.
pub(crate) fn check_network(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let Ok(net) = text.parse::<ipnet::Ipv4Net>() else {
        return Some(format!("`{text}` is not an IPv4 network such as `10.0.0.0/16`"));
    };
    if !(16..=28).contains(&net.prefix_len()) {
        return Some(format!("`{text}` must be from /16 to /28"));
    }
    (net.trunc() != net).then(|| format!("`{text}` has bits set after the prefix, `{}` has not", net.trunc()))
}

/// Says whether two texts are the same but for upper and lower case.
pub(crate) fn same_text_any_case(prior: &Value, configured: &Value) -> bool {
    matches!((prior.as_str(), configured.as_str()), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::new(
            Block::new("")
                .attr("id", Attribute::computed(Type::String))
                .attr("cidr", Attribute::optional(Type::String).equal(same_cidr))
                .attr("names", Attribute::optional(Type::set(Type::String)))
                .attr("force", Attribute::optional(Type::Bool))
                .block(
                    "rule",
                    NestedBlock::set(
                        Block::new("")
                            .attr("cidr", Attribute::optional(Type::String).equal(same_cidr))
                            .attr("note", Attribute::optional(Type::String)),
                    ),
                ),
        )
    }

    fn state(prior: &Value, fill: impl Fn(&mut State<'_>)) -> Value {
        let schema = schema();
        let mut state = State::new(&schema, prior);
        fill(&mut state);
        state.finish()
    }

    #[test]
    fn every_attribute_is_there() {
        let value = state(&Value::null(), |s| {
            s.set("id", "x");
        });
        assert_eq!(value.ty(), schema().ty());
    }

    #[test]
    fn what_is_not_read_is_kept() {
        let prior = Value::object([("force", true.into())]);
        let value = state(&prior, |s| {
            s.set("id", "x");
        });
        assert_eq!(value.flag("force"), Some(true));
    }

    #[test]
    fn the_written_form_is_kept() {
        let prior = Value::object([
            ("cidr", "10.0.0.5/16".into()),
            (
                "rule",
                Value::tuple(vec![Value::object([
                    ("cidr", "10.1.0.9/24".into()),
                    ("note", "".into()),
                ])]),
            ),
        ]);
        let value = state(&prior, |s| {
            s.set("cidr", "10.0.0.0/16");
            s.set_blocks("rule", vec![Value::object([("cidr", "10.1.0.0/24".into())])]);
        });
        assert_eq!(value.get_str("cidr"), Some("10.0.0.5/16"));
        assert_eq!(value.blocks("rule")[0].get_str("cidr"), Some("10.1.0.9/24"));
        assert_eq!(value.blocks("rule")[0].get_str("note"), Some(""));
    }

    #[test]
    fn networks_are_checked() {
        assert_eq!(check_network(&"10.0.0.0/16".into()), None);
        assert!(check_network(&"10.0.0.0/30".into()).is_some());
        assert!(check_network(&"10.0.0.1/24".into()).unwrap().contains("10.0.0.0/24"));
        assert!(check_network(&"net".into()).is_some());
    }

    #[test]
    fn empty_and_null_are_the_same_to_an_argument() {
        let prior = Value::object([("names", Value::null_of(Type::set(Type::String)))]);
        let value = state(&prior, |s| {
            s.set("names", Vec::<String>::new());
        });
        assert!(value.get("names").unwrap().is_null());
    }
}
