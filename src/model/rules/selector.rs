//! `match = { … }` of policies and waivers: which certificates, CRLs and endpoints are meant.

use std::borrow::Cow;
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
    /// DNS names, URIs, IP addresses, the common name of the subject; without regard to case. Of a policy any of them fits, of a waiver all.
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
        self.fits_source(&spot.source.id) && self.labels.0.iter().all(has) && (self.places.is_empty() || self.fits_called(spot))
    }

    /// An endpoint is meant by its target alone, too, whatever server name or address stands behind it.
    fn fits_called(&self, spot: &Spot<'_>) -> bool {
        let is_target = || matches!(spot.place, Place::Endpoint { target, .. } if any(&self.places, target));
        any(&self.places, spot.called.get_or_init(|| spot.place.to_string())) || is_target()
    }

    /// Whether a policy is for the certificate, when its place is meant: any of its names fits. Names that were left out may be any.
    pub fn fits_certificate(&self, facts: &CertificateFacts) -> bool {
        let fits = |name: &str| self.fits_name(name);
        let has_any = || {
            fits(&facts.subject_cn) || facts.names_left_out > 0 || facts.names.iter().any(|name| text(name).is_some_and(|name| fits(&name)))
        };
        self.fits_besides_names(facts) && (self.names.is_empty() || has_any())
    }

    /// Whether a waiver is for the certificate, when its place is meant: all of its names fit, and all are known. Whoever makes a certificate
    /// can add a name to it that fits; the common name counts where there is nothing else, as it does for those who still read it.
    pub fn covers_certificate(&self, facts: &CertificateFacts) -> bool {
        let has_all = || {
            let mut names = facts.names.iter().filter_map(text).peekable();
            match names.peek() {
                None => self.fits_name(&facts.subject_cn),
                Some(_) => names.all(|name| self.fits_name(&name)),
            }
        };
        self.fits_besides_names(facts) && (self.names.is_empty() || (facts.names_left_out == 0 && has_all()))
    }

    fn fits_besides_names(&self, facts: &CertificateFacts) -> bool {
        (self.roles.is_empty() || self.roles.contains(&facts.role))
            && any(&self.subjects, &facts.subject)
            && any(&self.issuers, &facts.issuer)
    }

    /// The dot of the root makes no other name.
    fn fits_name(&self, name: &str) -> bool {
        let bare = name.strip_suffix('.').unwrap_or(name);
        !name.is_empty() && self.names.iter().any(|pattern| pattern.fits(bare) || pattern.fits(name))
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

/// What a name is called; `None` of a kind that selectors do not know.
fn text(name: &SubjectName) -> Option<Cow<'_, str>> {
    match name {
        SubjectName::Dns(text) | SubjectName::Uri(text) => Some(Cow::Borrowed(text)),
        SubjectName::Ip(address) => Some(Cow::Owned(address.to_string())),
        SubjectName::Email(_) | SubjectName::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceOptions;

    #[test]
    fn an_endpoint_is_meant_by_its_target_and_by_all_that_it_is_called() {
        let header = SourceHeader { id: SourceId { kind: SourceKind::Tls, name: "edge".into() }, options: SourceOptions::default() };
        let endpoint = |server_name: &str, address: Option<[u8; 4]>| Place::Endpoint {
            target: "localhost:1".into(),
            server_name: server_name.into(),
            address: address.map(Into::into),
        };
        let plain = || endpoint("localhost", None);
        let (other, each) = (|| endpoint("other", None), || endpoint("localhost", Some([127, 0, 0, 1])));
        for (behaviour, place, pattern, fits) in [
            ("as it is written", plain(), "localhost:1", true),
            ("another target", plain(), "localhost:2", false),
            ("with another server name", other(), "localhost:1", true),
            ("by that server name", other(), "localhost:1 as other", true),
            ("by one more", other(), "localhost:1 as another", false),
            ("at each address", each(), "localhost:1", true),
            ("at this address", each(), "* at 127.0.0.1", true),
            ("at another one", each(), "* at 127.0.0.2", false),
            ("a part of the target", each(), "localhost", false),
        ] {
            let selector = Selector { places: [Pattern::new(pattern).unwrap()].into(), ..Selector::default() };
            assert_eq!(selector.fits_place(&Spot::new(&header, None, &place)), fits, "{behaviour}");
        }
    }
}
