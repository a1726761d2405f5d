//! Values as JSON text, exactly as `jsonencode` and `jsondecode` have it.

use std::collections::BTreeMap;

pub use crate::json_value::{
    from_json, from_json_typed, to_json, to_json_typed, try_to_json, type_from_json, type_to_json,
};
use crate::{Entries, Number, Str, Value, ValueKind};

/// Why a value is not written, or a text not read, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// JSON has no infinities.
    #[error("an infinite number has no JSON form")]
    Infinite,
    /// A part is not known yet.
    #[error("the value is not known yet")]
    Unknown,
    /// The text is no JSON.
    #[error("{message} at offset {offset}")]
    Syntax {
        /// What is wrong.
        message: &'static str,
        /// Where: the byte it is about.
        offset: usize,
    },
}

/// How deeply texts may nest.
const MAX_DEPTH: usize = 500;

/// Writes a value as `jsonencode` does. Marks don't matter.
pub fn encode(value: &Value) -> Result<String, JsonError> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), JsonError> {
    match &value.kind {
        ValueKind::Null(_) => out.push_str("null"),
        ValueKind::Unknown(..) => return Err(JsonError::Unknown),
        ValueKind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        ValueKind::Number(n) if n.is_infinite() => return Err(JsonError::Infinite),
        ValueKind::Number(n) => {
            use std::fmt::Write;
            let _ = write!(out, "{n}");
        }
        ValueKind::String(s) => write_string(s, out),
        ValueKind::List(s) | ValueKind::Set(s) => write_items(&s.items, out)?,
        ValueKind::Tuple(items) => write_items(items, out)?,
        ValueKind::Map(m) => write_entries(&m.items, out)?,
        ValueKind::Object(attrs) => write_entries(attrs, out)?,
    }
    Ok(())
}

fn write_items(items: &[Value], out: &mut String) -> Result<(), JsonError> {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out)?;
    }
    out.push(']');
    Ok(())
}

fn write_entries(entries: &Entries, out: &mut String) -> Result<(), JsonError> {
    out.push('{');
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write(value, out)?;
    }
    out.push('}');
    Ok(())
}

/// Writes a text as JSON, with what HTML gives a meaning escaped.
pub fn write_string(s: &str, out: &mut String) {
    out.push('"');
    let mut clean = 0;
    for (i, c) in s.char_indices() {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if c < ' ' => "",
            _ => continue,
        };
        out.push_str(&s[clean..i]);
        clean = i + c.len_utf8();
        if short.is_empty() {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&s[clean..]);
    out.push('"');
}

/// Reads a text as `jsondecode` does: arrays become tuples, objects objects.
pub fn decode(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        return reader.fail("there is something after the value");
    }
    Ok(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, message: &'static str) -> Result<T, JsonError> {
        Err(JsonError::Syntax {
            message,
            offset: self.at,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over a byte if it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::string(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", true.into()),
            Some(b'f') => self.word("false", false.into()),
            Some(b'n') => self.word("null", Value::null()),
            Some(_) => self.fail("a value was expected"),
            None => self.fail("the text ends where a value was expected"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, JsonError>) -> Result<Value, JsonError> {
        if self.depth == MAX_DEPTH {
            return self.fail("the text nests too deeply");
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("a value was expected");
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(Value::tuple(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::tuple(items));
            }
            if !self.eat(b',') {
                return self.fail("`,` or `]` was expected");
            }
        }
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let mut attrs: BTreeMap<Str, Value> = BTreeMap::new();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Value::object(attrs));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.fail("a key was expected");
            }
            let key = crate::value::normalize(self.string()?.into());
            self.skip_space();
            if !self.eat(b':') {
                return self.fail("`:` was expected");
            }
            let value = self.value()?;
            attrs.insert(key, value);
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Value::object(attrs));
            }
            if !self.eat(b',') {
                return self.fail("`,` or `}` was expected");
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && !self.digits() {
            return self.fail("a digit was expected");
        }
        if self.eat(b'.') && !self.digits() {
            return self.fail("a digit was expected");
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            if !self.digits() {
                return self.fail("a digit was expected");
            }
        }
        match Number::parse(&self.text[start..self.at]) {
            Some(n) => Ok(n.into()),
            None => {
                self.at = start;
                self.fail("the number is out of range")
            }
        }
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
            let Some(end) = end else {
                self.at = self.text.len();
                return self.fail("a quote is not closed");
            };
            out.push_str(&rest[..end]);
            self.at += end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return self.fail("a control character stands in a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let c = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.fail("an escape is wrong"),
        };
        self.at += 1;
        Ok(c)
    }

    /// Reads the four digits of an escape, and its second half if there is one;
    /// half a pair becomes the replacement character.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with("\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        self.at += 2;
        let second = self.hex()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = back;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.fail("an escape is wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let value = decode(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(encode(&value).unwrap(), expect, "{text}");
    }

    #[test]
    fn texts_round_trip() {
        check(
            r#" { "b" : [ 1 , 2.50 , -0 ] , "a" : null } "#,
            r#"{"a":null,"b":[1,2.5,-0]}"#,
        );
        check(
            r#""<&> \u00e9 \ud83d\ude00 \/ \u0001 \b""#,
            r#""\u003c\u0026\u003e é 😀 / \u0001 \b""#,
        );
        check(r#""\ud83d x""#, "\"\u{fffd} x\"");
        check("1e3", "1000");
        check("[]", "[]");
        check(r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in [
            "",
            "[",
            "[1,]",
            "{",
            "{a:1}",
            "{\"a\" 1}",
            "01",
            "1.",
            "+1",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\n\"",
            "1 2",
            "nul",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert!(decode(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn some_values_have_no_json_form() {
        assert_eq!(encode(&Number::infinity(false).into()), Err(JsonError::Infinite));
        assert_eq!(
            encode(&Value::tuple(vec![Value::unknown(crate::Type::String)])),
            Err(JsonError::Unknown)
        );
    }
}
