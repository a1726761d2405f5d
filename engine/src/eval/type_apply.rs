//! Making a value fit a type constraint: defaults, conversion, conditions, secrets.

use std::collections::BTreeMap;

use infra_types::{Entries, Path, PathStep, Str, Value, ValueKind, convert_closed, suggest};

use super::expr::eval_with;
use super::scope::Scope;
use super::type_expr::{Children, Node, Problem, Rule, TypeConstraint, step};

/// Converts a value and checks it.
pub(super) fn apply(constraint: &TypeConstraint, value: Value, scope: &dyn Scope) -> Result<Value, Vec<Problem>> {
    let node = constraint.node.as_deref();
    let value = match node {
        Some(node) if node.has_defaults => fill(node, &value),
        _ => value,
    };
    let value = convert_closed(&value, &constraint.ty).map_err(|e| {
        let (message, help) = match e.message.split_once("; did you mean ") {
            Some((message, near)) => (message.to_owned(), Some(format!("did you mean {near}"))),
            None => (e.message, None),
        };
        vec![Problem {
            path: e.path,
            message,
            help,
            condition: None,
        }]
    })?;
    let Some(node) = node else {
        return Ok(value);
    };
    let mut checker = Checker {
        scope,
        problems: Vec::new(),
    };
    let value = checker.run(node, value, &Path::root(), false);
    if checker.problems.is_empty() {
        Ok(value)
    } else {
        Err(checker.problems)
    }
}

/// Fills in defaults; the parts may still need conversion.
fn fill(node: &Node, value: &Value) -> Value {
    if !node.has_defaults || !value.is_known() || value.is_null() {
        return value.clone();
    }
    let filled = match (&node.children, &value.kind) {
        (Children::Elements(elem), ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_)) => Value::tuple(
            value
                .as_items()
                .unwrap_or_default()
                .iter()
                .map(|v| fill(elem, v))
                .collect(),
        ),
        (Children::Tuple(nodes), ValueKind::List(_) | ValueKind::Set(_) | ValueKind::Tuple(_)) => {
            let items = value.as_items().unwrap_or_default().iter().enumerate();
            let items = items.map(|(i, v)| match nodes.get(i) {
                Some(Some(node)) => fill(node, v),
                _ => v.clone(),
            });
            Value::tuple(items.collect())
        }
        (Children::Elements(elem), ValueKind::Map(_) | ValueKind::Object(_)) => {
            let entries = value.as_entries().into_iter().flatten();
            Value::object(entries.map(|(k, v)| (k.clone(), fill(elem, v))))
        }
        (Children::Object(attrs), ValueKind::Map(_) | ValueKind::Object(_)) => {
            let mut entries: BTreeMap<Str, Value> = value.as_entries().map(Entries::to_map).unwrap_or_default();
            for (name, attr) in attrs {
                let given = entries.get(name).filter(|v| !v.is_null());
                let Some(part) = given.or(attr.default.as_ref()) else {
                    continue;
                };
                let part = match &attr.node {
                    Some(node) => fill(node, part),
                    None => part.clone(),
                };
                entries.insert(name.clone(), part);
            }
            Value::object(entries)
        }
        _ => return value.clone(),
    };
    // An empty collection keeps its type.
    match filled.as_items() {
        Some([]) => value.clone(),
        _ => filled.with_marks(value.marks),
    }
}

