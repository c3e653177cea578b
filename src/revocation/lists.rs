//! The state of one list: where it comes from, the newest copy whose signature holds, and what is wrong with it.
//!
//! May touch: `model`, `pki`. Pure: what was fetched or read comes in, and `now` is an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{Kind, Schedule, Validity};
use crate::model::{Authority, CrlFacts, Finding, FindingSet, RevocationReason, UnixTime};
use crate::pki::crl::{Checked, Scanned, authorities_check};

/// A list that has fewer entries than this part of what it had has lost many.
const SHRUNK_TO: f64 = 0.5;
/// Lists of fewer entries change too much to say anything.
const SHRUNK_FROM: u64 = 20;

/// All lists at URLs.
pub(super) type ByUrl = HashMap<Arc<str>, List>;

/// A list at a URL, or in a file.
#[derive(Debug)]
pub(super) struct List {
    /// The newest copy whose signature holds, or that nobody could check yet.
    pub(super) held: Option<Held>,
    /// Why the last look brought nothing usable.
    pub(super) failure: Option<(RevocationReason, Box<str>)>,
    /// What is wrong with it, besides what time and scope say.
    pub(super) findings: FindingSet,
    /// When it was last fetched or confirmed.
    pub(super) checked_at: Option<UnixTime>,
    /// When to look again.
    pub(super) schedule: Schedule,
    /// Whether a look is under way.
    pub(super) in_flight: bool,
    /// Whether a first look has ended.
    pub(super) tried: bool,
    /// Whether the cache has been asked for it.
    pub(super) recalled: bool,
    /// The kept copy is damaged: it must come whole.
    pub(super) forget_validators: bool,
}

/// A copy.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) facts: Arc<CrlFacts>,
    /// DER Name of its issuer.
    pub(super) issuer: Arc<[u8]>,
    /// With whose signature it is; `None` while nobody is known who may have signed it.
    pub(super) checked: Option<Checked>,
    /// What its signature covers, for signers that become known later.
    unsigned: Option<Box<Scanned>>,
    /// All certificates watched until this epoch were looked for in it.
    pub(super) epoch: u64,
}

/// What became of a copy that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is the newest now.
    Kept,
    /// Its signature does not hold.
    Refused,
    /// It is older than the one held.
    Older,
}

impl List {
    /// One that was never looked at.
    pub(super) fn new(seed: &[u8], refresh: Duration) -> Self {
        Self {
            held: None,
            failure: None,
            findings: FindingSet::EMPTY,
            checked_at: None,
            schedule: Schedule::new(Kind::Crl, seed, UnixTime::from_secs(0)).every(refresh),
            in_flight: false,
            tried: false,
            recalled: false,
            forget_validators: false,
        }
    }

    /// Takes a copy that was fetched, read or recalled. `signers` are those who may sign for the certificates that look for it.
    pub(super) fn take(&mut self, scanned: Scanned, from: &Arc<str>, epoch: u64, signers: &[Arc<Authority>]) -> Taken {
        let outcome = authorities_check(&scanned, signers);
        if let Err(reason @ (RevocationReason::SignatureInvalid | RevocationReason::WrongIssuer)) = outcome {
            self.findings.insert_if(reason == RevocationReason::SignatureInvalid, Finding::SignatureInvalid);
            self.failure = Some((reason, refusal(reason)));
            return Taken::Refused;
        }
        if let Some(known) = self.held.as_ref().filter(|known| known.checked.is_some()) {
            if outcome.is_err() {
                // Nobody vouches for the new one; somebody did for the one held.
                self.failure = outcome.err().map(|reason| (reason, refusal(reason)));
                return Taken::Refused;
            }
            let by = outcome.as_ref().ok().and_then(|signer| signers.get(signer.index));
            let same_signer = known.checked.as_ref().map(|checked| &checked.signer) == by;
            if is_older(&scanned.facts, &known.facts, same_signer) {
                self.findings.insert(Finding::Regressed);
                return Taken::Older;
            }
        }
        let mut findings = FindingSet::EMPTY;
        if let Some(known) = &self.held {
            let is_same = known.facts.fingerprint == scanned.facts.fingerprint;
            findings.insert_if(is_same && self.findings.contains(Finding::Shrunk), Finding::Shrunk);
            findings.insert_if(!is_same && has_shrunk(&known.facts, &scanned.facts), Finding::Shrunk);
        }
        self.findings = findings;
        let mut held = Held {
            facts: Arc::new(scanned.facts.clone()),
            issuer: scanned.list.issuer.clone(),
            checked: None,
            unsigned: Some(Box::new(scanned)),
            epoch,
        };
        self.failure = held.check(outcome, signers, from).map(|reason| (reason, refusal(reason)));
        self.say_how_it_is_signed(&held);
        self.held = Some(held);
        Taken::Kept
    }

