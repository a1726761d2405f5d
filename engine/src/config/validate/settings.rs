//! The `infra` block: where the state is must be known before anything else.

use infra_syntax::ast::{Call, Expr};
use infra_syntax::{Diagnostic, Span};
use infra_types::Path;

use super::Validator;
use super::context::Context;
use super::names_in::Names;
use super::resource::{NoValues, without_host};
use crate::config::backend::state_schema;
use crate::config::model::{ReferenceTarget, StateSettings};
use crate::config::references::{Traversal, Visitor, walk_body};
use crate::config::static_names::static_names;
use crate::eval::body::{Owner, check_block};
use crate::eval::{Scope, spans};

impl<'a> Validator<'a, '_> {
    /// Checks the settings of the root module.
    pub(super) fn settings(&mut self) {
        if let Some(state) = &self.config.settings.state {
            self.state(state);
        }
    }

    fn state(&mut self, state: &'a StateSettings) {
        let before = self.out.0.len();
        let mut names = StaticOnly(self.names(Context::NONE));
        walk_body(&state.body, &mut names);
        self.out.extend(static_names(self.module, &state.body).problems);
        let names_are_right = self.out.0.len() == before;
        let Some(schema) = state_schema(&state.kind.name).filter(|_| names_are_right) else {
            return;
        };
        let what = format!("`state {}`", state.kind.name);
        let owner = Owner {
            what: &what,
            header: state.span,
            also: &[],
        };
        let scope = NoValues { module: self.module };
        let evaluate = |expr: &Expr, scope: &dyn Scope| without_host(expr, self.module, scope);
        let (value, found) = check_block(&state.body, owner, &schema, &scope, &evaluate);
        let wrong = found.has_errors();
        self.out.extend(found);
        if wrong {
            return;
        }
        let mut problems = Vec::new();
        schema.validate(&value, &Path::root(), &mut problems);
        let described = |p| -> Diagnostic { spans::problem(&state.body, state.span, p) };
        self.out.extend(problems.iter().map(described));
    }
}

/// Checks names that may have a value before there is a state; the others are reported elsewhere.
struct StaticOnly<'a, 'o>(Names<'a, 'o>);

impl<'a> Visitor<'a> for StaticOnly<'a, '_> {
    fn traversal(&mut self, t: Traversal<'a>) {
        let is_static = matches!(
            t.target(),
            None | Some(ReferenceTarget::Variable(_) | ReferenceTarget::Local(_) | ReferenceTarget::Environment)
        );
        if is_static {
            self.0.traversal(t);
        }
    }

    fn call(&mut self, call: &'a Call, span: Span) {
        self.0.call(call, span);
    }
}
