//! Every error on the way to an endpoint, as a reason. No error text ever becomes a label.

use std::io;

use rustix::io::Errno;
use rustls::{AlertDescription, InvalidMessage};

use crate::model::{Failure, Reason, Stage};

/// Why the operating system failed, as a reason.
pub fn io_reason(error: &io::Error) -> Reason {
    if let Some(errno) = Errno::from_io_error(error) {
        match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => {
                return Reason::LocalResources;
            }
            Errno::HOSTDOWN => return Reason::Unreachable,
            _ => {}
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::Reset,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Reason::Unreachable,
        io::ErrorKind::TimedOut => Reason::Timeout,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => Reason::Closed,
        io::ErrorKind::PermissionDenied => Reason::PermissionDenied,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory => Reason::LocalResources,
        _ => Reason::IoError,
    }
}

/// The failure that a TLS error is. `requested`: the server has asked for a client certificate.
pub(super) fn tls_failure(error: rustls::Error, requested: bool) -> Failure {
    let (stage, reason) = match &error {
        rustls::Error::AlertReceived(alert) => (alert_stage(*alert, requested), alert_reason(*alert)),
        other => (Stage::Handshake, tls_reason(other)),
    };
    Failure::new(stage, reason, error)
}

/// The failure that a TLS error after the handshake is; an alert is about what `stage` says.
pub(super) fn late_failure(error: rustls::Error, stage: Stage) -> Failure {
    match &error {
        rustls::Error::AlertReceived(alert) => Failure::new(stage, alert_reason(*alert), error),
        _ => Failure::new(Stage::Http, tls_reason(&error), error),
    }
}

fn tls_reason(error: &rustls::Error) -> Reason {
    use rustls::Error;
    match error {
        Error::AlertReceived(alert) => alert_reason(*alert),
        Error::NoCertificatesPresented => Reason::NoServerCertificate,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Reason::Incompatible,
        Error::PeerSentOversizedRecord
        | Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::MessageTooLarge,
        ) => Reason::TooLarge,
        // Bytes that are no TLS at all are recognised before this by looking at them; what gets here began as TLS.
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::InvalidEncryptedClientHello(_)
        | Error::InvalidMessage(_)
        | Error::DecryptError
        | Error::PeerMisbehaved(_)
        | Error::InvalidCertificate(_)
        | Error::InvalidCertRevocationList(_) => Reason::ProtocolError,
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => Reason::LocalResources,
        // These speak of our own side, which the peer drove there.
        Error::UnsupportedNameType
        | Error::EncryptError
        | Error::General(_)
        | Error::HandshakeNotComplete
        | Error::BadMaxFragmentSize
        | Error::InconsistentKeys(_)
        | Error::Other(_) => Reason::ProtocolError,
        _ => Reason::ProtocolError,
    }
}

/// Which judgement an alert speaks: of our certificate (or of our having none) once the server has asked for one, else of the
/// handshake. RFC 5246 section 7.2.2 and RFC 8446 section 6.2; before TLS 1.3 "none though required" is handshake_failure.
fn alert_stage(alert: AlertDescription, requested: bool) -> Stage {
    match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRequired
            if requested =>
        {
            Stage::ClientAuth
        }
        _ => Stage::Handshake,
    }
}

/// What an alert is called.
pub fn alert_reason(alert: AlertDescription) -> Reason {
    match alert {
        AlertDescription::CloseNotify => Reason::CloseNotify,
        AlertDescription::UnexpectedMessage => Reason::UnexpectedMessage,
        AlertDescription::BadRecordMac => Reason::BadRecordMac,
        AlertDescription::DecryptionFailed => Reason::DecryptionFailed,
        AlertDescription::RecordOverflow => Reason::RecordOverflow,
        AlertDescription::DecompressionFailure => Reason::DecompressionFailure,
        AlertDescription::HandshakeFailure => Reason::HandshakeFailure,
        AlertDescription::NoCertificate => Reason::NoCertificate,
        AlertDescription::BadCertificate => Reason::BadCertificate,
        AlertDescription::UnsupportedCertificate => Reason::UnsupportedCertificate,
        AlertDescription::CertificateRevoked => Reason::CertificateRevoked,
        AlertDescription::CertificateExpired => Reason::CertificateExpired,
        AlertDescription::CertificateUnknown => Reason::CertificateUnknown,
        AlertDescription::IllegalParameter => Reason::IllegalParameter,
        AlertDescription::UnknownCA => Reason::UnknownCa,
        AlertDescription::AccessDenied => Reason::AccessDenied,
        AlertDescription::DecodeError => Reason::DecodeError,
        AlertDescription::DecryptError => Reason::DecryptError,
        AlertDescription::ExportRestriction => Reason::ExportRestriction,
        AlertDescription::ProtocolVersion => Reason::ProtocolVersion,
        AlertDescription::InsufficientSecurity => Reason::InsufficientSecurity,
        AlertDescription::InternalError => Reason::InternalError,
        AlertDescription::InappropriateFallback => Reason::InappropriateFallback,
        AlertDescription::UserCanceled => Reason::UserCanceled,
        AlertDescription::NoRenegotiation => Reason::NoRenegotiation,
        AlertDescription::MissingExtension => Reason::MissingExtension,
        AlertDescription::UnsupportedExtension => Reason::UnsupportedExtension,
        AlertDescription::CertificateUnobtainable => Reason::CertificateUnobtainable,
        AlertDescription::UnrecognisedName => Reason::UnrecognizedName,
        AlertDescription::BadCertificateStatusResponse => Reason::BadCertificateStatusResponse,
        AlertDescription::BadCertificateHashValue => Reason::BadCertificateHashValue,
        AlertDescription::UnknownPSKIdentity => Reason::UnknownPskIdentity,
        AlertDescription::CertificateRequired => Reason::CertificateRequired,
        AlertDescription::NoApplicationProtocol => Reason::NoApplicationProtocol,
        AlertDescription::EncryptedClientHelloRequired => Reason::EchRequired,
        _ => Reason::UnknownAlert,
    }
}

/// What a peer's first bytes show when they are no TLS record: its banner, escaped and cut. `None` when they may be TLS.
pub(super) fn foreign_banner(first: &[u8]) -> Option<String> {
    // RFC 8446 section 5.1: content type 20 to 24, then the legacy version's major number, 3.
    let may_be_tls = match first {
        [] => true,
        [kind] => (20..=24).contains(kind),
        [kind, major, ..] => (20..=24).contains(kind) && *major == 3,
    };
    if may_be_tls {
        return None;
    }
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(first);
    let cut = if line.len() < first.len() || first.len() < BANNER { "" } else { "…" };
    Some(format!("answers \"{}{cut}\"", line.escape_ascii()))
}

/// How many of a peer's first bytes are kept.
pub(super) const BANNER: usize = 48;

#[cfg(test)]
mod tests;
