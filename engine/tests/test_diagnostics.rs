//! Wrong configurations, and what users read about them.
//!
//! Each folder of `cases/diagnostics` is a configuration; its snapshot in
//! `snapshots/diagnostics` holds all diagnostics as a terminal shows them. A file `arguments` gives values
//! for variables: lines `var NAME=VALUE`, `file PATH`, `env NAME=VALUE`.

#![allow(clippy::disallowed_methods)] // Cases are read from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_engine::config::variables::{Argument, collect_in_order};
use infra_engine::project::{Project, Rejected};
use infra_providers::Registry;
use infra_syntax::{Diagnostics, Report, Sources};
use infra_testutils::{MemoryLoader, SchemaProvider};
use miette::{GraphicalReportHandler, GraphicalTheme};

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(Arc::new(SchemaProvider::new()));
    for provider in infra_provider_core::providers() {
        registry.add(provider);
    }
    registry
}

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
fn findings(case: &Path) -> (Diagnostics, Arc<Sources>) {
    let mut loader = MemoryLoader::new();
    files(case, case, &mut loader);
    let root = if case.join("root").is_dir() { "root" } else { "." };
    let project = match Project::load(&loader, root, &registry(), &infra_engine::eval::NoHost) {
        Ok(project) => project,
        Err(Rejected { diagnostics, sources }) => return (diagnostics, sources),
    };
    let Ok(given) = std::fs::read_to_string(case.join("arguments")) else {
        return (project.warnings, Arc::clone(&project.config.sources));
    };
    let mut environment = Vec::new();
    let mut arguments = Vec::new();
    for line in given.lines() {
        match line.split_once(' ').expect("a word, then the rest") {
            ("var", rest) => arguments.push(Argument::Value(rest.to_owned())),
            ("file", rest) => arguments.push(Argument::File(rest.to_owned())),
            ("env", rest) => {
                let (name, value) = rest.split_once('=').expect("a name and a value");
                environment.push((name.to_owned(), value.to_owned()));
            }
            (other, _) => panic!("{other}?"),
        }
    }
    let (_, sources, diagnostics) =
        collect_in_order(&loader, &project.config, root, &environment, &arguments).resolve(&project.config);
    (diagnostics, sources)
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

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/diagnostics");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
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
        let (diagnostics, sources) = findings(&case);
        for d in diagnostics.iter() {
            assert!(d.code.starts_with("infra::"), "{}", d.code);
        }
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/diagnostics");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, render(diagnostics, &sources)));
    }
}
