//! The typed syntax tree.
//!
//! Every node knows its span. The tree holds no comments; the formatter works
//! on tokens and takes only the structure from here.

use std::sync::Arc;

use crate::source::{SourceId, Span};

/// A shared piece of text.
pub type Str = Arc<str>;

/// One parsed file.
#[derive(Clone, Debug)]
pub struct File {
    /// Which file this is.
    pub source: SourceId,
    /// Its arguments and blocks.
    pub body: Body,
    /// `type name = …` statements.
    pub types: Vec<TypeDecl>,
    /// `function name(…): type = …` statements.
    pub functions: Vec<FunctionDecl>,
}

/// The contents of a file or of a block, in source order.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Arguments, `name = expression`.
    pub attributes: Vec<Attribute>,
    /// Nested blocks.
    pub blocks: Vec<Block>,
    /// The text between the braces, or the whole file.
    pub span: Span,
}

impl Body {
    /// Returns the first argument of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| &*a.name.name == name)
    }

    /// Iterates over the blocks of one kind.
    pub fn blocks_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> + 'a {
        self.blocks.iter().filter(move |b| &*b.kind.name == kind)
    }
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name, in NFC.
    pub name: Str,
    /// Where it stands.
    pub span: Span,
}

/// `name = expression`.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The argument's name.
    pub name: Ident,
    /// Its value.
    pub expr: Expr,
}

impl Attribute {
    /// Returns the place from the name to the end of the expression.
    pub fn span(&self) -> Span {
        self.name.span.to(self.expr.span)
    }
}

/// `kind label "label" { … }`.
#[derive(Clone, Debug)]
pub struct Block {
    /// The block's kind, such as `resource`.
    pub kind: Ident,
    /// Its labels, bare or quoted.
    pub labels: Vec<Ident>,
    /// What is between the braces.
    pub body: Body,
    /// The whole block.
    pub span: Span,
    /// From the kind to the last label: what a message points at.
    pub header: Span,
}

/// `type name = type-expression where condition`.
#[derive(Clone, Debug)]
pub struct TypeDecl {
    /// The name introduced.
    pub name: Ident,
    /// The type, in expression syntax (`list(string)`, `enum("a", "b")`, …).
    pub ty: Expr,
    /// The condition after `where`, about `self`.
    pub condition: Option<Expr>,
    /// The whole statement.
    pub span: Span,
}

/// `function name(param: type, …): type = expression`.
#[derive(Clone, Debug)]
pub struct FunctionDecl {
    /// The name introduced.
    pub name: Ident,
    /// Parameters in order.
    pub params: Vec<FunctionParam>,
    /// The type of the result.
    pub result: Expr,
    /// The body.
    pub body: Expr,
    /// The whole statement.
    pub span: Span,
}

/// One parameter of a function.
#[derive(Clone, Debug)]
pub struct FunctionParam {
    /// Its name.
    pub name: Ident,
    /// Its type, in expression syntax.
    pub ty: Expr,
}

/// An expression with its place.
///
/// Large configurations have millions of them, so they are small: a leaf is
/// held where it stands, everything else in one allocation of exactly its size.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, parentheses included.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number literal, its text as written (without sign).
    Number(Str),
    /// A quoted string or heredoc without interpolation, escapes resolved, in NFC.
    String(Str),
    /// A quoted string or heredoc with interpolation or directives.
    Template(Box<Template>),
    /// `[a, b]`.
    Tuple(Box<[Expr]>),
    /// `{ a = b, (c) = d }`.
    Object(Box<[ObjectItem]>),
    /// A bare name: the root of a reference, or a loop variable.
    Variable(Box<Ident>),
    /// `object.name`.
    GetAttr(Box<GetAttr>),
    /// `collection[key]`; also `collection.0`, with a number literal as key.
    Index(Box<Index>),
    /// `source.*.rest` or `source[*].rest`.
    Splat(Box<Splat>),
    /// `name(args…)`.
    Call(Box<Call>),
    /// `-x`, `!x`.
    Unary(UnaryOp, Box<Expr>),
    /// `a op b`.
    Binary(BinaryOp, Box<Operands>),
    /// `condition ? a : b`.
    Conditional(Box<Conditional>),
    /// `[for …]` or `{for …}`.
    For(Box<For>),
    /// `(inner)`.
    Paren(Box<Expr>),
}

