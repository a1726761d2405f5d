//! Everything that has a value during a run: module instances, their
//! variables, locals and outputs, and the values of resource instances.
//!
//! Demand-driven and memoised. It knows nothing of plan or apply: whoever
//! walks the graph says when a resource instance has which value.
//!
//! INVARIANT: no borrow of the arena is held while an expression is evaluated.

mod module_scope;

use std::cell::RefCell;
use std::collections::BTreeMap;

use infra_providers::Registry;
use infra_syntax::ast::Expr;
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{InstanceAddr, InstanceKey, Marks, ModuleAddr, ResourceAddr, Str, Type, Value};
use rustc_hash::FxHashMap;

pub use self::module_scope::ModuleScope;
use super::scope::Host;
use crate::config::{Config, Module, ModuleCall, ModuleId, Output, Repetition, Resource, ResourceKey};

/// Index of a module instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleInstanceId(pub u32);

impl ModuleInstanceId {
    /// The root module's only instance.
    pub const ROOT: ModuleInstanceId = ModuleInstanceId(0);
}

/// How a resource or module is repeated; says what form a reference to all of it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One object.
    #[default]
    Single,
    /// A tuple, by index.
    Count,
    /// An object, by key.
    ForEach,
}

/// What `each` and `count` mean in one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeat {
    /// Which instance.
    pub key: InstanceKey,
    /// `each.value`, with `for_each`.
    pub value: Option<Value>,
    /// Whether the key itself is unknown (only when checking without values).
    pub unknown_key: bool,
}

/// The instances of a resource or module.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// The form.
    pub shape: Shape,
    /// The instances in order of their keys.
    pub instances: Vec<Repeat>,
}

/// Whether values are asked for, or only whether everything fits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Variables have values; repetition must be known.
    Run,
    /// No values are given: variables are unknown, each repetition has one
    /// instance with an unknown key.
    Check,
}

struct ModuleInstance {
    module: ModuleId,
    addr: ModuleAddr,
    parent: Option<ModuleInstanceId>,
    repeat: Repeat,
    children: FxHashMap<Str, Children>,
    variables: FxHashMap<Str, Value>,
    locals: FxHashMap<Str, Value>,
    outputs: FxHashMap<Str, Value>,
    resources: FxHashMap<ResourceKey, Slot>,
}

#[derive(Default)]
struct Children {
    shape: Shape,
    instances: Vec<(InstanceKey, ModuleInstanceId)>,
}

struct Slot {
    shape: Shape,
    values: BTreeMap<InstanceKey, Value>,
    whole: Option<Value>,
}

/// The values of a run.
pub struct World<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The providers, for their schemas.
    pub registry: &'a Registry,
    host: &'a dyn Host,
    purpose: Purpose,
    inputs: BTreeMap<Str, Value>,
    arena: RefCell<Vec<ModuleInstance>>,
    by_module: RefCell<Vec<Vec<ModuleInstanceId>>>,
    errors: RefCell<Diagnostics>,
}

impl<'a> World<'a> {
    /// Creates a world in which only the root module exists.
    pub fn new(
        config: &'a Config,
        registry: &'a Registry,
        host: &'a dyn Host,
        purpose: Purpose,
        inputs: BTreeMap<Str, Value>,
    ) -> Self {
        let root = ModuleInstance {
            module: ModuleId::ROOT,
            addr: ModuleAddr::root(),
            parent: None,
            repeat: Repeat::default(),
            children: FxHashMap::default(),
            variables: FxHashMap::default(),
            locals: FxHashMap::default(),
            outputs: FxHashMap::default(),
            resources: FxHashMap::default(),
        };
        let mut by_module = vec![Vec::new(); config.modules.len()];
        by_module[0].push(ModuleInstanceId::ROOT);
        World {
            config,
            registry,
            host,
            purpose,
            inputs,
            arena: RefCell::new(vec![root]),
            by_module: RefCell::new(by_module),
            errors: RefCell::new(Diagnostics::new()),
        }
    }

