//! `aws_iam_policy_document`: a policy, written as blocks. No call is made.
//!
//! The text is Terraform's to the letter: order of keys, order of values,
//! escapes. A policy that Terraform wrote has no difference here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ErrorKind, NestedBlock, ProviderError, Schema, Validator};
use infra_types::{Path, Type, Value};
use serde_json::{Map, Value as Json};

use crate::names::checksum;
use crate::resource::{Cx, DataSource};
use crate::value::Fields;

/// The data source.
pub(crate) struct IamPolicyDocument;

#[async_trait]
impl DataSource for IamPolicyDocument {
    fn schema(&self) -> Schema {
        let text = || Attribute::optional(Type::String);
        let texts = || Attribute::optional(Type::set(Type::String));
        let documents = || Attribute::optional(Type::list(Type::String));
        let principal = || {
            NestedBlock::set(
                Block::new("Who is meant.")
                    .attr(
                        "type",
                        Attribute::required(Type::String).doc("`AWS`, `Service`, `Federated`, …"),
                    )
                    .attr(
                        "identifiers",
                        Attribute::required(Type::set(Type::String)).doc("ARNs, service names, accounts."),
                    ),
            )
        };
        let condition = Block::new("When the statement counts.")
            .attr("test", Attribute::required(Type::String).doc("`StringEquals`, …"))
            .attr(
                "variable",
                Attribute::required(Type::String).doc("The context variable."),
            )
            .attr(
                "values",
                Attribute::required(Type::list(Type::String)).doc("The values, one of which must be."),
            );
        let statement = Block::new("A statement.")
            .attr("sid", text().doc("Its id."))
            .attr(
                "effect",
                text()
                    .default("Allow")
                    .check(Validator::OneOf(&["Allow", "Deny"]))
                    .doc("Whether it allows or denies."),
            )
            .attr("actions", texts().doc("The actions."))
            .attr("not_actions", texts().doc("All actions but these."))
            .attr("resources", texts().doc("The resources."))
            .attr("not_resources", texts().doc("All resources but these."))
            .block("principals", principal())
            .block("not_principals", principal())
            .block("condition", NestedBlock::set(condition));
        Schema::new(
            Block::new("A policy, written as blocks.")
                .attr("policy_id", text().doc("The id of the policy."))
                .attr(
                    "version",
                    text()
                        .default("2012-10-17")
                        .check(Validator::OneOf(&["2008-10-17", "2012-10-17"]))
                        .doc("The version of the policy language."),
                )
                .attr(
                    "source_policy_documents",
                    documents().doc("Policies to begin with; the statements here come after them."),
                )
                .attr(
                    "override_policy_documents",
                    documents().doc("Policies whose statements replace those of the same `sid`."),
                )
                .attr("json", Attribute::computed(Type::String).doc("The policy."))
                .attr(
                    "minified_json",
                    Attribute::computed(Type::String).doc("The policy, without spaces."),
                )
                .block("statement", NestedBlock::list(statement)),
        )
    }

    fn regional(&self) -> bool {
        false
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let document = document(config)?;
        let json = escape(&serde_json::to_string_pretty(&document).unwrap_or_default());
        let minified = escape(&document.to_string());
        let mut state = cx.state(config);
        state
            .set("id", checksum(&json).to_string())
            .set("json", json)
            .set("minified_json", minified)
            .set("version", config.get_str("version").unwrap_or(CURRENT));
        if config.blocks("statement").iter().any(|s| !s.is_set("effect")) {
            state.set_blocks(
                "statement",
                config.blocks("statement").iter().map(with_effect).collect(),
            );
        }
        Ok(state.finish())
    }
}

/// The version when none is given.
const CURRENT: &str = "2012-10-17";

/// The keys of a statement, in Terraform's order.
const KEYS: [&str; 9] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
];

fn with_effect(statement: &Value) -> Value {
    let effect = statement.get_str("effect").unwrap_or("Allow");
    statement.with_attr("effect", effect.into())
}

/// A policy being put together.
#[derive(Default)]
struct Document {
    version: String,
    id: String,
    statements: Vec<Map<String, Json>>,
}

