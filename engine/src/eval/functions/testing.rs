//! What the tests of functions share.

use infra_syntax::ast::Ident;
use infra_syntax::{Diagnostic, Span};
use infra_types::Value;

use super::{FnError, call, lookup};
use crate::eval::scope::{Host, NoHost, Resolved, Scope};

/// A scope in which there is nothing, but maybe a host.
pub(super) struct Bare<H>(pub(super) H);

impl<H: Host> Scope for Bare<H> {
    fn resolve(&self, _: &Ident, _: &[&Ident], _: Span) -> Result<Resolved, Diagnostic> {
        unreachable!("functions resolve no names")
    }

    fn host(&self) -> &dyn Host {
        &self.0
    }
}

/// Calls a function by name.
pub(super) fn run(name: &str, args: impl IntoIterator<Item = Value>) -> Result<Value, FnError> {
    let spec = lookup(name).unwrap_or_else(|| panic!("no function `{name}`"));
    call(spec, args.into_iter().collect(), &Bare(NoHost))
}

/// Checks the result of a call, marks included.
#[track_caller]
pub(super) fn check(name: &str, args: impl IntoIterator<Item = Value>, expect: impl Into<Value>) {
    match run(name, args) {
        Ok(value) => assert_eq!(value, expect.into(), "{name}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// Checks that a call is refused, and returns why.
#[track_caller]
pub(super) fn refused(name: &str, args: impl IntoIterator<Item = Value>) -> FnError {
    match run(name, args) {
        Ok(value) => panic!("{name}: {value:?}"),
        Err(error) => error,
    }
}
