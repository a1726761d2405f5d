//! `infra state list|show|mv|rm`.

use infra_state::{EditError, edit};
use infra_syntax::Diagnostic;
use infra_types::InstanceAddr;
use infra_types::address::Target;

use crate::args::{StateArgs, StateCommand, StateListArgs, StateMvArgs, StateRmArgs, StateShowArgs};
use crate::error::{Failure, SUCCESS};
use crate::ui::{Output, json, values};
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(command: &StateCommand, output: &Output) -> Result<u8, Failure> {
    match command {
        StateCommand::List(args) => list(args, output),
        StateCommand::Show(args) => show(args, output),
        StateCommand::Mv(args) => mv(args, output),
        StateCommand::Rm(args) => rm(args, output),
    }
}

fn target(text: &str) -> Result<Target, Failure> {
    text.parse().map_err(|e| project::address_error(&e))
}

fn edit_error(error: &EditError) -> Failure {
    let mut d = Diagnostic::error(error.code(), error.to_string());
    d.help = error.help();
    d.into()
}

fn list(args: &StateListArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let (state, _) =
        project::find_reading_store(&args.folder, &args.state, &args.variables, &registry, output)?.load()?;
    let targets = args
        .addresses
        .iter()
        .map(|a| target(a))
        .collect::<Result<Vec<_>, _>>()?;
    let mut text = String::new();
    for addr in edit::list(&state, &targets).map_err(|e| edit_error(&e))? {
        text.push_str(&crate::ui::escape::line(&addr.to_string()));
        text.push('\n');
    }
    output.text(&text);
    Ok(SUCCESS)
}

fn show(args: &StateShowArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let (state, _) =
        project::find_reading_store(&args.folder, &args.state, &args.variables, &registry, output)?.load()?;
    let addr: InstanceAddr = args.address.parse().map_err(|e| project::address_error(&e))?;
    let wanted = Target::Resource(addr);
    let found = edit::select(&state, &wanted).map_err(|e| edit_error(&e))?;
    for addr in found {
        let Some(instance) = state.instance(&addr) else {
            continue;
        };
        if args.json {
            output.line(&json::instance(&addr, instance).to_string());
        } else {
            output.text(&values::instance(&addr, instance, output.color()));
        }
    }
    Ok(SUCCESS)
}

/// Loads the state under its lock, changes it, and commits it.
fn edit_state(
    mut store: infra_state::Store,
    args: &StateArgs,
    purpose: &str,
    dry_run: bool,
    change: impl FnOnce(&infra_state::State) -> Result<infra_state::State, EditError>,
) -> Result<(), Failure> {
    project::lock(&mut store, purpose, args.lock_timeout)?;
    let (state, _) = store.load()?;
    let changed = change(&state).map_err(|e| edit_error(&e))?;
    if !dry_run {
        store.commit(&changed)?;
    }
    store.unlock()?;
    Ok(())
}

fn mv(args: &StateMvArgs, output: &Output) -> Result<u8, Failure> {
    let (from, to) = (target(&args.from)?, target(&args.to)?);
    let registry = providers::registry();
    let store = project::find_store(&args.folder, &args.state, &args.variables, &registry, output)?;
    edit_state(store, &args.state, "state mv", args.dry_run, |state| {
        edit::move_instances(state, &from, &to)
    })?;
    let done = if args.dry_run { "Would move" } else { "Moved" };
    output.line(&format!("{done} `{}` to `{}`.", args.from, args.to));
    Ok(SUCCESS)
}

fn rm(args: &StateRmArgs, output: &Output) -> Result<u8, Failure> {
    let targets = args
        .addresses
        .iter()
        .map(|a| target(a))
        .collect::<Result<Vec<_>, _>>()?;
    let mut removed = Vec::new();
    let registry = providers::registry();
    let store = project::find_store(&args.folder, &args.state, &args.variables, &registry, output)?;
    edit_state(store, &args.state, "state rm", args.dry_run, |state| {
        let (changed, addresses) = edit::remove(state, &targets)?;
        removed = addresses;
        Ok(changed)
    })?;
    let done = if args.dry_run { "Would forget" } else { "Forgot" };
    for addr in &removed {
        output.line(&format!(
            "{done} `{}`; the object itself stays.",
            crate::ui::escape::line(&addr.to_string())
        ));
    }
    Ok(SUCCESS)
}
