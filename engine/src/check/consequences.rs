//! What evaluation finds in a configuration in which errors were found before.

use infra_syntax::{Diagnostic, Diagnostics};

use crate::config::validate::is_missing;

/// Leaves out what follows from errors that are known: names without a meaning, and null in place
/// of what is missing.
pub fn without_consequences(known: &Diagnostics, found: Diagnostics) -> Diagnostics {
    let missing = known.iter().any(is_missing);
    let follows = |d: &Diagnostic| match d.code {
        "infra::eval::undeclared"
        | "infra::eval::unknown_name"
        | "infra::eval::unknown_function"
        | "infra::eval::incomplete_reference"
        | "infra::eval::impure_function"
        | "infra::eval::recursive_function"
        | "infra::eval::each_outside"
        | "infra::eval::count_outside"
        | "infra::eval::self_outside" => true,
        code => !d.is_error() || is_missing(d) || (missing && is_about_null(code)),
    };
    Diagnostics(found.into_iter().filter(|d| !follows(d)).collect())
}

fn is_about_null(code: &str) -> bool {
    code.rsplit("::").next().is_some_and(|name| name.starts_with("null"))
}
