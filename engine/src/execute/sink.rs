//! Where the executor records what happens, so that nothing is ever forgotten.

use infra_state::{Record, StateError, Store};

/// Receives records. Recording is cheap; [`StateSink::flush`] makes everything durable.
pub trait StateSink {
    /// Adds a record.
    fn record(&mut self, record: &Record) -> Result<(), StateError>;

    /// Makes all records durable.
    fn flush(&mut self) -> Result<(), StateError>;

    /// Says that the run is still going on: to be called every minute or so.
    fn keep_alive(&mut self) -> Result<(), StateError> {
        Ok(())
    }
}

impl StateSink for Store {
    fn record(&mut self, record: &Record) -> Result<(), StateError> {
        Store::record(self, record)
    }

    fn flush(&mut self) -> Result<(), StateError> {
        Store::flush(self)
    }

    fn keep_alive(&mut self) -> Result<(), StateError> {
        self.renew_lock()
    }
}

/// A sink that forgets: for tests of the executor alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl StateSink for Forgetful {
    fn record(&mut self, _record: &Record) -> Result<(), StateError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StateError> {
        Ok(())
    }
}
