//! `infra sandbox`: the local AWS simulator.

use infra_sandbox::{SandboxHome, StartOptions};

use crate::args::SandboxCommand;
use crate::error::{ERROR, Failure, SUCCESS};
use crate::ui::Output;

/// Runs the command.
pub(super) fn run(command: &SandboxCommand, output: &Output) -> Result<u8, Failure> {
    let home = SandboxHome::default_location();
    match command {
        SandboxCommand::Start(args) => {
            let options = StartOptions { port: args.port };
            let sandbox =
                infra_sandbox::start_reporting(&home, options, &mut |line| output.note(&format!("{line}\n")))?;
            output.line(&format!("The sandbox is running at {}", sandbox.endpoint));
        }
        SandboxCommand::Status => match infra_sandbox::status(&home) {
            Some(sandbox) => output.line(&format!(
                "The sandbox is running at {} (process {}, identity {})",
                sandbox.endpoint, sandbox.pid, sandbox.identity
            )),
            None => {
                output.line("The sandbox is not running.");
                return Ok(ERROR);
            }
        },
        SandboxCommand::Stop => {
            infra_sandbox::stop(&home)?;
            output.line("The sandbox is stopped; everything in it is gone.");
        }
        SandboxCommand::Reset => {
            let sandbox = infra_sandbox::reset(&home)?;
            output.line(&format!("The sandbox at {} is empty.", sandbox.endpoint));
        }
    }
    Ok(SUCCESS)
}
