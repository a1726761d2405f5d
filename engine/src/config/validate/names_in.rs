//! The names in expressions: declared, complete, and available where they stand.

use infra_providers::Registry;
use infra_syntax::ast::{self, Call, Expr, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Mode, Str, Type};

use super::context::Context;
use super::schema_path;
use crate::config::model::{Config, Module, ModuleCall, Reference, ReferenceTarget, Repetition, Resource};
use crate::config::names;
use crate::config::references::{Step, Traversal, Visitor, walk_body, walk_expr};

/// Checks the names in expressions of one module.
pub(super) struct Names<'a, 'o> {
    pub(super) config: &'a Config,
    pub(super) registry: &'a Registry,
    pub(super) module: &'a Module,
    pub(super) context: Context<'a>,
    pub(super) out: &'o mut Diagnostics,
    /// How many more suggestions may be searched for.
    pub(super) advice_left: &'o mut usize,
}

impl<'a> Visitor<'a> for Names<'a, '_> {
    fn traversal(&mut self, t: Traversal<'a>) {
        if let Err(d) = self.check(&t) {
            self.out.extend(d);
        }
    }

    fn call(&mut self, call: &'a Call, span: Span) {
        super::function::call(self.module, call, span, self.out);
    }
}

/// What is wrong; nothing if it was reported elsewhere.
type Finding = Result<(), Option<Diagnostic>>;

fn found(d: Diagnostic) -> Finding {
    Err(Some(d))
}

