//! The CRLs: those that places hold, sources by name, then those that are fetched, by URL.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::first::First;
use super::{Filter, Page, each_target};
use crate::model::revocation::CrlService;
use crate::model::{CrlFacts, FindingSet, Place, SnapshotView, SourceHeader, SourceId, TargetState};

/// What the list is sorted by; lists of one place or URL (a mirror serves several in turn) by their fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key<'a> {
    /// In a place.
    Stored(Cow<'a, SourceId>, Cow<'a, Place>, [u8; 32]),
    /// At a URL.
    Fetched(Cow<'a, str>, Option<[u8; 32]>),
}

/// Where a CRL comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place of a source holds it.
    Stored,
    /// It is fetched from a URL.
    Fetched,
}

/// A CRL.
#[derive(Debug)]
pub enum Row<'a> {
    /// One that a place holds.
    Stored {
        /// The source of the place.
        source: &'a SourceHeader,
        /// What is known of the place.
        target: &'a TargetState,
        /// Which of its CRLs it is.
        index: usize,
        /// What it says.
        facts: &'a CrlFacts,
    },
    /// One that is fetched.
    Fetched(&'a CrlService),
}

/// One page of them. A walk over everything.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key<'a>>, limit: usize) -> Page<Row<'a>, Key<'a>> {
    let mut first = First::new(after, limit);
    if filter.origin != Some(Origin::Fetched) {
        each_target(view, filter, &mut |source, target| {
            if target.content.crls.is_empty() || !filter.takes_place(source, target) {
                return;
            }
            for (index, facts) in target.content.crls.iter().enumerate() {
                let is_named = filter.text.as_ref().is_none_or(|needle| needle.is_in_crl(facts) || needle.is_in_place(&target.place));
                if is_named && filter.takes_crl(Some(facts), target.report.crl(index)) {
                    let key = Key::Stored(Cow::Borrowed(&source.id), Cow::Borrowed(&target.place), facts.fingerprint);
                    first.offer(key, Row::Stored { source, target, index, facts });
                }
            }
        });
    }
    for service in &view.services().crls {
        let facts = service.list.as_deref();
        let is_named = |needle: &super::Needle| needle.is_in(&service.url) || facts.is_some_and(|facts| needle.is_in_crl(facts));
        if filter.takes_fetched(service.failure.is_some())
            && filter.takes_crl(facts, service.findings)
            && filter.text.as_ref().is_none_or(is_named)
        {
            first.offer(Key::Fetched(Cow::Borrowed(&service.url), facts.map(|facts| facts.fingerprint)), Row::Fetched(service));
        }
    }
    first.page()
}

impl Filter {
    /// Whether what is fetched may be wanted: it belongs to no source and no place.
    pub(super) fn takes_fetched(&self, fails: bool) -> bool {
        let is_about_places =
            self.source.is_some() || self.kind.is_some() || self.namespace.is_some() || self.owner.is_some() || self.unowned.is_some();
        let is_so = |wanted| fails == (wanted == super::Outcome::Failing);
        !is_about_places && self.origin != Some(Origin::Stored) && self.outcome.is_none_or(is_so)
    }

    /// Whether a CRL is wanted; one that was never fetched has no end.
    fn takes_crl(&self, facts: Option<&CrlFacts>, findings: FindingSet) -> bool {
        let ends = facts.and_then(|facts| facts.next_update);
        self.finding.is_none_or(|wanted| findings.contains(wanted))
            && self.fingerprint.is_none_or(|wanted| facts.is_some_and(|facts| facts.fingerprint == wanted))
            && self.expires_before.is_none_or(|before| ends.is_some_and(|ends| ends < before))
            && self.expires_after.is_none_or(|after| ends.is_some_and(|ends| ends >= after))
    }
}
