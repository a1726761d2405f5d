//! `--error-format json`, and what `docs/diagnostics.md` says about it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Done, Folder};

/// Returns the objects on standard error.
fn lines(done: &Done) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    done.stderr.lines().map(parse).collect()
}

/// A folder with a module and a wrong call of it.
fn wrong_call() -> Folder {
    let folder = Folder::with(
        "module network {\n  source = \"./modules/network\"\n  nmae   = \"web\"\n  cidr   = \"10.0.0.0/16\"\n}\n",
    );
    folder.write(
        "modules/network/main.infra",
        "variable name {\n  default = \"main\"\n}\n\nvariable cidr {}\n",
    );
    folder
}

#[test]
fn the_documented_example_is_real() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics.md");
    let docs = std::fs::read_to_string(path).expect("the document can be read");
    let folder = wrong_call();
    let json = folder.infra("validate --error-format json").exits(1);
    assert!(
        docs.contains(&format!("```json\n{}```", json.stderr)),
        "{}",
        json.stderr
    );
    let human = folder.infra("validate").exits(1);
    assert!(
        docs.contains(&format!("$ infra validate\n{}```", human.stderr)),
        "{}",
        human.stderr
    );
}

#[test]
fn all_members() {
    let folder = Folder::with("variable a {}\n\noutput b { value = 1 }\n\nlocals {\n  größe = \"ß\" + 1\n}\n");
    folder.write("z.infra", "variable a {}\n");
    let found = lines(&folder.infra("plan --error-format json").exits(1));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(
        found[0],
        json!({
            "severity": "error",
            "code": "infra::eval::invalid_operand",
            "summary": "the operand of `+` must be a number",
            "detail": "texts are joined by templates: `\"${a}${b}\"`",
            "help": "texts are joined by templates: `\"${a}${b}\"`",
            "label": "this string is not a number",
            "range": {
                "filename": "main.infra",
                // Columns count characters, the rest counts bytes.
                "start": {"line": 6, "column": 11, "byte": 60},
                "end": {"line": 6, "column": 14, "byte": 64},
            },
        })
    );
    assert_eq!(found[1]["code"], "infra::config::duplicate");
    assert_eq!(found[1]["range"]["filename"], "z.infra");
    assert_eq!(
        found[1]["related"],
        json!([{
            "label": "declared here first",
            "range": {
                "filename": "main.infra",
                "start": {"line": 1, "column": 10, "byte": 9},
                "end": {"line": 1, "column": 11, "byte": 10},
            },
        }])
    );
}

#[test]
fn warnings_notes_and_addresses() {
    let folder = Folder::with(
        "locals {\n  o = {}\n}\n\noutput a { value = try(local.o.x, local.o.y) }\n\nprovider random {\n  version = \"1\"\n}\n",
    );
    let found = lines(&folder.infra("plan --error-format json").exits(1));
    let of = |code: &str| {
        found
            .iter()
            .find(|d| d["code"] == code)
            .unwrap_or_else(|| panic!("{code}: {found:#?}"))
    };
    assert_eq!(of("infra::config::ignored")["severity"], "warning");
    let failed = of("infra::eval::function_failed");
    let notes = json!(["this object has no attribute `x`", "this object has no attribute `y`"]);
    assert_eq!(failed["notes"], notes);
    assert_eq!(
        failed["detail"],
        "this object has no attribute `x`\nthis object has no attribute `y`"
    );
    let folder = Folder::with("resource terraform_data a {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n");
    folder.ok("apply --yes");
    let found = lines(&folder.infra("destroy --yes --error-format json").exits(1));
    assert_eq!(found[0]["code"], "infra::plan::prevent_destroy");
    assert_eq!(found[0]["address"], "terraform_data.a");
}

#[test]
fn errors_of_the_command_line_have_no_place() {
    let found = lines(
        &Folder::empty()
            .infra("explain-error nothing_of_this_kind --error-format json")
            .exits(1),
    );
    assert_eq!(found[0]["code"], "infra::cli::unknown_code");
    assert!(found[0].get("range").is_none());
}
