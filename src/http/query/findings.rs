//! Every finding: those on targets, their certificates and CRLs, sources by name, then those on CRLs that are fetched and on responders, by URL.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::first::First;
use super::{Filter, Needle, Page, each_target, item};
use crate::model::revocation::{CrlService, Responder};
use crate::model::{
    CertificateFacts, CrlFacts, Evidence, Finding, FindingSet, Item, Noun, Place, SnapshotView, SourceHeader, SourceId, TargetState,
    UnixTime, Waived,
};

/// What the list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key<'a> {
    /// On something in a place: the target itself, a certificate or a CRL by its fingerprint.
    Placed(Cow<'a, SourceId>, Cow<'a, Place>, Part, Finding),
    /// On a CRL that is fetched.
    Fetched(Cow<'a, str>, Option<[u8; 32]>, Finding),
    /// On a responder.
    Responder(Cow<'a, str>, Finding),
}

/// Part of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The target itself.
    Target,
    /// A certificate.
    Certificate([u8; 32]),
    /// A CRL.
    Crl([u8; 32]),
}

/// A finding.
#[derive(Debug)]
pub struct Row<'a> {
    /// What is found.
    pub finding: Finding,
    /// On what.
    pub on: On<'a>,
    /// Since when it is so; `None` where nobody knows.
    pub since: Option<UnixTime>,
    /// Who answers for it, and until when; `None` where nobody does.
    pub waived: Option<&'a Waived>,
    /// Which other places have to do with it, and how.
    pub evidence: Vec<&'a Evidence>,
    /// The policies that say so.
    pub policies: Vec<&'a str>,
}

/// What a finding is on.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// A target.
    Target(&'a SourceHeader, &'a TargetState),
    /// A certificate of a target.
    Certificate(&'a SourceHeader, &'a TargetState, &'a CertificateFacts),
    /// A CRL of a target.
    Crl(&'a SourceHeader, &'a TargetState, &'a CrlFacts),
    /// A CRL at a URL.
    Fetched(&'a CrlService),
    /// A responder.
    Responder(&'a Responder),
}

/// What is known of a row before it is on a page.
#[derive(Clone, Copy)]
struct Seen<'a> {
    on: On<'a>,
    item: Item,
    waived: Option<&'a Waived>,
}

/// One page of them. A walk over everything.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key<'a>>, limit: usize) -> Page<Row<'a>, Key<'a>> {
    let mut first = First::new(after, limit);
    each_target(view, filter, &mut |source, target| {
        let is_clean = target.report.target.is_empty()
            && target.report.certificates.is_empty()
            && target.report.crls.is_empty()
            && target.report.waived.is_empty();
        if !is_clean && filter.takes_place(source, target) {
            of_target(filter, source, target, &mut first);
        }
    });
    let services = view.services();
    for service in services.crls.iter().filter(|service| filter.takes_on_service(&service.url, service.failure.is_some(), Noun::Crl)) {
        let seen = Seen { on: On::Fetched(service), item: Item::Target, waived: None };
        for finding in service.findings.iter().filter(|finding| filter.takes_finding(*finding, false)) {
            let list = service.list.as_ref().map(|list| list.fingerprint);
            first.offer(Key::Fetched(Cow::Borrowed(&service.url), list, finding), seen);
        }
    }
    for service in
        services.responders.iter().filter(|service| filter.takes_on_service(&service.url, service.failure.is_some(), Noun::Responder))
    {
        let seen = Seen { on: On::Responder(service), item: Item::Target, waived: None };
        for finding in service.findings.iter().filter(|finding| filter.takes_finding(*finding, false)) {
            first.offer(Key::Responder(Cow::Borrowed(&service.url), finding), seen);
        }
    }
    first.page().map(|key, seen| row(key.finding(), seen))
}

fn of_target<'a>(filter: &Filter, source: &'a SourceHeader, target: &'a TargetState, first: &mut First<'_, Key<'a>, Seen<'a>>) {
    let report = &target.report;
    let is_in_place = filter.text.as_ref().is_none_or(|needle| needle.is_in_place(&target.place));
    let mut offer = |part: Part, on: On<'a>, item: Item, found: FindingSet| {
        let key = |finding| Key::Placed(Cow::Borrowed(&source.id), Cow::Borrowed(&target.place), part, finding);
        for finding in found.iter().filter(|finding| filter.takes_finding(*finding, false)) {
            first.offer(key(finding), Seen { on, item, waived: None });
        }
        for waived in report.waived_on(item).filter(|waived| filter.takes_finding(waived.finding, true)) {
            first.offer(key(waived.finding), Seen { on, item, waived: Some(waived) });
        }
    };
    if filter.takes_noun(Noun::Target) && !filter.is_about_certificates() && is_in_place {
        offer(Part::Target, On::Target(source, target), Item::Target, report.target);
    }
    let has = |found: &[FindingSet], is_it: fn(&Waived) -> bool| !found.is_empty() || report.waived.iter().any(is_it);
    if filter.takes_noun(Noun::Certificate) && has(&report.certificates, |waived| matches!(waived.on, Item::Certificate(_))) {
        for (index, facts) in target.content.certificates.iter().enumerate() {
            let is_named = is_in_place || filter.text.as_ref().is_none_or(|needle| needle.is_in_certificate(facts));
            if is_named && filter.takes_facts(facts) && filter.takes_verdict(target, index) {
                let on = On::Certificate(source, target, facts);
                offer(Part::Certificate(facts.fingerprint), on, item(index, Item::Certificate), report.certificate(index));
            }
        }
    }
    if filter.takes_noun(Noun::Crl) && !filter.is_about_certificates() && has(&report.crls, |waived| matches!(waived.on, Item::Crl(_))) {
        for (index, facts) in target.content.crls.iter().enumerate() {
            if is_in_place || filter.text.as_ref().is_none_or(|needle| needle.is_in_crl(facts)) {
                let on = On::Crl(source, target, facts);
                offer(Part::Crl(facts.fingerprint), on, item(index, Item::Crl), report.crl(index));
            }
        }
    }
}

