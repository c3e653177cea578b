//! The API: what it says, and how it is asked.

use std::sync::Mutex;

use super::*;
use crate::model::facts::SubjectName;
use crate::model::{SnapshotView, TargetState, UnixTime};

/// The lists that have pages, with the names of their rows.
const LISTS: [(&str, &[&str]); 7] = [
    ("certificates", &["certificates"]),
    ("targets", &["targets"]),
    ("sources", &["sources"]),
    ("crls", &["crls"]),
    ("findings", &["findings"]),
    ("trust", &["authorities"]),
    ("revocation", &["crls", "responders"]),
];

#[tokio::test]
async fn every_list_has_one_envelope_and_pages_that_are_the_whole_of_it() {
    let server = start(example::rich(), settings()).await;
    for (list, names) in LISTS {
        let rows = |page: &serde_json::Value| names.iter().flat_map(|name| page[name].as_array().unwrap().clone()).collect::<Vec<_>>();
        let whole = server.json(&format!("/api/v1/{list}?limit=1000")).await;
        let all = rows(&whole);
        assert!(all.len() > 1, "{list}");
        assert_eq!((&whole["generation"], &whole["total"], whole.get("next")), (&7.into(), &all.len().into(), None), "{list}");
        for limit in [1, 2, all.len() - 1, all.len()] {
            let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let page = server.json(&format!("/api/v1/{list}?limit={limit}{after}")).await;
                let found = rows(&page);
                assert!(found.len() <= limit && !found.is_empty(), "{list} limit {limit}");
                assert_eq!(page["total"], whole["total"], "{list} limit {limit}");
                seen.extend(found);
                pages += 1;
                let Some(next) = page["next"].as_str() else { break };
                after = format!("&after={next}");
            }
            assert_eq!(seen, all, "{list} limit {limit}");
            assert_eq!(pages, all.len().div_ceil(limit), "{list} limit {limit}");
        }
    }
}

#[tokio::test]
async fn errors_are_json_and_say_what_there_is() {
    let server = start(example::rich(), settings()).await;
    let lists = LISTS.iter().map(|(list, _)| *list);
    let wrong = lists.flat_map(|list| {
        [
            ("GET", format!("/api/v1/{list}?bogus=1"), 400, "no such parameter: \"bogus\"; there are: "),
            ("GET", format!("/api/v1/{list}?limit=0"), 400, "limit: expected 1 to 1000"),
            ("GET", format!("/api/v1/{list}?limit=1&limit=1"), 400, "limit: given twice"),
            ("GET", format!("/api/v1/{list}?after=rubbish"), 400, "after: expected the value of"),
            ("POST", format!("/api/v1/{list}"), 405, "only GET and HEAD"),
        ]
    });
    let others = [
        ("GET", "/api/v1/nowhere", 404, "the API has no such path"),
        ("GET", "/api/v1/certificates?source=nobody", 404, "source: no source has this name"),
        ("GET", "/api/v1/http_sd?source=nobody", 404, "source: no source has this name"),
        ("GET", "/api/v1/http_sd?limit=1", 400, "there are: source"),
        ("GET", "/api/v1/targets?state=pending", 400, "state: expected one of ok, failing"),
        ("GET", "/api/v1/trust/dependants?fingerprint=0", 400, "fingerprint: expected a SHA-256"),
        ("DELETE", "/api/v1/http_sd", 405, "only GET and HEAD"),
    ];
    for (method, path, status, expected) in wrong.chain(others.map(|(method, path, status, text)| (method, path.to_owned(), status, text)))
    {
        let (head, body) = server.ask(method, &path, "").await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {path}: {head}");
        assert_eq!(header(&head, "content-type"), Some("application/json"), "{method} {path}");
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(error["error"].as_str().unwrap().contains(expected), "{method} {path}: {error}");
        assert_eq!(header(&head, "allow"), (status == 405).then_some("get,head"), "{method} {path}");
        assert_eq!(header(&head, "etag"), None, "{method} {path}");
    }
}

/// A store whose snapshot is replaced.
struct Swapped(Mutex<Arc<View>>);

impl Snapshots for Swapped {
    fn load(&self) -> Arc<dyn SnapshotView> {
        Arc::clone(&*self.0.lock().unwrap()) as _
    }
}

