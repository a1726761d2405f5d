//! Module calls against the variables of the module.

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Attribute, Expr};
use infra_types::Value;

use super::Validator;
use super::context::Context;
use super::resource::{NoValues, without_host};
use crate::config::misfit::{Misfit, of_problems};
use crate::config::model::{Module, ModuleCall, Variable};
use crate::config::names;
use crate::eval::spans;

/// What a `module` block may hold besides values for variables.
const META: &[&str] = &["source", "count", "for_each", "enabled", "depends_on", "providers"];

impl<'a> Validator<'a, '_> {
    pub(super) fn call(&mut self, call: &'a ModuleCall) {
        self.repetition(&call.repetition);
        if let Some(enabled) = &call.enabled {
            self.names(Context::NONE).expr(enabled);
        }
        self.names(Context::NONE).dependencies(&call.depends_on);
        let child = self.config.module(call.child);
        let mut meant = Vec::new();
        for argument in call.args.values() {
            let before = self.out.0.len();
            self.names(Context::of(&call.repetition)).expr(&argument.expr);
            let names_are_right = self.out.0.len() == before;
            match child.variables.get(&argument.name.name) {
                Some(variable) if names_are_right => self.argument(call, argument, variable),
                Some(_) => {}
                None => {
                    let variables = child.variables.keys().map(|k| &**k);
                    meant.extend(names::nearest(&argument.name.name, variables));
                    self.unknown_argument(call, child, argument);
                }
            }
        }
        if self.module.unread.has(call.span) {
            return;
        }
        for variable in child.variables.values() {
            let name = &variable.name.name;
            if child.unread.has(variable.span) {
                continue;
            }
            if variable.default_span.is_none() && !call.args.contains_key(name) && !meant.contains(&&**name) {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::missing_argument",
                        format!("the module `{}` needs the argument `{name}`", call.name.name),
                    )
                    .at(call.span, format!("`{name}` is missing"))
                    .related(variable.span, "declared here, without a default")
                    .help(format!("add `{name} = …`")),
                );
            }
        }
    }

    fn unknown_argument(&mut self, call: &ModuleCall, child: &Module, argument: &Attribute) {
        let name = &argument.name.name;
        if child.may_declare(name) {
            return;
        }
        let known = child.variables.keys().map(|k| &**k).chain(META.iter().copied());
        let help = match (&**name, names::nearest(name, known)) {
            ("provider", _) => "write `providers = { aws = aws.west }`".to_owned(),
            ("lifecycle", _) => "`lifecycle` belongs in the resources of the module".to_owned(),
            (_, Some(near)) => format!("did you mean `{near}`?"),
            (_, None) => match names::list(child.variables.keys().map(|k| &**k)) {
                list if list.is_empty() => {
                    format!("the module in `{}` declares no variables", child.dir)
                }
                list => format!("its variables are {list}"),
            },
        };
        self.out.push(
            Diagnostic::error(
                "infra::config::unknown_argument",
                format!("the module `{}` has no variable `{name}`", call.name.name),
            )
            .at(argument.name.span, format!("not declared in `{}`", child.dir))
            .help(help),
        );
    }

    /// Checks what is known of an argument against the type of its variable.
    fn argument(&mut self, call: &ModuleCall, argument: &Attribute, variable: &Variable) {
        let scope = NoValues { module: self.module };
        let value = match without_host(&argument.expr, self.module, &scope) {
            Ok(value) => value,
            Err(errors) => return self.out.extend(errors),
        };
        if value.is_null() {
            if !variable.nullable && variable.default_span.is_none() {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::null_argument",
                        format!(
                            "`{}` of the module `{}` must not be null",
                            variable.name.name, call.name.name
                        ),
                    )
                    .at(argument.expr.span, "null")
                    .related(variable.span, "declared here with `nullable = false`"),
                );
            }
            return;
        }
        let Err(problems) = variable.convert(value.clone(), &scope) else {
            return;
        };
        for misfit in of_problems(problems, &value, &variable.ty.ty) {
            self.out.push(describe(call, &argument.expr, &value, variable, misfit));
        }
    }
}

fn describe(call: &ModuleCall, expr: &Expr, value: &Value, variable: &Variable, misfit: Misfit) -> Diagnostic {
    let place = spans::describe(&variable.name.name, &misfit.path);
    let mut d = Diagnostic::error(
        "infra::config::wrong_type",
        format!(
            "`{place}` of the module `{}` does not fit: {}",
            call.name.name, misfit.message
        ),
    )
    .at(misfit.span(expr), misfit.label(value))
    .related(variable.type_span.unwrap_or(variable.span), "the variable's type");
    if let Some(condition) = misfit.condition {
        d = d.related(condition, "the condition");
    }
    d.help = misfit.help;
    d
}
