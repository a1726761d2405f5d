//! Diagnostics: what is wrong, where, why, and what to do.
//!
//! A [`Diagnostic`] is plain data. [`Report`] joins it with the sources so that
//! miette can render it.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::source::{Source, SourceId, Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is stopped.
    Warning,
    /// Stops the command.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable code, such as `infra::config::unknown_attribute`.
    pub code: &'static str,
    /// What is wrong, in one line; user text in backticks.
    pub message: String,
    /// Where, with a short text at the place.
    pub label: Option<(Span, String)>,
    /// Further places (`declared here`).
    pub related: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
    /// Why, or context, as further lines.
    pub notes: Vec<String>,
    /// The address of the object it is about, such as a resource instance.
    pub address: Option<String>,
}

impl Diagnostic {
    /// Creates an error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            label: None,
            related: Vec::new(),
            help: None,
            notes: Vec::new(),
            address: None,
        }
    }

    /// Creates a warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Sets the place it points at, with a short text there.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.label = Some((span, label.into()));
        self
    }

    /// Adds a related place.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Sets what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a line of context.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets the address of the object it is about.
    pub fn about(mut self, address: impl fmt::Display) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Says whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(d: Diagnostic) -> Self {
        Diagnostics(vec![d])
    }
}

/// Findings, in the order found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, d: Diagnostic) {
        self.0.push(d);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(other);
    }

    /// Says whether there is at least one error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Says whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Sorts by place (file, then offset) and drops exact repetitions.
    pub fn sort(&mut self) {
        self.0
            .sort_by_key(|d| (d.label.as_ref().map(|(s, _)| *s), std::cmp::Reverse(d.severity)));
        self.0.dedup();
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A diagnostic with the sources it points into: what miette renders.
///
/// Labels in other files than the main one become related reports.
pub struct Report {
    diagnostic: Diagnostic,
    file: Option<SourceFile>,
    related: Vec<Related>,
}

#[derive(Clone)]
struct SourceFile {
    sources: Arc<Sources>,
    id: SourceId,
}

struct Related {
    text: String,
    span: Span,
    file: SourceFile,
}

impl Report {
    /// Joins a diagnostic with its sources.
    pub fn new(diagnostic: Diagnostic, sources: Arc<Sources>) -> Self {
        let main = diagnostic.label.as_ref().map(|(span, _)| span.source);
        let file = main.filter(|id| sources.try_get(*id).is_some()).map(|id| SourceFile {
            sources: Arc::clone(&sources),
            id,
        });
        let related = diagnostic
            .related
            .iter()
            .filter(|(span, _)| Some(span.source) != main && sources.try_get(span.source).is_some())
            .map(|(span, text)| Related {
                text: text.clone(),
                span: *span,
                file: SourceFile {
                    sources: Arc::clone(&sources),
                    id: span.source,
                },
            })
            .collect();
        Self {
            diagnostic,
            file,
            related,
        }
    }
}

impl Report {
    /// Says whether a place is in the line of the main one, but far from it.
    ///
    /// Both do not fit into a report then.
    fn is_far(&self, span: Span) -> bool {
        let (Some(file), Some((main, _))) = (&self.file, &self.diagnostic.label) else {
            return false;
        };
        let (start, end) = (main.start.min(span.start), main.start.max(span.start));
        let between = file.sources.text(Span { start, end, ..*main });
        between.len() > MAX_SHOWN / 4 && !between.contains('\n')
    }
}

impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, miette::MietteError> {
        let source = self.sources.get(self.id);
        let text = source.shown();
        let inner = text.as_bytes().read_span(span, before, after)?;
        if inner.data().len() > MAX_SHOWN {
            return Ok(Box::new(window(source, span)));
        }
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// How many bytes of source a report shows at most.
const MAX_SHOWN: usize = 8000;

/// How much it shows before and after the place if lines are too long for that.
const WINDOW: usize = 60;

/// Returns the surroundings of a place within its line.
fn window<'a>(source: &'a Source, span: &SourceSpan) -> MietteSpanContents<'a> {
    let text = source.shown();
    let at = span.offset().min(text.len());
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    let mut start = at.saturating_sub(WINDOW).max(line_start);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (at + span.len().min(WINDOW) + WINDOW).min(line_end);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let (line, column) = source.line_column(u32::try_from(start).unwrap_or(u32::MAX));
    MietteSpanContents::new_named(
        source.name.clone(),
        &text.as_bytes()[start..end],
        SourceSpan::new(start.into(), end - start),
        line - 1,
        column - 1,
        1,
    )
}

fn source_span(span: Span) -> SourceSpan {
    SourceSpan::new((span.start as usize).into(), span.len())
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.diagnostic, f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)?;
        for note in &self.diagnostic.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic
            .help
            .as_ref()
            .map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.as_ref().map(|f| f as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let file = self.file.as_ref()?;
        let main = self.diagnostic.label.iter().map(|(span, text)| {
            LabeledSpan::new_primary_with_span(Some(text.clone()).filter(|t| !t.is_empty()), source_span(*span))
        });
        let same_file = self
            .diagnostic
            .related
            .iter()
            .filter(|(span, _)| span.source == file.id && !self.is_far(*span))
            .map(|(span, text)| LabeledSpan::new_with_span(Some(text.clone()), source_span(*span)));
        Some(Box::new(main.chain(same_file)))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|r| r as &dyn miette::Diagnostic)))
    }
}

impl fmt::Debug for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.text, self.span)
    }
}

impl fmt::Display for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Related {}

impl miette::Diagnostic for Related {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(
            None,
            source_span(self.span),
        ))))
    }
}
