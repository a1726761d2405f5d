//! What names mean in a console, and the value of an expression.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use infra_engine::eval::eval;
use infra_engine::eval::world::{ModuleInstanceId, World};
use infra_engine::project::Project;
use infra_state::State;
use infra_syntax::{Diagnostics, Sources};
use infra_types::Value;

use crate::ui::{Output, values};

/// The root module with the values that its state has.
pub(super) struct Session<'w, 'a> {
    /// The values.
    pub world: &'w World<'a>,
}

impl<'w, 'a> Session<'w, 'a> {
    /// Creates a session.
    pub(super) fn new(world: &'w World<'a>) -> Self {
        Self { world }
    }

    /// Evaluates one expression, as it would stand after `=` in a file.
    pub(super) fn evaluate(&self, text: &str) -> Result<Value, (Diagnostics, Arc<Sources>)> {
        let mut sources = Sources::new();
        // The texts of the configuration keep their numbers; the line comes after them.
        for (_, source) in self.world.config.sources.iter() {
            sources.add(source.name.clone(), Arc::clone(&source.text));
        }
        let id = sources.add("<console>", text);
        let sources = Arc::new(sources);
        let result = infra_syntax::parse::parse_expr(text, id)
            .and_then(|expr| eval(&expr, &self.world.scope(ModuleInstanceId::ROOT)));
        let errors = self.world.take_errors();
        match result {
            Ok(_) if errors.has_errors() => Err((errors, sources)),
            Ok(value) => Ok(value),
            Err(errors) => Err((errors, sources)),
        }
    }

    /// Shows the value of an expression, or what is wrong with it.
    pub(super) fn show(&self, text: &str, output: &Output) -> bool {
        // A fault of ours must not end the session.
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| self.evaluate(text))) else {
            output.note("The expression cannot be evaluated: an internal error.\n");
            return false;
        };
        match result {
            Ok(value) => {
                output.line(&values::value(&value, 0));
                true
            }
            Err((errors, sources)) => {
                output.diagnostics(&errors, &sources);
                false
            }
        }
    }
}

/// Gives resources the values that the state has; modules their instances.
pub(super) fn seed(world: &World<'_>, project: &Project, state: &State) {
    use infra_engine::graph::Node;
    for id in project.graph.order() {
        match project.graph.node(*id) {
            // What cannot be known without a plan has no value here.
            Node::Module(module) => drop(world.expand_module(*module)),
            Node::Resource(module, key) => {
                let resource = &project.config.module(*module).resources[key];
                for at in world.instances_of(*module) {
                    let Ok(expansion) = world.expand_resource(at, resource) else {
                        continue;
                    };
                    let base = world.resource_addr(at, key);
                    let known = state
                        .instances_of(&base)
                        .filter_map(|(addr, i)| Some((addr.key.clone(), i.current.clone()?)));
                    let known: Vec<_> = known.collect();
                    if known.is_empty() {
                        continue;
                    }
                    world.declare_resource(at, key, expansion.shape);
                    for (instance, object) in known {
                        world.set_instance(at, key, instance, object.attributes.clone());
                    }
                }
            }
            Node::Output(module, name) => {
                for at in world.instances_of(*module) {
                    world.output(at, name);
                }
            }
            _ => {}
        }
    }
    world.take_errors();
}
