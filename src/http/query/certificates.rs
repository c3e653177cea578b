//! Every certificate once, with all places that hold it; those first that end first.

use std::collections::HashMap;

use super::first::First;
use super::{Filter, Page, each_target};
use crate::model::{CertificateFacts, FindingSet, SnapshotView, SourceHeader, TargetState, UnixTime};

/// Places of one certificate that are listed; the rest is counted.
pub const PLACES: usize = 100;

/// What the list is sorted by: when a certificate ends, and its fingerprint. Neither ever changes.
pub type Key = (UnixTime, [u8; 32]);

/// A certificate.
#[derive(Debug)]
pub struct Row<'a> {
    /// What it says.
    pub facts: &'a CertificateFacts,
    /// Of all its places together.
    pub findings: FindingSet,
    /// In how many places it is.
    pub count: u64,
    /// At most [`PLACES`] of them, sources by name.
    pub places: Vec<Held<'a>>,
}

/// A certificate in a place.
#[derive(Debug)]
pub struct Held<'a> {
    /// The source of the place.
    pub source: &'a SourceHeader,
    /// What is known of the place.
    pub target: &'a TargetState,
    /// Which of its certificates it is.
    pub index: usize,
}

impl Held<'_> {
    /// What is found on it there.
    pub fn findings(&self) -> FindingSet {
        self.target.report.certificate(self.index)
    }
}

/// What is known of a certificate while they are counted.
struct Counted<'a> {
    facts: &'a CertificateFacts,
    places: u64,
    fits: bool,
}

/// One page of them: a certificate is in when one of its places fits the whole filter. A walk over everything.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key>, limit: usize) -> Page<Row<'a>, Key> {
    let mut first = First::new(after, limit);
    for counted in counted(view, filter).into_values().filter(|counted| counted.fits && counted.places >= filter.min_places) {
        first.offer((counted.facts.not_after, counted.facts.fingerprint), counted.facts);
    }
    with_places(view, first.page())
}

fn counted<'a>(view: &'a dyn SnapshotView, filter: &Filter) -> HashMap<&'a [u8; 32], Counted<'a>> {
    // Only for their number are places of interest that do not fit.
    let (every, nothing) = (filter.min_places > 1, Filter::default());
    let mut counted: HashMap<&[u8; 32], Counted<'_>> = HashMap::new();
    each_target(view, if every { &nothing } else { filter }, &mut |source, target| {
        let place_fits = (!every || filter.takes_source(source)) && filter.takes_place(source, target);
        if !place_fits && !every {
            return;
        }
        for (index, facts) in target.content.certificates.iter().enumerate() {
            if !filter.takes_facts(facts) {
                continue;
            }
            let known = counted.get_mut(&facts.fingerprint);
            let fits = place_fits
                && (known.as_ref().is_some_and(|known| known.fits)
                    || (filter.takes_certificate(target, index, facts) && filter.names_certificate(target, facts)));
            match known {
                Some(known) => {
                    known.places += 1;
                    known.fits |= fits;
                }
                None if fits || every => drop(counted.insert(&facts.fingerprint, Counted { facts, places: 1, fits })),
                None => (),
            }
        }
    });
    counted
}

/// The certificates with all their places.
fn with_places<'a>(view: &'a dyn SnapshotView, page: Page<&'a CertificateFacts, Key>) -> Page<Row<'a>, Key> {
    let mut page = page.map(|_, facts| Row { facts, findings: FindingSet::EMPTY, count: 0, places: Vec::new() });
    let by_fingerprint: HashMap<[u8; 32], usize> = page.rows.iter().enumerate().map(|(at, ((_, key), _))| (*key, at)).collect();
    if page.rows.is_empty() {
        return page;
    }
    each_target(view, &Filter::default(), &mut |source, target| {
        for (index, facts) in target.content.certificates.iter().enumerate() {
            let Some((_, row)) = by_fingerprint.get(&facts.fingerprint).and_then(|at| page.rows.get_mut(*at)) else { continue };
            row.count += 1;
            row.findings.extend(target.report.certificate(index));
            if row.places.len() < PLACES {
                row.places.push(Held { source, target, index });
            }
        }
    });
    page
}
