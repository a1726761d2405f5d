//! Bodies to values: a block with its schema becomes an object.
//!
//! The value has the form that the schema says: all attributes and nested
//! blocks are there, null or empty when they are not written. Everything wrong
//! is reported at its own place, and what is wrong is unknown in the value, so
//! that nothing is reported twice.

mod assigned;
mod dynamic;
mod messages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use infra_providers::schema::{self, NestedBlock, Nesting};
use infra_syntax::ast::{self, Expr};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Marks, Str, Type, Value, convert_closed};

use self::messages::{missing_argument, missing_block, too_many_blocks, unknown_argument, unknown_block};
use super::scope::Scope;
use super::spans;
use crate::config::Resource;
use crate::config::misfit::misfits;

/// What a body belongs to, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// What it is called, such as `` `aws_vpc` ``.
    pub what: &'a str,
    /// The block's header: where missing arguments are reported.
    pub header: Span,
    /// Names that are valid besides those of the schema, for suggestions only.
    pub also: &'a [&'a str],
}

/// The arguments and blocks that every resource may have.
pub const META: &[&str] = &["count", "for_each", "enabled", "depends_on", "provider", "lifecycle"];

/// Evaluates the body of a resource or data source.
pub fn eval_resource(resource: &Resource, schema: &schema::Block, scope: &dyn Scope) -> (Value, Diagnostics) {
    let what = format!("`{}`", resource.key.ty);
    let owner = Owner {
        what: &what,
        header: resource.span,
        also: META,
    };
    eval_block(&resource.body, owner, schema, scope)
}

/// Evaluates a body whose owner has no name; missing arguments are reported at its beginning.
///
/// Nothing of it is stored, so it may hold ephemeral values.
pub fn eval_body(body: &ast::Body, schema: &schema::Block, scope: &dyn Scope) -> (Value, Diagnostics) {
    let start = body.span.start.saturating_sub(1);
    let owner = Owner {
        what: "this block",
        header: Span {
            start,
            end: start + 1,
            ..body.span
        },
        also: &[],
    };
    let reader = Reader {
        stored: false,
        ..Reader::new(&super::eval, false)
    };
    reader.run(body, owner, schema, scope)
}

/// Evaluates a body.
pub fn eval_block(
    body: &ast::Body,
    owner: Owner<'_>,
    schema: &schema::Block,
    scope: &dyn Scope,
) -> (Value, Diagnostics) {
    Reader::new(&super::eval, false).run(body, owner, schema, scope)
}

/// Evaluates a body before values are known, to find what is wrong with it in any case.
///
/// `eval` may refuse to evaluate an expression by returning an unknown value.
pub(crate) fn check_block(
    body: &ast::Body,
    owner: Owner<'_>,
    schema: &schema::Block,
    scope: &dyn Scope,
    eval: Eval<'_>,
) -> (Value, Diagnostics) {
    Reader::new(eval, true).run(body, owner, schema, scope)
}

/// Evaluates an expression.
pub(crate) type Eval<'a> = &'a dyn Fn(&Expr, &dyn Scope) -> Result<Value, Diagnostics>;

struct Reader<'a> {
    eval: Eval<'a>,
    /// Whether the contents of `dynamic` blocks are looked at even if they make no block.
    thorough: bool,
    /// Whether the value is kept after the run, so that it must not hold ephemeral values.
    stored: bool,
    out: Diagnostics,
}

/// The blocks of one kind, as they are collected.
#[derive(Default)]
struct Repeated {
    items: Vec<Value>,
    /// How many there are is not known.
    unknown: bool,
    marks: Marks,
    /// The header of each, for messages.
    headers: Vec<Span>,
}

impl<'a> Reader<'a> {
    fn new(eval: Eval<'a>, thorough: bool) -> Self {
        Reader {
            eval,
            thorough,
            stored: true,
            out: Diagnostics::new(),
        }
    }

