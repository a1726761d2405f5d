//! The providers that are built in, and the types of what the state holds.

use std::sync::Arc;

use infra_providers::Registry;
use infra_state::Types;
use infra_types::{Mode, Type};

/// Returns all providers. No schema is built before it is asked for.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    for provider in infra_provider_core::CoreProviders::default().providers() {
        registry.add(provider);
    }
    registry.add(Arc::new(infra_provider_aws::AwsProvider::new()));
    registry
}

/// Gives the state the types of its attributes.
pub(crate) struct SchemaTypes(pub Registry);

impl Types for SchemaTypes {
    fn resource_type(&self, mode: Mode, ty: &str) -> Option<Type> {
        self.0.schema(mode, ty).map(infra_providers::Schema::ty)
    }
}
