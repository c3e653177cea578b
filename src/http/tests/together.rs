//! What the API and the page say of places together.

use super::*;
use crate::model::facts::hex;
use crate::model::relations::{Hanging, HangingLeaf, Verifies};
use crate::model::{Evidence, Finding, Related, TargetState, TrustQueries, UnixTime};

/// A certificate in three places, one of them owned, and another in one.
fn watched() -> Vec<Watched> {
    let shared = || certificate(CertRole::Leaf, "shared.example", "CA", 7);
    let own = certificate(CertRole::Intermediate, "<CA>", "Root", 9);
    let mut files = source(SourceKind::File, "files");
    files.options.labels = example::labels(&[("team", "web")]);
    let mut edge = target(example::endpoint("shared.example:443", "shared.example"), vec![shared()], vec![]);
    let evidence = Evidence {
        finding: Finding::StoredNotServed,
        certificate: None,
        since: example::START,
        source: "files".into(),
        place: "/<a>.pem".into(),
        detail: "stored: serial 1; served: serial 2".into(),
    };
    let told = [Finding::StoredNotServed].into_iter().collect();
    edge.related = Some(Arc::new(Related { target: told, certificates: Box::default(), evidence: [evidence].into() }));
    edge.report.target = told;
    let of = |header, targets: Vec<TargetState>| Watched { header, status: SourceStatus::default(), targets };
    vec![
        of(files, vec![target(Place::file("/a.pem"), vec![shared(), own], vec![]), target(Place::file("/b.pem"), vec![shared()], vec![])]),
        of(source(SourceKind::Tls, "edge"), vec![edge]),
    ]
}

