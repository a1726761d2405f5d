//! `infra unlock`: removes a lock that nobody holds any more.

use crate::args::UnlockArgs;
use crate::error::{Failure, SUCCESS};
use crate::ui::{Output, escape};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &UnlockArgs, output: &Output) -> Result<u8, Failure> {
    let mut store = project::find_store(
        &args.folder,
        &args.state,
        &args.variables,
        &providers::registry(),
        output,
    )?;
    let info = store.force_unlock(&args.id)?;
    output.line(&format!(
        "Removed the lock of {}, taken for `{}`.",
        escape::line(&info.owner()),
        escape::line(&info.purpose)
    ));
    Ok(SUCCESS)
}
