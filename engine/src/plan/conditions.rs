//! Conditions: preconditions, postconditions, validations and checks.

use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::Marks;

use super::CheckStatus;
use crate::config::Condition;
use crate::eval::world::ModuleScope;

/// Evaluates conditions; returns how each stands, and errors for what fails.
pub(crate) fn evaluate_conditions(
    conditions: &[Condition],
    scope: &ModuleScope<'_, '_>,
    kind: &str,
    object: &str,
) -> (Vec<(CheckStatus, Option<String>)>, Diagnostics) {
    let mut results = Vec::new();
    let mut diagnostics = Diagnostics::new();
    for condition in conditions {
        let value = match crate::eval::eval(&condition.condition, scope) {
            Ok(value) => value,
            Err(errors) => {
                diagnostics.extend(errors);
                results.push((CheckStatus::Error, None));
                continue;
            }
        };
        let value = match infra_types::convert::convert(&value, &infra_types::Type::Bool) {
            Ok(value) if !value.is_null() => value,
            _ => {
                diagnostics.push(
                    Diagnostic::error(
                        "infra::eval::invalid_condition",
                        format!(
                            "the condition of this {kind} must be true or false, not {}",
                            match value.is_null() {
                                true => "null".to_owned(),
                                false => crate::eval::with_article(&value.ty()),
                            }
                        ),
                    )
                    .at(condition.condition.span, "must be a bool"),
                );
                results.push((CheckStatus::Error, None));
                continue;
            }
        };
        if let Err(errors) = check_message(condition, scope) {
            diagnostics.extend(errors);
            results.push((CheckStatus::Error, None));
            continue;
        }
        match value.as_bool() {
            None => results.push((CheckStatus::Unknown, None)),
            Some(true) => results.push((CheckStatus::Pass, None)),
            Some(false) => {
                let message = condition_message(condition, scope);
                diagnostics.push(
                    Diagnostic::error("infra::plan::condition_failed", format!("{object}: {message}"))
                        .at(condition.condition.span, "is false")
                        .about(object),
                );
                results.push((CheckStatus::Fail, Some(message)));
            }
        }
    }
    (results, diagnostics)
}

/// Makes sure that there is a message, also while the condition holds.
fn check_message(condition: &Condition, scope: &ModuleScope<'_, '_>) -> Result<(), Diagnostics> {
    let value = crate::eval::eval(&condition.message, scope)?;
    match infra_types::convert::convert(&value, &infra_types::Type::String) {
        Ok(text) if !text.is_null() => Ok(()),
        _ => Err(Diagnostic::error(
            "infra::eval::invalid_message",
            format!(
                "the message of a condition must be a text, not {}",
                match value.is_null() {
                    true => "null".to_owned(),
                    false => crate::eval::with_article(&value.ty()),
                }
            ),
        )
        .at(condition.message.span, "must be a text")
        .into()),
    }
}

fn condition_message(condition: &Condition, scope: &ModuleScope<'_, '_>) -> String {
    let value = crate::eval::eval(&condition.message, scope)
        .ok()
        .and_then(|v| infra_types::convert::convert(&v, &infra_types::Type::String).ok());
    match value {
        Some(value) if value.contains_sensitive() => "the condition does not hold (its message is sensitive)".into(),
        Some(value) if value.deep_marks().contains(Marks::EPHEMERAL) => {
            "the condition does not hold (its message is ephemeral)".into()
        }
        Some(value) => value
            .as_str()
            .map_or_else(|| "the condition does not hold".into(), |s| s.trim().to_owned()),
        None => "the condition does not hold".into(),
    }
}