#[tokio::test]
async fn who_has_the_answer_already_is_told_so_until_it_changes() {
    let view = |generation| {
        let mut view = View::new(example::rich(), &Renderer::default());
        view.generation = generation;
        Arc::new(view)
    };
    let store = Arc::new(Swapped(Mutex::new(view(7))));
    let counters = Arc::new(example::counters(&example::rich()));
    let server = serving(Arc::clone(&store) as _, counters, settings(), Access::open(), |state| state).await;
    let tag = async |path: &str| {
        let (head, _) = server.get(path).await;
        assert_eq!(header(&head, "cache-control"), Some("no-cache"), "{path}");
        header(&head, "etag").unwrap_or_else(|| panic!("{path}: {head}")).to_owned()
    };
    let mut paths: Vec<String> = LISTS.iter().map(|(list, _)| format!("/api/v1/{list}")).collect();
    paths.extend([
        "/api/v1/http_sd".to_owned(),
        "/api/v1/certificates?limit=1".to_owned(),
        "/api/v1/certificates?expires_within=9w".to_owned(),
    ]);
    let mut tags = Vec::new();
    for path in &paths {
        let known = tag(path).await;
        let (of_head, nothing) = server.ask("HEAD", path, "").await;
        assert_eq!((header(&of_head, "etag"), nothing.len()), (Some(&*known), 0), "{path}");
        for (method, sent, status) in [
            ("GET", known.clone(), 304),
            ("HEAD", known.clone(), 304),
            ("GET", format!("W/{known}"), 304),
            ("GET", format!("\"other\", {known}"), 304),
            ("GET", "*".to_owned(), 304),
            ("GET", "\"other\"".to_owned(), 200),
        ] {
            let (head, body) = server.ask(method, path, &format!("If-None-Match: {sent}\r\n")).await;
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {path} {sent}: {head}");
            assert_eq!((header(&head, "etag"), body.is_empty()), (Some(&*known), status == 304), "{method} {path} {sent}");
            assert_eq!(header(&head, "cache-control"), Some("no-cache"), "{method} {path} {sent}");
        }
        tags.push(known);
    }
    let different: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!(different.len(), tags.len(), "every query has its own: {tags:?}");
    let (head, _) = server.ask("GET", "/api/v1/certificates?limit=0", "If-None-Match: *\r\n").await;
    assert!(head.starts_with("http/1.1 400"), "what is asked wrongly is known to nobody: {head}");

    *store.0.lock().unwrap() = view(8);
    for (path, before) in paths.iter().zip(&tags) {
        let (head, _) = server.ask("GET", path, &format!("If-None-Match: {before}\r\n")).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    }
    let (head, _) = server.get(&format!("/api/v1/trust/dependants?fingerprint={}", "0".repeat(64))).await;
    assert_eq!(header(&head, "etag"), None, "what is put together when somebody asks has none");
}

#[tokio::test]
async fn a_view_of_revocation_that_is_newer_is_another_answer_about_targets() {
    let server = start(example::rich(), settings()).await;
    let newer = start_with(example::rich(), settings(), Arc::new(Known(Arc::default()))).await;
    let revocation = |head: &str| header(head, "etag").unwrap().split('-').nth(2).unwrap().to_owned();
    let path = "/api/v1/targets";
    assert_eq!((&*revocation(&server.get(path).await.0), &*revocation(&newer.get(path).await.0)), ("0", "1"));
}

#[tokio::test]
async fn crls_and_findings_say_where_they_are_and_what_there_is_to_know() {
    let server = start(example::rich(), settings()).await;
    let crls = server.json("/api/v1/crls").await;
    let (stored, fetched, never) = (&crls["crls"][0], &crls["crls"][2], &crls["crls"][5]);
    assert_eq!((&stored["origin"], &stored["place"]["filepath"]), (&"stored".into(), &"/etc/ssl/crls.pem".into()));
    assert_eq!((&stored["crl"]["findings"], stored.get("url")), (&serde_json::json!(["stale"]), None));
    assert_eq!((&fetched["origin"], &fetched["url"]), (&"fetched".into(), &"http://crl.example/a.crl".into()));
    assert_eq!(
        (&fetched["next_check"], &fetched["revoked"], &fetched["crl"]["entries"]),
        (&"2026-01-01T00:30:00Z".into(), &1.into(), &3.into())
    );
    assert_eq!((&never["crl"], &never["failure"]["reason"]), (&serde_json::Value::Null, &"unreachable".into()));

    let findings = server.json("/api/v1/findings?finding=ip_name_not_allowed").await;
    let waived = &findings["findings"][0];
    assert_eq!(
        (&waived["on"], &waived["owner"], &waived["policies"]),
        (&"certificate".into(), &"search".into(), &serde_json::json!(["services"]))
    );
    assert_eq!((&waived["waived"]["until"], &waived["certificate"]["serial"]), (&"2026-01-30T23:59:59Z".into(), &"1010".into()));
    let of_responder = server.json("/api/v1/findings?on=responder&finding=unreachable").await["findings"][0].clone();
    assert_eq!((&of_responder["url"], of_responder.get("place")), (&"http://ocsp.gone.example/".into(), None));
    assert_eq!(of_responder["failure"]["detail"], "503");
}