impl<'a> Names<'a, '_> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, expr: &'a Expr) {
        walk_expr(expr, self);
    }

    /// Checks a body.
    pub(super) fn body(&mut self, body: &'a ast::Body) {
        walk_body(body, self);
    }

    /// Checks `depends_on`.
    pub(super) fn dependencies(&mut self, references: &[Reference]) {
        for reference in references {
            let span = reference.span;
            let ident = |name: &Str| Ident {
                name: name.clone(),
                span,
            };
            let finding = match &reference.target {
                ReferenceTarget::Variable(name) => self.variable(&ident(name)).map(drop),
                ReferenceTarget::Local(name) => self.local(&ident(name)),
                ReferenceTarget::Module(name) | ReferenceTarget::ModuleOutput(name, _) => {
                    self.module_call(&ident(name)).map(drop)
                }
                ReferenceTarget::Resource(key) => self
                    .declared(key.mode, &ident(&key.ty), &ident(&key.name), span)
                    .map(drop),
                _ => Ok(()),
            };
            if let Err(d) = finding {
                self.out.extend(d);
            }
        }
    }

    /// Checks one reference.
    pub(super) fn check(&mut self, t: &Traversal<'a>) -> Finding {
        match &*t.root.name {
            "var" => {
                let name = self.first_name(t, "a variable's name", "var.region")?;
                let ty = &self.variable(name)?.ty.ty;
                self.typed(ty, &t.steps[1..], t, 1)
            }
            "local" => {
                let name = self.first_name(t, "a local value's name", "local.prefix")?;
                self.local(name)
            }
            "module" => self.module_reference(t),
            "each" => self.each(t),
            "count" => self.count(t),
            "self" => self.self_object(t),
            "path" => self.one_of(t, &["module", "root", "cwd"]),
            "terraform" | "infra" => self.one_of(t, &["workspace", "applying"]),
            "data" | "resource" => self.prefixed(t),
            _ => self.resource(t, Mode::Managed, t.root, 0),
        }
    }

    fn first_name(&self, t: &Traversal<'a>, what: &str, example: &str) -> Result<&'a Ident, Option<Diagnostic>> {
        t.name(0).ok_or_else(|| {
            Some(
                Diagnostic::error(
                    "infra::config::incomplete_reference",
                    format!("`{}` needs {what} after it", t.root.name),
                )
                .at(t.root.span, "not complete")
                .help(format!("write it like `{example}`")),
            )
        })
    }

    fn one_of(&self, t: &Traversal<'a>, known: &[&str]) -> Finding {
        let example = format!("{}.{}", t.root.name, known[0]);
        let name = self.first_name(t, "a name", &example)?;
        if known.contains(&&*name.name) {
            return Ok(());
        }
        found(unknown_attribute(
            &format!("`{}`", t.root.name),
            name,
            known.iter().copied(),
        ))
    }

    fn each(&self, t: &Traversal<'a>) -> Finding {
        if !self.context.each {
            return found(
                Diagnostic::error("infra::config::each_outside", "`each` has no meaning here")
                    .at(t.root.span, "not in a block with `for_each`")
                    .help(match (self.context.count, self.context.repeatable) {
                        (true, _) => "this block has `count`: use `count.index`, or write `for_each` in its place",
                        (_, true) => "add `for_each` to the block, or use a loop: `[for x in … : …]`",
                        (_, false) => "only blocks with `for_each` have it; for a loop write `[for x in … : …]`",
                    }),
            );
        }
        self.one_of(t, &["key", "value"])
    }

    fn count(&self, t: &Traversal<'a>) -> Finding {
        if !self.context.count {
            return found(
                Diagnostic::error("infra::config::count_outside", "`count` has no meaning here")
                    .at(t.root.span, "not in a block with `count`")
                    .help(match (self.context.each, self.context.repeatable) {
                        (true, _) => "this block has `for_each`: use `each.key` or `each.value`",
                        (_, true) => "add `count` to the block, or use a loop: `[for i in range(…) : …]`",
                        (_, false) => "only blocks with `count` have it; for a loop write `[for i in range(…) : …]`",
                    }),
            );
        }
        self.one_of(t, &["index"])
    }

    fn self_object(&self, t: &Traversal<'a>) -> Finding {
        if self.context.self_object {
            return Ok(());
        }
        found(
            Diagnostic::error("infra::config::self_outside", "`self` has no meaning here")
                .at(t.root.span, "not in a `postcondition`")
                .help("`self` stands for the object in its `postcondition` blocks"),
        )
    }

    /// Returns the advice for an unknown name, while there is budget to look for it.
    fn advice<'c>(
        &mut self,
        name: &str,
        known: impl Iterator<Item = &'c str> + Clone,
        there_is: &str,
        nothing: &str,
    ) -> String {
        if *self.advice_left == 0 {
            return nothing.to_owned();
        }
        *self.advice_left -= 1;
        names::advice(name, known, there_is, nothing)
    }

    /// Says whether a name may be declared in a part that could not be read.
    fn may_exist(&self, name: &str) -> bool {
        self.module.may_declare(name)
    }

    fn undeclared(&mut self, what: &str, kind: Kind, name: &Ident) -> Option<Diagnostic> {
        if self.may_exist(&name.name) {
            return None;
        }
        let module = self.module;
        let wanted = &*name.name;
        let plural = format!("the {what}s of this module are");
        let none = format!("this module declares no {what}s");
        let help = match kind {
            Kind::Variable => self.advice(wanted, module.variables.keys().map(|k| &**k), &plural, &none),
            Kind::Local => self.advice(wanted, module.locals.keys().map(|k| &**k), &plural, &none),
            Kind::Call => self.advice(wanted, module.calls.keys().map(|k| &**k), &plural, &none),
        };
        let elsewhere = match kind {
            Kind::Variable if module.locals.contains_key(wanted) => Some(format!("there is `local.{wanted}`")),
            Kind::Local if module.variables.contains_key(wanted) => Some(format!("there is `var.{wanted}`")),
            _ => None,
        };
        Some(
            Diagnostic::error("infra::config::undeclared", format!("there is no {what} `{wanted}`"))
                .at(name.span, "not declared in this module")
                .help(elsewhere.unwrap_or(help)),
        )
    }

    fn variable(&mut self, name: &Ident) -> Result<&'a crate::config::Variable, Option<Diagnostic>> {
        match self.module.variables.get(&name.name) {
            Some(variable) => Ok(variable),
            None => Err(self.undeclared("variable", Kind::Variable, name)),
        }
    }

    fn local(&mut self, name: &Ident) -> Finding {
        match self.module.locals.contains_key(&name.name) {
            true => Ok(()),
            false => Err(self.undeclared("local value", Kind::Local, name)),
        }
    }

    fn module_call(&mut self, name: &Ident) -> Result<&'a ModuleCall, Option<Diagnostic>> {
        match self.module.calls.get(&name.name) {
            Some(call) => Ok(call),
            None => Err(self.undeclared("module call", Kind::Call, name)),
        }
    }

    fn module_reference(&mut self, t: &Traversal<'a>) -> Finding {
        let name = self.first_name(t, "a module call's name", "module.network.vpc_id")?;
        let call = self.module_call(name)?;
        let address = format!("module.{}", name.name);
        let at = repeated(self.module, &address, &call.repetition, call.span, t, 1)?;
        let Some(Step::Attr(output)) = t.steps.get(at) else {
            return Ok(());
        };
        let child = self.config.module(call.child);
        if child.outputs.contains_key(&output.name) || child.may_declare(&output.name) {
            return Ok(());
        }
        let outputs = child.outputs.keys().map(|k| &**k);
        found(
            Diagnostic::error(
                "infra::config::unknown_output",
                format!("the module `{}` has no output `{}`", name.name, output.name),
            )
            .at(output.span, format!("not an output of `{}`", child.dir))
            .help(self.advice(&output.name, outputs, "its outputs are", "it has no outputs")),
        )
    }

    /// Checks `data.TYPE.NAME` and `resource.TYPE.NAME`.
    fn prefixed(&mut self, t: &Traversal<'a>) -> Finding {
        let (mode, example) = match &*t.root.name {
            "data" => (Mode::Data, "data.aws_region.here"),
            _ => (Mode::Managed, "resource.aws_vpc.main"),
        };
        let ty = self.first_name(t, "a type and a name", example)?;
        self.resource(t, mode, ty, 1)
    }

    /// Checks a reference to a resource whose type is followed by the step `at`.
    fn resource(&mut self, t: &Traversal<'a>, mode: Mode, ty: &'a Ident, at: usize) -> Finding {
        if let Some(near) = self.local_meant(t, mode) {
            return found(
                Diagnostic::error(
                    "infra::config::undeclared",
                    format!("there is nothing called `{}`", ty.name),
                )
                .at(ty.span, "not known")
                .help(format!("did you mean `{near}`?")),
            );
        }
        let Some(name) = t.name(at) else {
            return Err(self.no_value(t, mode, ty));
        };
        let resource = self.declared(mode, ty, name, t.span_of(at + 1))?;
        let address = resource.key.to_string();
        let next = repeated(self.module, &address, &resource.repetition, resource.span, t, at + 1)?;
        let Some(schema) = self.registry.schema(mode, &ty.name) else {
            return Ok(());
        };
        let mut end = next;
        match schema_path::follow(&schema.block, &t.steps[next..], &mut end) {
            Ok(()) => Ok(()),
            Err(e) => found(e.describe(&format!("`{}`", t.describe(end)))),
        }
    }

    /// Returns the loop variable or iterator that was probably meant.
    fn local_meant(&self, t: &Traversal<'a>, mode: Mode) -> Option<&'a str> {
        let root = &*t.root.name;
        if t.locals.is_empty() || mode == Mode::Data || self.registry.schema(mode, root).is_some() {
            return None;
        }
        let only = match t.locals.as_slice() {
            [only] if root.chars().count() == 1 => Some(*only),
            _ => None,
        };
        infra_types::suggest(root, t.locals.iter().copied()).or(only)
    }

    /// Finds a declared resource.
    fn declared(
        &mut self,
        mode: Mode,
        ty: &Ident,
        name: &Ident,
        span: Span,
    ) -> Result<&'a Resource, Option<Diagnostic>> {
        let key = crate::config::ResourceKey {
            mode,
            ty: ty.name.clone(),
            name: name.name.clone(),
        };
        if let Some(resource) = self.module.resources.get(&key) {
            return Ok(resource);
        }
        let scoped = self.context.check.and_then(|c| c.data.as_ref());
        if let Some(data) = scoped.filter(|data| data.key == key) {
            return Ok(data);
        }
        if self.may_exist(&name.name) {
            return Err(None);
        }
        Err(Some(super::declared::undeclared_resource(self, &key, ty, span)))
    }

    /// Says why a bare name has no value.
    fn no_value(&mut self, t: &Traversal<'a>, mode: Mode, ty: &Ident) -> Option<Diagnostic> {
        let name = &*ty.name;
        let is_type = self.registry.schema(mode, name).is_some();
        let module = self.module;
        let help = if is_type || mode == Mode::Data {
            format!(
                "a name must follow, as in `{}.main.id`",
                t.describe(usize::from(mode == Mode::Data))
            )
        } else if module.variables.contains_key(name) {
            format!("did you mean `var.{name}`?")
        } else if module.locals.contains_key(name) {
            format!("did you mean `local.{name}`?")
        } else if self.context.each && matches!(name, "key" | "value") {
            format!("did you mean `each.{name}`?")
        } else {
            match infra_types::suggest(name, ["true", "false", "null"]) {
                Some(word) => format!("did you mean `{word}`? Text needs quotes: `\"{name}\"`"),
                None => format!("text needs quotes: `\"{name}\"`"),
            }
        };
        let message = match is_type {
            true => format!("`{name}` is a type, not an object"),
            false => format!("there is nothing called `{name}`"),
        };
        Some(
            Diagnostic::error("infra::config::incomplete_reference", message)
                .at(ty.span, if is_type { "not complete" } else { "not known" })
                .help(help),
        )
    }

    /// Checks attributes of a value of a known type.
    fn typed(&self, ty: &Type, steps: &[Step<'a>], t: &Traversal<'a>, named: usize) -> Finding {
        if t.guarded {
            return Ok(());
        }
        let mut end = named;
        match schema_path::follow_type(ty, steps, &mut end) {
            Ok(()) => Ok(()),
            Err(e) => found(e.describe(&format!("`{}`", t.describe(end)))),
        }
    }
}

