//! The way to an API server: lists and watches, handed on object by object as JSON.
//!
//! May touch: `model`, `net`'s names of errors, kube-client (configuration and transport alone, in `connection`). Must not: know
//! what an object means, keep one, or hold more of a list than a batch.

mod backoff;
mod batch;
mod body;
mod connection;
mod fault;
mod feed;
mod follow;
mod list;
pub mod replay;
mod request;
mod resource;
mod split;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{ApiEvent, Failure, KubeResource, Reason, ScanContext, Stage};

use backoff::Pace;
use body::Body;
use connection::Connection;
use fault::{Fault, Kind};

pub use feed::{Feed, Feeds};

/// How an API server is reached.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// A kubeconfig. Without one: in-cluster where there is a cluster around, else `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig other than its current one.
    pub context: Option<String>,
    /// All requests together; a second's worth may come at once.
    pub requests_per_second: u32,
    /// Objects in a page of a list.
    pub page_size: u32,
    /// Whether lists are streamed where the server can.
    pub streaming_list: bool,
}

/// What is listed and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Which objects.
    pub resource: KubeResource,
    /// In which namespace; `None`: in all, or cluster-scoped.
    pub namespace: Option<Arc<str>>,
    /// Applied by the server.
    pub field_selector: Option<String>,
    /// Applied by the server.
    pub label_selector: Option<String>,
}

/// Takes the objects of a scope. Called off the async threads, for one object after the other.
pub trait Handler: Send + Sync {
    /// An object is there or has changed. Returns its number (a hash of namespace and name); `None`: not to be kept track of.
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64>;
    /// It was deleted; the object as it was last.
    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64>;
    /// A whole list of the scope has ended without these, which it had before. Called only when there are some.
    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext);
    /// A whole list of the scope has ended with these and no others.
    fn completed(&self, seen: &HashSet<u64>, cx: &ScanContext) {
        let _ = (seen, cx);
    }
}

/// One API server, as one source asks it. Connects when it is first needed, and reads its configuration again after failures.
pub struct Api {
    connection: Connection,
    pace: Pace,
    page_size: u32,
    /// Cleared for good when the server turns out not to stream lists.
    streams_lists: AtomicBool,
}

impl Api {
    /// Reads and dials nothing.
    pub fn new(settings: ApiSettings) -> Self {
        Self {
            pace: Pace::new(settings.requests_per_second),
            page_size: settings.page_size.max(1),
            streams_lists: AtomicBool::new(settings.streaming_list),
            connection: Connection::new(settings.kubeconfig, settings.context),
        }
    }

    /// One paged list of a few objects, which are seen one by one, and needs no right to watch. An optional resource that the
    /// server does not have is an empty list. After a 410 in mid-list it begins anew, and objects are seen twice.
    ///
    /// # Errors
    /// The list did not come to its end; the failure names the verb, the resource and the namespace.
    pub async fn each(&self, scope: &Scope, cx: &ScanContext, visit: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), Failure> {
        match list::paged(self, scope, "list", cx, &mut list::Visit::new(visit)).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.kind == Kind::Missing && resource::of(scope.resource).is_optional => Ok(()),
            Err(fault) => Err(fault.failure()),
        }
    }

    /// The answer to one request; the server's error is a fault that says what was asked for.
    async fn open(&self, scope: &Scope, verbs: &str, query: &str, cx: &ScanContext) -> Result<Body, Fault> {
        let uri = format!("{}?{query}", resource::path(scope));
        let mut is_renewed = false;
        loop {
            self.pace.turn(cx).await;
            let held = self.connection.client(cx).await.map_err(|fault| fault.about(verbs, scope))?;
            let fault = match request::get(&held.client, &uri, cx).await {
                Ok(body) => return Ok(body),
                Err(fault) => fault,
            };
            // A token that was rotated, or an address that moved, stands in the configuration: read again for the next request.
            if matches!(fault.kind, Kind::Unauthorized | Kind::Transport) {
                self.connection.forget(held.generation).await;
            }
            if fault.kind == Kind::Unauthorized && !held.is_new && !is_renewed {
                is_renewed = true;
                continue;
            }
            return Err(fault.about(verbs, scope));
        }
    }

    fn streams_lists(&self) -> bool {
        self.streams_lists.load(Ordering::Relaxed)
    }

    fn streams_no_lists(&self) {
        if self.streams_lists.swap(false, Ordering::Relaxed) {
            tracing::info!("the API server does not stream lists: they are paged from now on");
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// Counts a fault, unless it is none: a resource that the server may lack, a place in history that it has forgotten.
fn count(scope: &Scope, fault: &Fault, cx: &ScanContext) {
    let is_none = fault.kind == Kind::Expired || fault.kind == Kind::Missing && resource::of(scope.resource).is_optional;
    if !is_none {
        cx.api_event(ApiEvent::Error(scope.resource, fault.reason));
    }
}

/// Tells of objects that are larger than any may be.
fn too_large(scope: &Scope, cx: &ScanContext) {
    let words = format!("an object of {} is larger than {} MiB and was left out", resource::shown(scope), batch::MOST_OF_ONE >> 20);
    cx.source_error(Failure::new(Stage::Read, Reason::TooLarge, words));
}
