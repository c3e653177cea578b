//! A whole list of a scope: in pages, or as the beginning of a watch.

use std::time::Duration;

use serde::Deserialize;

use crate::model::{ApiEvent, Reason, ScanContext};

use super::backoff::{Backoff, pause, within};
use super::batch::{Batch, Line};
use super::fault::{Fault, Kind};
use super::request::Status;
use super::split::{ListSplitter, Piece};
use super::{Api, Scope, count, resource, too_large};

/// How often a request is tried before the list fails.
const TRIES: u32 = 4;
/// How often a list begins anew because the server has forgotten where it was.
const RESTARTS: u32 = 3;
/// Between two chunks of a page.
const SILENCE: Duration = Duration::from_secs(60);
/// A server that streams a list does so at once, and its last word comes within 3 s. Longer silence before that word: it does not
/// know what it was asked, and has begun an ordinary watch.
const SETTLED: Duration = Duration::from_secs(10);

/// Where the objects of a list go.
pub(super) trait Take: Send {
    /// The list begins, or begins anew.
    fn begin(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Objects are waiting. `all`: there is no reason to wait for more.
    fn objects(&mut self, batch: &mut Batch, all: bool) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// How a list ended.
#[derive(Debug)]
pub(super) struct Listed {
    /// Where a watch goes on.
    pub(super) version: String,
    /// Objects were left out, and their names are not known.
    pub(super) is_partial: bool,
}

/// The list, streamed where the server can.
pub(super) async fn list(api: &Api, scope: &Scope, cx: &ScanContext, take: &mut impl Take) -> Result<Listed, Fault> {
    if api.streams_lists() {
        let mut tries = Tries::new();
        loop {
            take.begin().await?;
            match streamed(api, scope, cx, take).await {
                Ok(Some(listed)) => return Ok(listed),
                Ok(None) => {
                    api.streams_no_lists();
                    break;
                }
                Err(fault) => tries.again(fault, scope, cx).await?,
            }
        }
    }
    paged(api, scope, "list and watch", cx, take).await
}

/// The list as the beginning of a watch; `None`: the server cannot do that.
async fn streamed(api: &Api, scope: &Scope, cx: &ScanContext, take: &mut impl Take) -> Result<Option<Listed>, Fault> {
    let mut query = resource::selectors(scope);
    for (key, value) in
        [("watch", "true"), ("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan"), ("allowWatchBookmarks", "true")]
    {
        resource::add(&mut query, key, value);
    }
    let verbs = "list and watch";
    let mut body = match api.open(scope, verbs, &query, cx).await {
        Err(fault) if fault.kind == Kind::Unsupported => return Ok(None),
        opened => opened?,
    };
    let (mut batch, mut is_partial) = (Batch::default(), false);
    loop {
        let chunk = match within(cx, SETTLED, body.chunk(SILENCE, cx)).await {
            // The end without the last word.
            None | Some(Ok(None)) => return Ok(None),
            Some(chunk) => chunk.map_err(|fault| fault.about(verbs, scope))?.unwrap_or_default(),
        };
        let mut rest = &chunk[..];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            batch.push(&rest[..end]);
            rest = &rest[end + 1..];
            match batch.end_line() {
                Line::Object => take.objects(&mut batch, false).await?,
                Line::Blank => {}
                Line::TooLarge => {
                    too_large(scope, cx);
                    is_partial = true;
                }
                Line::Malformed => return Ok(None),
                Line::Control(kind, object) if kind == "BOOKMARK" => {
                    let bookmark: Bookmark = serde_json::from_slice(&object).unwrap_or_default();
                    if !bookmark.ends_list() {
                        // An ordinary watch has come as far as this.
                        return Ok(None);
                    }
                    take.objects(&mut batch, true).await?;
                    return Ok(Some(Listed { version: bookmark.metadata.resource_version, is_partial }));
                }
                Line::Control(kind, object) if kind == "ERROR" => {
                    let fault = serde_json::from_slice::<Status>(&object).unwrap_or_default().fault().about(verbs, scope);
                    // A server on an old etcd says 500: RequestWatchProgress is disabled.
                    let is_unsupported = matches!(fault.kind, Kind::Server | Kind::Unsupported | Kind::Other);
                    return if is_unsupported { Ok(None) } else { Err(fault) };
                }
                Line::Control(..) => {}
            }
        }
        batch.push(rest);
    }
}

/// The list in pages.
pub(super) async fn paged(api: &Api, scope: &Scope, verbs: &str, cx: &ScanContext, take: &mut impl Take) -> Result<Listed, Fault> {
    let mut tries = Tries::new();
    'anew: loop {
        take.begin().await?;
        let (mut next, mut is_partial) = (None::<String>, false);
        loop {
            match page(api, scope, verbs, next.as_deref(), cx, take).await {
                Ok(page) => {
                    tries.went_well();
                    is_partial |= page.is_partial;
                    let metadata = page.metadata;
                    match metadata.r#continue.filter(|token| !token.is_empty()) {
                        Some(token) => next = Some(token),
                        None => return Ok(Listed { version: metadata.resource_version, is_partial }),
                    }
                }
                Err(fault) => {
                    let is_expired = fault.kind == Kind::Expired;
                    tries.again(fault, scope, cx).await?;
                    if is_expired {
                        continue 'anew;
                    }
                }
            }
        }
    }
}

