//! The targets of all sources, followed from snapshot to snapshot: what came, what changed, what went.
//!
//! Pieces that are still the same object are not looked at again, and of a piece that was replaced only the targets that differ count.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::options::Labels;
use crate::model::{CertificateFacts, Circumstances, Place, SnapshotView, SourceHeader, SourceId, TargetState, UnixTime};

/// The number of a target.
pub(super) type Id = u32;

/// One target.
pub(super) struct Node {
    pub(super) source: u32,
    pub(super) state: Arc<TargetState>,
}

/// All targets that hold certificates, or of which other places have said something.
#[derive(Default)]
pub(super) struct Nodes {
    /// Held so that the numbers of its pieces stay theirs.
    snapshot: Option<Arc<dyn SnapshotView>>,
    pieces: HashMap<PieceKey, Vec<Id>>,
    nodes: Vec<Option<Node>>,
    free: Vec<Id>,
    numbers: HashMap<SourceId, u32>,
    sources: Vec<Known>,
}

/// A source's number, and that of a piece of it.
type PieceKey = (u32, usize);

/// A source, as far as it matters here.
pub(super) struct Known {
    pub(super) header: SourceHeader,
    /// When its latest scan that listed it began.
    pub(super) seen_at: Option<UnixTime>,
    /// It is there in the newest snapshot.
    present: bool,
}

/// What happened to a target. Whoever follows makes it so, one after the other: until then what it was can still be read.
pub(super) enum Change {
    /// It came, and is in the list already.
    Came(Id),
    /// It is to be this: [`Nodes::replace`].
    Changed(Id, Arc<TargetState>),
    /// What other places say of it is not what was told last.
    Told(Id),
    /// It is to go: [`Nodes::take`].
    Went(Id),
}