    fn run(
        mut self,
        body: &ast::Body,
        owner: Owner<'_>,
        schema: &schema::Block,
        scope: &dyn Scope,
    ) -> (Value, Diagnostics) {
        let value = self.block(body, owner, schema, scope);
        self.out.sort();
        (value, self.out)
    }

    fn block(&mut self, body: &ast::Body, owner: Owner<'_>, schema: &schema::Block, scope: &dyn Scope) -> Value {
        let mut entries: BTreeMap<Str, Value> = BTreeMap::new();
        let mut meant: Vec<&str> = Vec::new();
        for attribute in &body.attributes {
            let name = &*attribute.name.name;
            let value = if let Some(known) = schema.attributes.get(name) {
                self.attribute(attribute, known, scope)
            } else if let Some(nested) = schema.blocks.get(name) {
                self.assigned_block(attribute, nested, scope)
            } else {
                let (d, near) = unknown_argument(attribute, owner, schema);
                self.out.push(d);
                meant.extend(near);
                continue;
            };
            entries.insert(attribute.name.name.clone(), value);
        }
        for (name, repeated) in self.nested_blocks(body, owner, schema, scope) {
            let nested = &schema.blocks[name];
            let value = self.collect(name, nested, repeated);
            entries.insert(name.into(), value);
        }
        self.fill(&mut entries, &meant, owner, schema);
        Value::object(entries)
    }

    /// Adds what was not written. What is missing is reported, unless it was `meant`
    /// by a name that was reported already.
    fn fill(&mut self, entries: &mut BTreeMap<Str, Value>, meant: &[&str], owner: Owner<'_>, schema: &schema::Block) {
        for (name, attribute) in &schema.attributes {
            if entries.contains_key(*name) {
                continue;
            }
            let mut value = Value::null_of(attribute.ty.clone());
            if attribute.required {
                if !meant.contains(name) {
                    self.out.push(missing_argument(name, owner));
                }
                value = Value::unknown(attribute.ty.clone());
            }
            entries.insert(infra_types::name(name), value);
        }
        for (name, nested) in &schema.blocks {
            if entries.contains_key(*name) {
                continue;
            }
            let mut value = nested.empty();
            if nested.min > 0 {
                self.out.push(missing_block(name, nested, owner));
                value = Value::unknown(nested.ty());
            }
            entries.insert(infra_types::name(name), value);
        }
    }

    fn attribute(&mut self, attribute: &ast::Attribute, known: &schema::Attribute, scope: &dyn Scope) -> Value {
        let name = &*attribute.name.name;
        if !known.is_settable() {
            self.out.push(
                Diagnostic::error(
                    "infra::config::read_only_argument",
                    format!("`{name}` cannot be set: it is a result of the object"),
                )
                .at(attribute.name.span, "only set by the provider")
                .help("remove it; other blocks can refer to it"),
            );
            return Value::unknown(known.ty.clone());
        }
        if let Some(advice) = known.deprecated {
            self.out.push(
                Diagnostic::warning(
                    "infra::config::deprecated",
                    format!("the argument `{name}` is deprecated"),
                )
                .at(attribute.name.span, "deprecated")
                .help(advice),
            );
        }
        let Some(value) = self.value(attribute, &known.ty, scope) else {
            return Value::unknown(known.ty.clone());
        };
        if known.sensitive && !value.is_null() {
            value.sensitive()
        } else {
            value
        }
    }

