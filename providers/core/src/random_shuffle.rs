//! `random_shuffle`: a list in random order.

use infra_providers::{Attribute, Block, ProviderError, Schema, Validator};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill};
use crate::random_uuid::keepers;
use crate::source::{RandomSource, SeededRandom, shuffle};

/// The type `random_shuffle`.
pub(crate) struct RandomShuffle;

impl LocalType for RandomShuffle {
    fn name(&self) -> &'static str {
        "random_shuffle"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A random order of a list of texts.")
                .attr("id", Attribute::computed(Type::String).doc("Always `-`."))
                .attr("keepers", keepers())
                .attr(
                    "input",
                    Attribute::required(Type::list(Type::String))
                        .force_new()
                        .doc("The texts."),
                )
                .attr(
                    "result_count",
                    Attribute::optional(Type::Number)
                        .force_new()
                        .check(Validator::Range(0, 1_000_000))
                        .doc("How many to return; all when unset. More than there are repeats them."),
                )
                .attr(
                    "seed",
                    Attribute::optional(Type::String)
                        .force_new()
                        .doc("Makes the result repeatable."),
                )
                .attr(
                    "result",
                    Attribute::computed(Type::list(Type::String)).doc("The texts in random order."),
                ),
        )
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let input = planned.get("input").and_then(Value::as_items).unwrap_or(&[]);
        let count = planned
            .get("result_count")
            .and_then(Value::as_i64)
            .map_or(input.len(), |n| n.max(0) as usize);
        let result = match planned.get_str("seed").filter(|s| !s.is_empty()) {
            Some(seed) => draw(&SeededRandom::new(seed), input, count),
            None => draw(&*around.random, input, count),
        };
        Ok(fill(planned, |name| match name {
            "id" => "-".into(),
            _ => Value::list(Type::String, result.clone()),
        }))
    }
}

/// Draws `count` items: round after round of all of them in random order.
fn draw(source: &dyn RandomSource, input: &[Value], count: usize) -> Vec<Value> {
    let mut result = Vec::with_capacity(count);
    while !input.is_empty() && result.len() < count {
        let mut round = input.to_vec();
        shuffle(source, &mut round);
        round.truncate(count - result.len());
        result.append(&mut round);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::create;

    fn result(count: Option<i64>) -> Vec<String> {
        let input = Value::strings(["a", "b", "c"]);
        let mut given = vec![("input", input), ("seed", "x".into())];
        if let Some(count) = count {
            given.push(("result_count", count.into()));
        }
        let object = create(&RandomShuffle, given);
        let items = object.get("result").unwrap().as_items().unwrap();
        items.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn counts() {
        let mut all = result(None);
        all.sort();
        assert_eq!(all, ["a", "b", "c"]);
        assert_eq!(result(Some(2)).len(), 2);
        assert_eq!(result(Some(0)).len(), 0);
        let many = result(Some(7));
        assert_eq!(many.len(), 7);
        let mut first: Vec<_> = many[..3].to_vec();
        first.sort();
        assert_eq!(first, ["a", "b", "c"]);
    }
}
