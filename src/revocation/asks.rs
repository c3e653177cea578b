//! What responders are asked, and what they have answered: one question for each certificate, and the state of each responder.
//!
//! May touch: `model`, `pki`. Pure: answers come in, `now` is an argument.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::schedule::Schedule;
use crate::model::{Answer, Authority, Finding, FindingSet, RevocationReason, UnixTime};
use crate::pki::ocsp::{Answered, DelegateCache, Signer};

/// A responder's certificate that ends sooner is a finding.
const EXPIRING: i64 = 7 * 86_400;
/// So many failures in a row make a responder unreachable.
const FAILURES: u32 = 2;

/// A question about one certificate.
#[derive(Debug)]
pub(super) struct Ask {
    /// Where to ask, in order.
    pub(super) urls: Vec<Arc<str>>,
    pub(super) issuer: Option<Arc<Authority>>,
    /// The newest answer that was usable when it came.
    pub(super) held: Option<Answer>,
    /// Why the last attempt brought none.
    pub(super) failure: Option<RevocationReason>,
    /// Which of the URLs is asked next.
    pub(super) turn: usize,
    pub(super) schedule: Schedule,
    pub(super) wanted: bool,
    pub(super) in_flight: bool,
    pub(super) tried: bool,
}

impl Ask {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            urls: Vec::new(),
            issuer: None,
            held: None,
            failure: None,
            turn: 0,
            schedule,
            wanted: true,
            in_flight: false,
            tried: false,
        }
    }

    /// Takes over where and by whom it is answered.
    pub(super) fn follow(&mut self, urls: Vec<Arc<str>>, issuer: Option<Arc<Authority>>) {
        if self.urls != urls || self.issuer != issuer {
            (self.urls, self.issuer, self.turn) = (urls, issuer, 0);
        }
    }

    /// Whether it is to be asked at all.
    pub(super) fn is_open(&self) -> bool {
        self.wanted && !self.in_flight && self.issuer.is_some() && !self.urls.is_empty()
    }

    /// The responder whose turn it is.
    pub(super) fn url(&self) -> Option<&Arc<str>> {
        self.urls.get(self.turn % self.urls.len().max(1))
    }

    /// What is known; `None` before the first attempt has ended.
    pub(super) fn answer(&self) -> Option<Result<Answer, RevocationReason>> {
        match (&self.held, self.failure) {
            (Some(answer), _) => Some(Ok(answer.clone())),
            (None, Some(reason)) => Some(Err(reason)),
            (None, None) if self.wanted && self.issuer.is_none() => Some(Err(RevocationReason::IssuerUnknown)),
            (None, None) => None,
        }
    }
}

/// The certificates to be asked about now.
pub(super) fn due(asks: &HashMap<[u8; 32], Ask>, now: UnixTime, room: usize) -> Vec<[u8; 32]> {
    asks.iter().filter(|(_, ask)| ask.is_open() && ask.schedule.is_due(now)).map(|(fingerprint, _)| *fingerprint).take(room).collect()
}

/// The responders, by URL.
#[derive(Default)]
pub(super) struct Responders {
    pub(super) by_url: BTreeMap<Arc<str>, State>,
    /// Delegates whose own signature was checked.
    pub(super) delegates: DelegateCache,
}

/// How a responder does.
#[derive(Debug, Default)]
pub(super) struct State {
    failures: u32,
    pub(super) failure: Option<(RevocationReason, Box<str>)>,
    weak: bool,
    pub(super) delegate_not_after: Option<UnixTime>,
}

impl Responders {
    /// It answered, and the answer is usable.
    pub(super) fn answered(&mut self, url: &Arc<str>, answered: &Answered) {
        let state = self.by_url.entry(url.clone()).or_default();
        (state.failures, state.failure, state.weak) = (0, None, answered.weak);
        state.delegate_not_after = match &answered.signer {
            Signer::Delegate { not_after, .. } => Some(*not_after),
            Signer::Issuer => None,
        };
    }

    /// It did not, or not usably.
    pub(super) fn failed(&mut self, url: &Arc<str>, reason: RevocationReason, detail: Box<str>) {
        let state = self.by_url.entry(url.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        state.failure = Some((reason, detail));
    }
}

impl State {
    /// What is wrong with it. `is_stale`: an answer of it has passed its nextUpdate.
    pub(super) fn findings(&self, is_stale: bool, now: UnixTime) -> FindingSet {
        let mut findings = FindingSet::EMPTY;
        let reason = self.failure.as_ref().map(|(reason, _)| *reason);
        findings.insert_if(is_stale, Finding::Stale);
        findings.insert_if(self.weak, Finding::WeakSignature);
        findings.insert_if(self.delegate_not_after.is_some_and(|end| end.secs().saturating_sub(now.secs()) < EXPIRING), Finding::Expiring);
        findings.insert_if(reason == Some(RevocationReason::ResponderUnauthorized), Finding::Unauthorized);
        findings.insert_if(reason == Some(RevocationReason::SignatureInvalid), Finding::SignatureInvalid);
        findings.insert_if(reason == Some(RevocationReason::UnsupportedAlgorithm), Finding::SignatureUnchecked);
        let is_silent = matches!(
            reason,
            Some(
                RevocationReason::Unreachable
                    | RevocationReason::HttpError
                    | RevocationReason::Malformed
                    | RevocationReason::TooLarge
                    | RevocationReason::ResponderStatus
            )
        );
        findings.insert_if(is_silent && self.failures >= FAILURES, Finding::Unreachable);
        findings
    }
}
