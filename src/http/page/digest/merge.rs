//! The pieces of all sources as one: what the overview shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{SourceId, UnixTime};

use super::super::trouble::{Trouble, Weight};
use super::piece::{End, Ending, Group, NAMED, NAMESPACES, Piece, SOONEST, merge_equal};

/// What the overview shows of one snapshot.
#[derive(Debug, Default)]
pub struct Overview {
    /// Of which snapshot.
    pub generation: u64,
    /// When certificates end, in order, each once.
    pub ends: Vec<End>,
    /// Those that end first and had not ended when they were looked through.
    pub soonest: Vec<Ending>,
    /// What is wrong, the heaviest first.
    pub wrong: Vec<Wrongs>,
    /// Namespaces, with the number of places in each; bounded.
    pub namespaces: BTreeMap<Box<str>, u64>,
}

/// One kind of thing that is wrong.
#[derive(Clone, Debug)]
pub struct Wrongs {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is.
    pub trouble: Trouble,
    /// It is on certificates that nothing is known to use.
    pub unused: bool,
    /// Where.
    pub group: Group,
}

impl Overview {
    /// Sums the pieces up.
    pub(super) fn of<'a>(generation: u64, sources: impl Iterator<Item = (&'a SourceId, Vec<&'a Piece>)>) -> Self {
        let sources: Vec<(&SourceId, Vec<&Piece>)> = sources.collect();
        let mut overview = Self { generation, ..Self::default() };
        // What uses places is known of a whole cluster or not at all, and its kinds are sources of one name.
        let mut told: BTreeMap<&Arc<str>, bool> = BTreeMap::new();
        for (id, pieces) in &sources {
            *told.entry(&id.name).or_default() |= pieces.iter().any(|piece| piece.has_users);
        }
        let mut wrong: BTreeMap<(Weight, Trouble, bool), Group> = BTreeMap::new();
        for (id, pieces) in &sources {
            let has_users = told.get(&id.name).copied().unwrap_or_default();
            for piece in pieces {
                overview.ends.extend_from_slice(&piece.ends);
                overview.soonest.extend(piece.soonest.iter().cloned());
                for ((weight, trouble, unused), group) in &piece.wrong {
                    let unused = *unused && has_users;
                    let weight = if unused { (*weight).max(Weight::Warning) } else { *weight };
                    let all = wrong.entry((weight, *trouble, unused)).or_default();
                    all.places += group.places;
                    all.named.extend(group.named.iter().cloned());
                }
                for (namespace, places) in &piece.namespaces {
                    *overview.namespaces.entry(namespace.clone()).or_default() += places;
                }
            }
        }
        overview.ends.sort_unstable();
        merge_equal(&mut overview.ends);
        overview.soonest = first_of(overview.soonest);
        overview.wrong = wrong
            .into_iter()
            .map(|((weight, trouble, unused), mut group)| {
                // Those that began last are news.
                group.named.sort_by(|a, b| (b.since, &a.source, &a.place).cmp(&(a.since, &b.source, &b.place)));
                group.named.truncate(NAMED);
                Wrongs { weight, trouble, unused, group }
            })
            .collect();
        overview.wrong.sort_by_key(|wrongs| (wrongs.weight, std::cmp::Reverse(wrongs.group.places), wrongs.trouble));
        while overview.namespaces.len() > NAMESPACES {
            overview.namespaces.pop_last();
        }
        overview
    }

    /// How many kinds of things weigh so much, and in how many places they are.
    pub fn weighing(&self, weight: Weight) -> (usize, u64) {
        let of_it = self.wrong.iter().filter(|wrongs| wrongs.weight == weight);
        (of_it.clone().count(), of_it.map(|wrongs| wrongs.group.places).sum())
    }

    /// Those that end from one moment on and before another.
    pub fn ends_between(&self, from: UnixTime, before: UnixTime) -> &[End] {
        let at = |time: UnixTime| self.ends.partition_point(|end| end.at < time);
        self.ends.get(at(from)..at(before)).unwrap_or_default()
    }
}

/// The first of all, each once with all its places.
fn first_of(mut all: Vec<Ending>) -> Vec<Ending> {
    all.sort_by(|a, b| (a.at, a.fingerprint, &a.named).cmp(&(b.at, b.fingerprint, &b.named)));
    all.dedup_by(|next, first| {
        let is_same = next.fingerprint == first.fingerprint;
        if is_same {
            first.places += next.places;
            first.overdue |= next.overdue;
        }
        is_same
    });
    all.truncate(SOONEST);
    all
}
