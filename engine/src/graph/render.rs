//! The graph as text: DOT and Mermaid.

use std::fmt::Write;

use super::{ConfigGraph, Node, NodeId};
use crate::config::Config;

/// The edges among resources, data sources, outputs and root variables, with
/// everything in between (locals, module variables and outputs) taken out.
struct Simplified {
    nodes: Vec<NodeId>,
    edges: Vec<(NodeId, NodeId)>,
}

fn shown(node: &Node) -> bool {
    match node {
        Node::Resource(..) => true,
        Node::Output(m, _) | Node::Variable(m, _) => m.0 == 0,
        _ => false,
    }
}

/// Walks from each shown node to the nearest shown ones.
fn simplify(graph: &ConfigGraph) -> Simplified {
    let nodes: Vec<NodeId> = graph
        .order()
        .iter()
        .copied()
        .filter(|id| shown(graph.node(*id)))
        .collect();
    let mut edges = Vec::new();
    let mut seen = vec![u32::MAX; graph.len()];
    for from in &nodes {
        let mut stack: Vec<NodeId> = graph.dependencies(*from).map(|(to, _)| to).collect();
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut seen[at.at()], from.0) == from.0 {
                continue;
            }
            if shown(graph.node(at)) {
                edges.push((*from, at));
            } else {
                stack.extend(graph.dependencies(at).map(|(to, _)| to));
            }
        }
    }
    edges.sort();
    Simplified { nodes, edges }
}

/// Renders for Graphviz; an arrow points to what is depended on.
pub fn dot(config: &Config, graph: &ConfigGraph) -> String {
    let simple = simplify(graph);
    let mut out =
        String::from("digraph infra {\n  rankdir = \"RL\"\n  node [shape = box, fontname = \"sans-serif\"]\n");
    for id in &simple.nodes {
        let label = graph.node(*id).label(config);
        let shape = match graph.node(*id) {
            Node::Resource(_, key) if key.mode == infra_types::Mode::Data => ", style = dashed",
            Node::Resource(..) => "",
            _ => ", shape = ellipse",
        };
        let _ = writeln!(
            out,
            "  n{} [label = {}{shape}]",
            id.0,
            infra_types::address::quote(&label)
        );
    }
    for (from, to) in &simple.edges {
        let _ = writeln!(out, "  n{} -> n{}", from.0, to.0);
    }
    out.push_str("}\n");
    out
}

/// Renders as a Mermaid flowchart, which GitHub shows as a picture.
pub fn mermaid(config: &Config, graph: &ConfigGraph) -> String {
    let simple = simplify(graph);
    let mut out = String::from("flowchart RL\n");
    for id in &simple.nodes {
        let label = graph.node(*id).label(config).replace('"', "#quot;");
        let _ = match graph.node(*id) {
            Node::Resource(..) => writeln!(out, "  n{}[\"{label}\"]", id.0),
            _ => writeln!(out, "  n{}([\"{label}\"])", id.0),
        };
    }
    for (from, to) in &simple.edges {
        let _ = writeln!(out, "  n{} --> n{}", from.0, to.0);
    }
    out
}
