//! What one piece of a source (about a thousand targets) has to say on the overview. Made once for each piece, and kept until that is replaced.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::http::query::namespace;
use crate::model::{CertRole, Evidence, Finding, SourceHeader, SourceKind, TargetState, UnixTime};

use super::super::trouble::{self, Trouble, Weight, Wrong};

/// Certificates that end first, of each piece and in all.
pub const SOONEST: usize = 12;
/// Places that are named of each kind of trouble.
pub const NAMED: usize = 3;
/// Namespaces that are offered to choose from.
pub const NAMESPACES: usize = 1_000;

/// When a certificate ends. Those of one certificate are equal, in whatever places it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// When.
    pub at: UnixTime,
    /// The beginning of its fingerprint.
    pub short: u64,
    /// Its renewal is overdue.
    pub overdue: bool,
}

/// A certificate that ends soon.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When.
    pub at: UnixTime,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// What people call it: common name, first name, subject or serial number.
    pub name: Arc<str>,
    /// Leaf, intermediate or root.
    pub role: CertRole,
    /// When it should be renewed; leaves only.
    pub renewal_due: Option<UnixTime>,
    /// Its renewal is overdue.
    pub overdue: bool,
    /// Where it is; one of its places.
    pub named: Named,
    /// In how many places it is.
    pub places: u64,
}

/// A place by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Name of its source.
    pub source: Arc<str>,
    /// Kind of its source.
    pub kind: SourceKind,
    /// What it is called.
    pub place: Box<str>,
    /// Who owns it.
    pub owner: Option<Box<str>>,
    /// What another place has to do with it.
    pub besides: Option<Box<str>>,
    /// Since when, where that is known.
    pub since: Option<UnixTime>,
}

/// Everything that one kind of trouble is about.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// In how many places.
    pub places: u64,
    /// The first few of them.
    pub named: Vec<Named>,
}

/// What places are grouped by: how much it weighs, what it is, and whether it is on something that nothing uses.
pub type Kind = (Weight, Trouble, bool);

/// A piece in short.
#[derive(Debug, Default)]
pub struct Piece {
    /// When its certificates end, in order, each certificate once. Without trust stores, and without copies in requests.
    pub ends: Box<[End]>,
    /// Those that end first and have not ended.
    pub soonest: Vec<Ending>,
    /// What is wrong.
    pub wrong: BTreeMap<Kind, Group>,
    /// Namespaces, with the number of places in each.
    pub namespaces: BTreeMap<Box<str>, u64>,
    /// What uses a place is known of one of them.
    pub has_users: bool,
}

impl Piece {
    /// Looks through the targets of a piece.
    pub fn of(source: &SourceHeader, targets: &mut dyn Iterator<Item = &Arc<TargetState>>, now: UnixTime) -> Self {
        let mut piece = Self::default();
        let mut ends: Vec<(End, &TargetState, usize)> = Vec::new();
        let is_dated = !source.options.trust_store && source.id.kind != SourceKind::KubeCsr;
        for target in targets {
            piece.note_troubles(source, target);
            piece.has_users |= target.circumstances.as_ref().is_some_and(|known| !known.used_by.is_empty());
            if let Some(namespace) = namespace(&target.place) {
                let has_room = piece.namespaces.len() < NAMESPACES;
                match piece.namespaces.get_mut(namespace) {
                    Some(places) => *places += 1,
                    None if has_room => drop(piece.namespaces.insert(namespace.into(), 1)),
                    None => (),
                }
            }
            for (index, facts) in target.content.certificates.iter().enumerate().filter(|_| is_dated) {
                let overdue = target.report.certificate(index).contains(Finding::RotationOverdue);
                ends.push((End { at: facts.not_after, short: short(&facts.fingerprint), overdue }, target, index));
            }
        }
        ends.sort_unstable_by_key(|(end, ..)| *end);
        piece.soonest = soonest(source, &ends, now);
        let mut distinct: Vec<End> = ends.into_iter().map(|(end, ..)| end).collect();
        merge_equal(&mut distinct);
        piece.ends = distinct.into();
        piece
    }

    fn note_troubles(&mut self, source: &SourceHeader, target: &TargetState) {
        let mut noted: Vec<Kind> = Vec::new();
        trouble::each(source, target, &mut |Wrong { trouble, weight, unused, certificate }| {
            let kind = (weight, trouble, unused);
            if noted.contains(&kind) {
                return;
            }
            noted.push(kind);
            let group = self.wrong.entry(kind).or_default();
            group.places += 1;
            if group.named.len() < NAMED {
                let certificate = certificate.and_then(|index| target.content.certificates.get(index));
                let of_it = |evidence: &&Evidence| {
                    trouble == Trouble::Finding(evidence.finding)
                        && evidence.certificate.as_ref() == certificate.map(|facts| &facts.fingerprint)
                };
                let evidence = target.related.iter().flat_map(|related| &related.evidence).find(of_it);
                let besides = evidence.map(besides);
                let since = match trouble {
                    Trouble::Failing(..) => target.failure.as_ref().map(|failure| failure.since),
                    Trouble::Finding(Finding::Expired) => certificate.map(|facts| facts.not_after),
                    _ => evidence.map(|evidence| evidence.since),
                };
                group.named.push(Named { besides, since, ..named(source, target) });
            }
        });
    }
}

/// The other place behind a finding, or what else is said of it.
fn besides(evidence: &Evidence) -> Box<str> {
    let parts = [&*evidence.place, &*evidence.detail];
    let text = parts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    text.into()
}

fn named(source: &SourceHeader, target: &TargetState) -> Named {
    Named {
        source: source.id.name.clone(),
        kind: source.id.kind,
        place: target.place.to_string().into(),
        owner: target.owner(&source.options).map(|(_, owner)| owner.into()),
        besides: None,
        since: None,
    }
}

/// The first that have not ended, each once with the number of its places here.
fn soonest(source: &SourceHeader, ends: &[(End, &TargetState, usize)], now: UnixTime) -> Vec<Ending> {
    let from = ends.partition_point(|(end, ..)| end.at < now);
    let mut soonest: Vec<Ending> = Vec::new();
    for (end, target, index) in &ends[from..] {
        let Some(facts) = target.content.certificates.get(*index) else { continue };
        if let Some(last) = soonest.last_mut().filter(|last| last.fingerprint == facts.fingerprint) {
            last.places += 1;
            last.overdue |= end.overdue;
            continue;
        }
        if soonest.len() == SOONEST {
            break;
        }
        soonest.push(Ending {
            at: end.at,
            fingerprint: facts.fingerprint,
            name: super::super::show::name(facts).into(),
            role: facts.role,
            renewal_due: (facts.role == CertRole::Leaf).then(|| target.renewal_due(facts, &source.options)),
            overdue: end.overdue,
            named: named(source, target),
            places: 1,
        });
    }
    soonest
}

/// Of sorted ends: those of one certificate become one. What is overdue in one of its places is, wherever else it is.
pub fn merge_equal(ends: &mut Vec<End>) {
    ends.dedup_by(|next, first| {
        let is_same = (next.at, next.short) == (first.at, first.short);
        first.overdue |= is_same && next.overdue;
        is_same
    });
}

/// The beginning of a fingerprint.
pub fn short(fingerprint: &[u8; 32]) -> u64 {
    fingerprint.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
