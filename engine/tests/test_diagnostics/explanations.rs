//! The examples of `infra explain-error`: a block ```` ```infra,fails ```` gives the error that it explains,
//! a block ```` ```infra ```` gives none, and a block ```` ```infra,later ```` is fine until it is planned.
//!
//! A line `# file: NAME` begins another file of an example.

use std::path::PathBuf;

use infra_testutils::MemoryLoader;

use crate::{Given, findings, package};

/// What is expected of an example.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Fails,
    Later,
    Loads,
}

struct Example {
    code: String,
    expected: Expected,
    text: String,
}

/// Returns the explanations of a stage: the codes, and the files.
fn explanations(stage: &str) -> Vec<(String, PathBuf)> {
    let folder = package().join("cli/src/explanations").join(stage);
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .expect("there are explanations")
        .map(|entry| entry.expect("the entry can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .map(|path| {
            let name = path.file_stem().and_then(|n| n.to_str()).expect("a name").to_owned();
            (format!("infra::{stage}::{name}"), path)
        })
        .collect();
    found.sort();
    found
}

/// Returns the examples in an explanation.
fn examples(code: &str, text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        let expected = match tag {
            "infra" => Expected::Loads,
            "infra,fails" => Expected::Fails,
            "infra,later" => Expected::Later,
            _ => continue,
        };
        found.push(Example {
            code: code.to_owned(),
            expected,
            text: body.join("\n") + "\n",
        });
    }
    found
}

/// Returns the files of an example.
fn files(text: &str) -> MemoryLoader {
    let mut loader = MemoryLoader::new();
    let mut name = "main.infra";
    let mut content = String::new();
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("# file: ") {
            if !content.is_empty() {
                loader.add(name, std::mem::take(&mut content));
            }
            name = next;
        } else {
            content.push_str(line);
            content.push('\n');
        }
    }
    loader.add(name, content);
    loader
}

fn check(example: &Example) -> Result<(), String> {
    let Example { code, expected, text } = example;
    let needs_values = code.starts_with("infra::variables::") || code.starts_with("infra::config::state_");
    let given = needs_values.then(Given::default);
    let (found, _) = findings(&files(text), ".", given.as_ref());
    let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
    let fine = match expected {
        Expected::Fails => codes.contains(&code.as_str()),
        Expected::Later | Expected::Loads => !found.has_errors() && !codes.contains(&code.as_str()),
    };
    match fine {
        true => Ok(()),
        false => Err(format!("{code}, {expected:?}: found {found:#?} in\n{text}")),
    }
}

#[test]
fn examples_are_as_they_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for stage in ["syntax", "config", "eval", "variables", "plan"] {
        for (code, path) in explanations(stage) {
            let text = std::fs::read_to_string(path).expect("the file can be read");
            for example in examples(&code, &text) {
                count += 1;
                wrong.extend(check(&example).err());
            }
        }
    }
    assert!(count > 200, "the examples are not read: {count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn most_errors_of_the_language_have_examples() {
    // An error that only the console gives, or that needs a huge file, has none.
    for (stage, all_but) in [("syntax", 6), ("config", 8), ("eval", 16)] {
        let without: Vec<String> = explanations(stage)
            .into_iter()
            .filter(|(code, path)| {
                let text = std::fs::read_to_string(path).expect("the file can be read");
                let found = examples(code, &text);
                !found.iter().any(|e| e.expected != Expected::Loads)
                    || !found.iter().any(|e| e.expected == Expected::Loads)
            })
            .map(|(code, _)| code)
            .collect();
        assert!(
            without.len() <= all_but,
            "without a wrong and a right example: {without:?}"
        );
    }
}
