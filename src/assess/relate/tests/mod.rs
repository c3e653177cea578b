//! Hand-made snapshots, and what is said about them.

mod bundles;
mod changes;
mod elsewhere;
mod served;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::assess::fixtures::endpoint;
use crate::model::{
    CertificateFacts, Circumstances, Content, Finding, Limits, PieceVisitor, Relations, Rendered, Report, Services, SourceHeader,
    SourceKind, SourceOptions, SourceStatus, TargetState, Use,
};
use crate::pki::fixtures::{Issued, ca_params, leaf_params};

/// The moment that everything is judged at, where nothing else is said.
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// A source with its targets.
#[derive(Clone)]
struct Held {
    header: SourceHeader,
    targets: Arc<Vec<Arc<TargetState>>>,
}

/// A snapshot of such sources, scanned a moment ago.
struct View {
    sources: Vec<Held>,
    generation: u64,
    seen_at: i64,
    relations: Relations,
    services: Services,
}

impl SnapshotView for View {
    fn rendered(&self, _: &mut dyn FnMut(&Rendered)) {}
    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        let status = SourceStatus { looked_at: Some(at(self.seen_at).system_time()), ..SourceStatus::default() };
        // A test's snapshots are few.
        let status: &'static SourceStatus = Box::leak(Box::new(status));
        self.sources.iter().for_each(|held| visit(&held.header, status));
    }
    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState)) {
        self.sources.iter().filter(|held| held.header.id == *source).flat_map(|held| held.targets.iter()).for_each(|target| visit(target));
    }
    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        for held in self.sources.iter().filter(|held| held.header.id == *source) {
            visit(Arc::as_ptr(&held.targets).addr(), &mut held.targets.iter());
        }
    }
    fn services(&self) -> &Services {
        &self.services
    }
    fn relations(&self) -> &Relations {
        &self.relations
    }
    fn generation(&self) -> u64 {
        self.generation
    }
    fn ready(&self) -> bool {
        true
    }
}

fn source(kind: SourceKind, name: &str, targets: impl IntoIterator<Item = TargetState>) -> Held {
    with(kind, name, SourceOptions::default(), targets)
}

fn with(kind: SourceKind, name: &str, options: SourceOptions, targets: impl IntoIterator<Item = TargetState>) -> Held {
    let header = SourceHeader { id: SourceId { kind, name: name.into() }, options };
    Held { header, targets: Arc::new(targets.into_iter().map(Arc::new).collect()) }
}

fn view(sources: &[Held]) -> Arc<View> {
    seen(sources, NOW)
}

fn seen(sources: &[Held], seen_at: i64) -> Arc<View> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
    let (relations, services) = Default::default();
    Arc::new(View { sources: sources.to_vec(), generation, seen_at, relations, services })
}

/// A target that last changed a day ago.
fn target(place: Place, certificates: impl IntoIterator<Item = CertificateFacts>) -> TargetState {
    let is_endpoint = matches!(place, Place::Endpoint { .. });
    TargetState {
        place,
        labels: None,
        circumstances: None,
        content: Arc::new(Content { certificates: certificates.into_iter().collect(), ..Content::default() }),
        endpoint: is_endpoint.then(|| Arc::new(endpoint())),
        related: None,
        history: None,
        report: Report::default(),
        failure: None,
        problems: Box::default(),
        stamp: None,
        changed_at: at(NOW - DAY),
        counters: None,
    }
}

fn file(path: &str, certificates: impl IntoIterator<Item = CertificateFacts>) -> TargetState {
    target(Place::file(path), certificates)
}

fn served(host: &str, certificates: impl IntoIterator<Item = CertificateFacts>) -> TargetState {
    target(Place::Endpoint { target: format!("{host}:443").into(), server_name: host.into(), address: None }, certificates)
}

fn used_by(mut state: TargetState, kind: &str, host: &str) -> TargetState {
    let used = Use { kind: kind.into(), name: "x".into(), host: host.into() };
    state.circumstances = Some(Arc::new(Circumstances { used_by: [used].into(), ..Circumstances::default() }));
    state
}

fn changed(mut state: TargetState, changed_at: i64) -> TargetState {
    state.changed_at = at(changed_at);
    state
}

fn facts(issued: &Issued) -> CertificateFacts {
    crate::pki::certificate::read(&issued.der, &Limits::default()).unwrap().facts
}

/// A leaf of a CA, valid for so many days from that day on.
fn leaf(ca: &Issued, host: &str, from: i64, days: i64) -> CertificateFacts {
    let mut params = leaf_params(host);
    params.use_authority_key_identifier_extension = true;
    params.not_before = day(from);
    params.not_after = day(from + days);
    facts(&ca.issue(params))
}

/// A day, counted from now.
fn day(from: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(NOW + from * DAY).unwrap()
}

/// What is said about places, by their names.
#[derive(Default)]
struct Said(BTreeMap<String, Related>);

impl Said {
    fn hear(&mut self, outcome: &Outcome) {
        for (source, place, related) in &outcome.told {
            let key = format!("{} {place}", source.name);
            match related {
                Some(related) => _ = self.0.insert(key, Related::clone(related)),
                None => _ = self.0.remove(&key),
            }
        }
    }

    /// The findings at a place, the target's own first.
    fn at(&self, place: &str) -> Vec<Finding> {
        let Some(related) = self.0.get(place) else { return Vec::new() };
        related.target.iter().chain(related.certificates.iter().flat_map(|(_, findings)| findings.iter())).collect()
    }
}

/// What is said about these sources, seen for the first time.
fn said(sources: &[Held]) -> (Said, Outcome) {
    let mut said = Said::default();
    let outcome = Relate::default().pass(view(sources), at(NOW));
    said.hear(&outcome);
    (said, outcome)
}
