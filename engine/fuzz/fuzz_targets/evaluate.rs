//! No configuration makes the evaluator panic, or keeps it busy for ever; what it
//! finds has a place in the text, and values can be written down.

#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use infra_engine::eval::world::{ModuleInstanceId, Purpose, World};
use infra_engine::eval::{NoHost, eval};
use infra_engine::graph::Node;
use infra_engine::project::Project;
use infra_provider_core::CoreProviders;
use infra_provider_fake::{FakeCloud, FakeProvider};
use infra_providers::Registry;
use infra_syntax::{Diagnostics, SourceId, parse_expr};
use infra_testutils::MemoryLoader;
use infra_types::{Value, json};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::new();
    for provider in CoreProviders::default().providers() {
        registry.add(provider);
    }
    registry.add(Arc::new(FakeProvider::new(&FakeCloud::new())));
    registry
});

/// Whatever a value is, it has a type and a text.
fn look_at(value: &Value) {
    let _ = value.ty().to_string();
    let _ = json::encode(&value.unmark_deep());
}

fn places_are_in(text: &str, diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.iter() {
        for (span, _) in diagnostic.label.iter().chain(&diagnostic.related) {
            assert!(
                text.get(span.start as usize..span.end as usize).is_some(),
                "{diagnostic:?}"
            );
        }
    }
}

/// Evaluates a text as one expression, in a configuration with nothing in it.
fn expression(text: &str) {
    let Ok(expr) = parse_expr(text, SourceId(0)) else {
        return;
    };
    let (config, ..) = infra_engine::config::load(&MemoryLoader::new(), ".", &REGISTRY);
    let Some(config) = config else { return };
    let world = World::new(&config, &REGISTRY, &NoHost, Purpose::Run, BTreeMap::new());
    match eval(&expr, &world.scope(ModuleInstanceId::ROOT)) {
        Ok(value) => look_at(&value),
        Err(diagnostics) => places_are_in(text, &diagnostics),
    }
}

/// Checks a text as a configuration, then evaluates all of it that has no resource.
fn configuration(text: &str) {
    let mut loader = MemoryLoader::new();
    loader.add("main.infra", text);
    let project = match Project::load(&loader, ".", &REGISTRY, &NoHost) {
        Ok(project) => project,
        Err(rejected) => return places_are_in(text, &rejected.diagnostics),
    };
    let world = World::new(&project.config, &REGISTRY, &NoHost, Purpose::Run, BTreeMap::new());
    for id in project.graph.order() {
        match project.graph.node(*id) {
            Node::Variable(_, name) => look_at(&world.variable(ModuleInstanceId::ROOT, name)),
            Node::Local(_, name) => look_at(&world.local(ModuleInstanceId::ROOT, name)),
            Node::Output(_, name) => look_at(&world.output(ModuleInstanceId::ROOT, name)),
            _ => {}
        }
    }
    places_are_in(text, &world.take_errors());
}

fuzz_target!(|text: &str| {
    expression(text);
    configuration(text);
});
