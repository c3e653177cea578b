//! Names to addresses, by the system's resolver.
//!
//! `getaddrinfo` blocks a thread and cannot be given up, so the number of threads in it is bounded: a lookup that nobody waits
//! for any more keeps its turn until it returns.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{Failure, Reason, Stage};

/// The most addresses of one name that are looked at.
const ADDRESSES: usize = 256;

/// The system's resolver, with a bound on lookups at once.
#[derive(Clone, Debug)]
pub struct Resolver {
    turns: Arc<Semaphore>,
}

/// The right to make one lookup.
#[derive(Debug)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Resolver {
    /// A resolver that makes at most so many lookups at once.
    pub fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// Waits for a turn. Outside the target's budget: the wait is not the target's fault. Cancel safe.
    pub async fn turn(&self) -> Turn {
        // The semaphore is never closed, so there always is a permit.
        Turn { _permit: self.turns.clone().acquire_owned().await.ok() }
    }
}

impl Turn {
    /// The addresses of a name, in the resolver's order, each once. Cancel safe: the lookup then ends by itself.
    ///
    /// # Errors
    /// Stage `dns`: the name does not exist or has no address, or the resolver failed.
    pub async fn resolve(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let name = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let _held_until_it_returns = self;
            (name.as_str(), port).to_socket_addrs().map(|found| found.take(ADDRESSES).collect::<Vec<_>>())
        });
        let found = match lookup.await {
            Ok(found) => found.map_err(|error| Failure::new(Stage::Dns, reason(&error), format!("{host}: {error}")))?,
            Err(error) => return Err(Failure::new(Stage::Dns, Reason::DnsFailed, format!("{host}: {error}"))),
        };
        let mut addresses = Vec::with_capacity(found.len());
        for address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(Failure::new(Stage::Dns, Reason::DnsNotFound, format!("{host} has no address")));
        }
        Ok(addresses)
    }
}

/// The standard library hands over `gai_strerror`'s words alone, without the code: glibc's and musl's are known here.
fn reason(error: &io::Error) -> Reason {
    const NOT_FOUND: &[&str] = &[
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided",
    ];
    let text = error.to_string();
    // A name that no resolver can be asked for (with a NUL byte, too long) does not exist.
    if error.kind() == io::ErrorKind::InvalidInput || NOT_FOUND.iter().any(|words| text.contains(words)) {
        Reason::DnsNotFound
    } else {
        Reason::DnsFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_told_from_a_resolver_that_fails() {
        for (words, expected) in [
            ("failed to lookup address information: Name or service not known", Reason::DnsNotFound),
            ("failed to lookup address information: No address associated with hostname", Reason::DnsNotFound),
            ("failed to lookup address information: Name does not resolve", Reason::DnsNotFound),
            ("failed to lookup address information: Temporary failure in name resolution", Reason::DnsFailed),
            ("failed to lookup address information: Non-recoverable failure in name resolution", Reason::DnsFailed),
        ] {
            assert_eq!(reason(&io::Error::other(words)), expected, "{words}");
        }
    }

    #[tokio::test]
    async fn a_lookup_holds_its_turn_until_it_returns() {
        let resolver = Resolver::new(1);
        let found = resolver.turn().await.resolve("localhost", 443).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 443));
        let turn = resolver.turn().await;
        assert_eq!(resolver.turns.available_permits(), 0);
        drop(turn);
        assert_eq!(resolver.turns.available_permits(), 1);
    }
}
