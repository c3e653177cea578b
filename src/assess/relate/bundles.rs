//! Trust bundles: places that hold CA certificates alone. Whether one lacks a CA that is in use, or holds one that is not; and whether the client
//! certificate of a source verifies against the bundle of an endpoint's server.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Relate;
use super::nodes::{Id, Node, Nodes};
use super::trust::{self, is_leaf, is_store};
use crate::model::{CertificateFacts, Place, SourceKind};

/// CAs of one name that are compared.
const NAMESAKES: usize = 64;
/// Keys that were seen to follow each other; more is an attack.
const SUCCESSIONS: usize = 10_000;
/// How far up a path is looked for.
const DEPTH: usize = 8;

/// Whether a place is a trust bundle.
pub(super) fn is_bundle(node: &Node, nodes: &Nodes) -> bool {
    let certificates = &node.state.content.certificates;
    is_store(&node.state.place)
        && !nodes.source(node).header.options.trust_store
        && certificates.iter().any(|facts| facts.authority.is_some())
        && !certificates.iter().any(is_leaf)
}

/// Why a bundle is not complete.
pub(super) struct Lacks {
    /// The CA certificate that it lacks.
    pub(super) number: u32,
    /// How many leaves hang on it.
    pub(super) leaves: u64,
}

impl Relate {
    /// A bundle came, or goes.
    pub(super) fn note_bundle(&mut self, id: Id, is_there: bool) {
        // The settings may be others by now than when it came.
        let Some(node) = self.nodes.get(id).filter(|node| !is_there || is_bundle(node, &self.nodes)) else { return };
        let authorities: BTreeSet<u32> = node.state.content.certificates.iter().filter_map(|facts| self.trust.of(facts)).collect();
        // Others that hold a CA of its names learn from this one that two of them belong together; one alone teaches nothing.
        let mut names = HashSet::new();
        let repeated = authorities.iter().map(|at| &self.trust.all[*at as usize].subject).filter(|subject| !names.insert(*subject));
        self.subjects.extend(repeated.cloned());
        for authority in authorities {
            let bundles = &mut self.trust.all[authority as usize].bundles;
            _ = if is_there { bundles.insert(id) } else { bundles.remove(&id) };
        }
        _ = if is_there { self.bundles.insert(id) } else { self.bundles.remove(&id) };
        self.mark_clients_of(id);
    }

    /// Bundles that hold this authority, or another one of its name, are to be judged.
    pub(super) fn mark_bundles_of(&mut self, authority: u32) {
        self.subjects.insert(self.trust.all[authority as usize].subject.clone());
    }

    /// Marks the bundles that hold a CA of the names that something has happened to, once for all that has.
    pub(super) fn mark_bundles(&mut self) {
        for subject in std::mem::take(&mut self.subjects) {
            let of_name: Vec<u32> = self.trust.named(&subject).iter().take(NAMESAKES).copied().collect();
            for other in of_name {
                self.dirty.extend(&self.trust.all[other as usize].bundles);
            }
        }
    }

    /// The CAs at a place: its own certificates', and those that issued its leaves.
    fn authorities_at(&self, id: Id) -> HashSet<u32> {
        let certificates = self.nodes.get(id).into_iter().flat_map(|node| &node.state.content.certificates);
        let issuer = |facts: &CertificateFacts| self.certificates.get(self.certificates.number(&facts.fingerprint)?)?.issuer;
        certificates.filter_map(|facts| if is_leaf(facts) { issuer(facts) } else { self.trust.of(facts) }).collect()
    }

    /// The names and keys of the CAs at a place that is about to change.
    pub(super) fn keys_at(&self, id: Id) -> Vec<(Box<str>, u64)> {
        let known = |at: &u32| self.trust.all.get(*at as usize).map(|known| (known.subject.clone(), key_number(known)));
        self.authorities_at(id).iter().filter_map(known).collect()
    }

    /// A place that held one key of a CA holds another one now: the second succeeds the first.
    pub(super) fn note_succession(&mut self, id: Id, before: &[(Box<str>, u64)]) {
        for (subject, new) in self.keys_at(id) {
            for (_, old) in before.iter().filter(|(known, old)| *known == subject && *old != new) {
                if self.successions.len() < SUCCESSIONS && self.successions.insert((*old, new)) {
                    self.subjects.insert(subject.clone());
                }
            }
        }
    }

    /// The CAs that leaves hang on and that the bundle knows by an older or other key only.
    pub(super) fn lacks(&self, node: &Node) -> Vec<Lacks> {
        let held: HashSet<u32> = node.state.content.certificates.iter().filter_map(|facts| self.trust.of(facts)).collect();
        let mut by_name: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for at in &held {
            by_name.entry(&self.trust.all[*at as usize].subject).or_default().push(*at);
        }
        let mut found = Vec::new();
        for (subject, ours) in by_name {
            for sibling in self.trust.named(subject).iter().take(NAMESAKES).filter(|sibling| !held.contains(sibling)) {
                let known = &self.trust.all[*sibling as usize];
                if known.total == 0 || !ours.iter().take(NAMESAKES).any(|ours| self.belong(*ours, *sibling)) {
                    continue;
                }
                // What the bundle holds may have signed it: then leaves verify all the same.
                let is_signed = known.certificates.iter().any(|number| self.reaches(*number, &held).is_some());
                if let Some(number) = known.certificates.first().filter(|_| !is_signed) {
                    found.push(Lacks { number: *number, leaves: known.total });
                }
            }
        }
        found
    }

