//! The formatter, by case files: `name.in.infra` becomes `name.out.infra`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the cases are files"
)]

use std::fs;
use std::path::Path;

use infra_syntax::format::{diff, format};

#[test]
fn case_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/format");
    let mut seen = 0;
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("folder of cases")
        .map(|e| e.expect("entry").path())
        .collect();
    entries.sort();
    for input in entries {
        let name = input.to_string_lossy().into_owned();
        let Some(base) = name.strip_suffix(".in.infra") else {
            continue;
        };
        let expect = fs::read_to_string(format!("{base}.out.infra")).expect("expected output");
        check(&fs::read_to_string(&input).expect("input"), &expect, base);
        seen += 1;
    }
    assert!(seen > 5);
}

#[track_caller]
fn check(input: &str, expect: &str, name: &str) {
    let output = match format(input) {
        Ok(output) => output,
        Err(d) => panic!("{name}: {}", d.0[0].message),
    };
    assert!(output == expect, "{}", diff(expect, &output, name));
    let again = format(&output).expect("formatted text parses");
    assert!(again == output, "{}", diff(&output, &again, name));
}

#[test]
fn line_ends_are_kept() {
    check("a=1\r\nbb=2\r\n", "a  = 1\r\nbb = 2\r\n", "crlf");
    check("a=1", "a = 1\n", "none");
    check("a=1\n\n\n", "a = 1\n", "many");
    check("", "", "empty");
    check("\n\n", "", "blank");
    check("\u{feff}a=1\n", "a = 1\n", "byte order mark");
}

#[test]
fn broken_files_are_left_alone() {
    assert!(format("a = \n").is_err());
    assert!(format("a {\n").is_err());
    assert!(format("a = 1\na = 2\n").is_err());
}

#[test]
fn diffs_are_unified() {
    let expect = "--- a/main.infra\n+++ b/main.infra\n@@ -1,2 +1,2 @@\n-a=1\n+a = 1\n b = 2\n";
    assert_eq!(diff("a=1\nb = 2\n", "a = 1\nb = 2\n", "main.infra"), expect);
    assert_eq!(diff("a\n", "a\n", "main.infra"), "");
}
