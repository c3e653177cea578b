//! What is watched: collected from published snapshots, piece by piece, so that work follows what changed.
//!
//! May touch: `model`. Certificates that share issuer and pointers are a group: their issuer is looked for once, their lists are the same.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::authorities::Authorities;
use crate::model::{Content, Lookup, Place, Pointers, RevocationMethod, SnapshotView, SourceHeader, SourceId, TargetState};

/// Everything that is watched.
#[derive(Default)]
pub(super) struct Watched {
    /// Held so that the numbers of its pieces stay theirs.
    snapshot: Option<Arc<dyn SnapshotView>>,
    pieces: HashMap<(SourceId, usize), Piece>,
    by_fingerprint: HashMap<[u8; 32], u32>,
    pub(super) certificates: Vec<Option<Certificate>>,
    free: Vec<u32>,
    group_of: HashMap<(Arc<[u8]>, Arc<Pointers>), u32>,
    pub(super) groups: Vec<Group>,
    free_groups: Vec<u32>,
    /// CRLs in files, by fingerprint.
    pub(super) lists: HashMap<[u8; 32], Found<PathBuf>>,
    /// OCSP responses in files, by fingerprint.
    pub(super) responses: HashMap<[u8; 32], Found<Arc<[u8]>>>,
    /// Names of issuers whose certificates are watched although they point nowhere: a list or responder is configured for them.
    named: HashSet<Arc<[u8]>>,
    /// Grows with each certificate that comes.
    pub(super) epoch: u64,
    plans: Vec<Plan>,
}

/// How a source wants revocation to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) methods: Arc<[RevocationMethod]>,
    pub(super) compare: bool,
}

/// A certificate whose revocation is looked up.
pub(super) struct Certificate {
    pub(super) fingerprint: [u8; 32],
    content: Arc<Content>,
    at: u32,
    pub(super) group: u32,
    /// Plan and how many places want it so.
    plans: Vec<(u8, u32)>,
}

/// Certificates that share issuer and pointers.
#[derive(Default)]
pub(super) struct Group {
    pub(super) issuer: Arc<[u8]>,
    pub(super) pointers: Arc<Pointers>,
    pub(super) members: HashSet<u32>,
    /// The epoch of its newest member.
    pub(super) newest: u64,
}

/// A thing that several places may hold.
pub(super) struct Found<T> {
    pub(super) what: T,
    refs: u32,
}

#[derive(Default)]
struct Piece {
    certificates: Vec<(u32, u8)>,
    authorities: Vec<Arc<crate::model::Authority>>,
    lists: Vec<[u8; 32]>,
    responses: Vec<[u8; 32]>,
}

/// What a walk over a snapshot has changed.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// Certificates that came, by index.
    pub(super) added: Vec<u32>,
    /// Fingerprints of those that went.
    pub(super) removed: Vec<[u8; 32]>,
    /// CRL files or responses came or went.
    pub(super) files: bool,
}

impl Certificate {
    /// What it is looked up by.
    pub(super) fn lookup(&self) -> Option<&Lookup> {
        self.content.certificates.get(self.at as usize)?.lookup.as_deref()
    }
}

impl Watched {
    /// Follows a snapshot. `named`: issuers whose certificates are watched although they point nowhere.
    pub(super) fn follow(&mut self, snapshot: Arc<dyn SnapshotView>, named: &HashSet<Arc<[u8]>>, authorities: &mut Authorities) -> Delta {
        let mut delta = Delta::default();
        let is_same = |held: &Arc<dyn SnapshotView>| held.generation() == snapshot.generation();
        let anew = *named != self.named;
        if self.snapshot.as_ref().is_some_and(is_same) && !anew {
            return delta;
        }
        if anew {
            self.named = named.clone();
        }
        let mut former = if anew { HashMap::new() } else { std::mem::take(&mut self.pieces) };
        let mut gone: Vec<Piece> = if anew { std::mem::take(&mut self.pieces).into_values().collect() } else { Vec::new() };
        let mut sources: Vec<&SourceHeader> = Vec::new();
        snapshot.sources(&mut |source, _| sources.push(source));
        let mut pieces = HashMap::new();
        for source in sources {
            let wanted = !source.options.revocation.is_empty() && !source.options.trust_store;
            let plan = wanted.then(|| self.plan(source));
            snapshot.pieces(&source.id, &mut |number, targets| {
                let key = (source.id.clone(), number);
                let piece = former.remove(&key).unwrap_or_else(|| self.take(plan, targets, authorities, &mut delta));
                pieces.insert(key, piece);
            });
        }
        gone.extend(former.into_values());
        self.pieces = pieces;
        gone.into_iter().for_each(|piece| self.give(piece, authorities, &mut delta));
        self.snapshot = Some(snapshot);
        // What came again under another number has not changed.
        delta.added.retain(|index| self.certificates.get(*index as usize).is_some_and(Option::is_some));
        delta
    }

