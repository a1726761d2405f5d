//! Strings, heredocs and templates.
//!
//! A template is first a flat row of pieces. Strip markers and the indentation
//! of `<<-` are applied to the pieces, then directives are put into a tree.

use crate::ast::{ExprKind, Ident, Template, TemplateFor, TemplateIf, TemplatePart};
use crate::diagnostic::Diagnostic;
use crate::limits::MAX_NESTING;
use crate::source::Span;

use super::expr::{Builder, Built, exact};
use super::text::{normal, unescape};
use super::{Pair, Pairs, Rule};

/// A piece of a template, before directives are matched.
enum Piece {
    /// Text of one line at most in a heredoc or a template file: strip markers
    /// reach no further there.
    Text(String, Span),
    Sequence(Sequence, Span),
}

enum Sequence {
    Value(Built),
    If(Built),
    For(Option<Ident>, Ident, Built),
    Else,
    EndIf,
    EndFor,
}

/// A directive that waits for its end.
struct Opened {
    at: Span,
    kind: OpenedKind,
    /// The parts around it.
    outer: Vec<TemplatePart>,
}

enum OpenedKind {
    If(Built),
    /// In the second half, with the parts of the first.
    Else(Built, Vec<TemplatePart>),
    For(Option<Ident>, Ident, Built),
}

