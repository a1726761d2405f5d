//! Tests of [`super`].

use super::*;
use crate::eval::{Host, NoHost, Resolved, Scope};
use infra_providers::{Attribute, Block};
use infra_syntax::SourceId;
use infra_syntax::ast::Ident;
use infra_syntax::parse::parse_file;
use infra_types::json;

/// Knows `var.list` and `var.secret`; every other name is unknown.
struct Names;

impl Scope for Names {
    fn resolve(&self, root: &Ident, attrs: &[&Ident], _: Span) -> Result<Resolved, Diagnostic> {
        let value = match (&*root.name, attrs.first().map(|a| &*a.name)) {
            ("var", Some("list")) => Value::strings(["a", "b"]),
            ("var", Some("secret")) => Value::strings(["s"]).sensitive(),
            _ => Value::unknown(Type::Dynamic),
        };
        let consumed = attrs.len();
        Ok(Resolved { value, consumed })
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

fn schema() -> Block {
    let inner = Block::new("").attr("x", Attribute::optional(Type::Number));
    let rule = Block::new("")
        .attr("name", Attribute::required(Type::String))
        .attr("key", Attribute::optional(Type::String).sensitive())
        .block("inner", NestedBlock::list(inner.clone()));
    Block::new("")
        .attr("id", Attribute::computed(Type::String))
        .attr("size", Attribute::optional(Type::Number))
        .attr("tags", Attribute::optional(Type::map(Type::String)))
        .block("one", NestedBlock::single(inner))
        .block("rule", NestedBlock::list(rule.clone()))
        .block("many", NestedBlock::set(rule))
}

fn read(text: &str) -> (Value, Vec<String>) {
    let (file, errors) = parse_file(text, SourceId(0));
    assert!(errors.is_empty(), "{errors:?}");
    let (value, found) = eval_body(&file.body, &schema(), &Names);
    (value, found.into_iter().map(|d| d.message).collect())
}

fn check(text: &str, expect: &str) {
    let (value, found) = read(text);
    assert_eq!(found, Vec::<String>::new(), "{text}");
    assert_eq!(json::encode(&value.unmark_deep()).expect("known"), expect, "{text}");
}

#[test]
fn what_is_not_written_is_null_or_empty() {
    check(
        "",
        r#"{"id":null,"many":[],"one":null,"rule":[],"size":null,"tags":null}"#,
    );
}

#[test]
fn arguments_are_converted_and_blocks_collected() {
    check(
        "size = \"3\"\ntags = { a = 1 }\none { x = 1 }\nrule { name = \"b\" }\nrule { name = \"a\" }\n",
        r#"{"id":null,"many":[],"one":{"x":1},"rule":[{"inner":[],"key":null,"name":"b"},{"inner":[],"key":null,"name":"a"}],"size":3,"tags":{"a":"1"}}"#,
    );
}

#[test]
fn dynamic_blocks_make_one_block_per_element() {
    let text = "dynamic \"rule\" {
  for_each = var.list
  iterator = it
  content {
name = it.value
dynamic \"inner\" {
  for_each = { y = it.key }
  content { x = inner.value }
}
  }
}
";
    check(
        text,
        r#"{"id":null,"many":[],"one":null,"rule":[{"inner":[{"x":0}],"key":null,"name":"a"},{"inner":[{"x":1}],"key":null,"name":"b"}],"size":null,"tags":null}"#,
    );
}

#[test]
fn blocks_may_be_assigned_as_a_list() {
    check(
        "rule = [for n in var.list : { name = n }]\n",
        r#"{"id":null,"many":[],"one":null,"rule":[{"inner":[],"key":null,"name":"a"},{"inner":[],"key":null,"name":"b"}],"size":null,"tags":null}"#,
    );
}

#[test]
fn unknown_repetition_makes_all_blocks_of_the_kind_unknown() {
    let text = "dynamic \"rule\" {
  for_each = local.unknown
  content { name = rule.value }
}
rule { name = \"a\" }
one { x = local.unknown }
";
    let (value, found) = read(text);
    assert!(found.is_empty(), "{found:?}");
    let rule = value.get("rule").expect("it is there");
    assert!(!rule.is_known());
    assert_eq!(rule.ty(), schema().blocks["rule"].ty());
    let x = value.get("one").and_then(|one| one.get("x")).expect("it is there");
    assert_eq!(x.ty(), Type::Number);
    assert!(!x.is_known());
}

#[test]
fn secrets_are_marked() {
    let text = "rule {
  name = \"a\"
  key  = \"k\"
}
dynamic \"many\" {
  for_each = var.secret
  content { name = many.value }
}
";
    let (value, found) = read(text);
    assert!(found.is_empty(), "{found:?}");
    let rule = &value.get("rule").and_then(Value::as_items).expect("known")[0];
    assert!(rule.get("key").expect("it is there").is_sensitive());
    assert!(!rule.get("name").expect("it is there").is_sensitive());
    assert!(value.get("many").expect("it is there").is_sensitive());
}

#[test]
fn all_mistakes_are_found_and_reported_once() {
    let text = "sise = 1
id   = \"x\"
tags = { a = [1], b = [2] }
one {}
one {}
rule { nmae = \"a\" }
rule \"label\" { name = \"a\" }
";
    let (value, found) = read(text);
    assert_eq!(
        found,
        [
            "this block has no argument `sise`",
            "`id` cannot be set: it is a result of the object",
            "`tags[\"a\"]` does not fit: a string is required",
            "`tags[\"b\"]` does not fit: a string is required",
            "only one `one` block may be written here",
            "the block `rule` has no argument `nmae`",
            "a `rule` block has no labels",
        ]
    );
    // What is wrong is unknown, so that checks of the value say nothing more.
    let mut more = Vec::new();
    schema().validate(&value, &infra_types::Path::root(), &mut more);
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn places_of_parts_are_found() {
    let text = "size = 1
tags = { a = \"x\", \"b\" = local.y }
rule { name = \"first\" }
rule { name = \"second\" }
dynamic \"many\" {
  for_each = []
  content { name = \"n\" }
}
";
    let (file, _) = parse_file(text, SourceId(0));
    let at = |path: &infra_types::Path| {
        let span = spans::span_of(&file.body, path)?;
        Some(&text[span.start as usize..span.end as usize])
    };
    let attr = infra_types::Path::attr;
    let key = |k: &str| infra_types::PathStep::Key(k.into());
    assert_eq!(at(&attr("size")), Some("size = 1"));
    assert_eq!(at(&attr("tags").join(key("a"))), Some("\"x\""));
    assert_eq!(at(&attr("tags").join(key("b"))), Some("local.y"));
    assert_eq!(at(&attr("tags").join(key("c"))), Some("{ a = \"x\", \"b\" = local.y }"));
    assert_eq!(
        at(&attr("rule").join_index(1).join_attr("name")),
        Some("name = \"second\"")
    );
    assert_eq!(at(&attr("rule").join_index(0).join_attr("key")), Some("rule"));
    assert_eq!(at(&attr("many").join_index(3).join_attr("name")), Some("name = \"n\""));
    assert_eq!(at(&attr("nothing")), None);
}
