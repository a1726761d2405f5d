//! `dynamic` blocks: one block per element of a collection.

use infra_providers::schema::NestedBlock;
use infra_syntax::ast::{self, ExprKind, FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Span};
use infra_types::{Marks, Type, Value, ValueKind};

use super::{Reader, Repeated};
use crate::config::misfit::described;
use crate::config::names;
use crate::eval::scope::{Host, Resolved, Scope};
use crate::eval::type_expr::TypeConstraint;

impl Reader<'_> {
    pub(super) fn dynamic_label<'b>(&mut self, block: &'b ast::Block) -> Option<&'b Ident> {
        if let [label] = block.labels.as_slice() {
            return Some(label);
        }
        self.out.push(
            Diagnostic::error(
                "infra::config::wrong_labels",
                "a `dynamic` block needs the kind of the blocks it makes",
            )
            .at(block.header, "one label is needed")
            .help("write `dynamic \"ingress\" {`"),
        );
        None
    }

    /// Makes the blocks of a `dynamic` block.
    pub(super) fn dynamic(
        &mut self,
        block: &ast::Block,
        name: &str,
        nested: &NestedBlock,
        scope: &dyn Scope,
        repeated: &mut Repeated,
    ) {
        let Some((for_each, iterator, content)) = self.dynamic_parts(block) else {
            repeated.unknown = true;
            return;
        };
        let collection = match (self.eval)(&for_each.expr, scope) {
            Ok(value) => value,
            Err(errors) => {
                self.out.extend(errors);
                Value::unknown(Type::Dynamic)
            }
        };
        if self.stored && collection.deep_marks().contains(Marks::EPHEMERAL) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::ephemeral_argument",
                    format!("the `{name}` blocks would be stored, but this value exists during one run only"),
                )
                .at(for_each.expr.span, "an ephemeral value"),
            );
            repeated.unknown = true;
            return;
        }
        repeated.marks = repeated.marks.union(collection.marks);
        let elements = elements(&collection);
        let bindings = match elements {
            Elements::Known(bindings) => bindings,
            Elements::Unknown => {
                repeated.unknown = true;
                let unknown = Value::unknown(Type::Dynamic);
                let scope = IteratorScope::new(scope, &iterator.name, unknown.clone(), unknown);
                self.nested(&content.body, block.header, name, nested, &scope);
                return;
            }
            Elements::None(why) => {
                self.out.push(
                    Diagnostic::error("infra::config::invalid_for_each", why)
                        .at(for_each.expr.span, "the blocks are made from this")
                        .help("give a list, set or map; for no block an empty one"),
                );
                repeated.unknown = true;
                return;
            }
        };
        if bindings.is_empty() && self.thorough {
            let unknown = Value::unknown(Type::Dynamic);
            let scope = IteratorScope::new(scope, &iterator.name, unknown.clone(), unknown);
            self.nested(&content.body, block.header, name, nested, &scope);
        }
        for (key, value) in bindings {
            let scope = IteratorScope::new(scope, &iterator.name, key, value.with_marks(collection.marks));
            let item = self.nested(&content.body, block.header, name, nested, &scope);
            repeated.items.push(item);
            repeated.headers.push(block.header);
        }
    }

    /// Checks the form of a `dynamic` block.
    fn dynamic_parts<'b>(&mut self, block: &'b ast::Block) -> Option<(&'b ast::Attribute, &'b Ident, &'b ast::Block)> {
        let before = self.out.0.len();
        let mut iterator = block.labels.first();
        let mut for_each = None;
        for attribute in &block.body.attributes {
            match &*attribute.name.name {
                "for_each" => for_each = Some(attribute),
                "iterator" => match &attribute.expr.kind {
                    ExprKind::Variable(name) => iterator = Some(name),
                    _ => self.out.push(
                        Diagnostic::error("infra::config::invalid_iterator", "`iterator` must be a bare name")
                            .at(attribute.expr.span, "not a name")
                            .help("write `iterator = rule`; the content then uses `rule.value`"),
                    ),
                },
                name => self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_argument",
                        format!("a `dynamic` block has no argument `{name}`"),
                    )
                    .at(attribute.name.span, "not known here")
                    .help(match name {
                        "labels" => "nested blocks have no labels; remove it".to_owned(),
                        _ => names::advice(
                            name,
                            ["for_each", "iterator"],
                            "what the blocks hold belongs in `content { … }`; the arguments are",
                            "",
                        ),
                    }),
                ),
            }
        }
        let mut content = None;
        for nested in &block.body.blocks {
            match (&*nested.kind.name, content) {
                ("content", None) => content = Some(nested),
                ("content", Some(first)) => self.out.push(
                    Diagnostic::error(
                        "infra::config::duplicate_block",
                        "there is more than one `content` block",
                    )
                    .at(nested.header, "one too many")
                    .related(first.header, "the first is here"),
                ),
                (kind, _) => self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_block",
                        format!("a `dynamic` block has no block `{kind}`"),
                    )
                    .at(nested.header, "not known here")
                    .help("what the blocks hold belongs in `content { … }`"),
                ),
            }
        }
        for (what, missing) in [
            ("argument `for_each`", for_each.is_none()),
            ("block `content`", content.is_none()),
        ] {
            if missing {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::missing_argument",
                        format!("a `dynamic` block needs the {what}"),
                    )
                    .at(block.header, "it is missing")
                    .help("write `for_each = …` and `content { … }`"),
                );
            }
        }
        if self.out.0[before..].iter().any(Diagnostic::is_error) {
            return None;
        }
        Some((for_each?, iterator?, content?))
    }
}

