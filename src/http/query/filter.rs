//! Which rows of a list are wanted. A filter that is not set wants all; those that are must all hold.

use super::crls::Origin;
use super::needle::Needle;
use crate::model::{
    CertRole, CertificateFacts, Finding, Item, Noun, Place, Reason, RevocationStatus, SourceHeader, SourceKind, SourceStatus, TargetState,
    UnixTime,
};

/// The filters of all lists; each list has its own part of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What a row, or the place that it is in, is called.
    pub text: Option<Needle>,
    /// Name of the source.
    pub source: Option<Box<str>>,
    /// Kind of the source.
    pub kind: Option<SourceKind>,
    /// Namespace of the Kubernetes object that a place is in.
    pub namespace: Option<Box<str>>,
    /// How the latest look at the place, or the latest scan of the source, ended.
    pub outcome: Option<Outcome>,
    /// Why the latest look failed.
    pub reason: Option<Reason>,
    /// Whether the place holds a leaf that nobody owns.
    pub unowned: Option<bool>,
    /// Who owns the place.
    pub owner: Option<Box<str>>,
    /// SHA-256 of the certificate.
    pub fingerprint: Option<[u8; 32]>,
    /// What the certificate is.
    pub role: Option<CertRole>,
    /// The certificate ends before this moment.
    pub expires_before: Option<UnixTime>,
    /// The certificate ends at this moment or later.
    pub expires_after: Option<UnixTime>,
    /// What is known of the certificate's revocation.
    pub revocation: Option<RevocationStatus>,
    /// What is found, and not waived.
    pub finding: Option<Finding>,
    /// What a finding is on.
    pub noun: Option<Noun>,
    /// Whether a finding is waived.
    pub waived: Option<bool>,
    /// Where a CRL comes from.
    pub origin: Option<Origin>,
    /// In how many places the certificate is at least.
    pub min_places: u64,
    /// Something is wrong with it, and not waived: the look failed, a part cannot be read, something is found, it is revoked. What the roots of a
    /// trust store are like is not for its user to mend.
    pub troubled: bool,
    /// A part of the place cannot be read.
    pub unreadable: bool,
    /// Without trust stores, and without copies in requests: nobody waits for the ends of their certificates.
    pub dated: bool,
}

/// How a look or a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Ok,
    /// It failed; of a source: it could not be listed.
    Failing,
    /// The first one has not ended; sources only.
    Pending,
}

impl Filter {
    /// Whether anything of this source may be wanted.
    pub fn takes_source(&self, source: &SourceHeader) -> bool {
        self.source.as_deref().is_none_or(|name| *source.id.name == *name) && self.kind.is_none_or(|kind| source.id.kind == kind)
    }

    /// Whether the source's state is the one that is wanted.
    pub fn takes_status(&self, status: &SourceStatus) -> bool {
        let is = match status.up {
            Some(true) => Outcome::Ok,
            Some(false) => Outcome::Failing,
            None => Outcome::Pending,
        };
        self.outcome.is_none_or(|wanted| wanted == is)
    }

