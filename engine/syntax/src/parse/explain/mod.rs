//! Says in the user's words what the grammar or the lexer found wrong.
//!
//! The grammar tells how far it came. What was expected there is read off the
//! tokens around: what stands before, and which bracket is open.

mod expected;
mod place;

use pest::error::{Error, ErrorVariant, InputLocation};

use crate::diagnostic::Diagnostic;
use crate::lex::{Fault, Kind, Root, Token, ident_len};
use crate::limits::{MAX_ERRORS, MAX_NESTING};
use crate::source::{SourceId, Span};

use super::Rule;
use super::scan::Statement;

use self::place::Place;

/// Explains a fault of the lexer.
pub(super) fn fault(text: &str, source: SourceId, fault: Fault) -> Diagnostic {
    let span = |start: usize, end: usize| Span::new(source, start, end);
    // A place after the last line would not be shown.
    let last = text.trim_end().len();
    let last_start = text[..last].char_indices().next_back().map_or(0, |(i, _)| i);
    let file_end = span(last_start, last);
    let char_at = |at: usize| text[at.min(text.len())..].chars().next();
    let char_end = |at: usize| at + char_at(at).map_or(0, char::len_utf8);
    match fault {
        Fault::Bracket { open, found } => {
            let opener = if text[open..].starts_with(['$', '%']) {
                &text[open..open + 2]
            } else {
                &text[open..char_end(open)]
            };
            let closer = closer(opener);
            let d = Diagnostic::error("infra::syntax::unclosed_bracket", format!("`{opener}` is not closed"))
                .at(span(open, open + opener.len()), "opened here");
            let d = match char_at(found) {
                Some(c) if c.is_alphanumeric() => d.related(
                    span(found, found + ident_len(&text[found..]).max(1)),
                    format!("expected `{closer}` before this"),
                ),
                Some(c) => d.related(
                    span(found, char_end(found)),
                    format!("expected `{closer}`, found `{c}`"),
                ),
                None => d.related(file_end, format!("the file ends without `{closer}`")),
            };
            d.help(format!("add `{closer}`"))
        }
        Fault::Stray { at } => {
            let c = char_at(at).unwrap_or('}');
            Diagnostic::error("infra::syntax::unmatched_bracket", format!("unexpected `{c}`"))
                .at(span(at, char_end(at)), "closes nothing")
                .help("remove it, or add the opening bracket")
        }
        Fault::Quote { open, found } => {
            Diagnostic::error("infra::syntax::unclosed_quote", "the string is not closed on its line")
                .at(span(open, open + 1), "opened here")
                .related(span(found, found), "the line ends here")
                .help("add `\"`; for text over several lines, use a heredoc (`<<-EOT`)")
        }
        Fault::Heredoc { open, .. } => {
            let line = text[open..].lines().next().unwrap_or("");
            let marker = line.trim_start_matches(['<', '-']);
            Diagnostic::error(
                "infra::syntax::unclosed_heredoc",
                format!("the heredoc `{line}` is not closed"),
            )
            .at(span(open, open + line.len()), "opened here")
            .related(file_end, format!("the file ends without a line `{marker}`"))
            .help(format!("end it with `{marker}` on a line of its own"))
        }
        Fault::Comment { open, .. } => {
            Diagnostic::error("infra::syntax::unclosed_comment", "the comment is not closed")
                .at(span(open, open + 2), "opened here")
                .related(file_end, "the file ends without `*/`")
                .help("add `*/`")
        }
        Fault::TooDeep { at } => Diagnostic::error("infra::syntax::nesting_too_deep", "the nesting is too deep")
            .at(
                span(at, char_end(at)),
                format!("more than {MAX_NESTING} levels of brackets and quotes"),
            )
            .help("name parts of it in `locals`"),
    }
}

fn closer(opener: &str) -> &'static str {
    match opener {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// Explains a control character.
pub(super) fn control_character(byte: u8, at: usize, source: SourceId) -> Diagnostic {
    let what = match byte {
        0 => "NUL character".to_owned(),
        b'\r' => "carriage return without a line feed".to_owned(),
        _ => format!("control character U+{byte:04X}"),
    };
    Diagnostic::error(
        "infra::syntax::control_character",
        format!("the file contains a {what}"),
    )
    .at(Span::new(source, at, at + 1), "not allowed in a file")
    .help("in a string, write control characters as `\\uNNNN`")
}

/// Says that the rest of the file was not looked at.
pub(super) fn too_many(source: SourceId, at: usize) -> Diagnostic {
    Diagnostic::error(
        "infra::syntax::too_many_errors",
        format!("{MAX_ERRORS} errors or more; the rest is not listed"),
    )
    .at(Span::new(source, at, at), "the last one listed")
}

/// Explains text after an expression that should end with its line.
pub(super) fn trailing(text: &str, source: SourceId, expr: Statement, found: Token) -> Diagnostic {
    Diagnostic::error(
        "infra::syntax::unexpected_token",
        format!("expected the end, found {}", describe(text, found)),
    )
    .at(Span::new(source, found.start, found.end), "not part of the expression")
    .related(
        Span::new(source, expr.start, expr.end),
        "the expression ends with its line",
    )
    .help("to continue an expression on the next line, put it in parentheses")
}

/// Explains why the grammar refused a statement, expression or template.
///
/// A `nested` statement stands in a block.
pub(super) fn grammar(
    text: &str,
    source: SourceId,
    statement: Statement,
    (root, nested): (Root, bool),
    error: &Error<Rule>,
) -> Diagnostic {
    let offset = match error.location {
        InputLocation::Pos(pos) => pos,
        InputLocation::Span((start, _)) => start,
    };
    let expected: &[Rule] = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        // pest says so when the stack ends.
        ErrorVariant::CustomError { .. } => {
            let at = statement.start;
            return fault(text, source, Fault::TooDeep { at });
        }
    };
    let mut place = Place::find(text, source, statement, root, statement.start + offset);
    if place.found.kind == Kind::CloseParen && place.in_parameters() {
        // It was accepted; the grammar tells of rules only, not of signs.
        let next = place.found.end;
        place = Place::find(text, source, statement, root, next);
    }
    place.nested = nested;
    place.explain(expected)
}

/// Names a token for users.
fn describe(text: &str, token: Token) -> String {
    let source = text.get(token.start..token.end).unwrap_or("");
    match token.kind {
        Kind::Newline | Kind::SoftNewline => "the end of the line".to_owned(),
        Kind::End => "the end".to_owned(),
        Kind::OpenQuote => "a string".to_owned(),
        Kind::OpenHeredoc => "a heredoc".to_owned(),
        Kind::QuotedText | Kind::Text => "text".to_owned(),
        Kind::Number => format!("the number `{source}`"),
        _ => format!("`{}`", shorten(source)),
    }
}

fn shorten(source: &str) -> String {
    const MOST: usize = 40;
    if source.chars().count() <= MOST {
        return source.to_owned();
    }
    source.chars().take(MOST).chain(['…']).collect()
}