struct Page {
    metadata: Metadata,
    is_partial: bool,
}

async fn page(api: &Api, scope: &Scope, verbs: &str, next: Option<&str>, cx: &ScanContext, take: &mut impl Take) -> Result<Page, Fault> {
    let mut query = resource::selectors(scope);
    resource::add(&mut query, "limit", &api.page_size.to_string());
    if let Some(token) = next {
        resource::add(&mut query, "continue", token);
    }
    let mut body = api.open(scope, verbs, &query, cx).await?;
    let garbled = |words: String| Fault::new(Kind::Server, Reason::ApiError, words).about(verbs, scope);
    let (mut splitter, mut batch, mut is_partial) = (ListSplitter::default(), Batch::default(), false);
    while let Some(chunk) = body.chunk(SILENCE, cx).await.map_err(|fault| fault.about(verbs, scope))? {
        let cut = splitter.push(&chunk, |piece| match piece {
            Piece::Part(part) => batch.push(part),
            Piece::End => {
                if !batch.end() {
                    too_large(scope, cx);
                    is_partial = true;
                }
            }
        });
        cut.map_err(|error| garbled(error.to_string()))?;
        take.objects(&mut batch, false).await?;
    }
    let around = splitter.finish().map_err(|error| garbled(error.to_string()))?;
    let list: List = serde_json::from_slice(&around).map_err(|error| garbled(error.to_string()))?;
    take.objects(&mut batch, true).await?;
    Ok(Page { metadata: list.metadata, is_partial })
}

/// How often a list has been tried.
struct Tries {
    failures: u32,
    restarts: u32,
    backoff: Backoff,
}

impl Tries {
    fn new() -> Self {
        Self { failures: 0, restarts: 0, backoff: Backoff::new() }
    }

    fn went_well(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }

    /// Counts a fault and waits, if it is worth another try.
    async fn again(&mut self, fault: Fault, scope: &Scope, cx: &ScanContext) -> Result<(), Fault> {
        count(scope, &fault, cx);
        match fault.kind {
            Kind::Expired if self.restarts < RESTARTS => {
                self.restarts += 1;
                cx.api_event(ApiEvent::Resync(scope.resource));
                Ok(())
            }
            _ if fault.may_pass() && self.failures + 1 < TRIES && !cx.is_over() => {
                self.failures += 1;
                let asked = if let Kind::Limited(asked) = fault.kind { asked } else { None };
                pause(cx, self.backoff.at_least(asked)).await;
                Ok(())
            }
            _ => Err(fault),
        }
    }
}

/// Shows each object to a function, here and now.
pub(super) struct Visit<'a> {
    visit: &'a mut (dyn FnMut(&[u8]) + Send),
}

impl<'a> Visit<'a> {
    pub(super) fn new(visit: &'a mut (dyn FnMut(&[u8]) + Send)) -> Self {
        Self { visit }
    }
}

impl Take for Visit<'_> {
    async fn begin(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    async fn objects(&mut self, batch: &mut Batch, all: bool) -> Result<(), Fault> {
        if batch.is_full() || all {
            let whole = batch.take(Batch::default());
            whole.objects().for_each(|(_, json)| (self.visit)(json));
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
struct List {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) resource_version: String,
    r#continue: Option<String>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// The object of a bookmark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bookmark {
    pub(super) metadata: Metadata,
}

impl Bookmark {
    fn ends_list(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get("k8s.io/initial-events-end")).is_some_and(|value| value == "true")
    }
}