    /// The index of the certificate with this fingerprint.
    pub(super) fn index(&self, fingerprint: &[u8; 32]) -> Option<u32> {
        self.by_fingerprint.get(fingerprint).copied()
    }

    /// The certificate at an index.
    pub(super) fn get(&self, index: u32) -> Option<&Certificate> {
        self.certificates.get(index as usize)?.as_ref()
    }

    /// The certificates of a group.
    pub(super) fn members(&self, group: u32) -> impl Iterator<Item = (u32, &Certificate)> {
        let members = self.groups.get(group as usize).into_iter().flat_map(|group| &group.members);
        members.filter_map(|index| Some((*index, self.get(*index)?)))
    }

    /// How the places of a certificate want it looked up.
    pub(super) fn plans_of<'a>(&'a self, certificate: &'a Certificate) -> impl Iterator<Item = &'a Plan> {
        certificate.plans.iter().filter_map(|(plan, _)| self.plans.get(usize::from(*plan)))
    }

    /// The epoch of the newest certificate of this issuer, or that names it as the signer of its lists.
    pub(super) fn newest_of(&self, issuer: &[u8]) -> u64 {
        let names = |group: &&Group| {
            let named = group.pointers.crls.iter().filter_map(|point| point.crl_issuer.as_deref());
            named.chain([&*group.issuer]).any(|name| crate::pki::name::same(name, issuer))
        };
        self.groups.iter().filter(|group| !group.members.is_empty()).filter(names).map(|group| group.newest).max().unwrap_or(0)
    }

    /// All serial numbers, each as often as it occurs.
    pub(super) fn serials(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().flatten().filter_map(|certificate| certificate.lookup().map(|lookup| &*lookup.serial))
    }

