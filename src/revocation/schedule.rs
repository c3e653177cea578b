//! When to look at a place again: the state machine of one URL, pure.
//!
//! A list is looked at every half hour at the latest, with a conditional request, so that a revocation is known soon after it is published;
//! sooner where its issuer publishes more often. An OCSP answer is asked for anew at half of its interval, and not while HTTP calls it
//! fresh. Failures back off exponentially up to an hour. All waits are shortened by a jitter that depends on the place alone: what was
//! fetched together is spread over time, and a restart changes nothing.

use std::time::Duration;

use crate::model::{RevocationReason, UnixTime};

/// The longest time between two looks at a list.
const CRL_EVERY: Duration = Duration::from_secs(30 * 60);
/// Between two looks at an issuer's certificate.
const ISSUER_EVERY: Duration = Duration::from_secs(24 * 3600);
/// For an OCSP answer without nextUpdate: newer information is always there (RFC 6960 section 4.2.2.1).
const OCSP_EVERY: Duration = Duration::from_secs(3600);
/// No place is looked at more often.
const SHORTEST: Duration = Duration::from_secs(60);
/// No place is left alone for longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// How soon a place is looked at again that answers, but with what is over.
const STALE_EVERY: Duration = Duration::from_secs(5 * 60);
/// After the first failure; doubled with each further one.
const BACKOFF: Duration = Duration::from_secs(60);
/// The longest wait after failures.
const BACKOFF_MOST: Duration = Duration::from_secs(3600);
/// A clock set back by more than this makes everything due.
const SKEW: Duration = Duration::from_secs(300);

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A list.
    Crl,
    /// An OCSP answer about one certificate.
    Ocsp,
    /// An issuer's certificate.
    Issuer,
}

/// How long what was fetched is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// thisUpdate
    pub this_update: Option<UnixTime>,
    /// nextUpdate
    pub next_update: Option<UnixTime>,
    /// Until when HTTP calls it fresh.
    pub fresh_until: Option<UnixTime>,
}

/// When one place is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    kind: Kind,
    /// The longest wait between two looks at a list.
    most: Duration,
    /// 0..=255: the part of a tenth by which waits are shortened.
    jitter: u8,
    failures: u32,
    set_at: UnixTime,
    next_at: UnixTime,
}

impl Schedule {
    /// Of a place that was never looked at: due at once. `seed` tells places apart: the URL, with the certificate for OCSP.
    pub fn new(kind: Kind, seed: &[u8], now: UnixTime) -> Self {
        Self { kind, most: CRL_EVERY, jitter: (crc32fast::hash(seed) >> 24) as u8, failures: 0, set_at: now, next_at: now }
    }

    /// With another longest wait between two looks at a list.
    pub fn every(mut self, most: Duration) -> Self {
        self.most = most;
        self
    }

    /// Of a place whose copy was kept by an earlier process: due when that one would have looked.
    pub fn restored(kind: Kind, seed: &[u8], fetched_at: UnixTime, validity: Validity, most: Duration) -> Self {
        let mut schedule = Self::new(kind, seed, fetched_at).every(most);
        schedule.succeeded(validity, fetched_at);
        schedule
    }

    /// Whether it is time to look.
    pub fn is_due(&self, now: UnixTime) -> bool {
        // A clock that was set back must not silence a place for as long as it had run ahead.
        now >= self.next_at || now.plus(SKEW) < self.set_at
    }

    /// When the latest look ended; of a place that was never looked at, when it became known.
    pub fn set_at(&self) -> UnixTime {
        self.set_at
    }

    /// When the next look is due.
    pub fn next_at(&self) -> UnixTime {
        self.next_at
    }

    /// How many looks failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A look brought something usable, or confirmed what is at hand.
    pub fn succeeded(&mut self, validity: Validity, now: UnixTime) {
        self.failures = 0;
        let wait = match self.kind {
            Kind::Crl => crl_wait(validity, now).min(self.most),
            Kind::Ocsp => ocsp_wait(validity, now),
            Kind::Issuer => ISSUER_EVERY,
        };
        self.wait(wait, now);
    }

    /// A look brought nothing usable. `retry_after` is the server's wish.
    pub fn failed(&mut self, reason: RevocationReason, retry_after: Option<Duration>, now: UnixTime) {
        // Where even a good list is looked at more often, the first failure is no reason to wait longer.
        let doubled = BACKOFF.min(self.most).saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let wait = match reason {
            // Only another configuration, or another address of the name, changes that.
            RevocationReason::EgressDenied | RevocationReason::UnsupportedScheme => BACKOFF_MOST,
            _ => doubled.max(retry_after.unwrap_or_default()).min(BACKOFF_MOST),
        };
        self.wait(wait, now);
    }

    /// Makes it due: the configuration changed, or somebody asks.
    pub fn look_now(&mut self, now: UnixTime) {
        self.next_at = self.next_at.min(now);
    }

    fn wait(&mut self, wait: Duration, now: UnixTime) {
        let shortest = SHORTEST.min(self.most);
        let wait = wait.clamp(shortest, LONGEST);
        let shortened = wait - wait / 10 * u32::from(self.jitter) / 255;
        self.set_at = now;
        self.next_at = now.plus(shortened.max(shortest));
    }
}

fn crl_wait(validity: Validity, now: UnixTime) -> Duration {
    let Some(next_update) = validity.next_update else { return CRL_EVERY };
    if next_update <= now {
        return STALE_EVERY;
    }
    // An issuer that publishes every ten minutes is looked at every five; and none is left alone beyond its nextUpdate.
    let interval = validity.this_update.map_or(CRL_EVERY, |this_update| next_update.since(this_update));
    CRL_EVERY.min(interval / 2).min(next_update.since(now))
}

fn ocsp_wait(validity: Validity, now: UnixTime) -> Duration {
    let fresh_for = validity.fresh_until.map_or(Duration::ZERO, |until| until.since(now));
    let Some(next_update) = validity.next_update else { return OCSP_EVERY.max(fresh_for) };
    if next_update <= now {
        return STALE_EVERY;
    }
    let left = next_update.since(now);
    let half = validity.this_update.map_or(left / 2, |this_update| this_update.plus(next_update.since(this_update) / 2).since(now));
    // Past its half already: responders that sign ahead hand such answers out. Half of what is left, each time.
    let wait = if half.is_zero() { left / 2 } else { half };
    // While HTTP calls it fresh the responder would say the same again; but one that says so beyond nextUpdate is not waited for.
    wait.max(fresh_for.min(left / 4 * 3))
}

#[cfg(test)]
mod tests;
