//! What was negotiated, by the names that IANA gives it.

use rustls::{CipherSuite, ProtocolVersion};

/// `TLS 1.3`, as the usual exporters write it.
pub(super) fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
        _ => None,
    }
}

/// rustls writes `TLS13_…` where IANA's registry has `TLS_…`; the suites of TLS 1.2 are the same in both.
pub(super) fn cipher(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_and_group_offered_has_its_registered_name() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        for suite in &provider.cipher_suites {
            let name = cipher(suite.suite()).unwrap();
            assert!(name.starts_with("TLS_"), "{name}");
        }
        let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name().as_str()).collect();
        assert_eq!(groups, [Some("X25519"), Some("secp256r1"), Some("secp384r1"), Some("X25519MLKEM768")]);
    }
}
