//! The tables of resource types and data sources. Schemas are built when asked for.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use infra_providers::Schema;

use crate::resource::{DataSource, Resource, complete};

/// A resource type.
pub(crate) struct ResourceEntry {
    /// How it works.
    pub(crate) resource: &'static dyn Resource,
    schema: OnceLock<Schema>,
}

impl ResourceEntry {
    /// Returns its schema.
    pub(crate) fn schema(&self) -> &Schema {
        self.schema
            .get_or_init(|| complete(self.resource.schema(), self.resource.regional(), false))
    }
}

/// A data source.
pub(crate) struct DataEntry {
    /// How it works.
    pub(crate) source: &'static dyn DataSource,
    schema: OnceLock<Schema>,
}

impl DataEntry {
    /// Returns its schema.
    pub(crate) fn schema(&self) -> &Schema {
        self.schema
            .get_or_init(|| complete(self.source.schema(), self.source.regional(), true))
    }
}

/// All types by name.
pub(crate) struct Catalog {
    /// Resource types.
    pub(crate) resources: BTreeMap<&'static str, ResourceEntry>,
    /// Data sources.
    pub(crate) data_sources: BTreeMap<&'static str, DataEntry>,
}

impl Catalog {
    /// Lists all types.
    pub(crate) fn new() -> Self {
        let resources = crate::resources::TYPES.iter().map(|(name, resource)| {
            let entry = ResourceEntry {
                resource: *resource,
                schema: OnceLock::new(),
            };
            (*name, entry)
        });
        let data_sources = crate::data_sources::TYPES.iter().map(|(name, source)| {
            let entry = DataEntry {
                source: *source,
                schema: OnceLock::new(),
            };
            (*name, entry)
        });
        Self {
            resources: resources.collect(),
            data_sources: data_sources.collect(),
        }
    }

    /// Finds a resource type.
    pub(crate) fn resource(&self, ty: &str) -> Option<&ResourceEntry> {
        self.resources.get(ty)
    }

    /// Finds a data source.
    pub(crate) fn data_source(&self, ty: &str) -> Option<&DataEntry> {
        self.data_sources.get(ty)
    }
}
