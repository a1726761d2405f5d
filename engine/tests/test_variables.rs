//! Values of variables: where they come from, which wins, how they are read.

use infra_engine::config::variables::{Argument, collect_in_order};
use infra_engine::config::{self, Config};
use infra_providers::Registry;
use infra_testutils::MemoryLoader;
use infra_types::{Type, Value};

/// The files besides the configuration, the environment and the options of one run.
#[derive(Default)]
struct Run<'a> {
    files: &'a [(&'a str, &'a str)],
    environment: &'a [(&'a str, &'a str)],
    arguments: &'a [Argument],
}

fn load(main: &str, files: &[(&str, &str)]) -> (MemoryLoader, Config) {
    let mut loader = MemoryLoader::new().with("main.infra", main);
    for (path, text) in files {
        loader.add(path, *text);
    }
    let (config, _, diagnostics) = config::load(&loader, ".", &Registry::new());
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    (loader, config.expect("there is a folder"))
}

/// Returns the value of `x`, or the message of the first error.
fn value(main: &str, run: &Run<'_>) -> Result<Value, String> {
    let (loader, config) = load(main, run.files);
    let environment: Vec<(String, String)> = run
        .environment
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let collected = collect_in_order(&loader, &config, ".", &environment, run.arguments);
    let (values, _, diagnostics) = collected.resolve(&config);
    match diagnostics.iter().find(|d| d.is_error()) {
        Some(d) => Err(d.message.clone()),
        None => Ok(values["x"].clone()),
    }
}

fn option(text: &str) -> Argument {
    Argument::Value(text.to_owned())
}

#[test]
fn later_sources_win() {
    let main = "variable x { default = \"default\" }";
    let files: &[(&str, &str)] = &[
        ("auto.vars.infra", "x = \"auto\""),
        ("a.auto.vars.infra", "x = \"a\""),
        ("b.auto.vars.json", "{ \"x\": \"b\" }"),
        ("other.vars.infra", "x = \"other\""),
        ("unused.vars.infra", "x = \"unused\""),
    ];
    let environment: &[(&str, &str)] = &[("INFRA_VAR_x", "environment"), ("x", "no")];
    let other = Argument::File("other.vars.infra".into());
    let check = |files: &[(&str, &str)], environment: &[(&str, &str)], arguments: &[Argument], expect: &str| {
        let run = Run {
            files,
            environment,
            arguments,
        };
        assert_eq!(value(main, &run), Ok(Value::from(expect)));
    };
    check(&[], &[], &[], "default");
    check(&[], environment, &[], "environment");
    check(&files[..1], environment, &[], "auto");
    check(&files[..2], environment, &[], "a");
    check(files, environment, &[], "b");
    check(files, environment, std::slice::from_ref(&other), "other");
    check(files, environment, &[other.clone(), option("x=option")], "option");
    check(files, environment, &[option("x=option"), other], "other");
    check(files, environment, &[option("x=1"), option("x=2")], "2");
}

#[test]
fn texts_are_literal_for_primitive_types_and_expressions_otherwise() {
    let check = |ty: &str, text: &str, expect: Value| {
        let main = format!("variable x {{\n  {ty}\n}}");
        let arguments = [option(&format!("x={text}"))];
        let run = Run {
            arguments: &arguments,
            ..Run::default()
        };
        assert_eq!(value(&main, &run), Ok(expect), "{ty} {text}");
    };
    check("type = string", "[not a list]", "[not a list]".into());
    check("type = string", "null", "null".into());
    check("", "[1]", "[1]".into());
    check("type = number", "12", 12.into());
    check("type = bool", "true", true.into());
    check(
        "type = list(number)",
        "[1, \"2\"]",
        Value::list(Type::Number, vec![1.into(), 2.into()]),
    );
    check("type = any", "[1]", Value::tuple(vec![1.into()]));
    check("type = any", "\"a=b\"", "a=b".into());
    check(
        "type = object({ a = string, b = optional(number, 3) })",
        "{ a = 1 }",
        Value::object([("a", Value::from("1")), ("b", 3.into())]),
    );
}

#[test]
fn null_asks_for_the_default_where_null_is_no_value() {
    let files: &[(&str, &str)] = &[("auto.vars.infra", "x = null")];
    let run = Run {
        files,
        ..Run::default()
    };
    let check = |body: &str| value(&format!("variable x {{\n{body}\n}}"), &run);
    assert_eq!(
        check("type = string\ndefault = \"d\""),
        Ok(Value::null_of(Type::String))
    );
    assert_eq!(
        check("type = string\ndefault = \"d\"\nnullable = false"),
        Ok(Value::from("d"))
    );
    assert_eq!(
        check("type = string\nnullable = false"),
        Err("the variable `x` must not be null".into())
    );
}

#[test]
fn secrets_are_marked_and_not_shown() {
    let main = "variable x {\n  type      = number\n  sensitive = true\n}";
    let (loader, config) = load(main, &[("auto.vars.infra", "x = \"hunter2\"")]);
    let collected = collect_in_order(&loader, &config, ".", &[], &[]);
    let (_, _, diagnostics) = collected.resolve(&config);
    let [d] = diagnostics.0.as_slice() else {
        panic!("{diagnostics:?}");
    };
    assert_eq!(d.label, None);
    assert!(!format!("{d:?}").contains("hunter2"));

    let main = "variable x { type = secret(string) }";
    let arguments = [option("x=hunter2")];
    let run = Run {
        arguments: &arguments,
        ..Run::default()
    };
    assert!(value(main, &run).expect("it fits").is_sensitive());
}
