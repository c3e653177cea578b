//! What responders are asked, and what they have answered: one question for each certificate, and the state of each responder.
//!
//! May touch: `model`, `pki`. Pure: answers come in, `now` is an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{Kind, Schedule, Validity};
use crate::model::revocation::Asked;
use crate::model::{Answer, Authority, Finding, FindingSet, Lookup, RevocationReason, UnixTime};
use crate::pki::ocsp::{Answered, Signer};

/// A responder's certificate that ends sooner is a finding.
const EXPIRING: i64 = 7 * 86_400;
/// The longest wait between two looks at a list does not concern questions.
const LISTS_ONLY: Duration = Duration::from_secs(1800);
/// So many failures in a row make a responder unreachable.
const FAILURES: u32 = 2;

/// A question, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// About which certificate.
    pub(super) fingerprint: [u8; 32],
    pub(super) lookup: Lookup,
    pub(super) issuer: Arc<Authority>,
    pub(super) url: Arc<str>,
}

/// What is known about one certificate.
#[derive(Debug)]
pub(super) struct Ask {
    /// Where to ask, in order.
    urls: Vec<Arc<str>>,
    pub(super) issuer: Option<Arc<Authority>>,
    /// The newest answer that was usable when it came.
    pub(super) held: Option<Answer>,
    /// Why the last attempt brought none.
    failure: Option<RevocationReason>,
    /// Which of the URLs is asked next.
    turn: usize,
    schedule: Schedule,
    pub(super) wanted: bool,
    in_flight: bool,
    tried: bool,
    /// Whether the cache is being asked, or was: that needs the issuer.
    sought: bool,
    recalled: bool,
}

impl Ask {
    fn new(fingerprint: &[u8; 32]) -> Self {
        Self {
            urls: Vec::new(),
            issuer: None,
            held: None,
            failure: None,
            turn: 0,
            schedule: Schedule::new(Kind::Ocsp, fingerprint, UnixTime::from_secs(0)),
            wanted: true,
            in_flight: false,
            tried: false,
            sought: false,
            recalled: false,
        }
    }

    fn is_open(&self) -> bool {
        self.wanted && !self.in_flight && self.recalled && self.issuer.is_some() && !self.urls.is_empty()
    }

    /// The responder whose turn it is.
    pub(super) fn url(&self) -> Option<&Arc<str>> {
        self.urls.get(self.turn % self.urls.len().max(1))
    }

