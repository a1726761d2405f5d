//! The provider contract: schemas, plan, read, create, update, delete.
//!
//! A [`Provider`] describes its types ([`schema`]) without any IO. Configured,
//! it becomes a [`Session`], which plans (pure) and talks to the cloud. The
//! engine knows providers only through these traits; [`registry`] finds the
//! provider of a type. [`propose`] holds the planning rules that all providers
//! share, [`error`] what can go wrong.

pub mod error;
pub mod propose;
pub mod provider;
pub mod registry;
pub mod schema;

pub use error::{ApplyError, ErrorKind, Problem, ProviderError};
pub use propose::{PlanRequest, PlanResponse, plan_resource};
pub use provider::{
    CreateRequest, DeleteRequest, Monitor, NoMonitor, Provider, ReadRequest, Session, SessionOptions, UpdateRequest,
};
pub use registry::Registry;
pub use schema::{Attribute, Block, NestedBlock, Nesting, Schema, Validator};
