//! Type expressions: `list(string)`, `object({ a = optional(number, 1) })`,
//! `enum("a", "b")`, named types, and what they demand of a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use infra_syntax::ast::{Expr, ExprKind, Ident, ObjectItem, ObjectKey, TypeDecl};
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{ObjectAttr, Path, PathStep, Str, Type, Value, convert_closed, suggest};

use super::env::{Eval, error};
use super::expr::eval;
use super::scope::{Host, NoHost, Resolved, Scope};

/// What a type expression demands of a value.
#[derive(Clone, Debug)]
pub struct TypeConstraint {
    /// The type that values are converted to.
    pub ty: Type,
    /// Defaults, conditions and secrets; nothing if there are none.
    pub(super) node: Option<Arc<Node>>,
}

/// A part of a type expression in which something goes beyond the type.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: Children,
    pub(super) rules: Vec<Rule>,
    pub(super) secret: bool,
    /// Whether there are defaults here or below.
    pub(super) has_defaults: bool,
}

/// The parts of a type expression.
#[derive(Debug, Default)]
pub(super) enum Children {
    /// There are none that matter.
    #[default]
    None,
    /// The elements of a collection.
    Elements(Arc<Node>),
    /// The elements of a tuple.
    Tuple(Vec<Option<Arc<Node>>>),
    /// The attributes of an object.
    Object(BTreeMap<Str, Attr>),
}

/// An attribute of an object.
#[derive(Debug, Default)]
pub(super) struct Attr {
    pub(super) default: Option<Value>,
    pub(super) node: Option<Arc<Node>>,
}

