//! The AWS provider, on the official SDK.
//!
//! [`AwsProvider`] lists the types ([`catalog`]) and reads the provider block
//! ([`settings`]); configured, it becomes a session ([`session`]) with a
//! connection ([`client`]). Each type is one file in [`resources`] or
//! [`data_sources`]; [`resource`] says how to write one. The rest are their
//! tools: [`value`], [`batch`], [`retry`], [`wait`], [`tags`], [`names`],
//! [`policy`], [`error`].

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the header is a map for readers of the source"
)]
#![allow(
    clippy::result_large_err,
    reason = "errors are rare, and each crosses the network first"
)]

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use infra_providers::{Problem, Provider, ProviderError, Schema, Session, SessionOptions};
use infra_types::Value;

use crate::catalog::Catalog;
use crate::client::Connection;
use crate::session::AwsSession;
use crate::settings::Settings;

mod batch;
mod catalog;
mod client;
mod data_sources;
mod ec2;
mod error;
mod names;
mod policy;
mod resource;
mod resources;
mod retry;
mod sandbox;
mod session;
mod settings;
mod tags;
mod value;
mod wait;

/// The provider `aws`.
pub struct AwsProvider {
    catalog: Arc<Catalog>,
    schema: OnceLock<Schema>,
}

impl AwsProvider {
    /// Creates the provider. No schema is built and nothing is connected yet.
    pub fn new() -> Self {
        Self {
            catalog: Arc::new(Catalog::new()),
            schema: OnceLock::new(),
        }
    }
}

impl Default for AwsProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for AwsProvider {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn config_schema(&self) -> &Schema {
        self.schema.get_or_init(settings::schema)
    }

    fn resource_types(&self) -> Vec<&'static str> {
        self.catalog.resources.keys().copied().collect()
    }

    fn data_sources(&self) -> Vec<&'static str> {
        self.catalog.data_sources.keys().copied().collect()
    }

    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        Some(self.catalog.resource(ty)?.schema())
    }

    fn data_source_schema(&self, ty: &str) -> Option<&Schema> {
        Some(self.catalog.data_source(ty)?.schema())
    }

    fn validate_resource(&self, ty: &str, config: &Value) -> Vec<Problem> {
        match self.catalog.resource(ty) {
            Some(entry) => entry.resource.validate(config),
            None => Vec::new(),
        }
    }

    async fn configure(&self, config: &Value, options: &SessionOptions) -> Result<Arc<dyn Session>, ProviderError> {
        let mut settings = Settings::of(config);
        if settings.sandbox {
            sandbox::enter(&mut settings, options).await?;
        }
        Ok(Arc::new(AwsSession {
            catalog: self.catalog.clone(),
            connection: Connection::open(settings).await?,
        }))
    }
}
