//! AST to [`Config`]: everything that can be found wrong without a value is found here.
//!
//! The reading order: [`loader`] (where files come from), [`load`] (the module
//! tree), `decode` (blocks to the [`model`]), [`references`] (what expressions
//! mention), [`validate`] (names, types, provider schemas), [`variables`]
//! (values for the root module's variables), [`static_names`] (what must be
//! known before there is a state).

mod backend;
mod decode;
pub mod load;
pub mod loader;
pub(crate) mod misfit;
pub mod model;
pub(crate) mod names;
pub mod references;
mod static_names;
pub mod validate;
pub mod variables;
mod version;

pub use backend::{STATE_KINDS, state_schema};
pub use load::{load, load_with};
pub use loader::{LoadError, SourceLoader};
pub use model::*;
pub use references::{body_references, references};
pub use static_names::{StaticNames, static_names};
pub use validate::validate;
