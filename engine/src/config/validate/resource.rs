//! Resources and data sources against their schemas.

use infra_providers::schema::Schema;
use infra_syntax::ast::{Call, Expr, FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Mode, Type, Value};

use super::Validator;
use super::context::Context;
use crate::config::model::{Module, Repetition, Resource};
use crate::config::names;
use crate::config::references::{Traversal, Visitor, walk_expr};
use crate::eval::body::{META, Owner, check_block};
use crate::eval::{self, Host, NoHost, Resolved, Scope, spans};

impl<'a> Validator<'a, '_> {
    pub(super) fn resource(&mut self, resource: &'a Resource) {
        let names_before = self.out.0.len();
        self.repetition(&resource.repetition);
        if let Some(enabled) = &resource.enabled {
            self.names(Context::NONE).expr(enabled);
        }
        self.names(Context::NONE).dependencies(&resource.depends_on);
        self.names(Context::of(&resource.repetition)).body(&resource.body);
        let schema = self.schema(resource);
        if let Some(schema) = schema {
            self.against_schema(resource, schema, names_before);
        }
        self.lifecycle(resource, schema.map(|s| &s.block));
    }

    /// Checks the names in `count` or `for_each`.
    pub(super) fn repetition(&mut self, repetition: &'a Repetition) {
        if let Repetition::Count(expr) | Repetition::ForEach(expr) = repetition {
            self.names(Context::NONE).expr(expr);
        }
    }

    /// Returns the schema of a resource; reports a type that no provider offers.
    fn schema(&mut self, resource: &Resource) -> Option<&'a Schema> {
        let (mode, ty) = (resource.key.mode, &*resource.key.ty);
        if let Some(provider) = self.registry.get(&resource.provider.name) {
            let schema = match mode {
                Mode::Managed => provider.resource_schema(ty),
                Mode::Data => provider.data_source_schema(ty),
            };
            if schema.is_some() {
                return schema;
            }
        }
        if let Some(schema) = self.registry.schema(mode, ty) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::wrong_provider",
                    format!("the provider `{}` does not offer `{ty}`", resource.provider.name),
                )
                .at(resource.provider_span.unwrap_or(resource.span), "the wrong provider")
                .help("remove the `provider` argument, or name a configuration of the right provider"),
            );
            return Some(schema);
        }
        let what = match mode {
            Mode::Managed => "resource type",
            Mode::Data => "data source",
        };
        let help = self.type_advice(mode, ty);
        self.out.push(
            Diagnostic::error("infra::config::unknown_type", format!("there is no {what} `{ty}`"))
                .at(resource.ty_span, "not offered by any provider")
                .help(help),
        );
        None
    }

    fn type_advice(&mut self, mode: Mode, ty: &str) -> String {
        let (other, kind) = match mode {
            Mode::Managed => (Mode::Data, "data"),
            Mode::Data => (Mode::Managed, "resource"),
        };
        if self.registry.schema(other, ty).is_some() {
            return format!("it is for `{kind}` blocks: write `{kind} {ty} …`");
        }
        let providers: Vec<&str> = self.registry.iter().map(|p| p.name()).collect();
        let own = names::list(providers.iter().copied());
        if self.advice_left == 0 {
            return format!("the providers are {own}");
        }
        self.advice_left -= 1;
        match infra_types::suggest(ty, self.registry.types(mode)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the providers are {own}; `infra schema` lists what they offer"),
        }
    }

    fn against_schema(&mut self, resource: &'a Resource, schema: &Schema, names_before: usize) {
        let what = format!("`{}`", resource.key.ty);
        let owner = Owner {
            what: &what,
            header: resource.span,
            also: META,
        };
        let scope = NoValues { module: self.module };
        let evaluate = |expr: &Expr, scope: &dyn Scope| without_host(expr, self.module, scope);
        let (value, found) = check_block(&resource.body, owner, &schema.block, &scope, &evaluate);
        let wrong: Vec<Span> = self.out.0[names_before..]
            .iter()
            .filter_map(|d| Some(d.label.as_ref()?.0))
            .collect();
        // A wrong name was reported already; its value must not be reported again.
        let incomplete = self.module.unread.has(resource.span);
        let found = found
            .into_iter()
            .filter(|d| !(touches(d, &wrong) || (incomplete && is_missing(d))));
        self.out.extend(found);
        let mut found = Vec::new();
        schema.block.validate(&value, &infra_types::Path::root(), &mut found);
        if resource.key.mode == Mode::Managed
            && let Some(provider) = self.registry.provider_of(&resource.key.ty)
        {
            found.extend(provider.validate_resource(&resource.key.ty, &value));
        }
        for problem in found {
            self.out.push(spans::problem(&resource.body, resource.span, &problem));
        }
    }
}

/// Says whether something is missing: it may stand in a part that could not be read.
pub(crate) fn is_missing(d: &Diagnostic) -> bool {
    matches!(
        d.code,
        "infra::config::missing_argument" | "infra::config::missing_block"
    )
}

/// Says whether a finding is at a place where something else was found.
fn touches(d: &Diagnostic, places: &[Span]) -> bool {
    let Some((span, _)) = &d.label else {
        return false;
    };
    places
        .iter()
        .any(|p| p.source == span.source && p.start < span.end && span.start < p.end)
}

/// The scope in which every name has an unknown value.
pub(super) struct NoValues<'a> {
    pub(super) module: &'a Module,
}

impl Scope for NoValues<'_> {
    fn resolve(&self, _root: &Ident, attrs: &[&Ident], _span: Span) -> Result<Resolved, Diagnostic> {
        Ok(Resolved {
            value: Value::unknown(Type::Dynamic),
            consumed: attrs.len(),
        })
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.module.functions.get(name)
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

/// Evaluates an expression that asks nothing of the outside; any other is unknown.
pub(super) fn without_host(expr: &Expr, module: &Module, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let mut calls = AsksHost { module, asks: false };
    walk_expr(expr, &mut calls);
    if calls.asks {
        return Ok(Value::unknown(Type::Dynamic));
    }
    eval::eval(expr, scope)
}

/// Looks for calls of functions that read files or clocks, or do not exist.
struct AsksHost<'m> {
    module: &'m Module,
    asks: bool,
}

/// Functions that ask something of the outside.
const HOST_FUNCTIONS: &[&str] = &[
    "abspath",
    "bcrypt",
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "pathexpand",
    "plantimestamp",
    "templatefile",
    "templatestring",
    "timestamp",
    "uuid",
];

impl<'a> Visitor<'a> for AsksHost<'_> {
    fn traversal(&mut self, _: Traversal<'a>) {}

    fn call(&mut self, call: &'a Call, _: Span) {
        let name = &call.name.name;
        let plain = name.strip_prefix("core::").unwrap_or(name);
        self.asks |= HOST_FUNCTIONS.contains(&plain) || self.module.functions.contains_key(name);
    }
}