    /// Takes a copy whose thisUpdate is still to come: it does not replace one that is believed, or the right ones that follow would seem older.
    pub(super) fn take_early(&mut self, scanned: Scanned, from: &Arc<str>, epoch: u64, signers: &[Arc<Authority>]) -> Taken {
        if self.usable().is_none() || authorities_check(&scanned, signers).is_err() {
            return self.take(scanned, from, epoch, signers);
        }
        self.failure = Some((RevocationReason::NotYetValid, refusal(RevocationReason::NotYetValid)));
        Taken::Refused
    }

    /// Looks for the signer again, now that more authorities are known. Whether that changed anything.
    pub(super) fn look_for_signer(&mut self, from: &Arc<str>, signers: &[Arc<Authority>]) -> bool {
        let Some(mut held) = self.held.take_if(|held| held.checked.is_none()) else { return false };
        let Some(outcome) = held.unsigned.as_deref().map(|scanned| authorities_check(scanned, signers)) else { return false };
        if outcome == Err(RevocationReason::SignatureInvalid) {
            // Nobody has believed it yet.
            self.findings.insert(Finding::SignatureInvalid);
            self.failure = Some((RevocationReason::SignatureInvalid, refusal(RevocationReason::SignatureInvalid)));
            return true;
        }
        let failure = held.check(outcome, signers, from);
        let changed = held.checked.is_some();
        self.failure = failure.map(|reason| (reason, refusal(reason)));
        self.say_how_it_is_signed(&held);
        self.held = Some(held);
        changed
    }

    /// Whether a refusal differs from what was known before.
    pub(super) fn is_refused_anew(&self, before: &(Option<RevocationReason>, FindingSet)) -> bool {
        (self.failure.as_ref().map(|(reason, _)| *reason), self.findings) != *before
    }

    /// A look ended without a copy.
    pub(super) fn failed(&mut self, reason: RevocationReason, detail: Box<str>) {
        let is_silent = matches!(
            reason,
            RevocationReason::Unreachable | RevocationReason::HttpError | RevocationReason::Malformed | RevocationReason::TooLarge
        );
        self.findings.insert_if(is_silent, Finding::Unreachable);
        self.failure = Some((reason, detail));
    }

    /// The copy in hand was confirmed.
    pub(super) fn confirmed(&mut self) {
        if let Some(held) = &self.held {
            self.failure = held.checked.is_none().then(|| (RevocationReason::IssuerUnknown, refusal(RevocationReason::IssuerUnknown)));
            let kept = [Finding::Shrunk, Finding::WeakSignature, Finding::SignatureUnchecked];
            self.findings = self.findings.iter().filter(|finding| kept.contains(finding)).collect();
        }
    }

    /// The copy whose signature holds.
    pub(super) fn usable(&self) -> Option<&Checked> {
        self.held.as_ref()?.checked.as_ref()
    }

    /// For how long what is held is good.
    pub(super) fn validity(&self, fresh_until: Option<UnixTime>) -> Validity {
        let facts = self.held.as_ref().map(|held| &held.facts);
        Validity { this_update: facts.map(|facts| facts.this_update), next_update: facts.and_then(|facts| facts.next_update), fresh_until }
    }