#[tokio::test]
async fn a_certificate_in_many_places_is_one_row_with_all_of_them() {
    let server = start(watched(), settings()).await;
    let all = server.json("/api/v1/certificates").await;
    assert_eq!((&all["total"], &all["next"]), (&2.into(), &serde_json::Value::Null));
    let shared = &all["certificates"][0];
    assert_eq!((&shared["fingerprint"], &shared["count"]), (&hex(&[7; 32]).into(), &3.into()));
    let of_place = |place: &serde_json::Value| format!("{} {} {}", place["source"], place["owner_label"], place["owner"]);
    let places: Vec<_> = shared["places"].as_array().unwrap().iter().map(of_place).collect();
    assert_eq!(places, ["\"files\" \"team\" \"web\"", "\"files\" \"team\" \"web\"", "\"edge\" null null"]);
    assert_eq!(shared["places"][0]["place"], serde_json::json!({ "filename": "a.pem", "filepath": "/a.pem" }));
    for (query, expected) in [
        ("min_places=2", vec![7]),
        ("role=intermediate", vec![9]),
        ("unowned=true", vec![7]),
        ("source=edge", vec![7]),
        ("unowned=false&role=leaf", vec![7]),
        ("finding=expired", vec![]),
        ("min_places=4", vec![]),
    ] {
        let answer = server.json(&format!("/api/v1/certificates?{query}")).await;
        let found: Vec<_> = answer["certificates"].as_array().unwrap().iter().map(|row| row["fingerprint"].clone()).collect();
        assert_eq!(found, expected.iter().map(|seed| serde_json::Value::from(hex(&[*seed; 32]))).collect::<Vec<_>>(), "{query}");
    }
    let first = server.json("/api/v1/certificates?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = server.json(&format!("/api/v1/certificates?limit=1&after={next}")).await;
    assert_eq!((&second["certificates"][0]["fingerprint"], &second["next"]), (&hex(&[9; 32]).into(), &serde_json::Value::Null));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_what_was_expected() {
    let server = start(watched(), settings()).await;
    for (path, expected) in [
        ("/api/v1/certificates?finding=nonsense", "finding: expected one of expired, "),
        ("/api/v1/certificates?role=boss", "role: expected"),
        ("/api/v1/trust/dependants", "fingerprint: missing"),
        ("/api/v1/trust/verify?fingerprint=zz", "fingerprint: expected"),
        ("/api/v1/certificates?after=xyz", "after: expected"),
        ("/api/v1/certificates?limit=0", "limit: expected"),
        ("/api/v1/trust?limit=9999", "limit: expected"),
        ("/api/v1/trust/dependants?fingerprint=zz", "fingerprint: expected"),
        ("/api/v1/certificates?findng=expired", "findng"),
        ("/api/v1/trust?bogus=1", "bogus"),
    ] {
        let (head, body) = server.get(path).await;
        assert!(head.starts_with("http/1.1 400") && body.contains(expected), "{path}: {head}{body}");
    }
}

#[tokio::test]
async fn the_other_place_behind_a_finding_is_named_by_the_api_and_the_page() {
    let server = start(watched(), settings()).await;
    let target = &server.json("/api/v1/targets?source=edge").await["targets"][0];
    let related = &target["related"][0];
    assert_eq!(
        (&related["finding"], &related["source"], &related["place_text"]),
        (&"stored_not_served".into(), &"files".into(), &"/<a>.pem".into())
    );
    let (_, page) = server.get("/").await;
    for expected in [
        "Stored not served",
        "/&lt;a&gt;.pem: stored: serial 1; served: serial 2",
        "Example Issuing CA",
        "1 leaf certificate is in several places",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("/<a>.pem"), "escaped");
}

/// Knows one CA.
struct One;

impl TrustQueries for One {
    fn hanging(&self, authority: &[u8; 32], after: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging> {
        let leaf = |seed: u8| HangingLeaf {
            subject: "CN=a".into(),
            fingerprint: [seed; 32],
            not_after: example::START,
            stranded: true,
            place: "/a".into(),
            places: 1,
        };
        let behind = (1..=3).filter(|seed| after.is_none_or(|after| (example::START, [*seed; 32]) > after));
        let leaves: Vec<_> = behind.clone().take(limit).map(leaf).collect();
        (*authority == [9; 32]).then(|| Hanging { generation: 7, total: 3, more: behind.count() > limit, leaves })
    }

    fn verifies(&self, certificate: &[u8; 32], source: &str, place: &str) -> Option<Verifies> {
        let is_known = *certificate == [9; 32] && (source, place) == ("files", "/a b.pem");
        is_known.then(|| Verifies { verifies: true, path: vec!["CN=a".into()], why: None })
    }
}

#[tokio::test]
async fn what_hangs_on_a_ca_is_asked_by_its_fingerprint() {
    let server = start_trusting(watched(), Arc::new(One)).await;
    let trust = server.json("/api/v1/trust?limit=1").await;
    assert_eq!((&trust["total"], &trust["authorities"][0]["dependants"]), (&2.into(), &12.into()));
    let rest = server.json(&format!("/api/v1/trust?limit=1&after={}", trust["next"].as_str().unwrap())).await;
    assert_eq!((&rest["authorities"][0]["dependants"], rest.get("next")), (&0.into(), None));
    let (known, unknown) = (hex(&[9; 32]), hex(&[8; 32]));
    let hanging = server.json(&format!("/api/v1/trust/dependants?fingerprint={known}&limit=2")).await;
    assert_eq!((&hanging["total"], hanging["leaves"].as_array().unwrap().len(), &hanging["generation"]), (&3.into(), 2, &7.into()));
    let rest = server.json(&format!("/api/v1/trust/dependants?fingerprint={known}&after={}", hanging["next"].as_str().unwrap())).await;
    assert_eq!((&rest["leaves"][0]["fingerprint"], rest.get("next")), (&hex(&[3; 32]).into(), None));
    let verifies = server.json(&format!("/api/v1/trust/verify?fingerprint={known}&source=files&place=/a%20b.pem")).await;
    assert_eq!(verifies["verifies"], true);
    for path in [
        format!("/api/v1/trust/dependants?fingerprint={unknown}"),
        format!("/api/v1/trust/verify?fingerprint={known}&source=files&place=/c"),
    ] {
        assert!(server.get(&path).await.0.starts_with("http/1.1 404"), "{path}");
    }
}
