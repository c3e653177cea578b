//! Renewals are told once: the same new certificate comes to several places, one after the other.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::model::SourceId;

/// Renewals that are remembered; more than come within a round.
const REMEMBERED: usize = 20_000;

/// Renewals that have been told.
#[derive(Debug, Default)]
pub struct Renewals(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    all: HashSet<u64>,
    order: VecDeque<u64>,
    keys: RandomState,
}

impl Renewals {
    /// Whether nobody has seen this certificate come yet.
    pub(super) fn is_first(&self, new: &[u8; 32]) -> bool {
        self.insert(None, new)
    }

    /// It was told by an earlier process.
    pub(super) fn remember(&self, new: &[u8; 32]) {
        self.insert(None, new);
    }

    /// Whether this source has not seen it come yet.
    pub(super) fn is_first_in(&self, source: &SourceId, new: &[u8; 32]) -> bool {
        self.insert(Some(source), new)
    }

    /// By whom it was seen, or by anybody at all; and the certificate that came. Kept as 64 bits: that two of so few are alike is less likely than
    /// that memory fails.
    fn insert(&self, by: Option<&SourceId>, new: &[u8; 32]) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = told.keys.hash_one((by, new));
        if !told.all.insert(key) {
            return false;
        }
        told.order.push_back(key);
        if told.order.len() > REMEMBERED
            && let Some(oldest) = told.order.pop_front()
        {
            told.all.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceKind;

    #[test]
    fn each_renewal_is_told_once_and_counted_once_in_each_source() {
        let renewals = Renewals::default();
        let [files, edge] = [SourceKind::File, SourceKind::Tls].map(|kind| SourceId { kind, name: "x".into() });
        assert_eq!([renewals.is_first(&[1; 32]), renewals.is_first(&[1; 32]), renewals.is_first(&[2; 32])], [true, false, true]);
        let seen = [renewals.is_first_in(&files, &[1; 32]), renewals.is_first_in(&edge, &[1; 32]), renewals.is_first_in(&files, &[1; 32])];
        assert_eq!(seen, [true, true, false]);
        for n in 0..=REMEMBERED as u32 {
            let mut new = [9; 32];
            new[..4].copy_from_slice(&n.to_be_bytes());
            renewals.is_first(&new);
        }
        assert!(renewals.0.lock().unwrap().all.len() <= REMEMBERED, "what is remembered is bounded");
    }
}
