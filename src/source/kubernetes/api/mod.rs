//! The connection to an API server.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Failure, KubeResource, Listing, Reason, ScanContext, Stage};

/// How the API server is reached.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// A kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it.
    pub context: Option<String>,
    /// At most so many.
    pub requests_per_second: u32,
    /// Objects in a page.
    pub page_size: u32,
    /// Whether lists are streamed where the server can.
    pub streaming_list: bool,
}

/// The connection.
pub struct Api;

impl Api {
    /// Reads and dials nothing.
    pub fn new(_: ApiSettings) -> Self {
        Self
    }

    /// One paged list.
    pub async fn each(&self, _: &Scope, _: &ScanContext, _: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), Failure> {
        Err(Failure::new(Stage::Scan, Reason::ApiError, "no server"))
    }
}

/// What is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// What.
    pub resource: KubeResource,
    /// Where; `None`: everywhere.
    pub namespace: Option<Arc<str>>,
    /// On the server.
    pub field_selector: Option<String>,
    /// On the server.
    pub label_selector: Option<String>,
}

/// Takes objects.
pub trait Handler: Send + Sync {
    /// An object is there or has changed.
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64>;
    /// It is no more.
    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64>;
    /// A list has ended without these.
    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext);
}

/// One scope with its handler.
pub struct Feed;

impl Feed {
    /// A feed.
    pub fn new(_: Arc<Api>, _: Scope, _: Arc<dyn Handler>) -> Self {
        Self
    }
}

/// Those of a source.
pub struct Feeds;

impl Feeds {
    /// All of them.
    pub fn new(_: Vec<Feed>) -> Self {
        Self
    }

    /// Lists all.
    pub async fn scan(&self, _: &ScanContext) -> Result<Listing, Failure> {
        Ok(Listing::Complete)
    }

    /// Watches all.
    pub async fn follow(&self, _: &ScanContext) {}
}
