//! `infra show`: the state, or a saved plan.

use crate::args::{ShowArgs, StateArgs};
use crate::error::{Failure, SUCCESS};
use crate::ui::{Output, json, values};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &ShowArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    if args.target.is_file() && is_plan(&args.target) {
        let saved = super::apply::read_saved(&args.target)?;
        if args.json {
            output.line(&saved.json.to_string());
        } else {
            output.text(&saved.text);
            output.line(&format!("\nPlanned at {}, digest {}", saved.timestamp, saved.digest));
        }
        return Ok(SUCCESS);
    }
    let state_args = if args.target.is_file() {
        StateArgs {
            state: Some(args.target.clone()),
            ..args.state.clone()
        }
    } else {
        args.state.clone()
    };
    let (state, _) =
        project::find_reading_store(&args.target, &state_args, &args.variables, &registry, output)?.load()?;
    if args.json {
        output.line(&json::state(&state).to_string());
    } else if state.is_empty() {
        output.line("The state is empty.");
    } else {
        output.text(&values::state(&state, output.color()));
    }
    Ok(SUCCESS)
}

/// Looks at the beginning of a file: a saved plan says so in its first line or two.
fn is_plan(path: &std::path::Path) -> bool {
    use std::io::Read;
    let mut head = [0u8; 64];
    let Ok(mut file) = std::fs::File::open(path) else {
        return false;
    };
    let n = file.read(&mut head).unwrap_or(0);
    String::from_utf8_lossy(&head[..n]).contains("infra plan")
}