    /// Evaluates an argument and converts it; nothing if that was reported as wrong.
    fn value(&mut self, attribute: &ast::Attribute, ty: &Type, scope: &dyn Scope) -> Option<Value> {
        let value = match (self.eval)(&attribute.expr, scope) {
            Ok(value) => value,
            Err(errors) => {
                self.out.extend(errors);
                return None;
            }
        };
        if self.stored && value.deep_marks().contains(Marks::EPHEMERAL) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::ephemeral_argument",
                    format!(
                        "`{}` would be stored, but its value exists during one run only",
                        attribute.name.name
                    ),
                )
                .at(attribute.expr.span, "an ephemeral value")
                .help("ephemeral values can be used in `provider` blocks, conditions, and variables and outputs declared `ephemeral`"),
            );
            return None;
        }
        if let Ok(value) = convert_closed(&value, ty) {
            return Some(value);
        }
        for misfit in misfits(&value, ty) {
            let place = spans::describe(&attribute.name.name, &misfit.path);
            let mut d = Diagnostic::error(
                "infra::config::wrong_type",
                format!("`{place}` does not fit: {}", misfit.message),
            )
            .at(misfit.span(&attribute.expr), misfit.label(&value));
            d.help = misfit.help;
            self.out.push(d);
        }
        None
    }

    /// Evaluates the nested blocks, kind by kind.
    fn nested_blocks<'s>(
        &mut self,
        body: &ast::Body,
        owner: Owner<'_>,
        schema: &'s schema::Block,
        scope: &dyn Scope,
    ) -> BTreeMap<&'s str, Repeated> {
        let mut kinds: BTreeMap<&'s str, Repeated> = BTreeMap::new();
        for block in &body.blocks {
            let is_dynamic = &*block.kind.name == "dynamic";
            let kind = match is_dynamic {
                false => &block.kind,
                true => match self.dynamic_label(block) {
                    Some(label) => label,
                    None => continue,
                },
            };
            let Some((name, nested)) = schema.blocks.get_key_value(&*kind.name) else {
                self.out.push(unknown_block(kind, is_dynamic, owner, schema));
                continue;
            };
            if body.attribute(name).is_some() {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::argument_for_block",
                        format!("`{name}` is written both as a block and as an argument"),
                    )
                    .at(block.header, "a block here")
                    .help("use one of the two forms"),
                );
                continue;
            }
            let repeated = kinds.entry(*name).or_default();
            if is_dynamic {
                self.dynamic(block, name, nested, scope, repeated);
                continue;
            }
            if let Some(label) = block.labels.first() {
                self.out.push(
                    Diagnostic::error("infra::config::wrong_labels", format!("a `{name}` block has no labels"))
                        .at(label.span, "one label too many")
                        .help(format!("write `{name} {{ … }}`")),
                );
            }
            let value = self.nested(&block.body, block.header, name, nested, scope);
            repeated.items.push(value);
            repeated.headers.push(block.header);
        }
        kinds
    }

    fn nested(&mut self, body: &ast::Body, header: Span, name: &str, nested: &NestedBlock, scope: &dyn Scope) -> Value {
        let what = format!("the block `{name}`");
        let owner = Owner {
            what: &what,
            header,
            also: &[],
        };
        self.block(body, owner, &nested.block, scope)
    }

    /// Makes the value of all blocks of one kind.
    fn collect(&mut self, name: &str, nested: &NestedBlock, repeated: Repeated) -> Value {
        if repeated.unknown {
            return match nested.nesting {
                Nesting::Single => Value::unknown(nested.ty()),
                _ => Value::unknown_not_null(nested.ty()),
            }
            .with_marks(repeated.marks);
        }
        let mut items = repeated.items;
        let most = match nested.nesting {
            Nesting::Single => Some(1),
            _ => nested.max,
        };
        if let Some(most) = most
            && items.len() > most
        {
            self.out.push(too_many_blocks(name, most, &repeated.headers));
            return Value::unknown(nested.ty());
        }
        if items.len() < nested.min
            && let Some(header) = repeated.headers.first()
        {
            self.out.push(
                Diagnostic::error(
                    "infra::config::missing_block",
                    format!("at least {} `{name}` blocks are needed", nested.min),
                )
                .at(*header, format!("only {} here", items.len())),
            );
            return Value::unknown(nested.ty());
        }
        let object = nested.block.ty();
        match nested.nesting {
            Nesting::Single => items.pop().unwrap_or_else(|| nested.empty()),
            Nesting::List if object.has_dynamic() => Value::tuple(items),
            Nesting::List => Value::list(object, items),
            Nesting::Set => Value::set(object, items),
        }
        .with_marks(repeated.marks)
    }
}