/// `source.name`.
#[derive(Clone, Debug)]
pub struct GetAttr {
    /// What has the attribute.
    pub source: Expr,
    /// The attribute's name.
    pub name: Ident,
}

/// `source[key]`.
#[derive(Clone, Debug)]
pub struct Index {
    /// What is looked into.
    pub source: Expr,
    /// Which element.
    pub key: Expr,
}

/// `name(args…)`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's name (namespaces joined by `::`).
    pub name: Ident,
    /// The arguments.
    pub args: Box<[Expr]>,
    /// Whether `...` follows the last argument, which is then spread.
    pub expand_final: bool,
}

/// The two sides of an operator.
#[derive(Clone, Debug)]
pub struct Operands {
    /// Before the operator.
    pub left: Expr,
    /// After it.
    pub right: Expr,
}

/// `condition ? then : otherwise`.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// What decides.
    pub condition: Expr,
    /// The value if it holds.
    pub then: Expr,
    /// The value if it does not.
    pub otherwise: Expr,
}

/// One entry of an object constructor.
#[derive(Clone, Debug)]
pub struct ObjectItem {
    /// The key: a bare name stands for itself, everything else is evaluated.
    pub key: ObjectKey,
    /// The value.
    pub value: Expr,
}

/// The key of an object entry.
#[derive(Clone, Debug)]
pub enum ObjectKey {
    /// A bare name (`a = 1`).
    Name(Ident),
    /// Any other expression (`"a" = 1`, `(var.x) = 1`, `"${a}" = 1`, `1 = 2`).
    Expr(Box<Expr>),
}

/// A splat: `rest` is applied to each element of `source`.
#[derive(Clone, Debug)]
pub struct Splat {
    /// What is iterated over.
    pub source: Expr,
    /// Whether it is `[*]` (full) rather than `.*`.
    pub full: bool,
    /// The operations applied to each element.
    pub rest: Box<[Traverse]>,
    /// Where the `.*` or `[*]` stands.
    pub marker: Span,
}

/// One operation of a splat's tail.
#[derive(Clone, Debug)]
pub enum Traverse {
    /// `.name`.
    Attr(Ident),
    /// `[key]`.
    Index(Expr),
}

/// The variable of the loop that stands for a splat within a splat.
///
/// `a[*].b[*].c` is a [`For`] without key over `a[*]` whose value is
/// `item.b[*].c`; `item` has this name, which no file can use. As with any
/// splat, the result over a list or set is a list, over anything else a tuple.
pub const SPLAT_ITEM: &str = "*";

