//! `match = { … }` of policies and waivers: which certificates, CRLs and endpoints are meant.

use std::cell::OnceCell;

use super::pattern::Pattern;
use crate::model::facts::{CertificateFacts, CrlFacts, SubjectName};
use crate::model::options::Labels;
use crate::model::{CertRole, Place, SourceHeader, SourceId, SourceKind};

/// All of it must fit; of a list one entry. What is empty fits anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Names of `[sources.*]` tables.
    pub sources: Box<[Pattern]>,
    /// Kinds of sources; `kubernetes` is all that a cluster brings.
    pub kinds: Box<[SourceKind]>,
    /// The user's labels, each with this value.
    pub labels: Labels,
    /// Places as they are called in logs: a path, `secret namespace/name key`, `host:port`.
    pub places: Box<[Pattern]>,
    /// Leaf, intermediate, root.
    pub roles: Box<[CertRole]>,
    /// Any DNS name, URI or IP address of the certificate, or the common name of its subject; without regard to case.
    pub names: Box<[Pattern]>,
    /// Subjects in RFC 4514 form, without regard to case.
    pub subjects: Box<[Pattern]>,
    /// Issuers in RFC 4514 form, of a CRL too, without regard to case.
    pub issuers: Box<[Pattern]>,
}

/// Where something is. What it is called is put together once, and only when a selector asks.
pub struct Spot<'a> {
    source: &'a SourceHeader,
    own: Option<&'a Labels>,
    place: &'a Place,
    called: OnceCell<String>,
}

impl<'a> Spot<'a> {
    /// A place of a source, with its own labels.
    pub fn new(source: &'a SourceHeader, own: Option<&'a Labels>, place: &'a Place) -> Self {
        Self { source, own, place, called: OnceCell::new() }
    }
}

impl Selector {
    /// Whether the source may hold what is meant.
    pub fn fits_source(&self, id: &SourceId) -> bool {
        let of_cluster = |kind: SourceKind| kind == SourceKind::Kubernetes && id.kind.as_str().starts_with("kube-");
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| *kind == id.kind || of_cluster(*kind))) && any(&self.sources, &id.name)
    }

    /// Whether the place may hold what is meant.
    pub fn fits_place(&self, spot: &Spot<'_>) -> bool {
        let shared: &Labels = &spot.source.options.labels;
        let has = |(name, value): &(Box<str>, Box<str>)| spot.own.and_then(|own| own.value(name)).or(shared.value(name)) == Some(&**value);
        self.fits_source(&spot.source.id)
            && self.labels.0.iter().all(has)
            && (self.places.is_empty() || any(&self.places, spot.called.get_or_init(|| spot.place.to_string())))
    }

    /// Whether the certificate is meant, when its place is.
    pub fn fits_certificate(&self, facts: &CertificateFacts) -> bool {
        (self.roles.is_empty() || self.roles.contains(&facts.role))
            && any(&self.subjects, &facts.subject)
            && any(&self.issuers, &facts.issuer)
            && (self.names.is_empty() || self.names.iter().any(|pattern| has_name(facts, pattern)))
    }

    /// Whether the CRL is meant, when its place is.
    pub fn fits_crl(&self, facts: &CrlFacts) -> bool {
        self.roles.is_empty() && self.names.is_empty() && self.subjects.is_empty() && any(&self.issuers, &facts.issuer)
    }

    /// Whether it asks for what certificates alone have: then no endpoint is meant.
    pub fn is_about_certificates(&self) -> bool {
        !(self.roles.is_empty() && self.names.is_empty() && self.subjects.is_empty() && self.issuers.is_empty())
    }
}

fn any(patterns: &[Pattern], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(text))
}

fn has_name(facts: &CertificateFacts, pattern: &Pattern) -> bool {
    let fits = |name: &SubjectName| match name {
        SubjectName::Dns(text) | SubjectName::Uri(text) => pattern.fits(text),
        SubjectName::Ip(address) => pattern.fits(&address.to_string()),
        SubjectName::Email(_) | SubjectName::Other(_) => false,
    };
    (!facts.subject_cn.is_empty() && pattern.fits(&facts.subject_cn)) || facts.names.iter().any(fits)
}
