//! Issuers' certificates that are fetched because certificates say where they are (caIssuers, RFC 5280 section 4.2.2.1).
//!
//! May touch: `model`, `pki`. What was fetched is believed for a certificate only when it issued it; that is not decided here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{Kind, Schedule};
use crate::model::{RevocationReason, UnixTime};
use crate::pki::certificate;

/// How many places are fetched from in all: each watched certificate may name four.
const MOST: usize = 10_000;
/// How far up issuers are fetched.
const DEPTH: u8 = 4;

/// The places, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    by_url: BTreeMap<Arc<str>, Download>,
}

#[derive(Debug)]
struct Download {
    schedule: Schedule,
    in_flight: bool,
    tried: bool,
    failure: Option<RevocationReason>,
    /// How many certificates lie between it and the watched one.
    depth: u8,
}

impl Downloads {
    /// Someone needs what is there.
    pub(super) fn want(&mut self, urls: impl Iterator<Item = Arc<str>>) {
        self.add(urls, 0);
    }

    fn add(&mut self, urls: impl Iterator<Item = Arc<str>>, depth: u8) {
        for url in urls {
            if self.by_url.len() < MOST || self.by_url.contains_key(&url) {
                let schedule = Schedule::new(Kind::Issuer, url.as_bytes(), UnixTime::from_secs(0));
                self.by_url.entry(url).or_insert(Download { schedule, in_flight: false, tried: false, failure: None, depth });
            }
        }
    }

    /// What came from `below` needs what is there; chains end somewhere.
    pub(super) fn want_above(&mut self, below: &str, urls: impl Iterator<Item = Arc<str>>) {
        let depth = self.by_url.get(below).map_or(0, |download| download.depth) + 1;
        if depth < DEPTH {
            self.add(urls, depth);
        }
    }

    /// The places to be fetched from now.
    pub(super) fn due(&self, now: UnixTime, room: usize) -> Vec<Arc<str>> {
        let open = self.by_url.iter().filter(|(_, download)| download.is_open() && download.schedule.is_due(now));
        open.map(|(url, _)| url.clone()).take(room).collect()
    }

    /// When the next is due.
    pub(super) fn next_at(&self) -> Option<UnixTime> {
        self.by_url.values().filter(|download| download.is_open()).map(|download| download.schedule.next_at()).min()
    }

    /// A fetch begins.
    pub(super) fn started(&mut self, url: &str) {
        self.by_url.get_mut(url).into_iter().for_each(|download| download.in_flight = true);
    }

    /// A fetch ended.
    pub(super) fn ended(&mut self, url: &str, failure: Option<(RevocationReason, Option<Duration>)>, now: UnixTime) {
        if let Some(download) = self.by_url.get_mut(url) {
            (download.in_flight, download.tried, download.failure) = (false, true, failure.map(|(reason, _)| reason));
            if let Some((reason, retry_after)) = failure {
                download.schedule.failed(reason, retry_after, now);
            }
        }
    }

    /// Whether what is kept under this key is from one of the places.
    pub(super) fn uses(&self, key: &[u8; 32]) -> bool {
        self.by_url.keys().any(|url| Self::key(url) == *key)
    }

    /// The key that the cache keeps a place's answer under.
    pub(super) fn key(url: &str) -> [u8; 32] {
        certificate::fingerprint(url.as_bytes())
    }

    /// Whether each was tried.
    pub(super) fn are_tried(&self) -> bool {
        self.by_url.values().all(|download| download.tried)
    }
}

impl Download {
    /// What came once is not fetched again: an issuer's certificate does not change under its URL while certificates point to it.
    fn is_open(&self) -> bool {
        !self.in_flight && (!self.tried || self.failure.is_some())
    }
}
