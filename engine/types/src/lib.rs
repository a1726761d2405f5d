//! Shared vocabulary of the infra engine: values, types, paths, addresses.
//!
//! Everything here is plain data: no IO, no knowledge of syntax, providers or
//! state files. [`Value`] is what expressions evaluate to and what providers
//! and state exchange; [`Type`] describes it; [`Path`] points into it;
//! [`address`] names modules, resources and their instances.

pub mod address;
pub mod convert;
pub mod facts;
mod float;
pub mod json;
mod json_value;
mod names;
pub mod number;
mod number_format;
pub mod path;
mod printable;
mod set_order;
mod suggest;
pub mod ty;
pub mod unify;
pub mod value;

pub use address::{InstanceAddr, InstanceKey, Mode, ModuleAddr, ModulePath, ResourceAddr, ResourcePath};
pub use convert::{ConvertError, ConvertOptions, convert, convert_closed};
pub use facts::{Entries, Facts, Items};
pub use json::JsonError;
pub use json_value::{from_json, from_json_typed, to_json, to_json_typed, try_to_json, type_from_json, type_to_json};
pub use names::name;
pub use number::Number;
pub use path::{Path, PathStep};
pub use printable::is_printable;
pub use suggest::suggest;
pub use ty::{ObjectAttr, Type};
pub use unify::{unify, unify_safe};
pub use value::{Marks, Refinement, Value, ValueKind};

/// A shared piece of text.
pub type Str = std::sync::Arc<str>;
