//! What names mean in one instance of a module.

use infra_syntax::ast::{FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Span};
use infra_types::{InstanceKey, Type, Value};

use super::{ModuleInstanceId, Repeat, Shape, World};
use crate::config::ResourceKey;
use crate::eval::scope::{Host, Resolved, Scope};

/// The scope of expressions in a module instance, maybe within one instance
/// of a resource or call.
pub struct ModuleScope<'w, 'a> {
    pub(super) world: &'w World<'a>,
    pub(super) at: ModuleInstanceId,
    pub(super) repeat: Repeat,
    pub(super) self_value: Option<Value>,
}

impl ModuleScope<'_, '_> {
    /// Gives `self` a value.
    pub fn with_self(mut self, value: Value) -> Self {
        self.self_value = Some(value);
        self
    }

    fn each(&self, name: &Ident) -> Result<Value, Diagnostic> {
        let key = match &self.repeat.key {
            _ if self.repeat.unknown_key => Value::unknown_not_null(Type::String),
            InstanceKey::Str(key) => Value::string(key.clone()),
            // An `import` block goes through a list.
            InstanceKey::Int(i) if self.repeat.value.is_some() => Value::from(i64::try_from(*i).unwrap_or(i64::MAX)),
            _ => {
                return Err(
                    Diagnostic::error("infra::eval::each_outside", "`each` has no value here")
                        .at(name.span, "not within a block with `for_each`")
                        .help("add `for_each` to the block, or use a loop (`[for x in …: …]`)"),
                );
            }
        };
        match &*name.name {
            "key" => Ok(key),
            // Of an instance that goes away only the key is left.
            "value" => Ok(self
                .repeat
                .value
                .clone()
                .unwrap_or_else(|| Value::unknown(Type::Dynamic))),
            _ => Err(Diagnostic::error(
                "infra::eval::unknown_name",
                format!("`each` has no attribute `{}`", name.name),
            )
            .at(name.span, "not `key` or `value`")
            .help("use `each.key` or `each.value`")),
        }
    }

    fn count(&self, name: &Ident) -> Result<Value, Diagnostic> {
        if &*name.name != "index" {
            return Err(Diagnostic::error(
                "infra::eval::unknown_name",
                format!("`count` has no attribute `{}`", name.name),
            )
            .at(name.span, "not `index`")
            .help("use `count.index`"));
        }
        match &self.repeat.key {
            _ if self.repeat.unknown_key => Ok(Value::unknown_not_null(Type::Number)),
            InstanceKey::Int(i) => Ok(Value::from(i64::try_from(*i).unwrap_or(i64::MAX))),
            _ => Err(
                Diagnostic::error("infra::eval::count_outside", "`count` has no value here")
                    .at(name.span, "not within a block with `count`")
                    .help("add `count` to the block"),
            ),
        }
    }

    fn module(&self, attrs: &[&Ident]) -> Result<Resolved, Diagnostic> {
        let name = attrs[0];
        let module = self.world.module_of(self.at);
        let Some(call) = module.calls.get(&name.name) else {
            return Err(undeclared(name, "module"));
        };
        if let Some(output) = attrs.get(1)
            && let Some((Shape::Single, instances)) = self.world.children(self.at, &name.name)
            && let [(_, child)] = instances.as_slice()
            && self.world.config.module(call.child).outputs.contains_key(&output.name)
        {
            return Ok(Resolved {
                value: self.world.output(*child, &output.name),
                consumed: 2,
            });
        }
        Ok(Resolved {
            value: self.world.module_value(self.at, call),
            consumed: 1,
        })
    }

    fn path(&self, name: &Ident) -> Result<Value, Diagnostic> {
        let world = self.world;
        Ok(match &*name.name {
            "module" => Value::string(world.module_of(self.at).dir.as_str()),
            "root" => Value::string(world.config.root().dir.as_str()),
            "cwd" => Value::string(world.host.absolute_path(".")),
            _ => {
                return Err(Diagnostic::error(
                    "infra::eval::unknown_name",
                    format!("`path` has no attribute `{}`", name.name),
                )
                .at(name.span, "not known")
                .help("use `path.module`, `path.root` or `path.cwd`"));
            }
        })
    }
}

