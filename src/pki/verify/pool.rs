//! The certificates at hand, and who of them issued what.
//!
//! May touch: `model`. An issuer is told by its name and by the signature, never by the key identifier alone while the signature can be checked.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustls_pki_types::TrustAnchor;

use crate::model::{Authority, CertificateFacts, Limits, Lookup};
use crate::pki::extensions::Extensions;
use crate::pki::signature::{self, Check};
use crate::pki::{authority, certificate, name};

/// Certificates that are looked at; a chain of more is none.
pub const MEMBERS: usize = 1_000;
/// Signatures of certificates that are checked for one verdict.
pub const CHECKS: usize = 2_000;
/// CAs above one another.
const DEPTH: usize = 16;

/// keyCertSign and cRLSign (RFC 5280 section 4.2.1.3).
const CERT_SIGN: u16 = 1 << 5;
const CRL_SIGN: u16 = 1 << 6;

/// One certificate.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub der: Vec<u8>,
    pub facts: CertificateFacts,
    /// What signatures by it are checked with, CA or not.
    pub authority: Arc<Authority>,
}

impl Member {
    pub(super) fn read(der: Vec<u8>) -> Result<Self, String> {
        let limits = Limits::default();
        let read = certificate::read(&der, &limits).map_err(|error| error.to_string())?;
        let authority = match &read.facts.authority {
            Some(authority) => Arc::clone(authority),
            None => {
                let extensions = Extensions::read(&read.parsed, 0);
                Arc::new(authority::of_certificate(&read.parsed, extensions.revocation.subject_key(), extensions.key_usage))
            }
        };
        Ok(Self { facts: read.facts, authority, der })
    }

    pub(super) fn is_ca(&self) -> bool {
        self.facts.authority.is_some()
    }

    /// RFC 5280 section 6.1.4 (n).
    pub(super) fn may_sign_certificates(&self) -> bool {
        self.facts.key_usage.is_none_or(|usage| usage & CERT_SIGN != 0)
    }

    /// A CA as its key usage allows; anybody else only with cRLSign in black and white.
    pub(super) fn may_sign_lists(&self) -> bool {
        self.facts.key_usage.map_or(self.is_ca(), |usage| usage & CRL_SIGN != 0)
    }
}

/// A trusted name and key.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub trusted: TrustAnchor<'static>,
    pub authority: Arc<Authority>,
}

impl Anchor {
    pub(super) fn new(trusted: TrustAnchor<'static>) -> Self {
        let authority = Arc::new(authority::of_anchor(&trusted));
        Self { trusted, authority }
    }
}

/// All of them, the target aside.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub members: Vec<Member>,
    pub anchors: Vec<Anchor>,
    seen: HashSet<[u8; 32]>,
    /// Whether the key made the signature.
    checked: RefCell<HashMap<Pair, bool>>,
}

impl Pool {
    pub(super) fn add(&mut self, member: Member) {
        if self.members.len() < MEMBERS && self.seen.insert(member.facts.fingerprint) {
            self.members.push(member);
        }
    }

    /// An anchor's certificate says who may sign lists, too: without it nobody would know its key usage.
    pub(super) fn trust(&mut self, mut anchor: Anchor, member: Member) {
        anchor.authority = Arc::clone(&member.authority);
        if self.anchors.len() < MEMBERS {
            self.anchors.push(anchor);
        }
    }

    pub(super) fn is_anchor(&self, authority: &Authority) -> bool {
        self.anchors.iter().any(|anchor| is_same(&anchor.authority, authority))
    }

    /// Everybody who may have signed a list.
    pub(super) fn list_signers(&self) -> Vec<Arc<Authority>> {
        let anchors = self.anchors.iter().map(|anchor| Arc::clone(&anchor.authority));
        // Who may not sign is there all the same: that it did is worth knowing.
        let signers = self.members.iter().filter(|member| member.is_ca() || member.may_sign_lists());
        anchors.chain(signers.map(|member| Arc::clone(&member.authority))).collect()
    }

    /// The anchors and CAs that signed the certificate; anchors first.
    pub(super) fn issuers(&self, lookup: &Lookup) -> Vec<Arc<Authority>> {
        let mut issuers: Vec<Arc<Authority>> = Vec::new();
        let anchors = self.anchors.iter().map(|anchor| &anchor.authority);
        let members = self.members.iter().filter(|member| member.is_ca() && member.may_sign_certificates()).map(|member| &member.authority);
        for authority in anchors.chain(members) {
            if !issuers.iter().any(|known| is_same(known, authority)) && self.issued(authority, lookup) {
                issuers.push(Arc::clone(authority));
            }
        }
        issuers
    }

    /// The issuers of an authority's certificates: there are several of a CA that others cross-certified.
    pub(super) fn parents(&self, authority: &Authority) -> Vec<Arc<Authority>> {
        let own = self.members.iter().filter(|member| is_same(&member.authority, authority));
        let mut parents: Vec<Arc<Authority>> = Vec::new();
        for lookup in own.filter_map(|member| member.facts.lookup.as_ref()) {
            for parent in self.issuers(lookup) {
                if !parents.iter().any(|known| is_same(known, &parent)) {
                    parents.push(parent);
                }
            }
        }
        parents
    }

    /// Where the way up ends: at anchors, where there are any, else at CAs that nobody at hand stands above.
    pub(super) fn tops(&self, from: Vec<Arc<Authority>>) -> Vec<Arc<Authority>> {
        let (mut tops, mut seen) = (Vec::new(), Vec::<Arc<Authority>>::new());
        let mut level = from;
        for _ in 0..DEPTH {
            let mut above = Vec::new();
            for authority in level {
                if seen.iter().any(|known| is_same(known, &authority)) {
                    continue;
                }
                let parents = if self.is_anchor(&authority) { Vec::new() } else { self.parents(&authority) };
                if self.is_anchor(&authority) || (self.anchors.is_empty() && parents.is_empty()) {
                    tops.push(Arc::clone(&authority));
                }
                above.extend(parents);
                seen.push(authority);
            }
            level = above;
        }
        tops
    }

    fn issued(&self, authority: &Authority, lookup: &Lookup) -> bool {
        if !name::same(&authority.subject, &lookup.issuer) {
            return false;
        }
        let Some(signed) = &lookup.signed else { return authority::issued(authority, lookup) };
        let pair = (Arc::clone(&authority.key), Box::from([signed.message(), signed.signature()].concat()));
        if let Some(outcome) = self.checked.borrow().get(&pair) {
            return *outcome;
        }
        if self.checked.borrow().len() >= CHECKS {
            return false;
        }
        let outcome = match signature::check(signed, &authority.key) {
            Check::Holds { .. } => true,
            Check::Fails => false,
            // What cannot be checked is at least not believed of a namesake.
            Check::Unsupported => authority::issued(authority, lookup),
        };
        self.checked.borrow_mut().insert(pair, outcome);
        outcome
    }
}

/// A key (SubjectPublicKeyInfo), and a message with its signature.
type Pair = (Arc<[u8]>, Box<[u8]>);

/// The same name and key.
pub(super) fn is_same(a: &Authority, b: &Authority) -> bool {
    a.key == b.key && name::same(&a.subject, &b.subject)
}
