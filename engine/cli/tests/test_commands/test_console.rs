//! `infra console`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
variable "name" { default = "world" }
variable "token" {
  default   = "hunter2"
  sensitive = true
}
locals { greeting = "hello ${var.name}" }
resource terraform_data made { input = { list = [1, 2] } }
"#;

/// Answers of `console --json` to expressions.
fn answers(folder: &Folder, line: &str, expressions: &[&str]) -> Vec<String> {
    let input: String = expressions
        .iter()
        .map(|e| format!("{}\n", serde_json::Value::from(*e)))
        .collect();
    let done = folder.command(line).stdin(&input).run().succeeds();
    assert_eq!(done.stderr, "");
    done.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn json_without_configuration() {
    let folder = Folder::empty();
    let expressions = [
        "1 + 1",
        "upper(\"a\")",
        "{ b = [true, null], a = 1.50 }",
        "1e400",
        "var.x",
        "nope(",
        "1 / 0",
        "sensitive(1)",
        "\"line\\nbreak \\\"quoted\\\"\"",
    ];
    assert_eq!(
        answers(&folder, "console --json", &expressions),
        [
            r#"{"value": 2}"#,
            r#"{"value": "A"}"#,
            r#"{"value": {"a":1.5,"b":[true,null]}}"#,
            &format!(r#"{{"value": 1{}}}"#, "0".repeat(400)),
            r#"{"error":"no variable `x` is declared in this module"}"#,
            r#"{"error":"`(` is not closed"}"#,
            r#"{"error":"an infinite number has no JSON form"}"#,
            r#"{"error":"the value is sensitive"}"#,
            r#"{"value": "line\nbreak \"quoted\""}"#,
        ]
    );
    assert_eq!(folder.everything(), [], "nothing is left behind");
}

#[test]
fn json_lines_that_are_no_strings() {
    let folder = Folder::empty();
    let done = folder
        .command("console --json")
        .stdin("1\n\n{\"a\"\n\"2\"\n")
        .run()
        .succeeds();
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", done.stdout);
    assert!(
        lines[0].starts_with(r#"{"error":"a line must be a JSON string"#),
        "{}",
        lines[0]
    );
    assert!(lines[1].starts_with(r#"{"error":"#), "{}", lines[1]);
    assert_eq!(lines[2], r#"{"value": 2}"#);
}

#[test]
fn values_of_the_configuration_and_the_state() {
    let folder = Folder::with(CONFIGURATION);
    assert_eq!(
        answers(
            &folder,
            "console --json --var name=moon",
            &["local.greeting", "terraform_data.made.id"]
        ),
        [
            r#"{"value": "hello moon"}"#,
            r#"{"error":"the value is not known yet"}"#
        ]
    );
    folder.ok("apply --yes");
    assert_eq!(
        answers(
            &folder,
            "console --json",
            &["terraform_data.made.output.list[1]", "var.token"]
        ),
        [r#"{"value": 2}"#, r#"{"error":"the value is sensitive"}"#]
    );
}

#[test]
fn a_folder_that_is_not_there() {
    let done = Folder::empty().command("console nowhere").stdin("1\n").run().exits(1);
    check("console_no_folder", &done.transcript());
}

#[test]
fn text() {
    let folder = Folder::with(CONFIGURATION);
    let input = "{ greeting = local.greeting, secret = var.token }\n1 + \"x\"\n\"a\\u001b[31m\"\n";
    let done = folder.command("console").stdin(input).run().exits(1);
    check("console_text", &done.transcript());
}
