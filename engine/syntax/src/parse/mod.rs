//! Text to tree.
//!
//! The way of a file: `scan` cuts it into top-level statements and blanks
//! what the grammar need not see; the grammar (`infra.pest`) turns each
//! statement into pairs; `body`, `expr` and `template` turn pairs into the
//! tree. Only when something is wrong, `recover` goes over the statement again,
//! block by block, and `explain` says what was expected.

mod body;
mod explain;
mod expr;
mod recover;
mod scan;
mod template;
mod text;
mod traversal;
mod words;

use pest::Parser as _;

use crate::ast::{Expr, File, Template};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lex::{Fault, Lexer, Root};
use crate::limits::MAX_ERRORS;
use crate::source::{SourceId, Span};

use self::body::BodyBuilder;
use self::expr::Builder;
use self::scan::{Masks, Statement};

#[cfg(test)]
mod tests;

/// The parser that pest makes of the grammar.
#[allow(missing_docs)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "infra.pest"]
    pub(super) struct InfraParser;
}

use self::grammar::{InfraParser, Rule};

type Pair<'i> = pest::iterators::Pair<'i, Rule>;
type Pairs<'i> = pest::iterators::Pairs<'i, Rule>;

/// After how many unclosed brackets a file is given up.
const MAX_RESTARTS: usize = 20;

/// Parses a file.
///
/// Finds as many errors as it can; the tree holds every statement that could be
/// read, also when there are errors.
pub fn parse_file(text: &str, source: SourceId) -> (File, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let whole = Span::new(source, 0, text.len());
    let mut body = BodyBuilder::new();
    if let Err(d) = check_size(text, source) {
        diagnostics.extend(d);
    } else {
        let clean = check_characters(text, source, &mut diagnostics);
        parse_statements(clean.as_deref().unwrap_or(text), source, &mut body, &mut diagnostics);
    }
    let file = body.finish_file(source, whole, &mut diagnostics);
    diagnostics.sort();
    if diagnostics.0.len() >= MAX_ERRORS {
        diagnostics.0.truncate(MAX_ERRORS);
        let last = diagnostics.0.last().and_then(|d| d.label.as_ref());
        let at = last.map_or(0, |(span, _)| span.end as usize);
        diagnostics.push(explain::too_many(source, at));
    }
    (file, diagnostics)
}

/// Parses an expression: the right side of an argument.
///
/// A line end outside brackets ends it. A comment may follow.
///
/// # Errors
///
/// Returns what is wrong with the text.
pub fn parse_expr(text: &str, source: SourceId) -> Result<Expr, Diagnostics> {
    check_size(text, source)?;
    let mut diagnostics = Diagnostics::new();
    check_characters(text, source, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let mut masks = Masks::default();
    let mut lexer = Lexer::new(text, Root::Expr, 0);
    let statement = scan::expression(&mut lexer, &mut masks);
    if !lexer.faults.is_empty() {
        diagnostics.extend(lexer.faults.iter().map(|f| explain::fault(text, source, *f)));
        diagnostics.sort();
        return Err(diagnostics);
    }
    let mut buffer = Vec::new();
    let piece = masks.apply(text, statement, &mut buffer);
    let expr = match InfraParser::parse(Rule::expression, piece) {
        Ok(mut pairs) => Builder::new(source, statement.start, piece, &mut diagnostics).entry(&mut pairs),
        Err(e) => {
            diagnostics.push(explain::grammar(text, source, statement, (Root::Expr, false), &e));
            None
        }
    };
    if let Some(rest) = scan::trailing(&mut lexer)
        && !diagnostics.has_errors()
    {
        diagnostics.push(explain::trailing(text, source, statement, rest));
    }
    match expr {
        Some(expr) if !diagnostics.has_errors() => Ok(expr),
        _ => Err(diagnostics),
    }
}

/// Parses a template file: text with `${…}` and `%{…}`, without quotes around.
///
/// # Errors
///
/// Returns what is wrong with the text.
pub fn parse_template(text: &str, source: SourceId) -> Result<Template, Diagnostics> {
    check_size(text, source)?;
    let mut diagnostics = Diagnostics::new();
    let mut masks = Masks::default();
    let mut lexer = Lexer::new(text, Root::Template, 0);
    scan::template(&mut lexer, &mut masks);
    if !lexer.faults.is_empty() {
        diagnostics.extend(lexer.faults.iter().map(|f| explain::fault(text, source, *f)));
        return Err(diagnostics);
    }
    let statement = Statement {
        start: 0,
        end: text.len(),
    };
    let mut buffer = Vec::new();
    let piece = masks.apply(text, statement, &mut buffer);
    match InfraParser::parse(Rule::template, piece) {
        Ok(mut pairs) => {
            let mut builder = Builder::new(source, 0, piece, &mut diagnostics);
            let template = builder.bare_template(&mut pairs);
            if diagnostics.has_errors() {
                Err(diagnostics)
            } else {
                Ok(template)
            }
        }
        Err(e) => Err(explain::grammar(text, source, statement, (Root::Template, false), &e).into()),
    }
}

/// Decodes the bytes of a file.
///
/// # Errors
///
/// Returns where the bytes stop being UTF-8.
#[allow(clippy::result_large_err, reason = "files are read once")]
pub fn decode(bytes: Vec<u8>, name: &str) -> Result<String, Diagnostic> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let bytes = e.as_bytes();
            let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Err(Diagnostic::error(
                "infra::syntax::invalid_utf8",
                format!("`{name}` is not a UTF-8 text file"),
            )
            .note(format!(
                "The byte 0x{:02x} at offset {at} (line {line}) is not part of a valid character.",
                bytes[at]
            ))
            .help("save the file with the encoding UTF-8"))
        }
    }
}