    fn say_how_it_is_signed(&mut self, held: &Held) {
        self.findings.insert_if(held.checked.as_ref().is_some_and(|checked| checked.weak), Finding::WeakSignature);
        let reason = self.failure.as_ref().map(|(reason, _)| *reason);
        self.findings.insert_if(reason == Some(RevocationReason::UnsupportedAlgorithm), Finding::SignatureUnchecked);
    }
}

impl Held {
    /// Keeps what the check says; what is not needed any more goes.
    fn check(
        &mut self,
        outcome: Result<crate::pki::crl::Signer, RevocationReason>,
        signers: &[Arc<Authority>],
        from: &Arc<str>,
    ) -> Option<RevocationReason> {
        match outcome {
            Ok(signer) => {
                let scanned = self.unsigned.take()?;
                let by = signers.get(signer.index)?.clone();
                self.checked = Some(Checked { list: Arc::new(scanned.list), signer: by, weak: signer.weak, from: from.clone() });
                None
            }
            Err(reason) => Some(reason),
        }
    }
}

fn refusal(reason: RevocationReason) -> Box<str> {
    match reason {
        RevocationReason::SignatureInvalid => "the signature is by none of the issuer's known keys",
        RevocationReason::WrongIssuer => "its issuer's certificate may not sign CRLs",
        RevocationReason::NotYetValid => "its thisUpdate lies in the future",
        RevocationReason::UnsupportedAlgorithm => "the signature's algorithm cannot be checked here",
        _ => "no certificate of its issuer is known that is to be believed here",
    }
    .into()
}

/// Number and thisUpdate never go back (RFC 5280 section 5.2.3: monotonically increasing, for a given CRL scope and CRL issuer). Another key
/// begins to number anew.
fn is_older(new: &CrlFacts, known: &CrlFacts, same_signer: bool) -> bool {
    if new.fingerprint == known.fingerprint {
        return false;
    }
    // Decimal numbers of one length compare as their texts do.
    let key = |text: &str| (text.len(), text.to_owned());
    let by_number = match (&new.number, &known.number) {
        (Some(new), Some(known)) => same_signer && key(new) < key(known),
        _ => false,
    };
    by_number || new.this_update < known.this_update
}

