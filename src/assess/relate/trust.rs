//! The trust graph: from leaf to anchor, over all sources. An authority is a name with a key; its certificates may be several (cross-signs, renewals).
//!
//! Who issued a certificate is told by name and key identifier first, and settled by its signature: at once for CA certificates and where
//! several could be meant, for leaves within [`Trust::check`]. Names alone prove nothing, so a leaf whose signature does not hold hangs on nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::certificates::{Certificates, Number};
use super::graph::Graph;
use super::nodes::{Id, Nodes};
use crate::model::{Authority, AuthorityRow, CertRole, CertificateFacts, Place, Relations, UnixTime};
use crate::pki::authority;

/// Authorities of one name that are looked at.
const OF_ONE_NAME: usize = 1_000;
/// Those of a fitting identifier whose signatures are tried.
const TRIED: usize = 16;
/// Rows that are kept.
const ROWS: usize = 10_000;

/// A name with a key.
pub(super) struct Known {
    pub(super) authority: Option<Arc<Authority>>,
    /// Its name, RFC 4514.
    pub(super) subject: Arc<str>,
    /// In how many places of each source its certificates are.
    pub(super) sources: HashMap<u32, u32>,
    /// Trust bundles that hold it.
    pub(super) bundles: HashSet<Id>,
    /// CA certificates that carry it.
    pub(super) certificates: Vec<Number>,
    /// Leaves that it issued.
    pub(super) leaves: HashSet<Number>,
    /// One of the machine's own trust anchors.
    pub(super) anchor: bool,
    /// Until when there is a path from it; `None`: for ever, or nobody knows its end.
    pub(super) until: Option<UnixTime>,
    /// Leaves that hang on it, at any depth.
    pub(super) total: u64,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            authority: None,
            subject: Arc::from(""),
            sources: HashMap::new(),
            bundles: HashSet::new(),
            certificates: Vec::new(),
            leaves: HashSet::new(),
            anchor: false,
            until: None,
            total: 0,
        }
    }
}

/// All authorities.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) all: Vec<Known>,
    by_authority: HashMap<Arc<Authority>, u32>,
    by_subject: HashMap<Arc<str>, Vec<u32>>,
    /// Certificates whose issuer is not known, by its name.
    waiting: HashMap<Arc<str>, HashSet<Number>>,
    unchecked: VecDeque<Number>,
    /// Leaves whose issuer is another than before, or is not known any more.
    pub(super) moved: Vec<Number>,
    /// Numbers of authorities that are gone.
    free: Vec<u32>,
    /// Something has changed since it was last summed up.
    changed: bool,
}

/// What summing up has changed.
#[derive(Default)]
pub(super) struct Summed {
    /// Authorities whose paths end at another time than before.
    pub(super) until: Vec<u32>,
    /// Authorities that have come into use, or gone out of it.
    pub(super) used: Vec<u32>,
}

impl Trust {
    /// With the machine's own trust anchors, by their names.
    pub(super) fn new(anchors: Vec<(Arc<str>, Arc<Authority>)>) -> Self {
        let mut trust = Self::default();
        for (subject, anchor) in anchors {
            let at = trust.entry(&subject, &anchor);
            trust.all[at as usize].anchor = true;
        }
        trust
    }

    /// A certificate came.
    pub(super) fn add(&mut self, number: Number, facts: &CertificateFacts, certificates: &mut Certificates, nodes: &Nodes) {
        self.changed = true;
        if let Some(authority) = &facts.authority {
            let at = self.entry(&facts.subject, authority);
            let known = &mut self.all[at as usize];
            known.certificates.push(number);
            if known.certificates.len() == 1 && !known.anchor {
                let waiting = self.waiting.remove(&facts.subject).unwrap_or_default();
                for other in waiting {
                    if let Some(facts) = certificates.facts(other, nodes) {
                        self.link(other, facts, certificates, false);
                    }
                }
            }
        }
        self.link(number, facts, certificates, false);
    }

    /// A certificate went; `issuer` is who issued it.
    pub(super) fn remove(
        &mut self,
        number: Number,
        facts: &CertificateFacts,
        issuer: Option<u32>,
        certificates: &mut Certificates,
        nodes: &Nodes,
    ) {
        self.changed = true;
        match issuer {
            Some(issuer) => {
                self.all[issuer as usize].leaves.remove(&number);
            }
            None => self.give_up(number, &facts.issuer),
        }
        let Some(authority) = &facts.authority else { return };
        let Some(at) = self.by_authority.get(authority).copied() else { return };
        let known = &mut self.all[at as usize];
        known.certificates.retain(|other| *other != number);
        if known.certificates.is_empty() && !known.anchor {
            // Who it issued hangs on nobody that is known any more.
            let leaves = std::mem::take(&mut known.leaves);
            let is_below = |other: &Number| certificates.get(*other).is_some_and(|other| other.issuer == Some(at));
            let of_cas: Vec<Number> = self.all.iter().flat_map(|known| &known.certificates).copied().filter(is_below).collect();
            self.forget(at, &facts.subject);
            for orphan in leaves.into_iter().chain(of_cas) {
                if let Some(orphan) = certificates.get_mut(orphan) {
                    (orphan.issuer, orphan.checked) = (None, false);
                }
                // One of the same name may have issued it after all.
                if let Some(facts) = certificates.facts(orphan, nodes) {
                    self.link(orphan, facts, certificates, false);
                }
            }
        }
    }

