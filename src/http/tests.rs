mod api;
mod openapi;
mod page;
mod secure;
mod together;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::metrics::Renderer;
use crate::metrics::example::{self, Fixed, View, Watched, certificate, source, target};
use crate::model::revocation::FixedRevocations;
use crate::model::{CertRole, Place, SourceKind, SourceStatus};

use super::*;

/// A server on a free port of the loopback.
struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

const LONG: Duration = Duration::from_secs(10);

fn settings() -> Settings {
    Settings { grace: Duration::from_secs(5), ..Settings::default() }
}

async fn start(watched: Vec<Watched>, settings: Settings) -> Server {
    start_with(watched, settings, Arc::new(NoRevocations::default())).await
}

/// A service that always knows the same.
struct Known(Arc<FixedRevocations>);

impl Revocations for Known {
    fn load(&self) -> Arc<dyn crate::model::RevocationView> {
        Arc::clone(&self.0) as _
    }

    fn newer(&self, _: u64) -> crate::model::BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

async fn start_with(watched: Vec<Watched>, settings: Settings, revocations: Arc<dyn Revocations>) -> Server {
    started(watched, settings, |state| state.with_revocations(revocations)).await
}

async fn start_trusting(watched: Vec<Watched>, trust: Arc<dyn TrustQueries>) -> Server {
    started(watched, settings(), |state| state.with_trust(trust)).await
}

async fn started(watched: Vec<Watched>, settings: Settings, with: impl FnOnce(State) -> State) -> Server {
    accessed(watched, settings, Access::open(), with).await
}

async fn accessed(watched: Vec<Watched>, settings: Settings, access: Access, with: impl FnOnce(State) -> State) -> Server {
    let view = View::new(watched, &Renderer::default());
    let counters = Arc::new(example::counters(&view.watched));
    serving(Arc::new(Fixed(Arc::new(view))), counters, settings, access, with).await
}

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn serving(
    snapshots: Arc<dyn Snapshots>,
    counters: Arc<Counters>,
    settings: Settings,
    access: Access,
    with: impl FnOnce(State) -> State,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let state = Arc::new(with(State::new(snapshots, counters, "1.2.3")));
    let ended = tokio::spawn(serve(Bound::Tcp(listener), state, access, settings, async {
        let _ = stopped.await;
    }));
    Server { address, stop: Some(stop), ended }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request on a connection of its own; the whole answer, head and body.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = self.connect().await;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(LONG, stream.take(64 << 20).read_to_end(&mut answer)).await.unwrap().unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).unwrap().to_lowercase(), body)
    }

    async fn get(&self, path: &str) -> (String, String) {
        let (head, body) = self.ask("GET", path, "").await;
        (head, String::from_utf8(body).unwrap())
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        let (head, body) = self.get(path).await;
        assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/json"), "{path}: {head}{body}");
        serde_json::from_str(&body).unwrap()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn metrics_negotiate_gzip_and_know_their_length() {
    let server = start(example::rich(), settings()).await;
    for (behaviour, accept, zipped) in [
        ("absent", "", false),
        ("as Prometheus asks", "Accept-Encoding: gzip\r\n", true),
        ("refused", "Accept-Encoding: gzip;q=0\r\n", false),
        ("anything", "Accept-Encoding: *\r\n", true),
        ("only others", "Accept-Encoding: br, zstd\r\n", false),
    ] {
        let (head, body) = server.ask("GET", "/metrics", accept).await;
        assert!(head.starts_with("http/1.1 200"), "{behaviour}: {head}");
        assert_eq!(header(&head, "content-encoding"), zipped.then_some("gzip"), "{behaviour}");
        assert_eq!(header(&head, "content-length"), Some(&*body.len().to_string()), "{behaviour}");
        assert_eq!(header(&head, "content-type"), Some("text/plain; version=0.0.4; charset=utf-8"), "{behaviour}");
        assert_eq!(header(&head, "vary"), Some("accept-encoding"), "{behaviour}");
        assert_eq!(body.starts_with(&[0x1f, 0x8b]), zipped, "{behaviour}");

        let (of_head, nothing) = server.ask("HEAD", "/metrics", accept).await;
        assert!(nothing.is_empty(), "{behaviour}: HEAD has no body");
        assert_eq!(header(&of_head, "content-encoding"), header(&head, "content-encoding"), "{behaviour}");
        assert!(header(&of_head, "content-length").is_some_and(|length| length != "0"), "{behaviour}: {of_head}");
    }
}

#[tokio::test]
async fn a_real_client_reads_what_was_rendered() {
    let server = start(example::rich(), settings()).await;
    // Without any provider it makes no client, though this one speaks no TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().gzip(true).no_proxy().build().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    let text = client.get(format!("http://{}/metrics", server.address)).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("x509_cert_not_after{source_kind=\"tls\"") && text.contains("\nprocess_open_fds "), "{text}");
}

#[tokio::test]
async fn a_large_plain_body_arrives_whole() {
    let targets: Vec<_> = (0..2_000_u32)
        .map(|n| target(Place::file(format!("/c/{n}.pem")), vec![certificate(CertRole::Leaf, &format!("host-{n}"), "CA", 1)], vec![]))
        .collect();
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let server = start(vec![Watched { header: source(SourceKind::File, "many"), status, targets }], settings()).await;
    let (head, body) = server.get("/metrics").await;
    assert_eq!(header(&head, "content-length"), Some(&*body.len().to_string()));
    assert_eq!(body.lines().filter(|line| line.starts_with("x509_cert_not_after{")).count(), 2_000);
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_says_so() {
    let server = start(example::rich(), settings()).await;
    for (method, path, status, allow) in [
        ("GET", "/nowhere", 404, None),
        ("GET", "/metrics/", 404, None),
        ("POST", "/metrics", 405, Some("get,head")),
        ("DELETE", "/-/healthy", 405, Some("get,head")),
        ("GET", "/api/v1/targets?source=nobody", 404, None),
        ("GET", "/api/v1/targets?limit=0", 400, None),
        ("GET", "/api/v1/targets?limit=1001", 400, None),
        ("GET", "/api/v1/targets?limit=many", 400, None),
        ("GET", "/api/v1/targets?after=rubbish", 400, None),
        ("GET", "/api/v1/revocation?limit=0", 400, None),
        ("GET", "/api/v1/revocation?after=rubbish", 400, None),
        ("HEAD", "/-/healthy", 200, None),
        ("GET", "/-/healthy", 200, None),
    ] {
        let (head, _) = server.ask(method, path, "").await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {path}: {head}");
        assert_eq!(header(&head, "allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn ready_waits_for_the_first_round_of_every_source() {
    let server = start(example::rich(), settings()).await;
    assert!(server.get("/-/ready").await.0.starts_with("http/1.1 200"), "a failed round is a round");

    let mut watched = example::rich();
    for late in &mut watched[..2] {
        late.status.up = None;
    }
    let (head, body) = start(watched, settings()).await.get("/-/ready").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, "waiting for the first round of 2 source(s)\n");

    assert!(start(Vec::new(), settings()).await.get("/-/ready").await.0.starts_with("http/1.1 200"), "nothing to wait for");
}

/// The time until the server closes the connection.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let started = tokio::time::Instant::now();
    let mut sink = [0; 4096];
    timeout(LONG, async { while stream.read(&mut sink).await.is_ok_and(|read| read > 0) {} }).await.expect("closed by the server");
    started.elapsed()
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let quick = Settings { head_timeout: Duration::from_millis(300), ..settings() };
    let server = start(Vec::new(), quick).await;
    for (behaviour, sent) in [("sends nothing", ""), ("stops in the middle", "GET / HTTP/1.1\r\nHost: x\r\nX-A: ")] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let after = closed_after(&mut stream).await;
        assert!(after >= Duration::from_millis(250) && after < Duration::from_secs(5), "{behaviour}: {after:?}");
    }
    // A byte now and then does not prolong it.
    let mut stream = server.connect().await;
    let dripping = async {
        for byte in b"GET / HTTP/1.1\r\nHost: example\r\n".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(5), dripping).await.expect("cut off in spite of the drip");
}

#[tokio::test]
async fn a_connection_idles_longer_than_a_head_may_take_but_not_for_ever() {
    let quick = Settings { head_timeout: Duration::from_millis(200), idle_timeout: Duration::from_millis(1_500), ..settings() };
    let server = start(Vec::new(), quick).await;
    let mut stream = server.connect().await;
    let mut answer = [0; 4096];
    for _ in 0..2 {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let read = timeout(LONG, stream.read(&mut answer)).await.unwrap().unwrap();
        assert!(answer[..read].ends_with(b"healthy\n"), "kept alive");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(closed_after(&mut stream).await < Duration::from_secs(5));
}

/// A source whose plain scrape is larger than what the sockets of both ends buffer.
fn huge() -> Vec<Watched> {
    let targets: Vec<_> = (0..12_000_u32)
        .map(|n| target(Place::file(format!("/c/{n}.pem")), vec![certificate(CertRole::Leaf, &format!("h{n}"), "CA", 1)], vec![]))
        .collect();
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    vec![Watched { header: source(SourceKind::File, "huge"), status, targets }]
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let quick = Settings { write_timeout: Duration::from_millis(300), connections: 1, ..settings() };
    let server = start(huge(), quick).await;
    let mut lazy = server.connect().await;
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // There is room for one connection only: the next is served once the lazy one is gone.
    let (head, _) = timeout(LONG, server.get("/-/healthy")).await.expect("the lazy client was cut off");
    assert!(head.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = start(Vec::new(), Settings { connections: 1, ..settings() }).await;
    let first = server.connect().await;
    let waiting = server.get("/-/healthy");
    let mut waiting = std::pin::pin!(waiting);
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "no room yet");
    drop(first);
    assert!(timeout(LONG, waiting).await.unwrap().0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_running_answers_end_and_drops_the_rest() {
    let mut server = start(huge(), settings()).await;
    let _silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    let _ = idle.read(&mut answer).await.unwrap();
    let mut running = server.connect().await;
    running.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let read = running.read(&mut answer).await.unwrap();
    let head = String::from_utf8_lossy(&answer[..read]).to_lowercase();
    let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
    let body_so_far = read - head.find("\r\n\r\n").unwrap() - 4;

    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    assert!(!server.ended.is_finished(), "an answer is still running");
    let mut rest = Vec::new();
    timeout(LONG, running.take(64 << 20).read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(body_so_far + rest.len(), length, "the answer is whole");
    timeout(Duration::from_secs(2), server.ended).await.expect("ends with its last answer, before the grace time").unwrap();
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_grace_time() {
    let mut server = start(huge(), Settings { grace: Duration::from_millis(300), ..settings() }).await;
    let mut lazy = server.connect().await;
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let _ = lazy.read(&mut [0; 16]).await.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    timeout(Duration::from_secs(5), server.ended).await.expect("cut at the end of the grace time").unwrap();
}