impl Nodes {
    /// Follows a snapshot.
    pub(super) fn follow(&mut self, snapshot: Arc<dyn SnapshotView>) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.snapshot.as_ref().is_some_and(|held| held.generation() == snapshot.generation()) {
            return changes;
        }
        let (numbers, replaced) = self.follow_sources(&*snapshot);
        let mut kept = HashMap::with_capacity(self.pieces.len());
        let mut fresh: Vec<(PieceKey, Vec<Arc<TargetState>>)> = Vec::new();
        for number in numbers {
            let id = self.sources[number as usize].header.id.clone();
            let is_replaced = replaced.contains(&number);
            snapshot.pieces(&id, &mut |piece, targets| {
                let key = (number, piece);
                match self.pieces.remove(&key).filter(|_| !is_replaced) {
                    Some(nodes) => {
                        kept.insert(key, nodes);
                    }
                    None => fresh.push((key, targets.filter(|target| is_relevant(target)).cloned().collect())),
                }
            });
        }
        let mut former = Former::default();
        let mut left: Vec<Id> = Vec::new();
        for id in std::mem::take(&mut self.pieces).into_values().flatten() {
            let Some(node) = self.get(id) else { continue };
            match replaced.contains(&node.source) {
                true => left.push(id),
                false => former.put(node.source, &node.state.place, id),
            }
        }
        for (key, targets) in fresh {
            let mut nodes = Vec::with_capacity(targets.len());
            for state in targets {
                nodes.push(match former.take(key.0, &state.place, |id| self.get(id).is_some_and(|node| node.state.place == state.place)) {
                    Some(id) => self.update(id, state, &mut changes),
                    None => self.insert(Node { source: key.0, state }, &mut changes),
                });
            }
            kept.insert(key, nodes);
        }
        left.extend(former.0.into_values().flatten());
        changes.extend(left.into_iter().map(Change::Went));
        self.pieces = kept;
        self.snapshot = Some(snapshot);
        changes
    }

    /// Makes a target be this.
    pub(super) fn replace(&mut self, id: Id, state: Arc<TargetState>) {
        if let Some(Some(node)) = self.nodes.get_mut(id as usize) {
            node.state = state;
        }
    }

    /// Takes a target out; its number becomes free.
    pub(super) fn take(&mut self, id: Id) {
        if self.nodes.get_mut(id as usize).and_then(Option::take).is_some() {
            self.free.push(id);
        }
    }

    pub(super) fn get(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)?.as_ref()
    }

    pub(super) fn source(&self, node: &Node) -> &Known {
        &self.sources[node.source as usize]
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (u32, &Known)> {
        (0..).zip(&self.sources).filter(|(_, source)| source.present)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Node)> {
        (0..).zip(&self.nodes).filter_map(|(id, node)| Some((id, node.as_ref()?)))
    }

    /// The certificate at an index of a target.
    pub(super) fn certificate(&self, (id, index): (Id, u32)) -> Option<&CertificateFacts> {
        self.get(id)?.state.content.certificates.get(index as usize)
    }

    /// The sources by number, and those whose settings are others than before.
    fn follow_sources(&mut self, snapshot: &dyn SnapshotView) -> (Vec<u32>, Vec<u32>) {
        let (mut numbers, mut replaced) = (Vec::new(), Vec::new());
        self.sources.iter_mut().for_each(|source| source.present = false);
        snapshot.sources(&mut |header, status| {
            let next = self.sources.len() as u32;
            let number = *self.numbers.entry(header.id.clone()).or_insert(next);
            let seen_at = status.looked_at.map(UnixTime::from);
            match self.sources.get_mut(number as usize) {
                Some(known) => {
                    if known.header != *header {
                        known.header = header.clone();
                        replaced.push(number);
                    }
                    (known.seen_at, known.present) = (seen_at, true);
                }
                None => self.sources.push(Known { header: header.clone(), seen_at, present: true }),
            }
            numbers.push(number);
        });
        (numbers, replaced)
    }

    fn insert(&mut self, node: Node, changes: &mut Vec<Change>) -> Id {
        let id = self.free.pop().unwrap_or(self.nodes.len() as Id);
        match self.nodes.get_mut(id as usize) {
            Some(slot) => *slot = Some(node),
            None => self.nodes.push(Some(node)),
        }
        changes.push(Change::Came(id));
        id
    }

    fn update(&mut self, id: Id, state: Arc<TargetState>, changes: &mut Vec<Change>) -> Id {
        let Some(Some(node)) = self.nodes.get_mut(id as usize) else { return id };
        if !is_same(&node.state, &state) {
            changes.push(Change::Changed(id, state));
            return id;
        }
        if node.state.related != state.related {
            changes.push(Change::Told(id));
        }
        node.state = state;
        id
    }
}

/// Targets of pieces that are gone, by the hashes of their places.
#[derive(Default)]
struct Former(HashMap<(u32, u64), Vec<Id>>);

impl Former {
    fn put(&mut self, source: u32, place: &Place, id: Id) {
        self.0.entry((source, place.hash64())).or_default().push(id);
    }

    fn take(&mut self, source: u32, place: &Place, is_it: impl Fn(Id) -> bool) -> Option<Id> {
        if self.0.is_empty() {
            return None;
        }
        let ids = self.0.get_mut(&(source, place.hash64()))?;
        let at = ids.iter().position(|id| is_it(*id))?;
        Some(ids.swap_remove(at))
    }
}

/// Whether a target has a say here.
fn is_relevant(target: &TargetState) -> bool {
    !target.content.certificates.is_empty() || target.related.is_some()
}

/// Whether nothing has changed that matters here.
fn is_same(before: &TargetState, after: &TargetState) -> bool {
    let same_labels = |a: &Option<Arc<Labels>>, b: &Option<Arc<Labels>>| a == b;
    let same_uses = |a: &Option<Arc<Circumstances>>, b: &Option<Arc<Circumstances>>| match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.used_by == b.used_by,
        (None, None) => true,
        _ => false,
    };
    Arc::ptr_eq(&before.content, &after.content)
        && before.changed_at == after.changed_at
        && before.failure.is_some() == after.failure.is_some()
        && same_labels(&before.labels, &after.labels)
        && same_uses(&before.circumstances, &after.circumstances)
}
