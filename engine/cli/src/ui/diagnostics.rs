//! Diagnostics as text and as JSON.

use std::sync::Arc;

use infra_syntax::{Diagnostic, Diagnostics, Report, Severity, Sources, Span};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// Renders for people.
pub(crate) fn render(d: &Diagnostic, sources: &Arc<Sources>, color: bool, width: usize) -> String {
    let theme = if color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false);
    let mut text = String::new();
    let report = Report::new(clean(d), with_clean_names(sources));
    match handler.render_report(&mut text, &report) {
        Ok(()) => text,
        // A label that points nowhere must not hide the message.
        Err(_) => format!("{}\n", d.message),
    }
}

/// Says where more is said about errors; nothing if there are none.
pub(crate) fn pointer(found: &Diagnostics) -> Option<String> {
    let mut codes: Vec<&str> = found.iter().filter(|d| d.is_error()).map(|d| d.code).collect();
    codes.dedup();
    match codes.as_slice() {
        [] => None,
        [code] => Some(format!("`infra explain-error {code}` says more.")),
        _ => Some("`infra explain-error CODE` says more about an error.".to_owned()),
    }
}

/// Escapes what comes from outside.
fn clean(d: &Diagnostic) -> Diagnostic {
    let mut d = d.clone();
    d.message = super::escape::block(&d.message);
    d.help = d.help.map(|h| super::escape::block(&h));
    for note in &mut d.notes {
        *note = super::escape::block(note);
    }
    for (_, label) in d.related.iter_mut().chain(d.label.as_mut()) {
        *label = super::escape::line(label);
    }
    d
}

/// Escapes the names of files. The texts are made harmless by the report itself.
fn with_clean_names(sources: &Arc<Sources>) -> Arc<Sources> {
    let clean = |name: &str| super::escape::line(name);
    if sources.iter().all(|(_, s)| clean(&s.name) == s.name) {
        return Arc::clone(sources);
    }
    let mut out = Sources::new();
    for (_, source) in sources.iter() {
        out.add(clean(&source.name), Arc::clone(&source.text));
    }
    Arc::new(out)
}

/// Returns the JSON form: Terraform's, with more members (`docs/diagnostics.md`).
pub(crate) fn json(d: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let mut detail: Vec<&str> = d.notes.iter().map(String::as_str).collect();
    detail.extend(d.help.as_deref());
    let mut out = serde_json::json!({
        "severity": match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "summary": d.message,
        "detail": detail.join("\n"),
        "code": d.code,
    });
    if !d.notes.is_empty() {
        out["notes"] = d.notes.as_slice().into();
    }
    if let Some(help) = &d.help {
        out["help"] = help.as_str().into();
    }
    if let Some(address) = &d.address {
        out["address"] = address.as_str().into();
    }
    if let Some((span, label)) = &d.label {
        out["range"] = range(*span, sources);
        out["label"] = label.as_str().into();
    }
    if !d.related.is_empty() {
        out["related"] = d
            .related
            .iter()
            .map(|(span, label)| serde_json::json!({"range": range(*span, sources), "label": label}))
            .collect();
    }
    out
}

fn range(span: Span, sources: &Sources) -> serde_json::Value {
    let Some(source) = sources.try_get(span.source) else {
        return serde_json::Value::Null;
    };
    let position = |offset: u32| {
        let (line, column) = source.line_column(offset);
        serde_json::json!({"line": line, "column": column, "byte": offset})
    };
    serde_json::json!({
        "filename": source.name,
        "start": position(span.start),
        "end": position(span.end),
    })
}
