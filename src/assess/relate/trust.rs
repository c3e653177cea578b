//! The trust graph: from leaf to anchor, over all sources. An authority is a name with a key; its certificates may be several (cross-signs, renewals).
//!
//! Who issued a certificate is settled by its signature, within [`Trust::check`]; until then a leaf hangs on the one authority that its name and
//! key identifier can mean, if there is only one. Names alone prove nothing, so a leaf whose signature does not hold hangs on nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::certificates::{Certificates, Number};
use super::graph::Graph;
use super::nodes::{Id, Nodes};
use crate::model::{Authority, AuthorityRow, CertRole, CertificateFacts, Place, Relations, UnixTime};
use crate::pki::authority;

/// Authorities of one name that are looked at.
const OF_ONE_NAME: usize = 1_000;
/// Those of them whose signatures are tried, of a fitting identifier and of any other.
const TRIED: usize = 16;
/// Key identifiers of one authority that are kept: its certificates may name it in several ways.
const IDS: usize = 8;
/// Rows that are kept.
const ROWS: usize = 10_000;

/// A name with a key.
#[derive(Default)]
pub(super) struct Known {
    pub(super) authority: Option<Arc<Authority>>,
    /// Its name, RFC 4514.
    pub(super) subject: Box<str>,
    /// The subject key identifiers that its certificates say.
    ids: Vec<Box<[u8]>>,
    /// Trust bundles that hold it.
    pub(super) bundles: HashSet<Id>,
    /// CA certificates that carry it.
    pub(super) certificates: Vec<Number>,
    /// Leaves that it issued.
    pub(super) leaves: HashSet<Number>,
    /// CA certificates that it issued.
    below: HashSet<Number>,
    /// One of the machine's own trust anchors.
    pub(super) anchor: bool,
    /// Until when there is a path from it; `None`: for ever, or nobody knows its end.
    pub(super) until: Option<UnixTime>,
    /// Leaves that hang on it, at any depth.
    pub(super) total: u64,
}

/// A name and a key, DER: what makes an authority.
type Key = (Arc<[u8]>, Arc<[u8]>);

