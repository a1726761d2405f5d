//! Random histories of configurations over the fake cloud: whatever was there,
//! whatever goes wrong on the way, what is configured is reached, nothing is
//! lost, and nothing is made twice.
//!
//! [`model`] makes up histories, [`history`] lives them, and [`regressions`] holds what was
//! found that way, and small cases of the same kind.

mod history;
mod model;
mod regressions;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// How many histories one run of the tests lives through.
const CASES: u32 = 200;

#[test]
fn every_history_ends_as_configured() {
    #[allow(clippy::disallowed_methods, reason = "a test may look for more on request")]
    let cases = std::env::var("INFRA_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&model::cases(), |case| {
        history::live(&case).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\n{}", history::describe(&case)),
        Err(other) => panic!("{other}"),
    }
}
