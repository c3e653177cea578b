//! What came of jobs, and whom it concerns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::asks::Question;
use super::super::cache::CrlCopy;
use super::super::lists::{List, Taken};
use super::super::schedule::{Kind, Schedule};
use super::Core;
use crate::model::{Authority, Limits, RevocationReason, Says, UnixTime};
use crate::net::FetchFailure;
use crate::pki::certificate;
use crate::pki::crl::{self, Scanned};
use crate::pki::name;
use crate::pki::ocsp::{Answered, Signer};

type Why = (RevocationReason, Box<str>);

impl Core {
    /// A list was fetched. Whether it is to be kept.
    pub(in super::super) fn fetched(
        &mut self,
        url: &Arc<str>,
        scanned: Scanned,
        epoch: u64,
        fresh_until: Option<UnixTime>,
        now: UnixTime,
    ) -> Taken {
        let mut signers = self.signers_at(url, &scanned.list.issuer);
        if let Some(held) = self.lists.get(url).and_then(List::usable).map(|checked| checked.signer.clone()) {
            // A namesake with a watched certificate that points here, too, does not oust the list of those whom most belong to.
            let served = self.served_by(url, &held);
            signers.retain(|signer| *signer == held || self.served_by(url, signer) >= served);
        }
        let Some(list) = self.lists.get_mut(url) else { return Taken::Refused };
        (list.in_flight, list.tried, list.forget_validators) = (false, true, false);
        let before = (list.failure.as_ref().map(|(reason, _)| *reason), list.findings);
        let is_early = !self.policy.has_begun(scanned.facts.this_update, now);
        let taken = if is_early { list.take_early(scanned, url, epoch, &signers) } else { list.take(scanned, url, epoch, &signers) };
        if taken == Taken::Kept {
            list.checked_at = Some(now);
            let validity = list.validity(fresh_until);
            list.schedule.succeeded(validity, now);
        } else {
            let reason = list.failure.as_ref().map_or(RevocationReason::Stale, |(reason, _)| *reason);
            list.schedule.failed(reason, None, now);
        }
        if taken != Taken::Kept && list.is_refused_anew(&before) {
            let why = list.failure.as_ref().map_or("it is older than the one held", |(_, detail)| &**detail);
            tracing::warn!(%url, "a CRL came and is not used, what was known stays: {why}");
        }
        self.list_changed(url);
        taken
    }

    /// A list's server says that nothing has changed.
    pub(in super::super) fn confirmed(&mut self, url: &Arc<str>, fresh_until: Option<UnixTime>, now: UnixTime) {
        let Some(list) = self.lists.get_mut(url) else { return };
        (list.in_flight, list.tried, list.checked_at) = (false, true, Some(now));
        list.confirmed();
        let validity = list.validity(fresh_until);
        list.schedule.succeeded(validity, now);
        self.rows_dirty = true;
    }

    /// A list could not be fetched.
    pub(in super::super) fn not_fetched(&mut self, url: &Arc<str>, failure: FetchFailure, now: UnixTime) {
        let Some(list) = self.lists.get_mut(url) else { return };
        (list.in_flight, list.tried) = (false, true);
        list.schedule.failed(failure.reason, failure.retry_after, now);
        let is_new = list.failure.as_ref().is_none_or(|(known, _)| *known != failure.reason);
        if is_new {
            tracing::warn!(%url, reason = %failure.reason, "CRL not fetched: {}", failure.detail);
        }
        list.failed(failure.reason, failure.detail);
        self.list_changed(url);
    }

