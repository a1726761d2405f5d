//! Opens what a command works on: configuration, variables and state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_engine::config::variables;
use infra_engine::config::{self, Config, SourceLoader, static_names};
use infra_engine::eval::static_eval::{StateLocation, state_location};
use infra_engine::project::{Project, Rejected};
use infra_providers::Registry;
use infra_state::{LockInfo, MissingKey, ReadOptions, SecretCodec, StateError, Store};
use infra_syntax::{Diagnostic, Diagnostics, Sources, Span};
use infra_types::{Str, Value};

use crate::args::{StateArgs, VariableArgs};
use crate::error::Failure;
use crate::host::{SystemHost, now};
use crate::loader::FileLoader;
use crate::providers::SchemaTypes;
use crate::ui::Output;

/// Returns a folder as the engine writes paths: with `/`, without a trailing one.
pub(crate) fn folder_name(folder: &Path) -> String {
    infra_engine::config::loader::normalise(&folder.to_string_lossy().replace('\\', "/"))
}

/// Reads and checks the configuration in a folder.
///
/// It is needed until the process ends, which gives the memory back sooner than
/// taking a large configuration apart.
pub(crate) fn open(folder: &Path, registry: &Registry) -> Result<&'static Project, Failure> {
    Project::load(
        &FileLoader,
        &folder_name(folder),
        registry,
        &SystemHost::planning(&now()),
    )
    .map(|project| &*Box::leak(Box::new(project)))
    .map_err(|Rejected { diagnostics, sources }| Failure::new(diagnostics, sources))
}

/// Collects and converts the values of the root module's variables.
///
/// Shows warnings; the sources in a failure also hold the variable files.
pub(crate) fn variables(
    project: &Project,
    folder: &Path,
    given: &VariableArgs,
    output: &Output,
) -> Result<BTreeMap<Str, Value>, Failure> {
    some_variables(&project.config, folder, given, output, &|_| true)
}

/// As [`variables`], for those that are asked for; the others may lack a value.
pub(crate) fn some_variables(
    config: &Config,
    folder: &Path,
    given: &VariableArgs,
    output: &Output,
    wanted: &dyn Fn(&Str) -> bool,
) -> Result<BTreeMap<Str, Value>, Failure> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    let files: Vec<String> = given
        .var_file
        .iter()
        .map(|p| p.to_string_lossy().into_owned())
        .collect();
    let collected = variables::collect(
        &FileLoader,
        config,
        &folder_name(folder),
        &environment,
        &files,
        &given.var,
    );
    let (values, sources, diagnostics) = collected.resolve_some(config, wanted);
    if diagnostics.has_errors() {
        return Err(Failure::new(diagnostics, sources));
    }
    output.diagnostics(&diagnostics, &sources);
    Ok(values)
}

/// Says whether a folder holds a configuration.
pub(crate) fn has_configuration(folder: &Path) -> bool {
    FileLoader.list(&folder_name(folder)).is_ok_and(|names| {
        names
            .iter()
            .any(|n| n.ends_with(".infra") && !n.ends_with(".vars.infra") && !n.ends_with(".test.infra"))
    })
}

/// Returns where the state is: as the command line says, else as the
/// configuration does, else beside the root module.
pub(crate) fn state_path(
    folder: &Path,
    state: &StateArgs,
    registry: &Registry,
    config: &Config,
    variables: &BTreeMap<Str, Value>,
) -> Result<PathBuf, Failure> {
    if let Some(file) = &state.state {
        return Ok(file.clone());
    }
    let failed = |errors: Diagnostics| Failure::new(errors, config.sources.clone());
    let host = SystemHost::planning(&now());
    match state_location(config, registry, &host, variables).map_err(failed)? {
        None => Ok(default_path(folder)),
        Some(location) => local_path(folder, &location).map_err(|d| failed(d.into())),
    }
}

fn default_path(folder: &Path) -> PathBuf {
    without_dot(&folder.join(infra_state::local::DEFAULT_FILE))
}

/// Returns the file of a location; this version has no other kind of storage.
fn local_path(folder: &Path, location: &StateLocation) -> Result<PathBuf, Diagnostic> {
    if &*location.kind.name != "local" {
        return Err(unsupported_state(location.kind.span));
    }
    let path = location
        .arguments
        .get_str("path")
        .unwrap_or(infra_state::local::DEFAULT_FILE);
    Ok(without_dot(Path::new(&infra_engine::config::loader::join(
        &folder_name(folder),
        path,
    ))))
}

