//! Everything that is shown: what goes to the terminal, as text, JSON or Markdown.
//!
//! The views render the engine's data; none parses another's output. Results
//! go to standard output, everything else to standard error. What comes from
//! outside is escaped ([`escape`]); secrets are masked ([`values`]).

pub(crate) mod diagnostics;
pub(crate) mod escape;
pub(crate) mod json;
pub(crate) mod later;
pub(crate) mod markdown;
pub(crate) mod plan_view;
pub(crate) mod progress;
pub(crate) mod prose;
pub(crate) mod style;
pub(crate) mod values;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use infra_providers::provider::Notify;
use infra_syntax::{Diagnostics, Sources};

use crate::args::{ColorChoice, ErrorFormat, GlobalArgs};
use crate::error::Failure;
use progress::Progress;
use style::Palette;

/// Where output goes, and in which form.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    stdout_color: bool,
    stderr_color: bool,
    error_format: ErrorFormat,
}

impl Output {
    /// Decides about colours.
    pub(crate) fn new(args: &GlobalArgs) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = |terminal: bool| match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color,
        };
        Self {
            stdout_color: color(std::io::stdout().is_terminal()),
            stderr_color: color(std::io::stderr().is_terminal()),
            error_format: args.error_format,
        }
    }

    /// Says whether standard output has colours.
    pub(crate) fn color(&self) -> bool {
        self.stdout_color
    }

    /// Says whether standard error has colours.
    pub(crate) fn note_color(&self) -> bool {
        self.stderr_color
    }

    /// Writes text to standard output as it is.
    pub(crate) fn text(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A reader that went away (`| head`) is no error worth telling.
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// Writes a line to standard output.
    pub(crate) fn line(&self, text: &str) {
        self.text(&format!("{}\n", text.trim_end_matches('\n')));
    }

    /// Writes text to standard error.
    pub(crate) fn note(&self, text: &str) {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Returns what receives progress lines of providers.
    pub(crate) fn notify(&self) -> Notify {
        let output = self.clone();
        Notify(Arc::new(move |line| output.note(&format!("{}\n", escape::line(line)))))
    }

    /// Starts showing the progress of a run.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(std::io::stderr().is_terminal(), self.stderr_color)
    }

    /// Shows diagnostics on standard error.
    pub(crate) fn diagnostics(&self, found: &Diagnostics, sources: &Arc<Sources>) {
        for (i, d) in found.iter().enumerate() {
            let text = match self.error_format {
                ErrorFormat::Human => {
                    let between = if i == 0 { "" } else { "\n" };
                    format!(
                        "{between}{}",
                        diagnostics::render(d, sources, self.stderr_color, width())
                    )
                }
                ErrorFormat::Json => format!("{}\n", diagnostics::json(d, sources)),
            };
            self.note(&text);
        }
    }

    /// Shows why a command failed.
    pub(crate) fn failure(&self, failure: Failure) {
        self.diagnostics(&failure.diagnostics, &failure.sources);
        if self.error_format == ErrorFormat::Human
            && std::io::stderr().is_terminal()
            && let Some(pointer) = diagnostics::pointer(&failure.diagnostics)
        {
            self.note(&format!("\n{}\n", Palette::new(self.stderr_color).dim(pointer)));
        }
    }

    /// Asks a question; nothing if there is nobody to ask.
    pub(crate) fn ask(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        self.note(&format!("\n{question} Type `yes` to go on: "));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(answer.trim() == "yes")
    }
}

/// Returns the width to wrap messages at.
fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(100, |(w, _)| usize::from(w.0).clamp(40, 120))
}
