//! What can be wrong with a certificate, a CRL or an endpoint, each on its noun.

use serde::{Deserialize, Serialize};

use super::vocabulary::closed;

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
        /// The endpoint does not send the intermediates that a client needs.
        IncompleteChain = "incomplete_chain",
        /// The endpoint sends its certificates out of order (RFC 5246 section 7.4.2).
        WrongOrder = "wrong_order",
        /// The proof of possession uses an algorithm that cannot be checked here.
        SignatureUnchecked = "signature_unchecked",
        /// The server names the CAs whose client certificates it takes, and the configured one is of none of them.
        ClientCaNotAccepted = "client_ca_not_accepted",
        /// Mutual TLS is expected, and the endpoint lets a client in that shows no certificate.
        MutualTlsNotEnforced = "mutual_tls_not_enforced",
        /// A client certificate is expected to be optional, and the endpoint refuses a client without one.
        MutualTlsNotOptional = "mutual_tls_not_optional",
        /// The CRL's nextUpdate has passed.
        Stale = "stale",
        /// The endpoint accepts a version below TLS 1.2 (RFC 8996).
        OldTlsAccepted = "old_tls_accepted",
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
}

impl Finding {
    /// What it is about.
    pub const fn noun(self) -> Noun {
        match self {
            Self::Expired
            | Self::NotYetValid
            | Self::WeakKey
            | Self::WeakSignature
            | Self::Untrusted
            | Self::SelfSignedLeaf
            | Self::NameMismatch
            | Self::MissingServerAuth => Noun::Certificate,
            Self::Stale => Noun::Crl,
            Self::IncompleteChain
            | Self::WrongOrder
            | Self::SignatureUnchecked
            | Self::OldTlsAccepted
            | Self::ClientCaNotAccepted
            | Self::MutualTlsNotEnforced
            | Self::MutualTlsNotOptional => Noun::Target,
        }
    }
}

/// A set of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSet(u64);

impl FindingSet {
    /// Nothing found.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, finding: Finding) {
        self.0 |= 1 << finding as u64;
    }

    /// Adds one when it holds.
    pub fn insert_if(&mut self, holds: bool, finding: Finding) {
        if holds {
            self.insert(finding);
        }
    }

    /// Whether it is in.
    pub const fn contains(self, finding: Finding) -> bool {
        self.0 & (1 << finding as u64) != 0
    }

    /// Whether nothing is in.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in, in the order of the vocabulary.
    pub fn iter(self) -> impl Iterator<Item = Finding> {
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
        assert!(Finding::ALL.len() <= 64);
        for finding in Finding::ALL {
            let set: FindingSet = [*finding].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [*finding]);
        }
    }
}
