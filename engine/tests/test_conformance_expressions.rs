//! Expressions must have the results that were recorded with Terraform.
//!
//! `conformance/expressions.jsonl` holds one expression a line with its result;
//! `conformance/exceptions.txt` names those that differ on purpose, with the
//! reason; `conformance/expected-agreement` the number that must agree. With
//! `INFRA_CONFORMANCE=FILTER` set, each failure whose id or group contains the
//! filter is printed. With `INFRA_CONFORMANCE_FILE=PATH`, another recording is
//! compared, and each of its failures is printed.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads files and prints"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use infra_engine::eval::{self, Host, NoHost, Resolved, Scope};
use infra_syntax::ast::{Expr, Ident};
use infra_syntax::{Diagnostic, Diagnostics, SourceId, Span, parse};
use infra_types::{Value, json};
use serde::Deserialize;

/// The largest share of entries that may differ on purpose, in percent.
const MAX_EXCEPTIONS: usize = 1;

#[derive(Deserialize)]
struct Entry {
    id: String,
    group: String,
    expr: String,
    #[serde(default)]
    locals: BTreeMap<String, String>,
    json: Option<String>,
    r#type: Option<serde_json::Value>,
    #[serde(default)]
    error: bool,
}

/// The local values of an entry, evaluated when they are asked for.
struct Locals {
    exprs: HashMap<String, Expr>,
    values: RefCell<HashMap<String, Value>>,
    /// The local values that are being evaluated.
    pending: RefCell<HashSet<String>>,
    /// Whether a name was asked for that is not there: an error even where failures are caught.
    missing: Cell<bool>,
}

