//! What each policy is for now: for those who write policies, and for the log.

use std::collections::BTreeMap;

use crate::assess;
use crate::engine::store::Snapshot;
use crate::model::{CertificatePolicy, Finding, FindingSet, Place, Rules, SourceId, UnixTime, Waiver};

/// So many places of a policy are named.
const PLACES: usize = 20;

/// A policy with what it is for.
pub struct Matched<'a> {
    /// Which policy.
    pub policy: &'a CertificatePolicy,
    /// Certificates that it is for.
    pub certificates: u64,
    /// Places that hold one.
    pub places: u64,
    /// Certificates that break it.
    pub breaking: u64,
    /// How many break which rule.
    pub broken: BTreeMap<Finding, u64>,
    /// The first places, with what is broken there.
    pub first: Vec<(&'a SourceId, &'a Place, FindingSet)>,
}

/// What every policy is for in a snapshot.
pub fn matched<'a>(rules: &'a Rules, snapshot: &'a Snapshot) -> Vec<Matched<'a>> {
    let nothing = |policy| Matched { policy, certificates: 0, places: 0, breaking: 0, broken: BTreeMap::new(), first: Vec::new() };
    let mut all: Vec<Matched<'a>> = rules.policies.iter().map(nothing).collect();
    for source in snapshot.sources.values() {
        for target in source.targets() {
            // Policies are sorted by name, in the sources' rules too.
            let mut seen: BTreeMap<usize, FindingSet> = BTreeMap::new();
            for facts in &target.content.certificates {
                for policy in assess::policies(&source.header, target, facts) {
                    let Ok(at) = all.binary_search_by(|matched| matched.policy.name.cmp(&policy.name)) else { continue };
                    let found = assess::broken_rules(&policy.demands, facts);
                    seen.entry(at).or_default().extend(found);
                    let matched = &mut all[at];
                    matched.certificates += 1;
                    matched.breaking += u64::from(!found.is_empty());
                    found.iter().for_each(|finding| *matched.broken.entry(finding).or_default() += 1);
                }
            }
            for (at, found) in seen {
                all[at].places += 1;
                all[at].remember(&source.header.id, &target.place, found);
            }
        }
    }
    all
}

impl<'a> Matched<'a> {
    /// Keeps the first places; one where something is broken takes the room of one where nothing is.
    fn remember(&mut self, source: &'a SourceId, place: &'a Place, found: FindingSet) {
        if self.first.len() < PLACES {
            self.first.push((source, place, found));
        } else if !found.is_empty()
            && let Some(fine) = self.first.iter().rposition(|(_, _, found)| found.is_empty())
        {
            self.first.remove(fine);
            self.first.push((source, place, found));
        }
    }
}

/// The policies that are for nothing in a snapshot.
pub fn idle<'a>(rules: &'a Rules, snapshot: &Snapshot) -> Vec<&'a CertificatePolicy> {
    let mut idle: Vec<&CertificatePolicy> = rules.policies.iter().collect();
    for source in snapshot.sources.values() {
        for target in source.targets() {
            if idle.is_empty() {
                return idle;
            }
            for facts in &target.content.certificates {
                for policy in assess::policies(&source.header, target, facts) {
                    idle.retain(|idle| idle.name != policy.name);
                }
            }
        }
    }
    idle
}

/// Waivers that have ended.
pub fn ended(rules: &Rules, now: UnixTime) -> impl Iterator<Item = &Waiver> {
    rules.waivers.iter().filter(move |waiver| waiver.until < now)
}
