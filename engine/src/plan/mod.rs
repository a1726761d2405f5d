//! What will be done, as plain data: changes, outputs, drift, and the
//! execution graph with every ordering already decided.
//!
//! Reading order: [`planner`] walks the configuration graph and chooses each
//! action, [`instance`] plans one object, [`steps`] turns the changes into the
//! execution graph, [`diff`] compares values, [`file`] saves and loads plans.

pub mod action;
pub mod approval;
mod checks;
mod conditions;
mod dependencies;
pub mod diff;
pub mod digest;
pub mod file;
mod imports;
mod instance;
mod later;
mod names;
mod orphans;
pub mod planner;
mod prepare;
mod selection;
pub mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_state::{ObjectState, State};
use infra_syntax::{Diagnostics, Span};
use infra_types::address::Target;
use infra_types::{InstanceAddr, Path, ResourcePath, Str, Value};

pub use action::{Action, Reason};
pub(crate) use conditions::evaluate_conditions;
pub(crate) use imports::id as import_id;
pub use instance::error_diagnostic;
pub(crate) use instance::{desired, problem_diagnostic, provider_ref};
pub use later::{Deferred, Wait};
pub use planner::{PlanOptions, Planner};
pub(crate) use planner::{resource_key, shown_secret};
pub use steps::{ExecutionGraph, Step, StepId, StepKind};

/// A plan.
#[derive(Debug)]
pub struct Plan {
    /// What it was made for.
    pub mode: PlanMode,
    /// The only things it is about, with what they need; everything if there are none.
    pub targets: Vec<Target>,
    /// What it is not about, with what needs that.
    pub excludes: Vec<Target>,
    /// The state it was made from, as stored, after moves.
    pub stored: Arc<State>,
    /// The same state after refresh: what the execution starts from.
    pub prior: Arc<State>,
    /// The values of the root variables.
    pub variables: BTreeMap<Str, Value>,
    /// What became of creates of an earlier run whose answer was lost.
    pub recovered: Vec<Recovery>,
    /// The objects with another address than in the stored file: new address to old address.
    pub moved: BTreeMap<InstanceAddr, InstanceAddr>,
    /// The changes, no-ops included, sorted by address.
    pub changes: Vec<Change>,
    /// The changes of root outputs.
    pub outputs: BTreeMap<Str, OutputChange>,
    /// Objects that changed outside of infra since they were last seen.
    pub drift: Vec<Drift>,
    /// The data sources that were read, by address.
    pub data: BTreeMap<InstanceAddr, Value>,
    /// Results of conditions and checks.
    pub checks: Vec<CheckResult>,
    /// What can be planned only after this plan was applied.
    pub later: Vec<Deferred>,
    /// The steps and their order.
    pub graph: ExecutionGraph,
    /// Warnings.
    pub warnings: Diagnostics,
    /// The time of the plan, RFC 3339.
    pub timestamp: String,
}

/// What became of a create whose answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The address it was for.
    pub addr: InstanceAddr,
    /// Its token.
    pub token: Str,
    /// Whether its object was found, and adopted.
    pub found: bool,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanMode {
    /// Bring everything to what the configuration says.
    #[default]
    Normal,
    /// Delete everything.
    Destroy,
    /// Only take what is there into the state.
    RefreshOnly,
}

/// The change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its address.
    pub addr: InstanceAddr,
    /// Where it was before a move.
    pub previous_addr: Option<InstanceAddr>,
    /// The key of a deposed object; nothing for the current one.
    pub deposed: Option<String>,
    /// What is done.
    pub action: Action,
    /// The provider configuration, as kept in the state.
    pub provider: Str,
    /// The object as it is (after refresh); nothing when it does not exist.
    pub prior: Option<Arc<ObjectState>>,
    /// The value that is planned; nothing when it will not exist.
    pub planned: Option<Value>,
    /// Why it is replaced, deleted or read later.
    pub reason: Option<Reason>,
    /// The attributes that force a replacement.
    pub replace_paths: Vec<Path>,
    /// Where the changed attributes come from.
    pub causes: Vec<Cause>,
    /// What is known for the state entry besides the value.
    pub meta: Meta,
    /// The id it is imported by.
    pub importing: Option<String>,
    /// The resource's header in the configuration.
    pub span: Option<Span>,
    /// Identifies its create: what the object can be found by if the answer is lost.
    pub token: Str,
}

