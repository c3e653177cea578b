//! Between scans: every scope is watched, and comes back after whatever has happened.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::model::{ApiEvent, ScanContext};

use super::backoff::{Backoff, pause, some_of};
use super::count;
use super::fault::{Fault, Kind};
use super::feed::{Feed, Feeds, Trouble};
use super::watch::{Ended, watch};

/// A watch that ends sooner than this has not been one.
const HASTY: Duration = Duration::from_secs(1);

/// After a watch that has lasted so long a list is nothing to be sparing with.
const LASTING: Duration = Duration::from_secs(60);

impl Feeds {
    /// Watches every scope from where its list has ended. Never returns; what is dropped goes on where it was.
    pub async fn follow(&self, cx: &ScanContext) {
        let sight = Sight::new(&self.feeds, cx);
        join_all(self.feeds.iter().enumerate().map(|(index, feed)| feed.follow(index, &sight, cx))).await;
        std::future::pending().await
    }
}

impl Feed {
    async fn follow(&self, index: usize, sight: &Sight<'_>, cx: &ScanContext) {
        let mut backoff = Backoff::new();
        loop {
            let (version, trouble) = {
                let state = self.state();
                (state.version.clone(), state.trouble)
            };
            let Some(version) = version else {
                // There is none of this resource, or nobody may see it: the next scan looks again.
                if trouble != Some(Trouble::Passing) {
                    return;
                }
                pause(cx, backoff.next()).await;
                self.relist(index, sight, cx).await;
                continue;
            };
            let works = || self.is_well(index, sight);
            let begun_at = cx.clock.monotonic();
            match watch(self, version, cx, works).await {
                // As servers do after some minutes. One that does nothing else is not asked without a pause.
                Ended::Properly if cx.clock.monotonic().saturating_sub(begun_at) < HASTY => pause(cx, backoff.next()).await,
                Ended::Properly => backoff.reset(),
                Ended::Expired => {
                    cx.api_event(ApiEvent::Resync(self.scope.resource));
                    // A server that forgets faster than it lists is not to be listed without end.
                    if cx.clock.monotonic().saturating_sub(begun_at) < LASTING {
                        pause(cx, backoff.next()).await;
                    } else {
                        backoff.reset();
                    }
                    if !self.relist(index, sight, cx).await {
                        pause(cx, backoff.next()).await;
                    }
                }
                Ended::Broken { fault, confirmed } => {
                    count(&self.scope, &fault, cx);
                    if confirmed {
                        // It had worked until now: back soon, and nobody is alarmed unless that fails.
                        backoff.reset();
                        pause(cx, Duration::from_millis(u64::from(some_of(1_000)))).await;
                    } else {
                        self.is_ill(index, &fault, sight);
                        let asked = if let Kind::Limited(asked) = fault.kind { asked } else { None };
                        pause(cx, backoff.at_least(asked)).await;
                    }
                }
            }
        }
    }

    /// Whether the list came to its end.
    async fn relist(&self, index: usize, sight: &Sight<'_>, cx: &ScanContext) -> bool {
        match self.list(cx).await {
            Ok(_) => {
                sight.regained(index);
                true
            }
            Err(fault) => {
                sight.lost(index, &fault);
                false
            }
        }
    }

    fn is_well(&self, index: usize, sight: &Sight<'_>) {
        self.state().trouble = None;
        sight.regained(index);
    }

    fn is_ill(&self, index: usize, fault: &Fault, sight: &Sight<'_>) {
        self.state().trouble = Some(Trouble::Passing);
        sight.lost(index, fault);
    }
}

/// What the scopes of a source see, all together: told when the first one is lost, and when the last one is back.
struct Sight<'a> {
    cx: &'a ScanContext,
    lost: Mutex<HashSet<usize>>,
}

impl<'a> Sight<'a> {
    /// What the scan could not list is lost already, and told by its failure.
    fn new(feeds: &[Feed], cx: &'a ScanContext) -> Self {
        let lost = feeds.iter().enumerate().filter(|(_, feed)| feed.state().trouble.is_some()).map(|(index, _)| index).collect();
        Self { cx, lost: Mutex::new(lost) }
    }

    fn lost(&self, index: usize, fault: &Fault) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.is_empty() {
            self.cx.lost(fault.failure());
        }
        lost.insert(index);
    }

    fn regained(&self, index: usize) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.remove(&index) && lost.is_empty() {
            self.cx.regained();
        }
    }
}
