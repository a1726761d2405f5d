//! Bodies to values: a block with its schema becomes an object.
//!
//! The value has the form that the schema says: all attributes and nested
//! blocks are there, null or empty when they are not written. Everything wrong
//! is reported at its own place, and what is wrong is unknown in the value, so
//! that nothing is reported twice.

use std::collections::BTreeMap;

use infra_providers::schema::{self, NestedBlock, Nesting};
use infra_syntax::ast::{self, Expr, ExprKind, FunctionDecl, Ident};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Marks, ObjectAttr, Str, Type, Value, ValueKind, convert_closed};

use super::scope::{Host, Resolved, Scope};
use super::spans;
use crate::config::Resource;
use crate::config::misfit::{described, misfits};
use crate::config::names;

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
    eval_block(body, owner, schema, scope)
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
        ValueKind::Object(entries.into()).into()
    }

    /// Adds what was not written. What is missing is reported, unless it was `meant`
    /// by a name that was reported already.
    fn fill(
        &mut self,
        entries: &mut BTreeMap<Str, Value>,
        meant: &[&str],
        owner: Owner<'_>,
        schema: &schema::Block,
    ) {
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
            entries.insert((*name).into(), value);
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
            entries.insert((*name).into(), value);
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
                Diagnostic::warning("infra::config::deprecated", format!("the argument `{name}` is deprecated"))
                    .at(attribute.name.span, "deprecated")
                    .help(advice),
            );
        }
        let Some(value) = self.value(attribute, &known.ty, scope) else {
            return Value::unknown(known.ty.clone());
        };
        if known.sensitive && !value.is_null() { value.sensitive() } else { value }
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
        if value.deep_marks().contains(Marks::EPHEMERAL) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::ephemeral_argument",
                    format!("`{}` would be stored, but its value exists during one run only", attribute.name.name),
                )
                .at(attribute.expr.span, "an ephemeral value"),
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

    /// Evaluates an argument that has the name of a nested block: `ingress = [{ … }]`.
    fn assigned_block(&mut self, attribute: &ast::Attribute, nested: &NestedBlock, scope: &dyn Scope) -> Value {
        let name = &*attribute.name.name;
        let object = assigned_type(&nested.block);
        let ty = match nested.nesting {
            Nesting::Single => object,
            Nesting::List => Type::list(object),
            Nesting::Set => Type::set(object),
        };
        if let ExprKind::Object(_) = &*attribute.expr.kind
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
                    Diagnostic::error(
                        "infra::config::wrong_labels",
                        format!("a `{name}` block has no labels"),
                    )
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

    fn nested(
        &mut self,
        body: &ast::Body,
        header: Span,
        name: &str,
        nested: &NestedBlock,
        scope: &dyn Scope,
    ) -> Value {
        let what = format!("the block `{name}`");
        let owner = Owner {
            what: &what,
            header,
            also: &[],
        };
        self.block(body, owner, &nested.block, scope)
    }

    fn dynamic_label<'b>(&mut self, block: &'b ast::Block) -> Option<&'b Ident> {
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
    fn dynamic(
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
                "iterator" => match &*attribute.expr.kind {
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
                            "what the blocks hold belongs into `content { … }`; the arguments are",
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
                    Diagnostic::error("infra::config::duplicate_block", "there is more than one `content` block")
                        .at(nested.header, "one too many")
                        .related(first.header, "the first is here"),
                ),
                (kind, _) => self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_block",
                        format!("a `dynamic` block has no block `{kind}`"),
                    )
                    .at(nested.header, "not known here")
                    .help("what the blocks hold belongs into `content { … }`"),
                ),
            }
        }
        for (what, missing) in [("argument `for_each`", for_each.is_none()), ("block `content`", content.is_none())] {
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

    fn host(&self) -> &dyn Host {
        self.outer.host()
    }
}

