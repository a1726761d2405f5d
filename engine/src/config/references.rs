//! What an expression or body mentions: its references, without evaluating anything.
//!
//! [`walk_expr`] and [`walk_body`] show every reference and call to a
//! [`Visitor`]; names introduced by `for`, template loops and `dynamic` blocks
//! are not references. [`references`] and [`body_references`] collect the
//! targets that the graph needs; malformed references are left to validation.

use std::collections::BTreeMap;

use infra_syntax::Span;
use infra_syntax::ast::{self, Call, Expr, ExprKind, Ident, ObjectKey, TemplatePart, Traverse};
use infra_types::Mode;

use super::model::{Reference, ReferenceTarget, ResourceKey};

/// A root name with everything that is applied to it: `aws_vpc.main[0].id`.
#[derive(Debug)]
pub struct Traversal<'a> {
    /// The first name.
    pub root: &'a Ident,
    /// What follows, in order.
    pub steps: Vec<Step<'a>>,
    /// From the root to the last step.
    pub span: Span,
    /// The names that the expression introduces around it.
    pub locals: Vec<&'a str>,
    /// Whether it stands in an argument of `try` or `can`, where it may fail.
    pub guarded: bool,
}

/// One step of a [`Traversal`].
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// `.name`.
    Attr(&'a Ident),
    /// `[key]`.
    Index(&'a Expr),
    /// `[*]` or `.*`; the steps after it apply to each element.
    Splat(Span),
}

/// Receives what [`walk_expr`] and [`walk_body`] find.
pub trait Visitor<'a> {
    /// A reference to a name that the expression does not introduce itself.
    fn traversal(&mut self, traversal: Traversal<'a>);

    /// A call of a function.
    fn call(&mut self, _call: &'a Call, _span: Span) {}
}

/// Shows all references and calls of an expression to a visitor, from left to right.
pub fn walk_expr<'a>(expr: &'a Expr, visitor: &mut dyn Visitor<'a>) {
    Walk::new(visitor).expr(expr);
}

/// As [`walk_expr`], where some names are introduced by the surroundings.
pub fn walk_expr_with<'a>(expr: &'a Expr, locals: &[&'a str], visitor: &mut dyn Visitor<'a>) {
    let mut walk = Walk::new(visitor);
    walk.locals.extend_from_slice(locals);
    walk.expr(expr);
}

/// Shows all references and calls of a resource's body to a visitor, `dynamic` blocks included.
pub fn walk_body<'a>(body: &'a ast::Body, visitor: &mut dyn Visitor<'a>) {
    Walk::new(visitor).body(body);
}

/// Returns what an expression mentions, sorted, each target once with its first place.
pub fn references(expr: &Expr) -> Vec<Reference> {
    let mut found = Collect::default();
    walk_expr(expr, &mut found);
    found.finish()
}

/// Returns what a resource's body mentions, sorted, each target once with its first place.
///
/// Iterators of `dynamic` blocks are names of the body itself, not references.
pub fn body_references(body: &ast::Body) -> Vec<Reference> {
    let mut found = Collect::default();
    walk_body(body, &mut found);
    found.finish()
}

/// Returns what the body of a `function` statement mentions besides its parameters.
pub fn function_references(function: &ast::FunctionDecl) -> Vec<Reference> {
    let params: Vec<&str> = function.params.iter().map(|p| &*p.name.name).collect();
    let mut found = Collect::default();
    walk_expr_with(&function.body, &params, &mut found);
    found.finish()
}

/// Returns the reference that an expression consists of, if it is nothing else.
pub fn as_traversal(expr: &Expr) -> Option<Traversal<'_>> {
    let (base, steps) = flatten(expr);
    match &base.kind {
        ExprKind::Variable(root) => Some(Traversal {
            root,
            steps,
            span: expr.span,
            locals: Vec::new(),
            guarded: false,
        }),
        _ => None,
    }
}

