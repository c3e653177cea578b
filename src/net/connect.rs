//! TCP to the first address that answers.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use super::Budget;
use super::failure::io_reason;
use crate::model::{Failure, Reason, Stage};

/// Opens a connection: each address in its turn. While others are left, one takes no more than its part of the budget, so that a
/// dead first address (IPv6 that leads nowhere) leaves time for the next and for the handshake. Cancel safe.
///
/// # Errors
/// Stage `connect`. When all fail, the reason that says most about the endpoint, and the words of all.
pub async fn connect(addresses: &[SocketAddr], source_address: Option<IpAddr>, budget: &Budget) -> Result<TcpStream, Failure> {
    let mut failures = Vec::new();
    for (index, &address) in addresses.iter().enumerate() {
        let after_it = u32::try_from(addresses.len() - index - 1).unwrap_or(u32::MAX);
        let share = if after_it == 0 { budget.left() } else { budget.left() / after_it.saturating_add(2) };
        budget.about(address.to_string());
        match budget.within_share(Stage::Connect, share, open(address, source_address)).await {
            Ok(stream) => {
                budget.connected_to(address.ip());
                return Ok(stream);
            }
            Err(failure) => failures.push((address, failure)),
        }
    }
    Err(most_telling(failures))
}

async fn open(address: SocketAddr, source_address: Option<IpAddr>) -> Result<TcpStream, Failure> {
    let fail = |error: std::io::Error| Failure::new(Stage::Connect, io_reason(&error), error);
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(fail)?;
    if let Some(source_address) = source_address {
        socket.bind(SocketAddr::new(source_address, 0)).map_err(fail)?;
    }
    let stream = socket.connect(address).await.map_err(fail)?;
    // The handshake's flights are small; failing to hurry them is no reason to fail.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn most_telling(failures: Vec<(SocketAddr, Failure)>) -> Failure {
    let telling = |reason: Reason| match reason {
        Reason::Refused | Reason::Reset => 0,
        Reason::Timeout => 1,
        Reason::Unreachable | Reason::LocalResources => 3,
        _ => 2,
    };
    let Some(reason) = failures.iter().map(|(_, failure)| failure.reason).min_by_key(|reason| telling(*reason)) else {
        return Failure::new(Stage::Connect, Reason::Unreachable, "no address to connect to");
    };
    let words: Vec<_> = failures.iter().take(8).map(|(address, failure)| format!("{address}: {}", failure.detail)).collect();
    let more = failures.len().saturating_sub(words.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Failure::new(Stage::Connect, reason, format!("{}{more}", words.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::clock::SystemClock;

    fn budget() -> Budget {
        Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(5))
    }

    /// A port that was free a moment ago.
    fn closed_port() -> SocketAddr {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn a_dead_address_is_passed_over() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let stream = connect(&[closed_port(), alive], None, &budget()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
    }

    #[tokio::test]
    async fn nothing_listens_is_refused() {
        let address = closed_port();
        let failure = connect(&[address], None, &budget()).await.unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Connect, Reason::Refused));
        assert!(failure.detail.to_string().starts_with(&address.to_string()), "{failure}");
    }

    #[tokio::test]
    async fn the_source_address_is_bound_before_connecting() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = IpAddr::from([127, 0, 0, 9]);
        let stream = connect(&[listener.local_addr().unwrap()], Some(source), &budget()).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), source);
        let foreign = IpAddr::from([192, 0, 2, 1]);
        let failure = connect(&[listener.local_addr().unwrap()], Some(foreign), &budget()).await.unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Connect, Reason::LocalResources));
    }

    #[test]
    fn of_several_failures_the_one_about_the_endpoint_counts() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (reasons, expected) in [
            (vec![Reason::Unreachable, Reason::Refused], Reason::Refused),
            (vec![Reason::Timeout, Reason::Unreachable], Reason::Timeout),
            (vec![Reason::LocalResources, Reason::Timeout, Reason::Refused], Reason::Refused),
            (vec![Reason::Unreachable], Reason::Unreachable),
            (vec![], Reason::Unreachable),
        ] {
            let failures = reasons.iter().map(|reason| (at("192.0.2.1:443"), Failure::new(Stage::Connect, *reason, "x"))).collect();
            assert_eq!(most_telling(failures).reason, expected, "{reasons:?}");
        }
    }
}