/// Returns the type of an object that is assigned to a block's name.
fn assigned_type(block: &schema::Block) -> Type {
    let attributes = block.attributes.iter().filter(|(_, a)| a.is_settable()).map(|(name, a)| {
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
    let items = || value.as_items().unwrap_or_default().iter().map(|v| complete(v, &nested.block)).collect();
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
        let value = given.get(*name).cloned();
        let value = match value {
            Some(value) if attribute.sensitive && !value.is_null() => value.sensitive(),
            Some(value) => value,
            None => Value::null_of(attribute.ty.clone()),
        };
        (Str::from(*name), value)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let value = match given.get(*name) {
            Some(value) => complete_nested(value, nested),
            None => nested.empty(),
        };
        (Str::from(*name), value)
    });
    Value::object(attributes.chain(blocks)).with_marks(value.marks)
}

/// Returns the error, and the argument that was probably meant.
fn unknown_argument<'s>(
    attribute: &ast::Attribute,
    owner: Owner<'s>,
    schema: &schema::Block,
) -> (Diagnostic, Option<&'s str>) {
    let name = &*attribute.name.name;
    let settable = schema.attributes.iter().filter(|(_, a)| a.is_settable()).map(|(n, _)| *n);
    let known = settable.chain(schema.blocks.keys().copied()).chain(owner.also.iter().copied());
    let d = Diagnostic::error(
        "infra::config::unknown_argument",
        format!("{} has no argument `{name}`", owner.what),
    )
    .at(attribute.name.span, "not known here")
    .help(names::advice(name, known.clone(), "its arguments are", "it takes no arguments"));
    (d, names::nearest(name, known))
}

fn unknown_block(kind: &Ident, is_dynamic: bool, owner: Owner<'_>, schema: &schema::Block) -> Diagnostic {
    let name = &*kind.name;
    if let Some(attribute) = schema.attributes.get(name) {
        let braces = match &attribute.ty {
            Type::Map(_) | Type::Object(_) | Type::Dynamic => "{ … }",
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => "[…]",
            _ => "…",
        };
        return Diagnostic::error(
            "infra::config::block_for_argument",
            format!("`{name}` is an argument of {}, not a block", owner.what),
        )
        .at(kind.span, "written as a block")
        .help(match is_dynamic {
            false => format!("write `{name} = {braces}`"),
            true => format!("write `{name} = {braces}`, with a `for` expression inside"),
        });
    }
    let also = owner.also.iter().copied().filter(|n| *n == "lifecycle");
    Diagnostic::error(
        "infra::config::unknown_block",
        format!("{} has no block `{name}`", owner.what),
    )
    .at(kind.span, "not known here")
    .help(names::advice(
        name,
        schema.blocks.keys().copied().chain(also),
        "its blocks are",
        "it holds no blocks",
    ))
}

fn missing_argument(name: &str, owner: Owner<'_>) -> Diagnostic {
    Diagnostic::error(
        "infra::config::missing_argument",
        format!("{} needs the argument `{name}`", owner.what),
    )
    .at(owner.header, format!("`{name}` is missing"))
    .help(format!("add `{name} = …`"))
}

fn missing_block(name: &str, nested: &NestedBlock, owner: Owner<'_>) -> Diagnostic {
    let many = match nested.min {
        1 => format!("a block `{name}`"),
        n => format!("at least {n} blocks `{name}`"),
    };
    Diagnostic::error("infra::config::missing_block", format!("{} needs {many}", owner.what))
        .at(owner.header, format!("`{name}` is missing"))
        .help(format!("add `{name} {{ … }}`"))
}

fn too_many_blocks(name: &str, most: usize, headers: &[Span]) -> Diagnostic {
    let what = match most {
        0 => format!("no `{name}` block may be written here"),
        1 => format!("only one `{name}` block may be written here"),
        n => format!("at most {n} `{name}` blocks may be written here"),
    };
    let at = headers.get(most).or(headers.last()).copied().unwrap_or_default();
    let mut d = Diagnostic::error("infra::config::too_many_blocks", what).at(at, "one too many");
    if let Some(first) = headers.first().filter(|first| **first != at) {
        d = d.related(*first, "the first is here");
    }
    d
}
