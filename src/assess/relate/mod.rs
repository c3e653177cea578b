//! What the places of all sources say together: stored and served, addresses of one name, and what hangs on which CA.
//!
//! May touch: `model`, `pki`. Must not: the network, tokio, the clock; the time is an argument. Work follows what has changed between two
//! snapshots: [`Relate::pass`] looks at targets that came, went or differ, and at those that these are about.

mod above;
mod bundles;
mod certificates;
mod graph;
mod judge;
mod marks;
mod names;
mod nodes;
mod queries;
mod served;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Authority, CertificateFacts, Place, Related, Relations, SnapshotView, SourceId, UnixTime};

use certificates::Certificates;
use judge::Members;
use marks::Marks;
use nodes::{Change, Id, Nodes};
use served::{Group, Served};
use trust::{Trust, is_leaf, is_store};

/// Signatures of leaves that are checked in one pass; the rest is believed by name until the next ones.
const CHECKED: usize = 4_000;

/// Follows snapshots, and says what the places in them say about each other.
#[derive(Default)]
pub struct Relate {
    /// Instead of the configured one, for those who look only once.
    grace: Option<Duration>,
    nodes: Nodes,
    certificates: Certificates,
    served: Served,
    trust: Trust,
    /// The places of sources' own client certificates.
    clients: HashMap<u32, Id>,
    /// All trust bundles.
    bundles: BTreeSet<Id>,
    /// CA certificates came or went: bundles are to be judged.
    cas_changed: bool,
    /// Targets to be judged at the next pass.
    dirty: Marks,
    /// Targets that time alone, or another look, may change; with the time, where it is known.
    waiting: BTreeMap<Id, Option<UnixTime>>,
    /// When each source was last looked at, as of the latest pass.
    seen: HashMap<u32, Option<UnixTime>>,
    /// Since when certificates that are served are stored nowhere any more.
    unstored: HashMap<[u8; 32], UnixTime>,
    /// Endpoints whose judgement depends on who issued what is stored for them.
    by_family: BTreeSet<Id>,
    /// Names of CAs whose bundles are to be judged.
    subjects: HashSet<Box<str>>,
    /// Keys of one CA that were seen to follow each other.
    successions: HashSet<(u64, u64)>,
    /// Groups of addresses as far as they are judged in the pass under way.
    groups: HashMap<Group, Arc<Members>>,
    now: UnixTime,
    /// Of the snapshot of the latest pass.
    generation: u64,
    rows_changed: bool,
}

/// What a pass found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Targets of which other places say something else than before.
    pub told: Vec<(SourceId, Place, Option<Arc<Related>>)>,
    /// What hangs on which CA, when that has changed.
    pub relations: Option<Relations>,
    /// When time alone changes something.
    pub due: Option<UnixTime>,
    /// There are signatures left to be checked: the next pass goes on with them.
    pub unfinished: bool,
}

impl Relate {
    /// Has seen nothing yet. `anchors` are the machine's own trust anchors, each with its name (RFC 4514).
    pub fn new(anchors: Vec<(Arc<str>, Arc<Authority>)>) -> Self {
        Self { trust: Trust::new(anchors), ..Self::default() }
    }

    /// The same for whoever looks only once: nothing is given time to come right by itself.
    pub fn at_once(mut self) -> Self {
        self.grace = Some(Duration::ZERO);
        self
    }

    /// Follows a snapshot in which every source has been scanned, and judges what it changes.
    pub fn pass(&mut self, snapshot: Arc<dyn SnapshotView>, now: UnixTime) -> Outcome {
        (self.now, self.generation) = (now, snapshot.generation());
        for change in self.nodes.follow(snapshot) {
            match change {
                Change::Came(id) => self.came(id, false),
                Change::Changed(id, state) => {
                    let before = self.keys_at(id);
                    self.went(id, true);
                    self.nodes.replace(id, state);
                    self.came(id, true);
                    self.note_succession(id, &before);
                }
                Change::Told(id) => {
                    self.dirty.insert(id);
                }
                Change::Went(id) => {
                    self.went(id, false);
                    self.nodes.take(id);
                    self.waiting.remove(&id);
                    self.by_family.remove(&id);
                }
            }
        }
        self.served.catch_up(&self.nodes);
        self.trust.check(CHECKED, &mut self.certificates, &self.nodes);
        let moved = std::mem::take(&mut self.trust.moved);
        if self.cas_changed || !moved.is_empty() {
            self.dirty.extend(&self.by_family);
        }
        for number in moved {
            self.mark_places(number);
        }
        self.sum_up();
        self.mark_waiting();
        let mut outcome = Outcome { unfinished: self.trust.is_unchecked(), ..Outcome::default() };
        for id in self.dirty.take() {
            self.judge(id, &mut outcome);
        }
        self.groups = HashMap::new();
        outcome.due = self.waiting.values().filter_map(|due| *due).min();
        if std::mem::take(&mut self.rows_changed) {
            outcome.relations = Some(self.trust.rows(&self.certificates, &self.nodes));
        }
        outcome
    }

