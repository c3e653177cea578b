//! The targets: sources by name, and the places of each in order.

use std::borrow::Cow;

use super::first::First;
use super::{Filter, Page, each_target};
use crate::model::{Place, SnapshotView, SourceHeader, SourceId, TargetState};

/// A page ends early after so many certificates and CRLs: one place may hold thousands.
const ITEMS: usize = 10_000;

/// What the list is sorted by: the source, and the place in it.
pub type Key<'a> = (Cow<'a, SourceId>, Cow<'a, Place>);

/// A target and its source.
pub type Row<'a> = (&'a SourceHeader, &'a TargetState);

/// One page of them. A walk over everything.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key<'a>>, limit: usize) -> Page<Row<'a>, Key<'a>> {
    let mut first = First::new(after, limit);
    each_target(view, filter, &mut |source, target| {
        if filter.takes_place(source, target) && filter.takes_content(target) && filter.names_target(target) {
            first.offer((Cow::Borrowed(&source.id), Cow::Borrowed(&target.place)), (source, target));
        }
    });
    let Page { total, rows, next } = first.page();
    let (mut items, all) = (0, rows.len());
    let fits = |(_, (_, target)): &(Key<'a>, Row<'a>)| {
        items += target.content.certificates.len() + target.content.crls.len();
        items
    };
    let taken = rows.iter().map(fits).enumerate().take_while(|(at, items)| *at == 0 || *items <= ITEMS).count();
    let cut = rows.get(taken.wrapping_sub(1)).filter(|_| taken < all).map(|(key, _)| key.clone());
    Page { total, rows: rows.into_iter().take(taken).map(|(_, row)| row).collect(), next: cut.or(next) }
}