/// All authorities.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) all: Vec<Known>,
    by_key: HashMap<Key, u32>,
    by_subject: HashMap<Arc<str>, Vec<u32>>,
    /// Certificates whose issuer is not known, by its name.
    waiting: HashMap<Arc<str>, HashSet<Number>>,
    /// CA certificates whose signatures are to be checked, and leaves.
    unchecked_cas: VecDeque<Number>,
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
    pub(super) fn add(&mut self, number: Number, facts: &CertificateFacts, certificates: &mut Certificates) {
        self.changed = true;
        if let Some(authority) = &facts.authority {
            let at = self.entry(&facts.subject, authority);
            let known = &mut self.all[at as usize];
            known.certificates.push(number);
            if let Some(id) = authority.key_id.as_ref().filter(|id| known.ids.len() < IDS && !known.ids.contains(id)) {
                known.ids.push(id.clone());
            }
            // One that they wait for may have come.
            for other in self.waiting.remove(&facts.subject).unwrap_or_default() {
                self.queue(other, certificates);
            }
        }
        self.link(number, facts, certificates);
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
                self.all[issuer as usize].below.remove(&number);
            }
            None => self.give_up(number, &facts.issuer),
        }
        let Some(at) = self.of(facts) else { return };
        let known = &mut self.all[at as usize];
        known.certificates.retain(|other| *other != number);
        if known.certificates.is_empty() && !known.anchor {
            // Who it issued hangs on nobody that is known any more; one of the same name may have issued it after all.
            let orphans = std::mem::take(&mut known.leaves).into_iter().chain(std::mem::take(&mut known.below));
            let orphans: Vec<Number> = orphans.collect();
            self.forget(at, &facts.subject);
            for orphan in orphans {
                if let Some(known) = certificates.get_mut(orphan) {
                    (known.issuer, known.checked) = (None, false);
                }
                if let Some(facts) = certificates.facts(orphan, nodes) {
                    self.link(orphan, facts, certificates);
                }
            }
        }
    }

    fn forget(&mut self, at: u32, subject: &Arc<str>) {
        if let Some(authority) = std::mem::take(&mut self.all[at as usize]).authority {
            self.by_key.remove(&key(&authority));
        }
        if let Some(named) = self.by_subject.get_mut(subject) {
            named.retain(|known| *known != at);
            if named.is_empty() {
                self.by_subject.remove(subject);
            }
        }
        self.free.push(at);
    }

    /// Checks so many signatures. What has been checked hangs on whom it says, or on nobody.
    pub(super) fn check(&mut self, most: usize, certificates: &mut Certificates, nodes: &Nodes) {
        let mut left = most;
        while left > 0 {
            let Some(number) = self.unchecked_cas.pop_front().or_else(|| self.unchecked.pop_front()) else {
                (self.unchecked_cas, self.unchecked) = Default::default();
                return;
            };
            let Some((before, false)) = certificates.get(number).map(|known| (known.issuer, known.checked)) else { continue };
            let Some(facts) = certificates.facts(number, nodes) else { continue };
            let mut tried = 0;
            let signed = |at: &u32| {
                tried += 1;
                self.all[*at as usize].authority.as_deref().is_some_and(|authority| issued(authority, facts))
            };
            let issuer = self.candidates(facts, certificates).into_iter().find(signed);
            left = left.saturating_sub(tried.max(1));
            self.place(number, facts, (before, issuer), certificates);
            if let Some(known) = certificates.get_mut(number) {
                known.checked = issuer.is_some();
            }
            if issuer.is_none() {
                self.waiting.entry(facts.issuer.clone()).or_default().insert(number);
            }
        }
    }

    /// Whether signatures are still to be checked.
    pub(super) fn is_unchecked(&self) -> bool {
        !self.unchecked.is_empty() || !self.unchecked_cas.is_empty()
    }

    /// Links a certificate as far as that can be said without its signature, which is checked later.
    fn link(&mut self, number: Number, facts: &CertificateFacts, certificates: &mut Certificates) {
        let Some(lookup) = &facts.lookup else { return };
        let named = self.named(&facts.issuer);
        if named.is_empty() {
            self.waiting.entry(facts.issuer.clone()).or_default().insert(number);
            self.moved.push(number);
            return;
        }
        let wanted = lookup.pointers.authority_key.as_ref();
        let fits = |at: &&u32| wanted.is_none_or(|wanted| self.all[**at as usize].ids.contains(wanted));
        let mut fitting = named.iter().take(OF_ONE_NAME).filter(fits);
        let only = fitting.next().copied().filter(|_| fitting.next().is_none() && facts.authority.is_none());
        self.place(number, facts, (None, only), certificates);
        self.queue(number, certificates);
    }

    /// Makes a certificate hang on this authority instead of that.
    fn place(
        &mut self,
        number: Number,
        facts: &CertificateFacts,
        (before, after): (Option<u32>, Option<u32>),
        certificates: &mut Certificates,
    ) {
        let is_ca = facts.authority.is_some();
        if before == after && before.is_some() {
            return;
        }
        self.changed = true;
        if let Some(before) = before {
            self.all[before as usize].leaves.remove(&number);
            self.all[before as usize].below.remove(&number);
        }
        if let Some(after) = after {
            let known = &mut self.all[after as usize];
            _ = if is_ca { known.below.insert(number) } else { known.leaves.insert(number) };
        }
        if let Some(known) = certificates.get_mut(number) {
            (known.issuer, known.checked) = (after, false);
        }
        if !is_ca {
            self.moved.push(number);
        }
    }

    fn queue(&mut self, number: Number, certificates: &Certificates) {
        let is_ca = certificates.get(number).is_some_and(|known| known.is_ca);
        if is_ca { self.unchecked_cas.push_back(number) } else { self.unchecked.push_back(number) }
    }

    /// Those who may have issued a certificate, likeliest first: of a fitting identifier before others, and of these those that the operator keeps
    /// before those that only an endpoint shows. The identifier proves nothing, but saves most checks.
    fn candidates(&self, facts: &CertificateFacts, certificates: &Certificates) -> Vec<u32> {
        let wanted = facts.lookup.as_deref().and_then(|lookup| lookup.pointers.authority_key.as_deref());
        let is_kept = |at: &u32| {
            let known = &self.all[*at as usize];
            known.anchor || known.certificates.iter().any(|number| certificates.get(*number).is_some_and(|known| known.stored > 0))
        };
        let fits = |at: &u32| wanted.is_none_or(|wanted| self.all[*at as usize].ids.iter().any(|id| **id == *wanted));
        let named = self.named(&facts.issuer);
        let named = &named[..named.len().min(OF_ONE_NAME)];
        let mut found = Vec::new();
        for fitting in [true, false] {
            let mut some: Vec<u32> = named.iter().filter(|at| fits(at) == fitting).copied().collect();
            if some.len() > TRIED {
                some.sort_by_key(|at| !is_kept(at));
                some.truncate(TRIED);
            }
            found.extend(some);
        }
        found
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
        let key = key(authority);
        if let Some(at) = self.by_key.get(&key) {
            return *at;
        }
        let at = self.free.pop().unwrap_or(self.all.len() as u32);
        if self.all.len() <= at as usize {
            self.all.push(Known::default());
        }
        self.all[at as usize] = Known { authority: Some(authority.clone()), subject: (**subject).into(), ..Known::default() };
        self.by_key.insert(key, at);
        self.by_subject.entry(subject.clone()).or_default().push(at);
        at
    }

    /// The authority of a CA certificate.
    pub(super) fn of(&self, facts: &CertificateFacts) -> Option<u32> {
        self.by_key.get(&key(facts.authority.as_deref()?)).copied()
    }

    /// A CA certificate is kept by the operator now, or no more.
    pub(super) fn touch(&mut self) {
        self.changed = true;
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

/// What makes an authority: usages and identifiers may differ from certificate to certificate.
fn key(authority: &Authority) -> Key {
    (authority.subject.clone(), authority.key.clone())
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
