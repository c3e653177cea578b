//! What is fetched and asked for revocation: the CRLs and, behind them, the responders, each by URL.

use std::borrow::Cow;

use super::first::First;
use super::{Filter, Outcome, Page};
use crate::model::revocation::{CrlService, Responder};
use crate::model::{FindingSet, SnapshotView};

/// What the list is sorted by: CRLs before responders, then the URL; lists at one URL by their fingerprints.
pub type Key<'a> = (bool, Cow<'a, str>, Option<[u8; 32]>);

/// One of them.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A CRL at a URL.
    Crl(&'a CrlService),
    /// A responder.
    Responder(&'a Responder),
}

/// One page of them.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key<'a>>, limit: usize) -> Page<Row<'a>, Key<'a>> {
    let services = view.services();
    let mut first: First<'_, Key<'a>, Row<'a>> = First::new(after, limit);
    for service in services.crls.iter().filter(|service| filter.takes_service(&service.url, service.findings, service.failure.is_some())) {
        let list = service.list.as_ref().map(|list| list.fingerprint);
        first.offer((false, Cow::Borrowed(&*service.url), list), Row::Crl(service));
    }
    let responders = services.responders.iter();
    for service in responders.filter(|service| filter.takes_service(&service.url, service.findings, service.failure.is_some())) {
        first.offer((true, Cow::Borrowed(&*service.url), None), Row::Responder(service));
    }
    first.page()
}

impl Filter {
    fn takes_service(&self, url: &str, findings: FindingSet, fails: bool) -> bool {
        self.finding.is_none_or(|wanted| findings.contains(wanted))
            && self.outcome.is_none_or(|wanted| fails == (wanted == Outcome::Failing))
            && self.text.as_ref().is_none_or(|needle| needle.is_in(url))
    }
}
