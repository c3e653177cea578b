//! The series of CA certificates, one for each, in however many places it is.

use crate::metrics::table;
use crate::metrics::text::{first_label, hex, label};
use crate::model::Relations;

use super::page::Page;

/// Writes them all, by fingerprint: the order of a scrape must not depend on how many hang on them.
pub fn write(page: &mut Page, relations: &Relations) {
    let mut rows: Vec<_> = relations.authorities.iter().collect();
    rows.sort_by_key(|row| row.fingerprint);
    let mut labels = Vec::new();
    for row in rows {
        labels.clear();
        first_label(&mut labels, "cert_role", row.role.as_str());
        label(&mut labels, "subject_CN", &row.subject_cn);
        label(&mut labels, "issuer_CN", &row.issuer_cn);
        label(&mut labels, "subject", &row.subject);
        label(&mut labels, "serial_number", &row.serial);
        label(&mut labels, "not_after", &row.not_after.rfc3339());
        labels.extend_from_slice(b",fingerprint=\"");
        hex(&mut labels, &row.fingerprint);
        labels.push(b'"');
        page.line(table::CERT_DEPENDANTS, &[&labels], row.dependants);
        page.line(table::CERT_STRANDED, &[&labels], row.stranded);
        page.line(table::CERT_PLACES, &[&labels], row.places);
    }
}
