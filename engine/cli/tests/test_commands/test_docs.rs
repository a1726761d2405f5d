//! The examples in `docs/language.md` are right and formatted.
//!
//! The blocks marked `hcl` under one heading are one configuration; with
//! `file=PATH` a block is that file of it. A `fragment` stands for itself.

use std::fs;
use std::path::Path;

use crate::support::Folder;

/// A block of the page.
struct Example {
    heading: String,
    /// What follows `hcl` in its first line.
    mark: String,
    text: String,
}

fn examples(page: &str) -> Vec<Example> {
    let mut heading = String::new();
    let mut found: Vec<Example> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(rest) => {
                open = true;
                let mark = rest.strip_prefix("hcl").unwrap_or("other").trim().to_owned();
                found.push(Example {
                    heading: heading.clone(),
                    mark,
                    text: String::new(),
                });
            }
            None if open => {
                let example = found.last_mut().expect("it was opened");
                example.text.push_str(line);
                example.text.push('\n');
            }
            None if line.starts_with('#') => line.clone_into(&mut heading),
            None => {}
        }
    }
    assert!(!open, "the last block has no end");
    found.retain(|e| e.mark != "other");
    found
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    fs::read_to_string(path).expect("the page can be read")
}

#[test]
fn examples_are_valid_and_formatted() {
    let examples = examples(&page());
    assert!(examples.len() > 15, "{}", examples.len());
    let mut headings: Vec<&str> = examples.iter().map(|e| &*e.heading).collect();
    headings.dedup();
    for heading in headings {
        let folder = Folder::empty();
        let mut is_configuration = false;
        for (i, example) in examples.iter().filter(|e| e.heading == heading).enumerate() {
            let text = &example.text;
            if example.mark == "fragment" {
                let done = folder.command("fmt --check -").stdin(text).run();
                assert_eq!(done.code, 0, "{heading}\n{text}\n{}", done.transcript());
                continue;
            }
            is_configuration = true;
            match example.mark.strip_prefix("file=") {
                Some(path) => folder.write(path, text),
                None => folder.write(&format!("example-{i}.infra"), text),
            }
        }
        if is_configuration {
            let done = folder.infra("validate");
            assert_eq!(done.code, 0, "{heading}\n{}", done.transcript());
            assert!(done.stderr.is_empty(), "{heading}\n{}", done.transcript());
            let done = folder.infra("fmt --check --diff");
            assert_eq!(done.code, 0, "{heading}\n{}", done.transcript());
        }
    }
}

#[test]
fn every_addition_has_an_example() {
    let text: String = examples(&page()).into_iter().map(|e| e.text).collect();
    for addition in [
        "state local {",
        "type port = number where",
        "= enum(",
        "secret(string)",
        "function short_name(",
        "enabled =",
        "for_each = [",
        "protect ",
        "ephemeral = true",
        "validation {",
        "precondition {",
        "postcondition {",
        "dynamic ingress {",
        "iterator = ",
        "moved {",
        "removed {",
        "import {",
        "check zones {",
        "ignore_changes ",
        "depends_on ",
        "nullable = false",
    ] {
        assert!(text.contains(addition), "there is no example of `{addition}`");
    }
}
