//! A console for programs and files: what comes in is read to its end.

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use infra_syntax::tokens::{Lines, Progress};
use infra_types::json;

use super::session::Session;
use crate::error::{ERROR, Failure, SUCCESS};
use crate::ui::Output;

/// Answers each line with a line of JSON. Whatever a line holds, the next one is answered too.
pub(super) fn json(session: &Session<'_, '_>) -> Result<u8, Failure> {
    let mut input = std::io::stdin().lock();
    let mut out = std::io::stdout().lock();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| answer(session, &line)));
        let answer = answer.unwrap_or_else(|_| error("the expression cannot be evaluated: an internal error"));
        // Nobody listens any more.
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(SUCCESS)
}

/// Reads up to the end of a line, also of one that is no text.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> bool {
    line.clear();
    input.read_until(b'\n', line).is_ok_and(|n| n > 0)
}

fn error(message: &str) -> String {
    serde_json::json!({ "error": message }).to_string()
}

/// Answers a JSON string with `{"value": …}` or `{"error": "…"}`.
fn answer(session: &Session<'_, '_>, line: &[u8]) -> String {
    let text: String = match serde_json::from_slice(line) {
        Ok(text) => text,
        Err(e) => return error(&format!("a line must be a JSON string with an expression: {e}")),
    };
    match session.evaluate(&text) {
        Ok(value) if value.contains_sensitive() => error("the value is sensitive"),
        Ok(value) if !value.is_wholly_known() => error("the value is not known yet"),
        Ok(value) => match json::encode(&value) {
            Ok(text) => format!("{{\"value\": {text}}}"),
            Err(e) => error(&e.to_string()),
        },
        Err((errors, _)) => {
            let messages: Vec<&str> = errors.iter().map(|d| d.message.as_str()).collect();
            error(&messages.join("; "))
        }
    }
}

/// Shows the value of each expression; one may take several lines.
pub(super) fn text(session: &Session<'_, '_>, output: &Output) -> Result<u8, Failure> {
    let mut input = std::io::stdin().lock();
    let mut bytes = Vec::new();
    let mut lines = Lines::new();
    let mut failed = false;
    while read_line(&mut input, &mut bytes) {
        let line = String::from_utf8_lossy(&bytes);
        if lines.is_empty() && is_exit(&line) {
            break;
        }
        match lines.push(&line) {
            Progress::Blank => drop(lines.take()),
            Progress::Unfinished => {}
            Progress::Finished => failed |= !session.show(&lines.take(), output),
        }
    }
    // What is still open gets its error.
    if !lines.is_empty() {
        failed |= !session.show(&lines.take(), output);
    }
    Ok(if failed { ERROR } else { SUCCESS })
}

/// Says whether a line is a word that leaves the console.
pub(super) fn is_exit(line: &str) -> bool {
    matches!(line.trim(), "exit" | "quit")
}
