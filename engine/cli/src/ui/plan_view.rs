//! The plan on a terminal: grouped by action, changed attributes only.

use std::fmt::Write;

use infra_engine::config::Config;
use infra_engine::execute::Outcome;
use infra_engine::observe::Operation;
use infra_engine::plan::diff::{Difference, differences};
use infra_engine::plan::{Action, Change, CheckStatus, OutputChange, Plan, PlanMode};
use infra_types::{Path, Str, Value};

use super::escape;
use super::style::Palette;
use super::values::{self, SECRET};

/// How many changes are shown with their attributes; more are only listed.
const DETAILED: usize = 2_000;

/// Renders a plan.
pub(crate) fn render(plan: &Plan, config: &Config, color: bool) -> String {
    let p = Palette::new(color);
    let mut out = String::new();
    recovered(plan, p, &mut out);
    drift(plan, p, &mut out);
    for (title, wanted) in GROUPS {
        let group: Vec<&Change> = plan.changes.iter().filter(|c| wanted(c)).collect();
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{}", p.bold(format!("{title} ({})", group.len())));
        for (i, change) in group.iter().enumerate() {
            header(change, p, &mut out);
            if i < DETAILED {
                attributes(change, config, p, &mut out);
            }
        }
    }
    outputs(plan, p, &mut out);
    checks(plan, p, &mut out);
    super::later::text(plan, p, &mut out);
    out.push_str(&summary(plan, p));
    out
}

type Group = (&'static str, fn(&Change) -> bool);

/// Most dangerous last, where the eye is when the plan has scrolled by.
const GROUPS: &[Group] = &[
    ("Read during apply", |c| c.action == Action::Read),
    ("Moved", |c| c.action == Action::NoOp && c.previous_addr.is_some()),
    ("Import", |c| {
        c.action == Action::NoOp && c.previous_addr.is_none() && c.importing.is_some()
    }),
    ("Create", |c| c.action == Action::Create),
    ("Update in place", |c| c.action == Action::Update),
    ("Forget", |c| c.action == Action::Forget),
    ("Replace", |c| matches!(c.action, Action::Replace { .. })),
    ("Delete", |c| c.action == Action::Delete),
];

fn recovered(plan: &Plan, p: Palette, out: &mut String) {
    let found: Vec<_> = plan.recovered.iter().filter(|r| r.found).collect();
    if found.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        p.bold(format!("Adopted from an interrupted run ({})", found.len()))
    );
    for recovery in found {
        let _ = writeln!(out, "  {}", escape::line(&recovery.addr.to_string()));
    }
}

fn drift(plan: &Plan, p: Palette, out: &mut String) {
    if plan.drift.is_empty() || plan.mode == PlanMode::Destroy {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        p.bold(format!("Changed outside of infra ({})", plan.drift.len()))
    );
    for drift in &plan.drift {
        let addr = escape::line(&drift.addr.to_string());
        match &drift.after {
            None => {
                let _ = writeln!(out, "  {} {addr} is gone", p.remove("-"));
            }
            Some(after) => {
                let _ = writeln!(out, "  {} {addr}", p.change("~"));
                for d in differences(&drift.before, after).into_iter().take(20) {
                    difference(&d.path, d.before.as_ref(), d.after.as_ref(), 6, false, p, out);
                }
            }
        }
    }
}

fn sign(change: &Change, p: Palette) -> String {
    match change.action {
        Action::Create => p.add("+"),
        Action::Read => p.read("<="),
        Action::Update => p.change("~"),
        Action::Replace { create_first: true } => format!("{}/{}", p.add("+"), p.remove("-")),
        Action::Replace { create_first: false } => format!("{}/{}", p.remove("-"), p.add("+")),
        Action::Delete => p.remove("-"),
        Action::Forget => p.dim("."),
        Action::NoOp => p.dim("→"),
    }
}

fn header(change: &Change, p: Palette, out: &mut String) {
    let _ = write!(
        out,
        "  {} {}",
        sign(change, p),
        p.bold(escape::line(&change.addr.to_string()))
    );
    if let Some(key) = &change.deposed {
        let _ = write!(out, " (deposed {key})");
    }
    if let Some(from) = &change.previous_addr {
        let _ = write!(out, " (moved from {})", escape::line(&from.to_string()));
    }
    if let Some(id) = &change.importing {
        let _ = write!(out, " (imported, id {})", escape::line(id));
    }
    if let Some(reason) = change.reason {
        let _ = write!(out, "  {}", p.dim(reason.text()));
    }
    if let Action::Replace { create_first } = change.action {
        let order = if create_first {
            "; the new one is created first"
        } else {
            "; the old one is deleted first"
        };
        out.push_str(&p.dim(order));
    }
    out.push('\n');
}

