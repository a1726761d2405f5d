//! The tokens of an expression that is being typed: for colours, for completion,
//! and to say whether it goes on in the next line.
//!
//! Nothing here fails: a text that is wrong has tokens too.

use crate::lex::{Fault, Kind as Lexed, Lexer, Paused, Root};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Name,
    /// A number.
    Number,
    /// Text in quotes or in a heredoc.
    Text,
    /// A quote, or the first or last line of a heredoc.
    Delimiter,
    /// `(`, `[`, `{`, `${` or `%{`.
    Open,
    /// What closes one of these.
    Close,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// Any other sign.
    Operator,
    /// A line end.
    Newline,
    /// A comment.
    Comment,
    /// A character with no meaning here.
    Invalid,
}

/// A token and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// The tokens of a text.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// In order of their places.
    pub tokens: Vec<Token>,
    /// Whether the text ends within quotes, a heredoc or a comment.
    pub ends_in_text: bool,
}

/// Returns the tokens of an expression, as far as it is written.
pub fn expression(text: &str) -> Tokens {
    let mut lexer = Lexer::new(text, Root::Expr, 0);
    let mut out = Tokens::default();
    loop {
        if lexer.is_at_end() {
            out.ends_in_text |= lexer.is_in_text();
        }
        let token = lexer.next();
        let Some(kind) = kind(token.kind) else {
            return out;
        };
        // A comment that reaches the end of the text may go on.
        out.ends_in_text |= kind == Kind::Comment && token.end == text.len() && !text.ends_with("*/");
        out.tokens.push(Token {
            kind,
            start: token.start,
            end: token.end,
        });
    }
}

fn kind(kind: Lexed) -> Option<Kind> {
    Some(match kind {
        Lexed::End => return None,
        Lexed::Ident => Kind::Name,
        Lexed::Number => Kind::Number,
        Lexed::QuotedText | Lexed::Text => Kind::Text,
        Lexed::OpenQuote | Lexed::CloseQuote | Lexed::OpenHeredoc | Lexed::CloseHeredoc => Kind::Delimiter,
        Lexed::OpenInterpolation
        | Lexed::OpenDirective
        | Lexed::OpenParen
        | Lexed::OpenBracket
        | Lexed::OpenBody
        | Lexed::OpenBrace => Kind::Open,
        Lexed::CloseSequence | Lexed::CloseParen | Lexed::CloseBracket | Lexed::CloseBrace => Kind::Close,
        Lexed::Dot => Kind::Dot,
        Lexed::Comma => Kind::Comma,
        Lexed::Newline | Lexed::SoftNewline => Kind::Newline,
        Lexed::LineComment | Lexed::BlockComment => Kind::Comment,
        Lexed::Invalid => Kind::Invalid,
        Lexed::Ellipsis
        | Lexed::Assign
        | Lexed::FatArrow
        | Lexed::Colon
        | Lexed::DoubleColon
        | Lexed::Question
        | Lexed::Not
        | Lexed::Minus
        | Lexed::Operator => Kind::Operator,
    })
}

/// What the lines so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing but blanks and comments.
    Blank,
    /// The beginning of an expression: a bracket, a template, a heredoc or a comment is open.
    Unfinished,
    /// An expression, right or wrong: further lines cannot belong to it.
    Finished,
}

/// Collects the lines of one expression.
///
/// Each line is looked at once, however long the expression becomes.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    paused: Option<Paused>,
    has_tokens: bool,
}

impl Lines {
    /// Creates a collection without lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line, or several; a line end after the last one may be missing.
    pub fn push(&mut self, line: &str) -> Progress {
        self.text.push_str(line);
        if !line.ends_with('\n') {
            self.text.push('\n');
        }
        let mut lexer = match self.paused.take() {
            Some(paused) => Lexer::resume(&self.text, paused),
            None => Lexer::new(&self.text, Root::Expr, 0),
        };
        loop {
            let paused = lexer.pause();
            let token = lexer.next();
            match lexer.faults.as_slice() {
                [] => {}
                [Fault::Bracket { found, .. } | Fault::Heredoc { found, .. } | Fault::Comment { found, .. }]
                    if *found == self.text.len() =>
                {
                    self.paused = Some(paused);
                    return Progress::Unfinished;
                }
                _ => return Progress::Finished,
            }
            match token.kind {
                Lexed::End if self.has_tokens => return Progress::Finished,
                Lexed::End => return Progress::Blank,
                Lexed::Newline if lexer.depth() == 0 && self.has_tokens => return Progress::Finished,
                Lexed::Newline | Lexed::SoftNewline | Lexed::LineComment | Lexed::BlockComment => {}
                _ => self.has_tokens = true,
            }
        }
    }

