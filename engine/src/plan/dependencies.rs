//! Which managed resources each declaration depends on, through whatever is in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_types::{Mode, ResourcePath};

use crate::config::Config;
use crate::graph::{ConfigGraph, Node};

/// Returns for each node the managed resources that it depends on: directly,
/// or through values, data sources and provider settings.
pub(super) fn resource_dependencies(config: &Config, graph: &ConfigGraph) -> Vec<Arc<[ResourcePath]>> {
    let empty: Arc<[ResourcePath]> = Arc::from([]);
    let mut out: Vec<Arc<[ResourcePath]>> = vec![Arc::clone(&empty); graph.len()];
    for id in graph.order() {
        let mut own: BTreeSet<ResourcePath> = BTreeSet::new();
        let mut through: Vec<&Arc<[ResourcePath]>> = Vec::new();
        for (dependency, _) in graph.dependencies(*id) {
            match graph.node(dependency) {
                Node::Resource(module, key) if key.mode == Mode::Managed => {
                    own.insert(config.module(*module).resources[key].path.clone());
                }
                _ => {
                    let set = &out[dependency.at()];
                    if !set.is_empty() && !through.iter().any(|t| Arc::ptr_eq(t, set)) {
                        through.push(set);
                    }
                }
            }
        }
        let set = match through.as_slice() {
            [] if own.is_empty() => Arc::clone(&empty),
            [one] if own.is_empty() => Arc::clone(one),
            _ => {
                own.extend(through.iter().flat_map(|t| t.iter().cloned()));
                own.into_iter().collect::<Vec<_>>().into()
            }
        };
        out[id.at()] = set;
    }
    out
}