impl Document {
    /// Adds another policy: its id and newer version win, its statements replace those of the same `Sid`.
    fn merge(&mut self, other: Document) {
        if !other.id.is_empty() {
            self.id = other.id;
        }
        if other.version > self.version {
            self.version = other.version;
        }
        for statement in other.statements {
            let same = |s: &&mut Map<String, Json>| sid(&statement).is_some() && sid(s) == sid(&statement);
            match self.statements.iter_mut().find(same) {
                Some(old) => *old = statement,
                None => self.statements.push(statement),
            }
        }
    }

    /// Returns the policy as JSON.
    fn into_json(self) -> Json {
        let mut out = Map::new();
        for (name, text) in [("Version", self.version), ("Id", self.id)] {
            if !text.is_empty() {
                out.insert(name.to_owned(), text.into());
            }
        }
        if !self.statements.is_empty() {
            let statements = self.statements.into_iter().map(Json::Object);
            out.insert("Statement".to_owned(), statements.collect());
        }
        Json::Object(out)
    }
}

fn sid(statement: &Map<String, Json>) -> Option<&str> {
    statement.get("Sid")?.as_str().filter(|s| !s.is_empty())
}

/// Returns the whole policy of a configuration.
fn document(config: &Value) -> Result<Json, ProviderError> {
    let mut whole = Document::default();
    let sources = parse_all(config, "source_policy_documents")?;
    unique(sources.iter().flat_map(|d| &d.statements), "source_policy_documents")?;
    sources.into_iter().for_each(|source| whole.merge(source));
    whole.merge(own(config)?);
    let mut over = Document::default();
    for document in parse_all(config, "override_policy_documents")? {
        over.merge(document);
    }
    whole.merge(over);
    Ok(whole.into_json())
}

/// Returns what the statement blocks say.
fn own(config: &Value) -> Result<Document, ProviderError> {
    let version = config.text("version").unwrap_or_else(|| CURRENT.to_owned());
    let statements: Result<Vec<_>, _> = config
        .blocks("statement")
        .iter()
        .map(|block| statement(block, &version))
        .collect();
    let statements = statements?;
    unique(statements.iter(), "statement")?;
    Ok(Document {
        id: config.text("policy_id").unwrap_or_default(),
        statements,
        version,
    })
}

fn unique<'s>(
    statements: impl Iterator<Item = &'s Map<String, Json>>,
    argument: &'static str,
) -> Result<(), ProviderError> {
    let mut seen = std::collections::BTreeSet::new();
    for sid in statements.filter_map(sid) {
        if !seen.insert(sid) {
            return Err(
                ProviderError::new(ErrorKind::Invalid, format!("two statements have the `sid` {sid:?}"))
                    .at(Path::attr(argument))
                    .help("remove one, or give them different ids"),
            );
        }
    }
    Ok(())
}

fn statement(block: &Value, version: &str) -> Result<Map<String, Json>, ProviderError> {
    let mut parts: BTreeMap<&str, Json> = BTreeMap::new();
    if let Some(sid) = block.text("sid").filter(|s| !s.is_empty()) {
        parts.insert("Sid", sid.into());
    }
    parts.insert("Effect", block.get_str("effect").unwrap_or("Allow").into());
    let lists = [
        ("Action", "actions"),
        ("NotAction", "not_actions"),
        ("Resource", "resources"),
        ("NotResource", "not_resources"),
    ];
    for (key, name) in lists {
        let texts = block.texts(name);
        if !texts.is_empty() {
            parts.insert(key, one_or_many(variables(texts, version)?));
        }
    }
    for (key, name) in [("Principal", "principals"), ("NotPrincipal", "not_principals")] {
        let blocks = block.blocks(name);
        if !blocks.is_empty() {
            parts.insert(key, principals(blocks, version)?);
        }
    }
    let conditions = block.blocks("condition");
    if !conditions.is_empty() {
        parts.insert("Condition", self::conditions(conditions, version)?);
    }
    Ok(ordered(parts))
}

/// Puts the keys of a statement into their order.
fn ordered(mut parts: BTreeMap<&str, Json>) -> Map<String, Json> {
    let keys = KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), parts.remove(key)?)));
    keys.collect()
}

