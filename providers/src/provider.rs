//! The traits a provider implements.

use std::sync::Arc;

use async_trait::async_trait;
use infra_types::Value;

use crate::error::{ApplyError, Problem, ProviderError};
use crate::propose::{PlanRequest, PlanResponse};
use crate::schema::Schema;

/// A provider: its types, and how to configure it. No IO before [`Provider::configure`].
#[async_trait]
pub trait Provider: Send + Sync {
    /// Returns its name, which is also the prefix of its types (`aws` for `aws_vpc`).
    fn name(&self) -> &'static str;

    /// Returns the schema of the `provider` block.
    fn config_schema(&self) -> &Schema;

    /// Returns the names of all resource types, sorted.
    fn resource_types(&self) -> Vec<&'static str>;

    /// Returns the names of all data sources, sorted.
    fn data_sources(&self) -> Vec<&'static str>;

    /// Returns the schema of a resource type.
    fn resource_schema(&self, ty: &str) -> Option<&Schema>;

    /// Returns the schema of a data source.
    fn data_source_schema(&self, ty: &str) -> Option<&Schema>;

    /// Checks what the schema alone cannot say about a resource's configuration
    /// (combinations of arguments). Parts of the value may be unknown.
    fn validate_resource(&self, _ty: &str, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// Connects: checks the settings, finds credentials.
    async fn configure(&self, config: &Value, options: &SessionOptions) -> Result<Arc<dyn Session>, ProviderError>;
}

/// What a run tells its providers.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// The folder of the root module, for what a provider keeps beside the state.
    pub root: Option<std::path::PathBuf>,
    /// Where progress lines of a slow start go (for instance: setting up the sandbox).
    pub notify: Option<Notify>,
    /// Whether the state holds objects already (so that an empty sandbox is suspicious).
    pub has_objects: bool,
}

/// Receives progress lines.
#[derive(Clone)]
pub struct Notify(pub Arc<dyn Fn(&str) + Send + Sync>);

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notify")
    }
}

/// A configured provider.
#[async_trait]
pub trait Session: Send + Sync {
    /// Plans one object. Pure: no IO, same answer for same input.
    fn plan(&self, request: &PlanRequest<'_>) -> Result<PlanResponse, ProviderError>;

    /// Reads objects of one type, in as few calls as the service allows.
    ///
    /// Answers in the order of the requests; `None` for an object that is gone.
    async fn read(&self, ty: &str, objects: Vec<ReadRequest>) -> Vec<Result<Option<Value>, ProviderError>>;

    /// Creates an object and waits until it can be used.
    async fn create(&self, request: CreateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError>;

    /// Changes an object in place.
    async fn update(&self, request: UpdateRequest, monitor: &dyn Monitor) -> Result<Value, ApplyError>;

    /// Deletes an object and waits until it is gone. Already gone is success.
    async fn delete(&self, request: DeleteRequest, monitor: &dyn Monitor) -> Result<(), ApplyError>;

    /// Reads a data source.
    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, ProviderError>;

    /// Finds an object by the id that users give to `import`; returns its attributes.
    async fn import(&self, ty: &str, id: &str) -> Result<Value, ProviderError>;

    /// Looks for an object whose create was begun and whose answer was lost:
    /// by client token, fixed name or creation tag.
    async fn recover(&self, ty: &str, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError>;
}

/// One object to read.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// Its attributes as last known.
    pub prior: Value,
    /// Whether this run created it: not found then means not yet.
    pub just_created: bool,
}

/// An object to create.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// The resource type.
    pub ty: String,
    /// The planned value; unknown is only what the service will say.
    pub planned: Value,
    /// The configured value (null where not set).
    pub config: Value,
    /// Identifies this create for ever: client token, or part of a creation tag.
    pub token: String,
}

/// An object to change.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// The resource type.
    pub ty: String,
    /// The object as it is.
    pub prior: Value,
    /// The planned value.
    pub planned: Value,
    /// The configured value (null where not set).
    pub config: Value,
    /// Identifies this update.
    pub token: String,
}

/// An object to delete.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// The resource type.
    pub ty: String,
    /// The object as it is.
    pub prior: Value,
}

/// Receives what happens during one operation.
pub trait Monitor: Send + Sync {
    /// The object exists now (before any wait); these attributes identify it.
    /// The engine makes them durable at once.
    fn exists(&self, attributes: &Value);

    /// What is being waited for, in a few words.
    fn status(&self, text: &str);

    /// A wait begins (`true`) or ends: while waiting, the operation holds no concurrency slot.
    fn waiting(&self, on: bool);
}

/// A monitor that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMonitor;

impl Monitor for NoMonitor {
    fn exists(&self, _attributes: &Value) {}
    fn status(&self, _text: &str) {}
    fn waiting(&self, _on: bool) {}
}
