//! Statements: arguments, blocks, types, functions.

use std::collections::HashMap;

use crate::ast::{Attribute, Block, Body, File, FunctionDecl, FunctionParam, Ident, Str, TypeDecl};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};

use super::expr::{Builder, exact};
use super::text::{normal, unescape};
use super::{Pair, Pairs, Rule};

/// Collects the statements of one body.
#[derive(Debug, Default)]
pub(super) struct BodyBuilder {
    body: Body,
    types: Vec<TypeDecl>,
    functions: Vec<FunctionDecl>,
}

impl BodyBuilder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn attribute(&mut self, attribute: Attribute) {
        self.body.attributes.push(attribute);
    }

    pub(super) fn block(&mut self, block: Block) {
        self.body.blocks.push(block);
    }

    /// Adds the statements of another part of the same body.
    pub(super) fn append(&mut self, other: BodyBuilder) {
        self.body.attributes.extend(other.body.attributes);
        self.body.blocks.extend(other.body.blocks);
        self.types.extend(other.types);
        self.functions.extend(other.functions);
    }

    /// Ends the body of a file.
    pub(super) fn finish_file(mut self, source: SourceId, span: Span, out: &mut Diagnostics) -> File {
        let (types, functions) = (std::mem::take(&mut self.types), std::mem::take(&mut self.functions));
        File {
            source,
            body: self.finish(span, out),
            types,
            functions,
        }
    }

    /// Ends the body: reports arguments that are set twice.
    pub(super) fn finish(self, span: Span, out: &mut Diagnostics) -> Body {
        let body = Body {
            attributes: exact(self.body.attributes).into_vec(),
            blocks: exact(self.body.blocks).into_vec(),
            span,
        };
        let attributes = &body.attributes;
        if attributes.len() < 2 {
            return body;
        }
        let mut seen: HashMap<&Str, Span> = HashMap::with_capacity(attributes.len());
        for attribute in attributes {
            let name = &attribute.name;
            match seen.get(&name.name) {
                Some(first) => out.push(duplicate(name, *first)),
                None => {
                    seen.insert(&name.name, name.span);
                }
            }
        }
        body
    }
}

fn duplicate(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::syntax::duplicate_argument",
        format!("the argument `{}` is set twice", name.name),
    )
    .at(name.span, "set again here")
    .related(first, "first set here")
    .help("remove one of them")
}

