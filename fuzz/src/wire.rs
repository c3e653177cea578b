//! What a peer says on a connection, before it has proved anything.

use std::sync::Arc;
use std::time::Duration;

use notafter::model::UnixTime;
use notafter::model::clock::SystemClock;
use notafter::net::{Budget, Proxy, Reading, Starttls, replay};

fn budget() -> Budget {
    Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(60))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

/// A server's answer to the hand-made hello, at once and in parts.
pub(super) fn raw(bytes: &[u8]) {
    let mut whole = Reading::new(0x0303);
    let outcome = whole.feed(bytes);
    let mut parts = Reading::new(0x0303);
    let mut last = Ok(false);
    for part in bytes.chunks(7) {
        last = parts.feed(part);
        if last != Ok(false) {
            break;
        }
    }
    if outcome == Ok(true) {
        assert_eq!(last, outcome);
        assert_eq!(parts.into_shown(), whole.into_shown());
    }
}

/// What a server says before TLS; the first byte chooses the protocol.
pub(super) fn starttls(bytes: &[u8]) {
    let Some((choice, says)) = bytes.split_first() else { return };
    let protocol = Starttls::ALL[usize::from(*choice) % Starttls::ALL.len()];
    let budget = budget();
    let mut stream = tokio::io::join(says, tokio::io::sink());
    let _ = block_on(protocol.upgrade(&mut stream, "mail.example.com", &budget));
}

/// What a proxy answers; the first byte chooses which one is asked, and for what. What comes behind its answer is the target's and stays.
pub(super) fn proxy(bytes: &[u8]) {
    const PROXIES: [&str; 4] =
        ["http://p.example:3128", "http://u:p@p.example:3128", "socks5://p.example:1080", "socks5://u:p@p.example:1080"];
    const HOSTS: [&str; 3] = ["shop.example", "192.0.2.7", "2001:db8::7"];
    let Some((choice, says)) = bytes.split_first() else { return };
    let choice = usize::from(*choice);
    let proxy = Proxy::parse(PROXIES[choice % PROXIES.len()]).expect("a proxy");
    let host = HOSTS[choice / PROXIES.len() % HOSTS.len()];
    let budget = budget();
    let pass = |says: &[u8]| {
        let mut stream = tokio::io::join(says, tokio::io::sink());
        let passed = block_on(proxy.pass(&mut stream, host, 443, &budget));
        (passed.map_err(|failure| failure.reason), stream.reader().len())
    };
    let (passed, left) = pass(says);
    if passed.is_ok() {
        let (again, none) = pass(&says[..says.len() - left]);
        assert_eq!((again, none), (passed, 0), "the answer ends where the target's words begin");
    }
}

/// An endpoint's answer to the request of `http`: what is read of it does not change when more comes.
pub(super) fn http(bytes: &[u8]) {
    let Ok(Some(answered)) = replay::answer(bytes) else { return };
    assert!(answered.head <= bytes.len() && answered.status >= 200);
    assert_eq!(answered.refusal.is_none(), (200..400).contains(&answered.status));
    let head = replay::answer(&bytes[..answered.head]).ok().flatten().map(|head| (head.status, head.date, head.head));
    assert_eq!(head, Some((answered.status, answered.date, answered.head)));
    for cut in [0, 1, answered.head / 2, answered.head - 1] {
        assert_eq!(replay::answer(&bytes[..cut]), Ok(None), "cut at {cut}");
    }
}

/// The header lines of a fetched list or response.
pub(super) fn fetched(bytes: &[u8]) {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    for now in [0, 1_800_000_000] {
        let (said, patience) = replay::headers(bytes, UnixTime::from_secs(now));
        assert!(said.fresh_for.is_none_or(|fresh| fresh <= YEAR) && patience.is_none_or(|wait| wait <= YEAR));
    }
    let _ = notafter::pki::crl::sniff(bytes);
}
