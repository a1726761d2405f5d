//! Configuration to graph: nodes, and an edge for each mention.

use rustc_hash::{FxHashMap, FxHashSet};

use infra_syntax::Span;
use infra_syntax::ast::Expr;
use infra_types::Str;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Node;
use crate::config::references::{body_references, references};
use crate::config::{
    Condition, Config, Module, ModuleId, ProviderKey, Reference, ReferenceTarget, Repetition, Resource, ResourceKey,
};

struct Builder<'a> {
    config: &'a Config,
    graph: DiGraph<Node, Option<Span>>,
    index: FxHashMap<Node, NodeIndex>,
    edges: FxHashSet<(NodeIndex, NodeIndex)>,
}

/// Builds the graph; edges point from the dependent to what it depends on.
pub(super) fn build(config: &Config) -> DiGraph<Node, Option<Span>> {
    let mut builder = Builder {
        config,
        graph: DiGraph::new(),
        index: FxHashMap::default(),
        edges: FxHashSet::default(),
    };
    for module in &config.modules {
        builder.add_nodes(module);
    }
    for module in &config.modules {
        builder.add_edges(module);
    }
    builder.graph
}

/// Returns the module whose `provider` block serves a resource, and the block's key there.
///
/// A module without a block of its own inherits its caller's, under the name
/// that the call's `providers` argument gives it. Without any block the
/// default configuration of the root module serves.
pub fn provider_of(config: &Config, module: ModuleId, key: &ProviderKey) -> (ModuleId, ProviderKey) {
    let mut at = config.module(module);
    let mut key = key.clone();
    loop {
        if at.providers.contains_key(&key) {
            return (at.id, key);
        }
        let Some(parent) = at.parent.map(|p| config.module(p)) else {
            return (at.id, key);
        };
        if let Some(call) = at.path.0.last().and_then(|name| parent.calls.get(name))
            && let Some(theirs) = call.providers.get(&key)
        {
            key = theirs.clone();
        }
        at = parent;
    }
}