impl Scope for Locals {
    fn resolve(&self, root: &Ident, attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic> {
        let name = attrs
            .first()
            .filter(|_| &*root.name == "local")
            .map(|a| a.name.to_string());
        let refuse = || {
            self.missing.set(true);
            Err(Diagnostic::error("test::unknown_name", "there is no such name").at(span, "here"))
        };
        let Some((name, expr)) = name.and_then(|n| self.exprs.get_key_value(&n)) else {
            return refuse();
        };
        let known = self.values.borrow().get(name).cloned();
        let value = match known {
            Some(value) => value,
            None => {
                if !self.pending.borrow_mut().insert(name.clone()) {
                    return refuse();
                }
                let value = eval::eval(expr, self).map_err(|e| {
                    self.missing.set(true);
                    e.into_iter().next().expect("an error")
                })?;
                self.values.borrow_mut().insert(name.clone(), value.clone());
                value
            }
        };
        Ok(Resolved { value, consumed: 1 })
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

/// Evaluates an expression as the right side of an argument.
fn evaluate(entry: &Entry) -> Result<Value, String> {
    let mut text = String::from("locals {\n");
    for (name, source) in &entry.locals {
        text.push_str(&format!("  {name} = {source}\n"));
    }
    text.push_str(&format!("  this_expression = {}\n}}\n", entry.expr));
    let (file, diagnostics) = parse::parse_file(&text, SourceId(0));
    if diagnostics.has_errors() {
        return Err(first(&diagnostics));
    }
    let [block] = file.body.blocks.as_slice() else {
        return Err("the text is more than one argument".into());
    };
    if block.body.attributes.len() != entry.locals.len() + 1 || !block.body.blocks.is_empty() {
        return Err("the text is more than one argument".into());
    }
    let scope = Locals {
        exprs: block
            .body
            .attributes
            .iter()
            .map(|a| (a.name.name.to_string(), a.expr.clone()))
            .collect(),
        values: RefCell::default(),
        pending: RefCell::default(),
        missing: Cell::new(false),
    };
    let value = eval::eval(&scope.exprs["this_expression"], &scope).map_err(|e| first(&e))?;
    if scope.missing.get() {
        return Err("a name is not there".into());
    }
    Ok(value)
}

fn first(diagnostics: &Diagnostics) -> String {
    diagnostics
        .iter()
        .next()
        .map_or_else(String::new, |d| d.message.clone())
}

/// Compares the result of an entry; says what is different.
fn compare(entry: &Entry) -> Result<(), String> {
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        evaluate(entry).and_then(|value| {
            let text = json::encode(&value).map_err(|e| e.to_string())?;
            Ok((value, text))
        })
    }));
    match result {
        Err(_) => Err("panicked".into()),
        Ok(Err(_)) if entry.error => Ok(()),
        Ok(Err(e)) => Err(format!(
            "refused: {e}\n    expected {}",
            entry.json.as_deref().unwrap_or("")
        )),
        Ok(Ok((_, text))) if entry.error => Err(format!("gave {text}, expected an error")),
        Ok(Ok((value, text))) => {
            let expected = entry.json.as_deref().unwrap_or_default();
            if text != expected {
                return Err(format!("gave     {text}\n    expected {expected}"));
            }
            let ty = infra_types::type_to_json(&value.ty());
            match &entry.r#type {
                Some(expected) if !value.is_null() && *expected != ty => {
                    Err(format!("gave the type     {ty}\n    expected the type {expected}"))
                }
                _ => Ok(()),
            }
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn entries(corpus: &str) -> Vec<Entry> {
    let lines = corpus.split('\n').filter(|l| !l.is_empty());
    lines.map(|l| serde_json::from_str(l).expect("an entry")).collect()
}

#[test]
fn another_recording_agrees_with_terraform() {
    let Ok(path) = std::env::var("INFRA_CONFORMANCE_FILE") else {
        return;
    };
    let corpus = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let entries = entries(&corpus);
    let mut failed = 0;
    for entry in &entries {
        if let Err(why) = compare(entry) {
            failed += 1;
            println!("{} [{}]\n    {:?}\n    {why}", entry.id, entry.group, entry.expr);
        }
    }
    assert_eq!(failed, 0, "so many of {} differ", entries.len());
}

#[test]
fn expressions_agree_with_terraform() {
    let shown = std::env::var("INFRA_CONFORMANCE").ok();
    let exceptions = read("exceptions.txt");
    let exceptions: HashMap<&str, &str> = exceptions
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
        .map(|l| l.split_once(char::is_whitespace).expect("an id and a reason"))
        .collect();
    let expected: usize = read("expected-agreement").trim().parse().expect("a number");

    let corpus = read("expressions.jsonl");
    let entries = entries(&corpus);
    let cases = std::fs::read_dir(folder().join("cases")).expect("a folder").count();
    assert!(
        exceptions.len() * 100 <= (entries.len() + cases) * MAX_EXCEPTIONS,
        "too many exceptions: {}",
        exceptions.len()
    );
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut agreed = 0;
    let mut stale = Vec::new();
    for entry in &entries {
        let result = compare(entry);
        let group = groups.entry(&entry.group).or_default();
        group.1 += 1;
        let excepted = exceptions.contains_key(entry.id.as_str());
        if result.is_ok() {
            agreed += 1;
            group.0 += 1;
            if excepted {
                stale.push(entry.id.as_str());
            }
        } else if excepted {
            agreed += 1;
            group.0 += 1;
        }
        if let (Err(why), Some(filter)) = (&result, &shown)
            && !excepted
            && (entry.id.contains(filter) || entry.group.contains(filter))
        {
            println!("{} [{}]\n    {:?}\n    {why}", entry.id, entry.group, entry.expr);
        }
    }
    for (group, (good, all)) in &groups {
        let mark = if good == all { "" } else { "  <-" };
        println!("{group:16} {good:5} of {all:5}{mark}");
    }
    println!(
        "{:16} {agreed:5} of {:5}, {} on purpose",
        "all",
        entries.len(),
        entries.iter().filter(|e| exceptions.contains_key(&*e.id)).count()
    );

    assert!(
        stale.is_empty(),
        "these agree after all, remove them from exceptions.txt: {stale:?}"
    );
    assert!(agreed >= expected, "{agreed} agree, but {expected} did before");
    assert!(
        agreed == expected,
        "{agreed} agree now: write that into expected-agreement"
    );
}
