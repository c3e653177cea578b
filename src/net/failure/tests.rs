use rustls::{CertificateError, ContentType, PeerIncompatible, PeerMisbehaved};

use super::*;

#[test]
fn errors_of_the_operating_system() {
    let of_errno = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
    for (error, expected) in [
        (of_errno(Errno::CONNREFUSED), Reason::Refused),
        (of_errno(Errno::CONNRESET), Reason::Reset),
        (of_errno(Errno::CONNABORTED), Reason::Reset),
        (of_errno(Errno::HOSTUNREACH), Reason::Unreachable),
        (of_errno(Errno::NETUNREACH), Reason::Unreachable),
        (of_errno(Errno::NETDOWN), Reason::Unreachable),
        (of_errno(Errno::HOSTDOWN), Reason::Unreachable),
        (of_errno(Errno::TIMEDOUT), Reason::Timeout),
        (of_errno(Errno::PIPE), Reason::Closed),
        (of_errno(Errno::NOTCONN), Reason::Closed),
        (of_errno(Errno::MFILE), Reason::LocalResources),
        (of_errno(Errno::NFILE), Reason::LocalResources),
        (of_errno(Errno::NOBUFS), Reason::LocalResources),
        (of_errno(Errno::NOMEM), Reason::LocalResources),
        (of_errno(Errno::ADDRNOTAVAIL), Reason::LocalResources),
        (of_errno(Errno::ADDRINUSE), Reason::LocalResources),
        (of_errno(Errno::ACCESS), Reason::PermissionDenied),
        (of_errno(Errno::PERM), Reason::PermissionDenied),
        (of_errno(Errno::INVAL), Reason::IoError),
        (of_errno(Errno::IO), Reason::IoError),
        (io::ErrorKind::UnexpectedEof.into(), Reason::Closed),
        (io::Error::other("anything"), Reason::IoError),
    ] {
        assert_eq!(io_reason(&error), expected, "{error:?}");
    }
}

#[test]
fn errors_of_tls() {
    use rustls::Error;
    for (error, expected) in [
        (Error::NoCertificatesPresented, Reason::NoServerCertificate),
        (Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13), Reason::Incompatible),
        (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), Reason::Incompatible),
        (Error::NoApplicationProtocol, Reason::Incompatible),
        (Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge), Reason::TooLarge),
        (Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge), Reason::TooLarge),
        (Error::InvalidMessage(InvalidMessage::MessageTooLarge), Reason::TooLarge),
        (Error::PeerSentOversizedRecord, Reason::TooLarge),
        (Error::InvalidMessage(InvalidMessage::InvalidContentType), Reason::ProtocolError),
        (Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite), Reason::ProtocolError),
        (Error::DecryptError, Reason::ProtocolError),
        (Error::InvalidCertificate(CertificateError::BadEncoding), Reason::ProtocolError),
        (
            Error::InappropriateMessage { expect_types: vec![ContentType::Handshake], got_type: ContentType::ApplicationData },
            Reason::ProtocolError,
        ),
        (Error::FailedToGetRandomBytes, Reason::LocalResources),
        (Error::General("anything".into()), Reason::ProtocolError),
    ] {
        for requested in [false, true] {
            let failure = tls_failure(error.clone(), requested);
            assert_eq!((failure.stage, failure.reason), (Stage::Handshake, expected), "{error:?}");
        }
    }
}

/// IANA's registry "TLS Alerts", as of RFC 8446 and the ECH draft.
const ALERTS: &[(u8, &str)] = &[
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

#[test]
fn every_alert_has_its_registered_name() {
    for number in 0..=u8::MAX {
        let expected = ALERTS.iter().find(|(known, _)| *known == number).map_or("unknown_alert", |(_, name)| name);
        assert_eq!(alert_reason(AlertDescription::from(number)).as_str(), expected, "alert {number}");
    }
}

#[test]
fn alerts_judge_the_client_certificate_only_after_it_was_asked_for() {
    let about_certificates = [40, 41, 42, 43, 44, 45, 46, 48, 49, 116];
    for (number, name) in ALERTS {
        let alert = AlertDescription::from(*number);
        let after = if about_certificates.contains(number) { Stage::ClientAuth } else { Stage::Handshake };
        assert_eq!(tls_failure(rustls::Error::AlertReceived(alert), true).stage, after, "{name} after a CertificateRequest");
        assert_eq!(tls_failure(rustls::Error::AlertReceived(alert), false).stage, Stage::Handshake, "{name} without one");
    }
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    for (first, expected) in [
        (&b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"[..], Some(r#"answers "SSH-2.0-OpenSSH_9.2p1 Debian""#)),
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", Some(r#"answers "HTTP/1.1 400 Bad Request""#)),
        (b"220 mail.example.com ESMTP\r\n", Some(r#"answers "220 mail.example.com ESMTP""#)),
        (b"J\0\0\0\n8.0.36\0", Some(r#"answers "J\x00\x00\x00""#)),
        (&[b'x'; BANNER], Some(r#"answers "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…""#)),
        (b"\"quoted\"", Some(r#"answers "\"quoted\"""#)),
        (b"\x16\x02\x00\x00\x01", Some(r#"answers "\x16\x02\x00\x00\x01""#)),
        (b"h", Some(r#"answers "h""#)),
        (b"", None),
        (b"\x16", None),
        (b"\x16\x03\x01\x02\x00", None),
        (b"\x15\x03\x03\x00\x02\x02\x28", None),
    ] {
        assert_eq!(foreign_banner(first).as_deref(), expected, "{}", first.escape_ascii());
    }
}