/// Returns `&{x}` as `${x}`, which the language would otherwise evaluate.
fn variables(texts: Vec<String>, version: &str) -> Result<Vec<String>, ProviderError> {
    texts
        .into_iter()
        .map(|text| {
            let text = text.replace("&{", "${");
            if version == "2008-10-17" && text.contains("${") {
                return Err(ProviderError::new(
                    ErrorKind::Invalid,
                    format!("policy variables, as in `{text}`, need version 2012-10-17"),
                )
                .at(Path::attr("version")));
            }
            Ok(text)
        })
        .collect()
}

/// Returns a single text as such, several as an array from last to first.
fn one_or_many(mut texts: Vec<String>) -> Json {
    if texts.len() == 1 {
        return texts.remove(0).into();
    }
    texts.sort_by(|a, b| b.cmp(a));
    texts.into()
}

fn principals(blocks: &[Value], version: &str) -> Result<Json, ProviderError> {
    let mut by_type: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for block in blocks {
        let kind = block.text("type").unwrap_or_default();
        let identifiers = variables(block.texts("identifiers"), version)?;
        if blocks.len() == 1 && kind == "*" && identifiers == ["*"] {
            return Ok("*".into());
        }
        by_type.entry(kind).or_default().push(one_or_many(identifiers));
    }
    Ok(join_principals(by_type))
}

/// Joins the identifiers of each type.
fn join_principals(by_type: BTreeMap<String, Vec<Json>>) -> Json {
    let joined = by_type.into_iter().map(|(kind, mut parts)| {
        if parts.len() == 1 {
            return (kind, parts.remove(0));
        }
        let all = parts.into_iter().flat_map(|part| match part {
            Json::Array(items) => items,
            one => vec![one],
        });
        (kind, Json::Array(all.collect()))
    });
    Json::Object(joined.collect())
}

fn conditions(blocks: &[Value], version: &str) -> Result<Json, ProviderError> {
    let mut out: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
    for block in blocks {
        let variable = block.text("variable").unwrap_or_default();
        let mut values = variables(block.texts("values"), version)?;
        let test = out.entry(block.text("test").unwrap_or_default()).or_default();
        match test.get_mut(&variable) {
            Some(Json::Array(old)) => old.extend(values.into_iter().map(Json::from)),
            Some(old) => {
                let mut all = vec![old.clone()];
                all.extend(values.into_iter().map(Json::from));
                *old = Json::Array(all);
            }
            None if values.len() == 1 => {
                test.insert(variable, values.remove(0).into());
            }
            None => {
                test.insert(variable, values.into());
            }
        }
    }
    Ok(nested(out))
}

fn nested(maps: BTreeMap<String, BTreeMap<String, Json>>) -> Json {
    let maps = maps
        .into_iter()
        .map(|(test, keys)| (test, Json::Object(keys.into_iter().collect())));
    Json::Object(maps.collect())
}

/// Reads policies that were given as texts.
fn parse_all(config: &Value, argument: &'static str) -> Result<Vec<Document>, ProviderError> {
    let texts = config.texts(argument).into_iter().enumerate();
    let texts = texts.filter(|(_, text)| !text.is_empty());
    texts
        .map(|(i, text)| {
            parse(&text).map_err(|why| {
                ProviderError::new(ErrorKind::Invalid, format!("not a policy: {why}"))
                    .at(Path::attr(argument).join_index(i))
            })
        })
        .collect()
}

fn parse(text: &str) -> Result<Document, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let statements = match json.get("Statement") {
        None => Vec::new(),
        Some(Json::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    };
    let statements: Option<Vec<_>> = statements.into_iter().map(parse_statement).collect();
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok(Document {
        version: text("Version"),
        id: text("Id"),
        statements: statements.ok_or("a statement must be an object")?,
    })
}

fn parse_statement(json: &Json) -> Option<Map<String, Json>> {
    let parts = json.as_object()?.iter().map(|(key, value)| {
        let value = match key.as_str() {
            "Principal" | "NotPrincipal" => parse_principals(value),
            "Condition" => parse_conditions(value),
            _ => value.clone(),
        };
        (key.as_str(), value)
    });
    Some(ordered(parts.collect()))
}

