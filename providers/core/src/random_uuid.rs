//! `random_uuid`: a random UUID.

use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, bad_import_id, fill, imported};
use crate::terraform_data::new_uuid;

/// The type `random_uuid`.
pub(crate) struct RandomUuid;

/// Returns the argument that all random types share.
pub(crate) fn keepers() -> Attribute {
    Attribute::optional(Type::map(Type::String))
        .force_new()
        .doc("A change of any value makes a new result.")
}

impl LocalType for RandomUuid {
    fn name(&self) -> &'static str {
        "random_uuid"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A random UUID of version 4.")
                .attr("id", Attribute::computed(Type::String).doc("The UUID."))
                .attr("keepers", keepers())
                .attr("result", Attribute::computed(Type::String).doc("The UUID.")),
        )
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let id = new_uuid(around);
        Ok(fill(planned, |_| id.as_str().into()))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        let id = uuid::Uuid::try_parse(id)
            .map_err(|_| bad_import_id("random_uuid", id, "a UUID"))?
            .to_string();
        Ok(imported(schema, &[("id", id.as_str().into()), ("result", id.into())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::create;

    #[test]
    fn is_version_4() {
        let object = create(&RandomUuid, vec![]);
        let uuid = uuid::Uuid::try_parse(object.get_str("result").unwrap()).unwrap();
        assert_eq!(uuid.get_version_num(), 4);
        assert_eq!(object.get_str("id"), object.get_str("result"));
    }

    #[test]
    fn import_checks_the_form() {
        assert!(RandomUuid.import(&RandomUuid.schema(), "x").is_err());
    }
}
