//! The configuration graph: what must be known before what.
//!
//! One node per declaration of each module (not per instance), so its size is
//! that of the configuration. petgraph stays inside: callers get the nodes in
//! dependency order, or the shortest cycle.

mod builder;
pub use builder::provider_of;
pub mod cycle;
pub mod render;

use infra_syntax::Span;
use infra_types::Str;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::config::{Config, ModuleId, ProviderKey, ResourceKey};

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    fn index(self) -> NodeIndex {
        NodeIndex::new(self.0 as usize)
    }

    /// Returns the position in arrays that are indexed by node.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

impl From<NodeIndex> for NodeId {
    fn from(i: NodeIndex) -> Self {
        NodeId(i.index() as u32)
    }
}

/// One declaration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// How many instances the module has (its `count` or `for_each`).
    Module(ModuleId),
    /// Everything in the module, for those who wait for all of it.
    ModuleEnd(ModuleId),
    /// A variable of a module.
    Variable(ModuleId, Str),
    /// A local value.
    Local(ModuleId, Str),
    /// An output.
    Output(ModuleId, Str),
    /// A resource or data source.
    Resource(ModuleId, ResourceKey),
    /// A provider configuration.
    Provider(ModuleId, ProviderKey),
    /// A check.
    Check(ModuleId, Str),
}

impl Node {
    /// Returns the module it stands in.
    pub fn module(&self) -> ModuleId {
        match self {
            Node::Module(m)
            | Node::ModuleEnd(m)
            | Node::Variable(m, _)
            | Node::Local(m, _)
            | Node::Output(m, _)
            | Node::Resource(m, _)
            | Node::Provider(m, _)
            | Node::Check(m, _) => *m,
        }
    }

    /// Returns its name as users write it, with the module in front.
    pub fn label(&self, config: &Config) -> String {
        let path = &config.module(self.module()).path;
        let prefix = if path.is_root() {
            String::new()
        } else {
            format!("{path}.")
        };
        match self {
            Node::Module(_) => path.to_string(),
            Node::ModuleEnd(_) => format!("{path} (all)"),
            Node::Variable(_, name) => format!("{prefix}var.{name}"),
            Node::Local(_, name) => format!("{prefix}local.{name}"),
            Node::Output(_, name) => format!("{prefix}output.{name}"),
            Node::Resource(_, key) => format!("{prefix}{key}"),
            Node::Provider(_, key) => format!("{prefix}provider.{key}"),
            Node::Check(_, name) => format!("{prefix}check.{name}"),
        }
    }
}

/// The configuration graph, free of cycles.
#[derive(Debug)]
pub struct ConfigGraph {
    graph: DiGraph<Node, Option<Span>>,
    order: Vec<NodeId>,
}

impl ConfigGraph {
    /// Builds the graph of a configuration; fails with an explained cycle for each knot.
    pub fn build(config: &Config) -> Result<ConfigGraph, infra_syntax::Diagnostics> {
        let graph = builder::build(config);
        // Edges point from the dependent to what it depends on, so the
        // topological order has dependents first.
        match petgraph::algo::toposort(&graph, None) {
            Ok(mut order) => {
                order.reverse();
                Ok(ConfigGraph {
                    order: order.into_iter().map(NodeId::from).collect(),
                    graph,
                })
            }
            Err(_) => Err(cycle::explain(config, &graph)),
        }
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Says whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.graph[id.index()]
    }

    /// Returns the nodes, each after all that it depends on.
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// Returns what a node depends on directly, with the place that says so.
    pub fn dependencies(&self, id: NodeId) -> impl Iterator<Item = (NodeId, Option<Span>)> + '_ {
        self.graph.edges(id.index()).map(|e| (e.target().into(), *e.weight()))
    }
}