fn attributes(change: &Change, _config: &Config, p: Palette, out: &mut String) {
    match (change.action, &change.prior, &change.planned) {
        (Action::Create | Action::Read, _, Some(planned)) => created(planned, p, out),
        (Action::Update | Action::Replace { .. }, Some(prior), Some(planned)) => {
            changed(change, &prior.attributes, planned, p, out);
        }
        _ => {}
    }
}

/// What a new object gets: everything that is set, and then what the service will set.
fn created(planned: &Value, p: Palette, out: &mut String) {
    let entries: Vec<_> = planned
        .as_entries()
        .into_iter()
        .flatten()
        .filter(|(_, v)| !v.is_null() && v.as_items().is_none_or(|i| !i.is_empty()))
        .collect();
    let width = entries.iter().map(|(k, _)| k.chars().count()).max().unwrap_or(0);
    for (name, value) in entries {
        let text = values::value(value, 8);
        let text = if value.is_known() { text } else { p.dim(text) };
        let _ = writeln!(out, "      {} {name:width$} = {text}", p.add("+"));
    }
}

fn changed(change: &Change, prior: &Value, planned: &Value, p: Palette, out: &mut String) {
    let replacing = matches!(change.action, Action::Replace { .. });
    let mut hidden = 0;
    for d in differences(prior, planned) {
        let forces = change
            .replace_paths
            .iter()
            .any(|r| d.path.starts_with(r) || r.starts_with(&d.path));
        // With a replacement everything the service sets will be new; that goes without saying.
        if replacing && !forces && d.after.as_ref().is_some_and(|v| !v.is_known()) {
            hidden += 1;
            continue;
        }
        difference(&d.path, d.before.as_ref(), d.after.as_ref(), 6, forces, p, out);
        if let Some(cause) = change.causes.iter().find(|c| d.path.starts_with(&c.path)) {
            let mut text = format!("        at {}", cause.location);
            if !cause.mentions.is_empty() {
                let mentions: Vec<String> = cause.mentions.iter().map(|m| escape::line(m)).collect();
                let _ = write!(text, ", from {}", mentions.join(", "));
            }
            let _ = writeln!(out, "{}", p.dim(text));
        }
    }
    if hidden > 0 {
        let _ = writeln!(out, "{}", p.dim(format!("      ({hidden} more known after apply)")));
    }
}

fn difference(
    path: &Path,
    before: Option<&Value>,
    after: Option<&Value>,
    indent: usize,
    forces: bool,
    p: Palette,
    out: &mut String,
) {
    let pad = " ".repeat(indent);
    let path = escape::line(&path.to_string());
    let sensitive = before.is_some_and(Value::contains_sensitive) || after.is_some_and(Value::contains_sensitive);
    let show = |v: &Value| values::value(v, indent + 2);
    let empty = |v: Option<&Value>| v.is_none_or(Value::is_null);
    let note = if forces {
        format!("  {}", p.remove("# forces replacement"))
    } else {
        String::new()
    };
    let _ = match (before, after) {
        (Some(b), Some(a)) if sensitive => {
            let what = if b.same_value(a) {
                "only its marking changes"
            } else {
                "changes"
            };
            writeln!(out, "{pad}{} {path}: {SECRET} {what}{note}", p.change("~"))
        }
        (b, Some(a)) if empty(b) => writeln!(out, "{pad}{} {path} = {}{note}", p.add("+"), show(a)),
        (Some(b), a) if empty(a) => writeln!(out, "{pad}{} {path} = {}{note}", p.remove("-"), show(b)),
        (Some(b), Some(a)) => match (b.as_str(), a.as_str()) {
            (Some(x), Some(y)) if x.contains('\n') || y.contains('\n') => {
                let _ = writeln!(out, "{pad}{} {path}:{note}", p.change("~"));
                lines(x, y, indent + 2, p, out);
                Ok(())
            }
            _ => writeln!(out, "{pad}{} {path} = {} → {}{note}", p.change("~"), show(b), show(a)),
        },
        _ => Ok(()),
    };
}

/// Shows the lines in which two texts differ, with two lines around them.
fn lines(before: &str, after: &str, indent: usize, p: Palette, out: &mut String) {
    let diff = similar::TextDiff::from_lines(before, after);
    for (i, group) in diff.grouped_ops(2).iter().enumerate() {
        if i > 0 {
            let _ = writeln!(out, "{:indent$}…", "");
        }
        for op in group {
            for change in diff.iter_changes(op) {
                let text = escape::line(change.value().trim_end_matches('\n'));
                let line = match change.tag() {
                    similar::ChangeTag::Delete => p.remove(format!("- {text}")),
                    similar::ChangeTag::Insert => p.add(format!("+ {text}")),
                    similar::ChangeTag::Equal => format!("  {text}"),
                };
                let _ = writeln!(out, "{:indent$}{line}", "");
            }
        }
    }
}

