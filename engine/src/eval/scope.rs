//! What names mean where an expression stands, and what functions may ask for.

use infra_syntax::Span;
use infra_syntax::ast::Ident;
use infra_syntax::{Diagnostic, ast::FunctionDecl};
use infra_types::Value;

use super::budget::Budget;
use super::type_expr::TypeConstraint;

/// Gives meaning to the names of an expression.
///
/// The evaluator handles loop variables itself; every other root name comes here.
pub trait Scope {
    /// Resolves a reference.
    ///
    /// `root` is the first name (`var`, `local`, `aws_vpc`, `each`, …) and
    /// `attrs` are the names that follow it directly (`.a.b` gives `a`, `b`; an
    /// index or splat ends the list). Returns the value and how many of `attrs`
    /// it stands for; the evaluator applies the remaining ones to the value.
    fn resolve(&self, root: &Ident, attrs: &[&Ident], span: Span) -> Result<Resolved, Diagnostic>;

    /// Returns a function declared in the configuration (`function name(…)`).
    fn user_function(&self, _name: &str) -> Option<&FunctionDecl> {
        None
    }

    /// Returns a type declared in the configuration (`type name = …`).
    fn named_type(&self, _name: &str) -> Option<TypeConstraint> {
        None
    }

    /// Returns what functions may ask of the outside.
    fn host(&self) -> &dyn Host;

    /// Returns the budget of the expression around, if there is one.
    fn budget(&self) -> Option<&Budget> {
        None
    }
}

/// The meaning of a reference.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The value.
    pub value: Value,
    /// How many of the names after the root it stands for.
    pub consumed: usize,
}

/// What functions may ask of the outside: files and the clock.
///
/// Paths are as written in the configuration; relative ones are relative to the
/// working folder of the run.
pub trait Host {
    /// Returns the contents of a file.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError>;

    /// Says whether there is a regular file.
    fn file_exists(&self, path: &str) -> Result<bool, HostError>;

    /// Returns the relative paths of all regular files below a folder, sorted, with `/` between names.
    fn list_files(&self, folder: &str) -> Result<Vec<String>, HostError>;

    /// Returns the absolute form of a path, without touching the file system beyond the working folder's name.
    fn absolute_path(&self, path: &str) -> String;

    /// Returns the home folder (for `pathexpand`).
    fn home(&self) -> Option<String>;

    /// Returns the current time as RFC 3339 in UTC; nothing while planning, where it is unknown.
    fn timestamp(&self) -> Option<String>;

    /// Returns the time of the plan as RFC 3339 in UTC.
    fn plan_timestamp(&self) -> Option<String>;

    /// Returns a new random UUID; nothing while planning, where it is unknown.
    fn uuid(&self) -> Option<String>;
}

/// Why the outside could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// A host that has nothing: no files, no clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        Err(HostError(format!("no file `{path}`")))
    }

    fn file_exists(&self, _path: &str) -> Result<bool, HostError> {
        Ok(false)
    }

    fn list_files(&self, _folder: &str) -> Result<Vec<String>, HostError> {
        Ok(Vec::new())
    }

    fn absolute_path(&self, path: &str) -> String {
        path.to_owned()
    }

    fn home(&self) -> Option<String> {
        None
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