    /// The kept copy of a list was looked through; `copy` says how old it is.
    pub(in super::super) fn rescanned(&mut self, url: &Arc<str>, outcome: Result<Scanned, Why>, epoch: u64, copy: Option<&CrlCopy>) {
        let issuer = outcome.as_ref().map(|scanned| scanned.list.issuer.clone()).unwrap_or_default();
        let signers = self.signers_at(url, &issuer);
        let Some(list) = self.lists.get_mut(url) else { return };
        let is_first = !std::mem::replace(&mut list.recalled, true);
        list.in_flight = false;
        match outcome {
            Ok(scanned) => {
                let (failure, findings) = (list.failure.clone(), list.findings);
                let taken = list.take(scanned, url, epoch, &signers);
                if is_first && taken == Taken::Kept {
                    list.tried = true;
                    if let Some(copy) = copy {
                        list.checked_at = Some(copy.fetched_at);
                        let validity = list.validity(copy.fresh_until);
                        list.schedule = Schedule::restored(Kind::Crl, url.as_bytes(), copy.fetched_at, validity, self.settings.refresh);
                    }
                } else if taken == Taken::Kept {
                    // The same copy says nothing new about the place it is from.
                    (list.failure, list.findings) = (failure, findings);
                } else if let Some(held) = &mut list.held {
                    // The disk is not trusted; what was believed before stays, and is fetched anew.
                    held.epoch = epoch;
                    list.schedule.look_now(UnixTime::from_secs(0));
                }
            }
            Err(_) if is_first => (),
            Err((reason, detail)) => {
                tracing::warn!(%url, %reason, "the kept CRL cannot be looked through again, it is fetched anew: {detail}");
                if let Some(held) = &mut list.held {
                    held.epoch = epoch;
                }
                list.schedule.look_now(UnixTime::from_secs(0));
                list.forget_validators = true;
            }
        }
        self.list_changed(url);
    }

    /// A source's list was read.
    pub(in super::super) fn file_read(&mut self, fingerprint: &[u8; 32], from: &Arc<str>, outcome: Result<Scanned, Why>, epoch: u64) {
        let signers = outcome.as_ref().map(|scanned| self.signers_named(&scanned.list.issuer)).unwrap_or_default();
        let Some(list) = self.files.get_mut(fingerprint) else { return };
        (list.in_flight, list.tried) = (false, true);
        match outcome {
            Ok(scanned) => drop(list.take(scanned, from, epoch, &signers)),
            Err((reason, detail)) => {
                if let Some(held) = &mut list.held {
                    held.epoch = epoch;
                }
                list.failure = Some((reason, detail));
            }
        }
        self.file_changed(fingerprint);
    }

    /// A responder was asked.
    pub(in super::super) fn asked(
        &mut self,
        question: &Question,
        outcome: Result<Answered, FetchFailure>,
        fresh_until: Option<UnixTime>,
        now: UnixTime,
    ) {
        match outcome {
            // RFC 6960 section 4.2.2.2.1: without nocheck the delegate's own revocation counts, as far as lists at hand tell.
            Ok(answered) if self.has_revoked_delegate(question, &answered, now) => {
                let (reason, detail) = (RevocationReason::ResponderUnauthorized, "the responder's own certificate is revoked");
                self.asks.failed(&question.fingerprint, reason, None, now);
                self.responders.failed(&question.url, reason, detail.into());
            }
            Ok(answered) => {
                self.responders.answered(&question.url, &answered);
                self.asks.answered(&question.fingerprint, &answered, fresh_until, now);
            }
            Err(failure) => {
                self.asks.failed(&question.fingerprint, failure.reason, failure.retry_after, now);
                self.responders.failed(&question.url, failure.reason, failure.detail);
            }
        }
        self.changed.insert(question.fingerprint);
        self.rows_dirty = true;
    }

    fn has_revoked_delegate(&self, question: &Question, answered: &Answered, now: UnixTime) -> bool {
        let Signer::Delegate(delegate) = &answered.signer else { return false };
        let Some(lookup) = delegate.lookup.as_deref().filter(|_| !delegate.nocheck) else { return false };
        let lists = self.lists_for(&lookup.pointers, &question.issuer);
        crl::answer(lookup, &lists, now, &self.policy).is_ok_and(|answer| matches!(answer.says, Says::Revoked { .. }))
    }

