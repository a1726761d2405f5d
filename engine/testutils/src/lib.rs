//! Hermetic helpers for integration tests.

pub mod bench;
pub mod cloud;
pub mod loader;

pub use bench::Bench;
pub use cloud::SchemaProvider;
pub use loader::MemoryLoader;
