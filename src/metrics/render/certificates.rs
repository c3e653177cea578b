//! The series of a place's certificates.

use crate::metrics::compat::name_fields;
use crate::metrics::table;
use crate::metrics::text::{hex, label};
use crate::model::facts::KEY_USAGES;
use crate::model::rules::Item;
use crate::model::{CertRole, CertificateFacts, Finding, FindingSet, Noun, RevocationStatus, SourceHeader, TargetState, Use, Verdict};

use super::page::{Labels, Page};
use super::{count, count_waived, item, shown, write_waived};

/// Writes all series of the certificates that the source shows; returns how many of them clash.
pub fn write(page: &mut Page, labels: &mut Labels, source: &SourceHeader, target: &TargetState, enix: bool) -> u64 {
    labels.clear_members();
    for (index, certificate) in shown(source, target) {
        add(labels, index, certificate);
    }
    labels.each_member(|place, index, which, rest| {
        let certificate = &target.content.certificates[index];
        let findings = target.report.certificate(index);
        generation(rest, certificate, enix);
        let all = [place, which, rest];
        page.line(table::CERT_NOT_BEFORE, &all, certificate.not_before.secs());
        page.line(table::CERT_NOT_AFTER, &all, certificate.not_after.secs());
        if enix {
            page.line(table::CERT_EXPIRED, &all, target.report.is_so_of_certificate(index, Finding::Expired));
        }
        if certificate.role == CertRole::Leaf {
            page.line(table::CERT_RENEWAL_DUE, &all, target.renewal_due(certificate, &source.options).secs());
            info(rest, certificate);
            page.line(table::CERT_INFO, &[place, which, rest], 1_u64);
        }
        write_findings(page, place, which, rest, findings);
        write_waived(page, table::CERT_FINDING_WAIVED, [place, which], rest, &target.report, item(index, Item::Certificate));
        if let Some(verdict) = verdict(target, index, certificate) {
            write_revocation(page, place, which, rest, verdict);
        }
    })
}

/// What uses the place, while there is something to use.
pub fn write_uses(page: &mut Page, labels: &Labels, scratch: &mut Vec<u8>, target: &TargetState) {
    for used in uses(target) {
        scratch.clear();
        label(scratch, "kind", &used.kind);
        label(scratch, "name", &used.name);
        label(scratch, "host", &used.host);
        page.line(table::CERT_USED_BY, &[labels.place(), scratch], 1_u64);
    }
}

/// The users that are shown.
pub fn uses(target: &TargetState) -> &[Use] {
    target.circumstances.as_deref().map_or(&[], |known| &known.used_by)
}

/// How many series [`write()`] makes.
pub fn series(source: &SourceHeader, target: &TargetState, enix: bool) -> u64 {
    let of_each = shown(source, target).map(|(index, certificate)| {
        let dates = if certificate.role == CertRole::Leaf { 4 } else { 2 };
        let revocation = verdict(target, index, certificate).map_or(0, |verdict| 1 + u64::from(revoked(verdict).is_some()));
        let waived = count_waived(&target.report, item(index, Item::Certificate));
        dates + u64::from(enix) + count(target.report.certificate(index), Noun::Certificate) + waived + revocation
    });
    of_each.sum()
}

/// Writes the one series of a trust store's place: the certificate that ends first, expired ones only when there is no other.
pub fn fold(page: &mut Page, labels: &mut Labels, target: &TargetState, enix: bool) {
    let certificates = || target.content.certificates.iter().enumerate();
    let expired = |index: usize| target.report.is_so_of_certificate(index, Finding::Expired);
    let first = certificates().filter(|(index, _)| !expired(*index)).min_by_key(|(_, certificate)| certificate.not_after);
    let Some((index, certificate)) = first.or_else(|| certificates().max_by_key(|(_, certificate)| certificate.not_after)) else {
        return;
    };
    labels.clear_members();
    add(labels, index, certificate);
    labels.each_member(|place, _, which, rest| {
        generation(rest, certificate, enix);
        page.line(table::CERT_NOT_AFTER, &[place, which, rest], certificate.not_after.secs());
    });
}

fn add(labels: &mut Labels, index: usize, certificate: &CertificateFacts) {
    let which =
        [("cert_role", certificate.role.as_str()), ("subject_CN", &*certificate.subject_cn), ("issuer_CN", &*certificate.issuer_cn)];
    labels.add_member(index, certificate.fingerprint, &which);
}

/// The labels that change with every renewal.
fn generation(out: &mut Vec<u8>, certificate: &CertificateFacts, enix: bool) {
    label(out, "subject", &certificate.subject);
    label(out, "serial_number", &certificate.serial);
    label(out, "not_after", &certificate.not_after.rfc3339());
    if enix {
        name_fields(out, certificate);
    }
}

/// The labels that only `x509_cert_info` has.
fn info(out: &mut Vec<u8>, certificate: &CertificateFacts) {
    out.extend_from_slice(b",fingerprint=\"");
    hex(out, &certificate.fingerprint);
    out.push(b'"');
    label(out, "issuer", &certificate.issuer);
    label(out, "signature_algorithm", &certificate.signature_algorithm);
    label(out, "key_algorithm", certificate.key.algorithm.as_str());
    if certificate.key.bits > 0 {
        label(out, "key_bits", &certificate.key.bits.to_string());
    }
    label(out, "sans", &joined(certificate.names.iter().map(crate::model::facts::SubjectName::prefixed)));
    label(out, "spiffe_id", certificate.spiffe_id().unwrap_or_default());
    if let Some(bits) = certificate.key_usage {
        label(out, "key_usage", &joined(KEY_USAGES.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, name)| name)));
    }
    label(out, "extended_key_usage", &joined(certificate.extended_key_usage.iter().flat_map(|usages| usages.iter())));
}

fn write_findings(page: &mut Page, place: &[u8], which: &[u8], scratch: &mut Vec<u8>, findings: FindingSet) {
    for finding in findings.iter().filter(|finding| finding.is_about(Noun::Certificate)) {
        scratch.clear();
        label(scratch, "finding", finding.as_str());
        page.line(table::CERT_FINDING, &[place, which, scratch], 1_u64);
    }
}

fn write_revocation(page: &mut Page, place: &[u8], which: &[u8], scratch: &mut Vec<u8>, verdict: &Verdict) {
    if let Some(revoked) = revoked(verdict) {
        page.line(table::CERT_REVOKED, &[place, which], revoked);
    }
    scratch.clear();
    label(scratch, "status", verdict.status.as_str());
    page.line(table::CERT_REVOCATION_STATUS, &[place, which, scratch], 1_u64);
}

/// The verdict that is shown: on every leaf, on CA certificates only while they are revoked. Two series for each member of a chain are
/// the budget, and the API has the rest.
fn verdict<'a>(target: &'a TargetState, index: usize, certificate: &CertificateFacts) -> Option<&'a Verdict> {
    let is_shown = |verdict: &&Verdict| certificate.role == CertRole::Leaf || verdict.status == RevocationStatus::Revoked;
    target.report.verdict(index).filter(|_| certificate.lookup.is_some()).filter(is_shown)
}

/// Whether it is revoked, where that is known.
fn revoked(verdict: &Verdict) -> Option<bool> {
    match verdict.status {
        RevocationStatus::Good => Some(false),
        RevocationStatus::Revoked => Some(true),
        RevocationStatus::Unknown | RevocationStatus::NotApplicable | RevocationStatus::Pending => None,
    }
}

fn joined(parts: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(part.as_ref());
    }
    text
}
