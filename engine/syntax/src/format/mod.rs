//! Formats a file, as users of `terraform fmt` know it.
//!
//! Works on tokens, so that comments stay where they are: `tokens` reads them,
//! `layout` decides on every blank between them. The result is parsed again
//! and must mean the same, or the file is left alone.

mod layout;
mod tokens;

use similar::TextDiff;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::parse::parse_file;
use crate::same::same_file;
use crate::source::{SourceId, Span};

/// Returns the formatted text.
///
/// Line ends are kept as they are in the file; blank lines too, but for those at
/// the end.
///
/// # Errors
///
/// Returns the syntax errors of a file that has some. Spans refer to
/// `SourceId(0)`.
pub fn format(text: &str) -> Result<String, Diagnostics> {
    format_source(text, SourceId(0))
}

/// Returns the formatted text; spans of errors refer to `source`.
///
/// # Errors
///
/// Returns the syntax errors of a file that has some.
pub fn format_source(text: &str, source: SourceId) -> Result<String, Diagnostics> {
    let (before, diagnostics) = parse_file(text, source);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let mut tokens = tokens::read(text);
    tokens::unwrap_interpolations(&mut tokens);
    let formatted = layout::lay_out(tokens);
    let (after, diagnostics) = parse_file(&formatted, source);
    if diagnostics.has_errors() || !same_file(&before, &after) {
        return Err(unsound(source).into());
    }
    Ok(formatted)
}

/// Returns the changes from `old` to `new` as a unified diff, or nothing if they
/// are equal.
pub fn diff(old: &str, new: &str, name: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

fn unsound(source: SourceId) -> Diagnostic {
    Diagnostic::error(
        "infra::syntax::format_unsound",
        "formatting would change what the file means, so it was left as it is",
    )
    .at(Span::new(source, 0, 0), "")
    .note("This is a fault of the formatter; please report it with the file.")
}
