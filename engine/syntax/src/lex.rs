//! Tokens: where words, strings, comments, brackets and line ends are.
//!
//! The lexer knows just enough of the language to say, for each line end,
//! whether it ends something, and for each closing bracket, what it closes. The
//! parser uses it to cut a file into statements before the grammar sees them;
//! the formatter works on the tokens themselves; messages name them.
//!
//! It never fails: what is wrong with brackets, quotes and heredocs is
//! collected as [`Fault`]s, and lexing goes on at a likely place.

use crate::limits::MAX_NESTING;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    Number,
    OpenQuote,
    CloseQuote,
    /// Text between quotes.
    QuotedText,
    /// `<<EOT` with its line end.
    OpenHeredoc,
    /// The line that ends a heredoc, without its line end.
    CloseHeredoc,
    /// One line of a heredoc or of a bare template, or a part of it.
    Text,
    /// `${` or `${~`.
    OpenInterpolation,
    /// `%{` or `%{~`.
    OpenDirective,
    /// `}` or `~}` that ends one of these.
    CloseSequence,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    /// `{` of a block.
    OpenBody,
    /// `{` of an object.
    OpenBrace,
    CloseBrace,
    Dot,
    Comma,
    Ellipsis,
    Assign,
    FatArrow,
    Colon,
    DoubleColon,
    Question,
    Not,
    Minus,
    /// Any other operator between two operands.
    Operator,
    /// A line end that ends something.
    Newline,
    /// A line end that means nothing.
    SoftNewline,
    /// From `#` or `//` to the end of the line, without the line end.
    LineComment,
    BlockComment,
    /// A character with no meaning here.
    Invalid,
    End,
}

/// A token: what it is, and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What is wrong with the nesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A bracket, `${` or `%{` at `open` is not closed; `found` is where that shows.
    Bracket { open: usize, found: usize },
    /// A closing bracket that closes nothing.
    Stray { at: usize },
    /// A quote that is not closed on its line.
    Quote { open: usize, found: usize },
    /// A heredoc without its last line.
    Heredoc { open: usize, found: usize },
    /// `/*` without `*/`.
    Comment { open: usize, found: usize },
    /// More levels than [`MAX_NESTING`].
    TooDeep { at: usize },
}

impl Fault {
    /// Returns where it shows.
    pub(crate) fn at(self) -> usize {
        match self {
            Fault::Stray { at } | Fault::TooDeep { at } => at,
            Fault::Bracket { found, .. }
            | Fault::Quote { found, .. }
            | Fault::Heredoc { found, .. }
            | Fault::Comment { found, .. } => found,
        }
    }

    /// Returns where it begins.
    pub(crate) fn start(self) -> usize {
        match self {
            Fault::Stray { at } | Fault::TooDeep { at } => at,
            Fault::Bracket { open, .. }
            | Fault::Quote { open, .. }
            | Fault::Heredoc { open, .. }
            | Fault::Comment { open, .. } => open,
        }
    }
}

/// What a text is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// Statements.
    Body,
    /// An expression.
    Expr,
    /// A template file.
    Template,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Statements; `assigned` once the present one has got its `=`.
    Body {
        assigned: bool,
    },
    Object,
    ForBrace,
    Paren,
    Bracket,
    Quoted,
    /// Between `${` or `%{` and `}`.
    Sequence,
    Heredoc {
        marker: (usize, usize),
        line_start: bool,
    },
    Bare,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    frame: Frame,
    at: usize,
    /// `?` whose `:` has not come yet.
    questions: usize,
}

/// How far a lexer has come.
#[derive(Clone, Debug)]
pub(crate) struct Paused {
    pos: usize,
    stack: Vec<Open>,
    questions: usize,
}

