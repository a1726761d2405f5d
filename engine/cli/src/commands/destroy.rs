//! `infra destroy`: deletes everything that is managed.

use infra_engine::plan::PlanMode;

use crate::args::DestroyArgs;
use crate::error::Failure;
use crate::ui::Output;

/// Runs the command.
pub(super) fn run(args: DestroyArgs, output: &Output) -> Result<u8, Failure> {
    super::apply::apply_folder(
        &args.folder.folder,
        &args.planning,
        PlanMode::Destroy,
        args.yes,
        1,
        false,
        output,
    )
}
