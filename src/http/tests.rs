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

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn accessed(watched: Vec<Watched>, settings: Settings, access: Access, with: impl FnOnce(State) -> State) -> Server {
    let counters = Arc::new(example::counters(&watched));
    let view = Arc::new(View::new(watched, &Renderer::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let state = Arc::new(with(State::new(Arc::new(Fixed(view)), counters, "1.2.3")));
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

#[tokio::test]
async fn the_page_lists_the_sources_and_escapes_them() {
    let server = start(example::rich(), settings()).await;
    let (head, body) = server.get("/").await;
    assert!(head.contains("content-type: text/html"), "{head}");
    for part in [
        "notafter 1.2.3",
        "slow &amp; &lt;odd&gt;",
        "source=slow%20%26%20%3Codd%3E",
        "deadline_exceeded: &lt;60 s&gt;",
        "href=\"metrics\"",
        "href=\"api/v1/revocation\"",
        "http://crl.example/b&amp;c.crl",
        "unreachable: connection &lt;refused&gt;",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert!(!body.contains("<odd>") && !body.contains("<refused>"));
    let position = |part: &str| body.find(part).unwrap();
    assert!(position("gone.example/d.crl") < position("crl.example/b&amp;c.crl"), "what is wrong comes first");
}

#[tokio::test]
async fn the_api_tells_the_why_behind_a_series() {
    let server = start(example::rich(), settings()).await;
    let files = server.json("/api/v1/targets?source=files").await;
    let of = |path: &str| files["targets"].as_array().unwrap().iter().find(|row| row["place"]["filepath"] == path).unwrap().clone();
    let missing = of("/etc/ssl/missing.pem");
    assert_eq!(missing["failure"]["reason"], "not_found");
    assert_eq!(missing["failure"]["detail"], "no such file <here>");
    assert_eq!(missing["failure"]["since"], "2026-01-01T00:00:00Z");
    let expired = of("/etc/ssl/www.pem");
    assert_eq!(expired["certificates"][0]["findings"], serde_json::json!(["expired", "weak_key"]));
    assert_eq!(expired["certificates"][0]["names"][1], "IP:192.0.2.1");
    assert_eq!(of("/srv/own.pem")["labels"], serde_json::json!({ "owner": "web", "team": "search" }));
    assert_eq!(of("/etc/ssl/crls.pem")["crls"][0]["findings"], serde_json::json!(["stale"]));
    assert_eq!(of("/etc/ssl/crls.pem")["crls"][1]["waived"][0]["finding"], "weak_signature");
    let own = &of("/srv/own.pem")["certificates"];
    let policies = serde_json::json!([{ "policy": "services", "findings": ["dns_name_not_allowed", "ip_name_not_allowed"] }]);
    assert_eq!((&own[0]["findings"], &own[0]["policies"]), (&serde_json::json!(["dns_name_not_allowed"]), &policies));
    let until = "2026-01-30T23:59:59Z";
    let waived = serde_json::json!([{ "finding": "ip_name_not_allowed", "until": until, "owner": "team <edge>", "why": "the vendor \"will\" mend it" }]);
    assert_eq!((&own[0]["waived"], &own[1]["waived"], &own[1]["policies"]), (&waived, &serde_json::json!([]), &serde_json::json!([])));
    let ended = serde_json::json!([{ "finding": "dns_name_not_allowed", "until": "2025-12-31T23:59:59Z", "owner": "team <edge>", "why": "the vendor \"will\" mend it" }]);
    assert_eq!((&own[0]["ended"], &own[1]["ended"]), (&ended, &serde_json::json!([])));
    assert_eq!(of("/srv/own.pem")["owner"], "search");
    assert!(files["next"].is_null());

    let sources = server.json("/api/v1/sources").await;
    assert_eq!(sources["sources"].as_array().unwrap().len(), 11);
    let of = |name: &str| sources["sources"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(of("slow & <odd>")["failure"]["stage"], "scan");
    assert_eq!(of("edge")["certificates"], 6);

    let secrets = server.json("/api/v1/targets?source=cluster").await;
    let web = secrets["targets"].as_array().unwrap().iter().find(|row| row["place"]["secret_key"] == "tls.crt").unwrap();
    assert_eq!(web["used_by"], serde_json::json!([{ "kind": "Ingress", "name": "shop/web", "host": "shop.example.com" }]));
    assert_eq!((&web["certificate"], &web["renewal_due"]), (&"shop/web".into(), &"2026-01-01T00:16:40Z".into()));
}

#[tokio::test]
async fn the_api_tells_the_why_behind_a_verdict() {
    let answers = crate::model::Answers {
        crl: Some(Ok(crate::model::Answer {
            says: crate::model::Says::Revoked { at: example::START, reason: crate::model::RevokedFor::KeyCompromise },
            this_update: example::START,
            until: example::START,
            produced_at: None,
            from: "http://crl.example/a.crl".into(),
        })),
        ocsp: Some(Err(crate::model::RevocationReason::ResponderStatus)),
        staple: None,
    };
    let view = FixedRevocations { answers: [([1; 32], answers)].into(), ..FixedRevocations::default() };
    let server = start_with(example::rich(), settings(), Arc::new(Known(Arc::new(view)))).await;
    let files = server.json("/api/v1/targets?source=files").await;
    let of = |path: &str| files["targets"].as_array().unwrap().iter().find(|row| row["place"]["filepath"] == path).unwrap().clone();
    let revoked = &of("/etc/ssl/www.pem")["certificates"][0]["revocation"];
    for (key, expected) in [
        ("status", "revoked"),
        ("method", "crl"),
        ("revoked_at", "2026-01-01T00:00:00Z"),
        ("revocation_reason", "keyCompromise"),
        ("until", "2026-01-08T00:00:00Z"),
    ] {
        assert_eq!(revoked[key], expected, "{key}");
    }
    assert_eq!(revoked["answers"]["crl"]["from"], "http://crl.example/a.crl");
    assert_eq!(revoked["answers"]["crl"]["says"], "revoked");
    assert_eq!(revoked["answers"]["ocsp"]["reason"], "responder_status");
    assert!(revoked["answers"].get("staple").is_none());
    let unknown = &of("/srv/own.pem")["certificates"][0]["revocation"];
    assert_eq!((&unknown["status"], &unknown["reason"]), (&"unknown".into(), &"unreachable".into()));
    assert!(of("/etc/ssl/twins.pem")["certificates"][0]["revocation"].is_null(), "not looked up");
    assert_eq!(of("/etc/ssl/crls.pem")["ocsp_responses"][0]["serial"], "77");
}

#[tokio::test]
async fn pages_cover_every_crl_and_responder_once_in_order() {
    let server = start(example::rich(), settings()).await;
    let whole = server.json("/api/v1/revocation").await;
    assert_eq!(whole["crls"][0]["crl"]["number"], "9");
    assert_eq!(whole["crls"][0]["findings"], serde_json::json!(["stale"]));
    assert_eq!(whole["crls"][3]["failure"]["reason"], "unreachable");
    assert!(whole["crls"][3]["crl"].is_null());
    assert_eq!(whole["responders"][0]["certificate_not_after"], "2026-01-06T00:00:00Z");
    for limit in [1, 2, 4, 5, 6, 1000] {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = server.json(&format!("/api/v1/revocation?limit={limit}{after}")).await;
            let rows = |kind: &str| page[kind].as_array().unwrap().clone();
            let of_page: Vec<_> = rows("crls").into_iter().chain(rows("responders")).collect();
            assert!(!of_page.is_empty() && of_page.len() <= limit, "limit {limit}");
            seen.extend(of_page);
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let expected: Vec<_> = ["crls", "responders"].iter().flat_map(|kind| whole[kind].as_array().unwrap().clone()).collect();
        assert_eq!(seen, expected, "limit {limit}");
        assert_eq!(pages, 6_usize.div_ceil(limit), "limit {limit}");
    }
}

#[tokio::test]
async fn pages_cover_every_target_once_in_order() {
    let server = start(example::rich(), settings()).await;
    for limit in [1, 3, 5, 1000] {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = server.json(&format!("/api/v1/targets?limit={limit}{after}")).await;
            let rows = page["targets"].as_array().unwrap();
            assert!(rows.len() <= limit && !rows.is_empty(), "limit {limit}");
            seen.extend(rows.iter().map(|row| format!("{} {}", row["source"], row["place"])));
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((seen.len(), sorted.len()), (21, 21), "limit {limit}");
        assert_eq!(pages, 21_usize.div_ceil(limit), "limit {limit}");
    }
}

#[tokio::test]
async fn what_nobody_owns_is_listed_by_itself() {
    let server = start(example::rich(), settings()).await;
    let all = server.json("/api/v1/targets?unowned=true").await;
    let of_all: Vec<(&str, &serde_json::Value)> =
        all["targets"].as_array().unwrap().iter().map(|row| (row["source"].as_str().unwrap(), &row["owner"])).collect();
    assert_eq!(of_all, [("cluster", &serde_json::Value::Null), ("kube", &serde_json::Value::Null), ("zleaves", &serde_json::Value::Null)]);
    let first = server.json("/api/v1/targets?unowned=true&limit=1").await;
    let rest = server.json(&format!("/api/v1/targets?unowned=true&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(rest["targets"].as_array().unwrap().len(), 2);
    let sources = server.json("/api/v1/sources").await;
    let unowned: u64 = sources["sources"].as_array().unwrap().iter().map(|row| row["unowned"].as_u64().unwrap()).sum();
    assert_eq!(unowned, 3, "the same that the sources count");
    assert!(server.get("/api/v1/targets?unowned=maybe").await.0.starts_with("http/1.1 400"));
}

#[tokio::test]
async fn a_page_ends_early_at_places_with_very_many_certificates() {
    let bundle = |name: &str| {
        let many = vec![certificate(CertRole::Root, "r", "r", 1); 6_000];
        target(Place::file(name), many, vec![])
    };
    let mut header = source(SourceKind::File, "big");
    header.options.trust_store = true;
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let server = start(vec![Watched { header, status, targets: vec![bundle("/a"), bundle("/b")] }], settings()).await;
    let first = server.json("/api/v1/targets").await;
    assert_eq!(first["targets"].as_array().unwrap().len(), 1);
    let second = server.json(&format!("/api/v1/targets?after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second["targets"][0]["place"]["filepath"], "/b");
    assert!(second["next"].is_null());
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
