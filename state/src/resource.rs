//! What is remembered of one resource instance and its remote objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_types::{ResourcePath, Str, Value};

/// Everything kept under one address: the current object and those it replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceState {
    /// The object in use. None while only objects to be cleaned up are left.
    pub current: Option<Arc<ObjectState>>,
    /// Replaced objects that still exist, by an 8-digit hexadecimal key.
    pub deposed: BTreeMap<String, Arc<ObjectState>>,
}

/// One remote object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectState {
    /// The provider configuration it belongs to (`aws`, `aws.alias`, `module.x/aws`).
    pub provider: Str,
    /// The version of the schema its attributes follow.
    pub schema_version: u32,
    /// Its attributes, an object. Secret leaves are marked sensitive.
    pub attributes: Value,
    /// The resources it depends on, sorted; also through locals and outputs,
    /// but not through other resources.
    pub dependencies: Arc<[ResourcePath]>,
    /// Whether its replacement is created before it is destroyed.
    pub create_before_destroy: bool,
    /// Whether destroying it needs an acknowledgement.
    pub protect: bool,
    /// Whether it is damaged and must be replaced.
    pub tainted: bool,
    /// The recovery token of its creation.
    pub token: Option<Str>,
}

impl InstanceState {
    /// An instance with a current object only.
    pub fn of(object: ObjectState) -> InstanceState {
        InstanceState {
            current: Some(Arc::new(object)),
            deposed: BTreeMap::new(),
        }
    }

    /// Says whether nothing is left under the address.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.deposed.is_empty()
    }

    /// Returns all objects: the current one, then the deposed ones with their keys.
    pub fn objects(&self) -> impl Iterator<Item = (Option<&str>, &Arc<ObjectState>)> {
        let deposed = self.deposed.iter().map(|(k, o)| (Some(k.as_str()), o));
        self.current.iter().map(|o| (None, o)).chain(deposed)
    }

    /// Returns the object: a deposed one by its key, or the current one.
    pub fn object(&self, deposed: Option<&str>) -> Option<&Arc<ObjectState>> {
        match deposed {
            Some(key) => self.deposed.get(key),
            None => self.current.as_ref(),
        }
    }
}

impl ObjectState {
    /// An object with these attributes and nothing else of note.
    pub fn new(provider: impl Into<Str>, schema_version: u32, attributes: Value) -> ObjectState {
        ObjectState {
            provider: provider.into(),
            schema_version,
            attributes,
            dependencies: Arc::new([]),
            create_before_destroy: false,
            protect: false,
            tainted: false,
            token: None,
        }
    }
}
