//! What can be wrong with a certificate, a CRL or an endpoint, each on its noun.

use serde::{Deserialize, Serialize};

use super::vocabulary::{CertRole, closed};

closed! {
    /// One thing that is wrong. The spelling is the label value.
    pub enum Finding {
        /// notAfter has passed (RFC 5280 section 4.1.2.5).
        Expired = "expired",
        /// notBefore has not come yet.
        NotYetValid = "not_yet_valid",
        /// RSA below 2048 bits, an elliptic curve below 224 bits, or DSA.
        WeakKey = "weak_key",
        /// Signed with MD2, MD4, MD5 or SHA-1; a self-signed root's own signature does not count.
        WeakSignature = "weak_signature",
        /// No path to a trust anchor of the source.
        Untrusted = "untrusted",
        /// The endpoint's leaf is signed by its own key.
        SelfSignedLeaf = "self_signed_leaf",
        /// The endpoint's leaf does not name the server (RFC 9525).
        NameMismatch = "name_mismatch",
        /// The endpoint's leaf may not serve TLS: an extended key usage without serverAuth (RFC 5280 section 4.2.1.12).
        MissingServerAuth = "missing_server_auth",
        /// The source's own client certificate may not be one: an extended key usage without clientAuth (RFC 5280 section 4.2.1.12).
        MissingClientAuth = "missing_client_auth",
        /// The endpoint does not send the intermediates that a client needs, or its root is unknown: which, the handshake does not say.
        IncompleteChain = "incomplete_chain",
        /// The endpoint sends its certificates out of order (RFC 5246 section 7.4.2).
        WrongOrder = "wrong_order",
        /// The proof of possession uses an algorithm that cannot be checked here.
        SignatureUnchecked = "signature_unchecked",
        /// The server names the CAs whose client certificates it takes, and the configured one is of none of them.
        ClientCaNotAccepted = "client_ca_not_accepted",
        /// The chain behind the client certificate is longer than the endpoint is said to follow.
        ClientChainTooDeep = "client_chain_too_deep",
        /// Mutual TLS is expected, and the endpoint lets a client in that shows no certificate.
        MutualTlsNotEnforced = "mutual_tls_not_enforced",
        /// A client certificate is expected to be optional, and the endpoint refuses a client without one.
        MutualTlsNotOptional = "mutual_tls_not_optional",
        /// The nextUpdate of the CRL, or of what the responder answers, has passed.
        Stale = "stale",
        /// The endpoint accepts a version below TLS 1.2 (RFC 8996).
        OldTlsAccepted = "old_tls_accepted",
        /// The certificate demands a stapled OCSP response (RFC 7633), and the endpoint staples none that is valid.
        MustStapleMissing = "must_staple_missing",
        /// CRL, OCSP and staple say different things about the certificate for longer than a day.
        RevocationDisagreement = "revocation_disagreement",
        /// The stapled OCSP response is no valid answer about the leaf.
        StapleInvalid = "staple_invalid",
        /// The stapled OCSP response is past its nextUpdate.
        StapleStale = "staple_stale",
        /// The CRL's number or thisUpdate went back; the newer list is kept.
        Regressed = "regressed",
        /// The CRL lost entries of certificates that have not expired.
        Shrunk = "shrunk",
        /// The CRL's issuing distribution point has none of the names that certificates look for it by (RFC 5280 section 6.3.3 (b)(2)).
        ScopeMismatch = "scope_mismatch",
        /// The signature does not hold.
        SignatureInvalid = "signature_invalid",
        /// The responder's signer may not answer for the issuer (RFC 6960 section 4.2.2.2).
        Unauthorized = "unauthorized",
        /// The responder's own certificate is near its end.
        Expiring = "expiring",
        /// The place does not answer, or not with what belongs there.
        Unreachable = "unreachable",
        /// Due for renewal for longer than a quarter of the time from there to its end.
        RotationOverdue = "rotation_overdue",
        /// It was renewed, and has the key that the certificate before it had.
        KeyReused = "key_reused",
        /// Every known path from it ends before the certificate itself does.
        OutlivesIssuer = "outlives_issuer",
        /// A trust bundle holds it, and nothing that is watched hangs on it, while other certificates of the bundle are in use.
        CaUnused = "ca_unused",
        /// Its key is of an algorithm that the policy does not allow.
        KeyAlgorithmNotAllowed = "key_algorithm_not_allowed",
        /// Its key is of a size that the policy does not allow.
        KeySizeNotAllowed = "key_size_not_allowed",
        /// Its key is on a curve that the policy does not allow.
        CurveNotAllowed = "curve_not_allowed",
        /// It is signed with an algorithm that the policy does not allow.
        SignatureAlgorithmNotAllowed = "signature_algorithm_not_allowed",
        /// It is valid for longer than the policy allows.
        ValidityTooLong = "validity_too_long",
        /// It is valid for less than the policy asks for.
        ValidityTooShort = "validity_too_short",
        /// It is valid for longer than the policy wants, and not for longer than it allows.
        ValidityAboveWanted = "validity_above_wanted",
        /// It lacks a key usage that the policy requires (RFC 5280 section 4.2.1.3).
        KeyUsageMissing = "key_usage_missing",
        /// It lacks an extended key usage that the policy requires (RFC 5280 section 4.2.1.12).
        ExtendedKeyUsageMissing = "extended_key_usage_missing",
        /// It has no SPIFFE ID, or several, and the policy requires one (SPIFFE X.509-SVID section 2).
        SpiffeIdMissing = "spiffe_id_missing",
        /// Its SPIFFE ID is of a trust domain that the policy does not allow.
        TrustDomainNotAllowed = "trust_domain_not_allowed",
        /// It has a DNS name that none of the policy's patterns fits.
        DnsNameNotAllowed = "dns_name_not_allowed",
        /// It has an IP address as a name, and the policy allows none.
        IpNameNotAllowed = "ip_name_not_allowed",
        /// It is issued by somebody whom the policy does not name.
        IssuerNotAllowed = "issuer_not_allowed",
        /// More CA certificates may follow below it than the policy allows (RFC 5280 section 4.2.1.9).
        PathLengthNotAllowed = "path_length_not_allowed",
        /// It lacks name constraints that the policy requires, or permits more (RFC 5280 section 4.2.1.10).
        NameConstraintsMissing = "name_constraints_missing",
        /// A waiver for it has ended.
        WaiverEnded = "waiver_ended",
        /// The endpoint serves an older certificate than the one that is stored for it.
        StoredNotServed = "stored_not_served",
        /// The endpoint serves a certificate that is stored in none of the places that are watched.
        ServedUnknown = "served_unknown",
        /// The addresses behind the name serve different certificates.
        AddressesDiffer = "addresses_differ",
        /// Leaves are issued by a CA of a name that the trust bundle holds, under a key that it lacks.
        BundleLacksIssuer = "bundle_lacks_issuer",
        /// The client certificate that is shown to the endpoint does not verify against the trust bundle of its server.
        ClientNotTrusted = "client_not_trusted_by_bundle",
        /// It is called otherwise than the policy allows.
        SubjectNotAllowed = "subject_not_allowed",
    }
}

