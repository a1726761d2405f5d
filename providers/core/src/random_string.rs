//! `random_string`: a random text that is no secret.

use infra_providers::{Attribute, Block, PlanRequest, PlanResponse, Problem, ProviderError, Schema, plan_resource};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill};
use crate::text;

/// The type `random_string`.
pub(crate) struct RandomString;

impl LocalType for RandomString {
    fn name(&self) -> &'static str {
        "random_string"
    }

    fn schema(&self) -> Schema {
        Schema::new(text::arguments(
            Block::new("A random text. Not a secret: see `random_password`.")
                .attr("id", Attribute::computed(Type::String).doc("The text."))
                .attr("result", Attribute::computed(Type::String).doc("The text.")),
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
        Ok(fill(planned, |_| drawn.as_str().into()))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        Ok(text::import(schema, id, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::{around, config, create, plan};
    use infra_types::Path;

    #[test]
    fn minimums_are_kept() {
        let object = create(
            &RandomString,
            vec![
                ("length", 12.into()),
                ("min_upper", 3.into()),
                ("min_special", 2.into()),
                ("lower", false.into()),
                ("numeric", false.into()),
                ("override_special", "/ä".into()),
            ],
        );
        let text = object.get_str("result").unwrap();
        assert_eq!(text.chars().count(), 12);
        assert!(text.chars().filter(char::is_ascii_uppercase).count() >= 3, "{text}");
        assert!(text.chars().filter(|c| "/ä".contains(*c)).count() >= 2, "{text}");
        assert!(
            text.chars().all(|c| c.is_ascii_uppercase() || "/ä".contains(c)),
            "{text}"
        );
        assert_eq!(object.get("number").unwrap().as_bool(), Some(false));
    }

    #[test]
    fn number_is_numeric() {
        let object = create(&RandomString, vec![("length", 4.into()), ("number", false.into())]);
        assert_eq!(object.get("numeric").unwrap().as_bool(), Some(false));
        let changed = config(&RandomString, vec![("length", 4.into())]);
        let response = plan(&RandomString, Some(&object), &changed);
        assert_eq!(response.replace, vec![Path::attr("numeric")]);
    }

    #[test]
    fn impossible_arguments() {
        let config = config(&RandomString, vec![("length", 2.into()), ("min_lower", 3.into())]);
        assert_eq!(RandomString.validate(&config).len(), 1);
        let planned = plan(&RandomString, None, &config).planned;
        assert!(RandomString.complete(&planned, &around()).is_err());
    }
}
