//! For property tests: cases that are the same in every run.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

/// Runs a property on so many cases; what fails is made small, and stands in the panic. Every run tries the same cases, and nothing is written
/// to files.
///
/// # Panics
/// The property does not hold.
pub(crate) fn cases<S: Strategy>(cases: u32, strategy: &S, holds: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4096, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]);
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(strategy, holds) {
        panic!("{failure}");
    }
}
