//! What is stored against what is served: which stored leaves an endpoint should serve, and whether it serves an older one.
//!
//! An endpoint and a stored leaf belong together, by the first of these that says anything:
//!
//! 1. the source that stores it names the endpoint in `serves`;
//! 2. something that is known to use it (an Ingress, a Gateway, nginx, Envoy) serves the endpoint's name;
//! 3. neither is said of it, it has the endpoint's name and all names of the certificate that is served, and that one is stored nowhere.
//!
//! For 2 and 3 the two must also be of one family: the stored one was seen to take the place of the one that is served, or one CA stands above both.
//! Other services and machines have certificates of the same names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::names::{self, Digest, Purpose, Words};
use super::nodes::{Id, Node, Nodes};
use super::trust::{is_leaf, is_store};
use crate::model::{CertificateFacts, Place};

/// Stored leaves that are looked at for one endpoint: the newest.
const LOOKED_AT: usize = 200;
/// Places that are meant for one endpoint, and are looked at.
const MEANT: usize = 1_000;
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

/// A source that names what it serves.
#[derive(Default)]
struct Serving {
    targets: Arc<[Box<str>]>,
    places: HashSet<Id>,
}

/// Endpoints that differ in their address alone: source, target and server name.
pub(super) type Group = (u32, Box<str>, Box<str>);

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
    serving: HashMap<u32, Serving>,
    /// Endpoints of one name that differ in their address.
    groups: HashMap<Group, HashSet<Id>>,
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
    pub(super) fn note_store(&mut self, id: Id, node: &Node, serves: &Arc<[Box<str>]>, is_there: bool) -> HashSet<Id> {
        let mut about = HashSet::new();
        // Where it is known what a place is for, its names say nothing more.
        if !is_there || is_found_by_names(node, serves) {
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
        let serving = self.serving.get_mut(&node.source);
        if !is_there {
            // The settings may be others by now: those that it was noted with count.
            if let Some(serving) = serving.filter(|serving| serving.places.contains(&id)) {
                serving.places.remove(&id);
                about.extend(serving.targets.iter().filter_map(|target| self.by_target.get(target)).flatten());
                if serving.places.is_empty() {
                    self.serving.remove(&node.source);
                }
            }
        } else if !serves.is_empty() && leaves(node).next().is_some() {
            let serving = self.serving.entry(node.source).or_default();
            serving.targets = serves.clone();
            serving.places.insert(id);
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
            let serves = &nodes.source(node).header.options.serves;
            for (index, facts) in leaves(node).filter(|_| is_found_by_names(node, serves)) {
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

    /// The newest stored leaf that the endpoint should serve instead of this one, if there is one. `is_of_family`: whether a stored leaf and this one
    /// are by the same CAs.
    pub(super) fn newer(
        &self,
        node: &Node,
        shown: &CertificateFacts,
        shown_is_stored: bool,
        is_of_family: &dyn Fn(&CertificateFacts) -> bool,
        nodes: &Nodes,
    ) -> Option<Leaf> {
        let Place::Endpoint { target, server_name, .. } = &node.state.place else { return None };
        let words = Words::of(server_name, target);
        let facts = |leaf: &Leaf| nodes.certificate(*leaf);
        let shows = |leaf: &Leaf| facts(leaf).is_some_and(|facts| facts.fingerprint == shown.fingerprint);
        let meant = self.in_sources_that_serve(target, nodes);
        if !meant.is_empty() {
            return if meant.iter().any(shows) { None } else { best(meant, shown, nodes) };
        }
        let follows = |leaf: &Leaf| follows(*leaf, shown, nodes) || facts(leaf).is_some_and(is_of_family);
        let used = self.in_use(&words, shown, nodes);
        if !used.is_empty() {
            return if used.iter().any(shows) { None } else { best(used.into_iter().filter(follows).collect(), shown, nodes) };
        }
        let found = words.names.iter().filter_map(|name| self.by_word.get(name)).flat_map(|found| &found.named);
        let is_newer = |leaf: &Leaf| {
            facts(leaf)
                .map(|stored| (stored.not_before, stored.not_after))
                .filter(|_| facts(leaf).is_some_and(|stored| is_newer(stored, shown)))
        };
        let mut newest: Vec<_> = found.filter_map(|(leaf, digest)| Some((is_newer(leaf)?, *leaf, *digest))).collect();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        newest.truncate(LOOKED_AT);
        let of_shown = names::digest(shown);
        // What was seen to take the place of the one that is served settles it, whatever else is stored.
        let mut candidates = newest.into_iter().map(|(_, leaf, digest)| (leaf, digest));
        candidates
            .find(|(leaf, digest)| {
                let Some(stored) = facts(leaf) else { return false };
                self::follows(*leaf, shown, nodes)
                    || !shown_is_stored
                        && stored.key.algorithm == shown.key.algorithm
                        && names::has_names_of((stored, *digest), (shown, of_shown))
                        && is_of_family(stored)
            })
            .map(|(leaf, _)| leaf)
    }

    /// Places that a server of this endpoint verifies its clients against.
    pub(super) fn client_bundles(&self, place: &Place) -> Vec<Id> {
        let Place::Endpoint { target, server_name, .. } = place else { return Vec::new() };
        let words = Words::of(server_name, target);
        // A server for any name on this port may stand on any machine: it says nothing about this endpoint.
        let found = || words.hosts.iter().chain(&words.wildcards).filter_map(|word| self.by_word.get(word));
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
        let Some(group) = self.group_of(node) else { return Vec::new() };
        let mut members: Vec<Id> = self.groups.get(&group).into_iter().flatten().copied().collect();
        members.sort_unstable();
        members
    }

    /// Which group an endpoint is of, where each address of its name is one.
    pub(super) fn group_of(&self, node: &Node) -> Option<Group> {
        let Place::Endpoint { target, server_name, address: Some(_) } = &node.state.place else { return None };
        Some((node.source, target.clone(), server_name.clone()))
    }

    fn in_sources_that_serve(&self, target: &str, nodes: &Nodes) -> Vec<Leaf> {
        let serving = self.serving.values().filter(|serving| serving.targets.iter().any(|served| **served == *target));
        let places = serving.flat_map(|serving| &serving.places).take(MEANT);
        places.flat_map(|id| nodes.get(*id).into_iter().flat_map(|node| leaves(node).map(|(index, _)| (*id, index)))).collect()
    }

    /// Leaves of places that serve the name: exactly it before its wildcard, and that before any name. Of the wildcard's and any name's users only
    /// those with the names of what is served.
    fn in_use(&self, words: &Words, shown: &CertificateFacts, nodes: &Nodes) -> Vec<Leaf> {
        let leaves_of = |id: &Id| {
            let id = *id;
            nodes.get(id).into_iter().flat_map(leaves).map(move |(index, _)| (id, index)).collect::<Vec<_>>()
        };
        let users = |hosts: &[String]| -> Vec<Leaf> {
            let found = hosts.iter().filter_map(|word| self.by_word.get(word)).flat_map(|found| &found.used);
            found.take(MEANT).flat_map(leaves_of).collect()
        };
        let exact = users(&words.hosts);
        if !exact.is_empty() {
            return exact;
        }
        let of_shown = names::digest(shown);
        let same = |leaf: &Leaf| {
            nodes.certificate(*leaf).is_some_and(|stored| names::has_names_of((stored, names::digest(stored)), (shown, of_shown)))
        };
        users(&words.wildcards).into_iter().chain(users(&words.any)).take(MEANT).filter(same).collect()
    }
}

/// Whether only its names say what a place is for.
fn is_found_by_names(node: &Node, serves: &[Box<str>]) -> bool {
    let mut users = node.state.circumstances.iter().flat_map(|known| &known.used_by);
    serves.is_empty() && !users.any(|used| names::purpose(used) == Purpose::Serves && names::host(used).is_some())
}

/// Whether the place of a stored leaf held the one that is served before.
fn follows((id, _): Leaf, shown: &CertificateFacts, nodes: &Nodes) -> bool {
    let history = nodes.get(id).and_then(|node| node.state.history.as_deref());
    history.is_some_and(|history| history.renewals.iter().any(|renewed| renewed.old == shown.fingerprint))
}

/// Of leaves that are meant the newest that is newer than the one that is served: of its names before others, of its sort of key before others, as
/// servers with an RSA and an ECDSA certificate show either.
fn best(meant: Vec<Leaf>, shown: &CertificateFacts, nodes: &Nodes) -> Option<Leaf> {
    let facts = |leaf: &Leaf| nodes.certificate(*leaf);
    let of_shown = names::digest(shown);
    let same_names =
        |leaf: &Leaf| facts(leaf).is_some_and(|stored| names::has_names_of((stored, names::digest(stored)), (shown, of_shown)));
    let same_key = |leaf: &Leaf| facts(leaf).is_some_and(|stored| stored.key.algorithm == shown.key.algorithm);
    let narrowed = |leaves: Vec<Leaf>, is_it: &dyn Fn(&Leaf) -> bool| {
        let some: Vec<Leaf> = leaves.iter().filter(|leaf| is_it(leaf)).copied().collect();
        if some.is_empty() { leaves } else { some }
    };
    let among = narrowed(narrowed(meant, &same_names), &same_key);
    newest(among.into_iter(), nodes).filter(|leaf| facts(leaf).is_some_and(|stored| is_newer(stored, shown)))
}

/// The certificates of a place that servers show as their own, with their indexes: leaves, and whatever has a server's name. What an endpoint shows
/// first is its own, whatever it is.
pub(super) fn leaves(node: &Node) -> impl Iterator<Item = (u32, &CertificateFacts)> {
    let stores = is_store(&node.state.place);
    let own = move |(index, facts): &(u32, &CertificateFacts)| match stores {
        true => is_leaf(facts) || names::names(facts).next().is_some(),
        false => *index == 0,
    };
    (0..).zip(&node.state.content.certificates).filter(own).filter(|(_, facts)| !facts.shown_to_servers)
}

fn every_word(server_name: &str, target: &str) -> HashSet<String> {
    let Words { names, hosts, wildcards, any } = Words::of(server_name, target);
    names.into_iter().chain(hosts).chain(wildcards).chain(any).collect()
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
