//! The state of one list: where it comes from, the newest copy whose signature holds, and what is wrong with it.
//!
//! May touch: `model`, `pki`. Pure: what was fetched or read comes in, and `now` is an argument.

use std::collections::HashMap;
use std::sync::Arc;

use super::schedule::Schedule;
use crate::model::{Authority, CrlFacts, Finding, FindingSet, RevocationReason, UnixTime};
use crate::pki::crl::{CrlList, Scanned};
use crate::pki::signature::Check;

/// Entries of certificates that have expired may leave a list; so many may go before that is a finding.
const SHRUNK_TO: f64 = 0.5;
/// Lists of fewer entries change too much to say anything.
const SHRUNK_FROM: u64 = 20;

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
}

/// A copy.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) list: Arc<CrlList>,
    pub(super) facts: Arc<CrlFacts>,
    /// What its signature covers, for signers that become known later.
    pub(super) signed: crate::model::Signed,
    /// Whose signature holds.
    pub(super) signer: Option<Arc<Authority>>,
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
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            held: None,
            failure: None,
            findings: FindingSet::EMPTY,
            checked_at: None,
            schedule,
            in_flight: false,
            tried: false,
        }
    }

    /// Takes a copy that was fetched, read or loaded. `signers` are those who may sign for the certificates that look for it.
    pub(super) fn take(&mut self, scanned: Scanned, signed: crate::model::Signed, epoch: u64, signers: &[Arc<Authority>]) -> Taken {
        let (signer, check) = match crate::pki::crl::signer(&scanned.list, &signed, signers) {
            Some((at, check)) => (signers.get(at).cloned(), Some(check)),
            None => (None, None),
        };
        match check {
            Some(Check::Fails) => {
                self.findings.insert(Finding::SignatureInvalid);
                self.failure = Some((RevocationReason::SignatureInvalid, "the signature is by none of the issuer's known keys".into()));
                return Taken::Refused;
            }
            Some(Check::Unsupported) => {
                self.failure = Some((RevocationReason::UnsupportedAlgorithm, (&*scanned.facts.signature_algorithm).into()));
            }
            Some(Check::Holds { .. }) => self.failure = None,
            None => self.failure = Some((RevocationReason::IssuerUnknown, "no certificate of its issuer is known".into())),
        }
        let mut findings = FindingSet::EMPTY;
        findings.insert_if(check == Some(Check::Unsupported), Finding::SignatureUnchecked);
        findings.insert_if(matches!(check, Some(Check::Holds { weak: true })), Finding::WeakSignature);
        if let Some(known) = self.held.as_ref().filter(|known| known.signer.is_some()) {
            if is_older(&scanned.facts, &known.facts) {
                self.findings.insert(Finding::Regressed);
                return Taken::Older;
            }
            let is_same = known.facts.fingerprint == scanned.facts.fingerprint;
            findings.insert_if(is_same && self.findings.contains(Finding::Shrunk), Finding::Shrunk);
            findings.insert_if(!is_same && has_shrunk(&known.facts, &scanned.facts), Finding::Shrunk);
        }
        self.findings = findings;
        let holds = matches!(check, Some(Check::Holds { .. }));
        self.held = Some(Held {
            list: Arc::new(scanned.list),
            facts: Arc::new(scanned.facts),
            signed,
            signer: signer.filter(|_| holds),
            epoch,
        });
        Taken::Kept
    }

    /// Looks for the signer again, now that more authorities are known. Whether that changed anything.
    pub(super) fn look_for_signer(&mut self, signers: &[Arc<Authority>]) -> bool {
        let Some(held) = self.held.as_mut().filter(|held| held.signer.is_none()) else { return false };
        match crate::pki::crl::signer(&held.list, &held.signed, signers) {
            Some((at, Check::Holds { weak })) => {
                held.signer = signers.get(at).cloned();
                self.failure = None;
                self.findings = FindingSet::EMPTY;
                self.findings.insert_if(weak, Finding::WeakSignature);
                true
            }
            Some((_, Check::Fails)) => {
                // Nobody has believed it yet.
                self.held = None;
                self.findings.insert(Finding::SignatureInvalid);
                self.failure = Some((RevocationReason::SignatureInvalid, "the signature is by none of the issuer's known keys".into()));
                true
            }
            _ => false,
        }
    }

    /// A look ended without a copy.
    pub(super) fn failed(&mut self, reason: RevocationReason, detail: Box<str>) {
        self.failure = Some((reason, detail));
        self.findings.insert_if(
            matches!(reason, RevocationReason::Unreachable | RevocationReason::HttpError | RevocationReason::Malformed | RevocationReason::TooLarge),
            Finding::Unreachable,
        );
    }

    /// The copy whose signature holds.
    pub(super) fn usable(&self) -> Option<(&Held, &Arc<Authority>)> {
        let held = self.held.as_ref()?;
        Some((held, held.signer.as_ref()?))
    }
}

/// Number and thisUpdate never go back (RFC 5280 section 5.2.3: monotonically increasing).
fn is_older(new: &CrlFacts, known: &CrlFacts) -> bool {
    let number = |facts: &CrlFacts| facts.number.clone();
    if new.fingerprint == known.fingerprint {
        return false;
    }
    let by_number = match (number(new), number(known)) {
        (Some(new), Some(known)) => {
            let key = |text: &str| (text.starts_with('-'), text.len(), text.to_owned());
            key(&new) < key(&known)
        }
        _ => false,
    };
    by_number || new.this_update < known.this_update
}

fn has_shrunk(known: &CrlFacts, new: &CrlFacts) -> bool {
    known.entries >= SHRUNK_FROM && (new.entries as f64) < known.entries as f64 * SHRUNK_TO && known.delta == new.delta
}

/// All lists at URLs.
pub(super) type ByUrl = HashMap<Arc<str>, List>;
