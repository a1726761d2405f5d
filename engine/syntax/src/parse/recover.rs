//! A second look at a statement that the grammar refused.
//!
//! Blocks are taken apart: header and statements are parsed one by one, so that
//! one mistake costs one statement, and every mistake is found.

use pest::Parser as _;
use pest::error::Error;

use crate::ast::Ident;
use crate::diagnostic::Diagnostics;
use crate::lex::{Fault, Kind, Lexer, Root};
use crate::limits::MAX_ERRORS;
use crate::source::{SourceId, Span};

use super::body::{BodyBuilder, make_block};
use super::explain;
use super::expr::Builder;
use super::grammar::{InfraParser, Rule};
use super::scan::Statement;

/// Takes one top-level statement apart.
pub(super) struct Recovery<'a> {
    text: &'a str,
    source: SourceId,
    /// What the lexer has found wrong, and was reported.
    faults: &'a [Fault],
    out: &'a mut Diagnostics,
    /// In how many blocks it is.
    level: usize,
}

/// Returns up to where the text after a wrong statement is wrong for the same reason: the contents
/// of a block whose `{` is on the next line, the lines of a heredoc that does not begin rightly.
pub(super) fn consequences(text: &str, statement: Statement) -> usize {
    let after = &text[statement.end..];
    let next = after.trim_start();
    if next.starts_with('{') {
        return text.len() - next.len() + 1;
    }
    let line = text[statement.start..statement.end]
        .lines()
        .next_back()
        .unwrap_or_default();
    let Some((_, opening)) = line.rsplit_once("<<") else {
        return statement.end;
    };
    let marker = opening.trim_matches(['-', ' ', '\t', '"', '\'']);
    let is_name = marker.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && marker.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !is_name {
        return statement.end;
    }
    let mut end = statement.end;
    for line in after.split_inclusive('\n') {
        end += line.len();
        if line.trim() == marker {
            return end;
        }
    }
    statement.end
}

/// A block, as far as the tokens show it.
struct Layout {
    header: Statement,
    /// After the opening brace, and before the closing one if there is one.
    body: Statement,
    statements: Vec<Statement>,
}

impl<'a> Recovery<'a> {
    pub(super) fn new(text: &'a str, source: SourceId, faults: &'a [Fault], out: &'a mut Diagnostics) -> Self {
        Self {
            text,
            source,
            faults,
            out,
            level: 0,
        }
    }

    /// Recovers a statement that the grammar refused.
    pub(super) fn top_level(mut self, piece: &str, statement: Statement, error: &Error<Rule>, body: &mut BodyBuilder) {
        self.statement(piece, statement, Some(error), body);
    }

    /// Recovers a statement in which the lexer found faults.
    pub(super) fn broken(mut self, piece: &str, statement: Statement, body: &mut BodyBuilder) {
        self.statement(piece, statement, None, body);
    }

    /// `piece` is the statement as the grammar sees it.
    fn statement(&mut self, piece: &str, statement: Statement, error: Option<&Error<Rule>>, body: &mut BodyBuilder) {
        let before = self.out.0.len();
        if let Some(layout) = self.layout(statement) {
            self.block(piece, statement, &layout, body);
        }
        if self.out.0.len() > before || self.is_faulty(statement) {
            return;
        }
        if let Some(error) = error {
            self.out.push(explain::grammar(
                self.text,
                self.source,
                statement,
                (Root::Body, self.level > 0),
                error,
            ));
        }
    }

    fn block(&mut self, piece: &str, statement: Statement, layout: &Layout, body: &mut BodyBuilder) {
        let base = statement.start;
        let header = self.header(piece, base, layout.header);
        let mut inner = BodyBuilder::new();
        self.level += 1;
        let mut skipped_to = 0;
        for child in &layout.statements {
            if self.out.0.len() >= MAX_ERRORS {
                break;
            }
            if child.start < skipped_to {
                continue;
            }
            let piece = &piece[child.start - base..child.end - base];
            match InfraParser::parse(Rule::nested, piece) {
                Ok(mut pairs) => {
                    let mut builder = Builder::new(self.source, child.start, piece, self.out);
                    if let Some(pair) = pairs.next().and_then(|p| p.into_inner().next()) {
                        builder.statement(pair, &mut inner);
                    }
                }
                Err(e) => {
                    self.statement(piece, *child, Some(&e), &mut inner);
                    skipped_to = consequences(self.text, *child);
                }
            }
        }
        self.level -= 1;
        let span = Span::new(self.source, layout.body.start, layout.body.end);
        let inner = inner.finish(span, self.out);
        if let Some((kind, labels)) = header {
            let span = Span::new(self.source, statement.start, statement.end);
            body.block(make_block(kind, labels, inner, span));
        }
    }

    fn header(&mut self, piece: &str, base: usize, header: Statement) -> Option<(Ident, Vec<Ident>)> {
        let piece = &piece[header.start - base..header.end - base];
        match InfraParser::parse(Rule::header, piece) {
            Ok(mut pairs) => {
                let pair = pairs.next()?.into_inner().next()?;
                let mut builder = Builder::new(self.source, header.start, piece, self.out);
                let (kind, labels) = builder.block_header(pair);
                Some((kind?, labels))
            }
            Err(e) => {
                if !self.is_faulty(header) {
                    self.out.push(explain::grammar(
                        self.text,
                        self.source,
                        header,
                        (Root::Body, false),
                        &e,
                    ));
                }
                None
            }
        }
    }

    fn is_faulty(&self, statement: Statement) -> bool {
        self.faults
            .iter()
            .any(|f| f.start() < statement.end && f.at() >= statement.start)
    }

    /// Finds the parts of a block; nothing if it is not one.
    fn layout(&self, statement: Statement) -> Option<Layout> {
        let mut lexer = Lexer::new(&self.text[..statement.end], Root::Body, statement.start);
        let mut header: Option<Statement> = None;
        loop {
            let token = lexer.next();
            match token.kind {
                Kind::OpenBody => {
                    let body = Statement {
                        start: token.end,
                        end: statement.end,
                    };
                    let header = header?;
                    return Some(self.statements(&mut lexer, header, body));
                }
                Kind::End | Kind::Assign | Kind::Newline => return None,
                Kind::LineComment | Kind::BlockComment => {}
                _ => {
                    header = Some(Statement {
                        start: header.map_or(token.start, |h| h.start),
                        end: token.end,
                    });
                }
            }
        }
    }

    fn statements(&self, lexer: &mut Lexer<'_>, header: Statement, mut body: Statement) -> Layout {
        let mut statements = Vec::new();
        let mut open: Option<Statement> = None;
        loop {
            let token = lexer.next();
            match token.kind {
                Kind::End => break,
                Kind::CloseBrace if lexer.depth() == 0 => {
                    body.end = token.start;
                    break;
                }
                Kind::Newline if lexer.depth() == 1 => statements.extend(open.take()),
                Kind::LineComment | Kind::BlockComment | Kind::SoftNewline | Kind::Newline => {}
                _ => {
                    open = Some(Statement {
                        start: open.map_or(token.start, |s| s.start),
                        end: token.end,
                    });
                }
            }
        }
        statements.extend(open);
        Layout {
            header,
            body,
            statements,
        }
    }
}
