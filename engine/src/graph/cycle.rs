//! Explains cycles: the shortest one of each knot, with the place of every step.

use std::collections::{HashMap, VecDeque};

use infra_syntax::{Diagnostic, Diagnostics, Span};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Node;
use crate::config::Config;

/// Returns one error for each strongly connected part.
pub(super) fn explain(config: &Config, graph: &DiGraph<Node, Option<Span>>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for part in petgraph::algo::tarjan_scc(graph) {
        let loops = part.len() > 1 || graph.find_edge(part[0], part[0]).is_some();
        if loops {
            let cycle = shortest(graph, &part);
            diagnostics.push(describe(config, graph, &cycle));
        }
    }
    diagnostics.sort();
    diagnostics
}

/// Returns a shortest cycle within a strongly connected part, starting at its
/// smallest node. Searching from every node would be quadratic, so the search
/// starts at no more than 64 nodes.
fn shortest(graph: &DiGraph<Node, Option<Span>>, part: &[NodeIndex]) -> Vec<NodeIndex> {
    let mut nodes = part.to_vec();
    nodes.sort();
    let inside: std::collections::HashSet<NodeIndex> = nodes.iter().copied().collect();
    let mut best: Option<Vec<NodeIndex>> = None;
    for start in nodes.iter().take(64) {
        let mut from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut queue = VecDeque::from([*start]);
        'search: while let Some(at) = queue.pop_front() {
            let mut next: Vec<NodeIndex> = graph
                .edges(at)
                .map(|e| e.target())
                .filter(|t| inside.contains(t))
                .collect();
            next.sort();
            for target in next {
                if target == *start {
                    let mut cycle = vec![at];
                    let mut back = at;
                    while back != *start {
                        back = from[&back];
                        cycle.push(back);
                    }
                    cycle.reverse();
                    if best.as_ref().is_none_or(|b| cycle.len() < b.len()) {
                        best = Some(cycle);
                    }
                    break 'search;
                }
                if target != *start && !from.contains_key(&target) {
                    from.insert(target, at);
                    queue.push_back(target);
                }
            }
        }
    }
    best.unwrap_or(nodes)
}

fn describe(config: &Config, graph: &DiGraph<Node, Option<Span>>, cycle: &[NodeIndex]) -> Diagnostic {
    let label = |i: NodeIndex| graph[i].label(config);
    let mut names: Vec<String> = cycle
        .iter()
        .filter(|i| !matches!(graph[**i], Node::ModuleEnd(_)))
        .map(|i| format!("`{}`", label(*i)))
        .collect();
    let message = if let [name] = names.as_slice() {
        format!("{name} depends on itself")
    } else {
        if let Some(first) = names.first().cloned() {
            names.push(first);
        }
        format!("dependency cycle: {}", names.join(" → "))
    };
    let mut places = cycle.iter().enumerate().filter_map(|(n, from)| {
        let to = cycle[(n + 1) % cycle.len()];
        let span = graph.edges_connecting(*from, to).find_map(|e| *e.weight())?;
        Some((span, format!("`{}` needs `{}`", label(*from), label(to))))
    });
    let mut diagnostic = Diagnostic::error("infra::config::cycle", message)
        .help("remove one of these references, or split one of the objects in two");
    if let Some((span, text)) = places.next() {
        diagnostic = diagnostic.at(span, text);
    }
    for (span, text) in places {
        diagnostic = diagnostic.related(span, text);
    }
    diagnostic
}
