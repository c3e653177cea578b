//! What was negotiated, by the names that IANA gives it.

use rustls::{CipherSuite, ProtocolVersion, SignatureScheme};

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

/// rustls has names of its own for schemes; a number without a name is written as such.
pub(super) fn scheme(scheme: SignatureScheme) -> Box<str> {
    let name = match u16::from(scheme) {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        0x081a => "ecdsa_brainpoolP256r1tls13_sha256",
        0x081b => "ecdsa_brainpoolP384r1tls13_sha384",
        0x081c => "ecdsa_brainpoolP512r1tls13_sha512",
        0x0904 => "mldsa44",
        0x0905 => "mldsa65",
        0x0906 => "mldsa87",
        number => return format!("0x{number:04x}").into(),
    };
    name.into()
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
