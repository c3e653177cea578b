//! What happened at an endpoint, told to a person: its steps with their times, its chain as a tree, what the server asked for.

use crate::model::chain::{Chain, End};
use crate::model::facts::ClientCertificate;
use crate::model::{CertRole, CertificateFacts, Finding, RevocationStatus, TargetState, Trace, Verdict};

/// So many acceptable CAs are named; the API has all of them.
const SHOWN_CAS: usize = 20;

/// One line a step.
pub fn steps(trace: &Trace) -> String {
    let mut text = String::new();
    for step in &trace.steps {
        let outcome = match (&step.failure, &step.ended) {
            (Some(why), _) => format!("failed, {}", printable(why)),
            (None, Some(ended)) => printable(ended),
            (None, None) => "ok".to_owned(),
        };
        let about = if step.detail.is_empty() { String::new() } else { format!("{}: ", printable(&step.detail)) };
        text += &format!("  {:<12} {:>9.3} ms  {about}{outcome}\n", step.stage.as_str(), step.elapsed.as_secs_f64() * 1000.0);
    }
    text
}

/// The chain, and what the server asked for.
pub fn told(target: &TargetState) -> String {
    let mut text = tree(target);
    text += &revocation(target);
    let Some(endpoint) = &target.endpoint else { return text };
    if !endpoint.client_certificate_requested {
        return text + "  the server asked for no client certificate\n";
    }
    text += match endpoint.client.outcome {
        ClientCertificate::Accepted => "  the server asked for a client certificate and accepted ours\n",
        ClientCertificate::Rejected => "  the server asked for a client certificate and refuses ours, or that there is none\n",
        ClientCertificate::NotRequired => "  the server asked for a client certificate and answers without one, too\n",
        ClientCertificate::NotRequested | ClientCertificate::Unconfirmed => {
            "  the server asked for a client certificate and has not said what it makes of the answer\n"
        }
    };
    let names = &endpoint.client.acceptable_cas;
    if !names.is_empty() {
        let shown: Vec<String> = names.iter().take(SHOWN_CAS).map(|name| printable(name)).collect();
        let more = names.len().saturating_sub(SHOWN_CAS);
        let cut = if more > 0 || endpoint.client.acceptable_cas_cut { " and more" } else { "" };
        text += &format!("  it takes certificates of: {}{cut}\n", shown.join("; "));
    }
    text
}

/// What is known of the revocation of each certificate, a line for each.
pub fn revocation(target: &TargetState) -> String {
    let of_each = target.content.certificates.iter().enumerate().filter_map(|(index, certificate)| {
        // Nobody stands above a root, and so nobody says anything of it.
        let verdict = target.report.verdict(index).filter(|_| certificate.role != CertRole::Root)?;
        let name = if certificate.subject.is_empty() { &*certificate.serial } else { &*certificate.subject };
        Some(format!("  revocation of {}: {}\n", printable(name), revoked(verdict)))
    });
    of_each.collect()
}

/// A verdict in words: the state, since when and why, who said so, and until when that holds.
fn revoked(verdict: &Verdict) -> String {
    let mut text = match verdict.status {
        RevocationStatus::Good => "not revoked".to_owned(),
        RevocationStatus::Revoked => "REVOKED".to_owned(),
        RevocationStatus::Unknown => "unknown".to_owned(),
        RevocationStatus::NotApplicable => "not applicable".to_owned(),
        RevocationStatus::Pending => "not asked yet".to_owned(),
    };
    if let Some((at, reason)) = verdict.revoked.as_deref() {
        text += &format!(" since {}, reason {reason}", at.rfc3339());
    }
    if let Some(method) = verdict.method {
        text += &format!(", by {method}");
    }
    if let Some(reason) = verdict.reason {
        text += &format!(", {reason}");
    }
    if let Some(until) = verdict.until {
        text += &format!(", until {}", until.rfc3339());
    }
    text
}

/// What was agreed on, and what is wrong.
pub fn verdict(target: &TargetState) -> String {
    let mut text = String::new();
    if let Some(endpoint) = &target.endpoint {
        let agreed: Vec<_> = [&endpoint.version, &endpoint.cipher, &endpoint.group, &endpoint.alpn].into_iter().flatten().collect();
        if !agreed.is_empty() {
            text += &format!("  agreed on: {}\n", agreed.iter().map(|part| printable(part)).collect::<Vec<_>>().join(", "));
        }
        if let Some(why) = &endpoint.path_error {
            text += &format!("  trust: {}\n", printable(why));
        }
    }
    if let Some(failure) = &target.failure {
        text += &format!("  failed at {}: {} ({})\n", failure.stage, failure.reason, printable(&failure.detail));
    }
    let of_certificates = (0..target.content.certificates.len()).flat_map(|index| target.report.certificate(index).iter());
    let findings: Vec<&str> = of_certificates.chain(target.report.target.iter()).map(Finding::as_str).collect();
    if !findings.is_empty() {
        text += &format!("  findings: {}\n", findings.join(", "));
    }
    text
}

/// From the leaf to whoever issued it, as far as the server shows; what is missing is named.
pub fn tree(target: &TargetState) -> String {
    let Some(chain) = Chain::of(target) else { return String::new() };
    let mut text = String::new();
    for (depth, (_, certificate)) in chain.way.iter().enumerate() {
        text += &match depth.checked_sub(1) {
            None => format!("  {}\n", line(certificate)),
            Some(above) => format!("  {}└─ issued by {}\n", "   ".repeat(above), line(certificate)),
        };
    }
    if let Some((_, last)) = chain.way.last().filter(|_| chain.end != End::SelfIssued) {
        let indent = "   ".repeat(chain.way.len() - 1);
        text += &format!("  {indent}└─ issued by {}: {}\n", printable(&last.issuer), chain.end.as_str());
    }
    for (index, certificate) in chain.others {
        text += &format!("  also sent, as number {}: {}\n", index + 1, line(certificate));
    }
    text
}

fn line(certificate: &CertificateFacts) -> String {
    let name = if certificate.subject.is_empty() {
        certificate.names.first().map_or_else(|| "(no subject)".to_owned(), |name| name.prefixed())
    } else {
        certificate.subject.to_string()
    };
    format!("{} ({}, ends {})", printable(&name), certificate.role, certificate.not_after.rfc3339())
}

/// What comes from a certificate or server must not move the cursor.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