impl Key<'_> {
    fn finding(&self) -> Finding {
        match self {
            Self::Placed(.., finding) | Self::Fetched(.., finding) | Self::Responder(_, finding) => *finding,
        }
    }
}

impl Filter {
    fn takes_noun(&self, noun: Noun) -> bool {
        self.noun.is_none_or(|wanted| wanted == noun)
    }

    fn takes_finding(&self, finding: Finding, is_waived: bool) -> bool {
        self.finding.is_none_or(|wanted| wanted == finding) && self.waived.is_none_or(|wanted| wanted == is_waived)
    }

    fn takes_on_service(&self, url: &str, fails: bool, noun: Noun) -> bool {
        self.takes_fetched(fails)
            && self.takes_noun(noun)
            && !self.is_about_certificates()
            && self.text.as_ref().is_none_or(|needle: &Needle| needle.is_in(url))
    }
}

fn row(finding: Finding, Seen { on, item, waived }: Seen<'_>) -> Row<'_> {
    let (target, certificate) = match on {
        On::Target(_, target) | On::Crl(_, target, _) => (Some(target), None),
        On::Certificate(_, target, facts) => (Some(target), Some(facts)),
        On::Fetched(_) | On::Responder(_) => (None, None),
    };
    let of_it =
        |evidence: &&Evidence| evidence.finding == finding && evidence.certificate.as_ref() == certificate.map(|facts| &facts.fingerprint);
    let about = target.filter(|_| !matches!(on, On::Crl(..)));
    let told = about.iter().flat_map(|target| &target.related).flat_map(|related| &related.evidence);
    let evidence: Vec<&Evidence> = told.filter(of_it).collect();
    let broken = target.iter().flat_map(|target| &target.report.broken);
    let is_of_it = |broken: &&crate::model::Broken| Item::Certificate(broken.certificate) == item && broken.findings.contains(finding);
    let policies = broken.filter(is_of_it).map(|broken| &*broken.policy).collect();
    let since = since(finding, &on, item, &evidence);
    Row { finding, on, since, waived, evidence, policies }
}

/// Since when a finding holds, where the facts or what was kept say it.
fn since(finding: Finding, on: &On<'_>, item: Item, evidence: &[&Evidence]) -> Option<UnixTime> {
    if let Some(earliest) = evidence.iter().map(|evidence| evidence.since).min() {
        return Some(earliest);
    }
    let ended = |target: &TargetState| target.report.ended_on(item).map(|ended| ended.until).min();
    match (finding, on) {
        (Finding::Expired, On::Certificate(_, _, facts)) => Some(facts.not_after),
        (Finding::KeyReused, On::Certificate(_, target, facts)) => {
            let mut renewals = target.history.iter().flat_map(|history| &history.renewals);
            renewals.find(|renewed| renewed.new == facts.fingerprint && renewed.same_key).map(|renewed| renewed.at)
        }
        (Finding::Stale, On::Crl(_, _, facts)) => facts.next_update,
        (Finding::Stale, On::Fetched(service)) => service.list.as_ref().and_then(|list| list.next_update),
        (Finding::WaiverEnded, On::Target(_, target) | On::Certificate(_, target, _) | On::Crl(_, target, _)) => ended(target),
        _ => None,
    }
}
