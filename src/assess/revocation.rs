//! Verdicts on revocation: what all answers about a certificate come to, by the source's choice of methods and the time.
//!
//! Pure, and of answers whose signatures hold. The rules, first match wins:
//!
//! 1. Revoked by any answer at hand, wanted or not: a stale one stays revoked and says `stale`. Of several a lasting revocation before a hold,
//!    a fresh answer before a stale one. Only a stale hold gives way to a good answer that is newer: it was released.
//! 2. Good by the most preferred method that has a fresh answer. A stale good is never good.
//! 3. Revoked before, and nobody says otherwise: it stays.
//! 4. noRevAvail (RFC 9608), or short-lived and without a place to ask: not applicable.
//! 5. Good before, and that answer still holds: failures to fetch another one take nothing away.
//! 6. Not all wanted methods have been tried: as before, else pending.
//! 7. Unknown, with the reason of the method that came furthest.

use super::due::Due;
use crate::model::options::ChainScope;
use crate::model::{
    Answer, Answers, CertRole, CertificateFacts, Content, EndpointFacts, Finding, FindingSet, Lookup, Method, Report, RevocationMethod,
    RevocationReason, RevocationStatus, RevocationView, RevokedFor, Says, SourceOptions, UnixTime, Verdict,
};

/// Certificates that live no longer need no revocation (CA/Browser Forum Baseline Requirements section 1.6.1, from 2026-03-15).
const SHORT_LIVED: i64 = 7 * 86_400;
/// So long may methods differ: lists and answers that were made before the revocation run out first (Baseline Requirements section 4.9.5).
const MAY_DIFFER: i64 = 86_400;

/// What a method has come to.
type Outcome = Result<Answer, RevocationReason>;

/// The verdicts on a place's certificates, and what follows for findings.
#[derive(Default)]
pub(super) struct Judged {
    /// Per certificate; empty when nothing is looked up for any.
    pub(super) verdicts: Box<[Verdict]>,
    /// Per certificate, as long as `verdicts`.
    pub(super) disagreements: Vec<bool>,
}

/// Judges all certificates of a place.
pub(super) fn judge(
    content: &Content,
    endpoint: Option<&EndpointFacts>,
    view: &dyn RevocationView,
    options: &SourceOptions,
    previous: Option<&Report>,
    due: &mut Due,
) -> Judged {
    let is_looked_up = |facts: &CertificateFacts| facts.lookup.is_some() && is_shown(options, facts);
    if !is_wanted(options) || !content.certificates.iter().any(is_looked_up) {
        return Judged::default();
    }
    let of_each = content.certificates.iter().enumerate().map(|(index, facts)| {
        let Some(lookup) = facts.lookup.as_deref() else {
            return (without(RevocationStatus::NotApplicable, RevocationReason::SelfSigned), false);
        };
        if !is_shown(options, facts) {
            return (without(RevocationStatus::Unknown, RevocationReason::NotWanted), false);
        }
        let staple = endpoint.filter(|_| index == 0).and_then(|facts| facts.staple.as_deref());
        let answers = view.answers(&facts.fingerprint);
        let previous = previous.and_then(|report| report.verdict(index));
        let case = Case { facts, lookup, answers, staple, options, previous, now: due.now() };
        (case.verdict(due), case.disagrees(due))
    });
    let (verdicts, disagreements): (Vec<_>, Vec<_>) = of_each.unzip();
    Judged { verdicts: verdicts.into(), disagreements }
}

/// Whether the source wants to know of revocation at all.
pub(super) fn is_wanted(options: &SourceOptions) -> bool {
    !options.revocation.is_empty() && !options.trust_store
}

fn is_shown(options: &SourceOptions, facts: &CertificateFacts) -> bool {
    options.chain == ChainScope::All || facts.role == CertRole::Leaf
}

/// What is wrong with what an endpoint staples: findings about the endpoint, and whether a demanded staple is missing.
pub(super) fn staple(content: &Content, endpoint: &EndpointFacts, due: &mut Due) -> (FindingSet, bool) {
    let mut findings = FindingSet::EMPTY;
    let mut is_valid = false;
    // Without the issuer or the algorithm nobody knows whether it is valid.
    let mut is_unclear = false;
    match endpoint.staple.as_deref() {
        None => {}
        Some(Ok(answer)) => {
            is_valid = due.holds_until(answer.until);
            findings.insert_if(!is_valid, Finding::StapleStale);
        }
        Some(Err(RevocationReason::Stale)) => findings.insert(Finding::StapleStale),
        Some(Err(RevocationReason::IssuerUnknown | RevocationReason::UnsupportedAlgorithm)) => is_unclear = true,
        Some(Err(_)) => findings.insert(Finding::StapleInvalid),
    }
    let is_demanded = content.certificates.first().and_then(|leaf| leaf.lookup.as_deref()).is_some_and(|lookup| lookup.must_staple);
    // A hello made by hand, or a handshake that broke off, says nothing about what the server would have stapled.
    let was_asked = endpoint.method == Method::Rustls && endpoint.version.is_some();
    (findings, is_demanded && was_asked && !is_valid && !is_unclear)
}