fn outputs(plan: &Plan, p: Palette, out: &mut String) {
    let changed: Vec<_> = plan.outputs.iter().filter(|(_, c)| !c.is_noop()).collect();
    if changed.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", p.bold(format!("Outputs ({})", changed.len())));
    for (name, change) in changed {
        for d in output_differences(name, change) {
            difference(&d.path, d.before.as_ref(), d.after.as_ref(), 2, false, p, out);
        }
    }
}

/// What changes in an output: only its parts that do, if it stays.
pub(crate) fn output_differences(name: &Str, change: &OutputChange) -> Vec<Difference> {
    let at = Path::attr(name.clone());
    if let (Some(before), Some(after)) = (&change.before, &change.after) {
        let found = differences(before, after);
        if !found.is_empty() {
            return found
                .into_iter()
                .map(|d| Difference {
                    path: Path(at.0.iter().chain(&d.path.0).cloned().collect()),
                    ..d
                })
                .collect();
        }
    }
    vec![Difference {
        path: at,
        before: change.before.clone(),
        after: change.after.clone(),
    }]
}

fn checks(plan: &Plan, p: Palette, out: &mut String) {
    let unknown = plan.checks.iter().filter(|c| c.status == CheckStatus::Unknown).count();
    if unknown > 0 {
        let _ = writeln!(
            out,
            "\n{}",
            p.dim(match unknown {
                1 => "1 condition can only be checked during apply".to_owned(),
                n => format!("{n} conditions can only be checked during apply"),
            })
        );
    }
}

/// The line that sums up.
pub(crate) fn summary(plan: &Plan, p: Palette) -> String {
    if !plan.has_changes() {
        return if plan.drift.is_empty() || plan.mode == PlanMode::Destroy {
            match plan.mode {
                PlanMode::Destroy => "\nNothing to delete: the state is empty.\n".to_owned(),
                _ => format!(
                    "\n{} What exists is what the configuration says.\n",
                    p.add("No changes.")
                ),
            }
        } else if plan.mode == PlanMode::RefreshOnly {
            format!(
                "\n{} The state can be brought up to date.\n",
                p.bold("Only the state would change.")
            )
        } else {
            format!(
                "\n{} What changed outside does not matter to the configuration.\n",
                p.add("No changes.")
            )
        };
    }
    let s = plan.summary();
    let mut parts = vec![
        format!("{} to create", s.create),
        format!("{} to update", s.update),
        format!("{} to replace", s.replace),
        format!("{} to delete", s.delete),
    ];
    for (n, what) in [
        (s.read, "to read"),
        (s.forget, "to forget"),
        (s.import, "to import"),
        (s.moved, "to move"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    format!("\n{} {}.\n", p.bold("Plan:"), parts.join(", "))
}

/// How a plan that is made again differs from the one that was shown.
pub(crate) fn changed_plan(shown: &str, now: &str) -> String {
    if shown == now {
        return "What is shown of the plan is the same as before; \
                the difference is in values that are not shown.\n"
            .to_owned();
    }
    similar::TextDiff::from_lines(shown, now)
        .unified_diff()
        .header("planned", "now")
        .to_string()
}

/// What came of an apply.
pub(crate) fn outcome(plan: &Plan, outcome: &Outcome, color: bool) -> String {
    let p = Palette::new(color);
    let mut out = String::new();
    let count = |operation| outcome.done.get(&operation).copied().unwrap_or(0);
    let replaced = plan.summary().replace;
    if !outcome.abandoned.is_empty() {
        let _ = writeln!(
            out,
            "\n{} These operations were given up while they were running; the next run finds out what became of them:",
            p.remove("Abandoned.")
        );
        for addr in &outcome.abandoned {
            let _ = writeln!(out, "  {}", escape::line(&addr.to_string()));
        }
    }
    if !outcome.skipped.is_empty() {
        let _ = writeln!(out, "\n{}", p.bold(format!("Not begun ({}):", outcome.skipped.len())));
        for addr in outcome.skipped.iter().take(50) {
            let _ = writeln!(out, "  {}", escape::line(&addr.to_string()));
        }
        if outcome.skipped.len() > 50 {
            let _ = writeln!(out, "  … and {} more", outcome.skipped.len() - 50);
        }
    }
    let mut parts = Vec::new();
    for operation in [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Read,
        Operation::Forget,
    ] {
        let n = count(operation);
        if n > 0 {
            parts.push(format!("{n} {}", operation.done()));
        }
    }
    if parts.is_empty() {
        parts.push("nothing was changed".into());
    }
    let replaced = if replaced > 0 && outcome.failed.is_empty() && !outcome.interrupted {
        format!(" ({replaced} of them replaced)")
    } else {
        String::new()
    };
    let verdict = if outcome.interrupted {
        p.remove("Interrupted:")
    } else if outcome.failed.is_empty() && outcome.skipped.is_empty() {
        p.add("Done:")
    } else {
        p.remove(format!("{} failed:", outcome.failed.len()))
    };
    let _ = writeln!(out, "\n{verdict} {}{replaced}.", parts.join(", "));
    out
}
