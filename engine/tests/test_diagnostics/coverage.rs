//! Every code that loading a configuration can give appears in a case.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cases::{cases, findings_of};
use crate::package;

/// Codes without a case, and why.
const WITHOUT_CASE: &[(&str, &str)] = &[
    ("infra::config::too_deep", "needs 64 folders within each other"),
    ("infra::config::too_many_modules", "needs 100,000 module calls"),
    ("infra::config::unreadable_file", "needs a file system that refuses"),
    (
        "infra::eval::count_outside",
        "found earlier, as `infra::config::count_outside`",
    ),
    (
        "infra::eval::each_outside",
        "found earlier, as `infra::config::each_outside`",
    ),
    (
        "infra::eval::impure_function",
        "found earlier, as `infra::config::impure_function`",
    ),
    (
        "infra::eval::incomplete_reference",
        "found earlier, as `infra::config::incomplete_reference`",
    ),
    (
        "infra::eval::recursive_function",
        "found earlier, as `infra::config::recursive_function`",
    ),
    (
        "infra::eval::reference_in_values",
        "part of the message of `decode_tfvars`",
    ),
    (
        "infra::eval::self_outside",
        "found earlier, as `infra::config::self_outside`",
    ),
    (
        "infra::eval::too_deep",
        "the parser allows no expression that is so deep",
    ),
    (
        "infra::eval::too_large",
        "needs gigabytes; see the tests of `eval::budget`",
    ),
    (
        "infra::eval::too_many_steps",
        "needs minutes; see the tests of `eval::budget`",
    ),
    (
        "infra::eval::undeclared",
        "found earlier, as `infra::config::undeclared`",
    ),
    (
        "infra::eval::unknown_flag",
        "only while planning: there are no unknown values before",
    ),
    (
        "infra::eval::unknown_function",
        "found earlier, as `infra::config::unknown_function`",
    ),
    (
        "infra::eval::unknown_name",
        "found earlier, as `infra::config::unknown_attribute`",
    ),
    (
        "infra::eval::unknown_repetition",
        "only while planning: there are no unknown values before",
    ),
    (
        "infra::eval::unknown_template_variable",
        "part of the message of `templatestring`",
    ),
    (
        "infra::eval::value_too_deep",
        "needs very deep values; see the tests of `eval::budget`",
    ),
    ("infra::syntax::file_too_large", "needs 4 GiB"),
    (
        "infra::syntax::format_unsound",
        "a fault of the formatter, which has none that is known",
    ),
    (
        "infra::syntax::too_many_errors",
        "has a hundred others before it; see the tests of the parser",
    ),
];

/// Returns the codes of these stages that the sources name, without tests.
fn codes_in_sources(stages: &[&str]) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for folder in ["src", "syntax/src"] {
        collect(&package().join(folder), stages, &mut codes);
    }
    codes
}

fn collect(folder: &Path, stages: &[&str], codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, stages, codes);
        } else if name.ends_with(".rs") && !name.contains("tests") {
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for (at, _) in code.match_indices("\"infra::") {
                let literal = code[at + 1..].split('"').next().unwrap_or_default();
                let stage = literal.split("::").nth(1).unwrap_or_default();
                if stages.contains(&stage) {
                    codes.insert(literal.to_owned());
                }
            }
        }
    }
}

#[test]
fn every_error_of_the_language_has_a_case() {
    let mut missing = codes_in_sources(&["syntax", "config", "eval", "variables"]);
    assert!(missing.len() > 130, "the sources are not read: {}", missing.len());
    let mut seen = BTreeSet::new();
    for case in cases() {
        seen.extend(findings_of(&case).0.iter().map(|d| d.code.to_owned()));
    }
    missing.retain(|code| !seen.contains(code));
    let excused: BTreeSet<String> = WITHOUT_CASE.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(
        missing, excused,
        "left: codes without a case; right: codes that may lack one"
    );
}
