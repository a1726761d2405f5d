//! The `infra` command: parses arguments, runs one command, sets the exit code.
//!
//! Everything that is shown is made in [`ui`]; what commands do is in
//! [`commands`], one file each; flows live in the engine.

mod args;
mod commands;
mod error;
mod explanations;
mod host;
mod loader;
mod project;
mod providers;
mod signals;
mod ui;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = args::with_two_dashes(std::env::args_os());
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error::SUCCESS,
                _ => error::USAGE,
            };
            // Nothing can be done about a closed terminal.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let output = ui::Output::new(&cli.global);
    match commands::run(cli, &output) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = error.code();
            output.failure(error);
            ExitCode::from(code)
        }
    }
}