fn parse_principals(json: &Json) -> Json {
    let Some(entries) = json.as_object() else {
        return json.clone();
    };
    let sorted = entries.iter().map(|(kind, value)| {
        let value = match value.as_array() {
            Some(items) => {
                let mut texts: Vec<String> = items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect();
                texts.sort_by(|a, b| b.cmp(a));
                texts.into()
            }
            None => value.clone(),
        };
        (kind.clone(), value)
    });
    let sorted: BTreeMap<String, Json> = sorted.collect();
    Json::Object(sorted.into_iter().collect())
}

fn parse_conditions(json: &Json) -> Json {
    let texts = |value: &Json| match value {
        Json::Array(items) => items.clone(),
        Json::String(_) => vec![value.clone()],
        other => vec![other.to_string().into()],
    };
    let maps = json.as_object().into_iter().flatten().map(|(test, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        let keys = keys.map(|(key, values)| (key.clone(), Json::Array(texts(values))));
        (test.clone(), keys.collect())
    });
    nested(maps.collect())
}

/// Escapes what Go's encoder escapes.
fn escape(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[&str]) -> Value {
        Value::strings(items.iter().copied())
    }

    fn json(entries: Vec<(&'static str, Value)>) -> String {
        let document = document(&Value::object(entries)).unwrap();
        escape(&serde_json::to_string_pretty(&document).unwrap())
    }

    #[test]
    fn the_text_is_terraforms() {
        let statement = Value::object([
            ("sid", "1".into()),
            ("actions", texts(&["s3:GetObject", "s3:ListBucket"])),
            ("resources", texts(&["arn:aws:s3:::b/&{aws:username}"])),
            (
                "principals",
                Value::tuple(vec![Value::object([
                    ("type", "AWS".into()),
                    ("identifiers", texts(&["1", "2"])),
                ])]),
            ),
            (
                "condition",
                Value::tuple(vec![Value::object([
                    ("test", "StringLike".into()),
                    ("variable", "s3:prefix".into()),
                    ("values", texts(&["", "home/<>"])),
                ])]),
            ),
        ]);
        let expected = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "1",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket",
        "s3:GetObject"
      ],
      "Resource": "arn:aws:s3:::b/${aws:username}",
      "Principal": {
        "AWS": [
          "2",
          "1"
        ]
      },
      "Condition": {
        "StringLike": {
          "s3:prefix": [
            "",
            "home/\u003c\u003e"
          ]
        }
      }
    }
  ]
}"#;
        assert_eq!(json(vec![("statement", Value::tuple(vec![statement]))]), expected);
    }

    #[test]
    fn everybody_is_a_text() {
        let everybody = Value::object([("type", "*".into()), ("identifiers", texts(&["*"]))]);
        let statement = Value::object([("principals", Value::tuple(vec![everybody]))]);
        let document = document(&Value::object([("statement", Value::tuple(vec![statement]))])).unwrap();
        assert_eq!(document["Statement"][0]["Principal"], "*");
    }

    #[test]
    fn statements_are_merged_by_sid() {
        let source = r#"{"Version":"2008-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"x"},{"Sid":"b","Effect":"Allow","Action":"y"}]}"#;
        let over = r#"{"Statement":{"Sid":"b","Effect":"Deny","Action":"y","Condition":{"Bool":{"k":true}}}}"#;
        let own = Value::object([("sid", "a".into()), ("actions", texts(&["z"]))]);
        let document = document(&Value::object([
            ("source_policy_documents", texts(&[source])),
            ("override_policy_documents", texts(&[over])),
            ("statement", Value::tuple(vec![own])),
        ]))
        .unwrap();
        assert_eq!(document["Version"], "2012-10-17");
        assert_eq!(document["Statement"][0]["Action"], "z");
        assert_eq!(document["Statement"][1]["Effect"], "Deny");
        assert_eq!(document["Statement"][1]["Condition"]["Bool"]["k"][0], "true");
    }

    #[test]
    fn sids_are_unique() {
        let one = || Value::object([("sid", "a".into())]);
        let error = document(&Value::object([("statement", Value::tuple(vec![one(), one()]))])).unwrap_err();
        assert!(error.message.contains("\"a\""));
    }
}
