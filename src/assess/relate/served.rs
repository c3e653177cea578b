//! What is stored against what is served: which stored leaves an endpoint should serve, and whether it serves an older one.
//!
//! An endpoint and a stored leaf belong together, by the first of these that says anything:
//!
//! 1. the source that stores it names the endpoint in `serves`;
//! 2. something that is known to use it (an Ingress, a Gateway, nginx, Envoy) serves the endpoint's name;
//! 3. it has the endpoint's name, and all names of the certificate that is served, and that one is stored nowhere.

use std::collections::{HashMap, HashSet};

use super::names::{self, Digest, Purpose, Words};
use super::nodes::{Id, Node, Nodes};
use super::trust::{is_leaf, is_store};
use crate::model::{CertificateFacts, Place};

/// Stored leaves that are looked at for one endpoint.
const LOOKED_AT: usize = 1_000;
/// Places that are used for any host, and are looked at for one endpoint.
const ANY: usize = 100;
/// Names of one certificate that are looked up.
const NAMES: usize = 1_000;

/// A leaf at a place.
type Leaf = (Id, u32);

/// What is found under one word.
#[derive(Default)]
struct Found {
    endpoints: HashSet<Id>,
    /// Stored leaves of this name, with the digest of all their names.
    named: HashMap<Leaf, Digest>,
    /// Places that are used under this host, to serve.
    used: HashSet<Id>,
    /// Places that are used under this host, to verify clients against.
    bundles: HashSet<Id>,
    /// Places that clients are verified against, too.
    beside: HashSet<Id>,
}

impl Found {
    /// The places that are used for this.
    fn places(&mut self, purpose: Purpose) -> Option<&mut HashSet<Id>> {
        match purpose {
            Purpose::Serves => Some(&mut self.used),
            Purpose::TrustsClients => Some(&mut self.bundles),
            Purpose::TrustsToo => Some(&mut self.beside),
            Purpose::Other => None,
        }
    }
}

/// Which endpoints and stored leaves belong together. Only words that some endpoint is found by are kept.
#[derive(Default)]
pub(super) struct Served {
    by_word: HashMap<String, Found>,
    /// Endpoints by their targets.
    by_target: HashMap<Box<str>, HashSet<Id>>,
    /// Places of sources that name what they serve.
    serving: HashMap<u32, HashSet<Id>>,
    /// Endpoints of one name that differ in their address: by source, target and server name.
    groups: HashMap<(u32, Box<str>, Box<str>), HashSet<Id>>,
    /// Words that came since stored places were last looked through.
    new_words: Vec<String>,
}

impl Served {
    /// An endpoint came.
    pub(super) fn add_endpoint(&mut self, id: Id, node: &Node) {
        let Place::Endpoint { target, server_name, address } = &node.state.place else { return };
        for word in every_word(server_name, target) {
            let found = self.by_word.entry(word.clone()).or_insert_with(|| {
                self.new_words.push(word);
                Found::default()
            });
            found.endpoints.insert(id);
        }
        self.by_target.entry(target.clone()).or_default().insert(id);
        if address.is_some() {
            self.groups.entry((node.source, target.clone(), server_name.clone())).or_default().insert(id);
        }
    }

    /// An endpoint went.
    pub(super) fn remove_endpoint(&mut self, id: Id, node: &Node) {
        let Place::Endpoint { target, server_name, .. } = &node.state.place else { return };
        for word in every_word(server_name, target) {
            if let Some(found) = self.by_word.get_mut(&word) {
                found.endpoints.remove(&id);
                if found.endpoints.is_empty() {
                    self.by_word.remove(&word);
                }
            }
        }
        remove(&mut self.by_target, target, id);
        remove(&mut self.groups, &(node.source, target.clone(), server_name.clone()), id);
    }

