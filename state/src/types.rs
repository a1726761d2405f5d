//! Where the types of attributes come from.

use infra_types::{Mode, Type};

/// Knows the schemas: gives files back the types that JSON does not tell apart.
///
/// Without a type, attributes get the types their JSON implies: an array is a
/// tuple, an object is an object.
pub trait Types: Send + Sync {
    /// Returns the type of the attributes of a resource type, if it is known.
    fn resource_type(&self, mode: Mode, ty: &str) -> Option<Type>;
}

/// Knows no schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTypes;

impl Types for NoTypes {
    fn resource_type(&self, _: Mode, _: &str) -> Option<Type> {
        None
    }
}

impl<F: Fn(Mode, &str) -> Option<Type> + Send + Sync> Types for F {
    fn resource_type(&self, mode: Mode, ty: &str) -> Option<Type> {
        self(mode, ty)
    }
}
