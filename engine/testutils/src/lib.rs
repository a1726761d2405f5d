//! Hermetic helpers for integration tests.

pub mod cloud;
pub mod loader;

pub use cloud::SchemaProvider;
pub use loader::MemoryLoader;
