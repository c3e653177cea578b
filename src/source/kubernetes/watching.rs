//! The engine's source over a set of feeds: lists, then follows, and says again what others learnt of its objects.
//!
//! May touch: `model`, the API server. Must not: know what an object means.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::api::{Api, Feeds, Handler, Scope};
use super::objects::Subject;
use super::surroundings::{Changed, Changes, Surroundings};
use crate::model::{BoxFuture, Failure, Listing, Reason, ScanContext, Source, SourceKind, Stage};

/// How long a first listing waits for those that know more of its objects.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who knows more of objects, without those who know of namespaces.
const BUT_NAMESPACES: &[SourceKind] = &[SourceKind::KubeCertificate, SourceKind::KubeRoute, SourceKind::KubePod, SourceKind::KubeCabundle];
/// How long changes are gathered before they are told.
const GATHERED: Duration = Duration::from_millis(100);
/// How often is looked whether namespaces are known by now.
const UNKNOWING: Duration = Duration::from_millis(500);
/// Objects on their way from a list to the thread that reads them.
const WAITING: usize = 16;

/// One source of a table.
pub(super) struct Watching {
    kind: SourceKind,
    feeds: Feeds,
    subject: Arc<dyn Subject>,
    surroundings: Arc<Surroundings>,
    consumer: Option<Consumer>,
    must_find: Option<Box<dyn Fn() -> Result<(), String> + Send + Sync>>,
}

/// What a source needs that shows what others know.
pub(super) struct Consumer {
    pub changes: Arc<Changes>,
    pub api: Arc<Api>,
    pub handler: Arc<dyn Handler>,
    /// Listed again for a namespace that comes to be looked at.
    pub relist: Vec<Scope>,
}

/// Whatever becomes of a listing, those who wait for it go on.
struct Listed<'w>(&'w Watching);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.surroundings.listed(self.0.kind);
    }
}

/// Changes that a listing was to show, until it has.
struct Untold<'w> {
    changes: Option<(&'w Changes, Changed)>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if let Some((changes, changed)) = self.changes.take() {
            changes.give_back(changed);
        }
    }
}

impl Watching {
    pub fn new(
        kind: SourceKind,
        feeds: Feeds,
        subject: Arc<dyn Subject>,
        surroundings: Arc<Surroundings>,
        consumer: Option<Consumer>,
    ) -> Self {
        Self { kind, feeds, subject, surroundings, consumer, must_find: None }
    }

    /// A listing that brings nothing is a failure.
    pub fn that_must_find(self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { must_find: Some(Box::new(check)), ..self }
    }

    async fn list(&self, cx: &ScanContext) -> Result<Listing, Failure> {
        let mut untold = Untold { changes: None };
        if let Some(consumer) = &self.consumer {
            // Certificates are waited for by others: they themselves wait for namespaces alone, which is what they ask for.
            let but = if self.kind == SourceKind::KubeCertificate { BUT_NAMESPACES } else { &[] };
            self.surroundings.settled(PATIENCE, but).await;
            // What is listed now is described with it; what is not, as before.
            untold.changes = Some((&consumer.changes, consumer.changes.take()));
        }
        if self.consumer.is_some() && !self.surroundings.knows_namespaces() {
            let words = "the namespaces could not be listed yet, so it is not known which of them `namespace_selector` means";
            return Err(Failure::new(Stage::Scan, Reason::ApiError, words));
        }
        self.on_thread(cx, |subject, cx| subject.begin(cx)).await?;
        let listing = self.feeds.scan(cx).await?;
        self.on_thread(cx, |subject, cx| subject.listed(cx)).await?;
        if listing == Listing::Complete {
            untold.changes = None;
        }
        if let Some(Err(words)) = self.must_find.as_ref().map(|check| check()) {
            return Err(Failure::new(Stage::Scan, Reason::NotFound, words));
        }
        Ok(listing)
    }

    /// On a thread that may block.
    async fn on_thread(&self, cx: &ScanContext, work: impl FnOnce(&dyn Subject, &ScanContext) + Send + 'static) -> Result<(), Failure> {
        let (subject, cx) = (Arc::clone(&self.subject), cx.clone());
        let ended = tokio::task::spawn_blocking(move || work(&*subject, &cx)).await;
        ended.map_err(|error| Failure::new(Stage::Scan, Reason::Panicked, error))
    }

    /// Says again what has changed around known objects, as it changes.
    async fn tell(&self, consumer: &Consumer, cx: &ScanContext) {
        loop {
            consumer.changes.wait().await;
            tokio::time::sleep(GATHERED).await;
            let changed = consumer.changes.take();
            let appeared: Vec<Arc<str>> =
                changed.namespaces.iter().filter(|(_, is_new)| **is_new).map(|(name, _)| Arc::clone(name)).collect();
            if let Err(failure) = self.on_thread(cx, move |subject, cx| subject.redescribe(&changed, cx)).await {
                cx.source_error(failure);
            }
            if self.surroundings.selects() {
                for namespace in appeared {
                    consumer.relist(&namespace, cx).await;
                }
            }
        }
    }
}

impl Consumer {
    /// Lists one namespace.
    async fn relist(&self, namespace: &Arc<str>, cx: &ScanContext) {
        for scope in &self.relist {
            // A field selector that leaves out other namespaces may stay.
            let scope = Scope { namespace: Some(Arc::clone(namespace)), ..scope.clone() };
            let (sender, objects) = sync_channel::<zeroize::Zeroizing<Vec<u8>>>(WAITING);
            let (handler, reading) = (Arc::clone(&self.handler), cx.clone());
            let reader = tokio::task::spawn_blocking(move || objects.iter().for_each(|json| _ = handler.applied(&json, &reading)));
            let (api, listing) = (Arc::clone(&self.api), cx.clone());
            // On a thread of its own, because handing over may wait for the reader.
            let lister = tokio::task::spawn_blocking(move || {
                let mut visit = |json: &[u8]| _ = sender.send(json.to_vec().into());
                tokio::runtime::Handle::current().block_on(api.each(&scope, &listing, &mut visit))
            });
            let listed = lister.await.unwrap_or_else(|error| Err(Failure::new(Stage::Scan, Reason::Panicked, error)));
            if let Err(failure) = listed {
                cx.source_error(failure);
            }
            _ = reader.await;
        }
    }
}

impl Source for Watching {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async move {
            let _listed = Listed(self);
            self.list(&cx).await
        })
    }

    fn follow(&self, cx: ScanContext) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match &self.consumer {
                None => self.feeds.follow(&cx).await,
                Some(consumer) => {
                    if !self.surroundings.knows_namespaces() {
                        // Nothing is listed yet. As soon as it can be, the engine lists it: what it failed to list is seen again.
                        while !self.surroundings.knows_namespaces() {
                            tokio::time::sleep(UNKNOWING).await;
                        }
                        cx.regained();
                        return std::future::pending().await;
                    }
                    tokio::select! {
                        () = self.feeds.follow(&cx) => (),
                        () = self.tell(consumer, &cx) => (),
                    }
                }
            }
        })
    }
}
