//! The scopes of a source: listed in a scan, watched between scans, with the numbers of their objects and nothing else of them.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use crate::model::{BoxFuture, Failure, Listing, Reason, ScanContext, Stage};

use super::batch::{Batch, Change};
use super::fault::{Fault, Kind};
use super::list::{self, Take};
use super::{Api, Handler, Scope, resource};

/// So many scopes are listed at the same time.
const AT_ONCE: usize = 4;

/// One scope, and who takes its objects.
pub struct Feed {
    pub(super) api: Arc<Api>,
    pub(super) scope: Scope,
    handler: Arc<dyn Handler>,
    state: Arc<Mutex<State>>,
}

/// What is known of a scope.
#[derive(Default)]
pub(super) struct State {
    /// The numbers of its objects.
    members: HashSet<u64>,
    /// Where the watch goes on; `None`: it must be listed first.
    pub(super) version: Option<String>,
    /// Why it is not seen as it should be.
    pub(super) trouble: Option<Trouble>,
    is_absent: bool,
}

/// Why a scope is not seen as it should be, and what may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Trying again may help.
    Passing,
    /// It waits for somebody: to grant a right, to install something.
    Lasting,
}

/// The scopes of a source.
pub struct Feeds {
    pub(super) feeds: Vec<Feed>,
}

impl Feeds {
    /// Lists and watches nothing yet.
    pub fn new(feeds: Vec<Feed>) -> Self {
        Self { feeds }
    }

    /// Lists every scope, a few at a time. Those that cannot be listed hold up no other.
    ///
    /// # Errors
    /// Scopes could not be listed; all others have been handed over.
    pub async fn scan(&self, cx: &ScanContext) -> Result<Listing, Failure> {
        // Boxed, or the compiler does not see that they may go to another thread.
        let mut lists: Vec<BoxFuture<'_, Result<Listing, Fault>>> = Vec::new();
        for feed in &self.feeds {
            lists.push(Box::pin(feed.list(cx)));
        }
        let mut lists = stream::iter(lists).buffer_unordered(AT_ONCE);
        let (mut faults, mut listing) = (Vec::new(), Listing::Complete);
        while let Some(listed) = lists.next().await {
            match listed {
                Ok(Listing::Complete) => {}
                Ok(Listing::Partial) => listing = Listing::Partial,
                Err(fault) => faults.push(fault),
            }
        }
        match faults.first() {
            Some(first) => Err(first.failure_of(faults.len(), self.feeds.len())),
            None => Ok(listing),
        }
    }
}

