//! Targets that are to be judged, each once.

use super::nodes::Id;

/// A set of targets that is filled and then emptied as a whole: a first pass marks all there are, often.
#[derive(Default)]
pub(super) struct Marks {
    is_marked: Vec<bool>,
    marked: Vec<Id>,
}

impl Marks {
    pub(super) fn insert(&mut self, id: Id) {
        let at = id as usize;
        if self.is_marked.len() <= at {
            self.is_marked.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.is_marked[at], true) {
            self.marked.push(id);
        }
    }

    /// Takes all of them out.
    pub(super) fn take(&mut self) -> Vec<Id> {
        let marked = std::mem::take(&mut self.marked);
        marked.iter().for_each(|id| self.is_marked[*id as usize] = false);
        marked
    }
}

impl Extend<Id> for Marks {
    fn extend<I: IntoIterator<Item = Id>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.insert(id));
    }
}

impl<'a> Extend<&'a Id> for Marks {
    fn extend<I: IntoIterator<Item = &'a Id>>(&mut self, ids: I) {
        self.extend(ids.into_iter().copied());
    }
}
