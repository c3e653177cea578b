//! How long to wait: between requests, and after failures.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::ScanContext;

/// Growing, jittered waits from 1 s to 60 s. Jitter keeps many watches, and many processes, from coming back in step.
pub(super) struct Backoff {
    tries: u32,
    random: RandomState,
}

impl Backoff {
    const MOST: Duration = Duration::from_secs(60);

    pub(super) fn new() -> Self {
        Self { tries: 0, random: RandomState::new() }
    }

    /// It went well: the next wait is a short one.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next wait: between the half and the whole of 2 s, 4 s … 60 s.
    pub(super) fn next(&mut self) -> Duration {
        let whole = Duration::from_secs(2 << self.tries.min(6)).min(Self::MOST);
        self.tries = self.tries.saturating_add(1);
        whole.mul_f64(0.5 + 0.5 * share(&self.random, self.tries))
    }

    /// The next wait, where the server has said how long: at least that, in bounds.
    pub(super) fn at_least(&mut self, asked: Option<Duration>) -> Duration {
        let own = self.next();
        match asked {
            Some(asked) => asked.min(Self::MOST) + own.min(Duration::from_secs(1)).mul_f64(share(&self.random, self.tries)),
            None => own,
        }
    }
}

/// From 0 to 1.
fn share(random: &RandomState, number: u32) -> f64 {
    f64::from(u32::try_from(random.hash_one(number) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// A whole number of these many, from nothing up.
pub(super) fn some_of(most: u32) -> u32 {
    u32::try_from(RandomState::new().hash_one(most) % u64::from(most.max(1))).unwrap_or(0)
}

/// Spaces requests: so many a second, and a second's worth at once after a rest.
pub(super) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next request is due by the spacing alone, on the monotonic clock.
    due: Mutex<Duration>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, burst: interval * (per_second - 1), due: Mutex::new(Duration::ZERO) }
    }

    /// Resolves when a request may be sent. One that is dropped while it waits has spent its turn.
    pub(super) async fn turn(&self, cx: &ScanContext) {
        let now = cx.clock.monotonic();
        let wait = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = (*due).max(now);
            *due = mine + self.interval;
            mine.saturating_sub(self.burst).saturating_sub(now)
        };
        pause(cx, wait).await;
    }
}

/// Waits. The steps are short, because they are taken on the wall clock, and somebody may set that.
pub(super) async fn pause(cx: &ScanContext, wait: Duration) {
    const STEP: Duration = Duration::from_secs(5);
    let end = cx.clock.monotonic() + wait;
    loop {
        let left = end.saturating_sub(cx.clock.monotonic());
        if left.is_zero() {
            return;
        }
        cx.clock.sleep_until(cx.clock.now() + left.min(STEP)).await;
    }
}

/// The work's result, or `None` when it takes longer than that.
pub(super) async fn within<T>(cx: &ScanContext, most: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = work => Some(result),
        () = pause(cx, most) => None,
    }
}
