//! A console for people: lines are edited, completed and remembered.

use std::borrow::Cow;

use infra_syntax::Diagnostic;
use infra_syntax::tokens::{Lines, Progress};
use rustyline::completion::{Completer, Pair};
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Context, Editor, Helper};

use super::history::{History, MAX_ENTRIES};
use super::lines::is_exit;
use super::session::Session;
use super::{complete, highlight, lines};
use crate::error::{Failure, SUCCESS};
use crate::ui::Output;

const PROMPT: &str = "> ";

/// Reads expressions from the terminal until the user leaves.
pub(super) fn run(session: &Session<'_, '_>, output: &Output) -> Result<u8, Failure> {
    let Some(mut editor) = editor(session, output) else {
        return lines::text(session, output);
    };
    let history = History::of_user();
    for entry in history.load() {
        // An entry that does not fit in is no error.
        let _ = editor.add_history_entry(entry);
    }
    output.note("Expressions are evaluated against the state. Tab completes; `exit` or Ctrl-D leaves.\n");
    loop {
        let entry = match editor.readline(PROMPT) {
            Ok(entry) => entry,
            Err(ReadlineError::Eof) => return Ok(SUCCESS),
            // Ctrl-C gives up the line, and nothing else.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            // A byte that is no text.
            Err(ReadlineError::Io(e)) if e.kind() == std::io::ErrorKind::InvalidData => continue,
            Err(e) => return Err(gone(&e)),
        };
        if is_exit(&entry) {
            return Ok(SUCCESS);
        }
        let entry = entry.trim_end();
        if !entry.trim_start().is_empty() && editor.add_history_entry(entry).unwrap_or(false) {
            history.add(entry);
        }
        for expression in expressions(entry) {
            session.show(&expression, output);
        }
    }
}

fn gone(error: &ReadlineError) -> Failure {
    Diagnostic::error("infra::cli::terminal", format!("the terminal cannot be read: {error}"))
        .help("give the expressions on standard input, or use `--json`")
        .into()
}

/// Divides what was typed: text that is put in at once may hold several expressions.
fn expressions(entry: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = Lines::new();
    for line in entry.split('\n') {
        match open.push(line) {
            Progress::Blank => drop(open.take()),
            Progress::Unfinished => {}
            Progress::Finished => out.push(open.take()),
        }
    }
    if !open.is_empty() {
        out.push(open.take());
    }
    out
}

type LineEditor<'s, 'w, 'a> = Editor<Assistant<'s, 'w, 'a>, MemHistory>;

/// Makes the editor; nothing if the terminal does not let itself be used.
fn editor<'s, 'w, 'a>(session: &'s Session<'w, 'a>, output: &Output) -> Option<LineEditor<'s, 'w, 'a>> {
    let color = output.color();
    let builder = Config::builder()
        .max_history_size(MAX_ENTRIES)
        .and_then(|b| b.history_ignore_dups(true))
        .ok()?;
    let config = builder
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .color_mode(if color { ColorMode::Enabled } else { ColorMode::Disabled })
        .build();
    let memory = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, memory).ok()?;
    editor.set_helper(Some(Assistant { session, color }));
    Some(editor)
}

/// Helps while a line is edited.
struct Assistant<'s, 'w, 'a> {
    session: &'s Session<'w, 'a>,
    color: bool,
}

impl Helper for Assistant<'_, '_, '_> {}

impl Completer for Assistant<'_, '_, '_> {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = complete::complete(self.session, line, pos);
        let pairs = candidates.into_iter().map(|c| Pair {
            display: c.display,
            replacement: c.text,
        });
        Ok((start, pairs.collect()))
    }
}

/// How a call goes on. It is only shown: names of parameters are no arguments.
struct Signature(String);

impl Hint for Signature {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant<'_, '_, '_> {
    type Hint = Signature;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Signature> {
        // Without colours a hint would look like typed text.
        if !self.color || pos < line.len() {
            return None;
        }
        complete::signature(self.session, line).map(Signature)
    }
}

impl Highlighter for Assistant<'_, '_, '_> {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color {
            highlight::highlight(line)
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(crate::ui::style::Palette::new(self.color).dim(hint))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for Assistant<'_, '_, '_> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Says whether Enter ends what is typed.
fn is_complete(input: &str) -> bool {
    is_exit(input) || Lines::new().push(input) != Progress::Unfinished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_ends_what_is_whole() {
        for text in ["", "1", "foo()", "(1\n)", "<<EOT\nx\nEOT", "1 +", ")", "exit"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["(", "{ a = 1", "<<EOT", "<<EOT\nx", "\"${"] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn several_expressions_at_once() {
        assert_eq!(expressions("1 + 1"), ["1 + 1\n"]);
        assert_eq!(
            expressions("1\n# two\n\n[\n2,\n]\n\"x\""),
            ["1\n", "[\n2,\n]\n", "\"x\"\n"]
        );
        assert_eq!(expressions("# only words"), [""; 0]);
        assert_eq!(expressions("1\n(\n2"), ["1\n", "(\n2\n"]);
    }
}
