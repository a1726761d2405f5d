//! Each folder of `cases/diagnostics` is a configuration; its snapshot in
//! `snapshots/diagnostics` holds all diagnostics as a terminal shows them. A file `arguments` gives
//! values for variables. Where there is a folder `root`, it is the root module.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_syntax::{Diagnostics, Report, Sources};
use infra_testutils::MemoryLoader;
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::{Given, findings, package};

/// Reads all files below a folder.
fn files(root: &Path, dir: &Path, loader: &mut MemoryLoader) {
    for entry in std::fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files(root, &path, loader);
        } else {
            let name = path
                .strip_prefix(root)
                .expect("it is below")
                .to_string_lossy()
                .into_owned();
            loader.add(&name, std::fs::read(&path).expect("the file can be read"));
        }
    }
}

/// Returns everything found in a case.
pub(crate) fn findings_of(case: &Path) -> (Diagnostics, Arc<Sources>) {
    let mut loader = MemoryLoader::new();
    files(case, case, &mut loader);
    let root = if case.join("root").is_dir() { "root" } else { "." };
    let given = std::fs::read_to_string(case.join("arguments")).ok();
    let given = given.map(|text| Given::parse(&text));
    findings(&loader, root, given.as_ref())
}

/// Renders findings as a terminal of 100 columns without colours shows them.
fn render(diagnostics: Diagnostics, sources: &Arc<Sources>) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let report = Report::new(diagnostic, Arc::clone(sources));
        handler.render_report(&mut out, &report).expect("it can be rendered");
        out.push('\n');
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Returns the folders of the cases.
pub(crate) fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(package().join("tests/cases/diagnostics"))
        .expect("there are cases")
        .map(|entry| entry.expect("the entry can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_mistake_is_explained() {
    for case in cases() {
        let (diagnostics, sources) = findings_of(&case);
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(!diagnostics.is_empty(), "{name}: nothing is wrong");
        for d in diagnostics.iter() {
            assert!(d.code.starts_with("infra::"), "{}", d.code);
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../snapshots/diagnostics");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, render(diagnostics, &sources)));
    }
}

#[test]
fn no_snapshot_is_left_over() {
    let names: Vec<String> = cases()
        .iter()
        .filter_map(|c| Some(c.file_name()?.to_str()?.to_owned()))
        .collect();
    for entry in std::fs::read_dir(package().join("tests/snapshots/diagnostics")).expect("there are snapshots") {
        let path = entry.expect("the entry can be read").path();
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let is_snapshot = path.extension().is_some_and(|e| e == "snap");
        assert!(!is_snapshot || names.iter().any(|n| n == stem), "{stem} has no case");
    }
}
