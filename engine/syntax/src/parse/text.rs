//! Literal text: escapes and normal form.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::words::shared;
use crate::ast::Str;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// Returns the text in NFC, shared.
pub(super) fn normal(text: &str) -> Str {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return shared(text);
    }
    text.nfc().collect::<String>().into()
}

/// Resolves `$${` and `%%{`, and with `quoted` also backslash escapes.
///
/// `span` is the place of `raw`.
pub(super) fn unescape<'a>(raw: &'a str, quoted: bool, span: Span, out: &mut Diagnostics) -> Cow<'a, str> {
    let special = |b: u8| (b == b'\\' && quoted) || b == b'$' || b == b'%';
    if !raw.bytes().any(special) {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(i) = rest.bytes().position(special) {
        text.push_str(&rest[..i]);
        rest = &rest[i..];
        let len = if rest.starts_with('\\') {
            let at = span.start as usize + (raw.len() - rest.len());
            escape(rest, Span::new(span.source, at, at), &mut text, out)
        } else if rest.starts_with("$${") || rest.starts_with("%%{") {
            text.push_str(&rest[1..3]);
            3
        } else {
            text.push_str(&rest[..1]);
            1
        };
        rest = &rest[len..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Resolves the escape that `rest` begins with; returns its length.
fn escape(rest: &str, at: Span, text: &mut String, out: &mut Diagnostics) -> usize {
    let Some(c) = rest[1..].chars().next() else {
        out.push(invalid(at, 1, "`\\` at the end"));
        return 1;
    };
    let digits = match c {
        'n' => {
            text.push('\n');
            return 2;
        }
        'r' => {
            text.push('\r');
            return 2;
        }
        't' => {
            text.push('\t');
            return 2;
        }
        '"' | '\\' => {
            text.push(c);
            return 2;
        }
        'u' => 4,
        'U' => 8,
        _ => {
            let len = 1 + c.len_utf8();
            let mut d = invalid(at, len, &format!("`\\{c}`"));
            d = match c {
                '\'' => d.help("write `'` without a backslash"),
                '$' | '%' => d.help(format!("write `{c}{c}{{` for a literal `{c}{{`; a lone `{c}` needs no escape")),
                '0' | 'x' | 'b' | 'f' | 'e' => d.help("write control characters as `\\uNNNN`"),
                _ => d.help("the escapes are `\\n`, `\\r`, `\\t`, `\\\"`, `\\\\`, `\\uNNNN` and `\\UNNNNNNNN`; write a literal backslash as `\\\\`"),
            };
            out.push(d);
            return len;
        }
    };
    let hex = &rest[2..];
    let count = hex.bytes().take(digits).take_while(u8::is_ascii_hexdigit).count();
    if count < digits {
        out.push(
            invalid(at, 2 + count, &format!("`\\{c}`"))
                .help(format!("`\\{c}` takes exactly {digits} hexadecimal digits")),
        );
        return 2 + count;
    }
    let code = u32::from_str_radix(&hex[..digits], 16).unwrap_or(u32::MAX);
    match char::from_u32(code) {
        Some(c) => text.push(c),
        None => out.push(
            invalid(at, 2 + digits, &format!("`{}`", &rest[..2 + digits]))
                .note(format!("U+{code:04X} is not a character.")),
        ),
    }
    2 + digits
}

fn invalid(at: Span, len: usize, what: &str) -> Diagnostic {
    let start = at.start as usize;
    Diagnostic::error(
        "infra::syntax::invalid_escape",
        format!("{what} is not a valid escape sequence"),
    )
    .at(Span::new(at.source, start, start + len), "not a valid escape")
}