/// One certificate with all that is known of its revocation.
struct Case<'a> {
    facts: &'a CertificateFacts,
    lookup: &'a Lookup,
    answers: Option<&'a Answers>,
    /// By the endpoint.
    staple: Option<&'a Outcome>,
    options: &'a SourceOptions,
    previous: Option<&'a Verdict>,
    now: UnixTime,
}

impl<'a> Case<'a> {
    fn verdict(&self, due: &mut Due) -> Verdict {
        self.at_hand().for_each(|(_, outcome)| {
            outcome.iter().for_each(|answer| {
                due.holds_until(answer.until);
            });
        });
        let good = self.good();
        if let Some((method, answer, at, reason)) = self.revoked()
            && !self.is_released(answer, reason)
        {
            return Verdict {
                status: RevocationStatus::Revoked,
                reason: self.is_stale(answer).then_some(RevocationReason::Stale),
                method: Some(method),
                revoked: Some(Box::new((at, reason))),
                until: Some(answer.until),
            };
        }
        if let Some((method, answer)) = good.filter(|_| !self.lookup.no_rev_avail) {
            return Verdict { status: RevocationStatus::Good, method: Some(method), until: Some(answer.until), ..Verdict::default() };
        }
        let previous = self.previous.filter(|known| known.status != RevocationStatus::Pending);
        match previous.map(|known| (known, known.status)) {
            Some((known, RevocationStatus::Revoked)) if good.is_none() => {
                let is_stale = known.until.is_some_and(|until| !due.holds_until(until));
                return Verdict { reason: is_stale.then_some(RevocationReason::Stale), ..known.clone() };
            }
            _ if self.lookup.no_rev_avail => return without(RevocationStatus::NotApplicable, RevocationReason::NoRevAvail),
            _ if self.is_short_lived() => return without(RevocationStatus::NotApplicable, RevocationReason::ShortLived),
            Some((known, RevocationStatus::Good)) => {
                let is_wanted = known.method.is_some_and(|method| self.preference(method).is_some());
                if is_wanted && known.until.is_some_and(|until| due.holds_until(until)) {
                    return known.clone();
                }
            }
            _ => {}
        }
        if self.is_pending() {
            return match previous {
                Some(known) if known.status == RevocationStatus::Unknown => known.clone(),
                Some(known) if known.status == RevocationStatus::Good => {
                    Verdict { status: RevocationStatus::Unknown, reason: Some(RevocationReason::Stale), ..known.clone() }
                }
                _ => Verdict::default(),
            };
        }
        self.unknown()
    }

    /// Whether one method says good and another one revoked, for longer than they may. It counts from the revocation, or from
    /// the thisUpdate of the answer that tells of it when that is older: the rest moves on with every list and answer.
    fn disagrees(&self, due: &mut Due) -> bool {
        let Some((_, answer, at, reason)) = self.revoked() else { return false };
        let says_good = |outcome: &Outcome| outcome.as_ref().is_ok_and(|answer| answer.says == Says::Good && !self.is_stale(answer));
        if self.is_released(answer, reason) || !self.at_hand().any(|(_, outcome)| says_good(outcome)) {
            return false;
        }
        let since = at.min(answer.this_update);
        !due.holds_until(UnixTime::from_secs(since.secs().saturating_add(MAY_DIFFER)))
    }

    /// Every outcome that there is, of methods that are not wanted too.
    fn at_hand(&self) -> impl Iterator<Item = (RevocationMethod, &'a Outcome)> {
        let by_service = |get: fn(&Answers) -> &Option<Outcome>| self.answers.and_then(|answers| get(answers).as_ref());
        [
            (RevocationMethod::Staple, self.staple),
            (RevocationMethod::Staple, by_service(|answers| &answers.staple)),
            (RevocationMethod::Ocsp, by_service(|answers| &answers.ocsp)),
            (RevocationMethod::Crl, by_service(|answers| &answers.crl)),
        ]
        .into_iter()
        .filter_map(|(method, outcome)| Some((method, outcome?)))
    }

