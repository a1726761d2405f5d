//! Writing YAML in Terraform's form: block style, strings always quoted.
//!
//! The layout follows libyaml's emitter: its columns, line breaks in long
//! strings, literal blocks for strings of several lines.

use infra_types::{Str, Value, ValueKind};

/// The column after which a long quoted string is continued on the next line.
const WIDTH: usize = 80;

/// Spaces per level.
const STEP: usize = 2;

/// The longest key that stands on one line with its value, in bytes.
const MAX_SIMPLE_KEY: usize = 128;

/// Writes a known value.
pub(super) fn encode(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        blank: true,
        indented: true,
    };
    emitter.node(value, None, false);
    if !emitter.out.ends_with(is_break) {
        emitter.out.push('\n');
    }
    if matches!(
        value.kind,
        ValueKind::Null(_) | ValueKind::Bool(_) | ValueKind::Number(_)
    ) {
        // Without it a reader could not tell where the scalar ends.
        emitter.out.push_str("...\n");
    }
    emitter.out
}

struct Emitter {
    out: String,
    column: usize,
    /// Whether a blank or the start of the line is just before.
    blank: bool,
    /// Whether the line has nothing but indentation and indicators so far.
    indented: bool,
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Says whether a character stands for itself in quotes; others are escaped.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

impl Emitter {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Goes to the next line at an indentation, unless it is there already.
    fn indent(&mut self, indent: usize) {
        if !self.indented || self.column > indent || (self.column == indent && !self.blank) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.blank = true;
        self.indented = true;
    }

    /// Writes `-`, `?`, `:` and the like.
    fn indicator(&mut self, c: char, spaced: bool, keeps_indented: bool) {
        if spaced && !self.blank {
            self.put(' ');
        }
        self.put(c);
        self.blank = false;
        self.indented &= keeps_indented;
    }

    /// Writes a value; `indent` is that of what it stands in.
    fn node(&mut self, value: &Value, indent: Option<usize>, in_mapping: bool) {
        match &value.kind {
            ValueKind::List(s) | ValueKind::Set(s) => self.sequence(&s.items, indent, in_mapping),
            ValueKind::Tuple(items) => self.sequence(items, indent, in_mapping),
            ValueKind::Map(m) => self.mapping(m.items.iter(), m.items.len(), indent),
            ValueKind::Object(attrs) => self.mapping(attrs.iter(), attrs.len(), indent),
            ValueKind::String(s) => self.string(s, indent),
            ValueKind::Number(n) if n.is_infinite() => self.plain(if n.is_negative() { "-Inf" } else { "+Inf" }),
            ValueKind::Number(n) => self.plain(&n.to_string()),
            ValueKind::Bool(b) => self.plain(if *b { "true" } else { "false" }),
            ValueKind::Null(_) | ValueKind::Unknown(..) => self.plain("null"),
        }
    }

    fn plain(&mut self, s: &str) {
        if !self.blank {
            self.put(' ');
        }
        s.chars().for_each(|c| self.put(c));
        self.blank = false;
        self.indented = false;
    }

    fn sequence(&mut self, items: &[Value], indent: Option<usize>, in_mapping: bool) {
        if items.is_empty() {
            return self.plain("[]");
        }
        // Below a key the items are not indented further.
        let inner = match indent {
            Some(indent) if in_mapping && !self.indented => indent,
            Some(indent) => indent + STEP,
            None => 0,
        };
        for item in items {
            self.indent(inner);
            self.indicator('-', true, true);
            self.node(item, Some(inner), false);
        }
    }

    fn mapping<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v Str, &'v Value)>,
        count: usize,
        indent: Option<usize>,
    ) {
        if count == 0 {
            return self.plain("{}");
        }
        let inner = indent.map_or(0, |i| i + STEP);
        for (key, value) in entries {
            self.indent(inner);
            if key.len() <= MAX_SIMPLE_KEY && !key.contains(is_break) {
                self.quoted(key, inner, false);
                self.indicator(':', false, false);
            } else {
                self.indicator('?', true, true);
                self.string(key, Some(inner));
                self.indent(inner);
                self.indicator(':', true, true);
            }
            self.node(value, Some(inner), true);
        }
    }

    fn string(&mut self, s: &str, indent: Option<usize>) {
        let inner = indent.map_or(STEP, |i| i + STEP);
        if s.contains('\n') && block_allowed(s) {
            self.literal(s, inner);
        } else {
            self.quoted(s, inner, true);
        }
    }