    /// A stored place came, or went. Returns the endpoints that this is about.
    pub(super) fn note_store(&mut self, id: Id, node: &Node, serves: &[Box<str>], is_there: bool) -> HashSet<Id> {
        let mut about = HashSet::new();
        for (index, facts) in leaves(node) {
            let mut digest = None;
            for name in names::names(facts).take(NAMES) {
                let Some(found) = self.by_word.get_mut(&name) else { continue };
                match is_there {
                    true => _ = found.named.insert((id, index), *digest.get_or_insert_with(|| names::digest(facts))),
                    false => _ = found.named.remove(&(id, index)),
                }
                about.extend(&found.endpoints);
            }
        }
        for used in node.state.circumstances.iter().flat_map(|known| &known.used_by) {
            let purpose = names::purpose(used);
            let found = names::host(used).and_then(|host| self.by_word.get_mut(&host));
            if let Some(found) = found
                && let Some(places) = found.places(purpose)
            {
                put(places, id, is_there);
                about.extend(&found.endpoints);
            }
        }
        if !is_there {
            remove(&mut self.serving, &node.source, id);
        } else if !serves.is_empty() && leaves(node).next().is_some() {
            self.serving.entry(node.source).or_default().insert(id);
        }
        if !serves.is_empty() {
            about.extend(serves.iter().filter_map(|target| self.by_target.get(target)).flatten());
        }
        about
    }

    /// Looks through all stored places for words that endpoints have brought since the last time.
    pub(super) fn catch_up(&mut self, nodes: &Nodes) {
        let new: HashSet<String> = std::mem::take(&mut self.new_words).into_iter().collect();
        if new.is_empty() {
            return;
        }
        for (id, node) in nodes.iter().filter(|(_, node)| is_store(&node.state.place) && !nodes.source(node).header.options.trust_store) {
            for (index, facts) in leaves(node) {
                let mut digest = None;
                for name in names::names(facts).take(NAMES).filter(|name| new.contains(name)) {
                    let digest = *digest.get_or_insert_with(|| names::digest(facts));
                    self.by_word.entry(name).or_default().named.insert((id, index), digest);
                }
            }
            for used in node.state.circumstances.iter().flat_map(|known| &known.used_by) {
                let Some(host) = names::host(used).filter(|host| new.contains(host)) else { continue };
                let found = self.by_word.entry(host).or_default();
                found.places(names::purpose(used)).into_iter().for_each(|places| _ = places.insert(id));
            }
        }
        // A word that nobody is found by any more was kept for this walk only.
        self.by_word.retain(|_, found| !found.endpoints.is_empty());
    }

    /// The newest stored leaf that the endpoint should serve instead of this one, if there is one.
    pub(super) fn newer(&self, node: &Node, shown: &CertificateFacts, shown_is_stored: bool, nodes: &Nodes) -> Option<Leaf> {
        let Place::Endpoint { target, server_name, .. } = &node.state.place else { return None };
        let words = Words::of(server_name, target);
        let named = self.in_sources_that_serve(target, nodes);
        let meant: Vec<Leaf> = if named.is_empty() { self.in_use(&words, shown, nodes) } else { named };
        if !meant.is_empty() {
            let facts = |leaf: &Leaf| nodes.certificate(*leaf);
            if meant.iter().filter_map(facts).any(|facts| facts.fingerprint == shown.fingerprint) {
                return None;
            }
            // Servers with an RSA and an ECDSA certificate show either.
            let of_kind = |leaf: &&Leaf| facts(leaf).is_some_and(|facts| facts.key.algorithm == shown.key.algorithm);
            let same_kind: Vec<Leaf> = meant.iter().filter(of_kind).copied().collect();
            let among = if same_kind.is_empty() { meant } else { same_kind };
            return newest(among.into_iter(), nodes).filter(|leaf| facts(leaf).is_some_and(|stored| is_newer(stored, shown)));
        }
        if shown_is_stored {
            return None;
        }
        let found = words.names.iter().filter_map(|name| self.by_word.get(name)).flat_map(|found| &found.named);
        let of_shown = names::digest(shown);
        let fits = |(leaf, digest): &(&Leaf, &Digest)| {
            nodes.certificate(**leaf).is_some_and(|stored| {
                let is_successor = is_newer(stored, shown) && stored.key.algorithm == shown.key.algorithm;
                is_successor && names::has_names_of((stored, **digest), (shown, of_shown))
            })
        };
        newest(found.take(LOOKED_AT).filter(fits).map(|(leaf, _)| *leaf), nodes)
    }

