//! `random_integer`: a whole number within bounds.

use infra_providers::{Attribute, Block, Problem, ProviderError, Schema};
use infra_types::{Path, Type, Value};

use crate::local::{LocalType, Surroundings, bad_import_id, fill, imported};
use crate::random_uuid::keepers;
use crate::source::{SeededRandom, below};

/// The type `random_integer`.
pub(crate) struct RandomInteger;

impl LocalType for RandomInteger {
    fn name(&self) -> &'static str {
        "random_integer"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A random whole number.")
                .attr("id", Attribute::computed(Type::String).doc("The number as text."))
                .attr("keepers", keepers())
                .attr(
                    "min",
                    Attribute::required(Type::Number).force_new().doc("The least number."),
                )
                .attr(
                    "max",
                    Attribute::required(Type::Number)
                        .force_new()
                        .doc("The greatest number."),
                )
                .attr(
                    "seed",
                    Attribute::optional(Type::String)
                        .force_new()
                        .doc("Makes the result repeatable."),
                )
                .attr("result", Attribute::computed(Type::Number).doc("The number.")),
        )
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        match bounds(config) {
            Some((min, max)) if min > max => vec![
                Problem::new(
                    Path::attr("min"),
                    format!("`min` is {min}, which is more than `max`, {max}"),
                )
                .help("`min` must be at most `max`"),
            ],
            _ => Vec::new(),
        }
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let (min, max) = bounds(planned).filter(|(min, max)| min <= max).ok_or_else(|| {
            ProviderError::new(
                infra_providers::ErrorKind::Invalid,
                "`min` and `max` must be whole numbers, and `min` at most `max`",
            )
            .at(Path::attr("min"))
        })?;
        let span = max.abs_diff(min);
        let draw = |source: &dyn crate::source::RandomSource| match span.checked_add(1) {
            Some(count) => below(source, count),
            None => {
                let mut bytes = [0; 8];
                source.fill(&mut bytes);
                u64::from_be_bytes(bytes)
            }
        };
        let offset = match planned.get_str("seed").filter(|s| !s.is_empty()) {
            Some(seed) => draw(&SeededRandom::new(seed)),
            None => draw(&*around.random),
        };
        let result = min.wrapping_add_unsigned(offset);
        Ok(fill(planned, |name| match name {
            "id" => result.to_string().into(),
            _ => result.into(),
        }))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        let wrong = || bad_import_id("random_integer", id, "RESULT,MIN,MAX[,SEED]");
        let parts: Vec<&str> = id.splitn(4, ',').collect();
        let numbers: Vec<i64> = parts
            .iter()
            .take(3)
            .map(|p| p.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        let [result, min, max] = numbers[..] else {
            return Err(wrong());
        };
        let mut given = vec![
            ("id", result.to_string().into()),
            ("result", result.into()),
            ("min", min.into()),
            ("max", max.into()),
        ];
        if let Some(seed) = parts.get(3) {
            given.push(("seed", (*seed).into()));
        }
        Ok(imported(schema, &given))
    }
}

fn bounds(value: &Value) -> Option<(i64, i64)> {
    Some((value.get("min")?.as_i64()?, value.get("max")?.as_i64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::{config, create};

    fn draw(min: i64, max: i64, seed: &str) -> i64 {
        let mut given = vec![("min", min.into()), ("max", max.into())];
        if !seed.is_empty() {
            given.push(("seed", seed.into()));
        }
        create(&RandomInteger, given).get("result").unwrap().as_i64().unwrap()
    }

    #[test]
    fn stays_within_bounds() {
        assert_eq!(draw(3, 3, ""), 3);
        assert!((-5..=5).contains(&draw(-5, 5, "")));
        let _ = draw(i64::MIN, i64::MAX, "");
    }

    #[test]
    fn a_seed_repeats() {
        assert_eq!(draw(0, 1_000_000, "s"), draw(0, 1_000_000, "s"));
        assert_ne!(draw(0, 1_000_000, "s"), draw(0, 1_000_000, "t"));
    }

    #[test]
    fn bounds_in_the_wrong_order() {
        let config = config(&RandomInteger, vec![("min", 2.into()), ("max", 1.into())]);
        assert_eq!(RandomInteger.validate(&config).len(), 1);
    }

    #[test]
    fn import_ids() {
        let schema = RandomInteger.schema();
        let object = RandomInteger.import(&schema, "15390,1,50000,a,b").unwrap();
        assert_eq!(object.get("max").unwrap().as_i64(), Some(50000));
        assert_eq!(object.get_str("seed"), Some("a,b"));
        assert!(RandomInteger.import(&schema, "1,2").is_err());
    }
}