    fn literal(&mut self, s: &str, indent: usize) {
        self.indicator('|', true, false);
        if s.starts_with(|c| c == ' ' || is_break(c)) {
            self.out.push_str(&STEP.to_string());
        }
        let mut from_end = s.chars().rev();
        match (
            from_end.next().is_some_and(is_break),
            from_end.next().is_none_or(is_break),
        ) {
            (false, _) => self.out.push('-'),
            (true, true) => self.out.push('+'),
            (true, false) => {}
        }
        self.line_break();
        self.indented = true;
        self.blank = true;
        let mut starts = true;
        for c in s.chars() {
            if is_break(c) {
                self.out.push(c);
                self.column = 0;
                starts = true;
                continue;
            }
            if std::mem::take(&mut starts) {
                while self.column < indent {
                    self.put(' ');
                }
            }
            self.put(c);
            self.indented = false;
        }
        self.indented |= starts;
        self.blank = starts;
    }

    fn quoted(&mut self, s: &str, indent: usize, breaks: bool) {
        if !self.blank {
            self.put(' ');
        }
        self.put('"');
        // Every character counts as special after a byte order mark at the start.
        let all_special = s.starts_with('\u{feff}');
        let mut spaces = false;
        let mut chars = s.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if all_special || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                spaces = false;
                continue;
            }
            if c == ' ' {
                let inside = at > 0 && at + 1 < s.len();
                if breaks && !spaces && inside && self.column > WIDTH {
                    self.indented = false;
                    self.indent(indent);
                    if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.put('"');
        self.blank = false;
        self.indented = false;
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c => {
                let code = c as u32;
                let long = match code {
                    ..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return long.chars().for_each(|c| self.put(c));
            }
        };
        self.put('\\');
        self.put(short);
    }
}

/// Says whether a text can be written as a literal block.
fn block_allowed(s: &str) -> bool {
    let mut before = None;
    for c in s.chars() {
        if !is_printable(c) || (is_break(c) && before == Some(' ')) {
            return false;
        }
        before = Some(c);
    }
    before != Some(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: impl Into<Value>, expect: &str) {
        assert_eq!(encode(&value.into()), expect);
    }

    fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::object(entries)
    }

    fn tuple<const N: usize>(items: [Value; N]) -> Value {
        Value::tuple(items.into())
    }

    #[test]
    fn scalars() {
        check(5, "5\n...\n");
        check(true, "true\n...\n");
        check(Value::null(), "null\n...\n");
        check("yes", "\"yes\"\n");
        check("a\tb\u{0}\u{7f}é🎉", "\"a\\tb\\0\\x7Fé\\U0001F389\"\n");
        check("\u{feff}a", "\"\\uFEFF\\x61\"\n");
    }

    #[test]
    fn several_lines() {
        check("multi\nline", "|-\n  multi\n  line\n");
        check("a\nb\n", "|\n  a\n  b\n");
        check("a\n\n", "|+\n  a\n\n");
        check("\n", "|2+\n\n");
        check("\n a", "|2-\n\n   a\n");
        check("a \nb", "\"a \\nb\"\n");
        check("a\nb\u{2029}", "|\n  a\n  b\u{2029}");
        check("a\u{2028}b\nc", "|-\n  a\u{2028}  b\n  c\n");
    }

    #[test]
    fn nesting() {
        let inner = object([("c", tuple([]))]);
        check(
            object([("a", object([("b", inner)]))]),
            "\"a\":\n  \"b\":\n    \"c\": []\n",
        );
        check(
            tuple([tuple([1.into(), tuple([2.into()])]), tuple([])]),
            "- - 1\n  - - 2\n- []\n",
        );
        check(
            object([("a", tuple([object([("b", "x\ny".into()), ("c", 1.into())])]))]),
            "\"a\":\n- \"b\": |-\n    x\n    y\n  \"c\": 1\n",
        );
        check(
            object([("d", tuple([tuple(["x\ny".into()])]))]),
            "\"d\":\n- - |-\n    x\n    y\n",
        );
        check(tuple(["x\n".into(), 1.into()]), "- |\n  x\n- 1\n");
    }

    #[test]
    fn long_keys_and_strings() {
        check(
            object([("a\nb", object([("c", 1.into())]))]),
            "? |-\n  a\n  b\n: \"c\": 1\n",
        );
        let key = "a".repeat(129);
        check(
            object([(&key, tuple([1.into(), 2.into()]))]),
            &format!("? \"{key}\"\n: - 1\n  - 2\n"),
        );
        let words = ["aaaaaaaaaa"; 12].join(" ");
        let (head, tail) = words.split_at(87);
        check(words.as_str(), &format!("\"{head}\n  {}\"\n", &tail[1..]));
    }
}
