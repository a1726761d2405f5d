//! Values as text, in the language's own syntax; secrets masked.

use std::collections::BTreeMap;
use std::fmt::Write;

use infra_state::{InstanceState, OutputState, State};
use infra_types::{InstanceAddr, Str, Value, ValueKind};

use super::escape;
use super::style::Palette;

/// What stands for a secret.
pub(crate) const SECRET: &str = "(sensitive)";
/// What stands for a value that is not known yet.
pub(crate) const UNKNOWN: &str = "(known after apply)";

/// Says whether a key can be written without quotes.
fn is_name(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Writes a key of a map or object.
pub(crate) fn key(key: &str) -> String {
    if is_name(key) {
        key.to_owned()
    } else {
        escape::line(&infra_types::address::quote(key))
    }
}

/// Writes a value; further lines are indented by `indent` spaces.
pub(crate) fn value(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    write_value(value, indent, &mut out);
    out
}

fn write_value(value: &Value, indent: usize, out: &mut String) {
    if value.is_sensitive() {
        out.push_str(SECRET);
        return;
    }
    match &value.kind {
        ValueKind::Null(_) => out.push_str("null"),
        ValueKind::Unknown(..) => out.push_str(UNKNOWN),
        ValueKind::Bool(b) => {
            let _ = write!(out, "{b}");
        }
        ValueKind::Number(n) => {
            let _ = write!(out, "{n}");
        }
        ValueKind::String(s) => write_string(s, indent, out),
        ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_) => {
            let items = value.as_items().unwrap_or(&[]);
            if items.is_empty() {
                out.push_str("[]");
                return;
            }
            out.push_str("[\n");
            for item in items {
                pad(indent + 2, out);
                write_value(item, indent + 2, out);
                out.push_str(",\n");
            }
            pad(indent, out);
            out.push(']');
        }
        ValueKind::Map(_) | ValueKind::Object(_) => {
            let entries = value.as_entries().into_iter().flatten();
            write_entries(entries, indent, out);
        }
    }
}

fn write_entries<'a>(entries: impl Iterator<Item = (&'a Str, &'a Value)>, indent: usize, out: &mut String) {
    let entries: Vec<(String, &Value)> = entries.map(|(k, v)| (key(k), v)).collect();
    if entries.is_empty() {
        out.push_str("{}");
        return;
    }
    let width = entries.iter().map(|(k, _)| k.chars().count()).max().unwrap_or(0);
    out.push_str("{\n");
    for (k, v) in entries {
        pad(indent + 2, out);
        let _ = write!(out, "{k:width$} = ");
        write_value(v, indent + 2, out);
        out.push('\n');
    }
    pad(indent, out);
    out.push('}');
}

/// Several lines become a heredoc, so that they can be read.
fn write_string(s: &str, indent: usize, out: &mut String) {
    if s.trim_end_matches('\n').contains('\n') && s.len() < 20_000 {
        out.push_str("<<-EOT\n");
        for line in s.trim_end_matches('\n').split('\n') {
            pad(indent + 4, out);
            out.push_str(&escape::line(line));
            out.push('\n');
        }
        pad(indent, out);
        out.push_str("EOT");
    } else {
        out.push_str(&escape::line(&infra_types::address::quote(s)));
    }
}

fn pad(n: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', n));
}

/// Writes the outputs, sensitive ones masked.
pub(crate) fn outputs(outputs: &BTreeMap<Str, OutputState>, color: bool) -> String {
    let p = Palette::new(color);
    let width = outputs.keys().map(|k| k.chars().count()).max().unwrap_or(0);
    let mut out = format!("{}\n", p.bold("Outputs:"));
    for (name, output) in outputs {
        let shown = if output.value.contains_sensitive() {
            SECRET.to_owned()
        } else {
            value(&output.value, 2)
        };
        let _ = writeln!(out, "  {name:width$} = {shown}");
    }
    out
}

/// Writes one instance.
pub(crate) fn instance(addr: &InstanceAddr, instance: &InstanceState, color: bool) -> String {
    let p = Palette::new(color);
    let mut out = String::new();
    let objects = instance
        .current
        .iter()
        .map(|o| (None, o))
        .chain(instance.deposed.iter().map(|(k, o)| (Some(k), o)));
    for (deposed, object) in objects {
        let mut title = p.bold(escape::line(&addr.to_string()));
        if let Some(key) = deposed {
            let _ = write!(title, " (deposed {key})");
        }
        if object.tainted {
            title.push_str(" (tainted)");
        }
        if object.protect {
            title.push_str(" (protected)");
        }
        let _ = writeln!(out, "{title}:");
        let set: BTreeMap<Str, Value> = object
            .attributes
            .as_entries()
            .into_iter()
            .flatten()
            .filter(|(_, v)| !v.is_null() && v.as_items().is_none_or(|i| !i.is_empty()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let width = set.keys().map(|k| k.chars().count()).max().unwrap_or(0);
        for (name, v) in &set {
            let _ = writeln!(out, "  {name:width$} = {}", value(v, 2));
        }
    }
    out
}

/// Writes a whole state.
pub(crate) fn state(state: &State, color: bool) -> String {
    let mut out = String::new();
    for (addr, i) in &state.instances {
        out.push_str(&instance(addr, i, color));
        out.push('\n');
    }
    if !state.outputs.is_empty() {
        out.push_str(&outputs(&state.outputs, color));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_types::Type;

    #[test]
    fn values_are_written_as_in_the_language() {
        let v = Value::object([
            ("a", Value::strings(["x"])),
            ("b-c", Value::unknown(Type::String)),
            ("d e", Value::from("s").sensitive()),
            ("n", Value::from("l1\nl2")),
        ]);
        assert_eq!(
            value(&v, 0),
            "{\n  a     = [\n    \"x\",\n  ]\n  b-c   = (known after apply)\n  \"d e\" = (sensitive)\n  n     = <<-EOT\n      l1\n      l2\n  EOT\n}"
        );
    }
}
