//! `templatefile` and `templatestring`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use infra_syntax::ast::{Expr, ExprKind, Ident, TemplatePart};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Span};
use infra_types::{Entries, Type, Value};
use regex::Regex;

use super::{FnError, Param, Spec, convert, file, returns, text};
use crate::eval::budget::Budget;
use crate::eval::scope::{Host, Resolved, Scope};

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "templatefile",
            "Reads a file and renders it as a template.",
            vec![Param::string("path"), Param::any("vars")],
            returns::any,
            |args, scope| {
                let source = file::read_text(args, 0, scope)?;
                render(&source, text(args, 0), &args[1], scope)
            },
        )
        .nullable(),
        Spec::new(
            "templatestring",
            "Renders a string as a template.",
            vec![Param::any("template"), Param::any("vars")],
            returns::string,
            |args, scope| {
                let Some(source) = args[0].as_str() else {
                    return Err(FnError::at(
                        0,
                        format!("must be a string, not {}", args[0].ty().friendly()),
                    ));
                };
                let value = render(source, "", &args[1], scope)?;
                if value.is_null() {
                    return Err(FnError::new("the result is null"));
                }
                convert::to(&value, &Type::String)
                    .map_err(|why| FnError::new(format!("the result is not a string: {why}")))
            },
        ),
    ]
}

/// What names mean in a template: its variables, nothing else.
struct Variables<'a> {
    vars: &'a Entries,
    outer: &'a dyn Scope,
}

impl Scope for Variables<'_> {
    fn resolve(&self, root: &Ident, _: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        match self.vars.get(&root.name) {
            Some(value) => Ok(Resolved {
                value: value.clone(),
                consumed: 0,
            }),
            None => Err(Diagnostic::error(
                "infra::eval::unknown_template_variable",
                format!("the template's variables have no `{}`", root.name),
            )
            .at(span, "used here")),
        }
    }

    fn host(&self) -> &dyn Host {
        self.outer.host()
    }

    fn budget(&self) -> Option<&Budget> {
        self.outer.budget()
    }
}

thread_local! {
    /// Whether a template is being rendered by a function.
    static RENDERING: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a template is being rendered, until it is dropped.
struct Rendering;

impl Rendering {
    fn start() -> Result<Rendering, FnError> {
        if RENDERING.replace(true) {
            return Err(FnError::new(
                "a template that a function renders cannot render another one",
            ));
        }
        Ok(Rendering)
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        RENDERING.set(false);
    }
}

fn render(source: &str, name: &str, vars: &Value, scope: &dyn Scope) -> Result<Value, FnError> {
    let rendering = Rendering::start();
    let Some(vars) = vars.as_entries() else {
        return Err(FnError::at(1, "must be a map or an object"));
    };
    if let Some(wrong) = vars.keys().find(|k| !is_identifier(k)) {
        return Err(FnError::at(
            1,
            format!(
                "\"{wrong}\" is no name of a variable: it must begin with a letter, then letters, digits, `_` and `-`"
            ),
        ));
    }
    let template = infra_syntax::parse_template(source, SourceId::default())
        .map_err(|d| FnError::at(0, explain(&d, source, name)))?;
    let mut free = BTreeMap::new();
    free_names(&template.parts, &mut BTreeSet::new(), &mut free);
    if let Some((missing, span)) = free.iter().find(|(n, _)| !vars.contains_key(n)) {
        let at = place(*span, source, name);
        return Err(FnError::at(
            1,
            format!("the variables have no `{missing}`, which the template uses at {at}"),
        ));
    }
    rendering.and_then(|_guard| {
        let scope = Variables { vars, outer: scope };
        crate::eval::eval_template(&template, &scope).map_err(|d| FnError::new(explain(&d, source, name)))
    })
}

/// Says whether a text can be the name of a variable.
pub(super) fn is_identifier(s: &str) -> bool {
    static PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[\p{ID_Start}_][\p{ID_Continue}-]*$").expect("the pattern is right"));
    PATTERN.is_match(s)
}

/// Says where in a template something stands.
fn place(span: Span, source: &str, name: &str) -> String {
    let before = source.get(..span.start as usize).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    if name.is_empty() {
        format!("line {line}, column {column}")
    } else {
        format!("{name}:{line}:{column}")
    }
}

fn explain(diagnostics: &Diagnostics, source: &str, name: &str) -> String {
    let all = diagnostics.iter().map(|d| match &d.label {
        Some((span, _)) => format!("{}: {}", place(*span, source, name), d.message),
        None => d.message.clone(),
    });
    all.collect::<Vec<_>>().join("; ")
}

/// Collects the names that a template takes from its variables, each with its first place.
///
/// `bound` are the names that loops around introduce.
fn free_names<'t>(parts: &'t [TemplatePart], bound: &mut BTreeSet<&'t str>, free: &mut BTreeMap<&'t str, Span>) {
    for part in parts {
        match part {
            TemplatePart::Literal(..) => {}
            TemplatePart::Interpolation(expr) => free_in(expr, bound, free),
            TemplatePart::If(part) => {
                free_in(&part.condition, bound, free);
                free_names(&part.then, bound, free);
                free_names(&part.otherwise, bound, free);
            }
            TemplatePart::For(part) => {
                free_in(&part.collection, bound, free);
                let added = bind(part.key_var.as_ref(), &part.value_var, bound);
                free_names(&part.body, bound, free);
                bound.retain(|n| !added.contains(n));
            }
        }
    }
}

