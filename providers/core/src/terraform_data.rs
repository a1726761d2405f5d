//! `terraform_data`: holds a value, and makes one out of triggers.
//!
//! `output` equals `input`, but is unknown in the plan while `input` changes,
//! as a whole: not even the parts of `input` that are known are known in it.

use infra_providers::{Attribute, Block, PlanRequest, PlanResponse, ProviderError, Schema, plan_resource};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill, imported};

/// The type `terraform_data`.
pub(crate) struct TerraformData;

impl LocalType for TerraformData {
    fn name(&self) -> &'static str {
        "terraform_data"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("Holds a value in the state, and connects other resources' lifecycles to it.")
                .attr("id", Attribute::computed(Type::String).doc("A UUID made at creation."))
                .attr("input", Attribute::optional(Type::Dynamic).doc("The value to hold."))
                .attr(
                    "output",
                    Attribute::computed(Type::Dynamic).doc("Equal to `input` once applied."),
                )
                .attr(
                    "triggers_replace",
                    Attribute::optional(Type::Dynamic)
                        .force_new()
                        .doc("A change of this value replaces the object."),
                ),
        )
    }

    fn plan(&self, schema: &Schema, request: &PlanRequest<'_>) -> PlanResponse {
        let mut response = plan_resource(schema, request);
        let input = response.planned.get("input").cloned().unwrap_or_else(Value::null);
        let changes = match request.prior.and_then(|p| p.get("input")) {
            Some(prior) => !prior.same_value(&input),
            None => true,
        };
        if changes {
            let replaced = !response.replace.is_empty();
            let output = match request.prior {
                // What becomes of an output that was there is only known afterwards.
                Some(_) if !replaced => Value::unknown(input.ty()).with_marks(input.deep_marks()),
                _ => output_of(&input),
            };
            response.planned = response.planned.with_attr("output", output);
        }
        if request.prior.is_none() {
            let id = Value::unknown_not_null(Type::String);
            response.planned = response.planned.with_attr("id", id);
        }
        response
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let input = planned.get("input").cloned().unwrap_or_else(Value::null);
        Ok(fill(planned, |name| match name {
            "id" => new_uuid(around).into(),
            _ => input.clone(),
        }))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        Ok(imported(schema, &[("id", id.into())]))
    }
}

/// Returns the planned output of a changing input: its type is known, and that
/// it is null if the input is.
fn output_of(input: &Value) -> Value {
    if input.is_null() {
        return input.clone();
    }
    Value::unknown(input.ty()).with_marks(input.deep_marks())
}

/// Returns a new UUID of version 4.
pub(crate) fn new_uuid(around: &Surroundings) -> String {
    let mut bytes = [0; 16];
    around.random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::{around, config, create, plan};
    use infra_types::Path;

    fn with_input(input: Value) -> Value {
        config(&TerraformData, vec![("input", input)])
    }

    #[test]
    fn output_is_the_input() {
        let object = create(
            &TerraformData,
            vec![("input", Value::tuple(vec![1.into(), "a".into()]))],
        );
        assert!(object.get("output").unwrap().same_value(object.get("input").unwrap()));
        assert_eq!(object.get_str("id").unwrap().len(), 36);
    }

    #[test]
    fn null_input_gives_null_output_in_the_plan() {
        let planned = plan(&TerraformData, None, &config(&TerraformData, vec![])).planned;
        assert!(planned.get("output").unwrap().is_null());
        assert!(!planned.get("id").unwrap().is_known());
    }

    #[test]
    fn partly_unknown_input_makes_the_whole_output_unknown() {
        let input = Value::object([("a", 1.into()), ("b", Value::unknown(Type::String))]);
        let planned = plan(&TerraformData, None, &with_input(input.clone())).planned;
        let output = planned.get("output").unwrap();
        assert!(!output.is_known());
        assert_eq!(output.ty(), input.ty());
        assert_eq!(planned.get("input").unwrap().get("a").unwrap().as_i64(), Some(1));
    }

    #[test]
    fn changed_input_updates_in_place() {
        let prior = create(&TerraformData, vec![("input", "a".into())]);
        let response = plan(&TerraformData, Some(&prior), &with_input(7.into()));
        assert!(response.replace.is_empty());
        assert_eq!(response.planned.get_str("id"), prior.get_str("id"));
        assert_eq!(response.planned.get("output").unwrap().ty(), Type::Number);
        let object = TerraformData.complete(&response.planned, &around()).unwrap();
        assert_eq!(object.get("output").unwrap().as_i64(), Some(7));
        assert_eq!(object.get_str("id"), prior.get_str("id"));
    }

    #[test]
    fn input_taken_away_gives_null_output_in_the_end() {
        let prior = create(&TerraformData, vec![("input", "a".into())]);
        let planned = plan(&TerraformData, Some(&prior), &config(&TerraformData, vec![])).planned;
        assert!(!planned.get("output").unwrap().is_known());
    }

    #[test]
    fn triggers_replace() {
        let prior = create(&TerraformData, vec![("triggers_replace", "a".into())]);
        for trigger in ["b".into(), Value::unknown(Type::String), Value::null()] {
            let config = config(&TerraformData, vec![("triggers_replace", trigger)]);
            let response = plan(&TerraformData, Some(&prior), &config);
            assert_eq!(response.replace, vec![Path::attr("triggers_replace")]);
        }
    }

    #[test]
    fn marks_reach_the_output() {
        let input = Value::object([("a", Value::string("x").sensitive())]);
        let planned = plan(&TerraformData, None, &with_input(input)).planned;
        assert!(planned.get("output").unwrap().is_sensitive());
        let object = TerraformData.complete(&planned, &around()).unwrap();
        assert!(object.get("output").unwrap().contains_sensitive());
    }

    #[test]
    fn an_import_has_only_an_id() {
        let object = TerraformData.import(&TerraformData.schema(), "existing-1").unwrap();
        let response = plan(&TerraformData, Some(&object), &with_input("set".into()));
        assert_eq!(response.planned.get_str("id"), Some("existing-1"));
        assert!(!response.planned.get("output").unwrap().is_known());
    }
}
