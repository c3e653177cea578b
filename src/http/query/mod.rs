//! What the lists select of a snapshot: filters, orders and pages, apart from how they are shown. The API and the page for people read the same.
//!
//! May touch: `model`. Must not: know HTTP, JSON or HTML, hold anything beyond one answer.
//!
//! **Pages.** Each list is sorted by a key that is a row's own (a certificate's end and fingerprint, a target's source and place …) and not by
//! where it stands. A page is what comes behind a key, so what was published in between moves nothing: a row that is there all the time is on
//! exactly one page, one that comes or goes in between may be seen or not. Memory is bounded by the page, but for about 64 bytes for each
//! certificate that [`certificates`] counts once.

pub mod authorities;
pub mod certificates;
pub mod crls;
mod filter;
pub mod findings;
mod first;
mod needle;
pub mod services;
pub mod sources;
pub mod targets;

#[cfg(test)]
mod tests;

pub use filter::{Filter, Outcome, item, namespace};
pub use needle::Needle;

use crate::model::{SnapshotView, SourceHeader, SourceStatus, TargetState};

/// Part of a list.
#[derive(Debug)]
pub struct Page<T, K> {
    /// How many rows the whole list has.
    pub total: u64,
    /// Those of this page in order, each with its key.
    pub rows: Vec<(K, T)>,
    /// Whether more come behind them.
    pub more: bool,
}

impl<T, K> Page<T, K> {
    /// The key to go on behind, when there is more.
    pub fn next(&self) -> Option<&K> {
        self.rows.last().filter(|_| self.more).map(|(key, _)| key)
    }

    /// The rows alone.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The page with its rows made into others.
    fn map<U>(self, mut make: impl FnMut(&K, T) -> U) -> Page<U, K> {
        let Self { total, rows, more } = self;
        let make = |(key, row)| {
            let made = make(&key, row);
            (key, made)
        };
        Page { total, rows: rows.into_iter().map(make).collect(), more }
    }
}

/// Every source that the filter is for, by name.
pub fn each_source<'a>(view: &'a dyn SnapshotView, filter: &Filter) -> Vec<(&'a SourceHeader, &'a SourceStatus)> {
    let mut sources = Vec::new();
    view.sources(&mut |source, status| {
        if filter.takes_source(source) {
            sources.push((source, status));
        }
    });
    sources
}

/// Every target of the sources that the filter is for.
fn each_target<'a>(view: &'a dyn SnapshotView, filter: &Filter, visit: &mut dyn FnMut(&'a SourceHeader, &'a TargetState)) {
    for (source, _) in each_source(view, filter) {
        view.targets(&source.id, &mut |target| visit(source, target));
    }
}
