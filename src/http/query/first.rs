//! The first rows behind a key, in order, from an unordered walk, in memory bounded by the page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Page;

/// Collects a page.
pub struct First<'k, K, V> {
    after: Option<&'k K>,
    limit: usize,
    total: u64,
    /// The largest key on top.
    heap: BinaryHeap<Row<K, V>>,
}

struct Row<K, V> {
    key: K,
    value: V,
}

impl<'k, K: Ord, V> First<'k, K, V> {
    /// At most `limit` rows behind `after`.
    pub fn new(after: Option<&'k K>, limit: usize) -> Self {
        Self { after, limit, total: 0, heap: BinaryHeap::with_capacity(limit.saturating_add(2)) }
    }

    /// Takes notice of a row. Rows of equal keys are one.
    pub fn offer(&mut self, key: K, value: V) {
        self.total += 1;
        let is_before = self.after.is_some_and(|after| key <= *after);
        // One more than the page holds: whether there is more.
        let is_beyond = self.heap.len() > self.limit && self.heap.peek().is_some_and(|last| last.key <= key);
        if is_before || is_beyond {
            return;
        }
        self.heap.push(Row { key, value });
        if self.heap.len() > self.limit + 1 {
            self.heap.pop();
        }
    }

    /// The page.
    pub fn page(self) -> Page<V, K> {
        let mut rows: Vec<(K, V)> = self.heap.into_sorted_vec().into_iter().map(|Row { key, value }| (key, value)).collect();
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        Page { total: self.total, rows, more }
    }
}

impl<K: Ord, V> PartialEq for Row<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<K: Ord, V> Eq for Row<K, V> {}
impl<K: Ord, V> PartialOrd for Row<K, V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Ord, V> Ord for Row<K, V> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_stands_behind_a_key_in_order() {
        for (behaviour, after, limit, rows, next) in [
            ("from the start", None, 2, &[1, 2][..], Some(2)),
            ("behind a row", Some(2), 2, &[3, 4], Some(4)),
            ("behind a row that is gone", Some(0), 1, &[1], Some(1)),
            ("the last page, full", Some(3), 2, &[4, 5], None),
            ("the last page, not full", Some(4), 3, &[5], None),
            ("behind everything", Some(9), 3, &[], None),
            ("all at once", None, 9, &[1, 2, 3, 4, 5], None),
        ] {
            let mut first = First::new(after.as_ref(), limit);
            for key in [4, 1, 5, 3, 2] {
                first.offer(key, ());
            }
            let page = first.page();
            let found: Vec<i32> = page.rows.iter().map(|(key, ())| *key).collect();
            assert_eq!((page.total, &*found, page.next().copied()), (5, rows, next), "{behaviour}");
        }
    }
}
