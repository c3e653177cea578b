//! Fetching what certificates point to: each rule of the egress policy and of the exchange, against servers that misbehave.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use notafter::model::{RevocationReason, UnixTime};
use notafter::net::{Egress, FetchFailure, FetchLimits, FetchRequest, Fetched, Fetcher, Mirrors, Network, Said, Validators, trust};
use tokio::net::TcpListener;

use crate::support::ca::Ca;
use crate::support::servers::closed_port;
use crate::support::web::{Reply, WebServer};

const LOOPBACK: &[&str] = &["127.0.0.0/8"];
const PROXY_TEST: &str = "NOTAFTER_TEST_FETCH";

fn fetcher_with(allow: &[&str], mirrors: Mirrors, limits: FetchLimits) -> Fetcher {
    let allow: Vec<Network> = allow.iter().map(|entry| entry.parse().unwrap()).collect();
    Fetcher::new(Egress::new(allow), mirrors, trust(&[], None).unwrap(), limits).unwrap()
}

fn fetcher(allow: &[&str]) -> Fetcher {
    fetcher_with(allow, Mirrors::default(), FetchLimits::default())
}

fn request(url: &str) -> FetchRequest<'_> {
    FetchRequest {
        url,
        accept: "application/pkix-crl",
        post: None,
        validators: None,
        most: 1 << 20,
        now: UnixTime::from_secs(1_700_000_000),
    }
}

/// The outcome, and what came into the sink.
async fn fetch(fetcher: &Fetcher, request: &FetchRequest<'_>) -> (Result<Fetched, FetchFailure>, Vec<u8>) {
    let mut body = Vec::new();
    let outcome = fetcher
        .fetch(request, &mut |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })
        .await;
    (outcome, body)
}

async fn failure(fetcher: &Fetcher, url: &str) -> FetchFailure {
    fetch(fetcher, &request(url)).await.0.unwrap_err()
}

