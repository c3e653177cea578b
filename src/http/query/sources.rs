//! The sources, by name.

use std::borrow::Cow;

use super::first::First;
use super::{Filter, Page, each_source};
use crate::model::{SnapshotView, SourceHeader, SourceId, SourceStatus};

/// What the list is sorted by.
pub type Key<'a> = Cow<'a, SourceId>;

/// One page of them.
pub fn page<'a>(
    view: &'a dyn SnapshotView,
    filter: &Filter,
    after: Option<&Key<'a>>,
    limit: usize,
) -> Page<(&'a SourceHeader, &'a SourceStatus), Key<'a>> {
    let mut first = First::new(after, limit);
    for (source, status) in each_source(view, filter) {
        if filter.takes_status(status) && filter.text.as_ref().is_none_or(|needle| needle.is_in(&source.id.name)) {
            first.offer(Cow::Borrowed(&source.id), (source, status));
        }
    }
    first.page()
}