impl Feed {
    /// Knows nothing yet.
    pub fn new(api: Arc<Api>, scope: Scope, handler: Arc<dyn Handler>) -> Self {
        Self { api, scope, handler, state: Arc::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the scope. What is dropped halfway is in trouble.
    pub(super) async fn list(&self, cx: &ScanContext) -> Result<Listing, Fault> {
        self.state().trouble = Some(Trouble::Passing);
        let mut hand = Hand::new(self, cx);
        let listed = list::list(&self.api, &self.scope, cx, &mut hand).await;
        let listed = match listed {
            Err(fault) if fault.kind == Kind::Missing && resource::of(self.scope.resource).is_optional => None,
            Ok(listed) => Some(listed),
            Err(fault) => {
                let is_lasting = matches!(fault.kind, Kind::Denied | Kind::Missing);
                self.state().trouble = Some(if is_lasting { Trouble::Lasting } else { Trouble::Passing });
                return Err(fault);
            }
        };
        let seen = hand.finish().await?;
        if cx.is_over() {
            return Err(Fault::new(Kind::Other, Reason::DeadlineExceeded, "the scan was given up"));
        }
        if listed.as_ref().is_none_or(|listed| !listed.is_partial) {
            self.forget_all_but(seen, cx).await?;
        }
        let is_partial = listed.as_ref().is_some_and(|listed| listed.is_partial);
        let mut state = self.state();
        if listed.is_none() && !state.is_absent {
            tracing::info!(resource = %self.scope.resource, "the API server does not have this resource: there are none");
        }
        state.is_absent = listed.is_none();
        state.trouble = None;
        state.version = listed.map(|listed| listed.version);
        Ok(if is_partial { Listing::Partial } else { Listing::Complete })
    }

    async fn forget_all_but(&self, seen: HashSet<u64>, cx: &ScanContext) -> Result<(), Fault> {
        let gone: HashSet<u64> = self.state().members.difference(&seen).copied().collect();
        if cx.is_over() {
            return Ok(());
        }
        let (handler, cx) = (Arc::clone(&self.handler), cx.clone());
        let work = tokio::task::spawn_blocking(move || {
            if !gone.is_empty() {
                handler.vanished(&gone, &cx);
            }
            handler.completed(&seen, &cx);
            seen
        });
        let seen = work.await.map_err(|error| Fault::new(Kind::Other, Reason::Panicked, error.to_string()))?;
        self.state().members = seen;
        Ok(())
    }
}

/// Hands batches to the handler, one after the other, while the next one arrives.
pub(super) struct Hand<'a> {
    feed: &'a Feed,
    cx: ScanContext,
    running: Option<JoinHandle<Done>>,
    spare: Batch,
    seen: HashSet<u64>,
}

struct Done {
    batch: Batch,
    numbers: Vec<u64>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(feed: &'a Feed, cx: &ScanContext) -> Self {
        Self { feed, cx: cx.clone(), running: None, spare: Batch::default(), seen: HashSet::new() }
    }

    /// Hands over whatever is whole, behind what was handed over before.
    pub(super) async fn give(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.settle().await?;
        let whole = batch.take(std::mem::take(&mut self.spare));
        let (handler, state, cx) = (Arc::clone(&self.feed.handler), Arc::clone(&self.feed.state), self.cx.clone());
        self.running = Some(tokio::task::spawn_blocking(move || {
            let mut numbers = Vec::new();
            for (change, json) in whole.objects() {
                if cx.is_over() {
                    break;
                }
                match change {
                    Change::Applied => {
                        let Some(number) = unharmed(&cx, || handler.applied(json, &cx)) else { continue };
                        // At once: an object that was handed over is known, whatever becomes of the list.
                        state.lock().unwrap_or_else(PoisonError::into_inner).members.insert(number);
                        numbers.push(number);
                    }
                    Change::Deleted => {
                        let Some(number) = unharmed(&cx, || handler.deleted(json, &cx)) else { continue };
                        state.lock().unwrap_or_else(PoisonError::into_inner).members.remove(&number);
                    }
                }
            }
            Done { batch: whole, numbers }
        }));
        Ok(())
    }

    /// Waits until the handler has taken everything that it was given.
    pub(super) async fn settle(&mut self) -> Result<(), Fault> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let done = running.await.map_err(|error| Fault::new(Kind::Other, Reason::Panicked, error.to_string()))?;
        self.spare = done.batch;
        self.seen.extend(done.numbers);
        Ok(())
    }

    /// The numbers of all objects that were handed over since the list began.
    async fn finish(mut self) -> Result<HashSet<u64>, Fault> {
        self.settle().await?;
        Ok(self.seen)
    }
}

/// What a defect of ours does with one object stays with it.
fn unharmed(cx: &ScanContext, handle: impl FnOnce() -> Option<u64>) -> Option<u64> {
    catch_unwind(AssertUnwindSafe(handle)).unwrap_or_else(|_| {
        let words = "a defect of this program, caught while an object was handled; please report it";
        cx.source_error(Failure::new(Stage::Read, Reason::Panicked, words));
        None
    })
}

impl Take for Hand<'_> {
    async fn begin(&mut self) -> Result<(), Fault> {
        self.settle().await?;
        self.seen.clear();
        Ok(())
    }

    async fn objects(&mut self, batch: &mut Batch, all: bool) -> Result<(), Fault> {
        if batch.is_full() || (all && !batch.is_empty()) { self.give(batch).await } else { Ok(()) }
    }
}
