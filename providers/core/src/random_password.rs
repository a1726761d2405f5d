//! `random_password`: a random text that is a secret.

use infra_providers::{Attribute, Block, PlanRequest, PlanResponse, Problem, ProviderError, Schema, plan_resource};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill};
use crate::text;

/// The type `random_password`.
pub(crate) struct RandomPassword;

impl LocalType for RandomPassword {
    fn name(&self) -> &'static str {
        "random_password"
    }

    fn schema(&self) -> Schema {
        Schema::new(text::arguments(
            Block::new("A random secret text.")
                .attr("id", Attribute::computed(Type::String).doc("Always `none`."))
                .attr(
                    "result",
                    Attribute::computed(Type::String).sensitive().doc("The password."),
                ),
        ))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        text::validate(config)
    }

    fn plan(&self, schema: &Schema, request: &PlanRequest<'_>) -> PlanResponse {
        text::plan_numeric(plan_resource(schema, request), request.config, request.prior)
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let drawn = text::draw(planned, around)?;
        Ok(fill(planned, |name| match name {
            "result" => Value::from(drawn.as_str()).sensitive(),
            _ => "none".into(),
        }))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        Ok(text::import(schema, id, "none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::create;

    #[test]
    fn the_result_is_sensitive() {
        let object = create(&RandomPassword, vec![("length", 20.into())]);
        let result = object.get("result").unwrap();
        assert!(result.is_sensitive());
        assert_eq!(result.as_str().unwrap().len(), 20);
        assert_eq!(object.get_str("id"), Some("none"));
        let imported = RandomPassword.import(&RandomPassword.schema(), "s3cret").unwrap();
        assert!(imported.get("result").unwrap().is_sensitive());
    }
}
