//! `type = "tls"` against OpenSSL: keys, versions and refusals as the world's servers have them.

use std::time::Duration;

use notafter::model::observation::Possession;
use notafter::model::{Reason, Stage};

use crate::support::openssl::{SServer, openssl, self_signed};
use crate::tls::{failure, handshake, probe};

const PLENTY: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_kind_of_key_is_read_and_its_possession_checked() {
    let none: &[&str] = &[];
    for (behaviour, key, server, version, possession) in [
        ("RSA", &["-newkey", "rsa:2048"][..], none, "TLS 1.3", Possession::Proved),
        ("RSA, TLS 1.2 alone", &["-newkey", "rsa:2048"], &["-tls1_2"], "TLS 1.2", Possession::Proved),
        ("P-256", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], none, "TLS 1.3", Possession::Proved),
        ("P-521", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], none, "TLS 1.3", Possession::Proved),
        ("Ed25519", &["-newkey", "ed25519"], none, "TLS 1.3", Possession::Proved),
        ("Ed25519, TLS 1.2", &["-newkey", "ed25519"], &["-tls1_2"], "TLS 1.2", Possession::Proved),
        ("RSA-PSS", &["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], none, "TLS 1.3", Possession::Proved),
        ("Ed448, which cannot be checked", &["-newkey", "ed448"], none, "TLS 1.3", Possession::Unchecked),
    ] {
        let folder = tempfile::tempdir().unwrap();
        self_signed(folder.path(), key);
        let server = SServer::start(folder.path(), server);
        let seen = probe(server.address, "server_name = \"localhost\"", PLENTY).await;
        assert_eq!(failure(&seen), None, "{behaviour}: {:?}", seen.failure);
        let shown = handshake(&seen);
        assert_eq!((shown.version, shown.possession), (Some(version), possession), "{behaviour}");
        assert_eq!(shown.chain.len(), 1, "{behaviour}");
    }
}

#[tokio::test]
async fn weak_rsa_keys_and_old_certificates_hold_their_keys_too() {
    let folder = tempfile::tempdir().unwrap();
    // Version 1, 1024 bits: what stricter readers refuse before they look at the signature.
    openssl(folder.path(), &["req", "-new", "-nodes", "-newkey", "rsa:1024", "-subj", "/CN=old", "-keyout", "key.pem", "-out", "old.csr"]);
    openssl(folder.path(), &["x509", "-req", "-in", "old.csr", "-signkey", "key.pem", "-days", "30", "-out", "cert.pem"]);
    for (behaviour, arguments, possession) in [
        ("PKCS#1 in TLS 1.2", &["-tls1_2", "-sigalgs", "RSA+SHA256"][..], Possession::Proved),
        ("PSS, for which the library wants 2048 bits", &["-tls1_3"], Possession::Unchecked),
    ] {
        let server = SServer::start(folder.path(), &[arguments, &["-cipher", "DEFAULT@SECLEVEL=0"]].concat());
        let seen = probe(server.address, "", PLENTY).await;
        assert_eq!(failure(&seen), None, "{behaviour}: {:?}", seen.failure);
        assert_eq!(handshake(&seen).possession, possession, "{behaviour}");
    }
}

#[tokio::test]
async fn refusals_have_stage_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    self_signed(folder.path(), &["-newkey", "rsa:2048"]);
    let p521 = tempfile::tempdir().unwrap();
    self_signed(p521.path(), &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]);
    let required = ["-Verify", "1", "-verify_return_error", "-CAfile", "cert.pem"];
    for (behaviour, arguments, expected, chain) in [
        (
            "client certificate required, TLS 1.2",
            [&required[..], &["-tls1_2"]].concat(),
            Some((Stage::ClientAuth, Reason::HandshakeFailure)),
            true,
        ),
        (
            "client certificate required, TLS 1.3: told after the handshake",
            [&required[..], &["-tls1_3"]].concat(),
            Some((Stage::ClientAuth, Reason::CertificateRequired)),
            true,
        ),
        (
            "TLS 1.1 alone: read in clear",
            vec!["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            Some((Stage::Handshake, Reason::ProtocolVersion)),
            true,
        ),
        (
            "RSA key exchange alone: read in clear",
            vec!["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            Some((Stage::Handshake, Reason::HandshakeFailure)),
            true,
        ),
        ("a P-521 certificate in TLS 1.2: read in clear", vec!["-tls1_2"], Some((Stage::Handshake, Reason::HandshakeFailure)), true),
        ("no group in common", vec!["-tls1_3", "-groups", "P-521"], Some((Stage::Handshake, Reason::HandshakeFailure)), false),
        ("another application protocol", vec!["-alpn", "h2"], Some((Stage::Handshake, Reason::NoApplicationProtocol)), false),
    ] {
        // In TLS 1.2 the certificate's curve must be among the groups of the hello, and rustls has no P-521 there.
        let of = if behaviour.contains("P-521") { &p521 } else { &folder };
        let server = SServer::start(of.path(), &arguments);
        let seen = probe(server.address, "server_name = \"localhost\"\nalpn = [\"http/1.1\"]", PLENTY).await;
        assert_eq!(failure(&seen), expected, "{behaviour}: {:?}", seen.failure);
        assert_eq!(seen.material.is_some(), chain, "{behaviour}");
        if behaviour.starts_with("client certificate") {
            assert!(handshake(&seen).client_certificate_requested, "{behaviour}");
        }
    }
}
