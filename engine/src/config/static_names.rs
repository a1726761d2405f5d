//! What an expression needs, if it must have a value before there is a state.
//!
//! Variables have values from the start, and so have local values that come
//! from nothing else. Objects and modules do not.

use std::collections::{BTreeSet, HashMap};

use infra_syntax::ast;
use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::Str;

use super::model::{Module, ReferenceTarget};
use super::references::{body_references, references};

/// What the arguments of a block need.
#[derive(Debug, Default)]
pub struct StaticNames {
    /// The variables, directly or through local values.
    pub variables: BTreeSet<Str>,
    /// The mentions of what has no value yet.
    pub problems: Diagnostics,
}

/// Finds what a block needs; its names are those of a module.
pub fn static_names(module: &Module, body: &ast::Body) -> StaticNames {
    let mut search = Search {
        module,
        found: StaticNames::default(),
        locals: HashMap::new(),
    };
    for reference in body_references(body) {
        if let Some(obstacle) = search.obstacle(&reference.target, reference.span) {
            search.found.problems.push(obstacle.describe(reference.span));
        }
    }
    search.found
}

/// Why something has no value before the state is read.
#[derive(Clone, Debug)]
struct Obstacle {
    what: String,
    /// Where it is mentioned.
    span: Span,
}

impl Obstacle {
    fn describe(&self, at: Span) -> Diagnostic {
        let mut d = Diagnostic::error(
            "infra::config::state_not_static",
            format!("where the state is kept cannot depend on {}", self.what),
        )
        .at(at, "not known before the state is read")
        .help("use variables, functions, `path`, and local values that come from nothing else");
        if self.span != at {
            d = d.related(self.span, "it comes from here");
        }
        d
    }
}

struct Search<'a> {
    module: &'a Module,
    found: StaticNames,
    /// What stands in the way of each local value; those that are being looked at have no answer yet.
    locals: HashMap<Str, Option<Obstacle>>,
}

impl Search<'_> {
    fn obstacle(&mut self, target: &ReferenceTarget, span: Span) -> Option<Obstacle> {
        let what = match target {
            ReferenceTarget::Environment => return None,
            ReferenceTarget::Variable(name) => {
                self.found.variables.insert(name.clone());
                return None;
            }
            ReferenceTarget::Local(name) => return self.local(name, span),
            ReferenceTarget::Resource(key) if key.mode == infra_types::Mode::Data => {
                format!("the data source `{key}`")
            }
            ReferenceTarget::Resource(key) => format!("the resource `{key}`"),
            ReferenceTarget::Module(name) | ReferenceTarget::ModuleOutput(name, _) => {
                format!("the module `{name}`")
            }
            ReferenceTarget::Each => "`each`: there is nothing to repeat".to_owned(),
            ReferenceTarget::Count => "`count`: there is nothing to repeat".to_owned(),
            ReferenceTarget::SelfObject => "`self`: there is no object yet".to_owned(),
        };
        Some(Obstacle { what, span })
    }

    fn local(&mut self, name: &Str, span: Span) -> Option<Obstacle> {
        if let Some(known) = self.locals.get(name) {
            return known.clone();
        }
        let local = self.module.locals.get(name)?;
        self.locals.insert(
            name.clone(),
            Some(Obstacle {
                what: format!("`local.{name}`, which needs itself"),
                span,
            }),
        );
        let mut first = None;
        for reference in references(&local.expr) {
            let obstacle = self.obstacle(&reference.target, reference.span);
            first = first.or(obstacle);
        }
        self.locals.insert(name.clone(), first.clone());
        first
    }
}
