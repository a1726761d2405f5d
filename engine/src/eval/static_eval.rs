//! Values before there is a state: where the state is kept.
//!
//! Only variables, local values that come from them, functions and files are
//! asked for. The result must be the same in every run with the same variables,
//! so time and randomness have no value here.

use std::collections::BTreeMap;

use infra_providers::Registry;
use infra_syntax::ast::Ident;
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Path, Str, Value};

use super::body::{Owner, eval_block};
use super::scope::{Host, HostError};
use super::spans;
use super::world::{ModuleInstanceId, Purpose, World};
use crate::config::{Config, StateSettings, state_schema, static_names};

/// Where a state is kept.
#[derive(Clone, Debug)]
pub struct StateLocation {
    /// The kind of storage, such as `local`.
    pub kind: Ident,
    /// The arguments by name, all of them: null where they are not written.
    pub arguments: Value,
    /// The header of the block.
    pub span: Span,
}

/// Evaluates the `state` block of a configuration; nothing if there is none.
///
/// `variables` must hold the values of the variables that the block needs
/// ([`static_names`]).
pub fn state_location(
    config: &Config,
    registry: &Registry,
    host: &dyn Host,
    variables: &BTreeMap<Str, Value>,
) -> Result<Option<StateLocation>, Diagnostics> {
    let Some(settings) = &config.settings.state else {
        return Ok(None);
    };
    let needed = static_names(config.root(), &settings.body);
    if needed.problems.has_errors() {
        return Err(needed.problems);
    }
    let Some(schema) = state_schema(&settings.kind.name) else {
        return Ok(None);
    };
    let host = Timeless(host);
    let world = World::new(config, registry, &host, Purpose::Run, variables.clone());
    let what = format!("`state {}`", settings.kind.name);
    let owner = Owner {
        what: &what,
        header: settings.span,
        also: &[],
    };
    let scope = world.scope(ModuleInstanceId::ROOT);
    let (arguments, mut found) = eval_block(&settings.body, owner, &schema, &scope);
    // A wrong local value is reported at its own place, and unknown here.
    let errors = world.take_errors();
    let unknown_is_reported = errors.has_errors() || found.has_errors();
    found.extend(errors);
    let mut problems = Vec::new();
    schema.validate(&arguments, &Path::root(), &mut problems);
    for problem in &problems {
        found.push(spans::problem(&settings.body, settings.span, problem));
    }
    usable(settings, &arguments, unknown_is_reported, &mut found);
    if found.has_errors() {
        found.sort();
        return Err(found);
    }
    Ok(Some(StateLocation {
        kind: settings.kind.clone(),
        arguments,
        span: settings.span,
    }))
}

/// Refuses what cannot say where a state is.
fn usable(settings: &StateSettings, arguments: &Value, unknown_is_reported: bool, out: &mut Diagnostics) {
    for attribute in &settings.body.attributes {
        let name = &attribute.name.name;
        let Some(value) = arguments.get(name) else { continue };
        let span = attribute.expr.span;
        if value.contains_sensitive() {
            out.push(
                Diagnostic::error(
                    "infra::config::state_sensitive",
                    format!("`{name}` comes from a sensitive value, but where the state is kept is shown and recorded"),
                )
                .at(span, "sensitive")
                .help("use a variable that is not sensitive, or wrap the part that may be shown in `nonsensitive(…)`"),
            );
        } else if !value.is_wholly_known() && !unknown_is_reported {
            out.push(
                Diagnostic::error(
                    "infra::config::state_unknown",
                    format!("`{name}` is not the same in every run, so the state could not be found again"),
                )
                .at(span, "depends on time or chance")
                .help("use variables in place of functions such as `timestamp()` and `uuid()`"),
            );
        }
    }
}

/// A host without clock and chance.
struct Timeless<'a>(&'a dyn Host);

impl Host for Timeless<'_> {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        self.0.read_file(path)
    }

    fn file_exists(&self, path: &str) -> Result<bool, HostError> {
        self.0.file_exists(path)
    }

    fn list_files(&self, folder: &str) -> Result<Vec<String>, HostError> {
        self.0.list_files(folder)
    }

    fn absolute_path(&self, path: &str) -> String {
        self.0.absolute_path(path)
    }

    fn home(&self) -> Option<String> {
        self.0.home()
    }

    fn timestamp(&self) -> Option<String> {
        None
    }

    fn plan_timestamp(&self) -> Option<String> {
        None
    }

    fn uuid(&self) -> Option<String> {
        None
    }
}
