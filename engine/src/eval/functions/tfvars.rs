//! `provider::terraform::encode_tfvars`, `decode_tfvars` and `encode_expr`:
//! values as text in the language's own syntax.

use std::collections::BTreeMap;

use infra_syntax::ast::{Expr, ExprKind, Ident, ObjectKey};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Span};
use infra_types::{Str, Type, Value, ValueKind};

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
                let mut out = String::new();
                write(&args[0], 0, &mut out);
                Ok(out.into())
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
    let mut out = String::new();
    write_entries(entries, 0, &mut out);
    Ok(out.into())
}

/// Writes a value; what goes on further lines is indented by `level` steps.
fn write(value: &Value, level: usize, out: &mut String) {
    match &value.kind {
        ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
            out.push('[');
            for (i, item) in value.as_items().unwrap_or_default().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(item, level, out);
            }
            out.push(']');
        }
        ValueKind::Map(_) | ValueKind::Object(_) => match value.as_entries() {
            Some(entries) if !entries.is_empty() => {
                out.push_str("{\n");
                write_entries(entries, level + 1, out);
                out.push_str(&"  ".repeat(level));
                out.push('}');
            }
            _ => out.push_str("{}"),
        },
        ValueKind::String(s) => out.push_str(&quote(s)),
        ValueKind::Number(n) => out.push_str(&n.to_string()),
        ValueKind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        ValueKind::Null(_) | ValueKind::Unknown(..) => out.push_str("null"),
    }
}

/// Writes `name = value` lines; the `=` of neighbours on single lines stand below each other.
fn write_entries(entries: &BTreeMap<Str, Value>, level: usize, out: &mut String) {
    let lines: Vec<(String, String)> = entries
        .iter()
        .map(|(name, value)| {
            let name = if is_identifier(name) {
                name.to_string()
            } else {
                quote(name)
            };
            let mut shown = String::new();
            write(value, level, &mut shown);
            (name, shown)
        })
        .collect();
    for group in lines.chunk_by(|a, b| !a.1.contains('\n') && !b.1.contains('\n')) {
        let width = group
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or_default();
        for (name, shown) in group {
            out.push_str(&format!("{}{name:width$} = {shown}\n", "  ".repeat(level)));
        }
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
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
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
    if !file.body.blocks.is_empty() || !file.body.types.is_empty() || !file.body.functions.is_empty() {
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

/// Says whether an expression consists of literals and operators only.
fn is_plain(expr: &Expr) -> bool {
    match &*expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_plain),
        ExprKind::Object(items) => items.iter().all(|item| {
            let key = match &item.key {
                ObjectKey::Name(_) => true,
                ObjectKey::Expr(key) => is_plain(key),
            };
            key && is_plain(&item.value)
        }),
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => is_plain(inner),
        ExprKind::Binary(_, a, b) => is_plain(a) && is_plain(b),
        ExprKind::Conditional(a, b, c) => is_plain(a) && is_plain(b) && is_plain(c),
        _ => false,
    }
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
    }

    #[test]
    fn only_values_are_read() {
        for text in ["a = foo", "a = upper(\"x\")", "a {}", "a = "] {
            refused(DECODE, [text.into()]);
        }
        refused(
            ENCODE,
            [Value::object([("a b", 1i64)].map(|(k, v)| (k, Value::from(v))))],
        );
        refused(ENCODE, [Value::tuple(vec![])]);
    }
}
