//! `variable` blocks.

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Attribute, Block};
use infra_types::{Type, Value};

use super::fields::Form;
use super::{Decoder, condition, constant};
use crate::config::misfit::of_problems;
use crate::config::model::Variable;
use crate::config::names::RESERVED_VARIABLES;
use crate::eval::type_expr::TypeConstraint;

const FORM: Form<'static> = Form {
    what: "a `variable` block",
    arguments: &["type", "default", "description", "sensitive", "nullable", "ephemeral"],
    blocks: &["validation"],
};

impl Decoder<'_> {
    pub(super) fn variable(&mut self, block: Block) {
        if !self.labels(&block, &["name"]) {
            return;
        }
        let name = block.labels[0].clone();
        let valid = self.valid_name(&name, "variable");
        if RESERVED_VARIABLES.contains(&&*name.name) {
            self.lose(std::slice::from_ref(&name));
            self.out.push(
                Diagnostic::error(
                    "infra::config::reserved_name",
                    format!("a variable cannot be called `{}`", name.name),
                )
                .at(name.span, "reserved")
                .help(format!(
                    "`{}` already has a meaning in `module` blocks; choose another name",
                    name.name
                )),
            );
            return;
        }
        FORM.check(&block.body, self.out);
        let mut variable = Variable {
            name: name.clone(),
            ty: TypeConstraint::any(),
            type_span: None,
            default: None,
            default_span: None,
            description: None,
            nullable: true,
            sensitive: false,
            ephemeral: false,
            validations: Vec::new(),
            span: block.header,
        };
        let mut default = None;
        for attribute in block.body.attributes {
            match &*attribute.name.name {
                "type" => {
                    variable.type_span = Some(attribute.expr.span);
                    variable.ty = self
                        .type_constraint(&attribute.expr)
                        .unwrap_or_else(TypeConstraint::any);
                }
                "default" => default = Some(attribute),
                "description" => variable.description = constant::text(&attribute, self.out),
                "sensitive" => variable.sensitive = constant::flag(&attribute, self.out).unwrap_or(true),
                "nullable" => variable.nullable = constant::flag(&attribute, self.out).unwrap_or(true),
                "ephemeral" => variable.ephemeral = constant::flag(&attribute, self.out).unwrap_or(true),
                _ => {}
            }
        }
        for nested in block.body.blocks {
            if &*nested.kind.name == "validation" {
                variable.validations.push(condition::condition(nested, self.out));
            }
        }
        if let Some(default) = default {
            variable.default_span = Some(default.expr.span);
            variable.default = Some(self.default_value(&variable, &default));
        }
        if valid && self.is_new(format!("variable `{}`", name.name), name.span) {
            self.folder.module.variables.insert(name.name, variable);
        }
    }

    /// Evaluates a default and converts it to the variable's type; unknown when it is wrong.
    fn default_value(&mut self, variable: &Variable, default: &Attribute) -> Value {
        let name = &variable.name.name;
        let unusable = Value::unknown(variable.ty.ty.clone());
        let Some(value) = constant::constant(&default.expr, self.out) else {
            return unusable;
        };
        if value.is_null() {
            if !variable.nullable {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::invalid_default",
                        format!("the default of variable `{name}` is null, and `nullable = false`"),
                    )
                    .at(default.expr.span, "null")
                    .help("give another default, or none to make the variable required"),
                );
                return unusable;
            }
            return match &variable.ty.ty {
                Type::Dynamic => value,
                ty => Value::null_of(ty.clone()),
            };
        }
        let problems = match variable.convert(value.clone(), &constant::NoNames) {
            Ok(value) => return value,
            Err(problems) => problems,
        };
        for misfit in of_problems(problems, &value, &variable.ty.ty) {
            let at = match misfit.path.0.is_empty() {
                true => String::new(),
                false => format!("at `{}`: ", misfit.path),
            };
            let mut d = Diagnostic::error(
                "infra::config::invalid_default",
                format!(
                    "the default of variable `{name}` does not fit its type: {at}{}",
                    misfit.message
                ),
            )
            .at(misfit.span(&default.expr), misfit.label(&value));
            if let Some(span) = misfit.condition.or(variable.type_span) {
                d = d.related(
                    span,
                    if misfit.condition.is_some() {
                        "the condition"
                    } else {
                        "the type"
                    },
                );
            }
            d.help = misfit.help;
            self.out.push(d);
        }
        unusable
    }
}