/// Returns the error about a kind of storage that does not exist yet.
fn unsupported_state(span: Span) -> Diagnostic {
    Diagnostic::error(
        "infra::config::unsupported_state",
        "this version keeps the state in a file only",
    )
    .at(span, "not supported yet")
    .help("write `state local { path = … }`, or give a file with `--state FILE`")
}

/// Returns what is wrong with a configuration that the engine accepts: where the state is kept.
pub(crate) fn unsupported(config: &Config) -> Option<Diagnostic> {
    let state = config.settings.state.as_ref()?;
    (&*state.kind.name != "local").then(|| unsupported_state(state.kind.span))
}

/// Finds the state of a folder, for commands that need nothing else of the configuration.
///
/// Only the variables that say where the state is need a value.
fn find_state(
    folder: &Path,
    state: &StateArgs,
    given: &VariableArgs,
    registry: &Registry,
    output: &Output,
) -> Result<PathBuf, Failure> {
    if let Some(file) = &state.state {
        return Ok(file.clone());
    }
    check_folder(folder)?;
    if !has_configuration(folder) {
        return Ok(default_path(folder));
    }
    let (config, sources, mut found) = config::load(&FileLoader, &folder_name(folder), registry);
    let Some(config) = config.filter(|c| !c.root().incomplete && !c.settings.unclear) else {
        found.0.retain(Diagnostic::is_error);
        found.push(
            Diagnostic::error(
                "infra::cli::state_unclear",
                "it is not known where the state is, because the configuration cannot be read",
            )
            .help("correct the configuration, or name the state with `--state FILE`"),
        );
        return Err(Failure::new(found, sources));
    };
    let Some(settings) = &config.settings.state else {
        return Ok(default_path(folder));
    };
    let needed = static_names(config.root(), &settings.body);
    if needed.problems.has_errors() {
        return Err(Failure::new(needed.problems, sources));
    }
    let values = some_variables(&config, folder, given, output, &|name| needed.variables.contains(name))?;
    state_path(folder, state, registry, &config, &values)
}

/// Returns a path as people write it: without a `./` in front.
pub(crate) fn without_dot(path: &Path) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
        _ => path.to_owned(),
    }
}

/// Fails if there is no such folder.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Diagnostic::error(
        "infra::cli::folder",
        format!("there is no folder `{}`", folder.display()),
    )
    .help("name the folder of a root module")
    .into())
}

/// Opens a state for changes or for planning.
pub(crate) fn store(path: PathBuf, registry: &Registry) -> Store {
    let types = Arc::new(SchemaTypes(registry.clone()));
    Store::local(path, types, SecretCodec::from_environment())
}

/// Finds and opens the state of a folder for changes.
pub(crate) fn find_store(
    folder: &Path,
    state: &StateArgs,
    given: &VariableArgs,
    registry: &Registry,
    output: &Output,
) -> Result<Store, Failure> {
    Ok(store(find_state(folder, state, given, registry, output)?, registry))
}

/// Opens a state for reading only: secrets without their key are left out.
pub(crate) fn reading_store(path: PathBuf, registry: &Registry) -> Store {
    store(path, registry).with_options(ReadOptions {
        missing_key: MissingKey::Redact,
    })
}

/// Finds and opens the state of a folder for reading only.
pub(crate) fn find_reading_store(
    folder: &Path,
    state: &StateArgs,
    given: &VariableArgs,
    registry: &Registry,
    output: &Output,
) -> Result<Store, Failure> {
    Ok(reading_store(
        find_state(folder, state, given, registry, output)?,
        registry,
    ))
}

/// Takes the lock, trying again for as long as the user allows.
pub(crate) fn lock(store: &mut Store, purpose: &str, timeout: Duration) -> Result<(), StateError> {
    let end = Instant::now() + timeout;
    loop {
        match store.lock(LockInfo::new(purpose)) {
            Err(StateError::Locked { .. }) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(250).min(timeout));
            }
            result => return result,
        }
    }
}

/// The error about a text that is no address.
pub(crate) fn address_error(error: &infra_types::address::AddressError) -> Failure {
    Failure::new(
        Diagnostic::error("infra::cli::address", error.to_string())
            .help("an address looks like `aws_vpc.main`, `aws_subnet.a[0]` or `module.net.aws_vpc.main[\"x\"]`"),
        Arc::new(Sources::new()),
    )
}
