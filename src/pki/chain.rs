//! What follows from the chain that a TLS server showed: trust, name, usage, order. Never the passing of time: a path through expired
//! certificates is a path.
//!
//! May touch: `model`. Work is bounded: 20 certificates, a dozen moments, webpki's own budget of signatures for each.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

use super::certificate::Certificate;
use super::der::{self, Malformed, Reader};
use super::signature::whole_bytes;
use crate::model::facts::SubjectName;
use crate::model::observation::Possession;
use crate::model::{CertificateFacts, EndpointFacts, Finding, FindingSet, Handshake, RevocationReason, UnixTime};

mod client;
mod staple;
pub(super) mod words;

/// Certificates looked at; a chain of more is none that a client follows.
const CONSIDERED: usize = 20;
/// Moments at which a path is looked for.
const MOMENTS: usize = 12;

/// Judges a chain. `chain` holds what could be read of the certificates sent, in their order.
///
/// * `untrusted`: no path to an anchor at any moment at which the leaf is valid; `path_error` says why. A leaf that is itself an anchor is
///   trusted.
/// * `self_signed_leaf`: unless the leaf is itself an anchor.
/// * `incomplete_chain`: as well, when the leaf's issuer was neither sent nor is an anchor: an intermediate that was not sent, or an
///   unknown root, which looks the same. A CA certificate whose issuer is missing
///   counts as an unknown root: which of the two it is cannot be seen.
/// * `wrong_order`: a certificate does not certify the one before it.
///
/// When the leaf cannot be read there are no findings about it, only `path_error`.
pub fn judge(shown: &Handshake, chain: &[Option<Certificate<'_>>], now: UnixTime) -> EndpointFacts {
    let considered = chain.len().min(CONSIDERED);
    let (chain, sent) = (chain.get(..considered).unwrap_or_default(), shown.chain.get(..considered).unwrap_or_default());
    let mut target = FindingSet::EMPTY;
    target.insert_if(shown.possession == Possession::Unchecked, Finding::SignatureUnchecked);
    target.insert_if(is_out_of_order(chain), Finding::WrongOrder);
    target.insert_if(shown.old_tls_accepted, Finding::OldTlsAccepted);
    client::judge(&shown.client, &mut target);
    let mut endpoint = EndpointFacts {
        version: shown.version.map(Arc::from),
        cipher: shown.cipher.map(Arc::from),
        group: shown.group.map(Arc::from),
        alpn: shown.alpn.as_deref().map(Arc::from),
        client_certificate_requested: shown.client_certificate_requested,
        client: client::facts(&shown.client),
        clock_skew: shown.clock.map(|clock| client::skew(clock, now)),
        stapled: shown.staple.is_some(),
        staple: shown.staple.as_ref().map(|_| Box::new(Err(RevocationReason::IssuerUnknown))),
        method: shown.method,
        leaf: FindingSet::EMPTY,
        target,
        path_error: None,
        leaf_is_anchor: false,
    };
    let (Some(leaf), Some(leaf_der)) = (chain.first(), sent.first()) else {
        endpoint.path_error = Some("no certificate was sent".into());
        return endpoint;
    };
    let Some(leaf) = leaf else {
        endpoint.path_error = Some("the leaf cannot be read".into());
        return endpoint;
    };

    if let Some(staple) = &shown.staple {
        let staple = staple::judge(staple, leaf, chain, shown.roots.as_deref(), now);
        endpoint.staple = Some(Box::new(staple.says));
        endpoint.clock_skew = endpoint.clock_skew.or(staple.ahead);
    }
    let leaf_der = CertificateDer::from(leaf_der.as_slice());
    let parsed = EndEntityCert::try_from(&leaf_der);
    endpoint.leaf.insert_if(!names_server(parsed.as_ref().ok(), &leaf.facts, &shown.server_name), Finding::NameMismatch);
    endpoint.leaf.insert_if(!serves_tls(&leaf.facts), Finding::MissingServerAuth);
    let is_self_signed = is_self_signed(leaf);
    // Without anchors to judge by, nothing is said about trust: neither that there is a path nor that there is none.
    let Some(roots) = &shown.roots else {
        endpoint.leaf.insert_if(is_self_signed, Finding::SelfSignedLeaf);
        endpoint.path_error = Some("the trust anchors cannot be read".into());
        return endpoint;
    };
    let search = Search { anchors: &roots.anchors, sent, chain, leaf };
    endpoint.leaf_is_anchor = search.leaf_is_anchor();
    // Who names it as an anchor knows it.
    endpoint.leaf.insert_if(is_self_signed && !endpoint.leaf_is_anchor, Finding::SelfSignedLeaf);
    let path = if endpoint.leaf_is_anchor { Ok(()) } else { parsed.and_then(|parsed| search.path(&parsed, now)) };
    if let Err(error) = path {
        endpoint.leaf.insert(Finding::Untrusted);
        let is_gap = matches!(error, webpki::Error::UnknownIssuer) && search.leaf_issuer_is_missing();
        endpoint.target.insert_if(is_gap, Finding::IncompleteChain);
        let text = if search.anchors.is_empty() { "there is no trust anchor".to_owned() } else { words::of(&error) };
        endpoint.path_error = Some(text.into());
    }
    endpoint
}

/// Until when the path from the leaf to an anchor is valid, when there is one now: the earliest end of the leaf and of the intermediates
/// used, over several paths the latest of these. An anchor's own end is not known here. `None`: no path is valid at `now` for a server.
pub fn verified_until(shown: &Handshake, now: UnixTime) -> Option<UnixTime> {
    let roots = shown.roots.as_ref()?;
    let sent = shown.chain.get(..shown.chain.len().min(CONSIDERED))?;
    let leaf_der = CertificateDer::from(sent.first()?.as_slice());
    let leaf = EndEntityCert::try_from(&leaf_der).ok()?;
    let intermediates: Vec<_> = sent.iter().skip(1).map(|der| CertificateDer::from(der.as_slice())).collect();
    let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.secs()).ok()?));
    let latest = std::cell::Cell::new(None);
    // Every path is refused once it has been looked at, so that the search goes on: webpki's own budget ends it.
    let look = |path: &webpki::VerifiedPath<'_>| {
        let above = path.intermediate_certificates().map(|certificate| not_after(&certificate.der()));
        let ends = std::iter::once(not_after(&leaf_der)).chain(above).min().flatten();
        latest.set(latest.get().max(ends));
        Err(webpki::Error::UnknownIssuer)
    };
    let _ = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &roots.anchors, &intermediates, at, ServerUsage, None, Some(&look));
    latest.get().or_else(|| {
        // A leaf that is an anchor itself needs no path.
        let read = super::certificate::read(&leaf_der, &crate::model::Limits::default()).ok()?;
        let is_valid = (read.facts.not_before..=read.facts.not_after).contains(&now) && serves_tls(&read.facts);
        let ends = read.facts.not_after;
        let chain = [Some(read)];
        let leaf = chain[0].as_ref()?;
        let search = Search { anchors: &roots.anchors, sent, chain: &chain, leaf };
        (is_valid && search.leaf_is_anchor()).then_some(ends)
    })
}

