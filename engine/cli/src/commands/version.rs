//! `infra version`.

use crate::args::VersionArgs;
use crate::error::{Failure, SUCCESS};
use crate::ui::Output;

/// Runs the command.
pub(super) fn run(args: &VersionArgs, output: &Output) -> Result<u8, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        output.line(
            &serde_json::json!({
                "version": version,
                "state_format": infra_state::file::VERSION,
                "plan_format": infra_engine::plan::file::FORMAT,
            })
            .to_string(),
        );
    } else {
        output.line(&format!("infra {version}"));
    }
    Ok(SUCCESS)
}
