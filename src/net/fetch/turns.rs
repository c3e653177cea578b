//! Turns: how many exchanges there are at once, with one host and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all hosts.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    per_host: usize,
    hosts: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    overall: Arc<Semaphore>,
}

/// The right to one exchange.
#[derive(Debug)]
pub(super) struct Turn {
    _permits: (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
}

impl Turns {
    /// So many with one host, and so many in all.
    pub(super) fn new(per_host: usize, overall: usize) -> Self {
        Self { per_host: per_host.max(1), hosts: Arc::default(), overall: Arc::new(Semaphore::new(overall.max(1))) }
    }

    /// Waits for a turn with the URL's host. Cancel safe.
    pub(super) async fn of(&self, url: &Url) -> Turn {
        // The host's first: those that wait for a slow host take no turn away from the others. The semaphores are never closed.
        let host = self.host(url.host_str().unwrap_or_default()).acquire_owned().await.ok();
        Turn { _permits: (host, self.overall.clone().acquire_owned().await.ok()) }
    }

    fn host(&self, name: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        // Hosts come from certificates: what nobody uses any more is not kept. Permits and waiters hold a clone.
        if hosts.len() >= 64 {
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        hosts.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hosts_without_exchanges_are_forgotten_and_those_with_one_are_not() {
        let turns = Turns::new(1, 1000);
        let busy = turns.of(&Url::parse("http://busy.example/").unwrap()).await;
        for n in 0..500 {
            drop(turns.of(&Url::parse(&format!("http://h{n}.example/")).unwrap()).await);
        }
        assert!(turns.hosts.lock().unwrap().len() <= 64);
        assert_eq!(turns.host("busy.example").available_permits(), 0);
        drop(busy);
        assert_eq!(turns.host("busy.example").available_permits(), 1);
    }
}