/// What a `dynamic` block iterates over.
enum Elements {
    /// Keys with values.
    Known(Vec<(Value, Value)>),
    /// Not known yet.
    Unknown,
    /// Nothing that can be iterated over; says why.
    None(String),
}

fn elements(collection: &Value) -> Elements {
    Elements::Known(match &collection.kind {
        ValueKind::Unknown(..) => return Elements::Unknown,
        ValueKind::Null(_) => return Elements::None("`for_each` must not be null".into()),
        ValueKind::Set(set) => {
            if !set.items.iter().all(Value::is_known) {
                return Elements::Unknown;
            }
            set.items.iter().map(|v| (v.clone(), v.clone())).collect()
        }
        _ => match (collection.as_items(), collection.as_entries()) {
            (Some(items), _) => (0i64..).map(Value::from).zip(items.iter().cloned()).collect(),
            (_, Some(entries)) => entries
                .iter()
                .map(|(k, v)| (Value::string(k.clone()), v.clone()))
                .collect(),
            _ => {
                let ty = described(&collection.ty());
                return Elements::None(format!("`for_each` needs a list, set or map, not {ty}"));
            }
        },
    })
}

/// Adds the iterator of a `dynamic` block to a scope.
struct IteratorScope<'a> {
    outer: &'a dyn Scope,
    name: &'a str,
    value: Value,
}

impl<'a> IteratorScope<'a> {
    fn new(outer: &'a dyn Scope, name: &'a str, key: Value, value: Value) -> Self {
        IteratorScope {
            outer,
            name,
            value: Value::object([("key", key), ("value", value)]),
        }
    }
}

impl Scope for IteratorScope<'_> {
    fn resolve(&self, root: &Ident, attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        if *root.name == *self.name {
            return Ok(Resolved {
                value: self.value.clone(),
                consumed: 0,
            });
        }
        self.outer.resolve(root, attrs, span)
    }

    fn user_function(&self, name: &str) -> Option<&FunctionDecl> {
        self.outer.user_function(name)
    }

    fn named_type(&self, name: &str) -> Option<TypeConstraint> {
        self.outer.named_type(name)
    }

    fn host(&self) -> &dyn Host {
        self.outer.host()
    }
}
