//! How a target is reached: from which address, over which family, through which proxy, and what is said before TLS begins.

use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::IpPreference;
use super::target::{Host, Target};
use crate::model::{Failure, Reason, Stage};
use crate::net::{Budget, Proxy, connect, proxy_protocol_header};

/// The settings of a source that say how its targets are reached.
pub(super) struct Way {
    pub source_address: Option<IpAddr>,
    pub ip: IpPreference,
    pub proxy: Option<Proxy>,
    pub proxy_protocol: bool,
}

/// Where the first connection goes: to the proxy, where there is one.
pub(super) enum First<'a> {
    Address(SocketAddr),
    Name(&'a str, u16),
}

impl Way {
    /// Where to connect.
    pub fn first<'a>(&'a self, target: &'a Target) -> First<'a> {
        match (&self.proxy, &target.host) {
            (Some(proxy), _) => match proxy.host().parse() {
                Ok(address) => First::Address(SocketAddr::new(address, proxy.port())),
                Err(_) => First::Name(proxy.host(), proxy.port()),
            },
            (None, Host::Address(address)) => First::Address(SocketAddr::new(*address, target.port)),
            (None, Host::Name(name)) => First::Name(name, target.port),
        }
    }

    /// The addresses that may be tried, in the order wanted.
    ///
    /// # Errors
    /// None is left.
    pub fn usable(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Failure> {
        match self.ip {
            IpPreference::Any => {}
            IpPreference::Ipv4 => addresses.retain(SocketAddr::is_ipv4),
            IpPreference::Ipv6 => addresses.retain(SocketAddr::is_ipv6),
            IpPreference::PreferIpv4 => addresses.sort_by_key(SocketAddr::is_ipv6),
            IpPreference::PreferIpv6 => addresses.sort_by_key(SocketAddr::is_ipv4),
        }
        if let Some(source) = self.source_address {
            addresses.retain(|address| address.is_ipv4() == source.is_ipv4());
        }
        if addresses.is_empty() {
            let from = self.source_address.map_or_else(String::new, |source| format!(" that {source} can reach"));
            let words = format!("it has no address of the family wanted{from}");
            return self.staged(Err(Failure::new(Stage::Connect, Reason::Unreachable, words)));
        }
        Ok(addresses)
    }

    /// What fails on the way to the proxy is the proxy's affair, not the target's.
    pub fn staged<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match &self.proxy {
            None => outcome,
            Some(proxy) => outcome.map_err(|failure| {
                let words = format!("the proxy {proxy}: {}", failure.detail);
                Failure::new(Stage::Proxy, failure.reason, words)
            }),
        }
    }
}

/// One target, and all that is needed to connect to it, as often as needed.
pub(super) struct Reach<'a> {
    pub way: &'a Way,
    pub target: &'a Target,
    pub addresses: &'a [SocketAddr],
    pub budget: &'a Budget,
}

impl Reach<'_> {
    /// A connection on which TLS may begin.
    ///
    /// # Errors
    /// Stages `connect`, `proxy` and `starttls`.
    pub async fn open(&self) -> Result<TcpStream, Failure> {
        let Self { way, target, addresses, budget } = *self;
        let connected = connect(addresses, way.source_address, budget).await;
        let mut stream = way.staged(connected)?;
        if let Some(proxy) = &way.proxy {
            match &target.host {
                Host::Name(name) => proxy.pass(&mut stream, name, target.port, budget).await?,
                Host::Address(address) => proxy.pass(&mut stream, &address.to_string(), target.port, budget).await?,
            }
        }
        if way.proxy_protocol {
            let ends = stream.local_addr().ok().zip(stream.peer_addr().ok()).filter(|_| way.proxy.is_none());
            let header = proxy_protocol_header(ends);
            let closed = |error| Failure::new(Stage::Connect, Reason::Closed, error);
            budget.within(Stage::Connect, async { stream.write_all(&header).await.map_err(closed) }).await?;
        }
        if let Some(starttls) = target.starttls {
            starttls.upgrade(&mut stream, &target.server_name, budget).await?;
        }
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_kept_and_ordered_as_wanted() {
        let (four, six): (SocketAddr, SocketAddr) = ("192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap());
        let other = "192.0.2.2:1".parse().unwrap();
        for (ip, expected) in [
            (IpPreference::Any, vec![four, six, other]),
            (IpPreference::Ipv4, vec![four, other]),
            (IpPreference::Ipv6, vec![six]),
            (IpPreference::PreferIpv4, vec![four, other, six]),
            (IpPreference::PreferIpv6, vec![six, four, other]),
        ] {
            let way = Way { source_address: None, ip, proxy: None, proxy_protocol: false };
            assert_eq!(way.usable(vec![four, six, other]).unwrap(), expected, "{ip:?}");
        }
        let way = Way { source_address: None, ip: IpPreference::Ipv6, proxy: None, proxy_protocol: false };
        let failure = way.usable(vec![four]).unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Connect, Reason::Unreachable));
        let proxy = Some(Proxy::parse("http://me:secret@proxy.example:3128").unwrap());
        let failure = Way { proxy, ..way }.usable(vec![four]).unwrap_err();
        assert_eq!(failure.stage, Stage::Proxy);
        assert!(failure.to_string().contains("http://proxy.example:3128") && !failure.to_string().contains("secret"), "{failure}");
    }
}
