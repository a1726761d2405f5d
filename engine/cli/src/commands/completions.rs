//! `infra completions`: a completion script for a shell.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::error::{Failure, SUCCESS};
use crate::ui::Output;

/// Runs the command.
pub(super) fn run(args: &CompletionsArgs, output: &Output) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "infra", &mut script);
    output.text(&String::from_utf8_lossy(&script));
    Ok(SUCCESS)
}
