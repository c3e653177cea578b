//! Who issued whom, as of one moment: what is below an authority, and until when there are paths from it.

use std::collections::{BinaryHeap, HashSet};

use super::certificates::Certificates;
use super::nodes::Nodes;
use super::trust::Known;
use crate::model::UnixTime;

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
                    let children = &mut graph.children[issuer as usize];
                    if !children.contains(&(at as u32)) {
                        children.push(at as u32);
                    }
                }
                parents.push((above, facts.not_after));
            }
            graph.parents.push(parents);
        }
        graph
    }

    /// The authority and all below it, each once.
    pub(super) fn below(&self, at: u32) -> Vec<u32> {
        let (mut seen, mut found) = (HashSet::from([at]), vec![at]);
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            next += 1;
            found.extend(self.children[at as usize].iter().filter(|child| seen.insert(**child)));
        }
        found
    }

    /// Until when each authority has a path: of its certificates the one that lasts longest, each no longer than what stands above it.
    pub(super) fn until(&self, all: &[Known]) -> Vec<Option<UnixTime>> {
        const EVER: i64 = i64::MAX;
        let own = |at: usize| -> i64 {
            if all[at].anchor || self.parents[at].is_empty() {
                return EVER;
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