/// What a value must fulfil.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// It is one of these texts.
    Enum { values: Vec<Str>, name: Option<Str> },
    /// The condition of a named type holds for it.
    Where { condition: Arc<Expr>, name: Str },
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The part of the value.
    pub path: Path,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The condition that does not hold.
    pub condition: Option<Span>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.0.is_empty() {
            write!(f, "at `{}`: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Gives meaning to the names of declared types.
pub type NamedTypes<'a> = &'a dyn Fn(&str) -> Option<TypeConstraint>;

/// Reads a type expression.
pub fn parse(expr: &Expr, named: NamedTypes<'_>) -> Result<TypeConstraint, Diagnostics> {
    read(expr, named)
}

/// Reads a `type` statement.
pub fn parse_decl(decl: &TypeDecl, named: NamedTypes<'_>) -> Result<TypeConstraint, Diagnostics> {
    let inner = read(&decl.ty, named)?;
    let name = decl.name.name.clone();
    let mut node = inner.own_node();
    for rule in &mut node.rules {
        if let Rule::Enum { name: own, .. } = rule
            && own.is_none()
        {
            *own = Some(name.clone());
        }
    }
    if let Some(condition) = &decl.condition {
        node.rules.push(Rule::Where {
            condition: Arc::new(condition.clone()),
            name,
        });
    }
    Ok(TypeConstraint::new(inner.ty, node))
}

impl TypeConstraint {
    /// Takes any value.
    pub fn any() -> TypeConstraint {
        TypeConstraint::from(Type::Dynamic)
    }

    fn new(ty: Type, node: Node) -> TypeConstraint {
        let plain = matches!(node.children, Children::None) && node.rules.is_empty() && !node.secret;
        TypeConstraint {
            ty,
            node: (!plain).then(|| Arc::new(node)),
        }
    }

    /// Returns a copy of the topmost node that can be added to.
    fn own_node(&self) -> Node {
        match &self.node {
            None => Node::default(),
            Some(node) => Node {
                children: match &node.children {
                    Children::None => Children::None,
                    Children::Elements(n) => Children::Elements(n.clone()),
                    Children::Tuple(ns) => Children::Tuple(ns.clone()),
                    Children::Object(attrs) => Children::Object(
                        attrs
                            .iter()
                            .map(|(name, attr)| {
                                let attr = Attr {
                                    default: attr.default.clone(),
                                    node: attr.node.clone(),
                                };
                                (name.clone(), attr)
                            })
                            .collect(),
                    ),
                },
                rules: node.rules.clone(),
                secret: node.secret,
                has_defaults: node.has_defaults,
            },
        }
    }

    /// Says whether the whole value is a secret.
    pub fn is_secret(&self) -> bool {
        self.node.as_ref().is_some_and(|n| n.secret)
    }

    /// Returns what the type is, with optional attributes marked.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Converts a value: fills in defaults, refuses attributes that the type does
    /// not have, checks conditions, and marks secrets as sensitive.
    ///
    /// The scope serves the functions that conditions call.
    pub fn apply(&self, value: Value, scope: &dyn Scope) -> Result<Value, Vec<Problem>> {
        super::type_apply::apply(self, value, scope)
    }
}

impl From<Type> for TypeConstraint {
    fn from(ty: Type) -> Self {
        TypeConstraint { ty, node: None }
    }
}

const CODE: &str = "infra::eval::invalid_type";

fn read(expr: &Expr, named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    match &expr.unparen().kind {
        ExprKind::Variable(name) => keyword(&name.name, expr.span, named),
        ExprKind::String(text) => match &**text {
            "string" | "list" | "map" => keyword(text, expr.span, named),
            _ => Err(Diagnostic::error(CODE, "a type is written without quotes")
                .at(expr.span, "a string")
                .help(format!("remove the quotes: `{text}`"))
                .into()),
        },
        ExprKind::Call(call) if !call.expand_final => constructor(&call.name, &call.args, expr.span, named),
        ExprKind::Null => error(CODE, "`null` is not a type", expr.span, "a type was expected"),
        _ => Err(Diagnostic::error(CODE, "a type was expected")
            .at(expr.span, "not a type")
            .help("types are `string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, `tuple([…])`, `object({…})`, `enum(…)` and named ones")
            .into()),
    }
}

fn keyword(name: &str, span: Span, named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    Ok(match name {
        "string" => Type::String.into(),
        "number" => Type::Number.into(),
        "bool" => Type::Bool.into(),
        "any" => TypeConstraint::any(),
        "list" => Type::list(Type::Dynamic).into(),
        "map" => Type::map(Type::Dynamic).into(),
        "set" => {
            return Err(Diagnostic::error(CODE, "`set` needs the type of its elements")
                .at(span, "of what?")
                .help("write `set(string)`, say")
                .into());
        }
        "object" | "tuple" | "enum" | "secret" | "optional" => {
            return Err(Diagnostic::error(CODE, format!("`{name}` needs an argument"))
                .at(span, "of what?")
                .help(format!("write it like `{}`", example(name)))
                .into());
        }
        _ => match named(name) {
            Some(ty) => ty,
            None => {
                let known = [
                    "string", "number", "bool", "any", "list", "set", "map", "object", "tuple",
                ];
                let mut d = Diagnostic::error(CODE, format!("there is no type `{name}`")).at(span, "not found");
                d.help = suggest(name, known).map(|near| format!("did you mean `{near}`?"));
                return Err(d.into());
            }
        },
    })
}

fn constructor(name: &Ident, args: &[Expr], span: Span, named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    match (&*name.name, args) {
        ("list", [of]) => elements(of, Type::list, named),
        ("set", [of]) => elements(of, Type::set, named),
        ("map", [of]) => elements(of, Type::map, named),
        ("secret", [of]) => {
            let inner = read(of, named)?;
            let mut node = inner.own_node();
            node.secret = true;
            Ok(TypeConstraint::new(inner.ty, node))
        }
        ("tuple", [of]) => match &of.unparen().kind {
            ExprKind::Tuple(items) => tuple(items, named),
            _ => Err(Diagnostic::error(CODE, "`tuple` takes a list of types in brackets")
                .at(of.span, "not a list")
                .help(format!("write it like `{}`", example("tuple")))
                .into()),
        },
        ("object", [of]) => match &of.unparen().kind {
            ExprKind::Object(items) => object(items, named),
            _ => Err(Diagnostic::error(CODE, "`object` takes attributes in braces")
                .at(of.span, "not an object")
                .help(format!("write it like `{}`", example("object")))
                .into()),
        },
        ("enum", values) => enumeration(values, span),
        ("optional", _) => Err(
            Diagnostic::error(CODE, "`optional` stands only at an attribute of `object({…})`")
                .at(span, "not an attribute")
                .help("a variable with a `default` need not be given; `null` is allowed unless `nullable = false`")
                .into(),
        ),
        ("list" | "set" | "map" | "secret" | "tuple" | "object", _) => {
            Err(Diagnostic::error(CODE, format!("`{}` takes one argument", name.name))
                .at(span, format!("it has {}", args.len()))
                .help(match (&*name.name, args) {
                    ("map", [_, _]) => "keys are always strings: give the type of the values only".to_owned(),
                    (name, _) => format!("write it like `{}`", example(name)),
                })
                .into())
        }
        _ => {
            let known = ["list", "set", "map", "object", "tuple", "optional", "enum", "secret"];
            let mut d =
                Diagnostic::error(CODE, format!("there is no type `{}(…)`", name.name)).at(name.span, "not found");
            d.help = suggest(&name.name, known).map(|near| format!("did you mean `{near}`?"));
            Err(d.into())
        }
    }
}

/// Returns how a constructor is used.
fn example(constructor: &str) -> &'static str {
    match constructor {
        "list" => "list(string)",
        "set" => "set(string)",
        "map" => "map(number)",
        "tuple" => "tuple([string, number])",
        "enum" => "enum(\"small\", \"large\")",
        "secret" => "secret(string)",
        "optional" => "object({ port = optional(number, 80) })",
        _ => "object({ name = string })",
    }
}

fn elements(of: &Expr, collection: fn(Type) -> Type, named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    let inner = read(of, named)?;
    let node = match inner.node {
        None => Node::default(),
        Some(inner) => Node {
            has_defaults: inner.has_defaults,
            children: Children::Elements(inner),
            ..Node::default()
        },
    };
    Ok(TypeConstraint::new(collection(inner.ty), node))
}

fn tuple(items: &[Expr], named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    let items = super::env::all(items.iter().map(|item| read(item, named)))?;
    let (types, nodes): (Vec<_>, Vec<_>) = items.into_iter().map(|item| (item.ty, item.node)).unzip();
    let node = if nodes.iter().all(Option::is_none) {
        Node::default()
    } else {
        Node {
            has_defaults: nodes.iter().flatten().any(|n| n.has_defaults),
            children: Children::Tuple(nodes),
            ..Node::default()
        }
    };
    Ok(TypeConstraint::new(Type::tuple(types), node))
}

fn object(items: &[ObjectItem], named: NamedTypes<'_>) -> Eval<TypeConstraint> {
    let mut types: BTreeMap<Str, ObjectAttr> = BTreeMap::new();
    let mut attrs = BTreeMap::new();
    let mut errors = Diagnostics::new();
    for item in items {
        let (name, span) = match &item.key {
            ObjectKey::Name(name) => (name.name.clone(), name.span),
            ObjectKey::Expr(key) => match key.as_literal_string() {
                Some(name) => (name.clone(), key.span),
                None => {
                    errors.push(
                        Diagnostic::error(CODE, "the name of an attribute must be written out")
                            .at(key.span, "not a name"),
                    );
                    continue;
                }
            },
        };
        match attribute(&item.value, named) {
            Ok((ty, optional, attr)) => {
                if attr.default.is_some() || attr.node.is_some() {
                    attrs.insert(name.clone(), attr);
                }
                if types.insert(name.clone(), ObjectAttr { ty, optional }).is_some() {
                    errors.push(
                        Diagnostic::error(CODE, format!("the attribute `{name}` is there twice")).at(span, "again"),
                    );
                }
            }
            Err(e) => errors.extend(e),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let node = if attrs.is_empty() {
        Node::default()
    } else {
        Node {
            has_defaults: attrs
                .values()
                .any(|a| a.default.is_some() || a.node.as_ref().is_some_and(|n| n.has_defaults)),
            children: Children::Object(attrs),
            ..Node::default()
        }
    };
    Ok(TypeConstraint::new(Type::Object(types.into()), node))
}

/// Reads the type of an attribute: the type, whether it is optional, and the rest.
fn attribute(expr: &Expr, named: NamedTypes<'_>) -> Eval<(Type, bool, Attr)> {
    let (of, optional, default) = match &expr.unparen().kind {
        ExprKind::Call(call) if &*call.name.name == "optional" => match &*call.args {
            [of] => (of, true, None),
            [of, default] => (of, true, Some(default)),
            _ => {
                return Err(Diagnostic::error(CODE, "`optional` takes a type and maybe a default")
                    .at(expr.span, format!("it has {}", call.args.len()))
                    .help(format!("write it like `{}`", example("optional")))
                    .into());
            }
        },
        _ => (expr, false, None),
    };
    let inner = read(of, named)?;
    let default = default.map(|expr| default_value(expr, &inner)).transpose()?;
    let attr = Attr {
        default,
        node: inner.node,
    };
    Ok((inner.ty, optional, attr))
}

/// Evaluates a default; it is converted, and completed when it is used.
fn default_value(expr: &Expr, of: &TypeConstraint) -> Eval {
    let value = eval(expr, &NoNames)?;
    match convert_closed(&value, &of.ty) {
        Ok(value) => Ok(value),
        Err(e) => error(
            CODE,
            format!("the default does not fit its type: {e}"),
            expr.span,
            format!("does not fit `{}`", of.ty),
        ),
    }
}

/// The scope of defaults: no names.
struct NoNames;

impl Scope for NoNames {
    fn resolve(&self, root: &Ident, _attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        Err(Diagnostic::error(
            CODE,
            format!(
                "a default in a type must be written out: it cannot refer to `{}`",
                root.name
            ),
        )
        .at(span, "a reference"))
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

fn enumeration(values: &[Expr], span: Span) -> Eval<TypeConstraint> {
    if values.is_empty() {
        return Err(Diagnostic::error(CODE, "`enum` needs at least one value")
            .at(span, "it has none")
            .help(format!("write it like `{}`", example("enum")))
            .into());
    }
    let texts = super::env::all(values.iter().map(|v| match v.unparen().as_literal_string() {
        Some(text) => Ok(text.clone()),
        None => error(CODE, "the values of `enum` are texts in quotes", v.span, "not a text"),
    }))?;
    let node = Node {
        rules: vec![Rule::Enum {
            values: texts,
            name: None,
        }],
        ..Node::default()
    };
    Ok(TypeConstraint::new(Type::String, node))
}

/// Returns the path one step further.
pub(super) fn step(path: &Path, step: PathStep) -> Path {
    path.join(step)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Names;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let got = match Names::usual().ty(text) {
            Ok(ty) => ty.ty.to_string(),
            Err(e) => format!("error: {}", e.iter().next().map_or("", |d| d.message.as_str())),
        };
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn types() {
        check("string", "string");
        check("\"string\"", "string");
        check("list", "list(any)");
        check("map(list(number))", "map(list(number))");
        check("tuple([string, set(bool)])", "tuple([string, set(bool)])");
        check(
            "object({ a = optional(string, \"x\"), \"b\" = any })",
            "object({ a = optional(string), b = any })",
        );
        check("enum(\"a\", \"b\")", "string");
        check("secret(list(string))", "list(string)");
    }

    #[test]
    fn what_is_no_type() {
        check("strin", "error: there is no type `strin`");
        check("set", "error: `set` needs the type of its elements");
        check("list(string, string)", "error: `list` takes one argument");
        check(
            "optional(string)",
            "error: `optional` stands only at an attribute of `object({…})`",
        );
        check("[string]", "error: a type was expected");
        check("enum()", "error: `enum` needs at least one value");
        check("enum(1)", "error: the values of `enum` are texts in quotes");
        check(
            "object({ a = optional(number, \"x\") })",
            "error: the default does not fit its type: a number is required",
        );
        check(
            "object({ a = optional(number, text) })",
            "error: a default in a type must be written out: it cannot refer to `text`",
        );
    }
}