impl<'a> Traversal<'a> {
    /// Returns what it refers to, or nothing if it is malformed (`var` alone, `aws_vpc` alone).
    pub fn target(&self) -> Option<ReferenceTarget> {
        let name = |i: usize| self.name(i).map(|n| n.name.clone());
        Some(match &*self.root.name {
            "var" => ReferenceTarget::Variable(name(0)?),
            "local" => ReferenceTarget::Local(name(0)?),
            "module" => {
                let module = name(0)?;
                match self.steps.get(1) {
                    Some(Step::Attr(output)) => ReferenceTarget::ModuleOutput(module, output.name.clone()),
                    Some(Step::Index(_)) => match self.steps.get(2) {
                        Some(Step::Attr(output)) => ReferenceTarget::ModuleOutput(module, output.name.clone()),
                        _ => ReferenceTarget::Module(module),
                    },
                    _ => ReferenceTarget::Module(module),
                }
            }
            "each" => ReferenceTarget::Each,
            "count" => ReferenceTarget::Count,
            "self" => ReferenceTarget::SelfObject,
            "path" | "terraform" | "infra" => ReferenceTarget::Environment,
            _ => ReferenceTarget::Resource(self.resource()?.0),
        })
    }

    /// Returns the resource it refers to, and how many steps name it.
    pub fn resource(&self) -> Option<(ResourceKey, usize)> {
        let (mode, ty, at) = match &*self.root.name {
            "data" => (Mode::Data, self.name(0)?, 1),
            "resource" => (Mode::Managed, self.name(0)?, 1),
            _ => (Mode::Managed, self.root, 0),
        };
        let key = ResourceKey {
            mode,
            ty: ty.name.clone(),
            name: self.name(at)?.name.clone(),
        };
        Some((key, at + 1))
    }

