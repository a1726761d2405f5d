//! The place where the grammar stopped.

use crate::diagnostic::Diagnostic;
use crate::lex::{Kind, Lexer, Root, Token};
use crate::source::{SourceId, Span};

use super::describe;
use crate::parse::scan::Statement;

/// The place where the grammar stopped, with the tokens around it.
pub(super) struct Place<'a> {
    pub(super) text: &'a str,
    pub(super) source: SourceId,
    pub(super) root: Root,
    pub(super) nested: bool,
    /// The significant tokens of the statement up to and with `found`.
    pub(super) tokens: Vec<Token>,
    pub(super) found: Token,
    /// Open brackets, as indexes into `tokens`.
    pub(super) open: Vec<usize>,
    pub(super) statement: Statement,
}

impl<'a> Place<'a> {
    pub(super) fn find(text: &'a str, source: SourceId, statement: Statement, root: Root, at: usize) -> Self {
        let mut lexer = Lexer::new(&text[..statement.end], root, statement.start);
        let mut tokens = Vec::new();
        let mut open = Vec::new();
        let found = loop {
            let token = lexer.next();
            match token.kind {
                Kind::SoftNewline | Kind::LineComment | Kind::BlockComment => continue,
                Kind::End => break token,
                _ if token.end > at => break token,
                _ => {}
            }
            if is_opener(token.kind) {
                open.push(tokens.len());
            } else if is_closer(token.kind) {
                open.pop();
            }
            tokens.push(token);
        };
        Self {
            text,
            source,
            root,
            nested: false,
            tokens,
            found,
            open,
            statement,
        }
    }

    pub(super) fn str(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    pub(super) fn span(&self, token: Token) -> Span {
        Span::new(self.source, token.start, token.end)
    }

    pub(super) fn prev(&self) -> Option<Token> {
        self.tokens.last().copied()
    }

    pub(super) fn prev_kind(&self) -> Option<Kind> {
        self.prev().map(|t| t.kind)
    }

    pub(super) fn opener(&self) -> Option<Token> {
        self.open.last().map(|i| self.tokens[*i])
    }

    /// Returns the tokens of the present statement, item or argument: those
    /// after the last separator at this level of brackets.
    pub(super) fn segment(&self) -> &[Token] {
        let from = self.open.last().map_or(0, |i| i + 1);
        let mut depth = 0usize;
        let mut start = from;
        for (i, token) in self.tokens.iter().enumerate().skip(from) {
            if is_opener(token.kind) {
                depth += 1;
            } else if is_closer(token.kind) {
                depth = depth.saturating_sub(1);
            } else if depth == 0 && matches!(token.kind, Kind::Newline | Kind::Comma) {
                start = i + 1;
            }
        }
        &self.tokens[start..]
    }

    /// Says whether a `?` of the segment still lacks its `:`.
    pub(super) fn open_question(&self) -> Option<Token> {
        let mut depth = 0usize;
        let mut questions = Vec::new();
        for token in self.segment() {
            if is_opener(token.kind) {
                depth += 1;
            } else if is_closer(token.kind) {
                depth = depth.saturating_sub(1);
            } else if depth == 0 && token.kind == Kind::Question {
                questions.push(*token);
            } else if depth == 0 && token.kind == Kind::Colon {
                questions.pop();
            }
        }
        questions.pop()
    }

    pub(super) fn error(&self, code: &'static str, message: String, label: &str) -> Diagnostic {
        Diagnostic::error(code, message).at(self.span(self.found), label)
    }

    pub(super) fn found(&self) -> String {
        // A statement ends with its line.
        if self.found.kind == Kind::End && self.root == Root::Body {
            return "the end of the line".to_owned();
        }
        describe(self.text, self.found)
    }

    pub(super) fn unexpected(&self, expected: &str) -> Diagnostic {
        self.error(
            "infra::syntax::unexpected_token",
            format!("expected {expected}, found {}", self.found()),
            &format!("expected {expected}"),
        )
    }
}

fn is_opener(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OpenQuote
            | Kind::OpenHeredoc
            | Kind::OpenInterpolation
            | Kind::OpenDirective
            | Kind::OpenParen
            | Kind::OpenBracket
            | Kind::OpenBody
            | Kind::OpenBrace
    )
}

pub(super) fn is_closer(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::CloseQuote
            | Kind::CloseHeredoc
            | Kind::CloseSequence
            | Kind::CloseParen
            | Kind::CloseBracket
            | Kind::CloseBrace
    )
}
