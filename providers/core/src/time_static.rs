//! `time_static`: a moment that is kept.

use infra_providers::{Attribute, Block, PlanRequest, PlanResponse, Problem, ProviderError, Schema, plan_resource};
use infra_types::{Path, Type, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::local::{LocalType, Surroundings, bad_import_id, fill, imported};

/// The type `time_static`.
pub(crate) struct TimeStatic;

const PARTS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "unix"];

impl LocalType for TimeStatic {
    fn name(&self) -> &'static str {
        "time_static"
    }

    fn schema(&self) -> Schema {
        let block = Block::new("The moment of its creation, or another one, kept in the state.")
            .attr("id", Attribute::computed(Type::String).doc("The moment in RFC 3339."))
            .attr(
                "rfc3339",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .doc("The moment in RFC 3339; now when unset."),
            )
            .attr(
                "triggers",
                Attribute::optional(Type::map(Type::String))
                    .force_new()
                    .doc("A change of any value takes a new moment."),
            );
        Schema::new(PARTS.into_iter().fold(block, |block, part| {
            block.attr(
                part,
                Attribute::computed(Type::Number).doc("A part of the moment, in UTC."),
            )
        }))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        match config.get_str("rfc3339") {
            Some(text) if text.parse::<Timestamp>().is_err() => vec![
                Problem::new(Path::attr("rfc3339"), format!("`{text}` is not a moment in RFC 3339"))
                    .help("write it like `2024-02-29T12:34:56Z`"),
            ],
            _ => Vec::new(),
        }
    }

    fn plan(&self, schema: &Schema, request: &PlanRequest<'_>) -> PlanResponse {
        let mut response = plan_resource(schema, request);
        let unknown = request.prior.is_none();
        if let Some(text) = response.planned.get_str("rfc3339").map(str::to_owned)
            && unknown
            && let Ok(moment) = text.parse::<Timestamp>()
        {
            // A given moment is known in the plan, with all its parts.
            response.planned = fill(&response.planned, |name| part(name, moment, &text));
        }
        response
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let text = match planned.get_str("rfc3339") {
            Some(text) => text.to_owned(),
            None => Timestamp::from_second(around.clock.now())
                .unwrap_or_default()
                .to_string(),
        };
        let moment: Timestamp = text
            .parse()
            .map_err(|_| bad_import_id("time_static", &text, "2024-02-29T12:34:56Z"))?;
        Ok(fill(planned, |name| part(name, moment, &text)))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        let moment: Timestamp = id
            .parse()
            .map_err(|_| bad_import_id("time_static", id, "2024-02-29T12:34:56Z"))?;
        let names = PARTS.into_iter().chain(["id", "rfc3339"]);
        let given: Vec<_> = names.map(|name| (name, part(name, moment, id))).collect();
        Ok(imported(schema, &given))
    }
}

fn part(name: &str, moment: Timestamp, text: &str) -> Value {
    let utc = moment.to_zoned(TimeZone::UTC);
    let number: i64 = match name {
        "year" => utc.year().into(),
        "month" => utc.month().into(),
        "day" => utc.day().into(),
        "hour" => utc.hour().into(),
        "minute" => utc.minute().into(),
        "second" => utc.second().into(),
        "unix" => moment.as_second(),
        _ => return text.into(),
    };
    number.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::{config, create, plan};

    fn number(object: &Value, name: &str) -> i64 {
        object.get(name).unwrap().as_i64().unwrap()
    }

    #[test]
    fn takes_the_clock() {
        let object = create(&TimeStatic, vec![]);
        assert_eq!(object.get_str("rfc3339"), Some("2024-02-29T12:34:56Z"));
        assert_eq!(object.get_str("id"), object.get_str("rfc3339"));
        assert_eq!(number(&object, "day"), 29);
        assert_eq!(number(&object, "unix"), 1_709_210_096);
    }

    #[test]
    fn a_given_moment_is_known_in_the_plan() {
        let given = config(&TimeStatic, vec![("rfc3339", "2020-01-02T05:00:00+02:00".into())]);
        let planned = plan(&TimeStatic, None, &given).planned;
        assert_eq!(number(&planned, "hour"), 3);
        let bad = config(&TimeStatic, vec![("rfc3339", "yesterday".into())]);
        assert_eq!(TimeStatic.validate(&bad).len(), 1);
    }
}