fn undeclared(name: &Ident, what: &str) -> Diagnostic {
    Diagnostic::error(
        "infra::eval::undeclared",
        format!("no {what} `{}` is declared in this module", name.name),
    )
    .at(name.span, "not declared")
}

impl Scope for ModuleScope<'_, '_> {
    fn resolve(&self, root: &Ident, attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        let one = |value| Ok(Resolved { value, consumed: 1 });
        let needs = |what: &str| {
            Diagnostic::error(
                "infra::eval::incomplete_reference",
                format!("`{}` alone has no value", root.name),
            )
            .at(span, format!("a {what} must follow"))
        };
        let first_attr = attrs.first().copied();
        match &*root.name {
            "var" => {
                let name = first_attr.ok_or_else(|| needs("variable's name"))?;
                if !self.world.module_of(self.at).variables.contains_key(&name.name) {
                    return Err(undeclared(name, "variable"));
                }
                one(self.world.variable(self.at, &name.name))
            }
            "local" => {
                let name = first_attr.ok_or_else(|| needs("local value's name"))?;
                if !self.world.module_of(self.at).locals.contains_key(&name.name) {
                    return Err(undeclared(name, "local value"));
                }
                one(self.world.local(self.at, &name.name))
            }
            "each" => one(self.each(first_attr.ok_or_else(|| needs("`key` or `value`"))?)?),
            "count" => one(self.count(first_attr.ok_or_else(|| needs("`index`"))?)?),
            "path" => one(self.path(first_attr.ok_or_else(|| needs("`module`, `root` or `cwd`"))?)?),
            "terraform" | "infra" => {
                let name = first_attr.ok_or_else(|| needs("`workspace`"))?;
                match &*name.name {
                    "workspace" => one(Value::string("default")),
                    "applying" => one(self.world.applying()),
                    _ => Err(Diagnostic::error(
                        "infra::eval::unknown_name",
                        format!("`{}` has no attribute `{}`", root.name, name.name),
                    )
                    .at(name.span, "not known")),
                }
            }
            "self" => match &self.self_value {
                Some(value) => Ok(Resolved {
                    value: value.clone(),
                    consumed: 0,
                }),
                None => Err(
                    Diagnostic::error("infra::eval::self_outside", "`self` has no value here")
                        .at(root.span, "only within a condition of a resource or type"),
                ),
            },
            "module" => {
                if attrs.is_empty() {
                    return Err(needs("module call's name"));
                }
                self.module(attrs)
            }
            "resource" | "data" => {
                let [ty, name, ..] = attrs else {
                    return Err(needs("type and a name"));
                };
                let mode = match &*root.name {
                    "data" => infra_types::Mode::Data,
                    _ => infra_types::Mode::Managed,
                };
                let key = ResourceKey {
                    mode,
                    ty: ty.name.clone(),
                    name: name.name.clone(),
                };
                Ok(Resolved {
                    value: self.find(&key, name)?,
                    consumed: 2,
                })
            }
            ty => {
                let Some(name) = first_attr else {
                    return Err(Diagnostic::error(
                        "infra::eval::unknown_name",
                        format!("`{ty}` is not a name that has a value here"),
                    )
                    .at(root.span, "not known")
                    .help("references look like `var.name`, `local.name` or `aws_vpc.name.id`; text needs quotes"));
                };
                let key = ResourceKey {
                    mode: infra_types::Mode::Managed,
                    ty: root.name.clone(),
                    name: name.name.clone(),
                };
                one(self.find(&key, name)?)
            }
        }
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.world.module_of(self.at).functions.get(name)
    }

    fn named_type(&self, name: &str) -> Option<crate::eval::type_expr::TypeConstraint> {
        self.world.module_of(self.at).types.get(name).cloned()
    }

    fn host(&self) -> &dyn Host {
        self.world.host
    }
}

impl ModuleScope<'_, '_> {
    fn find(&self, key: &ResourceKey, name: &Ident) -> Result<Value, Diagnostic> {
        let declared = self.world.module_of(self.at).resources.contains_key(key);
        // The data source of a check is not declared in the module, but has a value here.
        if !declared && !self.world.has_slot(self.at, key) {
            return Err(Diagnostic::error(
                "infra::eval::undeclared",
                format!("no resource `{key}` is declared in this module"),
            )
            .at(name.span, "not declared"));
        }
        Ok(self.world.resource(self.at, key))
    }
}