    /// Whether two CAs of one name are one with two keys, and not somebody else's of the same name (every cluster has its "kubernetes"): some place
    /// holds both, one has signed the other, or the second was seen to take the place of the first.
    fn belong(&self, ours: u32, sibling: u32) -> bool {
        let (known, other) = (&self.trust.all[ours as usize], &self.trust.all[sibling as usize]);
        let issued = |of: &trust::Known, by: u32| {
            of.certificates.iter().any(|number| self.certificates.get(*number).is_some_and(|found| found.issuer == Some(by)))
        };
        known.bundles.intersection(&other.bundles).next().is_some()
            || issued(known, sibling)
            || issued(other, ours)
            || self.successions.contains(&(key_number(known), key_number(other)))
    }

    /// The CA certificates of a bundle that nothing hangs on, while something hangs on others of it.
    pub(super) fn unused<'n>(&self, node: &'n Node) -> Vec<&'n CertificateFacts> {
        let of_each = node.state.content.certificates.iter().filter_map(|facts| Some((facts, self.trust.of(facts)?)));
        let of_each: Vec<(&CertificateFacts, u32)> = of_each.collect();
        let is_used = |at: u32| self.trust.all[at as usize].total > 0;
        if !of_each.iter().any(|(_, at)| is_used(*at)) {
            return Vec::new();
        }
        let is_unused = |(_, at): &&(&CertificateFacts, u32)| !is_used(*at) && !self.trust.all[*at as usize].anchor;
        of_each.iter().filter(is_unused).map(|(facts, _)| *facts).collect()
    }

    /// The way from a certificate to one of these authorities: the numbers of the CA certificates between, by signatures alone.
    pub(super) fn reaches(&self, number: u32, anchors: &HashSet<u32>) -> Option<Vec<u32>> {
        let mut ways = vec![vec![number]];
        let mut seen = HashSet::new();
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for way in ways {
                let issuer = self.certificates.get(*way.last()?)?.issuer;
                let Some(issuer) = issuer.filter(|issuer| seen.insert(*issuer)) else { continue };
                if anchors.contains(&issuer) {
                    return Some(way);
                }
                let above = self.trust.all[issuer as usize].certificates.iter();
                next.extend(above.map(|number| way.iter().copied().chain([*number]).collect::<Vec<u32>>()));
            }
            ways = next;
        }
        None
    }

    /// The place and certificate that a source shows to servers.
    pub(super) fn client_of(&self, source: u32) -> Option<(Id, &CertificateFacts)> {
        let id = *self.clients.get(&source)?;
        let shown = self.nodes.get(id)?.state.content.certificates.iter();
        shown.filter(|facts| facts.shown_to_servers && is_leaf(facts)).map(|facts| (id, facts)).next()
    }

    /// A source's client certificate came, or goes.
    pub(super) fn note_client(&mut self, id: Id, is_there: bool) {
        let Some(source) = self.nodes.get(id).filter(|node| is_client(node, &self.nodes)).map(|node| node.source) else { return };
        match is_there {
            true => _ = self.clients.insert(source, id),
            // Its successor may have come already.
            false if self.clients.get(&source) == Some(&id) => _ = self.clients.remove(&source),
            false => {}
        }
        self.mark_endpoints_of(source);
    }

    fn mark_endpoints_of(&mut self, source: u32) {
        let of_source = self.nodes.iter().filter(|(_, node)| node.source == source && !is_store(&node.state.place));
        self.dirty.extend(of_source.map(|(id, _)| id));
    }

    /// Endpoints whose server verifies its clients against this place.
    fn mark_clients_of(&mut self, id: Id) {
        if self.clients.is_empty() {
            return;
        }
        self.dirty.extend(self.served.verified_by(id));
    }

    /// Whether the client certificate that is shown to an endpoint fails to verify against its server's bundles; the bundle that was tried.
    pub(super) fn untrusted_client(&self, node: &Node) -> Option<Id> {
        let (_, client) = self.client_of(node.source)?;
        let bundles = self.served.client_bundles(&node.state.place);
        let first = *bundles.first()?;
        let held = |id: &Id| self.nodes.get(*id).into_iter().flat_map(|node| &node.state.content.certificates);
        let anchors: HashSet<u32> = bundles.iter().flat_map(held).filter_map(|facts| self.trust.of(facts)).collect();
        // A bundle that cannot be read proves nothing.
        if anchors.is_empty() {
            return None;
        }
        let number = self.certificates.number(&client.fingerprint)?;
        let issuer = self.certificates.get(number)?.issuer.and_then(|at| self.trust.all[at as usize].authority.clone());
        let is_signed = issuer.is_some_and(|issuer: Arc<_>| trust::issued(&issuer, client));
        (!is_signed || self.reaches(number, &anchors).is_none()).then_some(first)
    }
}

/// The same for the same name and key.
fn key_number(known: &trust::Known) -> u64 {
    let mut hasher = DefaultHasher::new();
    known.authority.as_deref().map(|authority| (&authority.subject, &authority.key)).hash(&mut hasher);
    hasher.finish()
}

fn is_client(node: &Node, nodes: &Nodes) -> bool {
    nodes.source(node).header.id.kind == SourceKind::Tls
        && matches!(node.state.place, Place::File { .. })
        && node.state.content.certificates.iter().any(|facts| facts.shown_to_servers)
}
