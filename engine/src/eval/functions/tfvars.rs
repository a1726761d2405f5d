//! `provider::terraform::encode_tfvars`, `decode_tfvars` and `encode_expr`:
//! values as text in the language's own syntax.

use std::collections::BTreeMap;

use infra_syntax::ast::{Expr, ExprKind, Ident};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Span};
use infra_types::{Entries, Type, Value, ValueKind};

use super::string::graphemes;
use super::template::is_identifier;
use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::{Host, Resolved, Scope};

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "provider::terraform::decode_tfvars",
            "Reads a text in the syntax of a file with variable values.",
            vec![Param::string("str")],
            returns::any,
            |args, scope| decode_tfvars(text(args, 0), scope),
        ),
        Spec::new(
            "provider::terraform::encode_expr",
            "Writes a value as an expression.",
            vec![Param::any("value").unknown().dynamic()],
            returns::string,
            |args, _| {
                if !args[0].is_wholly_known() {
                    return Ok(Value::unknown(Type::String));
                }
                let mut writer = Writer::default();
                writer.value(&args[0]);
                Ok(writer.finish().into())
            },
        ),
        Spec::new(
            "provider::terraform::encode_tfvars",
            "Writes an object in the syntax of a file with variable values.",
            vec![Param::any("value")],
            returns::string,
            encode_tfvars,
        ),
    ]
}

fn encode_tfvars(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let Some(entries) = args[0].as_entries() else {
        return Err(FnError::at(0, "must be an object; its attributes become the variables"));
    };
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown(Type::String));
    }
    if let Some(name) = entries.keys().find(|n| !is_identifier(n)) {
        return Err(FnError::at(0, format!("\"{name}\" is no name of a variable")));
    }
    let mut writer = Writer::default();
    writer.entries(entries);
    Ok(writer.finish().into())
}

/// Writes values in the language's form.
#[derive(Default)]
struct Writer {
    out: String,
    line: String,
    /// How many more brackets the line opens than it closes.
    change: i32,
    /// For each line that opened more than it closed, how many of these are still open.
    open: Vec<i32>,
}

impl Writer {
    fn finish(mut self) -> String {
        if !self.line.is_empty() {
            self.indent();
        }
        self.out
    }

    /// Adds the line, which is indented once for each line above with brackets still open.
    fn indent(&mut self) {
        let mut closed = (-self.change).max(0);
        while closed > 0
            && let Some(last) = self.open.pop()
        {
            if last > closed {
                self.open.push(last - closed);
            }
            closed -= last.min(closed);
        }
        self.out.push_str(&"  ".repeat(self.open.len()));
        self.out.push_str(&std::mem::take(&mut self.line));
        if self.change > 0 {
            self.open.push(self.change);
        }
        self.change = 0;
    }

    fn end_line(&mut self) {
        self.indent();
        self.out.push('\n');
    }

    fn opening(&mut self, c: char) {
        self.line.push(c);
        self.change += 1;
    }

    fn closing(&mut self, c: char) {
        self.line.push(c);
        self.change -= 1;
    }

    fn value(&mut self, value: &Value) {
        match &value.kind {
            ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
                self.opening('[');
                for (i, item) in value.as_items().unwrap_or_default().iter().enumerate() {
                    if i > 0 {
                        self.line.push_str(", ");
                    }
                    self.value(item);
                }
                self.closing(']');
            }
            ValueKind::Map(_) | ValueKind::Object(_) => {
                self.opening('{');
                if let Some(entries) = value.as_entries().filter(|e| !e.is_empty()) {
                    self.end_line();
                    self.entries(entries);
                }
                self.closing('}');
            }
            ValueKind::String(s) => self.line.push_str(&quote(s)),
            ValueKind::Number(n) => self.line.push_str(&n.to_string()),
            ValueKind::Bool(b) => self.line.push_str(if *b { "true" } else { "false" }),
            ValueKind::Null(_) | ValueKind::Unknown(..) => self.line.push_str("null"),
        }
    }

    /// Writes `name = value` lines; the `=` of neighbours on single lines stand below each other.
    fn entries(&mut self, entries: &Entries) {
        let lines: Vec<(String, &Value, bool)> = entries
            .iter()
            .map(|(name, value)| {
                let name = match is_identifier(name) {
                    true => name.to_string(),
                    false => quote(name),
                };
                (name, value, has_lines(value))
            })
            .collect();
        for group in lines.chunk_by(|a, b| !a.2 && !b.2) {
            let width = group.iter().map(|(name, ..)| graphemes(name).len()).max();
            let width = width.unwrap_or_default();
            for (name, value, _) in group {
                let missing = width - graphemes(name).len();
                self.line.push_str(&format!("{name}{} = ", " ".repeat(missing)));
                self.value(value);
                self.end_line();
            }
        }
    }
}

