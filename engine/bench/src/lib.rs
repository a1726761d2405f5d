//! Configurations of any size, and the stages that read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use infra_engine::eval::NoHost;
use infra_engine::eval::body::eval_resource;
use infra_engine::eval::world::{ModuleInstanceId, Purpose, Shape, World};
use infra_engine::graph::Node;
use infra_engine::project::Project;
use infra_providers::Registry;
use infra_testutils::MemoryLoader;

/// Returns a configuration of `resources` resources in layers of 100; each refers
/// to one of the layer before. About 350 bytes a resource.
pub fn configuration(resources: usize) -> String {
    let mut text = String::from(
        "variable prefix {\n  type    = string\n  default = \"shop\"\n}\n\n\
         locals {\n  name = \"${var.prefix}-x\"\n}\n\n",
    );
    for i in 0..resources {
        let parent = match i.checked_sub(100) {
            Some(parent) => format!("terraform_data.r{parent}.id"),
            None => "\"none\"".to_owned(),
        };
        writeln!(
            text,
            "resource terraform_data r{i} {{\n  input = {{\n    \
             name        = \"${{local.name}}-{i}\"\n    \
             description = \"An object that stands for something in the middle of a large platform\"\n    \
             parent      = {parent}\n    \
             size        = {i} * 2 + 1\n    \
             labels      = [\"a\", \"b-{i}\", upper(\"c\")]\n    \
             enabled     = {i} % 2 == 0 ? true : false\n  }}\n}}\n"
        )
        .expect("writing to a string succeeds");
    }
    text
}

/// Returns a folder with one file.
pub fn folder(text: &str) -> MemoryLoader {
    let mut loader = MemoryLoader::new();
    loader.add("main.infra", text);
    loader
}

/// Returns the built-in providers.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    for provider in infra_provider_core::providers() {
        registry.add(provider);
    }
    registry
}

/// Reads and checks.
///
/// # Panics
///
/// Panics if the configuration has errors.
pub fn check(loader: &MemoryLoader, registry: &Registry) -> Project {
    Project::load(loader, ".", registry, &NoHost).expect("the configuration is valid")
}

/// Evaluates every resource, as a plan without prior state does; returns how many there are.
///
/// # Panics
///
/// Panics if a value cannot be evaluated.
pub fn evaluate(project: &Project, registry: &Registry) -> usize {
    let world = World::new(&project.config, registry, &NoHost, Purpose::Run, BTreeMap::new());
    let mut count = 0;
    for id in project.graph.order() {
        let Node::Resource(module, key) = project.graph.node(*id) else {
            continue;
        };
        let resource = &project.config.module(*module).resources[key];
        let schema = registry.schema(key.mode, &key.ty).expect("the type was checked");
        let expansion = world
            .expand_resource(ModuleInstanceId::ROOT, resource)
            .expect("it is known");
        world.declare_resource(ModuleInstanceId::ROOT, key, Shape::Single);
        for repeat in &expansion.instances {
            let scope = world.scope_of(ModuleInstanceId::ROOT, repeat);
            let (value, errors) = eval_resource(resource, &schema.block, &scope);
            assert!(!errors.has_errors(), "{errors:?}");
            world.set_instance(ModuleInstanceId::ROOT, key, repeat.key.clone(), value);
            count += 1;
        }
    }
    count
}
