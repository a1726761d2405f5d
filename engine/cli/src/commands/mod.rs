//! The commands, one file each.

mod apply;
mod completions;
mod console;
mod destroy;
mod explain_error;
mod fmt;
mod graph;
mod output;
mod plan;
mod resume;
mod sandbox;
mod schema;
mod show;
mod stages;
mod state;
mod unlock;
mod validate;
mod version;

use crate::args::{Cli, Command};
use crate::error::Failure;
use crate::ui::Output;

/// Runs one command; returns the exit code.
pub(crate) fn run(cli: Cli, output: &Output) -> Result<u8, Failure> {
    match cli.command {
        Command::Plan(args) => plan::run(&args, output),
        Command::Apply(args) => apply::run(&args, output),
        Command::Destroy(args) => destroy::run(args, output),
        Command::Validate(args) => validate::run(&args, output),
        Command::Fmt(args) => fmt::run(&args, output),
        Command::Show(args) => show::run(&args, output),
        Command::Output(args) => output::run(&args, output),
        Command::Console(args) => console::run(&args, output),
        Command::Graph(args) => graph::run(&args, output),
        Command::State(command) => state::run(&command, output),
        Command::Unlock(args) => unlock::run(&args, output),
        Command::Sandbox(command) => sandbox::run(&command, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::ExplainError(args) => explain_error::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Version(args) => version::run(&args, output),
    }
}

/// Starts the runtime that providers run on.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the operating system lets threads be started")
}
