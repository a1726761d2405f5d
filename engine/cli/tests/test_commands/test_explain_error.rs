//! `infra explain-error`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Folder, check};

#[test]
fn one_code_is_explained() {
    check(
        "explain_error_unknown_argument",
        &Folder::empty()
            .infra("explain-error infra::config::unknown_argument")
            .succeeds()
            .transcript(),
    );
}

#[test]
fn the_last_part_is_enough() {
    let folder = Folder::empty();
    let whole = folder.ok("explain-error infra::state::locked");
    assert_eq!(folder.ok("explain-error locked"), whole);
    assert_eq!(folder.ok("explain-error state::locked"), whole);
}

#[test]
fn unknown_and_ambiguous_codes_are_errors() {
    let folder = Folder::empty();
    let mut seen = String::new();
    for code in ["infra::config::unknown_argumnt", "undeclard", "undeclared", "E0308"] {
        seen.push_str(&folder.infra(&format!("explain-error {code}")).exits(1).transcript());
    }
    check("explain_error_unknown", &seen);
}

/// Adds the codes that the sources below a folder name, without their tests.
fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "tests" | "target" | "fuzz" | "testutils" | "benches" | "examples") {
                collect(&path, codes);
            }
        } else if name.ends_with(".rs") && !name.contains("tests") {
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for (at, _) in code.match_indices("\"infra::") {
                let literal = code[at + 1..].split('"').next().unwrap_or_default();
                let parts: Vec<&str> = literal.split("::").collect();
                if parts.len() == 3 && parts.iter().all(|p| !p.is_empty()) {
                    codes.insert(literal.to_owned());
                }
            }
        }
    }
}

#[test]
fn every_code_has_its_explanation() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut codes = BTreeSet::new();
    for folder in ["engine", "providers", "state"] {
        collect(&root.join(folder), &mut codes);
    }
    assert!(codes.len() > 200, "the sources are not read: {}", codes.len());
    let listed = Folder::empty().ok("explain-error");
    let explained: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = codes.difference(&explained).collect();
    let left_over: Vec<_> = explained.difference(&codes).collect();
    assert!(
        missing.is_empty() && left_over.is_empty(),
        "without a file in engine/cli/src/explanations, and a line in its index: {missing:#?}\nexplained, but in no source: {left_over:#?}"
    );
}

#[test]
fn the_list_is_sorted_and_has_titles() {
    let listed = Folder::empty().ok("explain-error");
    let codes: Vec<&str> = listed.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(codes.is_sorted());
    for line in listed.lines() {
        let (_, title) = line.split_once("  ").expect("a code, then a title");
        assert!(title.trim().len() > 10, "{line}");
    }
}

#[test]
fn files_and_index_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/explanations");
    let listed = Folder::empty().ok("explain-error");
    for stage in std::fs::read_dir(folder).expect("there are explanations") {
        let stage = stage.expect("the entry can be read").path();
        for file in std::fs::read_dir(&stage).expect("there are explanations") {
            let file = file.expect("the entry can be read").path();
            let part = |path: &Path| path.file_stem().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            let code = format!("infra::{}::{} ", part(&stage), part(&file));
            assert!(listed.contains(&code), "{code}is not in the index");
        }
    }
}
