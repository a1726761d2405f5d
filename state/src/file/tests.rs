//! Tests of the state file: round trips, refusals, secrets.

use infra_types::{InstanceAddr, InstanceKey, Marks, Number, Type, Value};
use proptest::prelude::*;

use super::*;
use crate::testing::{TestTypes, codec, state};
use crate::{InstanceState, KeyError, NoTypes, ObjectState, OutputState};

const PLACE: &str = "infra.state.json";

fn write_text(state: &State, types: &dyn Types) -> String {
    let mut text = Vec::new();
    write(&mut text, state, state.serial, PLACE, types, &codec()).unwrap();
    String::from_utf8(text).unwrap()
}

fn read_text(text: &str, types: &dyn Types) -> Result<State, StateError> {
    read(text.as_bytes(), PLACE, types, &codec(), ReadOptions::default()).map(|r| r.state)
}

/// A state with one of everything.
fn sample() -> (State, TestTypes) {
    let schema = Type::object([
        ("id", Type::String),
        ("input", Type::Dynamic),
        ("password", Type::String),
        ("ports", Type::set(Type::Number)),
        ("tags", Type::map(Type::String)),
        ("unset", Type::list(Type::Bool)),
    ]);
    let tags = [("$sealed", Value::from("x")), ("Name", Value::from("a \"b\" ${c}"))];
    let attributes = Value::object([
        ("id", Value::from("db-1")),
        ("input", Value::strings(["a"])),
        ("password", Value::from("hunter2").sensitive()),
        ("ports", Value::set(Type::Number, vec![443.into(), 80.into()])),
        (
            "tags",
            Value::map(Type::String, tags.map(|(k, v)| (k.into(), v)).into()),
        ),
        ("unset", Value::null_of(Type::list(Type::Bool))),
    ]);
    let depends = |text: &str| text.parse::<InstanceAddr>().unwrap().resource.path();
    let object = ObjectState {
        dependencies: [depends("module.net.aws_vpc.main"), depends("aws_kms_key.k")].into(),
        create_before_destroy: true,
        protect: true,
        token: Some("0123".into()),
        ..ObjectState::new("aws.west", 2, attributes.clone())
    };
    let old = ObjectState {
        tainted: true,
        ..ObjectState::new("aws.west", 1, attributes)
    };
    let mut state = State::new("6a7f3b1e-0000-4000-8000-000000000001");
    state.serial = 7;
    let mut instance = InstanceState::of(object);
    instance.deposed.insert("0a1b2c3d".into(), old.into());
    state.set_instance("module.app[\"x\"].aws_db.main".parse().unwrap(), instance);
    for key in [2, 10] {
        let object = ObjectState::new("core", 0, Value::object([("input", Value::from(key as i64))]));
        state.set_instance(
            InstanceAddr::root("t", "a", InstanceKey::Int(key)),
            InstanceState::of(object),
        );
    }
    let output = |value| OutputState { value };
    state
        .outputs
        .insert("plain".into(), output(Value::tuple(vec![true.into(), Value::null()])));
    state
        .outputs
        .insert("secret".into(), output(Value::from("s3cret").sensitive()));
    (state, TestTypes([("aws_db".to_owned(), schema)].into()))
}

#[test]
fn one_of_everything() {
    let (state, types) = sample();
    let text = write_text(&state, &types);
    insta::assert_snapshot!(text);
    assert_eq!(read_text(&text, &types).unwrap(), state);
}