    fn forget(&mut self, at: u32, subject: &Arc<str>) {
        if let Some(authority) = std::mem::take(&mut self.all[at as usize]).authority {
            self.by_authority.remove(&authority);
        }
        if let Some(named) = self.by_subject.get_mut(subject) {
            named.retain(|known| *known != at);
            if named.is_empty() {
                self.by_subject.remove(subject);
            }
        }
        self.free.push(at);
    }

    /// Checks the signatures of so many certificates that are linked by name only.
    pub(super) fn check(&mut self, most: usize, certificates: &mut Certificates, nodes: &Nodes) {
        for _ in 0..most {
            let Some(number) = self.unchecked.pop_front() else {
                self.unchecked = VecDeque::new();
                break;
            };
            let Some((issuer, false)) = certificates.get(number).map(|known| (known.issuer, known.checked)) else { continue };
            let (Some(issuer), Some(facts)) = (issuer, certificates.facts(number, nodes)) else { continue };
            let holds = self.all[issuer as usize].authority.as_deref().is_some_and(|authority| issued(authority, facts));
            if holds {
                if let Some(known) = certificates.get_mut(number) {
                    known.checked = true;
                }
                continue;
            }
            self.all[issuer as usize].leaves.remove(&number);
            self.changed = true;
            self.link(number, facts, certificates, true);
        }
    }

    /// Whether signatures are still to be checked.
    pub(super) fn is_unchecked(&self) -> bool {
        !self.unchecked.is_empty()
    }

    /// Who issued it, by signature where several could be meant.
    fn link(&mut self, number: Number, facts: &CertificateFacts, certificates: &mut Certificates, by_signature: bool) {
        let Some(lookup) = &facts.lookup else { return };
        let named = self.named(&facts.issuer);
        let named = &named[..named.len().min(OF_ONE_NAME)];
        let wanted = lookup.pointers.authority_key.as_deref();
        let id = |at: &u32| self.all[*at as usize].authority.as_deref().and_then(|authority| authority.key_id.as_deref());
        // The identifier proves nothing, but saves most checks of signatures.
        let mut candidates: Vec<u32> = named.iter().filter(|at| wanted.is_none() || id(at) == wanted).take(TRIED).copied().collect();
        if candidates.is_empty() {
            let identifies = |at: &&u32| {
                let authority = self.all[**at as usize].authority.as_deref();
                authority.is_some_and(|known| known.key_id.is_none() || wanted.is_some_and(|id| authority::identifies(id, &known.key)))
            };
            candidates = named.iter().take(TRIED).filter(identifies).copied().collect();
        }
        let is_ca = facts.authority.is_some();
        let (issuer, checked) = match candidates[..] {
            [only] if !is_ca && !by_signature => (Some(only), false),
            _ => {
                let signed = |at: &&u32| self.all[**at as usize].authority.as_deref().is_some_and(|authority| issued(authority, facts));
                (candidates.iter().find(signed).copied(), true)
            }
        };
        let Some(known) = certificates.get_mut(number) else { return };
        (known.issuer, known.checked) = (issuer, checked && issuer.is_some());
        if !is_ca {
            self.moved.push(number);
        }
        match issuer {
            Some(issuer) if !is_ca => {
                self.all[issuer as usize].leaves.insert(number);
                if !checked {
                    self.unchecked.push_back(number);
                }
            }
            Some(_) => {}
            None => {
                self.waiting.entry(facts.issuer.clone()).or_default().insert(number);
            }
        }
    }

    fn give_up(&mut self, number: Number, issuer: &Arc<str>) {
        if let Some(waiting) = self.waiting.get_mut(issuer) {
            waiting.remove(&number);
            if waiting.is_empty() {
                self.waiting.remove(issuer);
            }
        }
    }

    fn entry(&mut self, subject: &Arc<str>, authority: &Arc<Authority>) -> u32 {
        if let Some(at) = self.by_authority.get(authority) {
            return *at;
        }
        let at = self.free.pop().unwrap_or(self.all.len() as u32);
        if self.all.len() <= at as usize {
            self.all.push(Known::default());
        }
        self.all[at as usize] = Known { authority: Some(authority.clone()), subject: subject.clone(), ..Known::default() };
        self.by_authority.insert(authority.clone(), at);
        self.by_subject.entry(subject.clone()).or_default().push(at);
        at
    }

