//! An in-memory cloud, for tests of the engine.
//!
//! A test makes a [`FakeCloud`], gives a [`FakeProvider`] of it to the engine,
//! and looks afterwards at what exists ([`FakeCloud::objects`]) and what was
//! called ([`FakeCloud::calls`]). A [`FaultPlan`] says what goes wrong and how
//! long things take; a hook ([`FakeCloud::on_step`]) sees every step and may
//! stop the run there, as a crash would. Ids are deterministic (`thing-1`).
//!
//! | type | what it is for |
//! |---|---|
//! | `fake_thing` | arguments and blocks of all kinds |
//! | `fake_unique` | a fixed name that may be taken; cannot be deleted while in use |
//! | `fake_user` | refers to a `fake_unique` |
//! | `fake_slow` | takes its time to become usable and to go away |
//! | `fake_lookup` | data source: a `fake_thing` by name |

mod cloud;
mod fault;
mod provider;
mod types;

pub use cloud::{Call, FakeCloud, FakeObject, Moment, Op, Step, StepAction, Time};
pub use fault::{Fault, FaultPlan, FaultRule};
pub use provider::FakeProvider;
