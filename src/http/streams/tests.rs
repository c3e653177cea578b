use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::http::serve::Access;
use crate::http::web::Web;
use crate::http::web::settings::{RateSettings, WebSettings};
use crate::http::{Listener, State, router, web};
use crate::metrics::Renderer;
use crate::metrics::example::{self, Fixed, View, certificate, source, target};
use crate::model::{CertRole, Place, SourceKind, SourceStatus};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A client that says what it is told to.
struct Client {
    wire: DuplexStream,
    stop: watch::Sender<bool>,
    web: watch::Sender<Arc<Web>>,
    ended: JoinHandle<()>,
}

/// A frame: what it is, its flags, its stream, its payload.
type Received = (u8, u8, u32, Vec<u8>);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `SETTINGS_INITIAL_WINDOW_SIZE`
fn window(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat())
}

/// GET, by the static table of HPACK (RFC 7541 appendix A).
fn asking(path: &str) -> Vec<u8> {
    [&[0x82, 0x87, 0x01, 1, b'x', 0x04, u8::try_from(path.len()).unwrap()], path.as_bytes()].concat()
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &asking(path))
}

/// A server whose scrape is larger than a window.
#[expect(clippy::disallowed_methods, reason = "a test's own task")]
fn connect(settings: Settings) -> Client {
    let places =
        (0..1_000_u32).map(|n| target(Place::file(format!("/c/{n}.pem")), vec![certificate(CertRole::Leaf, "a", "CA", 1)], vec![]));
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let watched = vec![example::Watched { header: source(SourceKind::File, "huge"), status, targets: places.collect() }];
    let counters = Arc::new(example::counters(&watched));
    let state = Arc::new(State::new(Arc::new(Fixed(Arc::new(View::new(watched, &Renderer::default())))), counters, "1.2.3"));
    let (web, serving) = watch::channel(Arc::new(Web::open()));
    let (stop, stopping) = watch::channel(false);
    let access = Access { web: serving, ..Access::open() };
    let routes = [false, true].map(|admin| router(state.clone(), Listener { local: true, admin }));
    let house = Arc::new(House::new(routes, state, access, settings, stopping));
    let (wire, other) = duplex(1 << 20);
    let ended = tokio::spawn(async move { serve(Box::new(other), None, &house, &Terms::default()).await });
    Client { wire, stop, web, ended }
}

impl Client {
    async fn say(&mut self, parts: &[Vec<u8>]) {
        self.wire.write_all(&[PREFACE, &parts.concat()].concat()).await.unwrap();
    }

    async fn add(&mut self, parts: &[Vec<u8>]) {
        self.wire.write_all(&parts.concat()).await.unwrap();
    }

