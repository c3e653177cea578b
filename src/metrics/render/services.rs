//! The series of CRLs at URLs, and of OCSP responders.

use crate::metrics::table;
use crate::metrics::text::label;
use crate::model::revocation::CrlService;
use crate::model::{Finding, Noun, Services};

use super::crls;
use super::page::{Labels, Page};

/// Writes them all, sorted by URL; returns how many CRLs clash.
pub fn write(page: &mut Page, labels: &mut Labels, services: &Services) -> u64 {
    let mut clashes = 0;
    let mut lists: Vec<_> = services.crls.iter().collect();
    let fingerprint = |service: &CrlService| service.list.as_ref().map(|list| list.fingerprint);
    lists.sort_by(|a, b| (&a.url, fingerprint(a)).cmp(&(&b.url, fingerprint(b))));
    lists.dedup_by(|a, b| (&a.url, fingerprint(a)) == (&b.url, fingerprint(b)));
    for of_url in lists.chunk_by(|a, b| a.url == b.url) {
        labels.of_url(&of_url[0].url);
        labels.clear_members();
        for (index, service) in of_url.iter().enumerate() {
            match &service.list {
                Some(list) => labels.add_member(index, list.fingerprint, &[("issuer", &list.issuer), ("issuer_CN", &list.issuer_cn)]),
                None => labels.add_member(index, [0; 32], &[]),
            }
        }
        clashes += labels.each_member(|place, index, which, rest| {
            let service = of_url[index];
            match &service.list {
                Some(list) => {
                    crls::write_one(page, [place, which], rest, list, service.findings, service.findings.contains(Finding::Stale));
                }
                None => crls::write_findings(page, [place, which], rest, service.findings),
            }
        });
    }
    let mut responders: Vec<_> = services.responders.iter().collect();
    responders.sort_by(|a, b| a.url.cmp(&b.url));
    responders.dedup_by(|a, b| a.url == b.url);
    for responder in responders {
        labels.of_url(&responder.url);
        let place = labels.place();
        let mut own = Vec::new();
        for finding in responder.findings.iter().filter(|finding| finding.is_about(Noun::Responder)) {
            own.clear();
            label(&mut own, "finding", finding.as_str());
            page.line(table::RESPONDER_FINDING, &[place, &own], 1_u64);
        }
        if let Some(at) = responder.certificate_not_after {
            page.line(table::RESPONDER_CERT_NOT_AFTER, &[place], at.secs());
        }
        if let Some(at) = responder.oldest_this_update {
            page.line(table::OCSP_OLDEST_THIS_UPDATE, &[place], at.secs());
        }
    }
    clashes
}