    /// The cache has an answer that is still good.
    pub(in super::super) fn recalled(
        &mut self,
        question: &Question,
        answered: &Answered,
        fetched_at: UnixTime,
        fresh_until: Option<UnixTime>,
    ) {
        self.responders.answered(&question.url, answered);
        self.asks.recalled(&question.fingerprint, answered, fetched_at, fresh_until);
        self.changed.insert(question.fingerprint);
    }

    /// The cache was asked about these certificates.
    pub(in super::super) fn looked_up(&mut self, asked: &[[u8; 32]]) {
        self.recalls = self.recalls.saturating_sub(1);
        asked.iter().for_each(|fingerprint| self.asks.not_recalled(fingerprint));
    }

    /// Issuers' certificates were fetched.
    pub(in super::super) fn issuers_came(&mut self, url: &str, certificates: &[Vec<u8>], now: UnixTime) {
        let revision = self.authorities.revision;
        let mut found = false;
        for der in certificates.iter().take(MOST_ISSUERS) {
            let Ok(read) = certificate::read(der, &Limits::default()) else { continue };
            let Some(authority) = &read.facts.authority else { continue };
            found = true;
            self.authorities.fetched(authority, read.facts.lookup.as_deref());
            // Theirs may be needed to tell whether a signer is to be believed.
            if let Some(lookup) = &read.facts.lookup
                && self.authorities.issuer_of(lookup).is_none()
            {
                self.downloads.want_above(url, lookup.pointers.issuers.iter().map(|url| Arc::from(&**url)));
            }
        }
        self.downloads.ended(url, (!found).then_some((RevocationReason::Malformed, None)), now);
        if self.authorities.revision != revision {
            self.authorities_came();
        }
    }

    /// An issuer's certificate could not be fetched.
    pub(in super::super) fn issuer_failed(&mut self, url: &str, failure: &FetchFailure, now: UnixTime) {
        self.downloads.ended(url, Some((failure.reason, failure.retry_after)), now);
    }

    /// More authorities are known: signatures that nobody could check may be checked now.
    pub(super) fn authorities_came(&mut self) {
        self.look_for_signers();
        for group in 0..self.watched.groups.len() as u32 {
            if !self.is_proved(group) {
                self.dirty.insert(group);
            }
        }
        self.responses_dirty = true;
    }

    /// Looks again for the signers of lists that nobody could check.
    pub(super) fn look_for_signers(&mut self) {
        let unsigned = |list: &List| list.held.as_ref().filter(|held| held.checked.is_none()).map(|held| held.issuer.clone());
        let urls: Vec<_> = self.lists.iter().filter_map(|(url, list)| Some((url.clone(), unsigned(list)?))).collect();
        for (url, issuer) in urls {
            let signers = self.signers_at(&url, &issuer);
            if self.lists.get_mut(&url).is_some_and(|list| list.look_for_signer(&url, &signers)) {
                self.list_changed(&url);
            }
        }
        let files: Vec<_> = self.files.iter().filter_map(|(at, list)| Some((*at, unsigned(list)?))).collect();
        for (fingerprint, issuer) in files {
            let signers = self.signers_named(&issuer);
            let from =
                self.watched.lists.get(&fingerprint).map(|found| Arc::from(found.what.to_string_lossy())).unwrap_or_else(|| Arc::from(""));
            if self.files.get_mut(&fingerprint).is_some_and(|list| list.look_for_signer(&from, &signers)) {
                self.file_changed(&fingerprint);
            }
        }
    }

