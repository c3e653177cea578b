//! Which of several scopes an object is in: one type of Secrets is listed by itself, and nothing orders what two lists say.
//!
//! May touch: `model`.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::identity;
use super::values::{Flavour, Values};
use crate::model::ScanContext;
use crate::source::kubernetes::api::{Handler, Scope};

/// The scope that each object was last seen in, for scopes that share namespaces. Held while one of them speaks.
type Owners = Arc<Mutex<HashMap<u64, usize>>>;

/// Handles the objects of one scope of a source.
pub struct Scoped<F> {
    values: Arc<Values<F>>,
    index: usize,
    scope: Scope,
    /// `None`: no other scope sees the same namespaces.
    owners: Option<Owners>,
    is_swept: AtomicBool,
}

/// A handler for each scope.
pub fn each<F: Flavour + 'static>(values: &Arc<Values<F>>, scopes: Vec<Scope>) -> Vec<(Scope, Arc<dyn Handler>)> {
    let owners = Owners::default();
    let namespaces: Vec<_> = scopes.iter().map(|scope| scope.namespace.clone()).collect();
    let handlers = scopes.into_iter().enumerate().map(|(index, scope)| {
        let is_shared = namespaces.iter().filter(|namespace| **namespace == scope.namespace).count() > 1;
        let owners = is_shared.then(|| Arc::clone(&owners));
        let handler = Scoped { values: Arc::clone(values), index, scope: scope.clone(), owners, is_swept: AtomicBool::new(false) };
        (scope, Arc::new(handler) as Arc<dyn Handler>)
    });
    handlers.collect()
}

impl<F: Flavour> Handler for Scoped<F> {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let Some(owners) = &self.owners else { return self.values.applied(json, cx) };
        let mut owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.values.applied(json, cx)?;
        owners.insert(number, self.index);
        Some(number)
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let Some(owners) = &self.owners else { return self.values.deleted(json, cx) };
        let mut owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = identity(json) {
            let number = Values::<F>::number(&name.namespace, &name.name);
            if owners.get(&number).is_some_and(|owner| *owner != self.index) {
                // Made again with another type, which has been seen already.
                return Some(number);
            }
            owners.remove(&number);
        }
        self.values.deleted(json, cx)
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        let Some(owners) = &self.owners else { return self.values.vanished(gone, cx) };
        let mut owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
        let own = gone.iter().copied().filter(|number| owners.get(number).is_none_or(|owner| *owner == self.index));
        let own: HashSet<u64> = own.collect();
        own.iter().for_each(|number| _ = owners.remove(number));
        if !own.is_empty() {
            self.values.vanished(&own, cx);
        }
    }

    /// What is known from before a restart and was not listed is gone, whatever becomes of other scopes.
    fn completed(&self, seen: &HashSet<u64>, cx: &ScanContext) {
        if self.owners.is_none() && self.values.inherits() && !self.is_swept.swap(true, Ordering::Relaxed) {
            self.values.sweep(self.scope.namespace.as_ref(), seen, cx);
        }
    }
}
