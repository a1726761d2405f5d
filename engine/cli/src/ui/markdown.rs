//! The plan as Markdown for a pull request: verdict, table by risk, a collapsed
//! diff for each object. Everything from outside is escaped, secrets are
//! masked, and the whole stays below the size that a comment may have.

use std::fmt::Write;

use infra_engine::plan::diff::{Difference, differences};
use infra_engine::plan::{Action, Change, Plan, digest};
use infra_engine::project::Project;
use infra_types::{Mode, Value};

use super::escape::{code, line, markdown};
use super::plan_view::output_differences;
use super::values;

/// A comment on GitHub may have 65,536 characters; some are left for what wraps it.
///
/// Bytes are counted, which are never fewer than characters.
const BUDGET: usize = 60_000;
/// Characters of one name.
const NAME: usize = 200;
/// Rows of the table.
const ROWS: usize = 50;
/// Lines of one diff.
const DIFF_LINES: usize = 200;
/// Characters of one line of a diff.
const LINE: usize = 400;
/// Bytes of one diff.
const DIFF: usize = BUDGET / 6;

/// How dangerous a change is; the most dangerous first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    DataLoss,
    Replace,
    Delete,
    Update,
    Forget,
    Create,
    Read,
    Move,
}

impl Risk {
    fn of(change: &Change, data_bearing: bool) -> Option<Risk> {
        Some(match change.action {
            Action::Delete | Action::Replace { .. } if data_bearing => Risk::DataLoss,
            Action::Replace { .. } => Risk::Replace,
            Action::Delete => Risk::Delete,
            Action::Update => Risk::Update,
            Action::Forget => Risk::Forget,
            Action::Create => Risk::Create,
            Action::Read => Risk::Read,
            Action::NoOp if change.previous_addr.is_some() || change.importing.is_some() => Risk::Move,
            Action::NoOp => return None,
        })
    }

    fn impact(self) -> &'static str {
        match self {
            Risk::DataLoss => "**data is lost**",
            Risk::Replace => "a new object takes its place",
            Risk::Delete => "is gone afterwards",
            Risk::Update => "in place",
            Risk::Forget => "stays, no longer managed",
            Risk::Create | Risk::Read | Risk::Move => "none",
        }
    }
}

struct Row<'a> {
    risk: Risk,
    change: &'a Change,
}

/// Where a plan belongs, and how to apply it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The name of the stack: the folder of the root module.
    pub stack: String,
    /// What to give to `infra apply`.
    pub target: String,
}

/// Renders a plan.
pub(crate) fn render(plan: &Plan, project: &Project, place: &Place) -> String {
    let registry = crate::providers::registry();
    let mut rows: Vec<Row<'_>> = plan
        .changes
        .iter()
        .filter_map(|change| {
            let data_bearing = registry
                .schema(Mode::Managed, change.addr.ty())
                .is_some_and(|s| s.data_bearing);
            Some(Row {
                risk: Risk::of(change, data_bearing)?,
                change,
            })
        })
        .collect();
    rows.sort_by(|a, b| a.risk.cmp(&b.risk).then_with(|| a.change.addr.cmp(&b.change.addr)));
    let mut out = head(plan, place, &rows);
    out.push_str(&risk_box(&rows));
    out.push_str(&table(&rows));
    out.push_str(&super::later::markdown(plan));
    out.push_str(&drift(plan));
    out.push_str(&outputs(plan));
    let foot = foot(plan, project, place);
    // What is left is for the details, the riskiest first.
    let mut left = BUDGET.saturating_sub(out.len() + foot.len() + 400);
    let mut left_out = 0;
    for row in &rows {
        let details = details(row);
        if details.len() <= left {
            left -= details.len();
            out.push_str(&details);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            out,
            "\n> **Not fully shown**: the details of {} do not fit here. {} shows everything.",
            count(left_out, "change"),
            code(&format!("infra plan {}", short(&place.target, NAME)))
        );
    }
    out.push_str(&foot);
    out
}

