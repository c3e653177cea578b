//! The CA certificates with what hangs on each, those first that most hangs on.

use std::cmp::Reverse;

use super::first::First;
use super::{Filter, Needle, Page};
use crate::model::{AuthorityRow, SnapshotView};

/// What the list is sorted by. What hangs on a CA may change between two pages: then it may be missed, or seen twice.
pub type Key = (Reverse<u64>, [u8; 32]);

/// One page of them.
pub fn page<'a>(view: &'a dyn SnapshotView, filter: &Filter, after: Option<&Key>, limit: usize) -> Page<&'a AuthorityRow, Key> {
    let relations = view.relations();
    let mut first = First::new(after, limit);
    for row in relations.authorities.iter().filter(|row| filter.takes_authority(row)) {
        first.offer((Reverse(row.dependants), row.fingerprint), row);
    }
    let mut page = first.page();
    if *filter == Filter::default() {
        page.total += relations.left_out;
    }
    page
}

impl Filter {
    fn takes_authority(&self, row: &AuthorityRow) -> bool {
        let is_named = |needle: &Needle| needle.is_in(&row.subject) || needle.is_in(&row.issuer) || needle.begins(&row.fingerprint);
        self.role.is_none_or(|role| row.role == role)
            && self.expires_before.is_none_or(|before| row.not_after < before)
            && self.expires_after.is_none_or(|after| row.not_after >= after)
            && self.text.as_ref().is_none_or(is_named)
    }
}
