//! Tags: `tags` as written, `tags_all` with the provider's default tags below.
//!
//! What the service keeps under `aws:` is nobody's business here, nor is the
//! creation tag: it carries the token of a create to an object whose kind has
//! neither a client token nor a unique name, so that a create whose answer was
//! lost can be found again.

use std::collections::BTreeMap;

use infra_providers::{Attribute, Block, Validator};
use infra_types::{Str, Type, Value};

use crate::resource::{Op, Plan};
use crate::value::{Fields, State};

/// The key of the creation tag.
pub(crate) const CREATION_TAG: &str = "infra:create";

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// Adds `tags` and `tags_all` to a schema.
pub(crate) fn with_tags(block: Block) -> Block {
    block
        .attr(
            "tags",
            Attribute::optional(Type::map(Type::String))
                .check(Validator::Custom(check_tags))
                .doc("Tags of the object."),
        )
        .attr(
            "tags_all",
            Attribute::computed(Type::map(Type::String)).doc("All tags, with the provider's `default_tags`."),
        )
}

fn check_tags(tags: &Value) -> Option<String> {
    let keys = tags.as_entries()?.keys();
    for key in keys {
        if key.to_ascii_lowercase().starts_with("aws:") || &**key == CREATION_TAG {
            return Some(format!("the tag key `{key}` is reserved"));
        }
        if key.is_empty() || key.chars().count() > 128 {
            return Some("a tag key must have 1 to 128 characters".to_owned());
        }
    }
    None
}

/// Plans `tags_all`: the default tags, overlaid with the object's own.
pub(crate) fn plan(plan: &mut Plan<'_>) {
    if plan.planned.get("tags_all").is_none() {
        return;
    }
    let all = match plan.planned.get("tags") {
        Some(tags) if !tags.is_known() => Value::unknown(Type::map(Type::String)),
        tags => {
            let mut all: BTreeMap<Str, Value> = plan
                .default_tags
                .iter()
                .map(|(k, v)| (k.as_str().into(), v.as_str().into()))
                .collect();
            let own = tags.and_then(Value::as_entries).into_iter().flatten();
            all.extend(own.filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())));
            let all = Value::map(Type::String, all.into());
            match tags {
                Some(tags) => all.with_marks(tags.marks),
                None => all,
            }
        }
    };
    plan.planned = plan.planned.with_attr("tags_all", all);
}

/// Returns the tags to create an object with.
pub(crate) fn planned(op: &Op<'_>) -> Tags {
    op.planned.map("tags_all")
}

/// Returns what to remove and what to set, if the tags change.
pub(crate) fn change(op: &Op<'_>) -> Option<(Vec<String>, Tags)> {
    let (old, new) = (op.prior.map("tags_all"), op.planned.map("tags_all"));
    let remove: Vec<String> = old.keys().filter(|k| !new.contains_key(*k)).cloned().collect();
    let set: Tags = new.into_iter().filter(|(k, v)| old.get(k) != Some(v)).collect();
    (!remove.is_empty() || !set.is_empty()).then_some((remove, set))
}

impl State<'_> {
    /// Sets `tags` and `tags_all` from the tags that the service lists.
    pub(crate) fn tags(&mut self, defaults: &Tags, listed: Tags) -> &mut Self {
        let all: Tags = listed
            .into_iter()
            .filter(|(k, _)| !k.starts_with("aws:") && k != CREATION_TAG)
            .collect();
        let written = self.prior().map("tags");
        let own: Tags = all
            .iter()
            .filter(|(k, v)| defaults.get(*k) != Some(v) || written.contains_key(*k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if own.is_empty() && self.prior().get("tags").is_none_or(Value::is_null) {
            self.set("tags", Value::null());
        } else {
            self.set("tags", own);
        }
        self.set("tags_all", all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_providers::Schema;

    fn tags(entries: &[(&str, &str)]) -> Tags {
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn read(prior: &Value, defaults: &Tags, listed: Tags) -> Value {
        let schema = Schema::new(with_tags(Block::new("")));
        let mut state = State::new(&schema, prior);
        state.tags(defaults, listed);
        state.finish()
    }

    #[test]
    fn defaults_and_internal_tags_do_not_show_as_own() {
        let listed = tags(&[
            ("Name", "a"),
            ("team", "core"),
            ("aws:cloudformation:stack", "s"),
            (CREATION_TAG, "t"),
        ]);
        let value = read(&Value::null(), &tags(&[("team", "core")]), listed);
        assert_eq!(value.map("tags"), tags(&[("Name", "a")]));
        assert_eq!(value.map("tags_all"), tags(&[("Name", "a"), ("team", "core")]));
    }

    #[test]
    fn a_default_that_is_also_written_stays_written() {
        let defaults = tags(&[("team", "core")]);
        let prior = Value::object([(
            "tags",
            crate::value::ToValue::to_value(defaults.clone(), &Type::Dynamic),
        )]);
        let value = read(&prior, &defaults, defaults.clone());
        assert_eq!(value.map("tags"), defaults);
    }

    #[test]
    fn no_tags_is_null() {
        let value = read(&Value::null(), &Tags::new(), Tags::new());
        assert!(value.get("tags").unwrap().is_null());
        assert!(value.map("tags_all").is_empty());
    }
}