/// Notes the names of a loop; returns those that were not bound already.
fn bind<'t>(key: Option<&'t Ident>, value: &'t Ident, bound: &mut BTreeSet<&'t str>) -> Vec<&'t str> {
    let names = key.into_iter().chain([value]).map(|i| &*i.name);
    names.filter(|n| bound.insert(n)).collect()
}

fn free_in<'t>(expr: &'t Expr, bound: &mut BTreeSet<&'t str>, free: &mut BTreeMap<&'t str, Span>) {
    match &expr.kind {
        ExprKind::Template(template) => free_names(&template.parts, bound, free),
        ExprKind::Variable(name) if bound.contains(&*name.name) => {}
        ExprKind::Variable(name) => {
            free.entry(&name.name).or_insert(name.span);
        }
        ExprKind::For(f) => {
            free_in(&f.collection, bound, free);
            let added = bind(f.key_var.as_ref(), &f.value_var, bound);
            let inner = f.key.iter().chain([&f.value]).chain(&f.condition);
            inner.for_each(|e| free_in(e, bound, free));
            bound.retain(|n| !added.contains(n));
        }
        _ => expr.each_child(&mut |child| free_in(child, bound, free)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn vars<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::object(entries)
    }

    #[test]
    fn strings_are_rendered() {
        check(
            "templatestring",
            ["hello ${name}".into(), vars([("name", "Ann".into())])],
            "hello Ann",
        );
        let list = Value::tuple(vec!["a".into(), "b".into()]);
        check(
            "templatestring",
            ["%{ for x in xs }${x},%{ endfor }".into(), vars([("xs", list)])],
            "a,b,",
        );
        check("templatestring", ["${upper(a)}".into(), vars([("a", "q".into())])], "Q");
        check("templatestring", ["${a}".into(), vars([("a", 1.into())])], "1");
    }

    #[test]
    fn wrong_templates_are_refused() {
        refused("templatestring", ["${".into(), vars([])]);
        refused("templatestring", ["${local.t}".into(), vars([])]);
        refused("templatestring", ["${can(b)}".into(), vars([])]);
        refused("templatestring", ["a".into(), vars([("1b", 1.into())])]);
        refused("templatestring", [5.into(), vars([])]);
        refused("templatestring", ["${a}".into(), vars([("a", Value::null())])]);
        let nested = "${templatestring(t, {})}";
        refused("templatestring", [nested.into(), vars([("t", "x".into())])]);
        // The refusal does not last.
        check("templatestring", ["x".into(), vars([])], "x");
    }

    #[test]
    fn a_missing_variable_is_shown_with_its_place() {
        let error = refused("templatestring", ["a\nb ${x}".into(), vars([])]);
        assert!(error.message.contains("line 2, column 5"), "{error}");
    }

    #[test]
    fn names_are_identifiers() {
        for name in ["a", "_a", "a-b", "é1", "日本", "b\u{94d}c", "a·b", "a‿b", "ⅷ", "true"] {
            assert!(is_identifier(name), "{name}");
        }
        for name in ["", "-a", "1a", "a b", "a²", "\u{301}a", "a.b", "a\n"] {
            assert!(!is_identifier(name), "{name}");
        }
    }
}
