//! What waits for the next plan, in each view.

use std::fmt::Write;

use infra_engine::plan::{Plan, Wait};
use serde_json::{Value as Json, json};

use super::escape;
use super::style::Palette;

/// How many are listed.
const LISTED: usize = 100;

fn reason(wait: &Wait) -> String {
    match wait {
        Wait::Repetition => "its instances are known only then".into(),
        Wait::Dependency(other) => format!("depends on {}", escape::line(other)),
    }
}

/// Renders it for a terminal.
pub(crate) fn text(plan: &Plan, p: Palette, out: &mut String) {
    if plan.later.is_empty() {
        return;
    }
    let title = format!("To be planned after this stage ({})", plan.later.len());
    let _ = writeln!(out, "\n{}", p.bold(title));
    for deferred in plan.later.iter().take(LISTED) {
        let name = escape::line(&deferred.declared);
        let _ = writeln!(out, "  {} {name}  {}", p.dim("…"), p.dim(reason(&deferred.reason)));
    }
    if plan.later.len() > LISTED {
        let _ = writeln!(out, "  … and {} more", plan.later.len() - LISTED);
    }
}

/// Renders it as Markdown.
pub(crate) fn markdown(plan: &Plan) -> String {
    if plan.later.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "\n**This is the first stage.** After it, these are planned and need another approval ({}):\n\n",
        plan.later.len()
    );
    for deferred in plan.later.iter().take(30) {
        let why = match &deferred.reason {
            Wait::Repetition => "its instances are known only then".to_owned(),
            Wait::Dependency(other) => format!("depends on {}", escape::code(&short(other))),
        };
        let _ = writeln!(out, "- {} — {why}", escape::code(&short(&deferred.declared)));
    }
    if plan.later.len() > 30 {
        let _ = writeln!(out, "- … and {} more", plan.later.len() - 30);
    }
    out
}

fn short(name: &str) -> String {
    const MOST: usize = 200;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Renders it as Terraform's `deferred_changes`.
pub(crate) fn json(plan: &Plan) -> Option<Json> {
    let change = |deferred: &infra_engine::plan::Deferred| {
        let reason = match deferred.reason {
            Wait::Repetition => "instance_count_unknown",
            Wait::Dependency(_) => "deferred_prereq",
        };
        json!({ "reason": reason, "resource_change": { "address": deferred.declared } })
    };
    (!plan.later.is_empty()).then(|| plan.later.iter().map(change).collect())
}