    /// Says whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns all lines, and begins again.
    pub fn take(&mut self) -> String {
        self.paused = None;
        self.has_tokens = false;
        std::mem::take(&mut self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> Progress {
        Lines::new().push(text)
    }

    #[test]
    fn what_goes_on() {
        for text in [
            "(",
            "foo(1,",
            "[1,\n2,",
            "{",
            "{\n  a = 1",
            "\"${",
            "\"${upper(",
            "\"%{ if true",
            "<<EOT",
            "<<-EOT\n  text ( \" }",
            "<<EOT\nEOTX",
            "upper(<<EOT\nx\nEOT",
            "1 /* comment",
            "[for a in",
            "{ for k, v",
            "# comment\n[",
        ] {
            assert_eq!(progress(text), Progress::Unfinished, "{text}");
        }
    }

    #[test]
    fn what_is_finished() {
        for text in [
            "1",
            "1 +",
            "a.b",
            "foo()",
            "{\n  a = 1\n}",
            "\"(\"",
            "\"open",
            "\"${\"open",
            "<<EOT\n(\nEOT",
            "upper(<<EOT\nx\nEOT\n)",
            "1 # (",
            ")",
            "(]",
            "[)",
            "true ? 1",
            "1\n(",
            "@",
        ] {
            assert_eq!(progress(text), Progress::Finished, "{text}");
        }
        for text in ["", "\n", "  \t", "# nothing", "/* a */", "// a\n\n"] {
            assert_eq!(progress(text), Progress::Blank, "{text}");
        }
    }

    #[test]
    fn too_deep_is_finished() {
        assert_eq!(progress(&"(".repeat(5000)), Progress::Finished);
        assert_eq!(progress(&"(".repeat(20)), Progress::Unfinished);
    }

    /// Line by line gives the same as all lines at once.
    #[test]
    fn lines_are_taken_up_where_the_last_one_ended() {
        for text in [
            "{\n  a = [\n    1,\n  ]\n  b = <<-EOT\n    ${upper(\n \"x\"\n )} }\n  EOT\n}",
            "\"${[\n1,\n2 /* a\n } */ ][0]}\"",
            "{ /*\n}\n*/ for\n a in [] : a => a\n}",
            "[ # (\n  1 // (\n]",
            "foo(<<A\r\n${<<B\r\nx\r\nB\r\n}\r\nA\r\n)",
        ] {
            let mut lines = Lines::new();
            let all: Vec<&str> = text.split('\n').collect();
            for (i, line) in all.iter().enumerate() {
                let expected = if i + 1 == all.len() {
                    Progress::Finished
                } else {
                    Progress::Unfinished
                };
                assert_eq!(lines.push(line), expected, "line {i} of {text}");
                assert_eq!(progress(&all[..=i].join("\n")), expected, "line {i} of {text} at once");
            }
            assert_eq!(lines.take(), format!("{text}\n"));
            assert!(lines.is_empty());
            assert_eq!(lines.push("1"), Progress::Finished);
        }
    }

    #[test]
    fn long_input_is_looked_at_once() {
        let mut lines = Lines::new();
        assert_eq!(lines.push("["), Progress::Unfinished);
        for _ in 0..100_000 {
            assert_eq!(lines.push("  [1, 2, 3, \"${4}\"],"), Progress::Unfinished);
        }
        assert_eq!(lines.push("]"), Progress::Finished);
    }

    #[test]
    fn tokens_cover_what_is_typed() {
        let kinds = |text: &str| {
            let found = expression(text);
            let kinds: Vec<Kind> = found.tokens.iter().map(|t| t.kind).collect();
            (kinds, found.ends_in_text)
        };
        use Kind::{Close, Delimiter, Dot, Name, Open, Text};
        assert_eq!(kinds("var.na"), (vec![Name, Dot, Name], false));
        assert_eq!(kinds("\"a"), (vec![Delimiter, Text], true));
        assert_eq!(kinds("\""), (vec![Delimiter], true));
        assert_eq!(kinds("\"a ${b"), (vec![Delimiter, Text, Open, Name], false));
        assert_eq!(
            kinds("\"${b}\""),
            (vec![Delimiter, Open, Name, Close, Delimiter], false)
        );
        assert_eq!(kinds("<<EOT\nva"), (vec![Delimiter, Text], true));
        assert!(kinds("1 # va").1);
        assert!(kinds("1 /* va").1);
        assert!(!kinds("1 /* va */").1);
        assert!(!kinds("1 # va\n").1);
    }
}
