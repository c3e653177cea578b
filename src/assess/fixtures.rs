//! Facts for tests, made by hand.

use crate::assess::Subject;
use crate::model::facts::{Curve, KeyAlgorithm, KeyFacts};
use crate::model::{
    CertRole, CertificateFacts, Content, CrlFacts, EndpointFacts, FindingSet, Place, Report, RevocationView, SourceHeader, SourceId,
    SourceKind, SourceOptions, UnixTime,
};

/// A source of files.
pub(crate) fn header() -> SourceHeader {
    SourceHeader { id: SourceId { kind: SourceKind::File, name: "files".into() }, options: SourceOptions::default() }
}

/// A leaf without a flaw.
pub(crate) fn certificate(name: &str, not_before: i64, not_after: i64) -> CertificateFacts {
    let mut fingerprint = [0; 32];
    for (slot, byte) in fingerprint.iter_mut().zip(name.bytes().chain(not_after.to_be_bytes())) {
        *slot = byte;
    }
    CertificateFacts {
        fingerprint,
        not_before: UnixTime::from_secs(not_before),
        not_after: UnixTime::from_secs(not_after),
        subject: format!("CN={name}").into(),
        subject_cn: name.into(),
        issuer: "CN=Test CA".into(),
        issuer_cn: "Test CA".into(),
        serial: not_after.to_string().into(),
        role: CertRole::Leaf,
        self_issued: false,
        key: KeyFacts { algorithm: KeyAlgorithm::Ec, bits: 256, curve: Some(Curve::P256), digest: fingerprint[..16].try_into().unwrap() },
        signature_algorithm: "ecdsa-with-SHA256".into(),
        weak_signature: false,
        key_usage: None,
        extended_key_usage: None,
        names: Box::default(),
        names_left_out: 0,
        constraints: None,
        lookup: None,
        authority: None,
        shown_to_servers: false,
    }
}

/// A CRL of three entries.
pub(crate) fn crl(issuer: &str, this_update: i64, next_update: Option<i64>) -> CrlFacts {
    CrlFacts {
        fingerprint: [7; 32],
        issuer: format!("CN={issuer}").into(),
        issuer_cn: issuer.into(),
        this_update: UnixTime::from_secs(this_update),
        next_update: next_update.map(UnixTime::from_secs),
        number: Some("1".into()),
        entries: 3,
        delta: false,
        signature_algorithm: "ecdsa-with-SHA256".into(),
        weak_signature: false,
    }
}

/// An endpoint without a flaw.
pub(crate) fn endpoint() -> EndpointFacts {
    EndpointFacts {
        version: Some("TLS 1.3".into()),
        cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        group: Some("X25519".into()),
        alpn: None,
        client_certificate_requested: false,
        client: Default::default(),
        clock_skew: None,
        stapled: false,
        staple: None,
        method: crate::model::Method::Rustls,
        leaf: FindingSet::EMPTY,
        target: FindingSet::EMPTY,
        path_error: None,
        leaf_is_anchor: false,
    }
}

/// The report on a file that holds this.
pub(crate) fn judged(
    content: &Content,
    endpoint: Option<&EndpointFacts>,
    view: &dyn RevocationView,
    options: &SourceOptions,
    previous: Option<&Report>,
    now: UnixTime,
) -> Report {
    let header = SourceHeader { options: options.clone(), ..header() };
    let place = Place::file("/a.pem");
    let subject =
        Subject { header: &header, place: &place, labels: None, circumstances: None, content, endpoint, related: None, history: None };
    super::assess(&subject, view, previous, now)
}