async fn complete(fetcher: &Fetcher, request: &FetchRequest<'_>) -> (Said, Vec<u8>) {
    match fetch(fetcher, request).await {
        (Ok(Fetched::Complete(said)), body) => (said, body),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_list_comes_over_http_with_exactly_these_words() {
    let headers = ["ETag: \"v1\"", "Last-Modified: Sat, 01 Jan 2022 00:00:00 GMT", "Cache-Control: max-age=600", "Content-Type: text/x"];
    let server = WebServer::start(move |_| Reply::new(200, &[&headers[..], &["Set-Cookie: a=b"]].concat(), b"the list")).await;
    let fetcher = fetcher(LOOPBACK);
    for _ in 0..2 {
        let (said, body) = complete(&fetcher, &request(&server.url("/a.crl?x=y"))).await;
        assert_eq!((&*body, said.size), (&b"the list"[..], 8));
        assert_eq!(said.fresh_for, Some(Duration::from_secs(600)));
        assert_eq!((said.content_type.as_deref(), said.content_encoding), (Some("text/x"), None));
        let last_modified = Some("Sat, 01 Jan 2022 00:00:00 GMT".into());
        assert_eq!(said.validators, Validators { etag: Some("\"v1\"".into()), last_modified });
    }
    // The second one too: no cookie, no referer, nothing that tells who watches.
    for asked in server.asked() {
        assert_eq!(asked.line, "GET /a.crl?x=y");
        let mut headers: Vec<_> = asked.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        headers.sort();
        let (host, agent) = (format!("host: {}", server.address), format!("user-agent: notafter/{}", env!("CARGO_PKG_VERSION")));
        assert_eq!(headers, ["accept-encoding: identity", "accept: application/pkix-crl", &host, &agent]);
    }
    assert_eq!(server.connections(), 1, "connections are used again");
}

#[tokio::test]
async fn https_is_fetched_from_whom_the_anchors_vouch_for_alone() {
    let ca = Ca::root("Web");
    let server = WebServer::start_tls(&ca.leaf(&["127.0.0.1"]).issue(), |_| Reply::ok(b"over TLS")).await;
    let anchor = webpki::anchor_from_trusted_cert(ca.der()).unwrap().to_owned();
    let allow: Vec<Network> = vec!["127.0.0.1".parse().unwrap()];
    let trusting = Fetcher::new(Egress::new(allow), Mirrors::default(), trust(&[anchor], None).unwrap(), FetchLimits::default()).unwrap();
    assert_eq!(complete(&trusting, &request(&server.url("/"))).await.1, b"over TLS");
    let refused = failure(&fetcher(LOOPBACK), &server.url("/")).await;
    assert_eq!(refused.reason, RevocationReason::Unreachable);
    assert!(refused.detail.contains("certificate"), "{refused}");
    assert_eq!(server.lines(), ["GET /"]);
}

#[tokio::test]
async fn what_is_not_open_to_everybody_is_denied_before_a_connection() {
    let server = WebServer::start(|_| Reply::ok(b"secret")).await;
    let port = server.address.port();
    let fetcher = fetcher(&[]);
    for url in [
        server.url("/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        // Only the resolver can tell.
        server.url_by("localhost", "/"),
        format!("http://me:secret@localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let denied = failure(&fetcher, &url).await;
        assert_eq!(denied.reason, RevocationReason::EgressDenied, "{url}: {denied}");
        assert!(!denied.detail.contains("secret"), "{denied}");
    }
    let by_name = failure(&fetcher, &server.url_by("localhost", "/")).await;
    assert!(by_name.detail.ends_with("in [revocation] would open it") && by_name.detail.contains("`allow = [\""), "{by_name}");
    for (url, reason) in [
        ("ldap://ldap.example/cn=ca", RevocationReason::UnsupportedScheme),
        ("file:///etc/passwd", RevocationReason::UnsupportedScheme),
        ("not a URL", RevocationReason::Malformed),
        (&*format!("http://a.example/{}", "x".repeat(9000)), RevocationReason::Malformed),
    ] {
        assert_eq!(failure(&fetcher, url).await.reason, reason, "{url}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_is_connected_to_at_the_addresses_that_are_open_alone() {
    let server = WebServer::start(|_| Reply::ok(b"x")).await;
    assert_eq!(complete(&fetcher(&["127.0.0.1"]), &request(&server.url_by("localhost", "/"))).await.1, b"x");
    let elsewhere = failure(&fetcher(&["127.0.0.2", "10.0.0.0/8"]), &server.url_by("localhost", "/")).await;
    assert_eq!(elsewhere.reason, RevocationReason::EgressDenied);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn three_redirects_are_followed_and_each_hop_is_checked_again() {
    let forbidden = WebServer::start(|_| Reply::ok(b"secret")).await;
    let inside = format!("http://127.0.0.2:{}/", forbidden.address.port());
    let odd = format!("http://2130706434:{}/", forbidden.address.port());
    let server = WebServer::start(move |asked| match asked.line.split_once(' ').unwrap().1 {
        "/4" => Reply::redirect(301, "/3"),
        "/3" => Reply::redirect(302, "/2"),
        "/2" => Reply::redirect(307, "1"),
        "/1" => Reply::redirect(308, "/list"),
        "/list" => Reply::ok(b"the list"),
        "/inside" => Reply::redirect(302, &inside),
        "/odd" => Reply::redirect(302, &odd),
        "/metadata" => Reply::redirect(302, "http://169.254.169.254/"),
        "/file" => Reply::redirect(302, "file:///etc/passwd"),
        "/user" => Reply::redirect(302, "//me:secret@127.0.0.1/"),
        "/nonsense" => Reply::redirect(302, "http://[/"),
        "/nowhere" => Reply::new(302, &[], b""),
        other => panic!("{other}"),
    })
    .await;
    let fetcher = fetcher(&["127.0.0.1"]);
    assert_eq!(complete(&fetcher, &request(&server.url("/3"))).await.1, b"the list");
    assert_eq!(server.lines(), ["GET /3", "GET /2", "GET /1", "GET /list"]);
    let many = failure(&fetcher, &server.url("/4")).await;
    assert_eq!((many.reason, &*many.detail), (RevocationReason::HttpError, "more than 3 redirects"));
    assert_eq!(server.lines(), ["GET /4", "GET /3", "GET /2", "GET /1"]);
    for (path, reason, words) in [
        ("/inside", RevocationReason::EgressDenied, "redirected to http://127.0.0.2: 127.0.0.2 is a loopback address"),
        ("/odd", RevocationReason::EgressDenied, "redirected to http://127.0.0.2"),
        ("/metadata", RevocationReason::EgressDenied, "a link-local address"),
        ("/file", RevocationReason::UnsupportedScheme, "file"),
        ("/user", RevocationReason::EgressDenied, "user or a password"),
        ("/nonsense", RevocationReason::HttpError, "to what is no URL"),
        ("/nowhere", RevocationReason::HttpError, "302"),
    ] {
        let denied = failure(&fetcher, &server.url(path)).await;
        assert_eq!(denied.reason, reason, "{path}: {denied}");
        assert!(denied.detail.contains(words) && !denied.detail.contains("secret"), "{path}: {denied}");
    }
    assert_eq!(forbidden.connections(), 0);
}

#[tokio::test]
async fn a_question_is_posted_and_stays_one_over_redirects() {
    let server = WebServer::start(|asked| match &*asked.line {
        "POST /307" => Reply::redirect(307, "/"),
        "POST /302" => Reply::redirect(302, "/"),
        "POST /303" => Reply::redirect(303, "/"),
        _ => Reply::ok(b"answer"),
    })
    .await;
    let fetcher = fetcher(LOOPBACK);
    for (path, lines) in [
        ("/", &["POST /"] as &[&str]),
        ("/307", &["POST /307", "POST /"]),
        ("/302", &["POST /302", "POST /"]),
        ("/303", &["POST /303", "GET /"]),
    ] {
        let url = server.url(path);
        let request = FetchRequest { post: Some(("application/ocsp-request", b"question")), ..request(&url) };
        assert_eq!(complete(&fetcher, &request).await.1, b"answer");
        let asked = server.asked();
        assert_eq!(asked.iter().map(|asked| &*asked.line).collect::<Vec<_>>(), lines);
        for asked in asked {
            let posted = asked.line.starts_with("POST");
            assert_eq!(asked.header("content-type"), posted.then_some("application/ocsp-request"));
            assert_eq!(asked.body, if posted { &b"question"[..] } else { b"" });
        }
    }
}

#[tokio::test]
async fn validators_go_back_as_they_came_and_a_304_needs_them() {
    let server = WebServer::start(|_| Reply::new(304, &["ETag: \"v2\"", "Cache-Control: max-age=60"], b"")).await;
    let fetcher = fetcher(LOOPBACK);
    let url = server.url("/");
    let validators = Validators { etag: Some("W/\"a,b\"".into()), last_modified: Some("Sat, 01 Jan 2022 00:00:00 GMT".into()) };
    let (outcome, body) = fetch(&fetcher, &FetchRequest { validators: Some(&validators), ..request(&url) }).await;
    let Ok(Fetched::NotModified(said)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((said.validators.etag.as_deref(), said.fresh_for, body.len()), (Some("\"v2\""), Some(Duration::from_secs(60)), 0));
    let asked = server.asked().remove(0);
    assert_eq!(asked.header("if-none-match"), Some("W/\"a,b\""));
    assert_eq!(asked.header("if-modified-since"), Some("Sat, 01 Jan 2022 00:00:00 GMT"));

    // Unasked for it says nothing about anything.
    assert_eq!(failure(&fetcher, &url).await.reason, RevocationReason::HttpError);
    // Damage in the cache must not become a header of its own.
    let bad = Validators { etag: Some("\"x\"\r\nEvil: yes".into()), last_modified: None };
    let _ = fetch(&fetcher, &FetchRequest { validators: Some(&bad), ..request(&url) }).await;
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.header("if-none-match").is_none() && asked.header("evil").is_none()), "{asked:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_ends_the_fetch_while_it_streams() {
    let server = WebServer::start(|asked| match &*asked.line {
        "GET /said" => Reply::ok(&[0; 1001]),
        "GET /exact" => Reply::ok(&[0; 1000]),
        _ => Reply::endless(&[0; 100], Duration::ZERO),
    })
    .await;
    let fetcher = fetcher(LOOPBACK);
    for (path, arrives) in [("/said", 0..=0), ("/endless", 1..=1000)] {
        let url = server.url(path);
        let (outcome, body) = fetch(&fetcher, &FetchRequest { most: 1000, ..request(&url) }).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.detail), (RevocationReason::TooLarge, "larger than 1000 bytes"), "{path}");
        assert!(arrives.contains(&body.len()), "{path}: {}", body.len());
    }
    let url = server.url("/exact");
    assert_eq!(complete(&fetcher, &FetchRequest { most: 1000, ..request(&url) }).await.1.len(), 1000);
}

#[tokio::test]
async fn content_is_never_decoded() {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x04, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0];
    let server = WebServer::start(move |_| Reply::new(200, &["Content-Encoding: gzip"], &gzip)).await;
    let (said, body) = complete(&fetcher(LOOPBACK), &request(&server.url("/"))).await;
    assert_eq!((&*body, said.content_encoding.as_deref()), (&gzip[..], Some("gzip")));
}

#[tokio::test]
async fn every_step_has_its_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = WebServer::start(|asked| match &*asked.line {
        "GET /late" => Reply::ok(b"x").after(Duration::from_secs(60)),
        "GET /loop" => Reply::redirect(302, "/late"),
        _ => Reply::endless(b"x", Duration::from_millis(20)),
    })
    .await;
    let limits = |connect, total| FetchLimits {
        connect: Duration::from_millis(connect),
        total: Duration::from_millis(total),
        ..FetchLimits::default()
    };
    for (what, url, limits) in [
        ("a handshake that does not begin", format!("https://{}/", silent.local_addr().unwrap()), limits(200, 60_000)),
        ("a head that does not come", server.url("/late"), limits(60_000, 300)),
        ("a body that never ends", server.url("/endless"), limits(60_000, 300)),
        ("redirects, all together", server.url("/loop"), limits(60_000, 300)),
    ] {
        let began = Instant::now();
        let failure = failure(&fetcher_with(LOOPBACK, Mirrors::default(), limits), &url).await;
        assert_eq!(failure.reason, RevocationReason::Unreachable, "{what}: {failure}");
        assert!((200..3000).contains(&began.elapsed().as_millis()), "{what}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn what_goes_wrong_has_a_reason() {
    let server = WebServer::start(|asked| match &*asked.line {
        "GET /404" => Reply::new(404, &[], b"<html>"),
        "GET /500" => Reply::new(500, &["Retry-After: 120"], b""),
        "GET /206" => Reply::new(206, &[], b"part"),
        "GET /204" => Reply::raw(b"HTTP/1.1 204 Words\r\n\r\n"),
        "GET /cut" => Reply::raw(b"HTTP/1.1 200 Words\r\nContent-Length: 100\r\n\r\nhalf"),
        "GET /chunk" => Reply::raw(b"HTTP/1.1 200 Words\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        "GET /garbage" => Reply::raw(b"SSH-2.0-OpenSSH_9\r\n"),
        "GET /header" => Reply::raw(&[b"HTTP/1.1 200 Words\r\nX: ", &[b'x'; 2 << 20][..], b"\r\n\r\n"].concat()),
        _ => Reply::raw(b""),
    })
    .await;
    let fetcher = fetcher(LOOPBACK);
    let closed = format!("http://{}/", closed_port());
    for (url, reason) in [
        (server.url("/404"), RevocationReason::HttpError),
        (server.url("/500"), RevocationReason::HttpError),
        (server.url("/206"), RevocationReason::HttpError),
        (server.url("/204"), RevocationReason::HttpError),
        (server.url("/cut"), RevocationReason::Unreachable),
        (server.url("/chunk"), RevocationReason::Unreachable),
        (server.url("/garbage"), RevocationReason::Unreachable),
        (server.url("/header"), RevocationReason::Unreachable),
        (server.url("/empty"), RevocationReason::Unreachable),
        (closed, RevocationReason::Unreachable),
        ("http://nowhere.invalid/".to_owned(), RevocationReason::Unreachable),
    ] {
        let failure = failure(&fetcher, &url).await;
        assert_eq!(failure.reason, reason, "{url}: {failure}");
        assert_eq!(failure.retry_after, url.ends_with("/500").then(|| Duration::from_secs(120)), "{url}");
    }
    assert_eq!(server.lines().len(), 9, "each is asked once, without retries");
}

#[tokio::test]
async fn the_sinks_refusal_ends_the_fetch() {
    let server = WebServer::start(|_| Reply::endless(b"<html>", Duration::ZERO)).await;
    let refusal = FetchFailure::new(RevocationReason::Malformed, "HTML");
    let mut calls = 0;
    let outcome = fetcher(LOOPBACK)
        .fetch(&request(&server.url("/")), &mut |_| {
            calls += 1;
            Err(refusal.clone())
        })
        .await;
    assert_eq!((outcome, calls), (Err(refusal.clone()), 1));
}

#[tokio::test]
async fn a_mirror_stands_before_the_policy_and_is_subject_to_it() {
    let server = WebServer::start(|_| Reply::ok(b"mirrored")).await;
    let mirrors = || Mirrors::new([("http://crl.invalid/".to_owned(), server.url("/crl/"))]).unwrap();
    let open = fetcher_with(LOOPBACK, mirrors(), FetchLimits::default());
    assert_eq!(complete(&open, &request("http://crl.invalid/a.crl")).await.1, b"mirrored");
    assert_eq!(server.lines(), ["GET /crl/a.crl"]);
    let closed = fetcher_with(&[], mirrors(), FetchLimits::default());
    assert_eq!(failure(&closed, "http://crl.invalid/a.crl").await.reason, RevocationReason::EgressDenied);
}

#[tokio::test]
async fn a_host_has_four_exchanges_at_once_and_waiting_takes_no_time_of_the_fetch() {
    let server = WebServer::start(|_| Reply::ok(b"x").after(Duration::from_millis(100))).await;
    let limits = FetchLimits { total: Duration::from_millis(500), ..FetchLimits::default() };
    let fetcher = Arc::new(fetcher_with(LOOPBACK, Mirrors::default(), limits));
    let mut all = tokio::task::JoinSet::new();
    // Six times four at a tenth of a second each: longer than one fetch may take.
    for n in 0..24 {
        let (fetcher, url) = (fetcher.clone(), server.url(&format!("/{n}")));
        all.spawn(async move { complete(&fetcher, &request(&url)).await.1 });
    }
    let bodies = all.join_all().await;
    assert!(bodies.len() == 24 && bodies.iter().all(|body| body == b"x"));
    assert_eq!(server.most_at_once(), 4);
}

#[tokio::test]
async fn a_slow_host_takes_no_turn_from_the_others() {
    let slow = WebServer::start(|_| Reply::ok(b"x").after(Duration::from_secs(60))).await;
    let quick = WebServer::start(|_| Reply::ok(b"x")).await;
    let limits = FetchLimits { overall: 5, ..FetchLimits::default() };
    let fetcher = Arc::new(fetcher_with(LOOPBACK, Mirrors::default(), limits));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (fetcher, url) = (fetcher.clone(), slow.url("/"));
        waiting.spawn(async move { drop(fetch(&fetcher, &request(&url)).await) });
    }
    while slow.most_at_once() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another host: by its name.
    let by_name = quick.url_by("localhost", "/");
    let found = tokio::time::timeout(Duration::from_secs(5), complete(&fetcher, &request(&by_name))).await;
    assert_eq!(found.unwrap().1, b"x");
}

#[tokio::test]
async fn no_proxy_is_taken_from_the_environment() {
    if let Some(url) = std::env::var_os(PROXY_TEST) {
        complete(&fetcher(LOOPBACK), &request(url.to_str().unwrap())).await;
        return;
    }
    let (server, proxy) = (WebServer::start(|_| Reply::ok(b"x")).await, WebServer::start(|_| Reply::ok(b"proxied")).await);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "fetch::no_proxy_is_taken_from_the_environment"]).env(PROXY_TEST, server.url("/"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url(""));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((server.lines(), proxy.connections()), (vec!["GET /".to_owned()], 0));
}
