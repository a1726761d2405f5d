//! Evaluates everything without values: variables are unknown, each repeated
//! block has one instance. Finds what does not fit whatever the values are.

mod conditions;
mod consequences;
mod imports;

pub use consequences::without_consequences;

use infra_providers::{PlanRequest, Registry, plan_resource};
use infra_syntax::Diagnostics;
use infra_types::{Mode, Path, Type, Value};

use crate::config::{Config, ModuleId, Resource};
use crate::eval::Host;
use crate::eval::body::eval_resource;
use crate::eval::spans::span_of;
use crate::eval::world::{ModuleInstanceId, Purpose, Shape, World};
use crate::graph::{ConfigGraph, Node};

/// Returns what does not fit.
pub fn check(config: &Config, graph: &ConfigGraph, registry: &Registry, host: &dyn Host) -> Diagnostics {
    let world = World::new(config, registry, host, Purpose::Check, Default::default());
    let mut diagnostics = conditions::check(config);
    for id in graph.order() {
        match graph.node(*id) {
            Node::Module(module) => {
                if let Err(errors) = world.expand_module(*module) {
                    diagnostics.extend(errors);
                }
            }
            Node::Resource(module, key) => {
                let resource = &config.module(*module).resources[key];
                for at in world.instances_of(*module) {
                    diagnostics.extend(check_resource(&world, at, resource));
                }
            }
            Node::Output(module, name) => {
                for at in instances(&world, *module) {
                    let value = world.output(at, name);
                    if at == ModuleInstanceId::ROOT {
                        diagnostics.extend(crate::plan::shown_secret(&config.root().outputs[name], &value));
                    }
                }
            }
            Node::Local(module, name) => {
                for at in instances(&world, *module) {
                    world.local(at, name);
                }
            }
            Node::Variable(module, name) => {
                for at in instances(&world, *module) {
                    world.variable(at, name);
                    diagnostics.extend(check_variable(&world, at, name));
                }
            }
            Node::ModuleEnd(_) | Node::Provider(..) | Node::Check(..) => {}
        }
    }
    for import in &config.root().imports {
        diagnostics.extend(imports::check(config, &world, import));
    }
    diagnostics.extend(world.take_errors());
    world.discard();
    diagnostics
}

fn instances(world: &World<'_>, module: ModuleId) -> Vec<ModuleInstanceId> {
    world.instances_of(module)
}

/// Checks the validations of a variable as far as its value is known: it is when a
/// module is called with a literal.
fn check_variable(world: &World<'_>, at: ModuleInstanceId, name: &str) -> Diagnostics {
    let variable = &world.module_of(at).variables[name];
    let module = world.module_addr(at);
    let object = match module.is_root() {
        true => format!("var.{name}"),
        false => format!("{}.var.{name}", module.path()),
    };
    let (_, errors) = crate::plan::evaluate_conditions(&variable.validations, &world.scope(at), "validation", &object);
    errors
}

fn check_resource(world: &World<'_>, at: ModuleInstanceId, resource: &Resource) -> Diagnostics {
    let unknown = |world: &World<'_>| world.set_whole(at, &resource.key, Value::unknown(Type::Dynamic));
    let Some(schema) = world.registry.schema(resource.key.mode, &resource.key.ty) else {
        unknown(world);
        return Diagnostics::new();
    };
    let expansion = match world.expand_resource(at, resource) {
        Ok(expansion) => expansion,
        Err(errors) => {
            unknown(world);
            return errors;
        }
    };
    let mut diagnostics = Diagnostics::new();
    let mut value = None;
    for repeat in expansion.instances.iter().take(1) {
        let scope = world.scope_of(at, repeat);
        let (config, found) = eval_resource(resource, &schema.block, &scope);
        let failed = found.has_errors();
        diagnostics.extend(found);
        if failed {
            continue;
        }
        let mut problems = Vec::new();
        schema.block.validate(&config, &Path::root(), &mut problems);
        if resource.key.mode == Mode::Managed
            && let Some(provider) = world.registry.provider_of(&resource.key.ty)
        {
            problems.extend(provider.validate_resource(&resource.key.ty, &config));
        }
        for problem in problems {
            let span = span_of(&resource.body, &problem.path).unwrap_or(resource.span);
            diagnostics.push(crate::plan::problem_diagnostic(
                &problem,
                Some(span),
                &resource.path.to_string(),
            ));
        }
        let planned = plan_resource(
            schema,
            &PlanRequest {
                ty: &resource.key.ty,
                prior: None,
                config: &config,
            },
        );
        value = Some(planned.planned);
    }
    // Arguments that could not be read may say something else.
    let is_read = !world.module_of(at).unread.has(resource.span);
    match (expansion.shape, value) {
        (Shape::Single, Some(value)) if is_read && resource.enabled.is_none() => {
            world.set_whole(at, &resource.key, value);
        }
        _ => unknown(world),
    }
    diagnostics
}
