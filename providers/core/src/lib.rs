//! Built-in providers: utilities that need no cloud.
//!
//! `terraform` (with `terraform_data`), `random`, `null` and `time`. Each type
//! is one file and implements [`local::LocalType`]; [`local`] turns a group of
//! them into a provider. Randomness and time come from outside ([`source`],
//! [`clock`]), so that a test can repeat a run.

pub mod clock;
pub mod source;

mod local;
mod null_resource;
mod random_id;
mod random_integer;
mod random_password;
mod random_pet;
mod random_shuffle;
mod random_string;
mod random_uuid;
mod terraform_data;
mod text;
mod time_static;

use std::sync::Arc;

use infra_providers::Provider;

use crate::clock::{Clock, SystemClock};
use crate::local::{LocalProvider, Surroundings};
use crate::source::{OsRandom, RandomSource};

/// Makes the built-in providers.
#[derive(Clone)]
pub struct CoreProviders {
    around: Surroundings,
}

impl CoreProviders {
    /// Makes providers that draw from the given source.
    pub fn new(source: Arc<dyn RandomSource>) -> Self {
        Self {
            around: Surroundings {
                random: source,
                clock: Arc::new(SystemClock),
            },
        }
    }

    /// Sets the clock that `time_static` reads.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.around.clock = clock;
        self
    }

    /// Returns the providers.
    pub fn providers(&self) -> Vec<Arc<dyn Provider>> {
        vec![
            self.provider("null", vec![Box::new(null_resource::NullResource)]),
            self.provider(
                "random",
                vec![
                    Box::new(random_id::RandomId),
                    Box::new(random_integer::RandomInteger),
                    Box::new(random_password::RandomPassword),
                    Box::new(random_pet::RandomPet),
                    Box::new(random_shuffle::RandomShuffle),
                    Box::new(random_string::RandomString),
                    Box::new(random_uuid::RandomUuid),
                ],
            ),
            self.provider("terraform", vec![Box::new(terraform_data::TerraformData)]),
            self.provider("time", vec![Box::new(time_static::TimeStatic)]),
        ]
    }

    fn provider(&self, name: &'static str, types: Vec<Box<dyn local::LocalType>>) -> Arc<dyn Provider> {
        Arc::new(LocalProvider::new(name, types, self.around.clone()))
    }
}

impl Default for CoreProviders {
    fn default() -> Self {
        Self::new(Arc::new(OsRandom))
    }
}

/// Returns the built-in providers, with the system's randomness and time.
pub fn providers() -> Vec<Arc<dyn Provider>> {
    CoreProviders::default().providers()
}
