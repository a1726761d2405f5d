//! `infra graph`: draws the dependencies.

use infra_engine::graph::render;

use crate::args::{GraphArgs, GraphFormat};
use crate::error::{Failure, SUCCESS};
use crate::ui::Output;
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &GraphArgs, output: &Output) -> Result<u8, Failure> {
    let project = project::open(&args.folder.folder, &providers::registry())?;
    let text = match args.format {
        GraphFormat::Dot => render::dot(&project.config, &project.graph),
        GraphFormat::Mermaid => render::mermaid(&project.config, &project.graph),
    };
    output.text(&text);
    Ok(SUCCESS)
}
