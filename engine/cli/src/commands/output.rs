//! `infra output`: the outputs of the root module, from the state.

use infra_syntax::Diagnostic;
use infra_types::{Type, convert};

use crate::args::OutputArgs;
use crate::error::{Failure, SUCCESS};
use crate::ui::{Output, json, values};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &OutputArgs, output: &Output) -> Result<u8, Failure> {
    let (folder, name) = folder_and_name(args);
    let registry = providers::registry();
    let (state, _) = project::find_reading_store(&folder, &args.state, &args.variables, &registry, output)?.load()?;
    let Some(name) = name else {
        if args.raw {
            return Err(
                Diagnostic::error("infra::cli::not_raw", "`--raw` needs the name of an output")
                    .help("write `infra output --raw NAME`, or `--json` for all outputs")
                    .into(),
            );
        }
        if args.json {
            output.line(&format!("{:#}", json::outputs(&state)));
        } else if state.outputs.is_empty() {
            output.line("The state has no outputs.");
        } else {
            output.text(&values::outputs(&state.outputs, output.color()));
        }
        return Ok(SUCCESS);
    };
    let Some(found) = state.outputs.get(name.as_str()) else {
        let names: Vec<String> = state.outputs.keys().map(|n| format!("`{n}`")).collect();
        return Err(
            Diagnostic::error("infra::cli::no_output", format!("the state has no output `{name}`"))
                .help(if names.is_empty() {
                    "there are no outputs yet; run `infra apply` first".to_owned()
                } else {
                    format!("the outputs are {}", names.join(", "))
                })
                .into(),
        );
    };
    // A named output is asked for on purpose: it is shown even if it is sensitive.
    if args.raw {
        let text = convert::convert(&found.value, &Type::String).ok();
        let Some(text) = text.as_ref().and_then(|t| t.as_str()) else {
            return Err(Diagnostic::error(
                "infra::cli::not_raw",
                format!(
                    "output `{name}` has the type {}, which has no raw form",
                    found.value.ty().friendly()
                ),
            )
            .help("use `--json`")
            .into());
        };
        output.text(text);
    } else if args.json {
        output.line(&infra_types::json::to_json(&found.value.unmark_deep()).to_string());
    } else {
        output.line(&values::value(&found.value.unmark_deep(), 0));
    }
    Ok(SUCCESS)
}

/// `infra output NAME` as Terraform has it: a single argument that is no folder is a name.
fn folder_and_name(args: &OutputArgs) -> (std::path::PathBuf, Option<String>) {
    let folder = &args.folder.folder;
    if args.name.is_none() && !folder.is_dir() {
        return (".".into(), Some(folder.to_string_lossy().into_owned()));
    }
    (folder.clone(), args.name.clone())
}