/// Cuts a text that is too long to be a name.
fn short(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Writes a name as code.
fn name(text: impl ToString) -> String {
    code(&short(&text.to_string(), NAME))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Joins lines as long as they fit into a part of the budget, and says how many did not.
fn fitting(lines: impl ExactSizeIterator<Item = String>, most: usize, budget: usize, more: &str) -> String {
    let all = lines.len();
    let mut out = String::new();
    let mut shown = 0;
    for line in lines.take(most) {
        if out.len() + line.len() > budget {
            break;
        }
        out.push_str(&line);
        shown += 1;
    }
    if shown < all {
        let _ = writeln!(out, "{more}… and {} more", all - shown);
    }
    out
}

fn head(plan: &Plan, place: &Place, rows: &[Row<'_>]) -> String {
    let s = plan.summary();
    let mut counts = vec![
        format!("{} create", s.create),
        format!("{} update", s.update),
        format!("{} replace", s.replace),
        format!("{} destroy", s.delete),
    ];
    for (n, word) in [
        (s.read, "read"),
        (s.forget, "forget"),
        (s.import, "import"),
        (s.moved, "move"),
    ] {
        if n > 0 {
            counts.push(format!("{n} {word}"));
        }
    }
    let verdict = match rows.first().map(|r| r.risk) {
        _ if !plan.has_changes() => "no changes",
        Some(Risk::DataLoss) => "⛔ data loss",
        Some(Risk::Replace | Risk::Delete) => "⚠ destructive",
        Some(Risk::Update) => "changes in place",
        _ => "only additions",
    };
    format!(
        "<!-- infra:plan stack={} -->\n### infra plan · {} — {} — {verdict}\n",
        marker(&short(&place.stack, NAME)),
        markdown(&short(&place.stack, NAME)),
        counts.join(" · ")
    )
}

/// A name that cannot end the comment it stands in.
fn marker(stack: &str) -> String {
    stack
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "/._".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn risk_box(rows: &[Row<'_>]) -> String {
    let lost: Vec<&Row<'_>> = rows.iter().filter(|r| r.risk == Risk::DataLoss).collect();
    let lines = lost.iter().map(|row| {
        let word = match row.change.action {
            Action::Delete => "Delete",
            _ => "Replace",
        };
        format!(
            "> **{word}** {}, which holds data{}.\n",
            name(&row.change.addr),
            because(row.change)
                .map(|b| format!(", because {b}"))
                .unwrap_or_default()
        )
    });
    let out = fitting(lines, 20, BUDGET / 6, "> ");
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// The cause of a change: attribute and place.
fn because(change: &Change) -> Option<String> {
    if let Some(path) = change.replace_paths.first() {
        let place = change
            .causes
            .iter()
            .find(|c| path.starts_with(&c.path))
            .map(|c| format!(" ({})", markdown(&c.location)))
            .unwrap_or_default();
        return Some(format!("{} changes{place}", name(path)));
    }
    if let Some(cause) = change.causes.first() {
        return Some(markdown(&cause.location));
    }
    change.reason.map(|r| markdown(r.text()))
}

fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Read => "<=",
        Action::Update => "~",
        Action::Replace { create_first: true } => "+/-",
        Action::Replace { create_first: false } => "-/+",
        Action::Delete => "-",
        Action::Forget => ".",
        Action::NoOp => "→",
    }
}

fn table(rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let lines = rows.iter().map(|row| {
        format!(
            "| `{}` | {} | {} | {} | {} |\n",
            sign(row.change.action),
            name(&row.change.addr),
            changed_names(row.change),
            row.risk.impact(),
            because(row.change).unwrap_or_default()
        )
    });
    // What follows needs room too, however long the names are.
    format!(
        "\n| | Address | Change | Impact | Because |\n|-|-|-|-|-|\n{}",
        fitting(lines, ROWS, BUDGET / 3, "\n")
    )
}

fn changed_names(change: &Change) -> String {
    let (Some(prior), Some(planned)) = (&change.prior, &change.planned) else {
        return String::new();
    };
    if change.action == Action::NoOp {
        let moved = change.previous_addr.as_ref().map(|a| format!("moved from {}", name(a)));
        let imported = change.importing.as_ref().map(|id| format!("imported, id {}", name(id)));
        return moved.or(imported).unwrap_or_default();
    }
    let names: Vec<_> = infra_engine::plan::diff::changed_attributes(&prior.attributes, planned)
        .into_iter()
        .filter(|n| planned.get(n).is_some_and(Value::is_known))
        .collect();
    let mut out: Vec<String> = names.iter().take(5).map(|n| code(n)).collect();
    if names.len() > 5 {
        out.push(format!("… {} more", names.len() - 5));
    }
    out.join(", ")
}

fn drift(plan: &Plan) -> String {
    if plan.drift.is_empty() {
        return String::new();
    }
    let lines = plan.drift.iter().map(|d| {
        let what = if d.after.is_none() { "is gone" } else { "was changed" };
        format!("- {} {what}\n", name(&d.addr))
    });
    format!(
        "\n<details><summary>Changed outside of infra ({})</summary>\n\n{}\n</details>\n",
        plan.drift.len(),
        fitting(lines, 30, BUDGET / 12, "- ")
    )
}

fn outputs(plan: &Plan) -> String {
    let changed: Vec<_> = plan.outputs.iter().filter(|(_, c)| !c.is_noop()).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut lines = Vec::new();
    for (name, change) in changed.iter().take(40) {
        for d in output_differences(name, change) {
            push_difference(&d, &mut lines);
        }
    }
    format!(
        "\n<details><summary>Outputs ({})</summary>\n\n{}\n</details>\n",
        changed.len(),
        fenced(&lines)
    )
}

fn details(row: &Row<'_>) -> String {
    let change = row.change;
    let mut lines = Vec::new();
    match (change.action, &change.prior, &change.planned) {
        (Action::Create | Action::Read, _, Some(planned)) => {
            for (name, value) in planned.as_entries().into_iter().flatten() {
                if value.is_known() && !value.is_null() && value.as_items().is_none_or(|i| !i.is_empty()) {
                    push_lines("+", &format!("{name} = {}", values::value(value, 0)), &mut lines);
                }
            }
        }
        (Action::Update | Action::Replace { .. }, Some(prior), Some(planned)) => {
            changed(change, &prior.attributes, planned, &mut lines);
        }
        _ => return String::new(),
    }
    format!(
        "\n<details><summary><code>{}</code> {}</summary>\n\n{}\n</details>\n",
        sign(change.action).replace('<', "&lt;"),
        name(&change.addr),
        fenced(&lines)
    )
}

/// Shows what changes, and how much does not.
fn changed(change: &Change, prior: &Value, planned: &Value, lines: &mut Vec<String>) {
    let replacing = matches!(change.action, Action::Replace { .. });
    let mut unchanged = prior.as_entries().map_or(0, infra_types::Entries::len);
    let mut last = None;
    let mut renewed = 0;
    for d in differences(prior, planned) {
        if d.path.first_attr() != last.as_ref() {
            unchanged = unchanged.saturating_sub(1);
            last = d.path.first_attr().cloned();
        }
        // With a replacement everything the service sets will be new; that goes without saying.
        let forces = change
            .replace_paths
            .iter()
            .any(|r| d.path.starts_with(r) || r.starts_with(&d.path));
        if replacing && !forces && d.after.as_ref().is_some_and(|v| !v.is_known()) {
            renewed += 1;
        } else {
            push_difference(&d, lines);
        }
    }
    if renewed > 0 {
        lines.push(format!("  # {} known after apply", count(renewed, "attribute")));
    }
    if unchanged > 0 {
        lines.push(format!("  # {} unchanged", count(unchanged, "attribute")));
    }
}

fn push_difference(d: &Difference, lines: &mut Vec<String>) {
    let secret = d.before.as_ref().is_some_and(Value::contains_sensitive)
        || d.after.as_ref().is_some_and(Value::contains_sensitive);
    if secret {
        push_lines("~", &format!("{} = {} changes", d.path, values::SECRET), lines);
        return;
    }
    if let Some(before) = d.before.as_ref().filter(|v| !v.is_null()) {
        push_lines("-", &format!("{} = {}", d.path, values::value(before, 0)), lines);
    }
    if let Some(after) = d.after.as_ref().filter(|v| !v.is_null()) {
        push_lines("+", &format!("{} = {}", d.path, values::value(after, 0)), lines);
    }
}

/// Adds lines with the sign in the first column.
fn push_lines(sign: &str, text: &str, lines: &mut Vec<String>) {
    for l in text.split('\n') {
        let l = line(l);
        let short: String = l.chars().take(LINE).collect();
        let more = if short.len() < l.len() { "…" } else { "" };
        lines.push(format!("{sign} {short}{more}"));
    }
}

/// Puts lines into a fence that none of them can end.
fn fenced(lines: &[String]) -> String {
    let longest = lines
        .iter()
        .map(|l| l.split(|c| c != '`').map(str::len).max().unwrap_or(0))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let body = fitting(lines.iter().map(|l| format!("{l}\n")), DIFF_LINES, DIFF, "  # ");
    format!("{fence}diff\n{body}{fence}\n")
}

fn foot(plan: &Plan, project: &Project, place: &Place) -> String {
    let warnings = plan.warnings.iter().count() + project.warnings.iter().count();
    let mut out = format!(
        "\n<sub>plan <code>{}</code> · state {} · {} · infra {}",
        digest::digest(plan),
        plan.stored.serial,
        plan.timestamp,
        env!("CARGO_PKG_VERSION")
    );
    if warnings > 0 {
        let _ = write!(out, " · {}", count(warnings, "warning"));
    }
    let apply = code(&format!("infra apply {}", short(&place.target, NAME)));
    let _ = writeln!(out, " · apply with {apply}</sub>");
    out
}