impl Builder<'_> {
    /// Builds a quoted string.
    pub(super) fn quoted(&mut self, pair: Pair<'_>, span: Span) -> Built {
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else {
            return self.leaf(ExprKind::String("".into()), span);
        };
        if first.as_rule() == Rule::quoted_text {
            let at = self.span(&first);
            let text = unescape(first.as_str(), true, at, self.diagnostics);
            let Some(second) = inner.next() else {
                return self.leaf(ExprKind::String(normal(&text)), span);
            };
            let first = Piece::Text(text.into_owned(), at);
            let rest = std::iter::once(second).chain(inner);
            return self.finish(vec![first], rest, span, false);
        }
        let rest = std::iter::once(first).chain(inner);
        self.finish(Vec::new(), rest, span, false)
    }

    /// Builds a heredoc.
    pub(super) fn heredoc(&mut self, pair: Pair<'_>, span: Span) -> Built {
        let mut inner = pair.into_inner().peekable();
        let flush = inner.next_if(|p| p.as_rule() == Rule::flush).is_some();
        if flush {
            self.flushed(inner, span)
        } else {
            self.finish(Vec::new(), inner, span, true)
        }
    }

    /// Builds a template file.
    pub(super) fn bare_template(&mut self, pairs: &mut Pairs<'_>) -> Template {
        let mut pieces = Vec::new();
        let mut whole = Span::default();
        if let Some(pair) = pairs.next() {
            whole = self.span(&pair);
            let inner = pair.into_inner().filter(|p| p.as_rule() != Rule::EOI);
            self.pieces(inner, &mut pieces);
        }
        let (parts, _) = self.tree(pieces, whole);
        Template {
            parts: exact(parts),
            heredoc: false,
        }
    }

    fn flushed<'i>(&mut self, inner: impl Iterator<Item = Pair<'i>>, span: Span) -> Built {
        let mut pieces = Vec::new();
        self.pieces(inner, &mut pieces);
        unindent(&mut pieces);
        self.template_expr(pieces, span, true)
    }

    fn finish<'i>(
        &mut self,
        mut pieces: Vec<Piece>,
        rest: impl Iterator<Item = Pair<'i>>,
        span: Span,
        heredoc: bool,
    ) -> Built {
        self.pieces(rest, &mut pieces);
        self.template_expr(pieces, span, heredoc)
    }

    fn template_expr(&mut self, pieces: Vec<Piece>, span: Span, heredoc: bool) -> Built {
        if pieces.iter().all(|p| matches!(p, Piece::Text(..))) {
            let text: String = pieces
                .iter()
                .map(|p| match p {
                    Piece::Text(text, _) => text.as_str(),
                    Piece::Sequence(..) => "",
                })
                .collect();
            return self.leaf(ExprKind::String(normal(&text)), span);
        }
        let (parts, depth) = self.tree(pieces, span);
        let template = Template {
            parts: exact(parts),
            heredoc,
        };
        self.node(ExprKind::Template(Box::new(template)), span, depth)
    }

    /// Turns pairs into pieces; applies strip markers.
    fn pieces<'i>(&mut self, pairs: impl Iterator<Item = Pair<'i>>, pieces: &mut Vec<Piece>) {
        let mut strip_next = false;
        for pair in pairs {
            let at = self.span(&pair);
            match pair.as_rule() {
                Rule::quoted_text => {
                    let text = unescape(pair.as_str(), true, at, self.diagnostics);
                    let text = if strip_next { text.trim_start() } else { &text };
                    pieces.push(Piece::Text(text.to_owned(), at));
                    strip_next = false;
                }
                Rule::heredoc_text | Rule::bare_text => {
                    let mut start = at.start as usize;
                    for line in pair.as_str().split_inclusive('\n') {
                        let at = Span::new(at.source, start, start + line.len());
                        start += line.len();
                        let text = unescape(line, false, at, self.diagnostics);
                        let text = if strip_next { text.trim_start() } else { &text };
                        pieces.push(Piece::Text(text.to_owned(), at));
                        strip_next = false;
                    }
                }
                _ => {
                    let source = pair.as_str();
                    let strip_before = source.as_bytes().get(2) == Some(&b'~');
                    if strip_before && let Some(Piece::Text(text, _)) = pieces.last_mut() {
                        text.truncate(text.trim_end().len());
                    }
                    strip_next = source.ends_with("~}");
                    if let Some(sequence) = self.sequence(pair) {
                        pieces.push(Piece::Sequence(sequence, at));
                    }
                }
            }
        }
    }

    fn sequence(&mut self, pair: Pair<'_>) -> Option<Sequence> {
        let inner = pair.into_inner().next()?;
        Some(match inner.as_rule() {
            Rule::expr => Sequence::Value(self.expr(inner)),
            Rule::if_directive => {
                let condition = inner.into_inner().find(|p| p.as_rule() == Rule::expr)?;
                Sequence::If(self.expr(condition))
            }
            Rule::for_directive => {
                let (key, value, collection) = self.for_intro(inner)?;
                Sequence::For(key, value, collection)
            }
            Rule::else_directive => Sequence::Else,
            Rule::endif_directive => Sequence::EndIf,
            _ => Sequence::EndFor,
        })
    }

    /// Matches directives with their ends. Returns the parts, and how deep they are.
    fn tree(&mut self, pieces: Vec<Piece>, whole: Span) -> (Vec<TemplatePart>, u32) {
        let mut open: Vec<Opened> = Vec::new();
        let mut parts: Vec<TemplatePart> = Vec::new();
        let mut depth = 0;
        let mut levels = 0;
        for (sequence, at) in meld(pieces) {
            let sequence = match sequence {
                Melded::Text(text) => {
                    parts.push(TemplatePart::Literal(normal(&text), at));
                    continue;
                }
                Melded::Sequence(sequence) => sequence,
            };
            match sequence {
                Sequence::Value(value) => {
                    depth = depth.max(value.depth);
                    parts.push(TemplatePart::Interpolation(value.expr));
                }
                Sequence::If(condition) => {
                    depth = depth.max(condition.depth);
                    open.push(Opened {
                        at,
                        kind: OpenedKind::If(condition),
                        outer: std::mem::take(&mut parts),
                    });
                }
                Sequence::For(key, value, collection) => {
                    depth = depth.max(collection.depth);
                    open.push(Opened {
                        at,
                        kind: OpenedKind::For(key, value, collection),
                        outer: std::mem::take(&mut parts),
                    });
                }
                end => {
                    if !self.close_directive(&end, at, &mut open, &mut parts) {
                        return (Vec::new(), 0);
                    }
                }
            }
            if open.len() > MAX_NESTING {
                self.report_too_deep(at);
                return (Vec::new(), 0);
            }
            levels = levels.max(u32::try_from(open.len()).unwrap_or(0));
        }
        if let Some(directive) = open.pop() {
            self.report_unclosed(&directive, whole);
        }
        (parts, depth + levels)
    }

    /// Handles `else`, `endif` and `endfor`; says whether it fits.
    fn close_directive(
        &mut self,
        end: &Sequence,
        at: Span,
        open: &mut Vec<Opened>,
        parts: &mut Vec<TemplatePart>,
    ) -> bool {
        let Some(directive) = open.pop() else {
            self.report_unmatched(end, at, None);
            return false;
        };
        match (end, directive.kind) {
            (Sequence::Else, OpenedKind::If(condition)) => open.push(Opened {
                at: directive.at,
                kind: OpenedKind::Else(condition, std::mem::take(parts)),
                outer: directive.outer,
            }),
            (Sequence::EndIf, OpenedKind::If(condition)) => {
                let then = std::mem::replace(parts, directive.outer);
                parts.push(if_part(condition, then, Vec::new()));
            }
            (Sequence::EndIf, OpenedKind::Else(condition, then)) => {
                let otherwise = std::mem::replace(parts, directive.outer);
                parts.push(if_part(condition, then, otherwise));
            }
            (Sequence::EndFor, OpenedKind::For(key_var, value_var, collection)) => {
                let body = std::mem::replace(parts, directive.outer);
                parts.push(TemplatePart::For(Box::new(TemplateFor {
                    key_var,
                    value_var,
                    collection: collection.expr,
                    body: exact(body),
                })));
            }
            (end, kind) => {
                let expected = match kind {
                    OpenedKind::If(_) => "endif",
                    OpenedKind::Else(..) => "endif",
                    OpenedKind::For(..) => "endfor",
                };
                self.report_unmatched(end, at, Some((directive.at, expected)));
                return false;
            }
        }
        true
    }

    fn report_unmatched(&mut self, end: &Sequence, at: Span, open: Option<(Span, &str)>) {
        let name = match end {
            Sequence::Else => "else",
            Sequence::EndIf => "endif",
            _ => "endfor",
        };
        let mut d = Diagnostic::error(
            "infra::syntax::unbalanced_directive",
            format!("unexpected `%{{ {name} }}`"),
        )
        .at(at, "does not fit here");
        d = match open {
            Some((open, expected)) => d.related(open, format!("expects `%{{ {expected} }}`")),
            None => d.note(match name {
                "endfor" => "There is no open `%{ for … }` before it.",
                _ => "There is no open `%{ if … }` before it.",
            }),
        };
        self.diagnostics.push(d);
    }

    fn report_unclosed(&mut self, directive: &Opened, whole: Span) {
        let (name, end) = match directive.kind {
            OpenedKind::For(..) => ("for", "endfor"),
            _ => ("if", "endif"),
        };
        let last = whole.end as usize;
        self.diagnostics.push(
            Diagnostic::error(
                "infra::syntax::unbalanced_directive",
                format!("`%{{ {name} … }}` is not closed"),
            )
            .at(directive.at, "opened here")
            .related(
                Span::new(whole.source, last, last),
                format!("the template ends without `%{{ {end} }}`"),
            )
            .help(format!("add `%{{ {end} }}`")),
        );
    }
}

