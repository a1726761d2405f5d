//! `infra console` with its input from a file or a program.

use std::fs::{self, File};
use std::process::{Command, Output};

/// Runs a console in an empty folder with an input.
fn console(arguments: &[&str], input: &[u8]) -> Output {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let file = temp.path().join("input");
    let folder = temp.path().join("stack");
    fs::write(&file, input).expect("it can be written");
    fs::create_dir(&folder).expect("a folder can be made");
    Command::new(env!("CARGO_BIN_EXE_infra"))
        .arg("console")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("NO_COLOR", "1")
        .env("HOME", temp.path())
        .stdin(File::open(&file).expect("it is there"))
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

/// Returns the answers to lines as they are; all must be answered.
#[track_caller]
fn answers(lines: &[&[u8]]) -> Vec<String> {
    let mut input = lines.join(&b'\n');
    input.extend_from_slice(b"\n\"1 + 1\"");
    let output = console(&["--json"], &input);
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    let mut found: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(
        found.pop().as_deref(),
        Some("{\"value\": 2}"),
        "the last line is answered too"
    );
    assert_eq!(found.len(), lines.len());
    found
}

fn is_error(answer: &str) -> bool {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("it is JSON");
    answer["error"].as_str().is_some_and(|message| !message.is_empty())
}

/// Returns the JSON string with an expression.
fn line(expression: &str) -> Vec<u8> {
    serde_json::Value::from(expression).to_string().into_bytes()
}

#[test]
fn json_that_is_no_expression() {
    let lines: [&[u8]; 14] = [
        b"1",
        b"null",
        b"{}",
        b"[\"1\"]",
        b"{\"a\"",
        b"\"open",
        b"rubbish",
        b"\"\\ud800\"",
        b"\"\xff\xfe\"",
        b"\xff",
        b"\0",
        b"\"1\" \"2\"",
        b"\"\"",
        b"\" \\n \"",
    ];
    for (line, answer) in lines.iter().zip(answers(&lines)) {
        assert!(is_error(&answer), "{}: {answer}", String::from_utf8_lossy(line));
    }
}

#[test]
fn json_with_any_line_end() {
    let found = answers(&[b"\"1\"\r", b"  \"2\"\t", b"\"[\\n3,\\r\\n]\"", b"\"<<E\\n4\\nE\\n\""]);
    assert_eq!(
        found,
        [
            "{\"value\": 1}",
            "{\"value\": 2}",
            "{\"value\": [3]}",
            "{\"value\": \"4\\n\"}"
        ]
    );
    let output = console(&["--json"], b"\n\n  \n\"5\"\n\n");
    assert_eq!(text(&output.stdout), "{\"value\": 5}\n");
}

#[test]
fn json_of_any_size() {
    let million = "x".repeat(1_000_000);
    let long = line(&format!("length(\"{million}\")"));
    let list = line(&format!("length([{}])", "1, ".repeat(200_000)));
    let sum = line(&vec!["1"; 100_000].join(" + "));
    let found = answers(&[&long, &list, &sum]);
    assert_eq!(found[0], "{\"value\": 1000000}");
    assert_eq!(found[1], "{\"value\": 200000}");
    assert!(found[2] == "{\"value\": 100000}" || is_error(&found[2]), "{}", found[2]);
    let rubbish = "(".repeat(1_000_000);
    assert!(is_error(&answers(&[rubbish.as_bytes()])[0]));
}

#[test]
fn json_of_any_depth() {
    let brackets = [
        ("(", ")"),
        ("[", "]"),
        ("{a=", "}"),
        ("\"${", "}\""),
        ("upper(", ")"),
        ("!", ""),
        ("-", ""),
    ];
    let mut deep = Vec::new();
    let mut broken = Vec::new();
    for (open, close) in brackets {
        for depth in [150, 1_000, 100_000] {
            deep.push(line(&format!("{}1{}", open.repeat(depth), close.repeat(depth))));
        }
        broken.push(line(&open.repeat(100_000)));
    }
    let list = "[".repeat(100_000);
    broken.push(line(&format!("jsondecode({list:?})")));
    let whole = format!("{list}{}", "]".repeat(100_000));
    deep.push(line(&format!("length(jsondecode({whole:?}))")));
    deep.push(line(&format!("length(yamldecode({whole:?}))")));
    let lines = |of: &[Vec<u8>]| -> Vec<String> { answers(&of.iter().map(Vec::as_slice).collect::<Vec<_>>()) };
    for (line, answer) in deep.iter().zip(lines(&deep)) {
        // A deep value may be more than a reader of JSON takes.
        let fits = answer.starts_with("{\"value\": ") && answer.ends_with('}');
        assert!(fits || is_error(&answer), "{}: {answer}", &text(line)[..20]);
    }
    for (line, answer) in broken.iter().zip(lines(&broken)) {
        assert!(is_error(&answer), "{}: {answer}", &text(line)[..20]);
    }
}

#[test]
fn json_of_what_has_no_json_form() {
    for expression in [
        "1 / 0",
        "sensitive(1)",
        "[1, sensitive(2)]",
        "exit",
        "quit",
        "each.key",
        "self",
        "count.index",
    ] {
        let found = answers(&[&line(expression)]);
        assert!(is_error(&found[0]), "{expression}: {}", found[0]);
    }
}

#[test]
fn expressions_over_several_lines() {
    let input = "# a comment\n1 + 1\n\n{\n  a = [\n    \"}\",\n  ]\n}\nupper(<<EOT\nhello (\nEOT\n)\n\"${\n3}\"\n";
    let output = console(&[], input.as_bytes());
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "2\n{\n  a = [\n    \"}\",\n  ]\n}\n\"HELLO (\\n\"\n3\n"
    );
}

#[test]
fn errors_are_told_and_the_rest_is_evaluated() {
    let output = console(&[], b"1 +\n\"two\"\n)\n\xff\n3\n[\n4,\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "\"two\"\n3\n");
    let errors = text(&output.stderr);
    assert_eq!(errors.matches("<console>").count(), 4, "{errors}");
    assert!(errors.contains("`[` is not closed"), "{errors}");
}

#[test]
fn a_word_that_leaves() {
    let output = console(&[], b"1\nexit\n2\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "1\n");
    // Within an expression it is a name.
    let output = console(&[], b"[for exit in [1] :\nexit\n]\n");
    assert_eq!(text(&output.stdout), "[\n  1,\n]\n");
}