struct Checker<'a> {
    scope: &'a dyn Scope,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// Checks a part, and returns it with secrets marked. `hidden` says that it must not be shown.
    fn run(&mut self, node: &Node, value: Value, path: &Path, hidden: bool) -> Value {
        let hidden = hidden || node.secret || value.is_sensitive();
        for rule in &node.rules {
            if !value.is_null() && value.is_known() {
                self.check(rule, &value, path, hidden);
            }
        }
        let value = self.children(node, value, path, hidden);
        if node.secret { value.sensitive() } else { value }
    }

    fn children(&mut self, node: &Node, value: Value, path: &Path, hidden: bool) -> Value {
        let marks = value.marks;
        let result: Value = match (&node.children, &value.kind) {
            (Children::Elements(elem), ValueKind::List(_) | ValueKind::Set(_)) => {
                let mut at = 0;
                return value.map_children(|v| {
                    at += 1;
                    self.run(elem, v.clone(), &step(path, PathStep::Index(at - 1)), hidden)
                });
            }
            (Children::Elements(elem), ValueKind::Map(m)) => {
                let entries = m.items.iter().map(|(k, v)| {
                    let path = step(path, PathStep::Key(k.clone()));
                    (k.clone(), self.run(elem, v.clone(), &path, hidden))
                });
                Value::map(m.elem.clone(), entries.collect())
            }
            (Children::Tuple(nodes), ValueKind::Tuple(items)) => {
                let items = items.iter().enumerate().map(|(i, v)| match nodes.get(i) {
                    Some(Some(node)) => self.run(node, v.clone(), &step(path, PathStep::Index(i)), hidden),
                    _ => v.clone(),
                });
                Value::tuple(items.collect())
            }
            (Children::Object(attrs), ValueKind::Object(values)) => {
                let values = values.iter().map(|(name, v)| {
                    let node = attrs.get(name).and_then(|a| a.node.as_ref());
                    let v = match node {
                        Some(node) => self.run(node, v.clone(), &step(path, PathStep::Attr(name.clone())), hidden),
                        None => v.clone(),
                    };
                    (name.clone(), v)
                });
                Value::object(values)
            }
            _ => return value,
        };
        result.with_marks(marks)
    }

    fn check(&mut self, rule: &Rule, value: &Value, path: &Path, hidden: bool) {
        let mut problem = Problem {
            path: path.clone(),
            message: String::new(),
            help: None,
            condition: None,
        };
        match rule {
            Rule::Enum { values, name } => {
                let Some(text) = value.as_str() else { return };
                if values.iter().any(|v| &**v == text) {
                    return;
                }
                let allowed: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
                let what = match name {
                    Some(name) => format!("a `{name}` must be one of {}", allowed.join(", ")),
                    None => format!("must be one of {}", allowed.join(", ")),
                };
                problem.message = if hidden { what } else { format!("{what}, not {text:?}") };
                if !hidden {
                    let near = suggest(text, values.iter().map(|v| &**v));
                    problem.help = near.map(|near| format!("did you mean {near:?}?"));
                }
            }
            Rule::Where { condition, name } => {
                let names = [("self", value.clone())];
                match eval_with(condition, self.scope, &names) {
                    Ok(result) if !result.is_known() => return,
                    Ok(result) if result.as_bool() == Some(true) => return,
                    Ok(result) if result.as_bool() == Some(false) => {
                        let shown = match &value.kind {
                            _ if hidden => String::new(),
                            ValueKind::String(s) => format!(": {s:?} does not fulfil its condition"),
                            ValueKind::Number(n) => format!(": {n} does not fulfil its condition"),
                            ValueKind::Bool(b) => format!(": {b} does not fulfil its condition"),
                            _ => String::new(),
                        };
                        problem.message = format!("not a valid `{name}`{shown}");
                    }
                    Ok(_) => problem.message = format!("the condition of type `{name}` is neither true nor false"),
                    Err(e) => {
                        let why = e.iter().next().map(|d| d.message.clone()).unwrap_or_default();
                        problem.message = format!("the condition of type `{name}` cannot be evaluated: {why}");
                    }
                }
                problem.condition = Some(condition.span);
            }
        }
        self.problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Names, describe};

    const TYPES: &str = "type port = number where self >= 1 && self <= 65535\n\
                         type tier = enum(\"public\", \"private\")\n\
                         type routing = object({ paths = optional(list(port), [80]), tier = optional(tier) })\n";

    #[track_caller]
    fn check(ty: &str, value: &str, expect: &str) {
        let names = Names::declaring(TYPES);
        let ty = names.ty(ty).unwrap();
        let got = match ty.apply(names.eval(value).unwrap(), &names) {
            Ok(value) => describe(&value),
            Err(problems) => format!("error: {}", problems[0]),
        };
        assert_eq!(got, expect, "{value} as {ty:?}");
    }

    #[test]
    fn defaults_fill_what_is_absent_or_null() {
        let ty = "object({ a = optional(string, \"x\"), b = optional(object({ c = optional(number, 1) }), {}) })";
        check(ty, "{}", r#"{"a":"x","b":{"c":1}}"#);
        check(ty, "{ a = null, b = null }", r#"{"a":"x","b":{"c":1}}"#);
        check(ty, "{ a = 5, b = { c = 2 } }", r#"{"a":"5","b":{"c":2}}"#);
        check(ty, "null", "null");
        check(&format!("list({ty})"), "[{}]", r#"[{"a":"x","b":{"c":1}}]"#);
        check(&format!("map({ty})"), "{ k = {} }", r#"{"k":{"a":"x","b":{"c":1}}}"#);
        check("object({ a = optional(string) })", "{}", r#"{"a":null}"#);
        check("map(object({ a = optional(number, 1) }))", "{}", "{}");
    }

    #[test]
    fn objects_are_closed() {
        check(
            "object({ name = string })",
            "{ nmae = 1 }",
            "error: unexpected attribute \"nmae\"",
        );
        check(
            "list(object({ a = any }))",
            "[{ b = 1 }]",
            "error: at `[0]`: unexpected attribute \"b\"",
        );
        check("object({ a = string })", "{}", "error: attribute \"a\" is required");
        check(
            "object({ a = list(number) })",
            "{ a = [1, \"x\"] }",
            "error: at `a[1]`: a number is required",
        );
    }

    #[test]
    fn named_types_are_checked() {
        check("port", "80", "80");
        check("port", "\"80\"", "80");
        check(
            "port",
            "0",
            "error: not a valid `port`: 0 does not fulfil its condition",
        );
        check("port", "unknown", "unknown number");
        check(
            "list(port)",
            "[1, 70000]",
            "error: at `[1]`: not a valid `port`: 70000 does not fulfil its condition",
        );
        check("tier", "\"public\"", r#""public""#);
        check(
            "tier",
            "\"pubic\"",
            "error: a `tier` must be one of \"public\", \"private\", not \"pubic\"",
        );
        check("routing", "{}", r#"{"paths":[80],"tier":null}"#);
        check(
            "routing",
            "{ paths = [0] }",
            "error: at `paths[0]`: not a valid `port`: 0 does not fulfil its condition",
        );
    }

    #[test]
    fn secrets_become_sensitive_and_are_not_shown() {
        check("secret(string)", "1", r#"sensitive "1""#);
        check(
            "object({ a = secret(string), b = string })",
            "{ a = 1, b = 2 }",
            r#"sensitive {"a":"1","b":"2"}"#,
        );
        check("secret(port)", "0", "error: not a valid `port`");
        check(
            "secret(tier)",
            "\"x\"",
            "error: a `tier` must be one of \"public\", \"private\"",
        );
        check("set(secret(string))", "[\"a\"]", r#"sensitive ["a"]"#);
    }
}