/// A kind of declaration that is mentioned by name.
#[derive(Clone, Copy)]
enum Kind {
    Variable,
    Local,
    Call,
}

/// Checks that a reference chooses an instance if, and only if, there are several.
///
/// Returns the step after those that choose.
fn repeated(
    module: &Module,
    address: &str,
    repetition: &Repetition,
    header: Span,
    t: &Traversal<'_>,
    at: usize,
) -> Result<usize, Option<Diagnostic>> {
    let next = t.steps.get(at);
    match (repetition, next) {
        (_, None) => Ok(at),
        (_, Some(Step::Splat(_))) => Ok(at + 1),
        (Repetition::Single, Some(Step::Attr(_))) => Ok(at),
        // A `count` that could not be read may stand there.
        (Repetition::Single, Some(Step::Index(_))) if module.unread.has(header) => Ok(at + 1),
        (Repetition::Single, Some(Step::Index(key))) => Err(Some(
            Diagnostic::error(
                "infra::config::unexpected_key",
                format!("`{address}` has no instances to choose from"),
            )
            .at(key.span, "a key, but there is only one object")
            .related(header, "declared without `count` and `for_each`")
            .help(format!(
                "remove the brackets, or write `{address}.NAME` for an attribute"
            )),
        )),
        (_, Some(Step::Index(_))) => Ok(at + 1),
        (Repetition::Count(_), Some(Step::Attr(name))) => Err(missing_key(address, "[0]", "count", name, header)),
        (Repetition::ForEach(_), Some(Step::Attr(name))) => {
            Err(missing_key(address, "[\"KEY\"]", "for_each", name, header))
        }
    }
}

fn missing_key(address: &str, key: &str, argument: &str, name: &Ident, header: Span) -> Option<Diagnostic> {
    let attribute = &name.name;
    let all = match argument {
        "count" => format!("`{address}[*].{attribute}`"),
        _ => format!("`[for x in {address} : x.{attribute}]`"),
    };
    Some(
        Diagnostic::error(
            "infra::config::missing_key",
            format!("`{address}` has several instances, and this does not say which"),
        )
        .at(name.span, format!("which instance's `{attribute}`?"))
        .related(header, format!("declared with `{argument}`"))
        .help(format!(
            "write `{address}{key}.{attribute}` for one of them, {all} for all"
        )),
    )
}

/// Says that something has no attribute of a name.
pub(super) fn unknown_attribute<'c>(
    what: &str,
    name: &Ident,
    known: impl IntoIterator<Item = &'c str> + Clone,
) -> Diagnostic {
    Diagnostic::error(
        "infra::config::unknown_attribute",
        format!("{what} has no attribute `{}`", name.name),
    )
    .at(name.span, "not known")
    .help(names::advice(
        &name.name,
        known,
        "its attributes are",
        "it has no attributes",
    ))
}
