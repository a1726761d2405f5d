//! Markdown for a terminal: paragraphs are wrapped, code is set apart.

use std::fmt::Write;

use super::style::Palette;

/// How far code stands in.
const INDENT: &str = "    ";

/// Returns the width of the terminal, within limits that are good to read.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stdout()).map_or(100, |(w, _)| usize::from(w.0).clamp(40, 100))
}

/// Renders paragraphs, lists and fenced code. The tag of a fence says whether the code is wrong or right.
pub(crate) fn render(markdown: &str, palette: Palette, width: usize) -> String {
    let mut out = String::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else {
            paragraph(line, width, &mut out);
            continue;
        };
        match tag {
            "infra,fails" | "infra,later" => out.push_str(&heading(palette.remove("Wrong:"))),
            "infra" => out.push_str(&heading(palette.add("Right:"))),
            _ => {}
        }
        for code in lines.by_ref().take_while(|l| *l != "```") {
            let shown = match code.is_empty() {
                true => String::new(),
                false => format!("{INDENT}{code}"),
            };
            let _ = writeln!(out, "{}", palette.read(shown));
        }
    }
    out
}

fn heading(word: String) -> String {
    format!("{word}\n\n")
}

/// Wraps a line between words; what follows a `- ` is set below its beginning.
fn paragraph(line: &str, width: usize, out: &mut String) {
    let hanging = if line.starts_with("- ") { "  " } else { "" };
    let mut column = 0;
    for word in words(line) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(hanging);
            column = hanging.len();
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

/// Returns the words of a line; code in backticks is one word unless it is long.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut in_code = false;
    for (at, c) in line.char_indices() {
        match c {
            '`' => in_code = !in_code && line[at + 1..].find('`').is_some_and(|length| length < 40),
            ' ' if !in_code => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped() {
        let text = "one two `three four` five\n\n- six seven eight\n";
        assert_eq!(
            render(text, Palette::new(false), 14),
            "one two\n`three four`\nfive\n\n- six seven\n  eight\n"
        );
    }

    #[test]
    fn code_stands_apart() {
        let text = "So:\n\n```infra,fails\na = \n\nb\n```\n\n```infra\nc\n```\n\n```console\n$ d\n```";
        assert_eq!(
            render(text, Palette::new(false), 80),
            "So:\n\nWrong:\n\n    a = \n\n    b\n\nRight:\n\n    c\n\n    $ d\n"
        );
    }

    #[test]
    fn a_long_code_is_several_words() {
        let long = format!("`{}`", "ab ".repeat(20));
        assert!(words(&long).len() > 10);
        assert_eq!(words("a `b c` d"), ["a", "`b c`", "d"]);
    }
}
