//! The plan as Markdown for a pull request: verdict, table by risk, a collapsed
//! diff for each object. Everything from outside is escaped, secrets are
//! masked, and the whole stays below the size that a comment may have.

use std::fmt::Write;

use infra_engine::plan::diff::{Difference, differences};
use infra_engine::plan::{Action, Change, Plan, digest};
use infra_engine::project::Project;
use infra_types::{Mode, Value};

use super::escape::{code, line, markdown};
use super::values;

/// A comment on GitHub may have 65,536 characters; some are left for what wraps it.
const BUDGET: usize = 60_000;
/// Rows of the table.
const ROWS: usize = 50;
/// Lines of one diff.
const DIFF_LINES: usize = 200;
/// Characters of one line of a diff.
const LINE: usize = 400;

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
            Action::NoOp if change.previous_addr.is_some() => Risk::Move,
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

/// Renders a plan.
pub fn render(plan: &Plan, project: &Project, stack: &str) -> String {
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
    let mut out = Limited::new(BUDGET);
    out.push(&head(plan, stack, &rows));
    out.push(&risk_box(&rows));
    out.push(&table(&rows));
    out.push(&drift(plan));
    out.push(&outputs(plan));
    let foot = foot(plan, project, stack);
    let mut left_out = 0;
    for row in &rows {
        if !out.push_if_fits(&details(row), foot.chars().count() + 200) {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push(&format!(
            "\n> **Not fully shown**: the details of {left_out} changes do not fit here. `infra plan {}` shows them.\n",
            markdown(stack)
        ));
    }
    out.push(&foot);
    out.text
}

/// Text that never grows beyond a limit of characters (and of bytes).
struct Limited {
    text: String,
    characters: usize,
    limit: usize,
}

impl Limited {
    fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            characters: 0,
            limit,
        }
    }

    fn push(&mut self, text: &str) {
        self.characters += text.chars().count();
        self.text.push_str(text);
    }

    /// Adds the text if it leaves `reserve` characters.
    fn push_if_fits(&mut self, text: &str, reserve: usize) -> bool {
        let fits = self.characters + text.chars().count() + reserve <= self.limit
            && self.text.len() + text.len() + reserve <= self.limit;
        if fits {
            self.push(text);
        }
        fits
    }
}

fn head(plan: &Plan, stack: &str, rows: &[Row<'_>]) -> String {
    let s = plan.summary();
    let mut counts = vec![
        format!("{} create", s.create),
        format!("{} update", s.update),
        format!("{} replace", s.replace),
        format!("{} destroy", s.delete),
    ];
    for (n, word) in [(s.read, "read"), (s.forget, "forget"), (s.import, "import"), (s.moved, "move")] {
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
        marker(stack),
        markdown(stack),
        counts.join(" · ")
    )
}

/// A name that cannot end the comment it stands in.
fn marker(stack: &str) -> String {
    stack
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "/._".contains(c) { c } else { '_' })
        .collect()
}

fn risk_box(rows: &[Row<'_>]) -> String {
    let mut out = String::new();
    for row in rows.iter().filter(|r| r.risk == Risk::DataLoss).take(20) {
        let word = match row.change.action {
            Action::Delete => "Delete",
            _ => "Replace",
        };
        let _ = writeln!(
            out,
            "> **{word} {}**, which holds data{}.",
            code(&row.change.addr.to_string()),
            because(row.change).map(|b| format!(", because {b}")).unwrap_or_default()
        );
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
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
        return Some(format!("{} changes{place}", code(&path.to_string())));
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
    let mut out = String::from("\n| | Address | Change | Impact | Because |\n|-|-|-|-|-|\n");
    let mut used = 0;
    let mut shown = 0;
    for row in rows.iter().take(ROWS) {
        let text = format!(
            "| `{}` | {} | {} | {} | {} |\n",
            sign(row.change.action),
            code(&row.change.addr.to_string()),
            changed_names(row.change),
            row.risk.impact(),
            because(row.change).unwrap_or_default()
        );
        used += text.chars().count();
        // The table must leave room for what follows, however long the names are.
        if used > BUDGET / 3 {
            break;
        }
        out.push_str(&text);
        shown += 1;
    }
    if rows.len() > shown {
        let _ = writeln!(out, "\n… and {} more", rows.len() - shown);
    }
    out
}

fn changed_names(change: &Change) -> String {
    let (Some(prior), Some(planned)) = (&change.prior, &change.planned) else {
        return String::new();
    };
    if change.action == Action::NoOp {
        return change
            .previous_addr
            .as_ref()
            .map(|a| format!("moved from {}", code(&a.to_string())))
            .unwrap_or_default();
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
    let mut out = format!(
        "\n<details><summary>Changed outside of infra ({})</summary>\n\n",
        plan.drift.len()
    );
    for d in plan.drift.iter().take(30) {
        let what = if d.after.is_none() { "is gone" } else { "was changed" };
        let _ = writeln!(out, "- {} {what}", code(&d.addr.to_string()));
    }
    if plan.drift.len() > 30 {
        let _ = writeln!(out, "- … and {} more", plan.drift.len() - 30);
    }
    out.push_str("\n</details>\n");
    out
}

fn outputs(plan: &Plan) -> String {
    let changed: Vec<_> = plan.outputs.iter().filter(|(_, c)| !c.is_noop()).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut lines = Vec::new();
    for (name, change) in changed.iter().take(40) {
        push_difference(
            &Difference {
                path: infra_types::Path::attr((*name).clone()),
                before: change.before.clone(),
                after: change.after.clone(),
            },
            &mut lines,
        );
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
            let mut unchanged = prior.attributes.as_entries().map_or(0, std::collections::BTreeMap::len);
            let mut last = None;
            for d in differences(&prior.attributes, planned) {
                if d.path.first_attr() != last.as_ref() {
                    unchanged = unchanged.saturating_sub(1);
                    last = d.path.first_attr().cloned();
                }
                push_difference(&d, &mut lines);
            }
            lines.push(format!("  # {unchanged} attributes do not change"));
        }
        _ => return String::new(),
    }
    format!(
        "\n<details><summary><code>{}</code> {}</summary>\n\n{}\n</details>\n",
        sign(change.action).replace('<', "&lt;"),
        code(&change.addr.to_string()),
        fenced(&lines)
    )
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
    let mut out = format!("{fence}diff\n");
    for l in lines.iter().take(DIFF_LINES) {
        out.push_str(l);
        out.push('\n');
    }
    if lines.len() > DIFF_LINES {
        let _ = writeln!(out, "  # … and {} more lines", lines.len() - DIFF_LINES);
    }
    out.push_str(&fence);
    out.push('\n');
    out
}

fn foot(plan: &Plan, project: &Project, stack: &str) -> String {
    let warnings = plan.warnings.iter().count() + project.warnings.iter().count();
    let mut out = format!(
        "\n<sub>plan <code>{}</code> · state {} · {} · infra {}",
        digest::digest(plan),
        plan.stored.serial,
        plan.timestamp,
        env!("CARGO_PKG_VERSION")
    );
    if warnings > 0 {
        let _ = write!(out, " · {warnings} warnings");
    }
    let _ = write!(out, " · apply with <code>infra apply {}</code></sub>\n", line(stack).replace(['<', '>', '&'], "_"));
    out
}
