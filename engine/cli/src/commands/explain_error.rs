//! `infra explain-error`: what an error means, and what to do.

use std::fmt::Write;

use infra_syntax::Diagnostic;

use crate::args::ExplainErrorArgs;
use crate::error::{Failure, SUCCESS};
use crate::explanations::{self, ALL, Explanation};
use crate::ui::style::Palette;
use crate::ui::{Output, prose};

/// Runs the command.
pub(super) fn run(args: &ExplainErrorArgs, output: &Output) -> Result<u8, Failure> {
    let palette = Palette::new(output.color());
    let Some(code) = &args.code else {
        output.text(&list(palette));
        return Ok(SUCCESS);
    };
    match explanations::named(code).as_slice() {
        [one] => {
            output.text(&explain(one, palette, prose::width()));
            Ok(SUCCESS)
        }
        [] => Err(unknown(code).into()),
        several => Err(ambiguous(code, several).into()),
    }
}

fn list(palette: Palette) -> String {
    let width = ALL.iter().map(|e| e.code.len()).max().unwrap_or(0);
    let mut out = String::new();
    for e in ALL {
        let _ = writeln!(out, "{}  {}", palette.bold(format!("{:width$}", e.code)), e.title());
    }
    out
}

fn explain(explanation: &Explanation, palette: Palette, width: usize) -> String {
    let mut out = format!("{}\n\n{}\n\n", explanation.code, palette.bold(explanation.title()));
    out.push_str(&prose::render(explanation.body(), palette, width));
    out
}

fn unknown(code: &str) -> Diagnostic {
    let d = Diagnostic::error(
        "infra::cli::unknown_code",
        format!("there is no error with the code `{code}`"),
    );
    match explanations::nearest(code) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None => d.help("`infra explain-error` without a code lists all of them"),
    }
}

fn ambiguous(code: &str, several: &[&Explanation]) -> Diagnostic {
    let mut d = Diagnostic::error(
        "infra::cli::unknown_code",
        format!("`{code}` is the end of {} codes", several.len()),
    );
    for e in several {
        d = d.note(format!("`{}`: {}", e.code, e.title()));
    }
    d.help("name one of them in full")
}
