//! One watch of a scope, from where its list or the watch before has ended.

use std::time::Duration;

use crate::model::ScanContext;

use super::backoff::{pause, some_of};
use super::batch::{Batch, Line};
use super::body::Body;
use super::fault::{Fault, Kind};
use super::feed::{Feed, Hand};
use super::list::Bookmark;
use super::request::Status;
use super::{resource, too_large};

/// After so long the server ends a watch by itself; a share more for each, so that they do not all end at once.
const SECONDS: u32 = 270;
const SECONDS_MORE: u32 = 40;
/// A watch that has not ended so long after it should have is dead: its peer is gone.
const SLACK: Duration = Duration::from_secs(30);
/// A server that has forgotten the resource version says so at once.
const CONFIRMED: Duration = Duration::from_secs(1);

/// How a watch ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server ended it, as it does now and then.
    Properly,
    /// The server has forgotten where it was: everything must be listed.
    Expired,
    /// It broke off. `confirmed`: not before it had been seen to work.
    Broken {
        /// Why.
        fault: Fault,
        /// It had worked.
        confirmed: bool,
    },
}

/// Watches once. `works` is called as soon as the watch is known to see everything since then.
pub(super) async fn watch(feed: &Feed, version: String, cx: &ScanContext, works: impl Fn()) -> Ended {
    let mut watch = Watch { feed, cx, hand: Hand::new(feed, cx), batch: Batch::default(), confirmed: false };
    let result = watch.run(version, works).await;
    match result {
        Ok(()) => Ended::Properly,
        Err(fault) if is_expired(feed, &fault) => Ended::Expired,
        Err(fault) => Ended::Broken { fault, confirmed: watch.confirmed },
    }
}

/// An optional resource that is no more is an empty list, which is found by listing.
fn is_expired(feed: &Feed, fault: &Fault) -> bool {
    fault.kind == Kind::Expired || fault.kind == Kind::Missing && resource::of(feed.scope.resource).is_optional
}

struct Watch<'a> {
    feed: &'a Feed,
    cx: &'a ScanContext,
    hand: Hand<'a>,
    batch: Batch,
    confirmed: bool,
}

impl Watch<'_> {
    async fn run(&mut self, version: String, works: impl Fn()) -> Result<(), Fault> {
        let (cx, scope) = (self.cx, &self.feed.scope);
        let seconds = SECONDS + some_of(SECONDS_MORE);
        let mut query = resource::selectors(scope);
        let timeout = seconds.to_string();
        for (key, value) in
            [("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", &*version), ("timeoutSeconds", &*timeout)]
        {
            resource::add(&mut query, key, value);
        }
        let end = cx.clock.monotonic() + Duration::from_secs(u64::from(seconds)) + SLACK;
        let mut body = self.feed.api.open(scope, "list and watch", &query, cx).await?;
        loop {
            let chunk = self.next(&mut body, end, &works).await.map_err(|fault| fault.about("list and watch", scope))?;
            let Some(chunk) = chunk else {
                self.confirm(&works);
                return Ok(());
            };
            let mut rest = &chunk[..];
            while let Some(at) = memchr::memchr(b'\n', rest) {
                self.batch.push(&rest[..at]);
                rest = &rest[at + 1..];
                self.line(&works).await?;
            }
            self.give(None).await?;
            self.batch.push(rest);
        }
    }

    /// The next chunk; the watch is confirmed when none comes for a while.
    async fn next(&mut self, body: &mut Body, end: Duration, works: impl Fn()) -> Result<Option<bytes::Bytes>, Fault> {
        let cx = self.cx;
        let left = end.saturating_sub(cx.clock.monotonic());
        if self.confirmed {
            return body.chunk(left, cx).await;
        }
        let first = tokio::select! {
            biased;
            chunk = body.chunk(left, cx) => Some(chunk),
            () = pause(cx, CONFIRMED) => None,
        };
        match first {
            Some(chunk) => chunk,
            None => {
                self.confirm(works);
                body.chunk(left, cx).await
            }
        }
    }

    async fn line(&mut self, works: impl Fn()) -> Result<(), Fault> {
        let scope = &self.feed.scope;
        match self.batch.end_line() {
            Line::Object => {
                self.confirm(works);
                if self.batch.is_full() {
                    self.give(None).await?;
                }
            }
            Line::Blank => {}
            Line::TooLarge => too_large(scope, self.cx),
            Line::Malformed => {
                let words = "a line of the watch is no event";
                return Err(Fault::new(Kind::Server, crate::model::Reason::ApiError, words).about("list and watch", scope));
            }
            Line::Control(kind, object) if kind == "BOOKMARK" => {
                self.confirm(works);
                let bookmark: Bookmark = serde_json::from_slice(&object).unwrap_or_default();
                self.give(Some(bookmark.metadata.resource_version).filter(|version| !version.is_empty())).await?;
            }
            Line::Control(kind, object) if kind == "ERROR" => {
                self.give(None).await?;
                let status: Status = serde_json::from_slice(&object).unwrap_or_default();
                return Err(status.fault().about("list and watch", scope));
            }
            Line::Control(..) => {}
        }
        Ok(())
    }

    fn confirm(&mut self, works: impl Fn()) {
        if !std::mem::replace(&mut self.confirmed, true) {
            works();
        }
    }

    /// Hands over what is whole, and remembers where the watch is once that has been taken.
    async fn give(&mut self, bookmark: Option<String>) -> Result<(), Fault> {
        let version = bookmark.or_else(|| self.batch.last_version());
        if !self.batch.is_empty() {
            self.hand.give(&mut self.batch).await?;
            self.hand.settle().await?;
        }
        // What was not taken because the next scan has begun is not known: the next watch begins before it.
        if let Some(version) = version.filter(|_| !self.cx.is_over()) {
            self.feed.state().version = Some(version);
        }
        Ok(())
    }
}