    fn plan(&mut self, source: &SourceHeader) -> u8 {
        let plan = Plan { methods: source.options.revocation.clone(), compare: source.options.compare };
        let at = self.plans.iter().position(|known| *known == plan).unwrap_or_else(|| {
            self.plans.push(plan);
            self.plans.len() - 1
        });
        // There are not more orders of three methods than this.
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    fn take(
        &mut self,
        plan: Option<u8>,
        targets: &mut dyn Iterator<Item = &Arc<TargetState>>,
        authorities: &mut Authorities,
        delta: &mut Delta,
    ) -> Piece {
        let mut piece = Piece::default();
        for target in targets {
            for (at, facts) in (0..).zip(&target.content.certificates) {
                if let Some(authority) = &facts.authority {
                    authorities.add(authority, facts.lookup.as_deref());
                    piece.authorities.push(authority.clone());
                }
                let (Some(plan), Some(lookup)) = (plan, &facts.lookup) else { continue };
                if !self.is_looked_up(lookup) {
                    continue;
                }
                let (index, is_new) = self.certificate(facts.fingerprint, &target.content, at, plan);
                if is_new {
                    delta.added.push(index);
                }
                piece.certificates.push((index, plan));
            }
            let Some(_) = plan else { continue };
            if let Place::File { path } = &target.place {
                for list in &target.content.crls {
                    delta.files |= found(&mut self.lists, list.fingerprint, || PathBuf::from(&**path));
                    piece.lists.push(list.fingerprint);
                }
            }
            for response in &target.content.responses {
                delta.files |= found(&mut self.responses, response.fingerprint, || response.der.clone());
                piece.responses.push(response.fingerprint);
            }
        }
        piece
    }

    fn is_looked_up(&self, lookup: &Lookup) -> bool {
        let pointers = &lookup.pointers;
        !lookup.no_rev_avail && (!pointers.crls.is_empty() || !pointers.responders.is_empty() || self.named.contains(&lookup.issuer))
    }

    fn certificate(&mut self, fingerprint: [u8; 32], content: &Arc<Content>, at: u32, plan: u8) -> (u32, bool) {
        if let Some(index) = self.by_fingerprint.get(&fingerprint).copied() {
            if let Some(known) = self.certificates.get_mut(index as usize).and_then(Option::as_mut) {
                match known.plans.iter_mut().find(|(known, _)| *known == plan) {
                    Some((_, refs)) => *refs += 1,
                    None => known.plans.push((plan, 1)),
                }
            }
            return (index, false);
        }
        self.epoch += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.certificates.push(None);
            (self.certificates.len() - 1) as u32
        });
        let lookup = content.certificates.get(at as usize).and_then(|facts| facts.lookup.as_deref());
        let group = lookup.map_or(0, |lookup| self.join(index, lookup));
        let certificate = Certificate { fingerprint, content: content.clone(), at, group, plans: vec![(plan, 1)] };
        self.certificates[index as usize] = Some(certificate);
        self.by_fingerprint.insert(fingerprint, index);
        (index, true)
    }

    fn join(&mut self, index: u32, lookup: &Lookup) -> u32 {
        let key = (lookup.issuer.clone(), lookup.pointers.clone());
        let group = self.group_of.get(&key).copied().unwrap_or_else(|| {
            let group = Group { issuer: key.0.clone(), pointers: key.1.clone(), members: HashSet::new(), newest: 0 };
            let at = match self.free_groups.pop() {
                Some(at) => {
                    self.groups[at as usize] = group;
                    at
                }
                None => {
                    self.groups.push(group);
                    (self.groups.len() - 1) as u32
                }
            };
            self.group_of.insert(key, at);
            at
        });
        let joined = &mut self.groups[group as usize];
        joined.members.insert(index);
        joined.newest = self.epoch;
        group
    }

    fn give(&mut self, piece: Piece, authorities: &mut Authorities, delta: &mut Delta) {
        piece.authorities.iter().for_each(|authority| authorities.remove(authority));
        for (index, plan) in piece.certificates {
            let Some(slot) = self.certificates.get_mut(index as usize) else { continue };
            let Some(certificate) = slot else { continue };
            for (_, refs) in certificate.plans.iter_mut().filter(|(known, _)| *known == plan) {
                *refs -= 1;
            }
            certificate.plans.retain(|(_, refs)| *refs > 0);
            if !certificate.plans.is_empty() {
                continue;
            }
            let (fingerprint, group) = (certificate.fingerprint, certificate.group);
            *slot = None;
            self.free.push(index);
            self.by_fingerprint.remove(&fingerprint);
            delta.removed.push(fingerprint);
            let left = &mut self.groups[group as usize];
            left.members.remove(&index);
            if left.members.is_empty() {
                let left = std::mem::take(left);
                self.group_of.remove(&(left.issuer, left.pointers));
                self.free_groups.push(group);
            }
        }
        for fingerprint in piece.lists {
            delta.files |= lost(&mut self.lists, &fingerprint);
        }
        for fingerprint in piece.responses {
            delta.files |= lost(&mut self.responses, &fingerprint);
        }
    }
}

fn found<T>(all: &mut HashMap<[u8; 32], Found<T>>, fingerprint: [u8; 32], what: impl FnOnce() -> T) -> bool {
    if let Some(known) = all.get_mut(&fingerprint) {
        known.refs += 1;
        return false;
    }
    all.insert(fingerprint, Found { what: what(), refs: 1 });
    true
}

fn lost<T>(all: &mut HashMap<[u8; 32], Found<T>>, fingerprint: &[u8; 32]) -> bool {
    let Some(known) = all.get_mut(fingerprint) else { return false };
    known.refs -= 1;
    let gone = known.refs == 0;
    if gone {
        all.remove(fingerprint);
    }
    gone
}
