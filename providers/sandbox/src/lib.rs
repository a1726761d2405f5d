//! Runs the local AWS simulator.
//!
//! The simulator is moto behind the launcher in `launcher/`. It lives in its own
//! virtual environment below a [`SandboxHome`], made once by [`ensure_environment`]
//! from pinned packages whose hashes are checked. [`start`], [`status`], [`reset`] and
//! [`stop`] manage the one sandbox of a home; [`spawn_private`] gives a test a server
//! of its own.
//!
//! A sandbox has an identity, which a reset or a restart changes: whoever keeps state
//! about its contents can compare it and say so when the contents are gone.

mod error;
mod home;
mod http;
mod launch;
mod python;
mod registry;
mod venv;

pub use error::SandboxError;
pub use home::SandboxHome;
pub use launch::{
    DEFAULT_PORT, PrivateSandbox, StartOptions, reset, spawn_private, start, start_reporting, status, stop,
};
pub use registry::Sandbox;
pub use venv::{Environment, ensure_environment};
