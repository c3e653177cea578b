//! When the passing of time alone changes a judgement.

use crate::model::UnixTime;

/// Gathers the moments that a judgement depends on; keeps the next one.
pub(super) struct Due {
    now: UnixTime,
    next: Option<UnixTime>,
}

impl Due {
    /// As of `now`.
    pub(super) fn new(now: UnixTime) -> Self {
        Self { now, next: None }
    }

    /// The time of the judgement.
    pub(super) fn now(&self) -> UnixTime {
        self.now
    }

    /// Something begins at this moment. Whether it has.
    pub(super) fn begins(&mut self, at: UnixTime) -> bool {
        if at > self.now {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
        at <= self.now
    }

    /// Something holds through this moment, inclusive. Whether it still does.
    pub(super) fn holds_until(&mut self, until: UnixTime) -> bool {
        !self.begins(UnixTime::from_secs(until.secs().saturating_add(1)))
    }

    /// The next moment.
    pub(super) fn next(&self) -> Option<UnixTime> {
        self.next
    }
}
