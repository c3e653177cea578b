//! Who issued whom, as of one moment: what is below an authority, and until when there are paths from it.

use std::collections::{BinaryHeap, HashSet};

use super::certificates::Certificates;
use super::nodes::Nodes;
use super::trust::Known;
use crate::model::UnixTime;

/// CA certificates in a path that are followed; hostile chains are longer.
const DEPTH: usize = 16;

/// Who issued whom, as of one moment.
pub(super) struct Graph {
    /// Authorities whose CA certificates this one issued.
    children: Vec<Vec<u32>>,
    /// For each CA certificate of an authority: who issued it (`None`: nobody known), and when it ends.
    parents: Vec<Vec<(Above, UnixTime)>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Above {
    /// It stands for itself: a root that the operator keeps.
    Itself,
    /// Only an endpoint shows it, and nobody that is known has signed it.
    Claimed,
    /// Issued by this one.
    By(u32),
    /// Issued by somebody who is not known, and kept by the operator.
    Unknown,
}

impl Graph {
    pub(super) fn of(all: &[Known], certificates: &Certificates, nodes: &Nodes) -> Self {
        let mut graph = Self { children: vec![Vec::new(); all.len()], parents: Vec::with_capacity(all.len()) };
        for (at, known) in all.iter().enumerate() {
            let mut parents = Vec::new();
            for number in &known.certificates {
                let (Some(found), Some(facts)) = (certificates.get(*number), certificates.facts(*number, nodes)) else { continue };
                let above = match found.issuer {
                    Some(issuer) if issuer as usize != at => Above::By(issuer),
                    // Whoever shows it wrote it, too.
                    _ if found.stored == 0 => Above::Claimed,
                    _ if facts.lookup.is_some() => Above::Unknown,
                    _ => Above::Itself,
                };
                if let Above::By(issuer) = above {
                    graph.children[issuer as usize].push(at as u32);
                }
                parents.push((above, facts.not_after));
            }
            graph.parents.push(parents);
        }
        for children in &mut graph.children {
            children.sort_unstable();
            children.dedup();
        }
        graph
    }

    /// The authority and all below it, each once, as deep as paths go.
    pub(super) fn below(&self, at: u32) -> Vec<u32> {
        let (mut seen, mut found) = (HashSet::from([at]), vec![at]);
        let mut layer = 0..1;
        for _ in 0..DEPTH {
            let before = found.len();
            for next in layer {
                let children = found.get(next).and_then(|at| self.children.get(*at as usize)).map_or(&[][..], |children| children);
                found.extend(children.iter().filter(|child| seen.insert(**child)).copied().collect::<Vec<_>>());
            }
            layer = before..found.len();
            if layer.is_empty() {
                break;
            }
        }
        found
    }

    /// Until when each authority has a path: of its certificates the one that lasts longest, each no longer than what stands above it.
    pub(super) fn until(&self, all: &[Known]) -> Vec<Option<UnixTime>> {
        const EVER: i64 = i64::MAX;
        let own = |at: usize| -> i64 {
            let of_its_own = self.parents[at].iter().filter(|(above, _)| *above == Above::Itself).map(|(_, end)| end.secs()).max();
            if all[at].anchor || self.parents[at].is_empty() {
                // The end of a trust anchor is known where the operator keeps its certificate.
                return of_its_own.unwrap_or(EVER);
            }
            let ends = self.parents[at].iter().filter(|(above, _)| matches!(above, Above::Itself | Above::Unknown));
            ends.map(|(_, end)| end.secs()).max().unwrap_or(i64::MIN)
        };
        let mut until: Vec<i64> = (0..self.parents.len()).map(own).collect();
        // Widest paths: whoever lasts longest hands on first. A cycle adds nothing to itself.
        let mut order: BinaryHeap<(i64, u32)> = (0..).zip(&until).map(|(at, until)| (*until, at)).collect();
        while let Some((end, at)) = order.pop() {
            if end < until[at as usize] {
                continue;
            }
            for child in &self.children[at as usize] {
                let through = self.parents[*child as usize].iter().filter(|(above, _)| *above == Above::By(at));
                let wider = through.map(|(_, own)| own.secs().min(end)).max().unwrap_or(i64::MIN);
                if wider > until[*child as usize] {
                    until[*child as usize] = wider;
                    order.push((wider, *child));
                }
            }
        }
        // Nobody knows the end of one that only endpoints show.
        until.into_iter().map(|until| (until != EVER && until != i64::MIN).then(|| UnixTime::from_secs(until))).collect()
    }
}