    /// A list changed: whoever looks for it is judged anew, and where it says that its deltas are is looked, too.
    fn list_changed(&mut self, url: &Arc<str>) {
        let users: HashSet<u32> = self.users.get(url).cloned().unwrap_or_default();
        let checked = self.lists.get(url).and_then(List::usable);
        let deltas: Vec<Arc<str>> = checked
            .map(|checked| {
                checked.list.freshest.iter().flat_map(|point| &point.urls).map(|url| Arc::from(&**url)).take(MOST_DELTAS).collect()
            })
            .unwrap_or_default();
        for delta in deltas {
            users.iter().for_each(|group| self.look_for(delta.clone(), *group));
        }
        self.dirty.extend(users);
        if self.is_configured(url) {
            let issuer = self.lists.get(url).and_then(|list| list.held.as_ref()).map(|held| held.issuer.clone());
            self.issuer_changed(issuer.as_deref());
        }
        self.rows_dirty = true;
    }

    fn file_changed(&mut self, fingerprint: &[u8; 32]) {
        let issuer = self.files.get(fingerprint).and_then(|list| list.held.as_ref()).map(|held| held.issuer.clone());
        self.issuer_changed(issuer.as_deref());
        self.rows_dirty = true;
    }

    /// Something of an issuer changed: its certificates are judged anew.
    fn issuer_changed(&mut self, issuer: Option<&[u8]>) {
        let Some(issuer) = issuer else { return };
        for (at, group) in (0..).zip(&self.watched.groups) {
            let names_it =
                group.pointers.crls.iter().any(|point| point.crl_issuer.as_deref().is_some_and(|named| name::same(named, issuer)));
            if !group.members.is_empty() && (names_it || name::same(&group.issuer, issuer)) {
                self.dirty.insert(at);
            }
        }
    }

    /// Who may sign a list of this issuer at this URL, for at least one of the certificates that look for it.
    fn signers_at(&mut self, url: &str, issuer: &[u8]) -> Vec<Arc<Authority>> {
        if self.is_configured(url) {
            return self.signers_named(issuer);
        }
        let groups: Vec<u32> = self.users.get(url).into_iter().flatten().copied().collect();
        self.signers_for(groups, issuer)
    }

    /// Who may sign a list of this issuer that the operator has put there: for a watched certificate, or because the operator trusts it.
    fn signers_named(&mut self, issuer: &[u8]) -> Vec<Arc<Authority>> {
        let groups = (0..).zip(&self.watched.groups).filter(|(_, group)| !group.members.is_empty()).map(|(at, _)| at).collect();
        let mut signers = self.signers_for(groups, issuer);
        for trusted in self.authorities.trusted(issuer) {
            if !signers.contains(&trusted) {
                signers.push(trusted);
            }
        }
        signers
    }

    /// How many certificates that look for a list at this URL it may sign one for.
    fn served_by(&self, url: &str, signer: &Arc<Authority>) -> usize {
        let groups = self.users.get(url).into_iter().flatten();
        let members = groups.flat_map(|group| self.watched.members(*group)).map(|(_, member)| member.fingerprint);
        let mut by_issuer: HashMap<&Arc<Authority>, usize> = HashMap::new();
        for issuer in members.filter_map(|fingerprint| self.proved.get(&fingerprint)?.issuer.as_ref()) {
            *by_issuer.entry(issuer).or_default() += 1;
        }
        let served = by_issuer.into_iter().filter(|(issuer, _)| self.authorities.signers(issuer, &signer.subject).contains(signer));
        served.map(|(_, members)| members).sum()
    }

    fn signers_for(&mut self, groups: Vec<u32>, name: &[u8]) -> Vec<Arc<Authority>> {
        let issuers: HashSet<Arc<Authority>> = groups.into_iter().flat_map(|group| self.issuers_of(group)).collect();
        let mut signers: Vec<Arc<Authority>> = Vec::new();
        for issuer in issuers {
            for signer in self.authorities.signers(&issuer, name) {
                if !signers.contains(&signer) {
                    signers.push(signer);
                }
            }
        }
        signers
    }
}

/// Certificates looked at in what caIssuers leads to.
const MOST_ISSUERS: usize = 16;
/// Places of deltas that one list may name.
const MOST_DELTAS: usize = 4;
