//! Which names have a meaning where an expression stands.

use crate::config::model::{Check, Repetition};

/// Where an expression stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// `each` has a value.
    pub(super) each: bool,
    /// `count` has a value.
    pub(super) count: bool,
    /// The block can be given `count` or `for_each`.
    pub(super) repeatable: bool,
    /// `self` has a value.
    pub(super) self_object: bool,
    /// The check whose data source may be mentioned.
    pub(super) check: Option<&'a Check>,
}

impl<'a> Context<'a> {
    /// Only names of the module have a meaning.
    pub(super) const NONE: Context<'static> = Context {
        each: false,
        count: false,
        repeatable: false,
        self_object: false,
        check: None,
    };

    /// In a block with this repetition.
    pub(super) fn of(repetition: &Repetition) -> Context<'a> {
        Context {
            each: matches!(repetition, Repetition::ForEach(_)),
            count: matches!(repetition, Repetition::Count(_)),
            repeatable: true,
            ..Context::NONE
        }
    }
}
