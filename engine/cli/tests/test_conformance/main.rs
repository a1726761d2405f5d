//! Small configurations must do what was recorded with Terraform, run with the
//! `infra` command and options in Terraform's spelling.
//!
//! The cases are those of `engine/tests/conformance`; what is compared is what
//! the command's outputs tell: exit codes, saved plans and states as JSON,
//! outputs, addresses and the lines of an apply. A case agrees if all of its
//! steps give what was recorded. `exceptions.txt` there names those that differ
//! on purpose; `expected-cases` here holds the number of cases that must agree
//! or be named. With `INFRA_CONFORMANCE=FILTER` set, each failure whose id or
//! features contain the filter is printed.

mod case;
mod command;
mod compare;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use case::Case;
use command::Bench;

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance")
}

/// Runs a case; says what differs.
fn run(case: &Case) -> Vec<String> {
    let bench = Bench::new();
    let mut differences = Vec::new();
    for (i, step) in case.steps.iter().enumerate() {
        let ran = bench.step(&case.folder, step);
        let found = compare::step(&step.expect, &ran, step.applies());
        differences.extend(found.into_iter().map(|text| format!("step {}: {text}", i + 1)));
    }
    differences
}

/// Runs all cases, as many at once as there are processors; returns what differs for each.
fn run_all(cases: &[Case]) -> Vec<(usize, Vec<String>)> {
    let next = Mutex::new(0..cases.len());
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(i) = next.lock().expect("nobody panicked").next() else {
                        return;
                    };
                    let result = std::panic::catch_unwind(|| run(&cases[i]));
                    let found = result.unwrap_or_else(|_| vec!["panicked".into()]);
                    results.lock().expect("nobody panicked").push((i, found));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("nobody panicked");
    results.sort();
    results
}

#[test]
fn cases_agree_with_terraform() {
    let shown = std::env::var("INFRA_CONFORMANCE").ok();
    let expected = include_str!("expected-cases")
        .trim()
        .parse::<usize>()
        .expect("a number");
    let exceptions = case::read_text(&conformance().join("exceptions.txt"));
    let exceptions: BTreeSet<&str> = exceptions
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    let cases = case::read_all(&conformance().join("cases"));
    assert!(!cases.is_empty(), "there are cases");
    let mut differ = Vec::new();
    for (i, differences) in run_all(&cases) {
        let case = &cases[i];
        if differences.is_empty() || exceptions.contains(&*case.id) {
            continue;
        }
        let selected = |f: &String| case.id.contains(f) || case.features.contains(f);
        if shown.as_ref().is_some_and(selected) {
            println!("{} {:?}", case.id, case.features);
            differences.iter().for_each(|d| println!("    {d}"));
        }
        differ.push(&*case.id);
    }
    let agreed = cases.len() - differ.len();
    println!("{agreed} of {} agree; these differ: {differ:?}", cases.len());
    assert!(
        agreed >= expected,
        "{agreed} agree, but {expected} did before: {differ:?}"
    );
    assert!(agreed == expected, "{agreed} agree now: write that into expected-cases");
}