#[tokio::test]
async fn prometheus_is_told_the_endpoints_once_each_with_their_labels() {
    let mut all_addresses = source(SourceKind::Tls, "all");
    all_addresses.options.labels = example::labels(&[("team", "web"), ("tier", "1")]);
    let at = |address: &str, name: &str| {
        let place = Place::Endpoint { target: "a.example:443".into(), server_name: name.into(), address: Some(address.parse().unwrap()) };
        TargetState { labels: Some(example::labels(&[("team", "api")])), ..target(place, vec![], vec![]) }
    };
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let of = |header, status: &SourceStatus, targets| Watched { header, status: status.clone(), targets };
    let file = || of(source(SourceKind::File, "files"), &SourceStatus::default(), vec![target(Place::file("/a"), vec![], vec![])]);
    let endpoints = || vec![at("192.0.2.1", "a.example"), at("192.0.2.2", "a.example"), at("192.0.2.1", "b.example")];
    let server = start(vec![of(all_addresses.clone(), &status, endpoints()), file()], settings()).await;
    let group = |name: &str| {
        let labels = serde_json::json!({
            "__meta_notafter_source_name": "all", "__meta_notafter_target": "a.example:443", "__meta_notafter_server_name": name,
            "team": "api", "tier": "1",
        });
        serde_json::json!({ "targets": ["a.example:443"], "labels": labels })
    };
    assert_eq!(server.json("/api/v1/http_sd").await, serde_json::json!([group("a.example"), group("b.example")]));
    assert_eq!(server.json("/api/v1/http_sd?source=files").await, serde_json::json!([]));

    // Before the first round of a source of endpoints has ended, Prometheus would take its targets for gone.
    let server = start(vec![of(all_addresses, &SourceStatus::default(), endpoints()), file()], settings()).await;
    let (head, body) = server.get("/api/v1/http_sd").await;
    assert!(head.starts_with("http/1.1 503") && body.contains("the first round of all has not ended"), "{head}{body}");
}

#[tokio::test]
async fn hostile_names_come_out_as_json() {
    let names = [
        "a\"b\\c\nd\u{0}e\u{1f}\u{7f}\u{85}",
        "\u{202e}gpj.exe\u{2066}\u{200f}",
        "\u{feff}\u{fffd}\u{fffe}\u{10ffff}",
        "</script><!--\u{2028}\u{2029}",
        &"long\u{1}".repeat(2_000),
    ];
    let hostile = |(seed, name): (u8, &&str)| {
        let mut facts = certificate(CertRole::Leaf, name, name, seed);
        facts.names = [SubjectName::Dns((*name).into()), SubjectName::Other((*name).into())].into();
        facts.not_after = UnixTime::from_secs(i64::MIN);
        target(Place::file(format!("/{name}/{name}")), vec![facts], vec![example::crl(name, Some(name), seed)])
    };
    let targets: Vec<TargetState> = (0..).zip(&names).map(hostile).collect();
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let server = start(vec![Watched { header: source(SourceKind::File, names[0]), status, targets }], settings()).await;
    for (list, rows) in [("certificates", "certificates"), ("targets", "targets"), ("crls", "crls")] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = server.json(&format!("/api/v1/{list}?limit=1{after}")).await;
            seen.extend(page[rows].as_array().unwrap().iter().map(|row| row.to_string()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        for name in names {
            let spelt = serde_json::to_string(&format!("CN={name},O=Example")).unwrap();
            let spelt = spelt.trim_matches('"');
            assert!(seen.iter().filter(|row| row.contains(spelt)).count() >= 1, "{list}: {spelt}");
        }
        assert!(seen.len() >= names.len(), "{list}");
    }
}

#[tokio::test]
async fn a_walk_whose_client_is_gone_still_holds_its_turn() {
    let watched = example::rich();
    let counters = Arc::new(example::counters(&watched));
    let state = State::new(Arc::new(Fixed(Arc::new(View::new(watched, &Renderer::default())))), counters, "1.2.3");
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel();
    let walk = state.walk(move || {
        begin.send(()).unwrap();
        let _ = ended.recv();
        crate::http::api::refused(StatusCode::OK, "")
    });
    assert!(timeout(Duration::from_millis(200), walk).await.is_err(), "the client is gone");
    begun.recv().unwrap();
    assert_eq!(state.walks.available_permits(), WALKS - 1);
    end.send(()).unwrap();
    let free = async {
        while state.walks.available_permits() < WALKS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, free).await.expect("the turn comes back");
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
async fn a_page_ends_early_when_it_is_large() {
    let wordy = |name: &str| {
        let mut facts = certificate(CertRole::Leaf, "wordy", "CA", 1);
        facts.names = (0..500).map(|_| SubjectName::Dns("x".repeat(10_000).into())).collect();
        target(Place::file(name), vec![facts], vec![])
    };
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let targets = vec![wordy("/a"), wordy("/b"), wordy("/c")];
    let server = start(vec![Watched { header: source(SourceKind::File, "big"), status, targets }], settings()).await;
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("/api/v1/targets?{after}")).await;
        let names = page["targets"].as_array().unwrap().iter().map(|row| row["place_text"].as_str().unwrap().to_owned());
        pages.push(names.collect::<Vec<_>>());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("after={next}");
    }
    assert_eq!(pages, [vec!["/a", "/b"], vec!["/c"]]);
}