    /// How the responder is asked; `None` where none is.
    pub(super) fn asked(&self, offline: bool) -> Option<Asked> {
        let url = self.url().filter(|_| self.wanted)?.clone();
        let next_at = (!offline && self.issuer.is_some()).then(|| self.schedule.next_at());
        Some(Asked { url, at: self.tried.then(|| self.schedule.set_at()), next_at, failure: self.failure })
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

/// All questions.
#[derive(Debug, Default)]
pub(super) struct Asks {
    by_fingerprint: HashMap<[u8; 32], Ask>,
    /// Those that are open, by when they are due.
    due: BTreeSet<(UnixTime, [u8; 32])>,
    /// Those for which the cache has not been asked.
    fresh: Vec<[u8; 32]>,
}

impl Asks {
    pub(super) fn get(&self, fingerprint: &[u8; 32]) -> Option<&Ask> {
        self.by_fingerprint.get(fingerprint)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Ask> {
        self.by_fingerprint.values()
    }

    /// This certificate is to be asked about, there, on behalf of this issuer.
    pub(super) fn want(&mut self, fingerprint: [u8; 32], urls: Vec<Arc<str>>, issuer: Option<Arc<Authority>>) {
        if issuer.is_some() && !self.by_fingerprint.get(&fingerprint).is_some_and(|ask| ask.sought) {
            self.fresh.push(fingerprint);
        }
        self.change(&fingerprint, true, |ask| {
            (ask.wanted, ask.sought) = (true, ask.sought || issuer.is_some());
            if ask.urls != urls || ask.issuer != issuer {
                (ask.urls, ask.issuer, ask.turn) = (urls, issuer, 0);
            }
        });
    }

    /// Nobody wants to know any more.
    pub(super) fn let_be(&mut self, fingerprint: &[u8; 32]) {
        self.change(fingerprint, false, |ask| ask.wanted = false);
    }

    /// The certificate is watched no more.
    pub(super) fn remove(&mut self, fingerprint: &[u8; 32]) {
        if let Some(ask) = self.by_fingerprint.remove(fingerprint) {
            self.due.remove(&(ask.schedule.next_at(), *fingerprint));
        }
    }

    /// What is to be looked for in the cache.
    pub(super) fn take_unsought(&mut self, room: usize) -> Vec<[u8; 32]> {
        let left = self.fresh.len().saturating_sub(room);
        self.fresh.split_off(left)
    }

    /// What is to be asked now; it counts as under way from here on.
    pub(super) fn start(&mut self, now: UnixTime, room: usize) -> Vec<[u8; 32]> {
        let due: Vec<[u8; 32]> = self.due.iter().take_while(|(at, _)| *at <= now).take(room).map(|(_, fingerprint)| *fingerprint).collect();
        for fingerprint in &due {
            self.change(fingerprint, false, |ask| ask.in_flight = true);
        }
        due
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Option<UnixTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether everything that can be asked was asked.
    pub(super) fn are_tried(&self) -> bool {
        self.fresh.is_empty() && self.by_fingerprint.values().all(|ask| ask.tried || !ask.wanted || ask.issuer.is_none())
    }

    /// The cache has no answer, or no other than was told.
    pub(super) fn not_recalled(&mut self, fingerprint: &[u8; 32]) {
        self.change(fingerprint, false, |ask| ask.recalled = true);
    }

    /// The cache has an answer that an earlier process got.
    pub(super) fn recalled(&mut self, fingerprint: &[u8; 32], answered: &Answered, fetched_at: UnixTime, fresh_until: Option<UnixTime>) {
        self.change(fingerprint, false, |ask| {
            ask.tried = answered.answer.is_ok();
            ask.schedule = Schedule::restored(Kind::Ocsp, fingerprint, fetched_at, validity(answered, fresh_until), LISTS_ONLY);
            ask.held = answered.answer.clone().ok();
        });
    }

    /// An answer came.
    pub(super) fn answered(&mut self, fingerprint: &[u8; 32], answered: &Answered, fresh_until: Option<UnixTime>, now: UnixTime) {
        self.change(fingerprint, false, |ask| {
            (ask.in_flight, ask.tried, ask.failure) = (false, true, None);
            match &answered.answer {
                // A cache on the way may hand out older ones than before.
                Ok(answer) if ask.held.as_ref().is_none_or(|held| held.this_update <= answer.this_update) => {
                    ask.held = Some(answer.clone())
                }
                Ok(_) => {}
                Err(reason) => {
                    ask.failure = Some(*reason);
                    if *reason == RevocationReason::UnknownToResponder {
                        ask.held = None;
                    }
                }
            }
            ask.schedule.succeeded(validity(answered, fresh_until), now);
        });
    }

    /// An attempt brought nothing usable; the last good answer stays.
    pub(super) fn failed(&mut self, fingerprint: &[u8; 32], reason: RevocationReason, retry_after: Option<Duration>, now: UnixTime) {
        self.change(fingerprint, false, |ask| {
            ask.in_flight = false;
            ask.turn += 1;
            // The URLs are alternatives: the next one's turn is now, and a pause comes when all have had theirs.
            if ask.turn % ask.urls.len().max(1) != 0 {
                return;
            }
            (ask.tried, ask.failure) = (true, Some(reason));
            ask.schedule.failed(reason, retry_after, now);
        });
    }

    /// Changes one and keeps its place among those that are due.
    fn change(&mut self, fingerprint: &[u8; 32], or_new: bool, change: impl FnOnce(&mut Ask)) {
        let ask = if or_new {
            self.by_fingerprint.entry(*fingerprint).or_insert_with(|| Ask::new(fingerprint))
        } else {
            match self.by_fingerprint.get_mut(fingerprint) {
                Some(ask) => ask,
                None => return,
            }
        };
        self.due.remove(&(ask.schedule.next_at(), *fingerprint));
        change(ask);
        if ask.is_open() {
            self.due.insert((ask.schedule.next_at(), *fingerprint));
        }
    }
}

fn validity(answered: &Answered, fresh_until: Option<UnixTime>) -> Validity {
    Validity { this_update: Some(answered.this_update), next_update: answered.next_update, fresh_until }
}

/// The responders, by URL.
#[derive(Debug, Default)]
pub(super) struct Responders(BTreeMap<Arc<str>, State>);

/// How a responder does.
#[derive(Debug, Default)]
pub(super) struct State {
    failures: u32,
    pub(super) failure: Option<(RevocationReason, Box<str>)>,
    weak: bool,
    pub(super) delegate_not_after: Option<UnixTime>,
}

impl Responders {
    pub(super) fn get(&self, url: &str) -> Option<&State> {
        self.0.get(url)
    }

    /// It answered, and its signer may.
    pub(super) fn answered(&mut self, url: &Arc<str>, answered: &Answered) {
        let state = self.0.entry(url.clone()).or_default();
        (state.failures, state.failure, state.weak) = (0, None, answered.weak);
        state.delegate_not_after = match &answered.signer {
            Signer::Delegate(delegate) => Some(delegate.not_after),
            Signer::Issuer => None,
        };
    }

    /// It did not, or not usably.
    pub(super) fn failed(&mut self, url: &Arc<str>, reason: RevocationReason, detail: Box<str>) {
        let state = self.0.entry(url.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        state.failure = Some((reason, detail));
    }
}

impl State {
    /// What is wrong with it. `is_stale`: an answer of it has passed its nextUpdate.
    pub(super) fn findings(&self, is_stale: bool, now: UnixTime) -> FindingSet {
        use RevocationReason as Why;
        let mut findings = FindingSet::EMPTY;
        let reason = self.failure.as_ref().map(|(reason, _)| *reason);
        findings.insert_if(is_stale, Finding::Stale);
        findings.insert_if(self.weak, Finding::WeakSignature);
        let ends_soon = |end: UnixTime| end.secs().saturating_sub(now.secs()) < EXPIRING;
        findings.insert_if(self.delegate_not_after.is_some_and(ends_soon), Finding::Expiring);
        findings.insert_if(reason == Some(Why::ResponderUnauthorized), Finding::Unauthorized);
        findings.insert_if(reason == Some(Why::SignatureInvalid), Finding::SignatureInvalid);
        findings.insert_if(reason == Some(Why::UnsupportedAlgorithm), Finding::SignatureUnchecked);
        let is_silent = matches!(reason, Some(Why::Unreachable | Why::HttpError | Why::Malformed | Why::TooLarge | Why::ResponderStatus));
        findings.insert_if(is_silent && self.failures >= FAILURES, Finding::Unreachable);
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: [u8; 32] = [7; 32];

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn asks() -> Asks {
        let issuer = Authority { subject: Arc::from([]), key: Arc::from([]), key_id: None, key_usage: None };
        let mut asks = Asks::default();
        asks.want(AT, vec!["http://a.example/".into(), "http://b.example/".into()], Some(Arc::new(issuer)));
        asks.not_recalled(&AT);
        asks
    }

    #[test]
    fn how_a_responder_is_asked_is_told() {
        let told = |asks: &Asks| asks.get(&AT).and_then(|ask| ask.asked(false)).unwrap();
        let mut asks = asks();
        assert_eq!(told(&asks), Asked { url: "http://a.example/".into(), at: None, next_at: Some(at(0)), failure: None }, "at once");
        assert_eq!(asks.get(&AT).and_then(|ask| ask.asked(true)).unwrap().next_at, None, "nothing is fetched");
        asks.failed(&AT, RevocationReason::Unreachable, None, at(100));
        assert_eq!((&*told(&asks).url, told(&asks).at), ("http://b.example/", None), "its alternative is next");
        asks.failed(&AT, RevocationReason::HttpError, None, at(110));
        let failed = told(&asks);
        assert_eq!((failed.at, failed.failure), (Some(at(110)), Some(RevocationReason::HttpError)));
        assert!(failed.next_at.is_some_and(|next| (at(150)..=at(170)).contains(&next)), "{failed:?}");
        asks.let_be(&AT);
        assert_eq!(asks.get(&AT).and_then(|ask| ask.asked(false)), None, "nobody wants to know");
    }
}
