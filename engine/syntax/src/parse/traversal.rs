//! Traversals: attributes, indexes and splats after an operand.

use std::iter::Peekable;
use std::vec::IntoIter;

use crate::ast::{Expr, ExprKind, For, GetAttr, Ident, Index, SPLAT_ITEM, Splat, Traverse};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::expr::{Builder, Built, exact};
use super::{Pair, Pairs, Rule};

/// One step of a traversal.
enum Step {
    Attr(Ident),
    /// `.0`.
    Legacy(Built),
    /// `[key]`, and where it ends.
    Key(Built, Span),
    /// `.*`.
    AttrSplat(Span),
    /// `[*]`.
    FullSplat(Span),
}

impl Step {
    fn is_splat(&self) -> bool {
        matches!(self, Step::AttrSplat(_) | Step::FullSplat(_))
    }
}

/// How many splats one traversal may have; each nests in the one before.
const MAX_SPLATS: usize = 50;

impl Builder<'_> {
    pub(super) fn steps(&mut self, source: Built, parts: &mut Peekable<Pairs<'_>>) -> Built {
        let mut built = source;
        let mut steps = Vec::new();
        while let Some(pair) = parts.next_if(|p| is_step(Some(p))) {
            let step = self.step(pair);
            if steps.is_empty() && !step.is_splat() {
                built = self.apply(built, step);
            } else {
                steps.push(step);
            }
        }
        if steps.is_empty() {
            return built;
        }
        if steps.iter().filter(|s| s.is_splat()).count() > MAX_SPLATS {
            self.report_too_deep(built.expr.span);
            return self.leaf(ExprKind::Null, built.expr.span);
        }
        self.traverse(built, &mut steps.into_iter().peekable())
    }

    fn step(&mut self, pair: Pair<'_>) -> Step {
        match pair.as_rule() {
            Rule::ident => Step::Attr(self.ident(&pair)),
            Rule::number => Step::Legacy(self.legacy_index(&pair)),
            Rule::star => Step::AttrSplat(self.span_from(&pair, '.')),
            _ => {
                let at = self.span_from(&pair, '[');
                match pair.into_inner().next() {
                    Some(key) if key.as_rule() == Rule::expr => Step::Key(self.expr(key), at),
                    _ => Step::FullSplat(at),
                }
            }
        }
    }

    /// `.0`. Two in a row read as one number, which HCL refuses as well.
    fn legacy_index(&mut self, pair: &Pair<'_>) -> Built {
        let span = self.span(pair);
        let text = pair.as_str();
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return self.leaf(ExprKind::Number(text.into()), span);
        }
        let brackets: String = text.split('.').map(|n| format!("[{n}]")).collect();
        self.diagnostics.push(
            Diagnostic::error("infra::syntax::legacy_index", format!("`.{text}` is not a valid index"))
                .at(span, "reads as a fraction")
                .help(format!("write `{brackets}`")),
        );
        self.leaf(ExprKind::Number("0".into()), span)
    }

    fn apply(&mut self, source: Built, step: Step) -> Built {
        let start = source.expr.span;
        match step {
            Step::Attr(name) => {
                let span = start.to(name.span);
                let get = GetAttr {
                    source: source.expr,
                    name,
                };
                self.node(ExprKind::GetAttr(Box::new(get)), span, source.depth)
            }
            Step::Key(key, at) => {
                let depth = source.depth.max(key.depth);
                self.node(index(source.expr, key.expr), start.to(at), depth)
            }
            Step::Legacy(key) => {
                let span = start.to(key.expr.span);
                self.node(index(source.expr, key.expr), span, source.depth)
            }
            Step::AttrSplat(_) | Step::FullSplat(_) => source,
        }
    }

    fn traverse(&mut self, mut built: Built, steps: &mut Peekable<IntoIter<Step>>) -> Built {
        while let Some(step) = steps.next() {
            built = match step {
                Step::AttrSplat(marker) => self.attr_splat(built, marker, steps),
                Step::FullSplat(marker) => self.full_splat(built, marker, steps),
                step => self.apply(built, step),
            };
        }
        built
    }

    /// `.*` takes the names and `.0` that follow.
    fn attr_splat(&mut self, source: Built, marker: Span, steps: &mut Peekable<IntoIter<Step>>) -> Built {
        let mut rest = Vec::new();
        let mut depth = source.depth;
        let mut span = source.expr.span.to(marker);
        while let Some(step) = steps.next_if(|s| matches!(s, Step::Attr(_) | Step::Legacy(_))) {
            push_rest(&mut rest, step, &mut span, &mut depth);
        }
        if let Some(Step::AttrSplat(second)) = steps.peek() {
            self.diagnostics.push(
                Diagnostic::error("infra::syntax::nested_splat", "a `.*` cannot follow another `.*`")
                    .at(*second, "second `.*`")
                    .related(marker, "first `.*`")
                    .help("use `[*]` instead of `.*`"),
            );
        }
        let kind = ExprKind::Splat(Box::new(Splat {
            source: source.expr,
            full: false,
            rest: exact(rest),
            marker,
        }));
        self.node(kind, span, depth)
    }

    /// `[*]` takes everything that follows.
    ///
    /// A second splat in there applies to each element of the first. The tree
    /// says so with a loop: `a[*].b[*].c` is `[for * in a[*] : *.b[*].c]`.
    fn full_splat(&mut self, source: Built, marker: Span, steps: &mut Peekable<IntoIter<Step>>) -> Built {
        let mut plain = Vec::new();
        while let Some(step) = steps.next_if(|s| !s.is_splat()) {
            plain.push(step);
        }
        let mut rest = Vec::new();
        let mut span = source.expr.span.to(marker);
        let mut depth = source.depth;
        if steps.peek().is_none() {
            for step in plain {
                push_rest(&mut rest, step, &mut span, &mut depth);
            }
            let kind = ExprKind::Splat(Box::new(Splat {
                source: source.expr,
                full: true,
                rest: exact(rest),
                marker,
            }));
            return self.node(kind, span, depth);
        }
        let kind = ExprKind::Splat(Box::new(Splat {
            source: source.expr,
            full: true,
            rest: exact(rest),
            marker,
        }));
        let collection = self.node(kind, span, depth);
        let item = Ident {
            name: SPLAT_ITEM.into(),
            span: marker,
        };
        let mut value = self.leaf(ExprKind::Variable(Box::new(item.clone())), marker);
        for step in plain {
            value = self.apply(value, step);
        }
        let value = self.traverse(value, steps);
        let span = span.to(value.expr.span);
        let depth = collection.depth.max(value.depth);
        let kind = ExprKind::For(Box::new(For {
            key_var: None,
            value_var: item,
            collection: collection.expr,
            key: None,
            value: value.expr,
            group: false,
            condition: None,
        }));
        self.node(kind, span, depth)
    }
}

fn index(source: Expr, key: Expr) -> ExprKind {
    ExprKind::Index(Box::new(Index { source, key }))
}

fn push_rest(rest: &mut Vec<Traverse>, step: Step, span: &mut Span, depth: &mut u32) {
    match step {
        Step::Attr(name) => {
            *span = span.to(name.span);
            rest.push(Traverse::Attr(name));
        }
        Step::Legacy(key) => {
            *span = span.to(key.expr.span);
            rest.push(Traverse::Index(key.expr));
        }
        Step::Key(key, at) => {
            *span = span.to(at);
            *depth = (*depth).max(key.depth);
            rest.push(Traverse::Index(key.expr));
        }
        Step::AttrSplat(_) | Step::FullSplat(_) => {}
    }
}

/// Says whether this is a step of a traversal.
pub(super) fn is_step(pair: Option<&Pair<'_>>) -> bool {
    pair.is_some_and(|p| matches!(p.as_rule(), Rule::ident | Rule::number | Rule::star | Rule::index))
}
