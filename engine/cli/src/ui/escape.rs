//! Makes text from outside harmless.
//!
//! Values and addresses come from configurations, clouds and other people: no
//! control character, escape sequence or bidirectional override may reach a
//! terminal, and nothing may break out of Markdown or mention anybody.

/// Says whether a character must not be written as it is.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}'
            | '\u{fff9}'..='\u{fffb}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if keep(c) || !is_harmful(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
    out
}

/// Escapes text that stays on one line.
pub fn line(text: &str) -> String {
    if text.chars().any(is_harmful) {
        escaped(text, |_| false)
    } else {
        text.to_owned()
    }
}

/// Escapes text that may have several lines.
pub fn block(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

/// Escapes text for Markdown outside code: HTML, emphasis, links, mentions.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '|' => out.push_str("&#124;"),
            '`' => out.push_str("&#96;"),
            '*' | '_' | '[' | ']' | '\\' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // Bare addresses of web pages become links by themselves.
    out.replace("://", ":&#47;/")
}

/// Writes text as inline code in a Markdown table cell.
pub fn code(text: &str) -> String {
    let html = line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('|', "&#124;")
        .replace('@', "&#64;");
    format!("<code>{html}</code>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_harmful_reaches_a_terminal() {
        assert_eq!(line("a\u{1b}[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\\nd");
        assert_eq!(block("a\nb\r"), "a\nb\\r");
        assert_eq!(line("grün 漢字"), "grün 漢字");
    }

    #[test]
    fn nothing_breaks_out_of_markdown() {
        assert_eq!(markdown("@team <b>|x|"), "&#64;team &lt;b&gt;&#124;x&#124;");
        assert_eq!(markdown("[a](http://b)"), "\\[a\\](http:&#47;/b)");
        assert_eq!(code("a|b`c"), "<code>a&#124;b`c</code>");
    }
}
