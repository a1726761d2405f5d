//! Wrong configurations, and what users read about them.
//!
//! [`cases`] renders what is found in whole folders, [`coverage`] says which errors have no such case,
//! [`once`] looks at errors of several files at a time, and [`explanations`] tries the examples of
//! `infra explain-error`.

#![allow(clippy::disallowed_methods)] // Cases are read from files.

mod cases;
mod coverage;
mod explanations;
mod once;

use std::path::Path;
use std::sync::Arc;

use infra_engine::config::variables::{Argument, collect_in_order};
use infra_engine::eval::NoHost;
use infra_engine::eval::static_eval::state_location;
use infra_engine::project::{Project, Rejected};
use infra_providers::Registry;
use infra_syntax::{Diagnostics, Sources};
use infra_testutils::{MemoryLoader, SchemaProvider};

/// Providers whose schemas look like those of real ones.
fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(Arc::new(SchemaProvider::new()));
    for provider in infra_provider_core::providers() {
        registry.add(provider);
    }
    registry
}

/// Values for variables, as a command gets them.
#[derive(Default)]
struct Given {
    environment: Vec<(String, String)>,
    arguments: Vec<Argument>,
}

impl Given {
    /// Reads lines `var NAME=VALUE`, `file PATH`, `env NAME=VALUE`.
    fn parse(text: &str) -> Given {
        let mut given = Given::default();
        for line in text.lines() {
            match line.split_once(' ').expect("a word, then the rest") {
                ("var", rest) => given.arguments.push(Argument::Value(rest.to_owned())),
                ("file", rest) => given.arguments.push(Argument::File(rest.to_owned())),
                ("env", rest) => {
                    let (name, value) = rest.split_once('=').expect("a name and a value");
                    given.environment.push((name.to_owned(), value.to_owned()));
                }
                (other, _) => panic!("{other}?"),
            }
        }
        given
    }
}

/// Returns everything found in a configuration; with its variables if there are values for them.
fn findings(loader: &MemoryLoader, root: &str, given: Option<&Given>) -> (Diagnostics, Arc<Sources>) {
    let project = match Project::load(loader, root, &registry(), &NoHost) {
        Ok(project) => project,
        Err(Rejected { diagnostics, sources }) => return (diagnostics, sources),
    };
    let Some(given) = given else {
        return (project.warnings, Arc::clone(&project.config.sources));
    };
    let (values, sources, mut diagnostics) =
        collect_in_order(loader, &project.config, root, &given.environment, &given.arguments).resolve(&project.config);
    if let Err(found) = state_location(&project.config, &registry(), &NoHost, &values) {
        diagnostics.extend(found);
    }
    (diagnostics, sources)
}

/// Returns the folder of this package.
fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
