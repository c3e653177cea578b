//! The series of CRLs, and of OCSP responses in files.

use crate::metrics::table;
use crate::metrics::text::label;
use crate::model::rules::Item;
use crate::model::{CrlFacts, Finding, FindingSet, Noun, TargetState, UnixTime};

use super::page::{Labels, Page};
use super::{count, count_waived, item, write_waived};

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
        let (report, on) = (&target.report, item(index, Item::Crl));
        let is_stale = report.is_so_of_crl(index, Finding::Stale);
        write_one(page, [place, which], rest, &target.content.crls[index], report.crl(index), is_stale);
        write_waived(page, table::CRL_FINDING_WAIVED, [place, which], rest, report, on);
    })
}

/// Writes the series of one CRL. That it is stale may be waived; it is so all the same.
pub fn write_one(page: &mut Page, labels: [&[u8]; 2], rest: &mut Vec<u8>, crl: &CrlFacts, findings: FindingSet, is_stale: bool) {
    let [place, which] = labels;
    label(rest, "crl_number", crl.number.as_deref().unwrap_or_default());
    let all = [place, which, rest];
    page.line(table::CRL_THIS_UPDATE, &all, crl.this_update.secs());
    if let Some(next_update) = crl.next_update {
        page.line(table::CRL_NEXT_UPDATE, &all, next_update.secs());
    }
    if let Some(number) = number(crl.number.as_deref()) {
        page.line(table::CRL_NUMBER, &all, number);
    }
    page.line(table::CRL_STALE, &all, is_stale);
    page.line(table::CRL_ENTRIES, &all, crl.entries);
    write_findings(page, labels, rest, findings);
}

/// Writes what is wrong with one CRL.
pub fn write_findings(page: &mut Page, [place, which]: [&[u8]; 2], scratch: &mut Vec<u8>, findings: FindingSet) {
    for finding in findings.iter().filter(|finding| finding.is_about(Noun::Crl)) {
        scratch.clear();
        label(scratch, "finding", finding.as_str());
        page.line(table::CRL_FINDING, &[place, which, scratch], 1_u64);
    }
}

/// Writes the dates of the OCSP responses in a file; they are about one certificate, as servers want them.
pub fn write_responses(page: &mut Page, labels: &Labels, target: &TargetState) {
    let (this_update, next_update) = response_dates(target);
    if let Some(at) = this_update {
        page.line(table::OCSP_THIS_UPDATE, &[labels.place()], at.secs());
    }
    if let Some(at) = next_update {
        page.line(table::OCSP_NEXT_UPDATE, &[labels.place()], at.secs());
    }
}

/// How many series [`write_responses()`] makes.
pub fn response_series(target: &TargetState) -> u64 {
    let (this_update, next_update) = response_dates(target);
    u64::from(this_update.is_some()) + u64::from(next_update.is_some())
}

fn response_dates(target: &TargetState) -> (Option<UnixTime>, Option<UnixTime>) {
    let responses = || target.content.responses.iter();
    (responses().map(|facts| facts.this_update).min(), responses().filter_map(|facts| facts.next_update).min())
}

/// How many series [`write()`] makes.
pub fn series(target: &TargetState) -> u64 {
    let of_each = target.content.crls.iter().enumerate().map(|(index, crl)| {
        let optional = u64::from(crl.next_update.is_some()) + u64::from(number(crl.number.as_deref()).is_some());
        3 + optional + count(target.report.crl(index), Noun::Crl) + count_waived(&target.report, item(index, Item::Crl))
    });
    of_each.sum()
}

fn number(decimal: Option<&str>) -> Option<f64> {
    decimal?.parse().ok().filter(|number: &f64| number.is_finite())
}