    /// Places that a server of this endpoint verifies its clients against.
    pub(super) fn client_bundles(&self, place: &Place) -> Vec<Id> {
        let Place::Endpoint { target, server_name, .. } = place else { return Vec::new() };
        let words = Words::of(server_name, target);
        // A server for any name on this port may stand on any machine: it says nothing about this endpoint.
        let found = || words.hosts.iter().filter_map(|word| self.by_word.get(word));
        if found().all(|found| found.bundles.is_empty()) {
            return Vec::new();
        }
        found().flat_map(|found| found.bundles.iter().chain(&found.beside)).copied().collect()
    }

    /// Endpoints whose server verifies its clients against a place.
    pub(super) fn verified_by(&self, bundle: Id) -> HashSet<Id> {
        self.by_word
            .values()
            .filter(|found| found.bundles.contains(&bundle) || found.beside.contains(&bundle))
            .flat_map(|found| &found.endpoints)
            .copied()
            .collect()
    }

    /// The endpoints of one name, each at its address.
    pub(super) fn group(&self, node: &Node) -> Vec<Id> {
        let Place::Endpoint { target, server_name, address: Some(_) } = &node.state.place else { return Vec::new() };
        let key = (node.source, target.clone(), server_name.clone());
        let mut members: Vec<Id> = self.groups.get(&key).into_iter().flatten().copied().collect();
        members.sort_unstable();
        members
    }

    fn in_sources_that_serve(&self, target: &str, nodes: &Nodes) -> Vec<Leaf> {
        let serves = |source: &u32| {
            let known = nodes.sources().find(|(number, _)| number == source);
            known.is_some_and(|(_, known)| known.header.options.serves.iter().any(|served| **served == *target))
        };
        let places = self.serving.iter().filter(|(source, _)| serves(source)).flat_map(|(_, places)| places).take(LOOKED_AT);
        places.flat_map(|id| nodes.get(*id).into_iter().flat_map(|node| leaves(node).map(|(index, _)| (*id, index)))).collect()
    }

    fn in_use(&self, words: &Words, shown: &CertificateFacts, nodes: &Nodes) -> Vec<Leaf> {
        let of_hosts = words.hosts.iter().filter_map(|word| self.by_word.get(word)).flat_map(|found| &found.used);
        let leaves_of = |id: &Id| {
            let id = *id;
            nodes.get(id).into_iter().flat_map(leaves).map(move |(index, _)| (id, index)).collect::<Vec<_>>()
        };
        let found: Vec<Leaf> = of_hosts.take(LOOKED_AT).flat_map(leaves_of).collect();
        if !found.is_empty() {
            return found;
        }
        // Whoever serves any name at this port is meant only when the certificate is for the same names.
        let any = words.any.iter().filter_map(|word| self.by_word.get(word)).flat_map(|found| &found.used);
        let of_shown = names::digest(shown);
        let same = |leaf: &Leaf| {
            nodes.certificate(*leaf).is_some_and(|stored| names::has_names_of((stored, names::digest(stored)), (shown, of_shown)))
        };
        any.take(ANY).flat_map(leaves_of).filter(same).collect()
    }
}

/// The leaves of a place, with their indexes.
pub(super) fn leaves(node: &Node) -> impl Iterator<Item = (u32, &CertificateFacts)> {
    (0..).zip(&node.state.content.certificates).filter(|(_, facts)| is_leaf(facts) && !facts.shown_to_servers)
}

fn every_word(server_name: &str, target: &str) -> HashSet<String> {
    let Words { names, hosts, any } = Words::of(server_name, target);
    names.into_iter().chain(hosts).chain(any).collect()
}

fn newest(leaves: impl Iterator<Item = Leaf>, nodes: &Nodes) -> Option<Leaf> {
    let of_each = leaves.filter_map(|leaf| nodes.certificate(leaf).map(|facts| (facts.not_before, facts.not_after, leaf)));
    of_each.max().map(|(_, _, leaf)| leaf)
}

fn is_newer(stored: &CertificateFacts, shown: &CertificateFacts) -> bool {
    (stored.not_before, stored.not_after) > (shown.not_before, shown.not_after)
}

fn put<T: std::hash::Hash + Eq>(set: &mut HashSet<T>, what: T, is_there: bool) {
    if is_there {
        set.insert(what);
    } else {
        set.remove(&what);
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &mut HashMap<K, HashSet<Id>>, key: &K, id: Id) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}
