//! A configuration that was read and checked, ready to plan.

use std::sync::Arc;

use infra_providers::Registry;
use infra_syntax::{Diagnostics, Sources};

use crate::config::{self, Config, SourceLoader};
use crate::eval::Host;
use crate::graph::ConfigGraph;

/// A checked configuration.
#[derive(Debug)]
pub struct Project {
    /// The configuration.
    pub config: Config,
    /// Its graph.
    pub graph: ConfigGraph,
    /// Warnings.
    pub warnings: Diagnostics,
}

/// A configuration that has errors.
#[derive(Debug)]
pub struct Rejected {
    /// All errors and warnings found.
    pub diagnostics: Diagnostics,
    /// The texts they point into.
    pub sources: Arc<Sources>,
}

impl Project {
    /// Reads and checks the configuration in a folder: syntax, names, types,
    /// schemas and cycles, all errors at once. No access to any provider; the host
    /// serves functions that read files.
    pub fn load(
        loader: &dyn SourceLoader,
        root: &str,
        registry: &Registry,
        host: &dyn Host,
    ) -> Result<Project, Rejected> {
        let (config, sources, mut diagnostics) = config::load(loader, root, registry);
        let Some(config) = config else {
            return Err(Rejected { diagnostics, sources });
        };
        // Neither side needs what the other finds.
        let (invalid, evaluated) = std::thread::scope(|scope| {
            let invalid = scope.spawn(|| config::validate::validate(&config, registry));
            let evaluated = ConfigGraph::build(&config).map(|graph| {
                let found = crate::check::check(&config, &graph, registry, host);
                (graph, found)
            });
            (invalid.join(), evaluated)
        });
        let invalid = invalid.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        diagnostics = config::validate::merge(diagnostics, invalid);
        let graph = match evaluated {
            Ok((graph, found)) => {
                diagnostics = match diagnostics.has_errors() {
                    true => {
                        let new = crate::check::without_consequences(&diagnostics, found);
                        config::validate::merge(diagnostics, new)
                    }
                    false => {
                        diagnostics.extend(found);
                        diagnostics
                    }
                };
                Some(graph)
            }
            Err(cycles) => {
                diagnostics.extend(cycles);
                None
            }
        };
        diagnostics.sort();
        match graph {
            Some(graph) if !diagnostics.has_errors() => Ok(Project {
                config,
                graph,
                warnings: diagnostics,
            }),
            _ => Err(Rejected { diagnostics, sources }),
        }
    }
}
