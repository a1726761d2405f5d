//! Progress of a run, as data: whoever shows it implements [`Observer`].

use infra_types::{InstanceAddr, Str};

use crate::plan::Action;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The object of a create whose answer was lost in an earlier run was found.
    Adopted {
        /// Which.
        addr: &'a InstanceAddr,
    },
    /// Reading the objects of the state begins.
    RefreshStart {
        /// How many.
        objects: usize,
    },
    /// A batch was read.
    Refreshed {
        /// Their type.
        ty: &'a Str,
        /// How many.
        objects: usize,
    },
    /// All objects were read.
    RefreshEnd,
    /// A data source is read.
    DataRead {
        /// Which.
        addr: &'a InstanceAddr,
    },
    /// Applying begins.
    ApplyStart {
        /// How many operations there are.
        operations: usize,
    },
    /// An operation begins.
    Start {
        /// On which object.
        addr: &'a InstanceAddr,
        /// Whether on a deposed object.
        deposed: bool,
        /// What is done.
        operation: Operation,
    },
    /// An operation tells what it waits for.
    Status {
        /// On which object.
        addr: &'a InstanceAddr,
        /// What it waits for.
        text: &'a str,
    },
    /// An operation succeeded.
    Done {
        /// On which object.
        addr: &'a InstanceAddr,
        /// Whether on a deposed object.
        deposed: bool,
        /// What was done.
        operation: Operation,
        /// The object's id, if it has one that may be shown.
        id: Option<&'a str>,
    },
    /// An operation failed.
    Failed {
        /// On which object.
        addr: &'a InstanceAddr,
        /// What was tried.
        operation: Operation,
        /// Why.
        message: &'a str,
    },
    /// An operation is not begun because one before it failed.
    Skipped {
        /// On which object.
        addr: &'a InstanceAddr,
        /// What would have been done.
        operation: Operation,
    },
    /// Nothing new is begun any more.
    Stopping {
        /// How many operations are still running.
        running: usize,
    },
    /// The run gives up what is running.
    Abandoning {
        /// The objects whose operations were running.
        running: &'a [InstanceAddr],
    },
}

/// One operation on one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Creating it.
    Create,
    /// Changing it in place.
    Update,
    /// Deleting it.
    Delete,
    /// Reading a data source.
    Read,
    /// Taking it out of the state.
    Forget,
}

impl Operation {
    /// Returns the word for what is going on: `creating`.
    pub fn doing(self) -> &'static str {
        match self {
            Operation::Create => "creating",
            Operation::Update => "updating",
            Operation::Delete => "deleting",
            Operation::Read => "reading",
            Operation::Forget => "forgetting",
        }
    }

    /// Returns the word for what was done: `created`.
    pub fn done(self) -> &'static str {
        match self {
            Operation::Create => "created",
            Operation::Update => "updated",
            Operation::Delete => "deleted",
            Operation::Read => "read",
            Operation::Forget => "forgotten",
        }
    }
}

impl From<Action> for Option<Operation> {
    fn from(action: Action) -> Self {
        match action {
            Action::Create => Some(Operation::Create),
            Action::Update => Some(Operation::Update),
            Action::Delete => Some(Operation::Delete),
            Action::Read => Some(Operation::Read),
            Action::Forget => Some(Operation::Forget),
            Action::NoOp | Action::Replace { .. } => None,
        }
    }
}

/// Receives events. Called on the run's own task: must not block for long.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// An observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event<'_>) {}
}