fn not_after(der: &[u8]) -> Option<UnixTime> {
    super::certificate::read(der, &crate::model::Limits::default()).ok().map(|read| read.facts.not_after)
}

struct Search<'a> {
    anchors: &'a [TrustAnchor<'static>],
    sent: &'a [Vec<u8>],
    chain: &'a [Option<Certificate<'a>>],
    leaf: &'a Certificate<'a>,
}

impl Search<'_> {
    /// Looks for a path now, then at other moments; what certificates may be used for is looked at last, for the moment that was found.
    fn path(&self, leaf: &EndEntityCert<'_>, now: UnixTime) -> Result<(), webpki::Error> {
        let intermediates: Vec<_> = self.sent.iter().skip(1).map(|der| CertificateDer::from(der.as_slice())).collect();
        let try_at = |at: UnixTime, usage: &dyn ExtendedKeyUsageValidator| {
            let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.secs()).unwrap_or(0)));
            leaf.verify_for_usage(ALL_VERIFICATION_ALGS, self.anchors, &intermediates, at, Usage(usage), None, None).map(|_| ())
        };
        let mut outcome = try_at(now, &AnyUsage);
        let mut moment = now;
        if outcome.as_ref().is_err_and(is_about_time) {
            for at in self.moments() {
                match try_at(at, &AnyUsage) {
                    Err(error) if is_about_time(&error) => {}
                    Err(error) => outcome = Err(error),
                    Ok(()) => {
                        (outcome, moment) = (Ok(()), at);
                        break;
                    }
                }
            }
        }
        outcome?;
        // A leaf that may not serve has a finding of its own; here it is about the CAs above it.
        if serves_tls(&self.leaf.facts) { try_at(moment, &ServerUsage) } else { Ok(()) }
    }

    /// Moments inside the leaf's validity at which the set of valid certificates changes.
    fn moments(&self) -> Vec<UnixTime> {
        let CertificateFacts { not_before, not_after, .. } = self.leaf.facts;
        let bounds = self.chain.iter().flatten().flat_map(|certificate| [certificate.facts.not_after, certificate.facts.not_before]);
        let mut moments = Vec::with_capacity(MOMENTS);
        for at in bounds.filter(|at| (not_before..=not_after).contains(at)) {
            if !moments.contains(&at) && moments.len() < MOMENTS {
                moments.push(at);
            }
        }
        moments
    }

    fn leaf_is_anchor(&self) -> bool {
        let (subject, key) = (contents(self.leaf.parsed.subject.as_raw()), contents(self.leaf.parsed.subject_pki.raw));
        self.anchors.iter().any(|anchor| Some(anchor.subject.as_ref()) == subject && Some(anchor.subject_public_key_info.as_ref()) == key)
    }

    fn leaf_issuer_is_missing(&self) -> bool {
        let issuer = self.leaf.parsed.issuer.as_raw();
        !self.leaf.facts.self_issued
            && !self.chain.iter().skip(1).flatten().any(|certificate| certificate.parsed.subject.as_raw() == issuer)
            && !self.anchors.iter().any(|anchor| Some(anchor.subject.as_ref()) == contents(issuer))
    }
}

