//! `infra console`: evaluates expressions.
//!
//! [`session`] knows what names mean and evaluates; [`interactive`] edits lines
//! on a terminal, with [`history`], [`complete`] and [`highlight`]; [`lines`]
//! serves programs and files.

mod complete;
mod highlight;
mod history;
mod interactive;
mod lines;
mod session;

use std::collections::BTreeMap;
use std::io::IsTerminal;

use infra_engine::config::{LoadError, SourceLoader};
use infra_engine::eval::Host;
use infra_engine::eval::world::{Purpose, World};
use infra_state::State;

use self::session::Session;
use crate::args::ConsoleArgs;
use crate::error::{ERROR, Failure};
use crate::host::{SystemHost, now};
use crate::ui::Output;
use crate::{project, providers};

/// Runs the command.
pub(super) fn run(args: &ConsoleArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let folder = &args.folder.folder;
    project::check_folder(folder)?;
    let project = if project::has_configuration(folder) {
        Some(project::open(folder, &registry)?)
    } else {
        None
    };
    let variables = match &project {
        Some(project) => project::variables(project, folder, &args.variables, output)?,
        None => BTreeMap::new(),
    };
    let state = match &project {
        Some(project) => {
            let path = project::state_path(folder, &args.state, &registry, &project.config, &variables)?;
            project::reading_store(path, &registry).load()?.0
        }
        None => State::new(""),
    };
    // Without configuration there is an empty one, so that functions and operators work.
    let (empty, ..) = infra_engine::config::load(&EmptyFolder, &project::folder_name(folder), &registry);
    let Some(config) = project.as_ref().map(|p| &p.config).or(empty.as_ref()) else {
        return Ok(ERROR);
    };
    let host = SystemHost::applying(&now());
    let world = World::new(config, &registry, &host as &dyn Host, Purpose::Run, variables);
    if let Some(project) = &project {
        session::seed(&world, project, &state);
    }
    let session = Session::new(&world);
    if args.json {
        lines::json(&session)
    } else if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        interactive::run(&session, output)
    } else {
        lines::text(&session, output)
    }
}

/// A folder without files.
struct EmptyFolder;

impl SourceLoader for EmptyFolder {
    fn list(&self, _dir: &str) -> Result<Vec<String>, LoadError> {
        Ok(Vec::new())
    }

    fn read(&self, _path: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError("it does not exist".into()))
    }

    fn exists_dir(&self, _dir: &str) -> bool {
        true
    }
}