    /// Returns the name at a step, if the step is one.
    pub fn name(&self, step: usize) -> Option<&'a Ident> {
        match self.steps.get(step) {
            Some(Step::Attr(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns the place of the first `steps` steps with the root.
    pub fn span_of(&self, steps: usize) -> Span {
        match steps.checked_sub(1).and_then(|last| self.steps.get(last)) {
            None => self.root.span,
            Some(Step::Attr(name)) => self.root.span.to(name.span),
            Some(Step::Index(key)) => {
                let end = Span {
                    end: (key.span.end + 1).min(self.span.end),
                    ..key.span
                };
                self.root.span.to(end)
            }
            Some(Step::Splat(marker)) => self.root.span.to(*marker),
        }
    }
}

impl Traversal<'_> {
    /// Returns the root with the first `steps` steps as they are written, keys shortened to `[…]`.
    pub(crate) fn describe(&self, steps: usize) -> String {
        let mut text = self.root.name.to_string();
        for step in self.steps.iter().take(steps) {
            match step {
                Step::Attr(name) => {
                    text.push('.');
                    text.push_str(&name.name);
                }
                Step::Index(key) => match &key.kind {
                    ExprKind::Number(n) => text.push_str(&format!("[{n}]")),
                    ExprKind::String(s) => text.push_str(&format!("[{}]", infra_types::address::quote(s))),
                    _ => text.push_str("[…]"),
                },
                Step::Splat(_) => text.push_str("[*]"),
            }
        }
        text
    }
}

/// Takes the postfix operations off an expression: what they apply to, and the operations in order.
fn flatten(expr: &Expr) -> (&Expr, Vec<Step<'_>>) {
    let mut base = expr;
    let mut steps = Vec::new();
    loop {
        match &base.kind {
            ExprKind::GetAttr(get) => {
                steps.push(Step::Attr(&get.name));
                base = &get.source;
            }
            ExprKind::Index(index) => {
                steps.push(Step::Index(&index.key));
                base = &index.source;
            }
            ExprKind::Splat(splat) => {
                steps.extend(splat.rest.iter().rev().map(|t| match t {
                    Traverse::Attr(name) => Step::Attr(name),
                    Traverse::Index(key) => Step::Index(key),
                }));
                steps.push(Step::Splat(splat.marker));
                base = &splat.source;
            }
            _ => break,
        }
    }
    steps.reverse();
    (base, steps)
}

/// The names of a `dynamic` block: which name its `content` sees.
pub(crate) fn dynamic_iterator(block: &ast::Block) -> Option<&Ident> {
    if let Some(iterator) = block.body.attribute("iterator") {
        return match &iterator.expr.kind {
            ExprKind::Variable(name) => Some(name),
            _ => None,
        };
    }
    block.labels.first()
}

struct Walk<'a, 'v> {
    /// Names that the expression introduces itself, innermost last.
    locals: Vec<&'a str>,
    /// How many calls of `try` and `can` are around.
    guarded: usize,
    visitor: &'v mut dyn Visitor<'a>,
}

impl<'a, 'v> Walk<'a, 'v> {
    fn new(visitor: &'v mut dyn Visitor<'a>) -> Self {
        Walk {
            locals: Vec::new(),
            guarded: 0,
            visitor,
        }
    }

    fn body(&mut self, body: &'a ast::Body) {
        for attribute in &body.attributes {
            self.expr(&attribute.expr);
        }
        for block in &body.blocks {
            if &*block.kind.name == "dynamic" {
                self.dynamic(block);
            } else {
                self.body(&block.body);
            }
        }
    }

    fn dynamic(&mut self, block: &'a ast::Block) {
        if let Some(for_each) = block.body.attribute("for_each") {
            self.expr(&for_each.expr);
        }
        let iterator = dynamic_iterator(block).map(|name| &*name.name);
        self.scoped(iterator, |walk| {
            for content in block.body.blocks_of("content") {
                walk.body(&content.body);
            }
        });
    }

    /// Runs `f` with further names introduced.
    fn scoped(&mut self, names: impl IntoIterator<Item = &'a str>, f: impl FnOnce(&mut Self)) {
        let before = self.locals.len();
        self.locals.extend(names);
        f(self);
        self.locals.truncate(before);
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Template(template) => self.parts(&template.parts),
            ExprKind::Tuple(items) => self.all(items),
            ExprKind::Object(items) => {
                for item in items {
                    if let ObjectKey::Expr(key) = &item.key {
                        self.expr(key);
                    }
                    self.expr(&item.value);
                }
            }
            ExprKind::Variable(_) | ExprKind::GetAttr(_) | ExprKind::Index(_) | ExprKind::Splat(_) => {
                self.chain(expr);
            }
            ExprKind::Call(call) => {
                self.visitor.call(call, expr.span);
                let guards = usize::from(matches!(&*call.name.name, "try" | "can" | "core::try" | "core::can"));
                self.guarded += guards;
                self.all(&call.args);
                self.guarded -= guards;
            }
            ExprKind::Unary(_, operand) | ExprKind::Paren(operand) => self.expr(operand),
            ExprKind::Binary(_, sides) => {
                self.expr(&sides.left);
                self.expr(&sides.right);
            }
            ExprKind::Conditional(c) => {
                self.expr(&c.condition);
                self.expr(&c.then);
                self.expr(&c.otherwise);
            }
            ExprKind::For(f) => {
                self.expr(&f.collection);
                self.scoped(loop_names(&f.key_var, &f.value_var), |walk| {
                    f.key.iter().for_each(|e| walk.expr(e));
                    walk.expr(&f.value);
                    f.condition.iter().for_each(|e| walk.expr(e));
                });
            }
        }
    }

    fn all(&mut self, exprs: &'a [Expr]) {
        exprs.iter().for_each(|e| self.expr(e));
    }

    fn chain(&mut self, expr: &'a Expr) {
        let (base, steps) = flatten(expr);
        let keys: Vec<&'a Expr> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Index(key) => Some(*key),
                _ => None,
            })
            .collect();
        match &base.kind {
            ExprKind::Variable(root) => {
                if !self.locals.contains(&&*root.name) {
                    self.visitor.traversal(Traversal {
                        root,
                        steps,
                        span: expr.span,
                        locals: self.locals.clone(),
                        guarded: self.guarded > 0,
                    });
                }
            }
            _ => self.expr(base),
        }
        keys.into_iter().for_each(|key| self.expr(key));
    }

    fn parts(&mut self, parts: &'a [TemplatePart]) {
        for part in parts {
            match part {
                TemplatePart::Literal(..) => {}
                TemplatePart::Interpolation(e) => self.expr(e),
                TemplatePart::If(part) => {
                    self.expr(&part.condition);
                    self.parts(&part.then);
                    self.parts(&part.otherwise);
                }
                TemplatePart::For(part) => {
                    self.expr(&part.collection);
                    self.scoped(loop_names(&part.key_var, &part.value_var), |walk| {
                        walk.parts(&part.body);
                    });
                }
            }
        }
    }
}

fn loop_names<'a>(key: &'a Option<Ident>, value: &'a Ident) -> impl Iterator<Item = &'a str> {
    key.iter().chain([value]).map(|name| &*name.name)
}

/// Collects targets with their first places.
#[derive(Default)]
struct Collect {
    found: BTreeMap<ReferenceTarget, Span>,
}

impl Collect {
    fn finish(self) -> Vec<Reference> {
        self.found
            .into_iter()
            .map(|(target, span)| Reference { target, span })
            .collect()
    }
}