fn check_size(text: &str, source: SourceId) -> Result<(), Diagnostics> {
    if u32::try_from(text.len()).is_ok() {
        return Ok(());
    }
    Err(
        Diagnostic::error("infra::syntax::file_too_large", "the file is larger than 4 GiB")
            .at(Span::new(source, 0, 0), "")
            .into(),
    )
}

/// Reports control characters; returns a copy without them if there are any.
fn check_characters(text: &str, source: SourceId, out: &mut Diagnostics) -> Option<String> {
    let bytes = text.as_bytes();
    let is_bad = |i: usize| match bytes[i] {
        b'\t' | b'\n' => false,
        b'\r' => bytes.get(i + 1) != Some(&b'\n'),
        b => b < b' ' || b == 0x7f,
    };
    // The common case in one quick pass.
    if !bytes
        .iter()
        .any(|b| (*b < b' ' && *b != b'\n' && *b != b'\t') || *b == 0x7f)
    {
        return None;
    }
    let bad: Vec<usize> = (0..bytes.len()).filter(|i| is_bad(*i)).collect();
    for at in bad.iter().take(MAX_ERRORS / 10) {
        out.push(explain::control_character(bytes[*at], *at, source));
    }
    if bad.is_empty() {
        return None;
    }
    let clean = text
        .char_indices()
        .map(|(i, c)| if is_bad(i) { ' ' } else { c })
        .collect();
    Some(clean)
}

/// Parses all statements; the chunks of a large file at the same time.
fn parse_statements(text: &str, source: SourceId, body: &mut BodyBuilder, diagnostics: &mut Diagnostics) {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let chunks = scan::chunks(text, start);
    if chunks.len() < 2 {
        parse_chunk(text, start, source, body, diagnostics);
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(chunks.len()));
    let queue = std::sync::Mutex::new(chunks.iter().enumerate());
    let parsed = std::sync::Mutex::new(Vec::with_capacity(chunks.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut q| q.next());
                    let Some((i, chunk)) = next else { return };
                    let mut body = BodyBuilder::new();
                    let mut found = Diagnostics::new();
                    parse_chunk(&text[..chunk.end], chunk.start, source, &mut body, &mut found);
                    if let Ok(mut parsed) = parsed.lock() {
                        parsed.push((i, body, found));
                    }
                }
            });
        }
    });
    let mut parsed = parsed.into_inner().unwrap_or_default();
    parsed.sort_by_key(|(i, ..)| *i);
    for (_, part, found) in parsed {
        body.append(part);
        diagnostics.extend(found);
    }
}

/// Where a bracket is not closed before the end of the file, guesses where the
/// next statement starts.
fn end_unclosed(text: &str, faults: &mut [Fault]) -> Option<usize> {
    for fault in faults {
        if let Fault::Bracket { open, found } = fault
            && *found == text.len()
        {
            let next = scan::next_top_level(text, *open)?;
            *found = next;
            return Some(next);
        }
    }
    None
}

fn parse_chunk(text: &str, start: usize, source: SourceId, body: &mut BodyBuilder, diagnostics: &mut Diagnostics) {
    let mut lexer = Lexer::new(text, Root::Body, start);
    let mut masks = Masks::default();
    let mut buffer = Vec::new();
    let mut restarts = 0;
    let mut skipped_to = 0;
    while let Some(mut statement) = scan::statement(&mut lexer, &mut masks) {
        if diagnostics.0.len() >= MAX_ERRORS {
            return;
        }
        if statement.start < skipped_to {
            continue;
        }
        if lexer.faults.is_empty() {
            let piece = masks.apply(text, statement, &mut buffer);
            match InfraParser::parse(Rule::top_level, piece) {
                Ok(mut pairs) => {
                    let mut builder = Builder::new(source, statement.start, piece, diagnostics);
                    builder.top_level(&mut pairs, body);
                }
                Err(e) => {
                    recover::Recovery::new(text, source, &[], diagnostics).top_level(piece, statement, &e, body);
                    skipped_to = recover::consequences(text, statement);
                }
            }
            continue;
        }
        let mut faults = std::mem::take(&mut lexer.faults);
        if restarts < MAX_RESTARTS
            && let Some(next) = end_unclosed(text, &mut faults)
        {
            restarts += 1;
            statement.end = next;
            lexer = Lexer::new(text, Root::Body, next);
        }
        diagnostics.extend(faults.iter().map(|f| explain::fault(text, source, *f)));
        if faults.iter().any(|f| matches!(f, Fault::TooDeep { .. })) {
            continue;
        }
        let piece = masks.apply(text, statement, &mut buffer);
        recover::Recovery::new(text, source, &faults, diagnostics).broken(piece, statement, body);
    }
    // A comment or stray bracket after the last statement.
    diagnostics.extend(lexer.faults.iter().map(|f| explain::fault(text, source, *f)));
}