fn if_part(condition: Built, then: Vec<TemplatePart>, otherwise: Vec<TemplatePart>) -> TemplatePart {
    TemplatePart::If(Box::new(TemplateIf {
        condition: condition.expr,
        then: exact(then),
        otherwise: exact(otherwise),
    }))
}

enum Melded {
    Text(String),
    Sequence(Sequence),
}

/// Joins neighbouring texts. An empty text stays: beside it, an interpolation is
/// not alone, so the result is a string.
fn meld(pieces: Vec<Piece>) -> Vec<(Melded, Span)> {
    let mut melded: Vec<(Melded, Span)> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Text(text, at) => {
                if let Some((Melded::Text(before), span)) = melded.last_mut() {
                    before.push_str(&text);
                    *span = span.to(at);
                } else {
                    melded.push((Melded::Text(text), at));
                }
            }
            Piece::Sequence(sequence, at) => melded.push((Melded::Sequence(sequence), at)),
        }
    }
    melded
}

/// Takes from each line the indentation of the least indented one (`<<-`).
///
/// Lines of blanks only do not count, and stay as they are.
fn unindent(pieces: &mut [Piece]) {
    let mut least = usize::MAX;
    let mut line_start = true;
    let mut lines = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let text = match piece {
            Piece::Text(text, _) => Some(text),
            Piece::Sequence(..) => None,
        };
        if std::mem::replace(&mut line_start, text.is_some_and(|t| t.ends_with('\n'))) {
            let Some(text) = text else {
                least = 0;
                continue;
            };
            let trimmed = text.trim_start();
            if trimmed.is_empty() && text.ends_with('\n') {
                continue;
            }
            least = least.min(text[..text.len() - trimmed.len()].chars().count());
            lines.push(i);
        }
    }
    for i in lines {
        if let Piece::Text(text, _) = &mut pieces[i] {
            let cut = text.char_indices().nth(least).map_or(text.len(), |(i, _)| i);
            text.drain(..cut);
        }
    }
}
