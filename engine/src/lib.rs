//! The pure pipeline of infra: configuration, evaluation, plan, execution.
//!
//! The stages in reading order, each with its own result:
//!
//! 1. [`config`]: source texts to a [`config::Config`] with every name resolved.
//! 2. [`graph`]: what must be known before what; cycles are explained.
//! 3. [`eval`]: expressions to values, maybe unknown, on demand.
//! 4. [`refresh`] and [`plan`]: prior state and desired values to a [`plan::Plan`].
//! 5. [`execute`]: the plan's steps to provider calls to the new state.
//!
//! No IO and no cloud: files and clock come through [`eval::Host`] and
//! [`config::SourceLoader`], clouds through `infra_providers`, records of the
//! execution go to an [`execute::StateSink`], progress to an [`observe::Observer`].

pub mod check;
pub mod config;
pub mod eval;
pub mod execute;
pub mod flow;
pub mod graph;
pub mod moves;
pub mod observe;
pub mod plan;
pub mod project;
pub mod refresh;
pub mod sessions;