    /// Of the answers that say revoked the one that counts.
    fn revoked(&self) -> Option<(RevocationMethod, &'a Answer, UnixTime, RevokedFor)> {
        let revoking = self.at_hand().filter_map(|(method, outcome)| {
            let answer = outcome.as_ref().ok()?;
            match answer.says {
                Says::Revoked { at, reason } => Some((method, answer, at, reason)),
                Says::Good => None,
            }
        });
        revoking.min_by_key(|(method, answer, _, reason)| {
            (*reason == RevokedFor::CertificateHold, self.is_stale(answer), self.preference(*method).unwrap_or(usize::MAX))
        })
    }

    /// The most preferred fresh answer that says good.
    fn good(&self) -> Option<(RevocationMethod, &'a Answer)> {
        let good = self.at_hand().filter_map(|(method, outcome)| {
            let answer = outcome.as_ref().ok().filter(|answer| answer.says == Says::Good && !self.is_stale(answer))?;
            Some((self.preference(method)?, method, answer))
        });
        good.min_by_key(|(preference, ..)| *preference).map(|(_, method, answer)| (method, answer))
    }

    /// A hold that is told of by a stale answer only, where a newer one says good.
    fn is_released(&self, hold: &Answer, reason: RevokedFor) -> bool {
        let is_newer = |(_, good): (RevocationMethod, &Answer)| good.this_update > hold.this_update;
        reason == RevokedFor::CertificateHold && self.is_stale(hold) && self.good().is_some_and(is_newer)
    }

    fn is_stale(&self, answer: &Answer) -> bool {
        self.now > answer.until
    }

    fn preference(&self, method: RevocationMethod) -> Option<usize> {
        self.options.revocation.iter().position(|wanted| *wanted == method)
    }

    fn is_short_lived(&self) -> bool {
        let lifetime = self.facts.not_after.secs().saturating_sub(self.facts.not_before.secs());
        lifetime <= SHORT_LIVED && !self.has_places()
    }

    fn has_places(&self) -> bool {
        self.is_asked_about() || self.lookup.pointers.unsupported
    }

    /// Whether the service looks the certificate up for what stands in it.
    fn is_asked_about(&self) -> bool {
        !self.lookup.pointers.crls.is_empty() || !self.lookup.pointers.responders.is_empty()
    }

    /// Whether a wanted method has not been tried yet. A staple is there or not: nobody waits for one. Of a certificate that points nowhere
    /// the service knows only once it has a list or responder of its issuer.
    fn is_pending(&self) -> bool {
        if self.answers.is_none() && !self.is_asked_about() {
            return false;
        }
        let is_open = |method: &RevocationMethod| match method {
            RevocationMethod::Staple => false,
            RevocationMethod::Ocsp => self.answers.is_none_or(|answers| answers.ocsp.is_none()),
            RevocationMethod::Crl => self.answers.is_none_or(|answers| answers.crl.is_none()),
        };
        // The service does not know certificates that point nowhere, unless a list or responder is configured for their issuer.
        (self.answers.is_some() || self.has_places()) && self.options.revocation.iter().any(is_open)
    }

    fn unknown(&self) -> Verdict {
        let why = self.at_hand().filter_map(|(method, outcome)| {
            let (reason, until) = match outcome {
                Ok(answer) => (RevocationReason::Stale, Some(answer.until)),
                Err(reason) => (*reason, None),
            };
            Some((distance(reason), self.preference(method)?, method, reason, until))
        });
        match why.min_by_key(|(distance, preference, ..)| (*distance, *preference)) {
            Some((_, _, method, reason, until)) => {
                Verdict { status: RevocationStatus::Unknown, reason: Some(reason), method: Some(method), revoked: None, until }
            }
            None if self.is_asked_about() => without(RevocationStatus::Unknown, RevocationReason::NotWanted),
            None if self.lookup.pointers.unsupported => without(RevocationStatus::Unknown, RevocationReason::UnsupportedScheme),
            None => without(RevocationStatus::Unknown, RevocationReason::NoSource),
        }
    }
}

/// How far from an answer a method ended: a place that answers wrongly tells more than a method without any place.
const fn distance(reason: RevocationReason) -> u8 {
    match reason {
        RevocationReason::NotWanted => 3,
        RevocationReason::NoSource => 2,
        RevocationReason::UnsupportedScheme => 1,
        _ => 0,
    }
}

fn without(status: RevocationStatus, reason: RevocationReason) -> Verdict {
    Verdict { status, reason: Some(reason), ..Verdict::default() }
}

#[cfg(test)]
mod tests;