    /// Whether anything of this target may be wanted, by where it is and how it does.
    pub fn takes_place(&self, source: &SourceHeader, target: &TargetState) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| namespace(&target.place) == Some(wanted))
            && self.outcome.is_none_or(|wanted| wanted == if target.failure.is_some() { Outcome::Failing } else { Outcome::Ok })
            && self.reason.is_none_or(|wanted| target.failure.as_ref().is_some_and(|failure| failure.reason == wanted))
            && self.unowned.is_none_or(|wanted| target.is_unowned(&source.options) == wanted)
            && self.owner.as_deref().is_none_or(|wanted| target.owner(&source.options).is_some_and(|(_, owner)| owner == wanted))
            && (!self.unreadable || !target.problems.is_empty())
            && (!self.dated || !(source.options.trust_store || source.id.kind == SourceKind::KubeCsr))
            && (!self.troubled || is_broken(target) || !source.options.trust_store)
    }

    /// Whether the certificate itself is wanted, wherever it is.
    pub fn takes_facts(&self, facts: &CertificateFacts) -> bool {
        self.role.is_none_or(|role| facts.role == role)
            && self.expires_before.is_none_or(|before| facts.not_after < before)
            && self.expires_after.is_none_or(|after| facts.not_after >= after)
            && self.fingerprint.is_none_or(|fingerprint| facts.fingerprint == fingerprint)
    }

    /// Whether the certificate at this index of a target is wanted; of the finding, whether it is on this certificate.
    pub fn takes_certificate(&self, target: &TargetState, index: usize, facts: &CertificateFacts) -> bool {
        self.takes_facts(facts)
            && self.takes_verdict(target, index)
            && self.finding.is_none_or(|wanted| target.report.certificate(index).contains(wanted))
            && (!self.troubled || is_troubled(target, index))
    }

    /// Whether the verdict on the certificate at this index is the one that is wanted.
    pub(super) fn takes_verdict(&self, target: &TargetState, index: usize) -> bool {
        self.revocation.is_none_or(|wanted| target.report.verdict(index).is_some_and(|verdict| verdict.status == wanted))
    }

    /// Whether a target is wanted because of what is in it: a certificate for which all that is asked about certificates holds; a finding may
    /// also be on the place or a CRL, where nothing else is asked about certificates.
    pub fn takes_content(&self, target: &TargetState) -> bool {
        let is_beside = || {
            self.finding.is_none_or(|wanted| is_beside_certificates(target, wanted))
                && (!self.troubled || is_troubled_beside_certificates(target))
        };
        if !self.is_about_certificates() && is_beside() {
            return true;
        }
        target.content.certificates.iter().enumerate().any(|(index, facts)| self.takes_certificate(target, index, facts))
    }

    /// Whether the text that is looked for stands in what a target is called, or in what it holds.
    pub fn names_target(&self, target: &TargetState) -> bool {
        self.text.as_ref().is_none_or(|needle| {
            needle.is_in_place(&target.place)
                || target.content.certificates.iter().any(|facts| needle.is_in_certificate(facts))
                || target.content.crls.iter().any(|facts| needle.is_in_crl(facts))
        })
    }

    /// Whether the text that is looked for stands in what a certificate, or the place that it is in, is called.
    pub fn names_certificate(&self, target: &TargetState, facts: &CertificateFacts) -> bool {
        self.text.as_ref().is_none_or(|needle| needle.is_in_certificate(facts) || needle.is_in_place(&target.place))
    }

    /// Whether anything is asked that only certificates have.
    pub(super) fn is_about_certificates(&self) -> bool {
        self.fingerprint.is_some()
            || self.role.is_some()
            || self.expires_before.is_some()
            || self.expires_after.is_some()
            || self.revocation.is_some()
    }
}

/// Whether a target itself, or one of its CRLs, has this finding.
fn is_beside_certificates(target: &TargetState, finding: Finding) -> bool {
    target.report.target.contains(finding) || target.report.crls.iter().any(|found| found.contains(finding))
}

/// Whether the look failed, or could not read everything.
fn is_broken(target: &TargetState) -> bool {
    target.failure.is_some() || !target.problems.is_empty()
}

/// Whether something is wrong with a target besides its certificates.
fn is_troubled_beside_certificates(target: &TargetState) -> bool {
    is_broken(target) || !target.report.target.is_empty() || target.report.crls.iter().any(|found| !found.is_empty())
}

/// Whether something is wrong with a certificate of a target.
fn is_troubled(target: &TargetState, index: usize) -> bool {
    let is_revoked = || target.report.verdict(index).is_some_and(|verdict| verdict.status == RevocationStatus::Revoked);
    !target.report.certificate(index).is_empty() || is_revoked()
}

/// The namespace of the Kubernetes object that a place is in.
pub fn namespace(place: &Place) -> Option<&str> {
    match place {
        Place::Secret { namespace, .. } | Place::ConfigMap { namespace, .. } | Place::Certificate { namespace, .. } => Some(namespace),
        Place::File { .. } | Place::Embedded { .. } | Place::Endpoint { .. } | Place::CaBundle { .. } | Place::Request { .. } => None,
    }
}

/// The item of a certificate or CRL of a target, by its index.
pub fn item(index: usize, of: fn(u32) -> Item) -> Item {
    of(u32::try_from(index).unwrap_or(u32::MAX))
}
