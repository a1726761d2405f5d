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
        diagnostics = config::validate::merge(diagnostics, config::validate::validate(&config, registry));
        let graph = match ConfigGraph::build(&config) {
            Ok(graph) => Some(graph),
            Err(cycles) => {
                diagnostics.extend(cycles);
                None
            }
        };
        if let Some(graph) = &graph
            && !diagnostics.has_errors()
        {
            diagnostics.extend(crate::check::check(&config, graph, registry, host));
        }
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