/// What a finding is about; decides the family it appears in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// `x509_cert_finding`
    Certificate,
    /// `x509_crl_finding`
    Crl,
    /// `tls_target_finding`
    Target,
    /// `x509_responder_finding`
    Responder,
}

impl Finding {
    /// What it may be about.
    pub const fn nouns(self) -> &'static [Noun] {
        match self {
            Self::Expired
            | Self::NotYetValid
            | Self::WeakKey
            | Self::Untrusted
            | Self::SelfSignedLeaf
            | Self::NameMismatch
            | Self::MissingServerAuth
            | Self::MissingClientAuth
            | Self::MustStapleMissing
            | Self::RevocationDisagreement
            | Self::RotationOverdue
            | Self::KeyReused
            | Self::OutlivesIssuer
            | Self::CaUnused
            | Self::KeyAlgorithmNotAllowed
            | Self::KeySizeNotAllowed
            | Self::CurveNotAllowed
            | Self::SignatureAlgorithmNotAllowed
            | Self::ValidityTooLong
            | Self::ValidityTooShort
            | Self::ValidityAboveWanted
            | Self::KeyUsageMissing
            | Self::ExtendedKeyUsageMissing
            | Self::SpiffeIdMissing
            | Self::TrustDomainNotAllowed
            | Self::DnsNameNotAllowed
            | Self::IpNameNotAllowed
            | Self::IssuerNotAllowed
            | Self::SubjectNotAllowed
            | Self::PathLengthNotAllowed
            | Self::NameConstraintsMissing => &[Noun::Certificate],
            Self::WaiverEnded => &[Noun::Certificate, Noun::Crl, Noun::Target],
            Self::WeakSignature => &[Noun::Certificate, Noun::Crl, Noun::Responder],
            Self::Regressed | Self::Shrunk | Self::ScopeMismatch => &[Noun::Crl],
            Self::Stale | Self::SignatureInvalid | Self::Unreachable => &[Noun::Crl, Noun::Responder],
            Self::Unauthorized | Self::Expiring => &[Noun::Responder],
            Self::SignatureUnchecked => &[Noun::Target, Noun::Crl, Noun::Responder],
            Self::IncompleteChain
            | Self::WrongOrder
            | Self::OldTlsAccepted
            | Self::ClientCaNotAccepted
            | Self::ClientChainTooDeep
            | Self::MutualTlsNotEnforced
            | Self::MutualTlsNotOptional
            | Self::StapleInvalid
            | Self::StapleStale
            | Self::StoredNotServed
            | Self::ServedUnknown
            | Self::AddressesDiffer
            | Self::BundleLacksIssuer
            | Self::ClientNotTrusted => &[Noun::Target],
        }
    }

    /// Whether it may be on a certificate of this role.
    pub fn is_of(self, role: CertRole) -> bool {
        match self {
            Self::SpiffeIdMissing
            | Self::TrustDomainNotAllowed
            | Self::DnsNameNotAllowed
            | Self::IpNameNotAllowed
            | Self::RotationOverdue
            | Self::KeyReused
            | Self::MissingClientAuth
            | Self::OutlivesIssuer => role == CertRole::Leaf,
            Self::PathLengthNotAllowed | Self::NameConstraintsMissing | Self::CaUnused => role != CertRole::Leaf,
            Self::WeakSignature => role != CertRole::Root,
            _ => true,
        }
    }

    /// Whether endpoints alone, or what they show, have it.
    pub fn is_of_endpoints(self) -> bool {
        matches!(
            self,
            Self::Untrusted
                | Self::SelfSignedLeaf
                | Self::NameMismatch
                | Self::MissingServerAuth
                | Self::MustStapleMissing
                | Self::IncompleteChain
                | Self::WrongOrder
                | Self::OldTlsAccepted
                | Self::ClientCaNotAccepted
                | Self::ClientChainTooDeep
                | Self::MutualTlsNotEnforced
                | Self::MutualTlsNotOptional
                | Self::StoredNotServed
                | Self::ServedUnknown
                | Self::AddressesDiffer
                | Self::ClientNotTrusted
        )
    }

    /// Whether it may be about this.
    pub fn is_about(self, noun: Noun) -> bool {
        self.nouns().contains(&noun)
    }
}

/// A set of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSet(u128);

impl FindingSet {
    /// Nothing found.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, finding: Finding) {
        self.0 |= 1 << finding as u128;
    }

    /// Takes one out.
    pub fn remove(&mut self, finding: Finding) {
        self.0 &= !(1 << finding as u128);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Adds one when it holds.
    pub fn insert_if(&mut self, holds: bool, finding: Finding) {
        if holds {
            self.insert(finding);
        }
    }

    /// Whether it is in.
    pub const fn contains(self, finding: Finding) -> bool {
        self.0 & (1 << finding as u128) != 0
    }

    /// Whether both have one in common.
    pub const fn has_any_of(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in, in the order of the vocabulary.
    pub fn iter(self) -> impl Iterator<Item = Finding> + use<> {
        Finding::ALL.iter().copied().filter(move |finding| self.contains(*finding))
    }
}

impl FromIterator<Finding> for FindingSet {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let mut set = Self::EMPTY;
        for finding in findings {
            set.insert(finding);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_every_finding_apart() {
        assert!(Finding::ALL.len() <= 128);
        for finding in Finding::ALL {
            let set: FindingSet = [*finding].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [*finding]);
        }
    }
}
