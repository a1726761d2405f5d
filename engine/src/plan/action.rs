//! What is done to an object, and why.

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is created.
    Create,
    /// A data source is read while applying.
    Read,
    /// It is changed in place.
    Update,
    /// A new object takes its place.
    Replace {
        /// Whether the new one is created before the old one is deleted.
        create_first: bool,
    },
    /// It is deleted.
    Delete,
    /// It is left alone and no longer managed.
    Forget,
}

impl Action {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Action::NoOp => "no-op",
            Action::Create => "create",
            Action::Read => "read",
            Action::Update => "update",
            Action::Replace { .. } => "replace",
            Action::Delete => "delete",
            Action::Forget => "forget",
        }
    }

    /// Says whether an existing object is deleted, also as part of a replacement.
    pub fn deletes(self) -> bool {
        matches!(self, Action::Delete | Action::Replace { .. })
    }

    /// Says whether an object is created, also as part of a replacement.
    pub fn creates(self) -> bool {
        matches!(self, Action::Create | Action::Replace { .. })
    }
}

/// Why an object is replaced, deleted or read later; Terraform's words in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An attribute changes that cannot be changed in place.
    CannotUpdate,
    /// An earlier create failed half-way.
    Tainted,
    /// The command line asks for it.
    Requested,
    /// `replace_triggered_by`.
    Triggered,
    /// The resource is no longer in the configuration.
    NoResource,
    /// The module instance is no longer in the configuration.
    NoModule,
    /// `count` or `for_each` was added or removed.
    WrongRepetition,
    /// The index is beyond `count`.
    CountIndex,
    /// The key is not in `for_each` any more.
    EachKey,
    /// It was moved to an address that is not in the configuration.
    NoMoveTarget,
    /// An argument of the data source is not known yet.
    ConfigUnknown,
    /// Something the data source waits for changes in this plan.
    DependencyPending,
}

impl Reason {
    /// Returns Terraform's word for it in JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Reason::CannotUpdate => "replace_because_cannot_update",
            Reason::Tainted => "replace_because_tainted",
            Reason::Requested => "replace_by_request",
            Reason::Triggered => "replace_by_triggers",
            Reason::NoResource => "delete_because_no_resource_config",
            Reason::NoModule => "delete_because_no_module",
            Reason::WrongRepetition => "delete_because_wrong_repetition",
            Reason::CountIndex => "delete_because_count_index",
            Reason::EachKey => "delete_because_each_key",
            Reason::NoMoveTarget => "delete_because_no_move_target",
            Reason::ConfigUnknown => "read_because_config_unknown",
            Reason::DependencyPending => "read_because_dependency_pending",
        }
    }

    /// Returns what it means, to follow the address of the object.
    pub fn text(self) -> &'static str {
        match self {
            Reason::CannotUpdate => "must be replaced",
            Reason::Tainted => "is tainted, so it must be replaced",
            Reason::Requested => "will be replaced, as requested",
            Reason::Triggered => "will be replaced because of `replace_triggered_by`",
            Reason::NoResource => "is not in the configuration",
            Reason::NoModule => "is in a module instance that is not in the configuration",
            Reason::WrongRepetition => "has a key that does not fit `count` or `for_each`",
            Reason::CountIndex => "has an index beyond `count`",
            Reason::EachKey => "has a key that is not in `for_each`",
            Reason::NoMoveTarget => "was moved to an address that is not in the configuration",
            Reason::ConfigUnknown => "is read during apply: an argument is not known yet",
            Reason::DependencyPending => "is read during apply: it waits for changes of this plan",
        }
    }
}