    /// The authority of a CA certificate.
    pub(super) fn of(&self, facts: &CertificateFacts) -> Option<u32> {
        self.by_authority.get(facts.authority.as_ref()?).copied()
    }

    /// A CA certificate is kept by the operator now, or no more.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// One of its certificates is at one place more, or less, of a source. Whether it came into the source, or has left it.
    pub(super) fn note_place(&mut self, at: u32, source: u32, is_there: bool) -> bool {
        let sources = &mut self.all[at as usize].sources;
        let count = sources.entry(source).or_default();
        *count = if is_there { *count + 1 } else { count.saturating_sub(1) };
        let is_last = *count == 0;
        let is_first = is_there && *count == 1;
        if is_last {
            sources.remove(&source);
        }
        is_first || is_last
    }

    /// The authorities of a name.
    pub(super) fn named(&self, subject: &str) -> &[u32] {
        self.by_subject.get(subject).map_or(&[], |all| all)
    }

    /// Counts what hangs on whom, and until when there are paths, when anything has changed.
    pub(super) fn sum_up(&mut self, certificates: &Certificates, nodes: &Nodes) -> Summed {
        let mut summed = Summed::default();
        if !std::mem::take(&mut self.changed) {
            return summed;
        }
        let graph = Graph::of(&self.all, certificates, nodes);
        let until = graph.until(&self.all);
        for (at, (known, until)) in self.all.iter_mut().zip(until).enumerate() {
            if known.until != until {
                known.until = until;
                summed.until.push(at as u32);
            }
        }
        let totals: Vec<u64> = (0..self.all.len()).map(|at| self.total(&graph, at as u32)).collect();
        for (at, (known, total)) in self.all.iter_mut().zip(totals).enumerate() {
            if (known.total == 0) != (total == 0) {
                summed.used.push(at as u32);
            }
            known.total = total;
        }
        summed
    }

    fn total(&self, graph: &Graph, at: u32) -> u64 {
        graph.below(at).iter().map(|below| self.all[*below as usize].leaves.len() as u64).sum()
    }

    /// A row for each CA certificate that not only trust stores hold.
    pub(super) fn rows(&self, certificates: &Certificates, nodes: &Nodes) -> Relations {
        let graph = Graph::of(&self.all, certificates, nodes);
        let mut rows = Vec::new();
        for (at, known) in self.all.iter().enumerate().filter(|(_, known)| !known.certificates.is_empty()) {
            let below = graph.below(at as u32);
            for number in &known.certificates {
                let (Some(found), Some(facts)) = (certificates.get(*number), certificates.facts(*number, nodes)) else { continue };
                let is_watched = |(id, _)| nodes.get(id).is_some_and(|node| !nodes.source(node).header.options.trust_store);
                if !found.places.iter().any(is_watched) {
                    continue;
                }
                let ends_first = |at: &&u32| self.all[**at as usize].until.is_some_and(|until| until <= facts.not_after);
                let stranded = below.iter().filter(ends_first).map(|at| self.all[*at as usize].leaves.len() as u64).sum();
                rows.push(AuthorityRow {
                    places: found.places.len() as u64,
                    dependants: known.total,
                    stranded,
                    cross_signs: known.certificates.len() as u64 - 1,
                    ..AuthorityRow::of(facts)
                });
            }
        }
        rows.sort_by(|a, b| b.dependants.cmp(&a.dependants).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
        let left_out = rows.len().saturating_sub(ROWS) as u64;
        rows.truncate(ROWS);
        let (copies, copied) = certificates.copies(nodes);
        Relations { authorities: rows, left_out, copies, copied }
    }

    /// The leaves that hang on an authority, with until when each has a path.
    pub(super) fn leaves_below(&self, at: u32, certificates: &Certificates, nodes: &Nodes) -> Vec<(Number, Option<UnixTime>)> {
        let below = Graph::of(&self.all, certificates, nodes).below(at);
        let of_each = below.iter().map(|at| &self.all[*at as usize]);
        of_each.flat_map(|known| known.leaves.iter().map(|leaf| (*leaf, known.until))).collect()
    }
}

/// Whether this authority's key signed the certificate.
pub(super) fn issued(by: &Authority, facts: &CertificateFacts) -> bool {
    facts.lookup.as_deref().is_some_and(|lookup| authority::issued(by, lookup))
}

/// Whether the operator keeps a place himself: what an endpoint shows proves nothing by standing there.
pub(super) fn is_store(place: &Place) -> bool {
    !matches!(place, Place::Endpoint { .. })
}

/// Whether it is a leaf.
pub(super) fn is_leaf(facts: &CertificateFacts) -> bool {
    facts.role == CertRole::Leaf
}