fn has_shrunk(known: &CrlFacts, new: &CrlFacts) -> bool {
    known.entries >= SHRUNK_FROM && (new.entries as f64) < known.entries as f64 * SHRUNK_TO && known.delta == new.delta
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd};

    use super::*;
    use crate::model::Limits;
    use crate::pki::certificate;
    use crate::pki::crl::{self, Nothing, Scanner};
    use crate::pki::fixtures::Issued;

    /// A list of this number and day of January 2026, with so many entries.
    fn list(by: &Issued, number: u64, day: u8, entries: u64) -> Scanned {
        let revoked = |serial: u64| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, day),
            next_update: date_time_ymd(2026, 2, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: (1..=entries).map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let der = params.signed_by(&Issuer::from_params(&by.params, &by.key)).unwrap().der().to_vec();
        let mut scanner = Scanner::new(&Nothing, crl::Limits::default());
        scanner.feed(&der).unwrap();
        scanner.finish().unwrap()
    }

    fn signer(issued: &Issued) -> Arc<Authority> {
        certificate::read(&issued.der, &Limits::default()).unwrap().facts.authority.unwrap()
    }

    fn number(list: &List) -> Option<String> {
        list.held.as_ref().and_then(|held| held.facts.number.as_deref().map(str::to_owned))
    }

    #[test]
    fn what_comes_replaces_what_is_held_only_when_it_is_signed_and_not_older() {
        let (ca, fake) = (Issued::root("CA"), Issued::root("CA"));
        let (url, signers) = (Arc::from("http://ca/crl"), [signer(&ca)]);
        for (behaviour, next, taken, held, finding) in [
            ("a newer one", list(&ca, 6, 3, 1), Taken::Kept, "6", None),
            ("the same once more", list(&ca, 5, 2, 1), Taken::Kept, "5", None),
            ("a lower number", list(&ca, 4, 3, 1), Taken::Older, "5", Some(Finding::Regressed)),
            ("an earlier thisUpdate", list(&ca, 6, 1, 1), Taken::Older, "5", Some(Finding::Regressed)),
            ("a number of fewer digits is lower", list(&ca, 1, 3, 1), Taken::Older, "5", Some(Finding::Regressed)),
            ("a number of more digits is higher", list(&ca, 10, 3, 1), Taken::Kept, "10", None),
            ("by a namesake", list(&fake, 6, 3, 1), Taken::Refused, "5", Some(Finding::SignatureInvalid)),
        ] {
            let mut state = List::new(b"", Duration::ZERO);
            assert_eq!(state.take(list(&ca, 5, 2, 1), &url, 1, &signers), Taken::Kept);
            assert_eq!(state.take(next, &url, 2, &signers), taken, "{behaviour}");
            assert_eq!(number(&state).as_deref(), Some(held), "{behaviour}");
            assert_eq!(state.findings.iter().next(), finding, "{behaviour}");
            assert!(state.usable().is_some(), "{behaviour}: the last good one stays");
        }
    }

    #[test]
    fn another_key_of_the_issuer_numbers_anew_but_does_not_go_back_in_time() {
        let (old, new) = (Issued::root("CA"), Issued::root("CA"));
        let (url, signers) = (Arc::from("http://ca/crl"), [signer(&old), signer(&new)]);
        let mut state = List::new(b"", Duration::ZERO);
        assert_eq!(state.take(list(&old, 200, 2, 1), &url, 1, &signers), Taken::Kept);
        assert_eq!(state.take(list(&new, 1, 3, 1), &url, 1, &signers), Taken::Kept);
        assert_eq!(state.take(list(&old, 201, 2, 1), &url, 1, &signers), Taken::Older);
    }

    #[test]
    fn nobody_is_believed_while_no_signer_is_known_and_the_right_one_is_afterwards() {
        let (ca, fake) = (Issued::root("CA"), Issued::root("CA"));
        let url = Arc::from("http://ca/crl");
        let mut state = List::new(b"", Duration::ZERO);
        assert_eq!(state.take(list(&ca, 1, 1, 1), &url, 1, &[]), Taken::Kept);
        assert!(state.usable().is_none());
        assert_eq!(state.failure.as_ref().map(|(reason, _)| *reason), Some(RevocationReason::IssuerUnknown));
        assert!(!state.look_for_signer(&url, &[]), "nothing new");
        assert!(state.look_for_signer(&url, &[signer(&fake), signer(&ca)]));
        assert_eq!(state.usable().map(|checked| checked.signer.clone()), Some(signer(&ca)));
        assert_eq!(state.failure, None);
    }

    #[test]
    fn an_unsigned_copy_does_not_replace_one_that_somebody_vouches_for() {
        let (ca, other) = (Issued::root("CA"), Issued::root("Other"));
        let (url, signers) = (Arc::from("http://ca/crl"), [signer(&ca)]);
        let mut state = List::new(b"", Duration::ZERO);
        state.take(list(&ca, 1, 1, 1), &url, 1, &signers);
        assert_eq!(state.take(list(&other, 9, 9, 1), &url, 2, &signers), Taken::Refused);
        assert_eq!(number(&state).as_deref(), Some("1"));
    }

    #[test]
    fn many_entries_lost_are_a_finding_until_the_next_list() {
        let ca = Issued::root("CA");
        let (url, signers) = (Arc::from("http://ca/crl"), [signer(&ca)]);
        let mut state = List::new(b"", Duration::ZERO);
        let short = list(&ca, 3, 3, 10);
        for (behaviour, next, shrunk) in [
            ("the first one", list(&ca, 1, 1, 40), false),
            ("some less", list(&ca, 2, 2, 30), false),
            ("less than half", short.clone(), true),
            ("the same once more", short, true),
            ("the next one", list(&ca, 4, 4, 10), false),
        ] {
            state.take(next, &url, 1, &signers);
            assert_eq!(state.findings.contains(Finding::Shrunk), shrunk, "{behaviour}");
        }
    }
}
