//! Cuts a text into statements, and blanks what the grammar need not see.

use crate::lex::{Kind, Lexer, Root, Token, ident_len};

/// The bytes of one statement, from its first token to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What the grammar should not see of a statement.
#[derive(Debug, Default)]
pub(super) struct Masks(Vec<Mask>);

#[derive(Debug)]
struct Mask {
    start: usize,
    end: usize,
    /// Put in place of each byte.
    with: u8,
}

/// Stands for the last line of a heredoc. Source files cannot contain it.
const HEREDOC_END: u8 = 3;

impl Masks {
    fn see(&mut self, token: Token) {
        let with = match token.kind {
            Kind::LineComment | Kind::BlockComment | Kind::SoftNewline => b' ',
            Kind::CloseHeredoc => HEREDOC_END,
            _ => return,
        };
        self.0.push(Mask {
            start: token.start,
            end: token.end,
            with,
        });
    }

    /// Returns the text of a statement as the grammar should see it.
    pub(super) fn apply<'a>(&self, text: &'a str, statement: Statement, buffer: &'a mut Vec<u8>) -> &'a str {
        let Statement { start, end } = statement;
        if self.0.first().is_none_or(|m| m.start >= end) {
            return &text[start..end];
        }
        buffer.clear();
        buffer.extend_from_slice(&text.as_bytes()[start..end]);
        for mask in self.0.iter().filter(|m| m.start >= start && m.start < end) {
            buffer[mask.start - start..mask.end.min(end) - start].fill(mask.with);
        }
        // Whole characters were replaced by blanks, so this is still UTF-8.
        std::str::from_utf8(buffer).unwrap_or("")
    }
}

/// Reads the next statement of a file, or nothing at its end.
pub(super) fn statement(lexer: &mut Lexer<'_>, masks: &mut Masks) -> Option<Statement> {
    masks.0.clear();
    let mut found: Option<Statement> = None;
    loop {
        let token = lexer.next();
        match token.kind {
            Kind::End => return found,
            Kind::Newline if lexer.depth() == 0 => {
                if found.is_some() {
                    return found;
                }
            }
            Kind::Newline => {}
            Kind::LineComment | Kind::BlockComment if found.is_none() => {}
            _ => {
                masks.see(token);
                let blank = matches!(token.kind, Kind::LineComment | Kind::BlockComment | Kind::SoftNewline);
                if !blank {
                    let start = found.map_or(token.start, |s| s.start);
                    found = Some(Statement { start, end: token.end });
                }
            }
        }
    }
}

/// From which size on a file is parsed in several threads, and how large the
/// parts are at least.
const CHUNK: usize = 1 << 18;

/// Cuts a large file into parts between statements.
///
/// Returns one part or none for a file that is small, or has a fault: where that
/// ends is not certain.
pub(super) fn chunks(text: &str, start: usize) -> Vec<Statement> {
    let mut chunks = Vec::new();
    if text.len() < 4 * CHUNK {
        return chunks;
    }
    let mut lexer = Lexer::new(text, Root::Body, start);
    let mut from = start;
    loop {
        let token = lexer.next();
        if !lexer.faults.is_empty() {
            return Vec::new();
        }
        let is_cut = token.kind == Kind::Newline && lexer.depth() == 0 && token.end - from >= CHUNK;
        if is_cut || token.kind == Kind::End {
            chunks.push(Statement {
                start: from,
                end: token.end,
            });
            from = token.end;
        }
        if token.kind == Kind::End {
            return chunks;
        }
    }
}

/// Reads an expression up to the line end that ends it.
pub(super) fn expression(lexer: &mut Lexer<'_>, masks: &mut Masks) -> Statement {
    let mut found: Option<Statement> = None;
    let mut last = 0;
    loop {
        let token = lexer.next();
        last = last.max(token.start);
        match token.kind {
            Kind::End => break,
            Kind::Newline if lexer.depth() == 0 => break,
            Kind::LineComment | Kind::BlockComment | Kind::SoftNewline => masks.see(token),
            Kind::Newline => {}
            _ => {
                masks.see(token);
                let start = found.map_or(token.start, |s| s.start);
                found = Some(Statement { start, end: token.end });
            }
        }
    }
    found.unwrap_or(Statement { start: last, end: last })
}

/// Returns the first token after an expression that is not blank.
pub(super) fn trailing(lexer: &mut Lexer<'_>) -> Option<Token> {
    loop {
        let token = lexer.next();
        match token.kind {
            Kind::End => return None,
            Kind::Newline | Kind::SoftNewline | Kind::LineComment | Kind::BlockComment => {}
            _ => return Some(token),
        }
    }
}

/// Reads a whole template.
pub(super) fn template(lexer: &mut Lexer<'_>, masks: &mut Masks) {
    loop {
        let token = lexer.next();
        if token.kind == Kind::End {
            return;
        }
        masks.see(token);
    }
}

/// Finds the next line after `from` that looks like the start of a top-level
/// statement: a name in the first column, then `{` or `=` on the same line.
pub(super) fn next_top_level(text: &str, from: usize) -> Option<usize> {
    let mut pos = from;
    loop {
        pos += text[pos..].find('\n')? + 1;
        let line = text[pos..].lines().next().unwrap_or("");
        let name = ident_len(line);
        if name == 0 {
            continue;
        }
        let rest = line[name..].trim_start();
        let is_block = line.trim_end().ends_with('{') && !rest.starts_with(['(', '.', '[']);
        if is_block || rest.starts_with('=') || (rest.starts_with('"') && rest.contains('{')) {
            return Some(pos);
        }
    }
}
