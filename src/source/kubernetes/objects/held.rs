//! Which keys of which objects are shown now: so much is kept of an object, and no more.
//!
//! May touch: `model`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Labels;

/// So many different sets of keys, and of labels, are shared.
const SHARED: usize = 1 << 16;

/// The keys of one object.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Sorted.
    pub keys: Arc<[Arc<str>]>,
    /// What of its own labels and annotations is needed.
    pub words: Option<Arc<Labels>>,
}

/// All of a source, by their numbers.
#[derive(Default)]
pub struct Held(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    objects: HashMap<u64, Kept>,
    key_sets: HashSet<Arc<[Arc<str>]>>,
    word_sets: HashSet<Arc<Labels>>,
    texts: HashSet<Arc<str>>,
}

impl Held {
    /// Puts in what an object has now; gives what it had and has no more.
    pub fn put(&self, number: u64, mut keys: Vec<Arc<str>>, words: Option<Labels>) -> Vec<Arc<str>> {
        keys.sort_unstable();
        let mut inner = self.lock();
        let Inner { objects, key_sets, word_sets, .. } = &mut *inner;
        let before = objects.get(&number).map(|kept| Arc::clone(&kept.keys)).unwrap_or_default();
        let removed = before.iter().filter(|key| keys.binary_search(key).is_err()).cloned().collect();
        if keys.is_empty() {
            objects.remove(&number);
        } else {
            let words = words.map(|words| shared(word_sets, Arc::new(words)));
            objects.insert(number, Kept { keys: shared(key_sets, keys.into()), words });
        }
        removed
    }

    /// What is kept of an object.
    pub fn get(&self, number: u64) -> Option<Kept> {
        self.lock().objects.get(&number).cloned()
    }

    /// Forgets an object; gives what it had.
    pub fn remove(&self, number: u64) -> Arc<[Arc<str>]> {
        self.lock().objects.remove(&number).map(|kept| kept.keys).unwrap_or_default()
    }

    /// Whether nothing is shown.
    pub fn is_empty(&self) -> bool {
        self.lock().objects.is_empty()
    }

    /// One allocation for equal texts.
    pub fn text(&self, text: &str) -> Arc<str> {
        let mut inner = self.lock();
        match inner.texts.get(text) {
            Some(known) => Arc::clone(known),
            None => shared(&mut inner.texts, text.into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shared<T: ?Sized + Eq + std::hash::Hash>(pool: &mut HashSet<Arc<T>>, one: Arc<T>) -> Arc<T> {
    if let Some(known) = pool.get(&one) {
        return Arc::clone(known);
    }
    if pool.len() >= SHARED {
        pool.clear();
    }
    pool.insert(Arc::clone(&one));
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_keys_are_told_and_sets_are_shared() {
        let held = Held::default();
        let keys = |names: &[&str]| names.iter().map(|name| held.text(name)).collect::<Vec<_>>();
        for (case, number, now, removed) in [
            ("new", 1, &["tls.crt", "ca.crt"][..], &[][..]),
            ("the same in another order", 1, &["ca.crt", "tls.crt"], &[]),
            ("another object", 2, &["ca.crt", "tls.crt"], &[]),
            ("one gone, one new", 1, &["ca.crt", "x.pem"], &["tls.crt"]),
            ("all gone", 1, &[], &["ca.crt", "x.pem"]),
        ] {
            assert_eq!(held.put(number, keys(now), None), keys(removed), "{case}");
        }
        assert!(held.get(1).is_none());
        held.put(3, keys(&["tls.crt", "ca.crt"]), None);
        assert!(Arc::ptr_eq(&held.get(2).unwrap().keys, &held.get(3).unwrap().keys));
        assert_eq!(held.remove(2).len(), 2);
        assert!(held.remove(2).is_empty());
    }
}
