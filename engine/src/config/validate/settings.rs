//! The `infra` block: where the state is must be known before anything else.

use infra_syntax::Diagnostic;

use super::Validator;
use super::context::Context;
use crate::config::model::ReferenceTarget;
use crate::config::references::body_references;

impl Validator<'_, '_> {
    /// Checks the settings of the root module.
    pub(super) fn settings(&mut self) {
        let Some(state) = &self.config.settings.state else {
            return;
        };
        self.out.push(
            Diagnostic::error(
                "infra::config::unsupported_state",
                "this version keeps the state beside the root module only",
            )
            .at(state.kind.span, "not supported yet")
            .help("leave the `state` block out, or give another file with `--state FILE`"),
        );
        self.names(Context::NONE).body(&state.body);
        for reference in body_references(&state.body) {
            let is_static = matches!(
                reference.target,
                ReferenceTarget::Variable(_) | ReferenceTarget::Local(_) | ReferenceTarget::Environment
            );
            if !is_static {
                self.out.push(
                    Diagnostic::error(
                        "infra::config::state_not_static",
                        "where the state is kept cannot depend on resources or modules",
                    )
                    .at(reference.span, "not known before the state is read")
                    .help("use variables, and local values that come from variables"),
                );
            }
        }
    }
}