/// `[for k, v in coll : value if cond]` or `{for k, v in coll : key => value... if cond}`.
#[derive(Clone, Debug)]
pub struct For {
    /// The key variable, when two are given.
    pub key_var: Option<Ident>,
    /// The value variable.
    pub value_var: Ident,
    /// What is iterated over.
    pub collection: Expr,
    /// The key expression; present in the object form only.
    pub key: Option<Expr>,
    /// The value expression.
    pub value: Expr,
    /// Whether `...` groups values by key.
    pub group: bool,
    /// The filter.
    pub condition: Option<Expr>,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`.
    Neg,
    /// `!`.
    Not,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl BinaryOp {
    /// Returns the operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
        }
    }
}

/// A template: text with interpolations and directives.
///
/// Strip markers and heredoc indentation are already applied to the literals.
#[derive(Clone, Debug)]
pub struct Template {
    /// The parts in order.
    pub parts: Box<[TemplatePart]>,
    /// Whether it was written as a heredoc.
    pub heredoc: bool,
}

/// One part of a template.
#[derive(Clone, Debug)]
pub enum TemplatePart {
    /// Text, escapes resolved, in NFC.
    Literal(Str, Span),
    /// `${ expression }`.
    Interpolation(Expr),
    /// `%{ if condition }…%{ else }…%{ endif }`.
    If(Box<TemplateIf>),
    /// `%{ for k, v in collection }…%{ endfor }`.
    For(Box<TemplateFor>),
}

/// `%{ if condition }…%{ else }…%{ endif }`.
#[derive(Clone, Debug)]
pub struct TemplateIf {
    /// The condition.
    pub condition: Expr,
    /// Rendered when it holds.
    pub then: Box<[TemplatePart]>,
    /// Rendered when it does not.
    pub otherwise: Box<[TemplatePart]>,
}

/// `%{ for k, v in collection }…%{ endfor }`.
#[derive(Clone, Debug)]
pub struct TemplateFor {
    /// The key variable, when two are given.
    pub key_var: Option<Ident>,
    /// The value variable.
    pub value_var: Ident,
    /// What is iterated over.
    pub collection: Expr,
    /// Rendered for each element.
    pub body: Box<[TemplatePart]>,
}

impl Expr {
    /// Creates an expression.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// Returns the expression without surrounding parentheses.
    pub fn unparen(&self) -> &Expr {
        let mut e = self;
        while let ExprKind::Paren(inner) = &e.kind {
            e = inner;
        }
        e
    }

    /// Shows the expressions directly within this one, from left to right.
    pub fn each_child<'e>(&'e self, f: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Variable(_) => {}
            ExprKind::Template(template) => template.parts.iter().for_each(|part| part.each_child(f)),
            ExprKind::Tuple(items) => items.iter().for_each(f),
            ExprKind::Object(items) => {
                for item in items {
                    if let ObjectKey::Expr(key) = &item.key {
                        f(key);
                    }
                    f(&item.value);
                }
            }
            ExprKind::GetAttr(get) => f(&get.source),
            ExprKind::Index(index) => {
                f(&index.source);
                f(&index.key);
            }
            ExprKind::Splat(splat) => {
                f(&splat.source);
                for step in &splat.rest {
                    if let Traverse::Index(key) = step {
                        f(key);
                    }
                }
            }
            ExprKind::Call(call) => call.args.iter().for_each(f),
            ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => f(inner),
            ExprKind::Binary(_, sides) => {
                f(&sides.left);
                f(&sides.right);
            }
            ExprKind::Conditional(c) => {
                f(&c.condition);
                f(&c.then);
                f(&c.otherwise);
            }
            ExprKind::For(each) => {
                f(&each.collection);
                each.key.iter().for_each(&mut *f);
                f(&each.value);
                each.condition.iter().for_each(f);
            }
        }
    }

    /// Returns the text if this is a string without interpolation.
    pub fn as_literal_string(&self) -> Option<&Str> {
        match &self.kind {
            ExprKind::String(s) => Some(s),
            _ => None,
        }
    }
}

impl TemplatePart {
    fn each_child<'e>(&'e self, f: &mut dyn FnMut(&'e Expr)) {
        match self {
            TemplatePart::Literal(..) => {}
            TemplatePart::Interpolation(expr) => f(expr),
            TemplatePart::If(part) => {
                f(&part.condition);
                part.then.iter().chain(&part.otherwise).for_each(|p| p.each_child(f));
            }
            TemplatePart::For(part) => {
                f(&part.collection);
                part.body.iter().for_each(|p| p.each_child(f));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expr, ObjectItem, TemplatePart};

    #[test]
    fn nodes_are_small() {
        assert!(size_of::<Expr>() <= 40);
        assert!(size_of::<ObjectItem>() <= 72);
        assert!(size_of::<TemplatePart>() <= 40);
    }
}
