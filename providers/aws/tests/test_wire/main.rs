//! The AWS provider over the wire, against a simulator of this process's own.
//!
//! One binary, so that the SDK is linked once; a module per family of types.
//! Tests run side by side in accounts of their own: see [`world`]. What every
//! type must do is in [`contract`].

mod balancing;
mod connection;
mod containers;
mod contract;
mod data_sources;
mod databases;
mod identity;
mod network;
mod world;