    /// The next frame; `None` when the server is gone.
    async fn frame(&mut self) -> Option<Received> {
        let mut head = [0; 9];
        timeout(LONG, self.wire.read_exact(&mut head)).await.expect("a frame, or the end").ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.wire.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// The next frame of this kind.
    async fn next(&mut self, kind: u8) -> Received {
        loop {
            let frame = self.frame().await.expect("the connection is still there");
            if frame.0 == kind {
                return frame;
            }
        }
    }

    /// The kinds of all frames until the server is gone, and how long that takes.
    async fn until_gone(mut self) -> (Vec<u8>, Duration) {
        let started = Instant::now();
        let mut kinds = Vec::new();
        while let Some((kind, ..)) = self.frame().await {
            kinds.push(kind);
        }
        timeout(LONG, self.ended).await.expect("its task ends").unwrap();
        (kinds, started.elapsed())
    }
}

fn settings() -> Settings {
    Settings { head_timeout: LONG, idle_timeout: LONG, write_timeout: LONG, ..Settings::default() }
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_first_head_is_cut_off() {
    let half = frame(HEADERS, END_STREAM, 1, &asking("/-/healthy"));
    for (behaviour, said) in [("sends nothing but the preface", vec![window(1)]), ("never ends its head", vec![window(1), half])] {
        let mut client = connect(Settings { head_timeout: SHORT, ..settings() });
        client.say(&said).await;
        let (_, after) = client.until_gone().await;
        assert!(after >= SHORT - Duration::from_millis(50) && after < LONG, "{behaviour}: {after:?}");
    }
}

#[tokio::test]
async fn a_connection_idles_longer_than_a_head_may_take_but_not_for_ever() {
    let mut client = connect(Settings { head_timeout: Duration::from_millis(100), idle_timeout: Duration::from_millis(900), ..settings() });
    client.say(&[window(65_535), get(1, "/-/healthy")]).await;
    assert_eq!(client.next(DATA).await.3, b"healthy\n");
    tokio::time::sleep(SHORT).await;
    client.add(&[get(3, "/-/healthy")]).await;
    assert_eq!(client.next(DATA).await.2, 3, "it is still there");
    let (kinds, after) = client.until_gone().await;
    assert!(kinds.contains(&GOAWAY), "it is told: {kinds:?}");
    assert!(after >= Duration::from_millis(800), "{after:?}");
}

#[tokio::test]
async fn a_client_that_takes_no_data_is_cut_off() {
    let mut client = connect(Settings { write_timeout: SHORT, ..settings() });
    client.say(&[window(0), get(1, "/metrics")]).await;
    assert_eq!(client.next(HEADERS).await.2, 1);
    let (kinds, after) = client.until_gone().await;
    assert!(!kinds.contains(&DATA) && after < LONG, "{kinds:?} {after:?}");
}

#[tokio::test]
async fn only_so_many_requests_run_at_once() {
    let mut client = connect(settings());
    let requests: Vec<Vec<u8>> = (0..AT_ONCE + 1).map(|n| get(2 * n + 1, "/metrics")).collect();
    client.say(&[window(0)]).await;
    // Only what the server has said binds the client.
    client.next(SETTINGS).await;
    client.add(&[frame(SETTINGS, 1, 0, &[])]).await;
    client.add(&requests).await;
    let (_, _, stream, why) = client.next(RESET).await;
    assert_eq!((stream, why.as_slice()), (2 * AT_ONCE + 1, &[0, 0, 0, 7][..]), "refused, to be asked again");
}

#[tokio::test]
async fn a_stop_lets_running_answers_end() {
    let mut client = connect(settings());
    client.say(&[window(0), get(1, "/metrics")]).await;
    client.next(HEADERS).await;
    client.stop.send_replace(true);
    client.next(GOAWAY).await;
    assert!(!client.ended.is_finished(), "an answer is still running");
    let open = (1_u32 << 30).to_be_bytes();
    client.add(&[frame(WINDOW_UPDATE, 0, 0, &open), frame(WINDOW_UPDATE, 0, 1, &open)]).await;
    let mut last = 0;
    while let Some((kind, flags, ..)) = client.frame().await {
        last = if kind == DATA { flags } else { last };
    }
    assert_eq!(last & END_STREAM, END_STREAM, "the answer is whole");
    timeout(LONG, client.ended).await.expect("its task ends").unwrap();
}

#[tokio::test]
async fn other_terms_end_a_connection_and_other_rules_do_not() {
    let mut client = connect(settings());
    client.say(&[window(65_535), get(1, "/-/healthy")]).await;
    client.next(DATA).await;
    let rate = Some(RateSettings { interval: LONG, burst: 1 });
    let limited = WebSettings { rate, ..WebSettings::default() };
    client.web.send_replace(Arc::new(Web::new(&limited, &web::Material::default()).unwrap()));
    client.add(&[get(3, "/-/healthy"), get(5, "/-/healthy")]).await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(client.next(HEADERS).await.3[0]);
    }
    statuses.sort_unstable();
    // 0x88: the status 200 of the static table.
    assert!(statuses.contains(&0x88) && statuses.iter().any(|status| *status != 0x88), "the new rules hold at once: {statuses:x?}");
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem().into_bytes();
    let material =
        web::Material { certificate, key: zeroize::Zeroizing::new(key.serialize_pem().into_bytes()), ..web::Material::default() };
    let encrypted = Web::new(&web::tests::tls(web::settings::ClientAuth::No, &[]), &material).unwrap();
    client.web.send_replace(Arc::new(encrypted));
    let (kinds, _) = client.until_gone().await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
}
