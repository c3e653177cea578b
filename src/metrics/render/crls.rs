//! The series of a place's CRLs.

use crate::metrics::table;
use crate::metrics::text::label;
use crate::model::{Finding, Noun, TargetState};

use super::count;
use super::page::{Labels, Page};

/// Writes all series of the CRLs; returns how many of them clash.
pub fn write(page: &mut Page, labels: &mut Labels, target: &TargetState) -> u64 {
    if target.content.crls.is_empty() {
        return 0;
    }
    labels.clear_members();
    for (index, crl) in target.content.crls.iter().enumerate() {
        labels.add_member(index, crl.fingerprint, &[("issuer", &crl.issuer), ("issuer_CN", &crl.issuer_cn)]);
    }
    labels.each_member(|place, index, which, rest| {
        let crl = &target.content.crls[index];
        let findings = target.report.crl(index);
        label(rest, "crl_number", crl.number.as_deref().unwrap_or_default());
        let all = [place, which, rest];
        page.line(table::CRL_THIS_UPDATE, &all, crl.this_update.secs());
        if let Some(next_update) = crl.next_update {
            page.line(table::CRL_NEXT_UPDATE, &all, next_update.secs());
        }
        if let Some(number) = number(crl.number.as_deref()) {
            page.line(table::CRL_NUMBER, &all, number);
        }
        page.line(table::CRL_STALE, &all, findings.contains(Finding::Stale));
        page.line(table::CRL_ENTRIES, &all, crl.entries);
        for finding in findings.iter().filter(|finding| finding.is_about(Noun::Crl)) {
            rest.clear();
            label(rest, "finding", finding.as_str());
            page.line(table::CRL_FINDING, &[place, which, rest], 1_u64);
        }
    })
}

/// How many series [`write()`] makes.
pub fn series(target: &TargetState) -> u64 {
    let of_each = target.content.crls.iter().enumerate().map(|(index, crl)| {
        let optional = u64::from(crl.next_update.is_some()) + u64::from(number(crl.number.as_deref()).is_some());
        3 + optional + count(target.report.crl(index), Noun::Crl)
    });
    of_each.sum()
}

fn number(decimal: Option<&str>) -> Option<f64> {
    decimal?.parse().ok().filter(|number: &f64| number.is_finite())
}
