//! What each policy is for now: for those who write policies, and for the log.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::assess;
use crate::engine::store::Snapshot;
use crate::model::rules::Spot;
use crate::model::{CertificatePolicy, Finding, FindingSet, Place, Rules, Selector, SourceId, UnixTime, Waiver};

/// So many places of a policy are named.
const PLACES: usize = 20;
/// A waiver that ends later is no exception any more: two years, in seconds.
const FAR: i64 = 731 * 86_400;

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
    /// The first places, broken ones before others, with what is broken there.
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
    /// Keeps the first places in order, those where something is broken before those where nothing is.
    fn remember(&mut self, source: &'a SourceId, place: &'a Place, found: FindingSet) {
        let key = |(source, place, found): &(&'a SourceId, &'a Place, FindingSet)| (found.is_empty(), *source, *place);
        let new = (source, place, found);
        let at = self.first.partition_point(|known| key(known) < key(&new));
        if at < PLACES {
            self.first.insert(at, new);
            self.first.truncate(PLACES);
        }
    }
}

/// Rules that are for nothing.
#[derive(Default)]
pub struct Idle<'a> {
    /// For no certificate.
    pub policies: Vec<&'a CertificatePolicy>,
    /// For no certificate, CRL or place.
    pub waivers: Vec<&'a Waiver>,
}

/// The policies and waivers that are for nothing in a snapshot.
pub fn idle<'a>(rules: &'a Rules, snapshot: &Snapshot) -> Idle<'a> {
    let mut idle = Idle { policies: rules.policies.iter().collect(), waivers: rules.waivers.iter().collect() };
    for source in snapshot.sources.values() {
        for target in source.targets() {
            if idle.policies.is_empty() && idle.waivers.is_empty() {
                return idle;
            }
            let spot = Spot::new(&source.header, target.labels.as_deref(), &target.place);
            let content = &target.content;
            if !source.header.options.trust_store {
                let is_for = |policy: &CertificatePolicy| {
                    policy.applies.fits_place(&spot) && content.certificates.iter().any(|facts| policy.applies.fits_certificate(facts))
                };
                idle.policies.retain(|policy| !is_for(policy));
            }
            let is_for = |applies: &Selector| {
                applies.fits_place(&spot)
                    && (!applies.is_about_certificates()
                        || content.certificates.iter().any(|facts| applies.covers_certificate(facts))
                        || content.crls.iter().any(|facts| applies.fits_crl(facts)))
            };
            idle.waivers.retain(|waiver| !is_for(&waiver.applies));
        }
    }
    idle
}

/// Waivers that have ended.
pub fn ended(rules: &Rules, now: UnixTime) -> impl Iterator<Item = &Waiver> {
    rules.waivers.iter().filter(move |waiver| waiver.until < now)
}

/// Whether a waiver ends so late that nobody will remember it.
pub fn is_far(waiver: &Waiver, now: UnixTime) -> bool {
    waiver.until.secs() > now.secs().saturating_add(FAR)
}

/// What a selector means, in words.
pub fn meant(selector: &Selector, anything: &str) -> String {
    let kinds: Vec<&str> = selector.kinds.iter().map(|kind| kind.as_str()).collect();
    let roles: Vec<&str> = selector.roles.iter().map(|role| role.as_str()).collect();
    let labels: Vec<String> = selector.labels.0.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    let parts = [
        said("the source is", &selector.sources),
        said("its kind is", &kinds),
        (!labels.is_empty()).then(|| format!("the labels are {}", labels.join(" and "))),
        said("the place is", &selector.places),
        said("the role is", &roles),
        said("a name is", &selector.names),
        said("the subject is", &selector.subjects),
        said("the issuer calls itself", &selector.issuers),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { anything.to_owned() } else { format!("{anything} where {}", parts.join(", and ")) }
}

/// `the key is RSA or EC`; nothing of an empty list.
pub fn said<T: Display>(what: &str, list: &[T]) -> Option<String> {
    let words: Vec<String> = list.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| format!("{what} {}", words.join(" or ")))
}
