//! What `random_string` and `random_password` share: arguments and drawing.

use infra_providers::{Attribute, Block, ErrorKind, PlanResponse, Problem, ProviderError, Schema, Validator};
use infra_types::{Path, Type, Value};

use crate::local::{Surroundings, imported};
use crate::random_uuid::keepers;
use crate::source::{pick, shuffle};

/// The classes of characters: argument, minimum argument, characters.
const CLASSES: [(&str, &str, &str); 4] = [
    ("lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"),
    ("upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("numeric", "min_numeric", "0123456789"),
    ("special", "min_special", "!@#$%&*()-_=+[]{}<>:?"),
];

/// Returns the block with the arguments added.
pub(crate) fn arguments(block: Block) -> Block {
    let switch = |doc| Attribute::optional(Type::Bool).default(true).force_new().doc(doc);
    let least = |doc| {
        Attribute::optional(Type::Number)
            .default(0)
            .force_new()
            .check(Validator::Range(0, 1_000_000))
            .doc(doc)
    };
    block
        .attr("keepers", keepers())
        .attr(
            "length",
            Attribute::required(Type::Number)
                .force_new()
                .check(Validator::Range(1, 1_000_000))
                .doc("How many characters."),
        )
        .attr("lower", switch("Whether lower-case letters may occur."))
        .attr("upper", switch("Whether upper-case letters may occur."))
        .attr("special", switch("Whether special characters may occur."))
        .attr(
            "numeric",
            Attribute::optional_computed(Type::Bool)
                .force_new()
                .doc("Whether digits may occur."),
        )
        .attr(
            "number",
            Attribute::optional_computed(Type::Bool)
                .force_new()
                .deprecated("use `numeric`")
                .doc("The same as `numeric`."),
        )
        .attr("min_lower", least("At least this many lower-case letters."))
        .attr("min_upper", least("At least this many upper-case letters."))
        .attr("min_numeric", least("At least this many digits."))
        .attr("min_special", least("At least this many special characters."))
        .attr(
            "override_special",
            Attribute::optional(Type::String)
                .force_new()
                .doc("The special characters to use in place of the usual ones."),
        )
}

/// Plans `numeric` and `number` as one argument with two names, true when unset.
pub(crate) fn plan_numeric(mut response: PlanResponse, config: &Value, prior: Option<&Value>) -> PlanResponse {
    let set = |name: &str| config.get(name).filter(|v| !v.is_null()).cloned();
    let value = set("numeric").or_else(|| set("number")).unwrap_or_else(|| true.into());
    for name in ["numeric", "number"] {
        response.planned = response.planned.with_attr(name, value.clone());
    }
    let differs = prior
        .and_then(|p| p.get("numeric"))
        .is_some_and(|p| !p.same_value(&value));
    response
        .replace
        .retain(|p| *p != Path::attr("numeric") && *p != Path::attr("number"));
    if differs {
        response.replace.push(Path::attr("numeric"));
    }
    response
}

/// Checks the arguments together.
pub(crate) fn validate(config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let (Some(a), Some(b)) = (
        config.get("numeric").and_then(Value::as_bool),
        config.get("number").and_then(Value::as_bool),
    ) && a != b
    {
        problems.push(
            Problem::new(Path::attr("number"), "`number` and `numeric` say different things").help("remove `number`"),
        );
    }
    let least: i64 = CLASSES.iter().filter_map(|(_, min, _)| config.get(min)?.as_i64()).sum();
    if let Some(length) = config.get("length").and_then(Value::as_i64)
        && length < least
    {
        problems.push(Problem::new(
            Path::attr("length"),
            format!("`length` is {length}, but the `min_…` arguments add up to {least}"),
        ));
    }
    problems
}

/// Draws a text that satisfies the arguments.
pub(crate) fn draw(planned: &Value, around: &Surroundings) -> Result<String, ProviderError> {
    let number = |name: &str| planned.get(name).and_then(Value::as_i64).unwrap_or(0).max(0) as usize;
    let source = &*around.random;
    let special: Option<Vec<char>> = planned
        .get_str("override_special")
        .filter(|s| !s.is_empty())
        .map(|s| s.chars().collect());
    let mut all: Vec<char> = Vec::new();
    let mut drawn: Vec<char> = Vec::new();
    for (class, min, usual) in CLASSES {
        let chars = match &special {
            Some(special) if class == "special" => special.clone(),
            _ => usual.chars().collect::<Vec<_>>(),
        };
        drawn.extend((0..number(min)).filter_map(|_| pick(source, &chars).copied()));
        if planned.get(class).and_then(Value::as_bool).unwrap_or(true) {
            all.extend(chars);
        }
    }
    let length = number("length");
    if drawn.len() > length || (all.is_empty() && drawn.len() < length) {
        return Err(ProviderError::new(
            ErrorKind::Invalid,
            format!("no text of {length} characters satisfies the arguments"),
        )
        .at(Path::attr("length"))
        .help("allow at least one class of characters, and keep the sum of the minimums within `length`"));
    }
    while drawn.len() < length {
        drawn.extend(pick(source, &all).copied());
    }
    shuffle(source, &mut drawn);
    Ok(drawn.into_iter().collect())
}

/// Returns the object of an imported text.
pub(crate) fn import(schema: &Schema, text: &str, id: &str) -> Value {
    imported(
        schema,
        &[
            ("id", id.into()),
            ("result", text.into()),
            ("length", (text.chars().count() as i64).into()),
            ("numeric", true.into()),
            ("number", true.into()),
        ],
    )
}
