//! `null_resource`: an object with an id and triggers, and nothing else.

use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill, imported};
use crate::source::below;

/// The type `null_resource`.
pub(crate) struct NullResource;

impl LocalType for NullResource {
    fn name(&self) -> &'static str {
        "null_resource"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("Does nothing; `terraform_data` can do the same and more.")
                .attr(
                    "id",
                    Attribute::computed(Type::String).doc("A number made at creation."),
                )
                .attr(
                    "triggers",
                    Attribute::optional(Type::map(Type::String))
                        .force_new()
                        .doc("A change of any value replaces the object."),
                ),
        )
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let id = below(&*around.random, i64::MAX as u64).to_string();
        Ok(fill(planned, |_| id.as_str().into()))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        Ok(imported(schema, &[("id", id.into())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::{config, create, plan};
    use infra_types::Path;

    #[test]
    fn triggers_replace() {
        let triggers = |v: &str| Value::map(Type::String, [("a".into(), v.into())].into());
        let prior = create(&NullResource, vec![("triggers", triggers("1"))]);
        assert!(prior.get_str("id").unwrap().parse::<i64>().is_ok());
        let changed = config(&NullResource, vec![("triggers", triggers("2"))]);
        let response = plan(&NullResource, Some(&prior), &changed);
        assert_eq!(response.replace, vec![Path::attr("triggers")]);
    }
}
