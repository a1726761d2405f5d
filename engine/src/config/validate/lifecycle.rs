//! `lifecycle` blocks: attributes that exist, triggers that can trigger.

use infra_providers::schema::{self, Nesting};
use infra_syntax::Diagnostic;
use infra_syntax::ast::Expr;
use infra_types::Type;

use super::Validator;
use super::context::Context;
use crate::config::model::{AttributeRef, AttributeStep, IgnoreChanges, Lifecycle, ReferenceTarget, Resource};
use crate::config::names;
use crate::config::references::as_traversal;

impl<'a> Validator<'a, '_> {
    pub(super) fn lifecycle(&mut self, resource: &'a Resource, schema: Option<&schema::Block>) {
        let lifecycle = &resource.lifecycle;
        if lifecycle.span.is_none() {
            return;
        }
        let context = Context::of(&resource.repetition);
        for flag in flags(lifecycle) {
            self.names(context).expr(flag);
        }
        if let Some(adopt) = &lifecycle.adopt {
            self.names(context).expr(adopt);
            self.adopt(adopt);
        }
        for trigger in &lifecycle.replace_triggered_by {
            self.trigger(trigger, context);
        }
        self.conditions(&lifecycle.preconditions, context);
        let of_object = Context {
            self_object: true,
            ..context
        };
        self.conditions(&lifecycle.postconditions, of_object);
        let Some(schema) = schema else { return };
        if let IgnoreChanges::Some(attributes) = &lifecycle.ignore_changes {
            for attribute in attributes {
                self.ignored(attribute, schema, resource);
            }
        }
        for attribute in &lifecycle.external {
            self.attribute(attribute, schema, resource);
        }
    }

    fn adopt(&mut self, expr: &Expr) {
        self.out.push(
            Diagnostic::error(
                "infra::config::unsupported_adopt",
                "this version does not adopt objects by itself",
            )
            .at(expr.span, "not supported yet")
            .help("take the object over with an `import` block"),
        );
    }

    fn trigger(&mut self, expr: &'a Expr, context: Context<'a>) {
        let target = as_traversal(expr).and_then(|t| t.target());
        match target {
            Some(ReferenceTarget::Resource(key)) if key.mode == infra_types::Mode::Managed => {
                // A whole repeated resource is a trigger too, so its keys may be missing.
                self.names(context).expr(expr);
            }
            _ => self.out.push(
                Diagnostic::error(
                    "infra::config::invalid_trigger",
                    "`replace_triggered_by` takes managed resources, their instances and attributes",
                )
                .at(expr.span, "cannot trigger a replacement")
                .help(
                    "write a reference such as `aws_vpc.main.id`; for any other value put it \
                     into a `terraform_data` resource and refer to that",
                ),
            ),
        }
    }

    fn ignored(&mut self, attribute: &AttributeRef, schema: &schema::Block, resource: &Resource) {
        if !self.attribute(attribute, schema, resource) {
            return;
        }
        if let [AttributeStep::Name(name)] = attribute.steps.as_slice()
            && schema.attributes.get(&**name).is_some_and(|a| !a.is_settable())
        {
            self.out.push(
                Diagnostic::warning(
                    "infra::config::no_effect",
                    format!("ignoring changes of `{name}` has no effect"),
                )
                .at(attribute.span, "only set by the provider")
                .help("remove it: only what the configuration says can be ignored"),
            );
        }
    }

    /// Checks that a path leads to an attribute of the resource.
    fn attribute(&mut self, attribute: &AttributeRef, schema: &schema::Block, resource: &Resource) -> bool {
        let what = format!("`{}`", resource.key.ty);
        match in_block(&attribute.steps, schema) {
            Ok(()) => true,
            Err((name, known)) => {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_attribute",
                        format!("{what} has no attribute `{name}`"),
                    )
                    .at(attribute.span, "not known")
                    .help(names::advice(
                        &name,
                        known.iter().copied(),
                        "its attributes are",
                        "it has no attributes",
                    )),
                );
                false
            }
        }
    }
}

fn flags(lifecycle: &Lifecycle) -> impl Iterator<Item = &Expr> {
    [
        &lifecycle.create_before_destroy,
        &lifecycle.prevent_destroy,
        &lifecycle.protect,
    ]
    .into_iter()
    .flatten()
}

type Path<'s> = Result<(), (String, Vec<&'s str>)>;

fn in_block<'s>(steps: &[AttributeStep], block: &'s schema::Block) -> Path<'s> {
    let Some((AttributeStep::Name(name), rest)) = steps.split_first() else {
        return Ok(());
    };
    if let Some(attribute) = block.attributes.get(&**name) {
        return in_type(rest, &attribute.ty);
    }
    let Some(nested) = block.blocks.get(&**name) else {
        let known = block.attributes.keys().chain(block.blocks.keys()).copied().collect();
        return Err((name.to_string(), known));
    };
    match (nested.nesting, rest.first()) {
        (Nesting::Single, Some(AttributeStep::Name(_))) => in_block(rest, &nested.block),
        (_, Some(AttributeStep::Key(_) | AttributeStep::Index(_))) => in_block(&rest[1..], &nested.block),
        _ => Ok(()),
    }
}

fn in_type<'s>(steps: &[AttributeStep], ty: &'s Type) -> Path<'s> {
    match (steps.split_first(), ty) {
        (Some((AttributeStep::Name(name), rest)), Type::Object(attrs)) => match attrs.get(name) {
            Some(attribute) => in_type(rest, &attribute.ty),
            None => Err((name.to_string(), attrs.keys().map(|k| &**k).collect())),
        },
        (Some((_, rest)), Type::Map(elem) | Type::List(elem)) => in_type(rest, elem),
        _ => Ok(()),
    }
}