impl Builder<'_> {
    /// Builds one statement of a file.
    pub(super) fn top_level(&mut self, pairs: &mut Pairs<'_>, body: &mut BodyBuilder) {
        let Some(pair) = pairs.next().and_then(|p| p.into_inner().next()) else {
            return;
        };
        match pair.as_rule() {
            Rule::type_decl => {
                let decl = self.type_decl(pair);
                body.types.push(decl);
            }
            Rule::function_decl => {
                let decl = self.function_decl(pair);
                body.functions.push(decl);
            }
            _ => self.statement(pair, body),
        }
    }

    /// Builds one argument or block.
    pub(super) fn statement(&mut self, pair: Pair<'_>, body: &mut BodyBuilder) {
        match pair.as_rule() {
            Rule::argument => {
                if let Some(attribute) = self.argument(pair) {
                    body.attribute(attribute);
                }
            }
            Rule::block => {
                let block = self.block(pair);
                body.block(block);
            }
            _ => {}
        }
    }

    fn argument(&mut self, pair: Pair<'_>) -> Option<Attribute> {
        let mut inner = pair.into_inner();
        let name = self.ident(&inner.next()?);
        let expr = self.expr(inner.next()?).expr;
        Some(Attribute { name, expr })
    }

    fn block(&mut self, pair: Pair<'_>) -> Block {
        let span = self.span(&pair);
        let mut kind = None;
        let mut labels = Vec::new();
        let mut body = BodyBuilder::new();
        let mut body_span = span;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::block_header => (kind, labels) = self.block_header(part),
                _ => {
                    body_span = self.span(&part);
                    for statement in part.into_inner() {
                        self.statement(statement, &mut body);
                    }
                }
            }
        }
        // Between the braces.
        let inner = Span {
            start: body_span.start + 1,
            end: body_span.end - 1,
            ..body_span
        };
        let kind = kind.unwrap_or(Ident { name: "".into(), span });
        make_block(kind, labels, body.finish(inner, self.diagnostics), span)
    }

    /// Builds the kind and labels of a block.
    pub(super) fn block_header(&mut self, pair: Pair<'_>) -> (Option<Ident>, Vec<Ident>) {
        let mut inner = pair.into_inner();
        let kind = inner.next().map(|p| self.ident(&p));
        let mut labels = Vec::new();
        for part in inner {
            let label = match part.as_rule() {
                Rule::label => self.label(part),
                _ => self.ident(&part),
            };
            labels.push(label);
        }
        (kind, exact(labels).into_vec())
    }

    fn label(&mut self, pair: Pair<'_>) -> Ident {
        let span = self.span(&pair);
        let name = match pair.into_inner().next() {
            Some(text) => {
                let at = self.span(&text);
                normal(&unescape(text.as_str(), true, at, self.diagnostics))
            }
            None => "".into(),
        };
        Ident { name, span }
    }

    fn type_decl(&mut self, pair: Pair<'_>) -> TypeDecl {
        let start = self.span(&pair);
        let mut name = None;
        let mut exprs = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => name = Some(self.ident(&part)),
                Rule::expr => exprs.push(self.expr(part).expr),
                _ => {}
            }
        }
        let condition = (exprs.len() > 1).then(|| exprs.pop()).flatten();
        let ty = exprs.pop().unwrap_or_else(|| self.placeholder(start));
        let last = condition.as_ref().map_or(ty.span, |c| c.span);
        TypeDecl {
            name: name.unwrap_or_else(|| nameless(start)),
            ty,
            condition,
            span: Span { end: last.end, ..start },
        }
    }

    fn function_decl(&mut self, pair: Pair<'_>) -> FunctionDecl {
        let start = self.span(&pair);
        let mut name = None;
        let mut params: Vec<FunctionParam> = Vec::new();
        let mut exprs = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => name = Some(self.ident(&part)),
                Rule::expr => exprs.push(self.expr(part).expr),
                Rule::param => {
                    let mut inner = part.into_inner();
                    if let (Some(name), Some(ty)) = (inner.next(), inner.next()) {
                        let name = self.ident(&name);
                        if let Some(first) = params.iter().find(|p| p.name.name == name.name) {
                            self.diagnostics.push(duplicate_param(&name, first.name.span));
                        }
                        let ty = self.expr(ty).expr;
                        params.push(FunctionParam { name, ty });
                    }
                }
                _ => {}
            }
        }
        let body = exprs.pop().unwrap_or_else(|| self.placeholder(start));
        let result = exprs.pop().unwrap_or_else(|| self.placeholder(start));
        FunctionDecl {
            name: name.unwrap_or_else(|| nameless(start)),
            params,
            result,
            span: Span {
                end: body.span.end,
                ..start
            },
            body,
        }
    }
}

fn nameless(span: Span) -> Ident {
    Ident { name: "".into(), span }
}

fn duplicate_param(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::syntax::duplicate_parameter",
        format!("the parameter `{}` is declared twice", name.name),
    )
    .at(name.span, "declared again here")
    .related(first, "first declared here")
    .help("give each parameter a name of its own")
}

/// Joins the parts of a block.
pub(super) fn make_block(kind: Ident, labels: Vec<Ident>, body: Body, span: Span) -> Block {
    let header = labels.last().map_or(kind.span, |l| kind.span.to(l.span));
    Block {
        kind,
        labels,
        body,
        span,
        header,
    }
}