impl Builder<'_> {
    fn add(&mut self, node: Node) -> NodeIndex {
        if let Some(i) = self.index.get(&node) {
            return *i;
        }
        let i = self.graph.add_node(node.clone());
        self.index.insert(node, i);
        i
    }

    fn add_nodes(&mut self, module: &Module) {
        let m = module.id;
        self.add(Node::Module(m));
        self.add(Node::ModuleEnd(m));
        for name in module.variables.keys() {
            self.add(Node::Variable(m, name.clone()));
        }
        for name in module.locals.keys() {
            self.add(Node::Local(m, name.clone()));
        }
        for key in module.providers.keys() {
            self.add(Node::Provider(m, key.clone()));
        }
        for (key, resource) in &module.resources {
            self.add(Node::Resource(m, key.clone()));
            let (owner, key) = provider_of(self.config, m, &resource.provider);
            self.add(Node::Provider(owner, key));
        }
        for name in module.outputs.keys() {
            self.add(Node::Output(m, name.clone()));
        }
        for (name, check) in &module.checks {
            self.add(Node::Check(m, name.clone()));
            if let Some(data) = &check.data {
                let (owner, key) = provider_of(self.config, m, &data.provider);
                self.add(Node::Provider(owner, key));
            }
        }
    }

    fn edge(&mut self, from: NodeIndex, to: NodeIndex, span: Option<Span>) {
        if self.edges.insert((from, to)) {
            self.graph.add_edge(from, to, span);
        }
    }

    fn edge_to(&mut self, from: NodeIndex, to: &Node, span: Option<Span>) {
        if let Some(to) = self.index.get(to).copied() {
            self.edge(from, to, span);
        }
    }

    /// Adds the edges of expression mentions.
    fn mentions(&mut self, from: NodeIndex, module: ModuleId, mentions: Vec<Reference>) {
        for mention in mentions {
            self.mention(from, module, &mention, false);
        }
    }

    fn mention(&mut self, from: NodeIndex, module: ModuleId, mention: &Reference, whole: bool) {
        let span = Some(mention.span);
        let child = |name: &Str| self.config.module(module).calls.get(name).map(|c| c.child);
        match &mention.target {
            ReferenceTarget::Variable(name) => {
                self.edge_to(from, &Node::Variable(module, name.clone()), span);
            }
            ReferenceTarget::Local(name) => {
                self.edge_to(from, &Node::Local(module, name.clone()), span);
            }
            ReferenceTarget::Resource(key) => {
                self.edge_to(from, &Node::Resource(module, key.clone()), span);
            }
            ReferenceTarget::ModuleOutput(name, output) if !whole => {
                if let Some(child) = child(name) {
                    self.edge_to(from, &Node::Output(child, output.clone()), span);
                    self.edge_to(from, &Node::Module(child), span);
                }
            }
            ReferenceTarget::Module(name) | ReferenceTarget::ModuleOutput(name, _) => {
                if let Some(child) = child(name) {
                    if whole {
                        self.edge_to(from, &Node::ModuleEnd(child), span);
                    } else {
                        let outputs: Vec<Str> = self.config.module(child).outputs.keys().cloned().collect();
                        for output in outputs {
                            self.edge_to(from, &Node::Output(child, output), span);
                        }
                    }
                    self.edge_to(from, &Node::Module(child), span);
                }
            }
            ReferenceTarget::Each
            | ReferenceTarget::Count
            | ReferenceTarget::SelfObject
            | ReferenceTarget::Environment => {}
        }
    }

    fn depends_on(&mut self, from: NodeIndex, module: ModuleId, targets: &[Reference]) {
        for target in targets {
            self.mention(from, module, target, true);
        }
    }

    fn expr(&mut self, from: NodeIndex, module: ModuleId, expr: &Expr) {
        self.mentions(from, module, references(expr));
    }

    fn repetition(&mut self, from: NodeIndex, module: ModuleId, repetition: &Repetition) {
        match repetition {
            Repetition::Single => {}
            Repetition::Count(expr) | Repetition::ForEach(expr) => self.expr(from, module, expr),
        }
    }

    /// Adds edges for conditions; mentions of the node itself (`var.x` in its
    /// own validation, `self`) are no dependencies.
    fn conditions(&mut self, from: NodeIndex, module: ModuleId, conditions: &[Condition]) {
        for condition in conditions {
            for expr in [&condition.condition, &condition.message] {
                for mention in references(expr) {
                    let itself = match (&self.graph[from], &mention.target) {
                        (Node::Variable(_, a), ReferenceTarget::Variable(b)) => a == b,
                        (Node::Resource(_, a), ReferenceTarget::Resource(b)) => a == b,
                        _ => false,
                    };
                    if !itself {
                        self.mention(from, module, &mention, false);
                    }
                }
            }
        }
    }

    fn add_edges(&mut self, module: &Module) {
        let m = module.id;
        let start = self.index[&Node::Module(m)];
        let end = self.index[&Node::ModuleEnd(m)];
        self.edge(end, start, None);

        for (name, variable) in &module.variables {
            let node = self.index[&Node::Variable(m, name.clone())];
            self.edge(node, start, None);
            self.conditions(node, m, &variable.validations);
            if let Some(parent) = module.parent {
                let caller = self.config.module(parent);
                let call = module.path.0.last().and_then(|n| caller.calls.get(n));
                if let Some(arg) = call.and_then(|c| c.args.get(name)) {
                    self.expr(node, parent, &arg.expr);
                }
            }
        }
        for (name, local) in &module.locals {
            let node = self.index[&Node::Local(m, name.clone())];
            self.edge(node, start, None);
            self.expr(node, m, &local.expr);
        }
        for (name, output) in &module.outputs {
            let node = self.index[&Node::Output(m, name.clone())];
            self.edge(node, start, None);
            self.edge(end, node, None);
            self.expr(node, m, &output.value);
            self.depends_on(node, m, &output.depends_on);
            self.conditions(node, m, &output.preconditions);
        }
        for (key, block) in &module.providers {
            let node = self.index[&Node::Provider(m, key.clone())];
            self.edge(node, start, None);
            self.mentions(node, m, body_references(&block.body));
        }
        for (key, resource) in &module.resources {
            let node = self.index[&Node::Resource(m, key.clone())];
            self.edge(node, start, None);
            self.edge(end, node, None);
            self.resource(node, m, key, resource);
        }
        for (name, check) in &module.checks {
            let node = self.index[&Node::Check(m, name.clone())];
            self.edge(node, start, None);
            let own = check.data.as_ref().map(|d| d.key.clone());
            for assert in &check.asserts {
                for expr in [&assert.condition, &assert.message] {
                    for mention in references(expr) {
                        if !matches!((&mention.target, &own), (ReferenceTarget::Resource(k), Some(o)) if k == o) {
                            self.mention(node, m, &mention, false);
                        }
                    }
                }
            }
            if let Some(data) = &check.data {
                self.resource(node, m, &data.key, data);
            }
        }
        for call in module.calls.values() {
            let child = self.index[&Node::Module(call.child)];
            let child_end = self.index[&Node::ModuleEnd(call.child)];
            self.edge(child, start, None);
            self.edge(end, child_end, None);
            self.repetition(child, m, &call.repetition);
            if let Some(enabled) = &call.enabled {
                self.expr(child, m, enabled);
            }
            self.depends_on(child, m, &call.depends_on);
        }
    }

    fn resource(&mut self, node: NodeIndex, m: ModuleId, key: &ResourceKey, resource: &Resource) {
        let (owner, provider) = provider_of(self.config, m, &resource.provider);
        self.edge_to(node, &Node::Provider(owner, provider), None);
        self.mentions(node, m, body_references(&resource.body));
        self.repetition(node, m, &resource.repetition);
        if let Some(enabled) = &resource.enabled {
            self.expr(node, m, enabled);
        }
        self.depends_on(node, m, &resource.depends_on);
        let lifecycle = &resource.lifecycle;
        for expr in [
            &lifecycle.create_before_destroy,
            &lifecycle.prevent_destroy,
            &lifecycle.protect,
            &lifecycle.adopt,
        ]
        .into_iter()
        .flatten()
        {
            self.expr(node, m, expr);
        }
        for trigger in &lifecycle.replace_triggered_by {
            for mention in references(trigger) {
                if mention.target != ReferenceTarget::Resource(key.clone()) {
                    self.mention(node, m, &mention, false);
                }
            }
        }
        self.conditions(node, m, &lifecycle.preconditions);
        self.conditions(node, m, &lifecycle.postconditions);
    }
}
