//! Colours of what is being typed.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use infra_syntax::tokens::{self, Kind, Token};

/// Puts colours on an expression; its characters stay as they are.
pub(super) fn highlight(text: &str) -> Cow<'_, str> {
    let found = tokens::expression(text).tokens;
    let mut out = String::new();
    let mut done = 0;
    for (i, token) in found.iter().enumerate() {
        let Some(style) = style(text, *token, found.get(i + 1)) else {
            continue;
        };
        out.push_str(&text[done..token.start]);
        let _ = write!(out, "{style}{}{style:#}", &text[token.start..token.end]);
        done = token.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

fn style(text: &str, token: Token, next: Option<&Token>) -> Option<Style> {
    let is_called = || next.is_some_and(|n| n.start == token.end && text[n.start..].starts_with('('));
    let color = match token.kind {
        Kind::Text | Kind::Delimiter => AnsiColor::Green,
        Kind::Number => AnsiColor::Yellow,
        Kind::Name => match &text[token.start..token.end] {
            "true" | "false" | "null" => AnsiColor::Yellow,
            "for" | "in" | "if" | "else" | "endif" | "endfor" => AnsiColor::Magenta,
            _ if is_called() => AnsiColor::Cyan,
            _ => return None,
        },
        Kind::Comment => return Some(Style::new().dimmed()),
        Kind::Invalid => AnsiColor::Red,
        Kind::Open | Kind::Close | Kind::Dot | Kind::Comma | Kind::Operator | Kind::Newline => return None,
    };
    Some(color.on_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let pattern = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("the pattern is well formed");
        pattern.replace_all(text, "").into_owned()
    }

    #[test]
    fn nothing_but_colours_is_added() {
        for text in [
            "",
            "a.b",
            "upper(\"ä ${var.x}\") + 1 # end",
            "{\n  a = <<EOT\nx\nEOT\n}",
            "\"open",
            "@ 'x'",
        ] {
            assert_eq!(plain(&highlight(text)), text);
        }
    }

    #[test]
    fn sorts_of_tokens_differ() {
        assert_eq!(
            highlight("upper(true)"),
            "\u{1b}[36mupper\u{1b}[0m(\u{1b}[33mtrue\u{1b}[0m)"
        );
        assert_eq!(highlight("a.b"), "a.b");
    }
}