proptest! {
    #[test]
    fn states_round_trip((state, types) in state()) {
        let text = write_text(&state, &types);
        let read = read_text(&text, &types).unwrap();
        prop_assert_eq!(&read, &state);
        prop_assert_eq!(write_text(&read, &types), text);
    }

    #[test]
    fn states_round_trip_without_types((state, _) in state()) {
        let text = write_text(&state, &NoTypes);
        prop_assert_eq!(read_text(&text, &NoTypes).unwrap(), state);
    }

    #[test]
    fn states_written_without_types_are_read_with_them((state, types) in state()) {
        let text = write_text(&state, &NoTypes);
        prop_assert_eq!(read_text(&text, &types).unwrap(), state);
    }

    #[test]
    fn reading_without_types_and_writing_keeps_the_text((state, types) in state()) {
        let text = write_text(&state, &types);
        let read = read_text(&text, &NoTypes).unwrap();
        let again = write_text(&read, &NoTypes);
        prop_assert_eq!(read_text(&again, &types).unwrap(), state);
    }

    #[test]
    fn secrets_are_not_in_the_text((mut state, types) in state(), secret in "[A-Z]{12}") {
        let secret = Value::object([("a", Value::strings([secret]))]).sensitive();
        let object = ObjectState::new("core", 0, Value::object([("s", secret.clone())]));
        state.set_instance(InstanceAddr::root("u", "a", InstanceKey::None), InstanceState::of(object));
        state.outputs.insert("o".into(), OutputState { value: secret.clone() });
        let text = write_text(&state, &types);
        let shown = secret.get("a").unwrap().as_items().unwrap()[0].as_str().unwrap();
        prop_assert!(!text.contains(shown));
    }

    #[test]
    fn damaged_files_do_not_panic(
        (state, types) in state(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let mut text = write_text(&state, &types).into_bytes();
        for (index, byte, kind) in edits {
            let at = index.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.truncate(at.max(1)),
                _ => text.insert(at, byte),
            }
        }
        let _ = read(&text, PLACE, &types, &codec(), ReadOptions::default());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<Vec<u8>>()) {
        let _ = read(&text, PLACE, &NoTypes, &codec(), ReadOptions::default());
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let (state, types) = sample();
    let text = write_text(&state, &types);
    for cut in 0..text.trim_end().len() {
        let error = read_text(&text[..cut], &types).unwrap_err();
        assert!(
            matches!(error.code(), "infra::state::corrupt" | "infra::state::foreign"),
            "{cut}: {error}"
        );
    }
}

fn check_refused(text: &str, code: &str, message: &str) {
    let error = read_text(text, &NoTypes).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    assert!(error.help().is_some());
}

#[test]
fn refusals_say_why() {
    check_refused(
        r#"{"format": "infra-state", "version": 3, "new": {}}"#,
        "infra::state::newer_format",
        "the state `infra.state.json` was written by a newer infra: format 3, this one knows 1",
    );
    check_refused(
        r#"{"version": 4, "terraform_version": "1.9.0", "serial": 1}"#,
        "infra::state::foreign",
        "`infra.state.json` is not a state of infra: it is a state of Terraform or OpenTofu",
    );
    check_refused(
        r#"{"a": 1}"#,
        "infra::state::foreign",
        "`infra.state.json` is not a state of infra: it does not say its `format`",
    );
    check_refused(
        "{\n  \"format\": \"infra-state\",\n  \"version\": 1,\n  \"lineage\": \"l\", }",
        "infra::state::corrupt",
        "the state `infra.state.json` is damaged at line 4, column 19: trailing comma",
    );
    check_refused(
        "",
        "infra::state::corrupt",
        "the state `infra.state.json` is damaged at line 1, column 1: the file is empty",
    );
}

fn document(instances: &str) -> String {
    format!(
        "{{\"format\": \"infra-state\", \"version\": 1, \"lineage\": \"l\", \"serial\": 1, \"outputs\": {{}}, \"instances\": [\n{instances}\n]}}"
    )
}

fn instance(attributes: &str) -> String {
    format!(
        r#"{{"address": "t.a", "type": "t", "current": {{"provider": "core", "schema_version": 0, "attributes": {attributes}}}}}"#
    )
}

#[test]
fn wrong_contents_are_refused_with_their_place() {
    let check = |instances: &str, message: &str| {
        let error = read_text(&document(instances), &NoTypes).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        let StateError::Corrupt { line, .. } = error else {
            panic!("{error}")
        };
        assert!(line >= 2, "{line}");
    };
    let good = instance("{}");
    check(
        &format!("{good},\n{good}"),
        "line 3, column 100: the instance `t.a` is there twice",
    );
    check(&good.replace("t.a", "t"), "`t` is not an address");
    check(
        &good.replace("\"type\": \"t\"", "\"type\": \"u\""),
        "the type of `t.a` cannot be `u`",
    );
    check(&good.replace("provider", "provder"), "unknown field `provder`");
    check(&instance(r#"{"a": {"$other": 1}}"#), "`$other` is not known");
    check(
        &instance(r#"{"a": {"$type": "nonsense", "$value": 1}}"#),
        "this is not a type",
    );
    check(
        &instance(r#"{"a": {"b": 1, "$sealed": ""}}"#),
        "`$sealed` must stand alone",
    );
    let deep = format!("{}{}", "[".repeat(9_999), "]".repeat(9_999));
    check(&instance(&deep), "levels deep");
    let typed = format!(
        "{}1{}",
        r#"{"$type": "dynamic", "$value": "#.repeat(9_999),
        "}".repeat(9_999)
    );
    check(&instance(&typed), "levels deep");
    let ty = format!("{}1{}", r#"["list", "#.repeat(9_999), "]".repeat(9_999));
    check(&instance(&format!(r#"{{"$type": {ty}, "$value": []}}"#)), "levels deep");
}

#[test]
fn what_is_nested_as_deep_as_allowed_is_read_again() {
    let deep = |levels: usize| {
        let wrap = |v: Value, i: usize| {
            let v = if i.is_multiple_of(3) {
                Value::object([("a", v)])
            } else {
                Value::list(v.ty(), vec![v])
            };
            if i.is_multiple_of(2) { v.sensitive() } else { v }
        };
        let mut state = State::new("l");
        let value = (0..levels).fold(Value::from("x"), wrap);
        state.outputs.insert("o".into(), OutputState { value });
        state
    };
    let state = deep(64);
    assert_eq!(read_text(&write_text(&state, &NoTypes), &NoTypes).unwrap(), state);
    let error = write(Vec::new(), &deep(65), 1, PLACE, &NoTypes, &codec()).unwrap_err();
    assert!(error.to_string().contains("nested more than 64 levels deep"), "{error}");
}

/// Reads the attributes of an instance with a schema.
fn attributes(json: &str, schema: Type) -> Value {
    let types = TestTypes([("t".to_owned(), schema)].into());
    let state = read_text(&document(&instance(json)), &types).unwrap();
    let instance = state.instances.values().next().unwrap();
    instance.current.as_ref().unwrap().attributes.clone()
}

#[test]
fn the_schema_decides_about_attributes() {
    let schema = Type::object([("a", Type::String), ("b", Type::list(Type::Number))]);
    let value = attributes(r#"{"b": [1, "2"], "gone": {"x": 1}}"#, schema);
    let list = Value::list(Type::Number, vec![1.into(), Value::from(Number::parse("2").unwrap())]);
    assert_eq!(value, Value::object([("a", Value::null_of(Type::String)), ("b", list)]));
}

#[test]
fn what_does_not_fit_the_schema_keeps_its_own_type() {
    let value = attributes(
        r#"{"a": [1, "x"], "b": true}"#,
        Type::object([("a", Type::list(Type::Number)), ("b", Type::list(Type::Bool))]),
    );
    let a = Value::tuple(vec![1.into(), "x".into()]);
    assert_eq!(value, Value::object([("a", a), ("b", true.into())]));
}

#[test]
fn paths_mark_values_that_stand_in_clear() {
    let text = document(&instance(
        r#"{"a": {"b": ["x", "y"]}}, "sensitive": [["a", "b", 1], ["none"]]"#,
    ));
    let state = read_text(&text, &NoTypes).unwrap();
    let object = state.instances.values().next().unwrap().current.as_ref().unwrap();
    let items = object
        .attributes
        .get("a")
        .unwrap()
        .get("b")
        .unwrap()
        .as_items()
        .unwrap();
    assert_eq!(items, [Value::from("x"), Value::from("y").sensitive()]);
}

#[test]
fn ephemeral_and_unknown_values_are_not_stored() {
    let mut state = State::new("l");
    let attributes = Value::object([
        ("a", Value::from("x").with_marks(Marks::EPHEMERAL)),
        ("b", Value::unknown(Type::String)),
    ]);
    let addr = InstanceAddr::root("t", "a", InstanceKey::None);
    state.set_instance(addr.clone(), InstanceState::of(ObjectState::new("core", 0, attributes)));
    let read = read_text(&write_text(&state, &NoTypes), &NoTypes).unwrap();
    let null = || Value::null_of(Type::String);
    let attributes = &read.instances[&addr].current.as_ref().unwrap().attributes;
    assert_eq!(*attributes, Value::object([("a", null()), ("b", null())]));
}

#[test]
fn infinity_is_kept() {
    let mut state = State::new("l");
    let value = Value::tuple(vec![Number::infinity(true).into(), Number::infinity(false).into()]);
    state.outputs.insert("o".into(), OutputState { value });
    assert_eq!(read_text(&write_text(&state, &NoTypes), &NoTypes).unwrap(), state);
}

#[test]
fn without_the_key_reading_fails_or_redacts() {
    let (state, types) = sample();
    let text = write_text(&state, &types);
    let read_with =
        |codec: &SecretCodec, missing_key| read(text.as_bytes(), PLACE, &types, codec, ReadOptions { missing_key });
    let none = SecretCodec::without_key();
    let error = read_with(&none, MissingKey::Fail).unwrap_err();
    assert_eq!(error.code(), "infra::state::secret_key");
    assert!(error.help().unwrap().contains("INFRA_STATE_KEY"));
    let other = read_with(&SecretCodec::with_key("other"), MissingKey::Fail).unwrap_err();
    assert!(matches!(
        other,
        StateError::SecretKey {
            why: KeyError::Other { .. },
            ..
        }
    ));

    let redacted = read_with(&none, MissingKey::Redact).unwrap();
    assert!(redacted.redacted);
    let db = redacted
        .state
        .instances
        .iter()
        .find(|(a, _)| &**a.ty() == "aws_db")
        .unwrap()
        .1;
    let attributes = &db.current.as_ref().unwrap().attributes;
    assert_eq!(
        attributes.get("password"),
        Some(&Value::unknown(Type::String).sensitive())
    );
    assert_eq!(attributes.get_str("id"), Some("db-1"));
    assert!(!read_with(&codec(), MissingKey::Redact).unwrap().redacted);
}

#[test]
fn a_sealed_value_does_not_open_elsewhere() {
    let (state, types) = sample();
    let text = write_text(&state, &types).replace("aws_db.main", "aws_db.other");
    let error = read_text(&text, &types).unwrap_err();
    assert!(matches!(
        error,
        StateError::SecretKey {
            why: KeyError::Altered { .. },
            ..
        }
    ));
}

#[test]
fn a_state_without_a_key_cannot_hold_secrets() {
    let (state, types) = sample();
    let none = SecretCodec::without_key();
    let error = write(Vec::new(), &state, 1, PLACE, &types, &none).unwrap_err();
    assert!(matches!(
        error,
        StateError::SecretKey {
            why: KeyError::NoPlace,
            ..
        }
    ));
}