/// What a state entry keeps besides the attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The version of the type's schema.
    pub schema_version: u32,
    /// The resources it depends on.
    pub dependencies: Arc<[ResourcePath]>,
    /// Whether its replacement is created before it is deleted.
    pub create_before_destroy: bool,
    /// Whether it must not be deleted.
    pub protect: bool,
}

/// Where a changed attribute comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The attribute.
    pub path: Path,
    /// The argument in the configuration.
    pub span: Option<Span>,
    /// `file:line` of it.
    pub location: String,
    /// What the argument mentions, as written.
    pub mentions: Vec<String>,
}

/// The change of a root output.
#[derive(Clone, Debug)]
pub struct OutputChange {
    /// The value in the state; nothing if there is none.
    pub before: Option<Value>,
    /// The planned value; nothing if it goes away.
    pub after: Option<Value>,
}

impl OutputChange {
    /// Says whether nothing changes.
    pub fn is_noop(&self) -> bool {
        // An output that is null is not kept, so there is none.
        let there = |value: &Option<Value>| value.clone().filter(|v| !v.is_null());
        match (there(&self.before), there(&self.after)) {
            (Some(b), Some(a)) => b.same_value(&a) && b.deep_marks() == a.deep_marks(),
            (None, None) => true,
            _ => false,
        }
    }
}

/// What changed outside.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The object.
    pub addr: InstanceAddr,
    /// As the state knew it.
    pub before: Value,
    /// As it is now; nothing if it is gone.
    pub after: Option<Value>,
}

/// The result of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// What it belongs to: `aws_vpc.main[0]`, `var.x`, `module.m.output.y`, `check.z`.
    pub object: String,
    /// The same without instance keys: what it belongs to in the configuration.
    pub declared: String,
    /// Which kind: `resource`, `var`, `output_value` or `check`.
    pub kind: &'static str,
    /// How it stands.
    pub status: CheckStatus,
    /// The messages of what failed.
    pub messages: Vec<String>,
}

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// It holds.
    Pass,
    /// It is not known yet.
    Unknown,
    /// It does not hold.
    Fail,
    /// It could not be evaluated.
    Error,
}

/// How many of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects created anew.
    pub create: usize,
    /// Objects changed in place.
    pub update: usize,
    /// Objects replaced.
    pub replace: usize,
    /// Objects deleted.
    pub delete: usize,
    /// Data sources read while applying.
    pub read: usize,
    /// Objects forgotten.
    pub forget: usize,
    /// Objects imported.
    pub import: usize,
    /// Objects moved without another change.
    pub moved: usize,
    /// Objects left alone.
    pub noop: usize,
}

impl Plan {
    /// Counts the changes.
    pub fn summary(&self) -> Summary {
        let mut s = Summary::default();
        for change in &self.changes {
            match change.action {
                Action::NoOp => {
                    s.noop += 1;
                    if change.previous_addr.is_some() {
                        s.moved += 1;
                    }
                }
                Action::Create => s.create += 1,
                Action::Read => s.read += 1,
                Action::Update => s.update += 1,
                Action::Replace { .. } => s.replace += 1,
                Action::Delete => s.delete += 1,
                Action::Forget => s.forget += 1,
            }
            if change.importing.is_some() {
                s.import += 1;
            }
        }
        s
    }

    /// Says whether it is about a part of the configuration only.
    pub fn is_partial(&self) -> bool {
        !(self.targets.is_empty() && self.excludes.is_empty())
    }

    /// Says whether there may be objects in the configuration that were not planned.
    pub(crate) fn leaves_out(&self) -> bool {
        self.is_partial() || self.mode == PlanMode::RefreshOnly
    }

    /// Says whether applying it would change anything: objects, outputs or the state's addresses.
    pub fn has_changes(&self) -> bool {
        self.changes
            .iter()
            .any(|c| c.action != Action::NoOp || c.importing.is_some())
            || !self.moved.is_empty()
            || self.outputs.values().any(|o| !o.is_noop())
    }
}
