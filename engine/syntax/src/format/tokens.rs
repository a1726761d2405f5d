//! The tokens of a file, as the formatter sees them.

use crate::lex::{Kind, Lexer, Root};

/// A token, and how many blanks stand before it.
#[derive(Clone, Debug)]
pub(super) struct FormatToken<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) spaces: usize,
    /// Whether this is a `:` between a name and its type.
    pub(super) is_typing: bool,
}

impl FormatToken<'_> {
    fn new(kind: Kind, text: &str) -> FormatToken<'_> {
        FormatToken {
            kind,
            text,
            spaces: 0,
            is_typing: false,
        }
    }

    /// Returns 1 for an opening bracket, -1 for a closing one.
    pub(super) fn bracket(&self) -> isize {
        match self.kind {
            Kind::OpenParen
            | Kind::OpenBracket
            | Kind::OpenBody
            | Kind::OpenBrace
            | Kind::OpenInterpolation
            | Kind::OpenDirective => 1,
            Kind::CloseParen | Kind::CloseBracket | Kind::CloseBrace | Kind::CloseSequence => -1,
            _ => 0,
        }
    }

    pub(super) fn is_newline(&self) -> bool {
        matches!(self.kind, Kind::Newline | Kind::SoftNewline)
    }
}

/// Reads all tokens of a file that parses.
pub(super) fn read(text: &str) -> Vec<FormatToken<'_>> {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut lexer = Lexer::new(text, Root::Body, start);
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let mut statement = Statement::default();
    loop {
        let token = lexer.next();
        if token.kind == Kind::End {
            return tokens;
        }
        let mut source = &text[token.start..token.end];
        if token.kind == Kind::LineComment {
            source = source.trim_end();
        }
        let mut token = FormatToken::new(token.kind, source);
        token.is_typing = statement.see(&token, lexer.depth());
        tokens.push(token);
    }
}

/// Watches for the header of a `function` statement.
#[derive(Default)]
struct Statement {
    words: usize,
    is_function: bool,
}

impl Statement {
    /// Says whether the token is the `:` of a parameter or of the result.
    fn see(&mut self, token: &FormatToken<'_>, depth: usize) -> bool {
        match token.kind {
            Kind::Newline if depth == 0 => *self = Self::default(),
            Kind::LineComment | Kind::BlockComment | Kind::SoftNewline => {}
            Kind::Assign if depth == 0 => self.is_function = false,
            Kind::Colon => return self.is_function && depth <= 1,
            _ => {
                self.words += 1;
                match self.words {
                    1 => self.is_function = token.text == "function",
                    2 => self.is_function &= token.kind == Kind::Ident,
                    3 => self.is_function &= token.kind == Kind::OpenParen,
                    _ => {}
                }
            }
        }
        false
    }
}

/// Writes `name = "${value}"` as `name = value`, which is the same.
pub(super) fn unwrap_interpolations(tokens: &mut Vec<FormatToken<'_>>) {
    let mut result = Vec::with_capacity(tokens.len());
    // For each open bracket, whether statements stand in it.
    let mut open = vec![true];
    let mut line_start = true;
    let mut i = 0;
    while i < tokens.len() {
        let token = &tokens[i];
        let starts_statement = line_start && token.kind == Kind::Ident && open.last() == Some(&true);
        line_start = match token.kind {
            Kind::Newline | Kind::OpenBody => true,
            Kind::BlockComment | Kind::LineComment => line_start,
            _ => false,
        };
        match token.bracket() {
            1 => open.push(token.kind == Kind::OpenBody),
            -1 => {
                open.pop();
            }
            _ => {}
        }
        result.push(token.clone());
        i += 1;
        let assign = tokens.get(i).filter(|t| t.kind == Kind::Assign);
        if !starts_statement {
            continue;
        }
        let Some(assign) = assign else { continue };
        result.push(assign.clone());
        i += 1;
        if let Some(end) = single_interpolation(&tokens[i..]) {
            push_unwrapped(&tokens[i + 2..i + end - 2], &mut result);
            i += end;
        }
    }
    *tokens = result;
}

/// Returns how many tokens `"${…}"` has, if this is one and nothing follows.
fn single_interpolation(tokens: &[FormatToken<'_>]) -> Option<usize> {
    if tokens.first()?.kind != Kind::OpenQuote || tokens.get(1)?.kind != Kind::OpenInterpolation {
        return None;
    }
    let mut depth = 0isize;
    let mut i = 1;
    loop {
        let token = tokens.get(i)?;
        if matches!(token.kind, Kind::LineComment | Kind::BlockComment) {
            return None;
        }
        depth += token.bracket();
        i += 1;
        if depth == 0 {
            break;
        }
    }
    if tokens.get(i)?.kind != Kind::CloseQuote {
        return None;
    }
    let ends = tokens.get(i + 1).is_none_or(|next| {
        matches!(
            next.kind,
            Kind::Newline | Kind::LineComment | Kind::BlockComment | Kind::CloseBrace
        )
    });
    // A heredoc must be followed by a line end.
    let has_heredoc = tokens[..i].iter().any(|t| t.kind == Kind::OpenHeredoc);
    (ends && !has_heredoc).then_some(i + 1)
}

fn push_unwrapped<'a>(inner: &[FormatToken<'a>], result: &mut Vec<FormatToken<'a>>) {
    let first = inner.iter().position(|t| !t.is_newline()).unwrap_or(0);
    let last = inner.iter().rposition(|t| !t.is_newline()).map_or(0, |i| i + 1);
    let inner = &inner[first..last.max(first)];
    let bare_newline = newline_outside_brackets(inner);
    if bare_newline {
        result.push(FormatToken::new(Kind::OpenParen, "("));
    }
    result.extend(inner.iter().cloned());
    if bare_newline {
        result.push(FormatToken::new(Kind::CloseParen, ")"));
    }
}

/// Says whether the expression needs parentheses to span its lines.
fn newline_outside_brackets(tokens: &[FormatToken<'_>]) -> bool {
    let mut depth = 0;
    tokens.iter().any(|t| {
        depth += t.bracket();
        depth == 0 && t.is_newline()
    })
}