/// Says whether a value is written on several lines.
fn has_lines(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Map(_) | ValueKind::Object(_) => value.as_entries().is_some_and(|e| !e.is_empty()),
        _ => value.as_items().unwrap_or_default().iter().any(has_lines),
    }
}

fn quote(s: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' if chars.peek() == Some(&'{') => out.extend([c, c]),
            c if infra_types::is_printable(c) => out.push(c),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// A scope without names.
struct Nothing<'a>(&'a dyn Scope);

impl Scope for Nothing<'_> {
    fn resolve(&self, root: &Ident, _: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        let message = format!(
            "values of variables must not refer to anything, so there is no `{}`",
            root.name
        );
        Err(Diagnostic::error("infra::eval::reference_in_values", message).at(span, "used here"))
    }

    fn host(&self) -> &dyn Host {
        self.0.host()
    }
}

fn decode_tfvars(source: &str, scope: &dyn Scope) -> Result<Value, FnError> {
    let wrong = |d: &Diagnostics| {
        let all: Vec<&str> = d.iter().map(|d| &*d.message).collect();
        FnError::at(
            0,
            format!("this is no text with values of variables: {}", all.join("; ")),
        )
    };
    let (file, diagnostics) = infra_syntax::parse_file(source, SourceId::default());
    if diagnostics.has_errors() {
        return Err(wrong(&diagnostics));
    }
    if !file.body.blocks.is_empty() || !file.types.is_empty() || !file.functions.is_empty() {
        return Err(FnError::at(0, "there must be nothing but `name = value`"));
    }
    let mut values = BTreeMap::new();
    for attribute in &file.body.attributes {
        let name = &attribute.name.name;
        if !is_plain(&attribute.expr) {
            return Err(FnError::at(
                0,
                format!("the value of `{name}` must be written out, without calls and references"),
            ));
        }
        let value = crate::eval::eval(&attribute.expr, &Nothing(scope)).map_err(|d| wrong(&d))?;
        values.insert(name.clone(), value);
    }
    Ok(Value::object(values))
}

/// Says whether an expression calls no function.
fn is_plain(expr: &Expr) -> bool {
    let mut plain = !matches!(expr.kind, ExprKind::Call(_));
    expr.each_child(&mut |child| plain = plain && is_plain(child));
    plain
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    const ENCODE: &str = "provider::terraform::encode_tfvars";
    const DECODE: &str = "provider::terraform::decode_tfvars";

    fn sample() -> Value {
        let inner = Value::object([("x", Value::from(1)), ("i j", Value::null())]);
        Value::object([
            ("a", Value::from(1)),
            ("bb", "x\n${y} \"q\"".into()),
            ("c", Value::tuple(vec![1.into(), true.into()])),
            ("d", inner),
            ("e", "z".into()),
        ])
    }

    #[test]
    fn variables_round_trip() {
        let text = "a  = 1\nbb = \"x\\n$${y} \\\"q\\\"\"\nc  = [1, true]\nd = {\n  \"i j\" = null\n  x     = 1\n}\ne = \"z\"\n";
        check(ENCODE, [sample()], text);
        check(DECODE, [text.into()], sample());
        check(DECODE, ["".into()], Value::object([] as [(&str, Value); 0]));
    }

    #[test]
    fn expressions_are_written() {
        let nested = Value::tuple(vec![
            Value::tuple(vec![1.into()]),
            Value::object([("a", Value::from(1))]),
        ]);
        check("provider::terraform::encode_expr", [nested], "[[1], {\n  a = 1\n}]");
        check(
            "provider::terraform::encode_expr",
            ["é\u{1}%{".into()],
            "\"é\\u0001%%{\"",
        );
        check(
            "provider::terraform::encode_expr",
            ["a\u{a0}\u{feff}\u{e0001}".into()],
            "\"a\\u00a0\\ufeff\\U000e0001\"",
        );
    }

    #[test]
    fn lines_are_indented_by_open_brackets() {
        let o = |n: i64| Value::object([("x", Value::from(n))]);
        let nested = Value::object([
            ("a", Value::tuple(vec![o(1), 5.into(), o(2)])),
            ("b", Value::tuple(vec![])),
        ]);
        check(ENCODE, [nested], "a = [{\n  x = 1\n  }, 5, {\n  x = 2\n}]\nb = []\n");
    }

    #[test]
    fn only_values_are_read() {
        check(
            DECODE,
            ["a = [for x in [1, 2] : \"${x}-\"][0]".into()],
            Value::object([("a", "1-")].map(|(k, v)| (k, Value::from(v)))),
        );
        for text in ["a = foo", "a = upper(\"x\")", "a = \"${upper(\"x\")}\"", "a {}", "a = "] {
            refused(DECODE, [text.into()]);
        }
        refused(
            ENCODE,
            [Value::object([("a b", 1i64)].map(|(k, v)| (k, Value::from(v))))],
        );
        refused(ENCODE, [Value::tuple(vec![])]);
    }
}
