//! Opens what a command works on: configuration, variables and state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_engine::config::variables::{self};
use infra_engine::project::{Project, Rejected};
use infra_providers::Registry;
use infra_state::{LockInfo, MissingKey, ReadOptions, SecretCodec, StateError, Store};
use infra_syntax::{Diagnostic, Sources};
use infra_types::{Str, Value};

use crate::args::{StateArgs, VariableArgs};
use crate::error::Failure;
use crate::loader::FileLoader;
use crate::providers::SchemaTypes;
use crate::ui::Output;

/// Returns a folder as the engine writes paths: with `/`, without a trailing one.
pub(crate) fn folder_name(folder: &Path) -> String {
    infra_engine::config::loader::normalise(&folder.to_string_lossy().replace('\\', "/"))
}

/// Reads and checks the configuration in a folder.
pub(crate) fn open(folder: &Path, registry: &Registry) -> Result<Project, Failure> {
    Project::load(
        &FileLoader,
        &folder_name(folder),
        registry,
        &crate::host::SystemHost::planning(&crate::host::now()),
    )
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
        &project.config,
        &folder_name(folder),
        &environment,
        &files,
        &given.var,
    );
    let (values, sources, diagnostics) = collected.resolve(&project.config);
    if diagnostics.has_errors() {
        return Err(Failure::new(diagnostics, sources));
    }
    output.diagnostics(&diagnostics, &sources);
    Ok(values)
}

/// Where the state of a folder is, unless said otherwise.
pub(crate) fn state_path(folder: &Path, state: &StateArgs) -> PathBuf {
    state
        .state
        .clone()
        .unwrap_or_else(|| without_dot(&folder.join("infra.state.json")))
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

/// Opens the state for changes or for planning.
pub(crate) fn store(folder: &Path, state: &StateArgs, registry: &Registry) -> Result<Store, Failure> {
    if state.state.is_none() {
        check_folder(folder)?;
    }
    let types = Arc::new(SchemaTypes(registry.clone()));
    Ok(Store::local(
        state_path(folder, state),
        types,
        SecretCodec::from_environment(),
    ))
}

/// Opens the state for reading only: secrets without their key are left out.
pub(crate) fn reading_store(folder: &Path, state: &StateArgs, registry: &Registry) -> Result<Store, Failure> {
    Ok(store(folder, state, registry)?.with_options(ReadOptions {
        missing_key: MissingKey::Redact,
    }))
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