/// Lets one generic call take either rule.
struct Usage<'a>(&'a dyn ExtendedKeyUsageValidator);

impl ExtendedKeyUsageValidator for Usage<'_> {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        self.0.validate(usages)
    }
}

struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// RFC 5280 section 4.2.1.12: no extension, serverAuth or anyExtendedKeyUsage.
struct ServerUsage;

impl ExtendedKeyUsageValidator for ServerUsage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        const SERVER_AUTH: KeyPurposeId<'static> = KeyPurposeId::new(b"\x2b\x06\x01\x05\x05\x07\x03\x01");
        const ANY: KeyPurposeId<'static> = KeyPurposeId::new(b"\x55\x1d\x25\x00");
        let mut is_restricted = false;
        for usage in usages {
            let usage = usage?;
            if usage == SERVER_AUTH || usage == ANY {
                return Ok(());
            }
            is_restricted = true;
        }
        if is_restricted { Err(webpki::Error::EndEntityUsedAsCa) } else { Ok(()) }
    }
}

fn is_about_time(error: &webpki::Error) -> bool {
    matches!(error, webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. })
}

fn serves_tls(leaf: &CertificateFacts) -> bool {
    let serves = |usages: &Arc<[Arc<str>]>| usages.iter().any(|usage| matches!(&**usage, "serverAuth" | "anyExtendedKeyUsage"));
    leaf.extended_key_usage.as_ref().is_none_or(serves)
}

/// RFC 9525: alternative names only. What webpki cannot parse as a certificate is compared here, by the same rules.
fn names_server(leaf: Option<&EndEntityCert<'_>>, facts: &CertificateFacts, server: &str) -> bool {
    let server = server.strip_suffix('.').unwrap_or(server);
    match (ServerName::try_from(server), leaf) {
        (Ok(server), Some(leaf)) => leaf.verify_is_valid_for_subject_name(&server).is_ok(),
        (Ok(_), None) => facts.names.iter().any(|name| match name {
            SubjectName::Dns(pattern) => dns_matches(pattern, server),
            SubjectName::Ip(address) => server.parse() == Ok(*address),
            _ => false,
        }),
        (Err(_), _) => false,
    }
}

pub(super) fn dns_matches(pattern: &str, server: &str) -> bool {
    match (pattern.strip_prefix("*."), server.split_once('.')) {
        // RFC 9525 section 6.3: a wildcard is the whole of the leftmost label and stands for one label.
        (Some(pattern), Some((first, rest))) => !first.is_empty() && pattern.eq_ignore_ascii_case(rest),
        _ => pattern.eq_ignore_ascii_case(server),
    }
}

// RFC 5246 section 7.4.2: "Each following certificate MUST directly certify the one preceding it."
fn is_out_of_order(chain: &[Option<Certificate<'_>>]) -> bool {
    chain.windows(2).any(|pair| match pair {
        [Some(subject), Some(issuer)] => {
            subject.parsed.issuer.as_raw() != issuer.parsed.subject.as_raw() || signed_by(subject, issuer) == Some(false)
        }
        _ => false,
    })
}

/// Of its own name and by its own key; where the signature cannot be checked, the name decides.
fn is_self_signed(leaf: &Certificate<'_>) -> bool {
    leaf.facts.self_issued && signed_by(leaf, leaf) != Some(false)
}

/// Whether the signature holds; `None` when no algorithm here can tell.
fn signed_by(subject: &Certificate<'_>, issuer: &Certificate<'_>) -> Option<bool> {
    let signed = Signed::read(subject.parsed.as_raw()).ok()?;
    let mut key = Reader::new(contents(issuer.parsed.subject_pki.raw)?);
    let (key_algorithm, key) = (key.expect(der::SEQUENCE).ok()?, whole_bytes(key.expect(der::BIT_STRING).ok()?).ok()?);
    let can_tell = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
        algorithm.signature_alg_id().as_ref() == signed.algorithm && algorithm.public_key_alg_id().as_ref() == key_algorithm
    };
    let verdicts =
        ALL_VERIFICATION_ALGS.iter().filter(can_tell).map(|algorithm| algorithm.verify_signature(key, signed.message, signed.signature));
    verdicts.map(|verdict| verdict.is_ok()).reduce(|any, holds| any || holds)
}

struct Signed<'a> {
    message: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(certificate: &'a [u8]) -> Result<Self, Malformed> {
        let mut parts = Reader::new(Reader::new(certificate).expect(der::SEQUENCE)?);
        let message = parts.next()?.raw;
        let algorithm = parts.expect(der::SEQUENCE)?;
        let signature = whole_bytes(parts.expect(der::BIT_STRING)?)?;
        Ok(Self { message, algorithm, signature })
    }
}

fn contents(value: &[u8]) -> Option<&[u8]> {
    Reader::new(value).next().ok().map(|value| value.contents)
}

#[cfg(test)]
mod tests;
