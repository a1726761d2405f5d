//! Nested blocks that are written as an argument: `ingress = [{ … }]`.

use infra_providers::schema::{self, NestedBlock, Nesting};
use infra_syntax::Diagnostic;
use infra_syntax::ast::{self, ExprKind};
use infra_types::{ObjectAttr, Str, Type, Value};

use super::Reader;
use crate::eval::scope::Scope;

impl Reader<'_> {
    /// Evaluates an argument that has the name of a nested block: `ingress = [{ … }]`.
    pub(super) fn assigned_block(
        &mut self,
        attribute: &ast::Attribute,
        nested: &NestedBlock,
        scope: &dyn Scope,
    ) -> Value {
        let name = &*attribute.name.name;
        let object = assigned_type(&nested.block);
        let ty = match nested.nesting {
            Nesting::Single => object,
            Nesting::List => Type::list(object),
            Nesting::Set => Type::set(object),
        };
        if let ExprKind::Object(_) = &attribute.expr.kind
            && nested.nesting != Nesting::Single
        {
            self.out.push(
                Diagnostic::error(
                    "infra::config::argument_for_block",
                    format!("`{name}` is a block, not an argument"),
                )
                .at(attribute.name.span, "written as an argument")
                .help(format!("write `{name} {{ … }}`, without `=`")),
            );
            return Value::unknown(nested.ty());
        }
        match self.value(attribute, &ty, scope) {
            None => Value::unknown(nested.ty()),
            Some(value) => complete_nested(&value, nested),
        }
    }
}

/// Returns the type of an object that is assigned to a block's name.
fn assigned_type(block: &schema::Block) -> Type {
    let attributes = block
        .attributes
        .iter()
        .filter(|(_, a)| a.is_settable())
        .map(|(name, a)| {
            let attr = ObjectAttr {
                ty: a.ty.clone(),
                optional: !a.required,
            };
            (Str::from(*name), attr)
        });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let object = assigned_type(&nested.block);
        let attr = ObjectAttr {
            ty: match nested.nesting {
                Nesting::Single => object,
                Nesting::List => Type::list(object),
                Nesting::Set => Type::set(object),
            },
            optional: nested.min == 0,
        };
        (Str::from(*name), attr)
    });
    Type::Object(std::sync::Arc::new(attributes.chain(blocks).collect()))
}

/// Brings the value assigned to a block's name into the schema's form.
fn complete_nested(value: &Value, nested: &NestedBlock) -> Value {
    if value.is_null() {
        return nested.empty();
    }
    if !value.is_known() {
        return Value::unknown(nested.ty()).with_marks(value.marks);
    }
    let object = nested.block.ty();
    let items = || {
        value
            .as_items()
            .unwrap_or_default()
            .iter()
            .map(|v| complete(v, &nested.block))
            .collect()
    };
    match nested.nesting {
        Nesting::Single => return complete(value, &nested.block),
        Nesting::List if object.has_dynamic() => Value::tuple(items()),
        Nesting::List => Value::list(object, items()),
        Nesting::Set => Value::set(object, items()),
    }
    .with_marks(value.marks)
}

fn complete(value: &Value, block: &schema::Block) -> Value {
    let Some(given) = value.as_entries() else {
        return value.clone();
    };
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let value = given.get(name).cloned();
        let value = match value {
            Some(value) if attribute.sensitive && !value.is_null() => value.sensitive(),
            Some(value) => value,
            None => Value::null_of(attribute.ty.clone()),
        };
        (Str::from(*name), value)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let value = match given.get(name) {
            Some(value) => complete_nested(value, nested),
            None => nested.empty(),
        };
        (Str::from(*name), value)
    });
    Value::object(attributes.chain(blocks)).with_marks(value.marks)
}
