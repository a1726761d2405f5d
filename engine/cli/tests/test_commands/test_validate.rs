//! `infra validate`.

use crate::support::Folder;

#[test]
fn a_valid_configuration() {
    let folder = Folder::with("variable must_be_given {}\nresource terraform_data a { input = var.must_be_given }\n");
    assert_eq!(folder.ok("validate"), "The configuration is valid.\n");
    let json = folder.json("validate --json");
    assert_eq!(json["valid"], true);
    assert_eq!(json["error_count"], 0);
    assert_eq!(json["diagnostics"], serde_json::json!([]));
}

#[test]
fn findings_as_json_have_places_and_codes() {
    let folder =
        Folder::with("resource terraform_data a {\n  imput = 1\n  triggers_replace = terraform_data.b.id\n}\n");
    let json = folder.infra("validate -json").exits(1).json();
    assert_eq!(json["format_version"], "1.0");
    assert_eq!(json["valid"], false);
    assert_eq!(json["error_count"], 2);
    let first = &json["diagnostics"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!(first["code"], "infra::config::unknown_argument");
    assert_eq!(first["summary"], "`terraform_data` has no argument `imput`");
    assert_eq!(first["detail"], "did you mean `input`?");
    assert_eq!(
        first["range"],
        serde_json::json!({
            "filename": "main.infra",
            "start": {"line": 2, "column": 3, "byte": 30},
            "end": {"line": 2, "column": 8, "byte": 35},
        })
    );
    assert_eq!(json["diagnostics"][1]["code"], "infra::config::undeclared");
}

#[test]
fn nothing_is_read_or_written() {
    let folder = Folder::with("resource terraform_data a {}\n");
    folder.write("infra.state.json", "this is no state");
    folder.ok("validate");
    assert_eq!(folder.state().as_deref(), Some(&b"this is no state"[..]));
}
