//! The same certificate in many places is one thing: every certificate once, with its places and who issued it.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::nodes::{Id, Nodes};
use super::trust::is_leaf;
use crate::model::CertificateFacts;
use crate::model::relations::CopiedRow;

/// The number of a certificate.
pub(super) type Number = u32;

/// A certificate, wherever it is.
pub(super) struct Certificate {
    /// Never empty while it is known.
    pub(super) places: Places,
    /// How many of them are not endpoints.
    pub(super) stored: u32,
    /// The authority that issued it, as far as that is known.
    pub(super) issuer: Option<u32>,
    /// Whether its signature by that authority has been checked.
    pub(super) checked: bool,
    /// It is a CA's.
    pub(super) is_ca: bool,
}

/// Leaves in several places that are told.
const COPIES: usize = 100;
/// More places than these are looked up, not searched through.
const FEW: usize = 32;

/// Targets and indexes in them. Most certificates have one; an intermediate may have all.
#[expect(clippy::box_collection, reason = "most have one place, and the room of every certificate is that of the largest variant")]
pub(super) enum Places {
    One(Place),
    Few(Box<Vec<Place>>),
    Many(Box<HashSet<Place>>),
}

/// A target, and an index in it.
type Place = (Id, u32);

impl Places {
    fn add(&mut self, place: Place) {
        match self {
            Self::One(one) => *self = Self::Few(Box::new(vec![*one, place])),
            Self::Few(few) if few.len() < FEW => few.push(place),
            Self::Few(few) => *self = Self::Many(Box::new(few.iter().copied().chain([place]).collect())),
            Self::Many(many) => _ = many.insert(place),
        }
    }

    /// Whether that was the last one.
    fn remove(&mut self, place: Place) -> bool {
        match self {
            Self::One(one) => return *one == place,
            Self::Few(few) => few.retain(|known| *known != place),
            Self::Many(many) => _ = many.remove(&place),
        }
        if self.len() == 1
            && let Some(one) = self.first()
        {
            *self = Self::One(one);
        }
        false
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Place> + '_> {
        match self {
            Self::One(one) => Box::new(std::iter::once(*one)),
            Self::Few(few) => Box::new(few.iter().copied()),
            Self::Many(many) => Box::new(many.iter().copied()),
        }
    }

    /// One of them.
    pub(super) fn first(&self) -> Option<Place> {
        match self {
            Self::One(one) => Some(*one),
            Self::Few(few) => few.first().copied(),
            Self::Many(many) => many.iter().next().copied(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }
}

/// All certificates by fingerprint.
#[derive(Default)]
pub(super) struct Certificates {
    by_fingerprint: HashMap<[u8; 16], Number>,
    all: Vec<Option<Certificate>>,
    free: Vec<Number>,
    /// Those in several places.
    copied: BTreeSet<Number>,
}

impl Certificates {
    /// Notes that it is at a place too. Returns its number, and whether it is new.
    pub(super) fn add(&mut self, facts: &CertificateFacts, place: Place, is_store: bool) -> (Number, bool) {
        let (fingerprint, is_ca) = (&facts.fingerprint, facts.authority.is_some());
        let number = *self.by_fingerprint.entry(short(fingerprint)).or_insert_with(|| self.free.pop().unwrap_or(self.all.len() as Number));
        if self.all.len() <= number as usize {
            self.all.push(None);
        }
        let slot = &mut self.all[number as usize];
        let is_new = slot.is_none();
        let known = match slot {
            Some(known) => {
                known.places.add(place);
                known
            }
            None => slot.insert(Certificate { places: Places::One(place), stored: 0, issuer: None, checked: false, is_ca }),
        };
        known.stored += u32::from(is_store);
        if known.places.len() == 2 {
            self.copied.insert(number);
        }
        (number, is_new)
    }

    /// Notes that it is at a place no more. Returns the certificate when that was its last one.
    pub(super) fn remove(&mut self, fingerprint: &[u8; 32], place: Place, is_store: bool) -> Option<(Number, Certificate)> {
        let number = self.number(fingerprint)?;
        let slot = self.all.get_mut(number as usize)?;
        let known = slot.as_mut()?;
        let is_last = known.places.remove(place);
        known.stored -= u32::from(is_store);
        if known.places.len() == 1 {
            self.copied.remove(&number);
        }
        if !is_last {
            return None;
        }
        self.by_fingerprint.remove(&short(fingerprint));
        self.free.push(number);
        Some((number, slot.take()?))
    }

    pub(super) fn number(&self, fingerprint: &[u8; 32]) -> Option<Number> {
        self.by_fingerprint.get(&short(fingerprint)).copied()
    }

    pub(super) fn get(&self, number: Number) -> Option<&Certificate> {
        self.all.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut Certificate> {
        self.all.get_mut(number as usize)?.as_mut()
    }

    /// Leaves in several places, those in most first; and how many there are.
    pub(super) fn copies(&self, nodes: &Nodes) -> (Vec<CopiedRow>, u64) {
        let row = |number: &Number| {
            let facts = self.facts(*number, nodes).filter(|facts| is_leaf(facts))?;
            let places = self.get(*number)?.places.len() as u64;
            Some((places, *number, facts))
        };
        let mut found: Vec<_> = self.copied.iter().filter_map(row).collect();
        let count = found.len() as u64;
        found.sort_by_key(|(places, number, _)| (std::cmp::Reverse(*places), *number));
        let rows = found.iter().take(COPIES).map(|(places, _, facts)| CopiedRow {
            fingerprint: facts.fingerprint,
            subject: facts.subject.clone(),
            not_after: facts.not_after,
            places: *places,
        });
        (rows.collect(), count)
    }

    /// Its facts, as any of its places holds them.
    pub(super) fn facts<'n>(&self, number: Number, nodes: &'n Nodes) -> Option<&'n CertificateFacts> {
        nodes.certificate(self.get(number)?.places.first()?)
    }
}

/// Half of a SHA-256 tells certificates apart, and cannot be met on purpose.
fn short(fingerprint: &[u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&fingerprint[..16]);
    short
}