impl<'a> Visitor<'a> for Collect {
    fn traversal(&mut self, traversal: Traversal<'a>) {
        if let Some(target) = traversal.target() {
            self.found.entry(target).or_insert(traversal.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_syntax::parse::{parse_expr, parse_file};
    use infra_syntax::{SourceId, Sources};

    fn show(reference: &Reference, text: &str) -> String {
        let mut sources = Sources::new();
        sources.add("test", text);
        format!("{:?} at `{}`", reference.target, sources.text(reference.span))
    }

    fn check(text: &str, expect: &[ReferenceTarget]) {
        let expr = parse_expr(text, SourceId(0)).expect("it parses");
        let found: Vec<ReferenceTarget> = references(&expr).into_iter().map(|r| r.target).collect();
        let mut expect = expect.to_vec();
        expect.sort();
        assert_eq!(found, expect, "{text}");
    }

    fn var(name: &str) -> ReferenceTarget {
        ReferenceTarget::Variable(name.into())
    }

    fn local(name: &str) -> ReferenceTarget {
        ReferenceTarget::Local(name.into())
    }

    fn resource(mode: Mode, ty: &str, name: &str) -> ReferenceTarget {
        ReferenceTarget::Resource(ResourceKey {
            mode,
            ty: ty.into(),
            name: name.into(),
        })
    }

    fn output(module: &str, output: &str) -> ReferenceTarget {
        ReferenceTarget::ModuleOutput(module.into(), output.into())
    }

    #[test]
    fn every_root_has_its_target() {
        check("var.a.b[local.c]", &[var("a"), local("c")]);
        check("aws_vpc.main[0].id", &[resource(Mode::Managed, "aws_vpc", "main")]);
        check("resource.aws_vpc.main", &[resource(Mode::Managed, "aws_vpc", "main")]);
        check("data.aws_ami.x.id", &[resource(Mode::Data, "aws_ami", "x")]);
        check(
            "each.key + count.index",
            &[ReferenceTarget::Each, ReferenceTarget::Count],
        );
        check("self.id", &[ReferenceTarget::SelfObject]);
        check(
            "\"${path.module}/${terraform.workspace}\"",
            &[ReferenceTarget::Environment],
        );
        check("1 + upper(\"x\")", &[]);
        check("var", &[]);
    }

    #[test]
    fn modules_are_mentioned_by_output_or_as_a_whole() {
        check("module.a.id", &[output("a", "id")]);
        check("module.a[\"k\"].id", &[output("a", "id")]);
        check("module.a[each.key].id", &[output("a", "id"), ReferenceTarget::Each]);
        check("module.a[*].id", &[ReferenceTarget::Module("a".into())]);
        check("module.a", &[ReferenceTarget::Module("a".into())]);
        check("[for m in module.a : m.id]", &[ReferenceTarget::Module("a".into())]);
    }

    #[test]
    fn loop_variables_are_no_references() {
        check(
            "{ for k, v in var.m : k => v.x if k != local.y }",
            &[var("m"), local("y")],
        );
        check("[for var in local.a : var.x]", &[local("a")]);
        check(
            "[[for x in local.a : x], x.y]",
            &[local("a"), resource(Mode::Managed, "x", "y")],
        );
        check(
            "\"%{ for x in var.l }${x.id}${local.z}%{ endfor }\"",
            &[var("l"), local("z")],
        );
    }

    #[test]
    fn the_first_place_is_kept() {
        let text = "[var.a.b, var.a]";
        let expr = parse_expr(text, SourceId(0)).expect("it parses");
        let found: Vec<String> = references(&expr).iter().map(|r| show(r, text)).collect();
        assert_eq!(found, ["Variable(\"a\") at `var.a.b`"]);
    }

    #[test]
    fn iterators_of_dynamic_blocks_are_names_of_the_body() {
        let text = "dynamic \"ingress\" {
  for_each = ingress.list
  content {
    port = ingress.value
    dynamic \"inner\" {
      for_each = ingress.value.inner
      iterator = it
      content {
        a = [it.key, ingress.key, inner.other, var.v]
      }
    }
  }
}
";
        let (file, errors) = parse_file(text, SourceId(0));
        assert!(errors.is_empty());
        let found: Vec<ReferenceTarget> = body_references(&file.body).into_iter().map(|r| r.target).collect();
        assert_eq!(
            found,
            [
                var("v"),
                resource(Mode::Managed, "ingress", "list"),
                resource(Mode::Managed, "inner", "other"),
            ]
        );
    }
}
