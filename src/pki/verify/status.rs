//! What CRLs and OCSP responses say together about one certificate.
//!
//! May touch: `model`. Looked up for the target, for each CA of a path, and for whoever signs a list or a response in another's stead.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::pool::{Member, Pool, is_same};
use super::sources::{self, List, Response};
use super::{Because, Given, Question, Remark, SourceKind, SourceVerdict, Why};
use crate::model::{Answer, Authority, CertificateFacts, Lookup, Policy, RevocationReason, RevocationStatus, Says, UnixTime};
use crate::pki::crl::{self, Checked};
use crate::pki::name;
use crate::pki::ocsp::{self, Answered, DelegateCache, Signer};

/// Signers of lists that sign for signers of lists …
const DEPTH: usize = 4;
/// A certificate of so short a life needs no revocation (CA/Browser Forum, Baseline Requirements section 1.6.1).
const SHORT_LIVED: Duration = Duration::from_secs(7 * 86_400);

/// What is known of one certificate.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub status: RevocationStatus,
    pub because: Option<Because>,
    pub remarks: Vec<Remark>,
    /// Of every source, CRLs first, whether it counted.
    sources: Vec<Result<(), RevocationReason>>,
}

impl Status {
    pub(super) fn counted(&self, source: usize) -> bool {
        self.sources.get(source).is_some_and(Result::is_ok)
    }
}