    /// Those that wait are judged again when their time has come, or their source has been looked at.
    fn mark_waiting(&mut self) {
        let seen: HashMap<u32, Option<UnixTime>> = self.nodes.sources().map(|(number, source)| (number, source.seen_at)).collect();
        for (id, due) in &self.waiting {
            let was_seen = || self.nodes.get(*id).is_some_and(|node| self.seen.get(&node.source) != seen.get(&node.source));
            if due.is_some_and(|due| due <= self.now) || was_seen() {
                self.dirty.insert(*id);
            }
        }
        self.seen = seen;
    }

    /// A target came; `again`: it was there already, and is another now.
    fn came(&mut self, id: Id, again: bool) {
        let Some(node) = self.nodes.get(id) else { return };
        let state = node.state.clone();
        let stores = is_store(&state.place);
        for (index, facts) in (0..).zip(&state.content.certificates) {
            let (number, is_new) = self.certificates.add(facts, (id, index), stores);
            if is_new {
                self.trust.add(number, facts, &mut self.certificates);
                self.cas_changed |= facts.authority.is_some();
            }
            if stores && self.certificates.get(number).is_some_and(|known| known.stored == 1) {
                self.unstored.remove(&facts.fingerprint);
                self.stored_otherwise(number, facts);
            }
            self.rows_changed = true;
        }
        if stores {
            self.note_store(id, true);
            self.note_bundle(id, true);
        } else if let Some(node) = self.nodes.get(id) {
            if !again {
                self.served.add_endpoint(id, node);
            }
            let group = self.served.group(node);
            self.dirty.extend(group);
        }
        self.note_client(id, true);
        self.dirty.insert(id);
    }

    /// A target goes, or becomes another (`again`); it still is what it was.
    fn went(&mut self, id: Id, again: bool) {
        let Some(node) = self.nodes.get(id) else { return };
        let state = node.state.clone();
        let stores = is_store(&state.place);
        if stores {
            self.note_store(id, false);
            self.note_bundle(id, false);
        } else if !again {
            // What it is found by is its place, which stays when it becomes another.
            self.dirty.extend(self.served.group(node));
            self.served.remove_endpoint(id, node);
        }
        self.note_client(id, false);
        for (index, facts) in (0..).zip(&state.content.certificates) {
            self.rows_changed = true;
            match self.certificates.remove(&facts.fingerprint, (id, index), stores) {
                Some((number, gone)) => {
                    self.trust.remove(number, facts, gone.issuer, &mut self.certificates, &self.nodes);
                    self.cas_changed |= facts.authority.is_some();
                    self.unstored.remove(&facts.fingerprint);
                }
                None => {
                    let number = self.certificates.number(&facts.fingerprint);
                    let is_last = |number: &u32| stores && self.certificates.get(*number).is_some_and(|known| known.stored == 0);
                    if let Some(number) = number.filter(is_last) {
                        self.unstored.insert(facts.fingerprint, self.now);
                        self.stored_otherwise(number, facts);
                    }
                }
            }
        }
    }

    /// A certificate is stored somewhere now, or nowhere any more.
    fn stored_otherwise(&mut self, number: u32, facts: &CertificateFacts) {
        self.mark_places(number);
        if !is_leaf(facts) {
            self.trust.touch();
        }
    }

    fn note_store(&mut self, id: Id, is_there: bool) {
        let Some(node) = self.nodes.get(id) else { return };
        let options = &self.nodes.source(node).header.options;
        // The settings may be others by now than when it came.
        if !options.trust_store || !is_there {
            let about = self.served.note_store(id, node, &options.serves, is_there);
            self.dirty.extend(about);
        }
    }

    /// All places of a certificate are to be judged.
    fn mark_places(&mut self, number: u32) {
        let places = self.certificates.get(number).into_iter().flat_map(|known| known.places.iter());
        self.dirty.extend(places.map(|(id, _)| id));
    }

    fn sum_up(&mut self) {
        let summed = self.trust.sum_up(&self.certificates, &self.nodes);
        self.rows_changed |= !summed.until.is_empty() || !summed.used.is_empty();
        for authority in summed.until {
            let leaves: Vec<u32> = self.trust.all[authority as usize].leaves.iter().copied().collect();
            leaves.into_iter().for_each(|leaf| self.mark_places(leaf));
        }
        for authority in summed.used {
            self.mark_bundles_of(authority);
        }
        self.mark_bundles();
        if std::mem::take(&mut self.cas_changed) {
            self.dirty.extend(&self.bundles);
        }
    }
}