    /// Takes the values apart beside what comes next: there may be millions.
    pub(crate) fn discard(self) {
        let arena = self.arena.into_inner();
        if arena.iter().map(|module| module.resources.len()).sum::<usize>() > 1000 {
            // Nobody waits for it.
            drop(std::thread::spawn(move || drop(arena)));
        }
    }

    /// Returns the errors of named values that were found since the last call.
    ///
    /// Each is reported once, where the value is declared; whoever uses the
    /// value sees it as unknown.
    pub fn take_errors(&self) -> Diagnostics {
        self.errors.take()
    }

    fn or_report(&self, result: Result<Value, Diagnostics>, ty: Type) -> Value {
        result.unwrap_or_else(|errors| {
            self.errors.borrow_mut().extend(errors);
            Value::unknown(ty)
        })
    }

    /// Returns the instances of a module, as far as they are known to exist.
    pub fn instances_of(&self, module: ModuleId) -> Vec<ModuleInstanceId> {
        self.by_module.borrow()[module.0 as usize].clone()
    }

    /// Returns the address of a module instance.
    pub fn module_addr(&self, id: ModuleInstanceId) -> ModuleAddr {
        self.arena.borrow()[id.0 as usize].addr.clone()
    }

    /// Returns the module that an instance is an instance of.
    pub fn module_of(&self, id: ModuleInstanceId) -> &'a Module {
        let module = self.arena.borrow()[id.0 as usize].module;
        self.config.module(module)
    }

    /// Returns the address of a resource in a module instance.
    pub fn resource_addr(&self, id: ModuleInstanceId, key: &ResourceKey) -> ResourceAddr {
        ResourceAddr {
            module: self.module_addr(id),
            mode: key.mode,
            ty: key.ty.clone(),
            name: key.name.clone(),
        }
    }

    /// Returns the name of something in a module instance, as seen from the root module.
    pub fn name_in(&self, id: ModuleInstanceId, name: &str) -> String {
        let module = self.module_addr(id);
        match module.is_root() {
            true => name.to_owned(),
            false => format!("{module}.{name}"),
        }
    }

    /// Finds the instance of a module by its address.
    pub fn find_module(&self, addr: &ModuleAddr) -> Option<ModuleInstanceId> {
        let arena = self.arena.borrow();
        let mut at = ModuleInstanceId::ROOT;
        for (name, key) in addr.0.iter() {
            let children = arena[at.0 as usize].children.get(name)?;
            let i = children.instances.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
            at = children.instances[i].1;
        }
        Some(at)
    }

    /// Returns the scope of expressions directly in a module instance.
    pub fn scope(&self, id: ModuleInstanceId) -> ModuleScope<'_, 'a> {
        let repeat = Repeat::default();
        ModuleScope {
            world: self,
            at: id,
            repeat,
            self_value: None,
        }
    }

    /// Returns the scope of expressions in one instance of a resource or module call.
    pub fn scope_of(&self, id: ModuleInstanceId, repeat: &Repeat) -> ModuleScope<'_, 'a> {
        ModuleScope {
            world: self,
            at: id,
            repeat: repeat.clone(),
            self_value: None,
        }
    }

    /// Decides how many instances a called module has, in each instance of its caller.
    pub fn expand_module(&self, module: ModuleId) -> Result<(), Diagnostics> {
        let child = self.config.module(module);
        let (Some(parent), Some(name)) = (child.parent, child.path.0.last()) else {
            return Ok(());
        };
        let call = &self.config.module(parent).calls[name];
        let mut diagnostics = Diagnostics::new();
        for at in self.instances_of(parent) {
            match self.expand_call(at, call) {
                Ok(expansion) => self.add_children(at, call, &expansion),
                Err(more) => diagnostics.extend(more),
            }
        }
        if diagnostics.has_errors() {
            Err(diagnostics)
        } else {
            Ok(())
        }
    }

    fn expand_call(&self, at: ModuleInstanceId, call: &ModuleCall) -> Result<Expansion, Diagnostics> {
        self.expand(at, &call.repetition, call.enabled.as_ref(), call.span)
    }

    fn add_children(&self, at: ModuleInstanceId, call: &ModuleCall, expansion: &Expansion) {
        let mut arena = self.arena.borrow_mut();
        let parent = arena[at.0 as usize].addr.clone();
        let mut children = Children {
            shape: expansion.shape,
            instances: Vec::with_capacity(expansion.instances.len()),
        };
        for repeat in &expansion.instances {
            let id = ModuleInstanceId(arena.len() as u32);
            arena.push(ModuleInstance {
                module: call.child,
                addr: parent.child(call.name.name.clone(), repeat.key.clone()),
                parent: Some(at),
                repeat: repeat.clone(),
                children: FxHashMap::default(),
                variables: FxHashMap::default(),
                locals: FxHashMap::default(),
                outputs: FxHashMap::default(),
                resources: FxHashMap::default(),
            });
            children.instances.push((repeat.key.clone(), id));
            self.by_module.borrow_mut()[call.child.0 as usize].push(id);
        }
        arena[at.0 as usize].children.insert(call.name.name.clone(), children);
    }

    /// Decides which instances a resource has in a module instance.
    pub fn expand_resource(&self, at: ModuleInstanceId, resource: &Resource) -> Result<Expansion, Diagnostics> {
        self.expand(at, &resource.repetition, resource.enabled.as_ref(), resource.span)
    }

    fn expand(
        &self,
        at: ModuleInstanceId,
        repetition: &Repetition,
        enabled: Option<&Expr>,
        span: Span,
    ) -> Result<Expansion, Diagnostics> {
        let shape = match repetition {
            Repetition::Single => Shape::Single,
            Repetition::Count(_) => Shape::Count,
            Repetition::ForEach(_) => Shape::ForEach,
        };
        if let Some(enabled) = enabled {
            let value = self.eval(at, enabled)?;
            match super::repeat::flag(&value, "enabled", enabled.span) {
                Ok(true) => {}
                Ok(false) => {
                    return Ok(Expansion {
                        shape,
                        instances: Vec::new(),
                    });
                }
                Err(_)
                    if self.purpose == Purpose::Check
                        && !value.is_known()
                        && !value.marks.contains(Marks::EPHEMERAL) => {}
                Err(d) => return Err(d.into()),
            }
        }
        let instances = match repetition {
            Repetition::Single => vec![Repeat::default()],
            Repetition::Count(expr) => {
                let value = self.eval(at, expr)?;
                let stays = !value.marks.contains(Marks::EPHEMERAL);
                if self.purpose == Purpose::Check && stays && !value.is_wholly_known() {
                    vec![super::repeat::unknown_count()]
                } else {
                    super::repeat::by_count(&value, expr.span, span)?
                }
            }
            Repetition::ForEach(expr) => {
                let value = self.eval(at, expr)?;
                let stays = !value.marks.contains(Marks::EPHEMERAL) && !value.is_sensitive();
                if self.purpose == Purpose::Check && stays && !super::repeat::keys_known(&value) {
                    vec![super::repeat::unknown_each(&value)]
                } else {
                    super::repeat::by_for_each(&value, expr.span, span)?
                }
            }
        };
        Ok(Expansion { shape, instances })
    }

    fn eval(&self, at: ModuleInstanceId, expr: &Expr) -> Result<Value, Diagnostics> {
        super::eval(expr, &self.scope(at))
    }

    /// Says which form a resource has, before its instances get values.
    pub fn declare_resource(&self, at: ModuleInstanceId, key: &ResourceKey, shape: Shape) {
        let mut arena = self.arena.borrow_mut();
        let slots = &mut arena[at.0 as usize].resources;
        match slots.get_mut(key) {
            Some(slot) => {
                slot.shape = shape;
                slot.whole = None;
            }
            None => {
                slots.insert(
                    key.clone(),
                    Slot {
                        shape,
                        values: BTreeMap::new(),
                        whole: None,
                    },
                );
            }
        }
    }

    /// Says which value a resource instance has now.
    pub fn set_instance(&self, at: ModuleInstanceId, key: &ResourceKey, instance: InstanceKey, value: Value) {
        let mut arena = self.arena.borrow_mut();
        let slot = arena[at.0 as usize]
            .resources
            .entry(key.clone())
            .or_insert_with(|| Slot {
                shape: match &instance {
                    InstanceKey::None => Shape::Single,
                    InstanceKey::Int(_) => Shape::Count,
                    InstanceKey::Str(_) => Shape::ForEach,
                },
                values: BTreeMap::new(),
                whole: None,
            });
        slot.values.insert(instance, value);
        slot.whole = None;
    }

    /// Says which value a resource instance has now, by its address.
    ///
    /// Does nothing for an instance of a module that does not exist any more.
    pub fn set_by_address(&self, addr: &InstanceAddr, value: Value) {
        if let Some(at) = self.find_module(&addr.resource.module) {
            let key = ResourceKey {
                mode: addr.resource.mode,
                ty: addr.resource.ty.clone(),
                name: addr.resource.name.clone(),
            };
            self.set_instance(at, &key, addr.key.clone(), value);
        }
    }

    /// Returns the value of one resource instance.
    pub fn instance(&self, at: ModuleInstanceId, key: &ResourceKey, instance: &InstanceKey) -> Option<Value> {
        self.arena.borrow()[at.0 as usize]
            .resources
            .get(key)?
            .values
            .get(instance)
            .cloned()
    }

    fn has_slot(&self, at: ModuleInstanceId, key: &ResourceKey) -> bool {
        self.arena.borrow()[at.0 as usize].resources.contains_key(key)
    }

    /// Returns the value of a reference to a resource: all its instances together.
    fn resource(&self, at: ModuleInstanceId, key: &ResourceKey) -> Value {
        let mut arena = self.arena.borrow_mut();
        let Some(slot) = arena[at.0 as usize].resources.get_mut(key) else {
            // Not planned (because of an error elsewhere, or when only checking).
            return Value::unknown(Type::Dynamic);
        };
        if let Some(whole) = &slot.whole {
            return whole.clone();
        }
        let whole = match slot.shape {
            Shape::Single => slot.values.get(&InstanceKey::None).cloned().unwrap_or_else(Value::null),
            Shape::Count => Value::tuple(
                slot.values
                    .iter()
                    .filter(|(k, _)| matches!(k, InstanceKey::Int(_)))
                    .map(|(_, v)| v.clone())
                    .collect(),
            ),
            Shape::ForEach => Value::object(slot.values.iter().filter_map(|(k, v)| match k {
                InstanceKey::Str(k) => Some((k.clone(), v.clone())),
                _ => None,
            })),
        };
        slot.whole = Some(whole.clone());
        whole
    }

    /// Says that the resource's references have an unknown value (when only checking).
    pub fn set_whole(&self, at: ModuleInstanceId, key: &ResourceKey, value: Value) {
        self.declare_resource(at, key, Shape::Single);
        let mut arena = self.arena.borrow_mut();
        if let Some(slot) = arena[at.0 as usize].resources.get_mut(key) {
            slot.whole = Some(value);
        }
    }

    /// Returns the value of a variable.
    pub fn variable(&self, at: ModuleInstanceId, name: &str) -> Value {
        if let Some(v) = self.arena.borrow()[at.0 as usize].variables.get(name) {
            return v.clone();
        }
        let module = self.module_of(at);
        let Some(variable) = module.variables.get(name) else {
            return Value::unknown(Type::Dynamic);
        };
        let value = self.or_report(self.find_variable(at, variable), variable.ty.ty.clone());
        self.arena.borrow_mut()[at.0 as usize]
            .variables
            .insert(name.into(), value.clone());
        value
    }

    /// Makes a variable whose validation failed unknown, so that one cause gives one error.
    pub fn forget_variable(&self, at: ModuleInstanceId, name: &Str, ty: Type) {
        self.arena.borrow_mut()[at.0 as usize]
            .variables
            .insert(name.clone(), Value::unknown(ty));
    }

    fn find_variable(&self, at: ModuleInstanceId, variable: &crate::config::Variable) -> Result<Value, Diagnostics> {
        let (parent, repeat) = {
            let arena = self.arena.borrow();
            let instance = &arena[at.0 as usize];
            (instance.parent, instance.repeat.clone())
        };
        let Some(parent) = parent else {
            let given = self.inputs.get(&variable.name.name).cloned();
            return Ok(match given {
                Some(value) => marked(variable, value),
                None if self.purpose == Purpose::Check => marked(variable, Value::unknown(variable.ty.ty.clone())),
                None => marked(
                    variable,
                    variable
                        .default
                        .clone()
                        .unwrap_or_else(|| Value::null_of(variable.ty.ty.clone())),
                ),
            });
        };
        let caller = self.module_of(parent);
        let path = self.module_addr(at);
        let name = path.0.last().map(|(n, _)| n.clone()).unwrap_or_default();
        let call = &caller.calls[&name];
        let Some(arg) = call.args.get(&variable.name.name) else {
            let default = variable.default.clone().filter(|_| !caller.unread.has(call.span));
            return Ok(marked(
                variable,
                default.unwrap_or_else(|| Value::unknown(variable.ty.ty.clone())),
            ));
        };
        let value = super::eval(&arg.expr, &self.scope_of(parent, &repeat))?;
        if value.is_null() && !variable.nullable {
            return match &variable.default {
                Some(default) => Ok(marked(variable, default.clone())),
                None => Err(Diagnostic::error(
                    "infra::eval::null_variable",
                    format!("variable `{}` of module `{name}` must not be null", variable.name.name),
                )
                .at(arg.expr.span, "this is null")
                .related(variable.span, "declared here without a default, `nullable = false`")
                .into()),
            };
        }
        let converted = variable.ty.apply(value, &self.scope(at)).map_err(|problems| {
            let mut diagnostics = Diagnostics::new();
            for problem in problems {
                let mut at_path = problem.path.to_string();
                if !at_path.is_empty() {
                    at_path = format!("at `{at_path}`: ");
                }
                let mut d = Diagnostic::error(
                    "infra::eval::invalid_argument",
                    format!(
                        "the value of `{}` of module `{name}` does not fit: {at_path}{}",
                        variable.name.name, problem.message
                    ),
                )
                .at(arg.expr.span, "this value")
                .related(variable.span, "declared here");
                if let Some(condition) = problem.condition {
                    d = d.related(condition, "the condition");
                }
                d.help = problem.help;
                diagnostics.push(d);
            }
            diagnostics
        })?;
        if converted.deep_marks().contains(Marks::EPHEMERAL) && !variable.ephemeral {
            return Err(Diagnostic::error(
                "infra::eval::ephemeral_argument",
                format!(
                    "the value of `{}` of module `{name}` exists during one run only, but the variable is not declared so",
                    variable.name.name
                ),
            )
            .at(arg.expr.span, "an ephemeral value")
            .related(variable.span, "declared here without `ephemeral`")
            .help("add `ephemeral = true` to the variable")
            .into());
        }
        Ok(marked(variable, converted))
    }

    /// Returns a local value.
    pub fn local(&self, at: ModuleInstanceId, name: &str) -> Value {
        if let Some(v) = self.arena.borrow()[at.0 as usize].locals.get(name) {
            return v.clone();
        }
        let Some(local) = self.module_of(at).locals.get(name) else {
            return Value::unknown(Type::Dynamic);
        };
        let value = self.or_report(self.eval(at, &local.expr), Type::Dynamic);
        self.arena.borrow_mut()[at.0 as usize]
            .locals
            .insert(name.into(), value.clone());
        value
    }

    /// Returns an output.
    pub fn output(&self, at: ModuleInstanceId, name: &str) -> Value {
        if let Some(v) = self.arena.borrow()[at.0 as usize].outputs.get(name) {
            return v.clone();
        }
        let Some(output) = self.module_of(at).outputs.get(name) else {
            return Value::unknown(Type::Dynamic);
        };
        let mut value = self.or_report(self.output_value(at, output), Type::Dynamic);
        if output.sensitive {
            value = value.sensitive();
        }
        if output.ephemeral {
            value = value.with_marks(Marks::EPHEMERAL);
        }
        self.arena.borrow_mut()[at.0 as usize]
            .outputs
            .insert(name.into(), value.clone());
        value
    }

    fn output_value(&self, at: ModuleInstanceId, output: &Output) -> Result<Value, Diagnostics> {
        let value = self.eval(at, &output.value)?;
        if output.ephemeral || !value.deep_marks().contains(Marks::EPHEMERAL) {
            return Ok(value);
        }
        let help = match at {
            ModuleInstanceId::ROOT => "outputs of the root module are stored; wrap the value in `ephemeralasnull(…)`",
            _ => "add `ephemeral = true` to the output",
        };
        Err(Diagnostic::error(
            "infra::eval::ephemeral_output",
            format!(
                "the value of output `{}` exists during one run only, but the output is not declared so",
                output.name.name
            ),
        )
        .at(output.value.span, "an ephemeral value")
        .help(help)
        .into())
    }

    /// Returns the value of `module.NAME`: the outputs of all its instances, as
    /// far as they were reached.
    fn module_value(&self, at: ModuleInstanceId, call: &ModuleCall) -> Value {
        let Some((shape, instances)) = self.children(at, &call.name.name) else {
            return Value::unknown(Type::Dynamic);
        };
        let child = self.config.module(call.child);
        // What could not be read may declare more outputs, or other instances.
        if child.incomplete || !child.lost.is_empty() || self.module_of(at).unread.has(call.span) {
            return Value::unknown(Type::Dynamic);
        }
        let mut values = Vec::with_capacity(instances.len());
        for (key, id) in instances {
            let mut outputs = BTreeMap::new();
            for name in child.outputs.keys() {
                // An output that was not reached yet may need what is being evaluated.
                let reached = self.arena.borrow()[id.0 as usize].outputs.get(name).cloned();
                outputs.insert(name.clone(), reached.unwrap_or_else(|| Value::unknown(Type::Dynamic)));
            }
            values.push((key, Value::object(outputs)));
        }
        match shape {
            Shape::Single => values.pop().map_or_else(Value::null, |(_, v)| v),
            Shape::Count => Value::tuple(values.into_iter().map(|(_, v)| v).collect()),
            Shape::ForEach => Value::object(values.into_iter().filter_map(|(k, v)| match k {
                InstanceKey::Str(k) => Some((k, v)),
                _ => None,
            })),
        }
    }

    /// Says whether changes are being made: only then is there a present time.
    fn applying(&self) -> Value {
        let value = match self.purpose {
            Purpose::Run => Value::from(self.host.timestamp().is_some()),
            Purpose::Check => Value::unknown_not_null(Type::Bool),
        };
        value.with_marks(Marks::EPHEMERAL)
    }

    fn children(&self, at: ModuleInstanceId, name: &str) -> Option<(Shape, Vec<(InstanceKey, ModuleInstanceId)>)> {
        let arena = self.arena.borrow();
        let children = arena[at.0 as usize].children.get(name)?;
        Some((children.shape, children.instances.clone()))
    }
}

fn marked(variable: &crate::config::Variable, value: Value) -> Value {
    let mut marks = Marks::NONE;
    if variable.sensitive {
        marks = marks.union(Marks::SENSITIVE);
    }
    if variable.ephemeral {
        marks = marks.union(Marks::EPHEMERAL);
    }
    value.with_marks(marks)
}