/// Produces the tokens of a text.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    stack: Vec<Open>,
    questions: usize,
    /// What was found wrong so far.
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Lexer<'a> {
    /// Creates a lexer that starts at a byte offset.
    pub(crate) fn new(text: &'a str, root: Root, pos: usize) -> Self {
        let frame = match root {
            Root::Body => Frame::Body { assigned: false },
            Root::Expr => Frame::Body { assigned: true },
            Root::Template => Frame::Bare,
        };
        let mut lexer = Self {
            text,
            bytes: text.as_bytes(),
            pos,
            stack: Vec::with_capacity(16),
            questions: 0,
            faults: Vec::new(),
        };
        lexer.stack.push(Open {
            frame,
            at: pos,
            questions: 0,
        });
        lexer
    }

    /// Returns how many brackets, quotes and heredocs are open.
    pub(crate) fn depth(&self) -> usize {
        self.stack.len() - 1
    }

    /// Says whether all of the text has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    /// Says whether what comes next is text: in quotes, or in a heredoc.
    pub(crate) fn is_in_text(&self) -> bool {
        matches!(self.top(), Frame::Quoted | Frame::Heredoc { .. } | Frame::Bare)
    }

    /// Returns the place reached, to go on from there in a longer text.
    pub(crate) fn pause(&self) -> Paused {
        Paused {
            pos: self.pos,
            stack: self.stack.clone(),
            questions: self.questions,
        }
    }

    /// Goes on in a text that begins with the one that was read so far.
    pub(crate) fn resume(text: &'a str, paused: Paused) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            pos: paused.pos,
            stack: paused.stack,
            questions: paused.questions,
            faults: Vec::new(),
        }
    }

    /// Returns the next token.
    pub(crate) fn next(&mut self) -> Token {
        match self.top() {
            Frame::Quoted => self.quoted(),
            Frame::Heredoc { marker, line_start } => self.heredoc(marker, line_start),
            Frame::Bare => self.bare(),
            _ => self.code(),
        }
    }

    fn top(&self) -> Frame {
        self.stack[self.stack.len() - 1].frame
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.pos + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self, kind: Kind, len: usize) -> Token {
        let start = self.pos;
        self.pos += len;
        Token {
            kind,
            start,
            end: self.pos,
        }
    }

    fn push(&mut self, frame: Frame) {
        if self.stack.len() + self.questions == MAX_NESTING + 1 {
            self.faults.push(Fault::TooDeep { at: self.pos });
        }
        self.stack.push(Open {
            frame,
            at: self.pos,
            questions: 0,
        });
    }

    fn pop(&mut self) {
        if self.stack.len() > 1
            && let Some(open) = self.stack.pop()
        {
            self.questions -= open.questions;
        }
    }

    fn forget_questions(&mut self) {
        let top = self.stack.len() - 1;
        self.questions -= self.stack[top].questions;
        self.stack[top].questions = 0;
    }

    fn code(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t') {
            self.pos += 1;
        }
        if self.pos >= self.bytes.len() {
            return self.end();
        }
        match self.peek(0) {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.ident(),
            b'0'..=b'9' => self.number(),
            b'\n' => self.newline(1),
            b'\r' if self.peek(1) == b'\n' => self.newline(2),
            b'"' => {
                self.push(Frame::Quoted);
                self.token(Kind::OpenQuote, 1)
            }
            b'#' => self.line_comment(),
            b'/' if self.peek(1) == b'/' => self.line_comment(),
            b'/' if self.peek(1) == b'*' => self.block_comment(),
            b'(' => {
                self.push(Frame::Paren);
                self.token(Kind::OpenParen, 1)
            }
            b'[' => {
                self.push(Frame::Bracket);
                self.token(Kind::OpenBracket, 1)
            }
            b'{' => self.open_brace(),
            b')' => self.close(Kind::CloseParen, |f| f == Frame::Paren),
            b']' => self.close(Kind::CloseBracket, |f| f == Frame::Bracket),
            b'}' => self.close_brace(1),
            b'~' if self.peek(1) == b'}' && self.top() == Frame::Sequence => self.close_brace(2),
            b',' => {
                self.forget_questions();
                self.token(Kind::Comma, 1)
            }
            b'.' if self.peek(1) == b'.' && self.peek(2) == b'.' => self.token(Kind::Ellipsis, 3),
            b'.' => self.token(Kind::Dot, 1),
            b'=' if self.peek(1) == b'=' => self.token(Kind::Operator, 2),
            b'=' if self.peek(1) == b'>' => self.token(Kind::FatArrow, 2),
            b'=' => self.assign(),
            b'?' => {
                let top = self.stack.len() - 1;
                self.stack[top].questions += 1;
                self.questions += 1;
                if self.stack.len() + self.questions == MAX_NESTING + 2 {
                    self.faults.push(Fault::TooDeep { at: self.pos });
                }
                self.token(Kind::Question, 1)
            }
            b':' if self.peek(1) == b':' => self.token(Kind::DoubleColon, 2),
            b':' => {
                let top = self.stack.len() - 1;
                if self.stack[top].questions > 0 {
                    self.stack[top].questions -= 1;
                    self.questions -= 1;
                }
                self.token(Kind::Colon, 1)
            }
            b'<' if self.peek(1) == b'<' => self.open_heredoc(),
            b'!' | b'<' | b'>' if self.peek(1) == b'=' => self.token(Kind::Operator, 2),
            b'&' if self.peek(1) == b'&' => self.token(Kind::Operator, 2),
            b'|' if self.peek(1) == b'|' => self.token(Kind::Operator, 2),
            b'!' => self.token(Kind::Not, 1),
            b'-' => self.token(Kind::Minus, 1),
            b'<' | b'>' | b'+' | b'*' | b'/' | b'%' => self.token(Kind::Operator, 1),
            _ => self.other(),
        }
    }

    fn end(&mut self) -> Token {
        if self.stack.len() > 1 {
            let open = self.stack[self.stack.len() - 1];
            let found = self.bytes.len();
            self.faults.push(match open.frame {
                Frame::Heredoc { .. } => Fault::Heredoc { open: open.at, found },
                Frame::Quoted => Fault::Quote { open: open.at, found },
                _ => Fault::Bracket { open: open.at, found },
            });
            self.stack.truncate(1);
            self.questions = self.stack[0].questions;
        }
        Token {
            kind: Kind::End,
            start: self.bytes.len(),
            end: self.bytes.len(),
        }
    }

    fn ident(&mut self) -> Token {
        let len = ident_len(&self.text[self.pos..]);
        self.token(Kind::Ident, len)
    }

    fn number(&mut self) -> Token {
        let bytes = &self.bytes[self.pos..];
        let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        let mut end = 1;
        loop {
            let mut next = end;
            while bytes.get(next) == Some(&b'.') {
                next += 1;
            }
            if digit(next) {
                end = next + 1;
                continue;
            }
            if matches!(bytes.get(next), Some(b'e' | b'E')) {
                next += 1;
                if matches!(bytes.get(next), Some(b'+' | b'-')) {
                    next += 1;
                }
                if digit(next) {
                    end = next + 1;
                    continue;
                }
            }
            return self.token(Kind::Number, end);
        }
    }

    fn newline(&mut self, len: usize) -> Token {
        let kind = match self.top() {
            Frame::Body { .. } | Frame::Object => {
                self.forget_questions();
                Kind::Newline
            }
            _ => Kind::SoftNewline,
        };
        let top = self.stack.len() - 1;
        // A root of an expression stays one: its first line end is the last token.
        if self.stack[top].frame == (Frame::Body { assigned: true }) {
            self.stack[top].frame = Frame::Body { assigned: false };
        }
        self.token(kind, len)
    }

    fn assign(&mut self) -> Token {
        self.forget_questions();
        let top = self.stack.len() - 1;
        if let Frame::Body { assigned } = &mut self.stack[top].frame {
            *assigned = true;
        }
        self.token(Kind::Assign, 1)
    }

    fn line_comment(&mut self) -> Token {
        let rest = &self.bytes[self.pos..];
        let mut len = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        if len > 0 && len < rest.len() && rest[len - 1] == b'\r' {
            len -= 1;
        }
        self.token(Kind::LineComment, len)
    }

    fn block_comment(&mut self) -> Token {
        let len = match self.text[self.pos + 2..].find("*/") {
            Some(i) => i + 4,
            None => {
                self.faults.push(Fault::Comment {
                    open: self.pos,
                    found: self.bytes.len(),
                });
                self.bytes.len() - self.pos
            }
        };
        self.token(Kind::BlockComment, len)
    }

    fn open_brace(&mut self) -> Token {
        if self.top() == (Frame::Body { assigned: false }) {
            self.push(Frame::Body { assigned: false });
            return self.token(Kind::OpenBody, 1);
        }
        let frame = if self.starts_for(self.pos + 1) {
            Frame::ForBrace
        } else {
            Frame::Object
        };
        self.push(frame);
        self.token(Kind::OpenBrace, 1)
    }

    /// Says whether the first word from here on is `for`.
    fn starts_for(&self, mut pos: usize) -> bool {
        loop {
            let rest = &self.bytes[pos.min(self.bytes.len())..];
            match rest.first() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => pos += 1,
                Some(b'#') => pos += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
                Some(b'/') if rest.get(1) == Some(&b'/') => {
                    pos += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                }
                Some(b'/') if rest.get(1) == Some(&b'*') => match self.text[pos + 2..].find("*/") {
                    Some(i) => pos += i + 4,
                    None => return false,
                },
                Some(b'f') => return rest.starts_with(b"for") && ident_len(&self.text[pos..]) == 3,
                _ => return false,
            }
        }
    }

    fn close_brace(&mut self, len: usize) -> Token {
        if self.top() == Frame::Sequence {
            self.pop();
            return self.token(Kind::CloseSequence, len);
        }
        let is_brace = |f| {
            matches!(
                f,
                Frame::Body { .. } | Frame::Object | Frame::ForBrace | Frame::Sequence
            )
        };
        // What is closed further down decides what this token is.
        let kind = match self.stack.iter().rev().find(|o| is_brace(o.frame)) {
            Some(Open {
                frame: Frame::Sequence, ..
            }) => Kind::CloseSequence,
            _ => Kind::CloseBrace,
        };
        self.close(kind, is_brace)
    }

    /// Closes the innermost bracket of a sort; those within it are faults.
    fn close(&mut self, kind: Kind, is_match: impl Fn(Frame) -> bool) -> Token {
        let mut level = self.stack.len() - 1;
        while level > 0 && !is_match(self.stack[level].frame) {
            let bounds = matches!(self.stack[level].frame, Frame::Body { .. } | Frame::Sequence);
            if bounds {
                level = 0;
            } else {
                level -= 1;
            }
        }
        if level == 0 {
            self.faults.push(Fault::Stray { at: self.pos });
            return self.token(Kind::Invalid, 1);
        }
        if level + 1 < self.stack.len() {
            let open = self.stack[self.stack.len() - 1].at;
            self.faults.push(Fault::Bracket { open, found: self.pos });
        }
        while self.stack.len() > level {
            self.pop();
        }
        self.token(kind, 1)
    }

    fn open_heredoc(&mut self) -> Token {
        let rest = &self.bytes[self.pos..];
        let start = if rest.get(2) == Some(&b'-') { 3 } else { 2 };
        let len = ident_len(&self.text[self.pos + start..]);
        let end = start + len;
        let line_end = match (rest.get(end), rest.get(end + 1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 0,
        };
        if len == 0 || line_end == 0 {
            return self.token(Kind::Operator, 1);
        }
        let marker = (self.pos + start, self.pos + end);
        self.push(Frame::Heredoc {
            marker,
            line_start: true,
        });
        self.token(Kind::OpenHeredoc, end + line_end)
    }

    fn other(&mut self) -> Token {
        let c = self.text[self.pos..].chars().next().unwrap_or(' ');
        if pest::unicode::ID_START(c) {
            return self.ident();
        }
        self.token(Kind::Invalid, c.len_utf8())
    }

    fn open_sequence(&mut self) -> Token {
        let kind = if self.peek(0) == b'$' {
            Kind::OpenInterpolation
        } else {
            Kind::OpenDirective
        };
        self.push(Frame::Sequence);
        let len = if self.peek(2) == b'~' { 3 } else { 2 };
        self.token(kind, len)
    }

    /// Returns how many bytes of a `$` or `%` are text; none if it opens a sequence.
    fn dollar(bytes: &[u8]) -> usize {
        if bytes.get(1) == Some(&b'{') {
            0
        } else if bytes.get(1) == Some(&bytes[0]) && bytes.get(2) == Some(&b'{') {
            3
        } else {
            1
        }
    }

    fn quoted(&mut self) -> Token {
        let bytes = self.bytes;
        let mut i = self.pos;
        loop {
            match bytes.get(i) {
                Some(b'"') => break,
                Some(b'\\') if bytes.get(i + 1).is_some_and(|b| *b != b'\n' && *b != b'\r') => {
                    i += 2;
                }
                Some(b'$' | b'%') => match Self::dollar(&bytes[i..]) {
                    0 => break,
                    n => i += n,
                },
                None | Some(b'\n' | b'\r') => break,
                Some(_) => i += 1,
            }
        }
        // `\` may have been followed by a longer character.
        while !self.text.is_char_boundary(i) {
            i += 1;
        }
        if i > self.pos {
            return self.token(Kind::QuotedText, i - self.pos);
        }
        match bytes.get(i) {
            Some(b'"') => {
                self.pop();
                self.token(Kind::CloseQuote, 1)
            }
            Some(b'$' | b'%') => self.open_sequence(),
            _ => self.broken_quote(),
        }
    }

    /// Gives up a quoted string at the end of its line, with all around it.
    fn broken_quote(&mut self) -> Token {
        let first = self
            .stack
            .iter()
            .position(|o| o.frame == Frame::Quoted)
            .unwrap_or(self.stack.len() - 1);
        let open = self.stack[self.stack.len() - 1].at;
        self.faults.push(Fault::Quote { open, found: self.pos });
        while self.stack.len() > first {
            self.pop();
        }
        self.next()
    }

    fn heredoc(&mut self, marker: (usize, usize), line_start: bool) -> Token {
        let rest = &self.text[self.pos..];
        if rest.is_empty() {
            return self.end();
        }
        if line_start {
            let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
            let marker = &self.text[marker.0..marker.1];
            if line.trim_start().starts_with(marker) && line.trim() == marker {
                let len = line.strip_suffix('\r').unwrap_or(line).len();
                self.pop();
                return self.token(Kind::CloseHeredoc, len);
            }
        }
        let (len, ends_line) = text_len(rest.as_bytes());
        let top = self.stack.len() - 1;
        if let Frame::Heredoc { line_start, .. } = &mut self.stack[top].frame {
            *line_start = ends_line;
        }
        if len == 0 {
            return self.open_sequence();
        }
        self.token(Kind::Text, len)
    }

    fn bare(&mut self) -> Token {
        if self.pos >= self.bytes.len() {
            return self.end();
        }
        match text_len(&self.bytes[self.pos..]) {
            (0, _) => self.open_sequence(),
            (len, _) => self.token(Kind::Text, len),
        }
    }
}

/// Returns the length of a piece of text, up to a sequence or over a line end.
fn text_len(bytes: &[u8]) -> (usize, bool) {
    let mut i = 0;
    loop {
        match bytes.get(i) {
            None => return (i, false),
            Some(b'\n') => return (i + 1, true),
            Some(b'$' | b'%') => match Lexer::dollar(&bytes[i..]) {
                0 => return (i, false),
                n => i += n,
            },
            Some(_) => i += 1,
        }
    }
}

/// Returns the length of the name the text begins with, or zero.
pub(crate) fn ident_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut i = 0;
    loop {
        match bytes.get(i) {
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => i += 1,
            Some(b'0'..=b'9' | b'-') if i > 0 => i += 1,
            Some(b) if !b.is_ascii() => {
                let c = text[i..].chars().next().unwrap_or(' ');
                let fits = if i == 0 {
                    pest::unicode::ID_START(c)
                } else {
                    pest::unicode::ID_CONTINUE(c)
                };
                if !fits {
                    return i;
                }
                i += c.len_utf8();
            }
            _ => return i,
        }
    }
}