/// Makes statuses.
pub(super) struct Judge<'a> {
    pub pool: &'a Pool,
    lists: Vec<List>,
    responses: Vec<Response>,
    now: UnixTime,
    policy: Policy,
    delegates: RefCell<DelegateCache>,
    /// By fingerprint; `None`: being looked up.
    known: RefCell<HashMap<[u8; 32], Option<Rc<Status>>>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(pool: &'a Pool, given: &Given, target: &Member, question: &Question) -> Self {
        let responses = sources::responses(given);
        Self {
            pool,
            lists: sources::lists(given, pool, target, &responses),
            responses,
            now: question.now,
            policy: question.policy,
            delegates: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// The status of a certificate.
    pub(super) fn certificate(&self, member: &Member) -> Rc<Status> {
        let CertificateFacts { fingerprint, lookup, not_before, not_after, .. } = &member.facts;
        match lookup.as_deref().filter(|_| !self.pool.is_anchor(&member.authority)) {
            Some(lookup) => self.status(*fingerprint, lookup, not_after.since(*not_before), 0).unwrap_or_else(|| self.silent()),
            None => Rc::new(Status {
                status: RevocationStatus::NotApplicable,
                because: Some(Because::Reason(RevocationReason::SelfSigned)),
                ..Status::clone(&self.silent())
            }),
        }
    }

    /// What became of every source, for the target or as `counted` says.
    pub(super) fn sources(&self, target: &Status, counted: impl Fn(usize) -> bool) -> Vec<SourceVerdict> {
        let usable = |index: usize| match target.sources.get(index) {
            _ if counted(index) => Ok(()),
            Some(Err(reason)) => Err(Why::from(*reason)),
            _ => Ok(()),
        };
        let lists = self.lists.iter().enumerate().map(|(index, list)| SourceVerdict {
            kind: if list.facts.as_ref().is_some_and(|facts| facts.delta) { SourceKind::DeltaCrl } else { SourceKind::Crl },
            from: Arc::clone(&list.from),
            usable: usable(index),
            this_update: list.facts.as_ref().map(|facts| facts.this_update),
            next_update: list.facts.as_ref().and_then(|facts| facts.next_update),
            number: list.facts.as_ref().and_then(|facts| facts.number.clone()),
        });
        let responses = self.responses.iter().enumerate().map(|(index, response)| SourceVerdict {
            kind: SourceKind::Ocsp,
            from: Arc::clone(&response.from),
            usable: usable(self.lists.len() + index),
            this_update: response.this_update,
            next_update: response.next_update,
            number: None,
        });
        lists.chain(responses).collect()
    }

    /// `None`: it is being looked up already, or nobody looks any deeper.
    fn status(&self, id: [u8; 32], lookup: &Lookup, lifetime: Duration, depth: usize) -> Option<Rc<Status>> {
        if let Some(known) = self.known.borrow().get(&id) {
            return known.clone();
        }
        if depth >= DEPTH {
            return None;
        }
        self.known.borrow_mut().insert(id, None);
        let status = Rc::new(self.look(lookup, lifetime, depth));
        self.known.borrow_mut().insert(id, Some(Rc::clone(&status)));
        Some(status)
    }

    fn look(&self, lookup: &Lookup, lifetime: Duration, depth: usize) -> Status {
        let issuers = self.pool.issuers(lookup);
        let (by_list, of_lists, mut weak) = self.by_lists(lookup, &issuers, depth);
        let (by_response, of_responses, weakly) = self.by_responses(lookup, &issuers, depth);
        weak |= weakly;
        let sources = [of_lists, of_responses].concat();
        let answers: Vec<&Answer> = [&by_list, &by_response].into_iter().filter_map(|answer| answer.as_ref().ok()).collect();
        let revoked = answers.iter().find_map(|answer| match answer.says {
            Says::Revoked { at, reason } => Some(Because::Revoked { at, reason }),
            Says::Good => None,
        });
        let mut remarks = Vec::new();
        if weak && !answers.is_empty() {
            remarks.push(Remark::WeakAnswerSignature);
        }
        if revoked.is_some() && answers.iter().any(|answer| answer.says == Says::Good) {
            remarks.push(Remark::RevocationDisagreement);
        }
        let is_silent = lookup.pointers.crls.is_empty() && lookup.pointers.responders.is_empty() && !lookup.pointers.unsupported;
        let (status, because) = if revoked.is_some() {
            (RevocationStatus::Revoked, revoked)
        } else if lookup.no_rev_avail {
            (RevocationStatus::NotApplicable, Some(Because::Reason(RevocationReason::NoRevAvail)))
        } else if !answers.is_empty() {
            (RevocationStatus::Good, None)
        } else if lifetime <= SHORT_LIVED && is_silent {
            (RevocationStatus::NotApplicable, Some(Because::Reason(RevocationReason::ShortLived)))
        } else {
            let reasons = [by_list.err(), by_response.err()].into_iter().flatten();
            let reason = reasons.max_by_key(|reason| closeness(*reason)).unwrap_or(RevocationReason::NoSource);
            let reason = if issuers.is_empty() { RevocationReason::IssuerUnknown } else { reason };
            (RevocationStatus::Unknown, Some(Because::Reason(reason)))
        };
        Status { status, because, remarks, sources }
    }

    /// Nobody says anything.
    fn silent(&self) -> Rc<Status> {
        Rc::new(Status {
            status: RevocationStatus::Unknown,
            because: Some(Because::Reason(RevocationReason::NoSource)),
            remarks: Vec::new(),
            sources: vec![Err(RevocationReason::NotForCertificate); self.lists.len() + self.responses.len()],
        })
    }

    fn by_lists(&self, lookup: &Lookup, issuers: &[Arc<Authority>], depth: usize) -> Told {
        let believed: Vec<Result<&Checked, RevocationReason>> =
            self.lists.iter().map(|list| self.believed(list, lookup, issuers, depth)).collect();
        let lists: Vec<&Checked> = believed.iter().filter_map(|list| list.as_ref().ok().copied()).collect();
        let outcomes: Vec<Result<(), RevocationReason>> =
            believed.iter().map(|list| crl::applies(lookup, (*list)?, &lists, self.now, &self.policy)).collect();
        let counted = || lists.iter().zip(outcomes.iter()).any(|(list, outcome)| outcome.is_ok() && list.weak);
        let weak = counted();
        let answer = if self.lists.is_empty() {
            Err(RevocationReason::NoSource)
        } else {
            crl::answer(lookup, &lists, self.now, &self.policy).map_err(|reason| {
                let others = outcomes.iter().filter_map(|outcome| outcome.err());
                others.chain([reason]).max_by_key(|reason| closeness(*reason)).unwrap_or(reason)
            })
        };
        (answer, outcomes, weak)
    }

    /// RFC 5280 section 6.3.3 (f): whether the list's signer is to be believed about the certificate. It is the certificate's issuer; or it has the issuer's
    /// name, and the issuer, or who certified the issuer, certified it; or it is somebody else, whom the distribution point names, under the same anchor.
    fn believed<'l>(
        &'l self,
        list: &'l List,
        lookup: &Lookup,
        issuers: &[Arc<Authority>],
        depth: usize,
    ) -> Result<&'l Checked, RevocationReason> {
        let checked = list.checked.as_ref().map_err(|reason| *reason)?;
        let signer = &*checked.signer;
        if issuers.iter().any(|issuer| is_same(issuer, signer)) {
            return Ok(checked);
        }
        let is_direct = name::same(&signer.subject, &lookup.issuer);
        let is_named =
            lookup.pointers.crls.iter().filter_map(|point| point.crl_issuer.as_ref()).any(|name| name::same(name, &signer.subject));
        if !is_direct && !is_named {
            return Err(RevocationReason::WrongIssuer);
        }
        let is_any_of = |mine: &[Arc<Authority>], theirs: &[Arc<Authority>]| mine.iter().any(|a| theirs.iter().any(|b| is_same(a, b)));
        let own: Vec<&Member> =
            self.pool.members.iter().filter(|member| is_same(&member.authority, signer) && member.may_sign_lists()).collect();
        let is_trusted = if is_direct {
            let mut above = issuers.to_vec();
            above.extend(issuers.iter().flat_map(|issuer| self.pool.parents(issuer)));
            is_any_of(&[Arc::clone(&checked.signer)], &above) || is_any_of(&self.pool.parents(signer), &above)
        } else {
            is_any_of(&self.pool.tops(vec![Arc::clone(&checked.signer)]), &self.pool.tops(issuers.to_vec()))
        };
        if !is_trusted {
            return Err(RevocationReason::WrongIssuer);
        }
        // A CA that is the issuer itself is the path's matter. Who signs in its stead must be valid, and not revoked.
        let is_in_order = |member: &&Member| {
            let CertificateFacts { fingerprint, lookup, not_before, not_after, .. } = &member.facts;
            let status = lookup.as_ref().and_then(|lookup| self.status(*fingerprint, lookup, not_after.since(*not_before), depth + 1));
            (*not_before..=*not_after).contains(&self.now) && status.is_none_or(|status| status.status != RevocationStatus::Revoked)
        };
        if self.pool.is_anchor(signer) || own.iter().any(is_in_order) { Ok(checked) } else { Err(RevocationReason::ResponderUnauthorized) }
    }

    fn by_responses(&self, lookup: &Lookup, issuers: &[Arc<Authority>], depth: usize) -> Told {
        let mut best: Result<Answer, RevocationReason> = Err(RevocationReason::NoSource);
        let (mut outcomes, mut weak) = (Vec::with_capacity(self.responses.len()), false);
        for response in &self.responses {
            let answered = self.answered(response, lookup, issuers, depth);
            weak |= answered.as_ref().is_ok_and(|answered| answered.weak);
            let answer = answered.and_then(|answered| answered.answer);
            outcomes.push(match &answer {
                Ok(answer) if answer.until < self.now => Err(RevocationReason::Stale),
                // It counts, and what it says is that it does not know.
                Ok(_) | Err(RevocationReason::UnknownToResponder) => Ok(()),
                Err(reason) => Err(*reason),
            });
            let weight = |answer: &Result<Answer, RevocationReason>| match answer {
                Ok(Answer { says: Says::Revoked { .. }, .. }) => (2, 0, None),
                // Of good ones the newest word.
                Ok(answer) => (1, 0, Some(answer.this_update)),
                Err(reason) => (0, closeness(*reason), None),
            };
            if weight(&answer) > weight(&best) {
                best = answer;
            }
        }
        (best, outcomes, weak)
    }

    fn answered(
        &self,
        response: &Response,
        lookup: &Lookup,
        issuers: &[Arc<Authority>],
        depth: usize,
    ) -> Result<Answered, RevocationReason> {
        if let Some(error) = response.error {
            return Err(error);
        }
        let read = ocsp::read(&response.der).map_err(|error| error.reason())?;
        let mut failure = RevocationReason::IssuerUnknown;
        for authority in issuers {
            let question = ocsp::Question { lookup, authority, nonce: None, from: &response.from };
            // The borrow ends here: looking up a delegate comes back to this place.
            let answered = ocsp::answer(&read, &question, self.now, &self.policy, &mut self.delegates.borrow_mut());
            match answered {
                Ok(answered) if self.is_delegate_revoked(&answered.signer, depth) => failure = RevocationReason::ResponderUnauthorized,
                Ok(answered) => return Ok(answered),
                Err(reason) if closeness(reason) > closeness(failure) => failure = reason,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// RFC 6960 section 4.2.2.2.1: without id-pkix-ocsp-nocheck the delegate's own revocation counts, as far as it is known.
    fn is_delegate_revoked(&self, signer: &Signer, depth: usize) -> bool {
        let Signer::Delegate(delegate) = signer else { return false };
        let lookup = delegate.lookup.as_deref().filter(|_| !delegate.nocheck);
        let lifetime = delegate.not_after.since(delegate.not_before);
        let status = lookup.and_then(|lookup| self.status(delegate.fingerprint, lookup, lifetime, depth + 1));
        status.is_some_and(|status| status.status == RevocationStatus::Revoked)
    }
}

/// An answer, what became of each source, and whether one that counted is signed weakly.
type Told = (Result<Answer, RevocationReason>, Vec<Result<(), RevocationReason>>, bool);

/// How near a source came to an answer that failed for this.
fn closeness(reason: RevocationReason) -> u8 {
    match reason {
        RevocationReason::UnknownToResponder => 13,
        RevocationReason::Stale => 12,
        RevocationReason::NotYetValid => 11,
        RevocationReason::ReasonsIncomplete => 10,
        RevocationReason::CriticalExtension => 9,
        RevocationReason::ScopeMismatch => 8,
        RevocationReason::ResponderUnauthorized => 7,
        RevocationReason::SignatureInvalid => 6,
        RevocationReason::UnsupportedAlgorithm => 5,
        RevocationReason::ResponderStatus => 4,
        RevocationReason::Malformed => 3,
        RevocationReason::NotForCertificate => 2,
        RevocationReason::WrongIssuer => 1,
        _ => 0,
    }
}
