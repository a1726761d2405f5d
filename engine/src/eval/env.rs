//! Where an expression is evaluated: the scope, and the names it introduces itself.

use std::cell::{Cell, RefCell};

use infra_syntax::{Diagnostic, Diagnostics, Span};
use infra_types::{Str, Type, Value};

use super::budget::Budget;
use super::scope::Scope;

/// How deeply evaluation may nest, calls of functions included.
///
/// A level takes up to 7 KB of stack in debug builds; threads have 2 MB.
const MAX_DEPTH: u32 = 250;

/// The result of evaluating something.
pub(super) type Eval<T = Value> = Result<T, Diagnostics>;

/// What is common to the evaluation of an expression and all its parts.
pub(super) struct Run<'a> {
    scope: &'a dyn Scope,
    depth: Cell<u32>,
    own: Budget,
    shared: Option<&'a Budget>,
    /// The declared functions that are being called.
    pub(super) calls: RefCell<Vec<Str>>,
    /// What is known of the value whose evaluation failed last.
    failed: RefCell<Option<Value>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        Run {
            scope,
            depth: Cell::new(0),
            own: Budget::default(),
            shared: scope.budget(),
            calls: RefCell::new(Vec::new()),
            failed: RefCell::new(None),
        }
    }

    /// Continues a run, for the body of a function that sees another scope.
    pub(super) fn within(scope: &'a dyn Scope, outer: &'a Run<'_>) -> Self {
        Run {
            scope,
            depth: outer.depth.clone(),
            own: Budget::default(),
            shared: Some(outer.budget()),
            calls: outer.calls.clone(),
            failed: RefCell::new(None),
        }
    }

    /// Notes what is known of a value whose evaluation fails, such as that it is a tuple.
    pub(super) fn fail(&self, known: Option<Value>) {
        *self.failed.borrow_mut() = known;
    }

    /// Returns what is known of the value whose evaluation failed just now.
    pub(super) fn failed(&self) -> Value {
        let known = self.failed.borrow_mut().take();
        known.unwrap_or_else(|| Value::unknown(Type::Dynamic))
    }

    /// What the evaluation may still use.
    pub(super) fn budget(&self) -> &Budget {
        self.shared.unwrap_or(&self.own)
    }
}

/// A name that an expression introduces, with what it stands for.
pub(super) struct Binding<'a> {
    pub(super) name: &'a str,
    pub(super) value: Value,
    pub(super) outer: Option<&'a Binding<'a>>,
}

/// What names mean at one point of an expression.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) names: Option<&'a Binding<'a>>,
}

impl<'a> Env<'a> {
    pub(super) fn new(run: &'a Run<'a>) -> Self {
        Env { run, names: None }
    }

    pub(super) fn scope(&self) -> &'a dyn Scope {
        self.run.scope
    }

    /// Returns what a name stands for that the expression introduced.
    pub(super) fn binding(&self, name: &str) -> Option<&'a Value> {
        let mut at = self.names;
        while let Some(binding) = at {
            if binding.name == name {
                return Some(&binding.value);
            }
            at = binding.outer;
        }
        None
    }

    /// What the evaluation may still use.
    pub(super) fn budget(&self) -> &'a Budget {
        self.run.budget()
    }

    /// Does something one level deeper. That is a step.
    pub(super) fn deeper<T>(&self, span: Span, f: impl FnOnce() -> Eval<T>) -> Eval<T> {
        self.budget().charge(1, span)?;
        let depth = self.run.depth.get();
        if depth >= MAX_DEPTH {
            return Err(
                Diagnostic::error("infra::eval::too_deep", "the expression nests too deeply")
                    .at(span, "too deep here")
                    .help("move parts of it into local values")
                    .into(),
            );
        }
        self.run.depth.set(depth + 1);
        let result = f();
        self.run.depth.set(depth);
        result
    }
}

/// Joins the results of parts; all errors are kept.
pub(super) fn both<A, B>(a: Eval<A>, b: Eval<B>) -> Eval<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.extend(b);
            Err(a)
        }
        (Err(e), Ok(_)) | (Ok(_), Err(e)) => Err(e),
    }
}

/// Collects the results of parts; all errors are kept.
pub(super) fn all<T>(parts: impl Iterator<Item = Eval<T>>) -> Eval<Vec<T>> {
    let mut values = Vec::with_capacity(parts.size_hint().0);
    let mut errors = Diagnostics::new();
    for part in parts {
        match part {
            Ok(value) => values.push(value),
            Err(e) => errors.extend(e),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// An error at a place.
pub(super) fn error<T>(
    code: &'static str,
    message: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Eval<T> {
    Err(Diagnostic::error(code, message).at(span, label).into())
}
