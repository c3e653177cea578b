//! The one door to the time: everything else takes `now` as an argument or asks a [`Clock`] it was handed.

use std::time::{Duration, Instant, SystemTime};

use super::BoxFuture;

/// Where the program learns the time and waits for it.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> SystemTime;
    /// Time since an arbitrary fixed point; never goes back. For durations.
    fn monotonic(&self) -> Duration;
    /// Resolves once the wall clock has reached `at`. Cancel safe.
    fn sleep_until(&self, at: SystemTime) -> BoxFuture<'_, ()>;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, at: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(sleep_until(self, at))
    }
}

/// Looks at the wall clock again at least every half minute, so that a stepped clock moves the waiters too.
pub async fn sleep_until(clock: &dyn Clock, at: SystemTime) {
    while let Ok(left) = at.duration_since(clock.now()) {
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(left.min(Duration::from_secs(30))).await;
    }
}
