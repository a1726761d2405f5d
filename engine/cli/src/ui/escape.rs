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
pub(crate) fn line(text: &str) -> String {
    if text.chars().any(is_harmful) {
        escaped(text, |_| false)
    } else {
        text.to_owned()
    }
}

/// Escapes text that may have several lines.
pub(crate) fn block(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

/// Escapes text for Markdown outside code: HTML, emphasis, links, mentions.
pub(crate) fn markdown(text: &str) -> String {
    // An entity does not stop a mention, which is found in what was rendered; a
    // comment does, because it parts the text. Code is never searched for them.
    entities(text).replace("&#64;", "@<!---->").replace("&#35;", "#<!---->")
}

/// Writes text as inline code, also where Markdown is not read (in `<summary>`).
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", entities(text))
}

/// Replaces what means something to Markdown or HTML by character references,
/// which mean themselves in both.
fn entities(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let special = match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '~' | '$' | '\\' | '#' | '@' => true,
            // Inside a word it is no emphasis, and there it is common.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            '(' => before == ']',
            // Bare addresses become links by themselves.
            '/' => before == ':',
            '.' => before.eq_ignore_ascii_case(&'w'),
            _ => false,
        };
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if special => out.push_str(&format!("&#{};", c as u32)),
            c => out.push(c),
        }
        before = c;
    }
    out
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
        assert_eq!(markdown("@team <b>|x|"), "@<!---->team &lt;b&gt;&#124;x&#124;");
        assert_eq!(markdown("[a](http://b) #1"), "[a]&#40;http:&#47;/b) #<!---->1");
        assert_eq!(code("a|b`c</code>"), "<code>a&#124;b&#96;c&lt;/code&gt;</code>");
        assert_eq!(code("aws_vpc.a[\"_x_\"]"), "<code>aws_vpc.a[\"&#95;x&#95;\"]</code>");
        assert_eq!(code("\\*www.x"), "<code>&#92;&#42;www&#46;x</code>");
    }
}
