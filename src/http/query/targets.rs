//! The targets: sources by name, and the places of each in order.

use std::borrow::Cow;

use super::first::First;
use super::{Filter, Page, each_target};
use crate::model::{Place, SnapshotView, SourceHeader, SourceId, TargetState};

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
    first.page()
}
