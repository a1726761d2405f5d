//! Finds the provider of a type.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_types::Mode;

use crate::provider::Provider;
use crate::schema::Schema;

/// The providers that are built in.
#[derive(Clone, Default)]
pub struct Registry {
    providers: BTreeMap<&'static str, Arc<dyn Provider>>,
}

impl Registry {
    /// Creates an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider; one of the same name is replaced.
    pub fn add(&mut self, provider: Arc<dyn Provider>) {
        self.providers.insert(provider.name(), provider);
    }

    /// Returns a provider by name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.get(name)
    }

    /// Iterates over the providers by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.providers.values()
    }

    /// Returns the provider that offers a type: the one named by its first word.
    pub fn provider_of(&self, ty: &str) -> Option<&Arc<dyn Provider>> {
        let name = ty.split_once('_').map_or(ty, |(first, _)| first);
        self.providers.get(name)
    }

    /// Returns the schema of a resource type or data source.
    pub fn schema(&self, mode: Mode, ty: &str) -> Option<&Schema> {
        let provider = self.provider_of(ty)?;
        match mode {
            Mode::Managed => provider.resource_schema(ty),
            Mode::Data => provider.data_source_schema(ty),
        }
    }

    /// Returns the names of all types of a mode, sorted.
    pub fn types(&self, mode: Mode) -> Vec<&'static str> {
        let mut types: Vec<_> = self
            .providers
            .values()
            .flat_map(|p| match mode {
                Mode::Managed => p.resource_types(),
                Mode::Data => p.data_sources(),
            })
            .collect();
        types.sort_unstable();
        types
    }
}
