//! Delegates: certificates that an issuer gave to a responder so that it may sign in its stead (RFC 6960 section 4.2.2.2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::certificate::{self, fingerprint};
use super::super::signature::{self, Check};
use crate::model::{Authority, Limits, Lookup, RevocationReason, UnixTime};

/// A cache of more begins anew.
const KNOWN: usize = 1024;

/// id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1)
const NO_CHECK: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x05";

/// A responder's certificate, as far as others may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Start of validity.
    pub not_before: UnixTime,
    /// End of validity, inclusive. An expired one is a classic outage.
    pub not_after: UnixTime,
    /// Its issuer says that its revocation need not be looked up. Without that it is to be looked up by `lookup`, or reported.
    pub nocheck: bool,
    /// What its own revocation is looked up by.
    pub lookup: Option<Box<Lookup>>,
}

/// What is known of delegates: each one's own signature is checked once. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DelegateCache {
    // Held while a delegate is looked up, not while it answers: answers are checked side by side.
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// By the delegate's fingerprint and the SHA-256 of its issuer's key.
    known: HashMap<([u8; 32], [u8; 32]), Arc<Known>>,
    checks: u64,
}

/// A delegate with what does not change over time.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) delegate: Arc<Delegate>,
    /// DER Name.
    pub(super) subject: Box<[u8]>,
    /// DER Name.
    pub(super) issuer: Arc<[u8]>,
    /// DER SubjectPublicKeyInfo.
    pub(super) key: Box<[u8]>,
    /// Why it may not answer for the issuer; else whether its signature is weak.
    pub(super) authorized: Result<Weak, RevocationReason>,
}

/// Whether a signature that holds is a weak one.
pub(super) type Weak = bool;

impl DelegateCache {
    /// How many signatures of delegates were checked so far.
    pub fn checks(&self) -> u64 {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).checks
    }

    /// The delegate of this DER if `is_signer` of its subject (DER Name) and key (SubjectPublicKeyInfo). `None` when it is not, or cannot be
    /// read.
    pub(super) fn look(&mut self, der: &[u8], authority: &Authority, is_signer: impl Fn(&[u8], &[u8]) -> bool) -> Option<Arc<Known>> {
        let id = (fingerprint(der), fingerprint(&authority.key));
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.known.get(&id) {
            return is_signer(&known.subject, &known.key).then(|| known.clone());
        }
        let read = certificate::read(der, &Limits::default()).ok()?;
        if !is_signer(read.parsed.subject.as_raw(), read.parsed.subject_pki.raw) {
            return None;
        }
        shared.checks += 1;
        let known = Arc::new(judge(read, authority));
        if shared.known.len() >= KNOWN {
            shared.known.clear();
        }
        shared.known.insert(id, known.clone());
        Some(known)
    }
}

fn judge(read: certificate::Certificate<'_>, authority: &Authority) -> Known {
    let authorized = authorize(&read, authority);
    let extensions = read.parsed.extensions();
    Known {
        subject: read.parsed.subject.as_raw().into(),
        issuer: read.parsed.issuer.as_raw().into(),
        key: read.parsed.subject_pki.raw.into(),
        authorized,
        delegate: Arc::new(Delegate {
            fingerprint: read.facts.fingerprint,
            not_before: read.facts.not_before,
            not_after: read.facts.not_after,
            nocheck: extensions.iter().any(|extension| extension.oid.as_bytes() == NO_CHECK),
            lookup: read.facts.lookup,
        }),
    }
}

fn authorize(read: &certificate::Certificate<'_>, authority: &Authority) -> Result<Weak, RevocationReason> {
    let facts = &read.facts;
    // Explicit: anyExtendedKeyUsage, or no extended key usage at all, is not enough.
    let is_responder = facts.extended_key_usage.as_ref().is_some_and(|usages| usages.iter().any(|usage| &**usage == "OCSPSigning"));
    let may_sign = facts.key_usage.is_none_or(|usage| usage & 1 != 0);
    let is_understood = read.parsed.extensions().iter().all(|extension| !extension.critical || is_known(extension.oid.as_bytes()));
    if !is_responder || !may_sign || !is_understood {
        return Err(RevocationReason::ResponderUnauthorized);
    }
    let signed = facts.lookup.as_ref().and_then(|lookup| lookup.signed.as_ref()).ok_or(RevocationReason::UnsupportedAlgorithm)?;
    match signature::check(signed, &authority.key) {
        Check::Holds { weak } => Ok(weak),
        // Of another CA, or of one below this one.
        Check::Fails => Err(RevocationReason::ResponderUnauthorized),
        Check::Unsupported => Err(RevocationReason::UnsupportedAlgorithm),
    }
}

/// Extensions that may be critical in a responder's certificate (RFC 5280 section 4.2).
fn is_known(id: &[u8]) -> bool {
    // Identifiers of keys, usages, names, constraints, policies, distribution points.
    matches!(id, [0x55, 0x1d, 0x0e | 0x0f | 0x11..=0x13 | 0x1e..=0x21 | 0x23..=0x25 | 0x2e | 0x36] | NO_CHECK)
}
