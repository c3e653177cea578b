//! The status page: what stands on each page, and that nothing from outside gets beyond being text.

mod hostile;

use super::*;
use crate::metrics::example::{DAY, START, crl, failing, handshake_facts, labels, looked_up};
use crate::model::facts::{Constraints, ResponseFacts, SubjectName, hex};
use crate::model::relations::{Above, Hanging, HangingLeaf, Top, Verifies};
use crate::model::revocation::Asked;
use crate::model::state::{Counters as Handshakes, FailedLooks};
use crate::model::{
    Answer, Answers, Broken, Circumstances, Content, Evidence, FailureFacts, Finding, Item, Problem, Reason, Related, RevocationMethod,
    RevocationReason, RevocationStatus, RevokedFor, Says, Stage, Step, TargetState, UnixTime, Use, Waived,
};

/// Always the same moment: soon after the scans of the example, a day after [`START`].
struct Noon;

/// That moment.
const NOON: UnixTime = UnixTime::from_secs(START.secs() + DAY + 100);

impl Clock for Noon {
    fn now(&self) -> std::time::SystemTime {
        NOON.system_time()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: std::time::SystemTime) -> crate::model::BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

async fn at_noon(watched: Vec<Watched>) -> Server {
    started(watched, settings(), |state| state.with_clock(Arc::new(Noon)).with_authority(|target| Some(target.to_owned()))).await
}

/// A page without its style and script, and its status.
async fn page(server: &Server, path: &str) -> (u16, String) {
    let (head, body) = server.get(path).await;
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{path}: {head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let (before, rest) = body.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (content, rest) = rest.rsplit_once("<script>").unwrap();
    assert_eq!(rest.split_once("</script>").unwrap().1, "</body></html>\n", "{path}");
    (status, format!("{before}{content}"))
}

/// What a person reads: the text between the tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    let content = html.split_once("<main").map_or(html, |(_, content)| content);
    for part in content.split('<') {
        let (tag, said) = part.split_once('>').unwrap_or((part, ""));
        let breaks = ["li", "/li", "td", "/td", "p", "/p", "h1", "h2", "h3", "dt", "dd", "tr", "section", "div"];
        if breaks.contains(&tag.split(' ').next().unwrap_or_default()) {
            text.push('\n');
        }
        text.push_str(said);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

const FIRST: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn all_pages() -> Vec<String> {
    [
        "/",
        "/certificates",
        "/places",
        "/authorities",
        "/revocation",
        "/sources",
        "/certificates?state=wrong&q=a",
        "/places?state=failing&reason=not_found",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([
        format!("/certificate?fingerprint={FIRST}"),
        "/place?source=files&kind=file&place=/etc/ssl/www.pem".to_owned(),
        "/place?source=edge&place=gone.example.com:443".to_owned(),
        "/certificate?fingerprint=zz".to_owned(),
        "/place?source=nobody&place=x".to_owned(),
        "/places?state=nonsense".to_owned(),
        "/places?after=rubbish".to_owned(),
    ])
    .collect()
}

#[tokio::test]
async fn every_page_is_guarded_and_asks_nobody_for_anything() {
    let server = at_noon(example::rich()).await;
    for path in all_pages() {
        let (head, body) = server.get(&path).await;
        let policy = header(&head, "content-security-policy").unwrap_or_else(|| panic!("{path}: {head}"));
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "deny")] {
            assert_eq!(header(&head, name), Some(value), "{path}");
        }
        assert!(!body.contains(" src=") && !body.contains(" style="), "{path}");
        for link in body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let is_here =
                link.starts_with("./") || link.starts_with('#') || link.starts_with("data:image/svg+xml,") || link.starts_with("-/");
            let is_page = link.split(['?', '/']).next().unwrap_or_default().bytes().all(|byte| byte.is_ascii_lowercase());
            assert!(is_here || is_page, "{path} leads to {link}: relative links work below any path");
        }
        assert_eq!(body.matches("<main").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn the_overview_says_what_is_wrong_what_ends_next_and_whether_it_sees() {
    let server = at_noon(example::rich()).await;
    let (status, html) = page(&server, "/").await;
    let text = text(&html);
    assert_eq!(status, 200);
    for part in [
        "Watching 21 places of 11 sources that hold 30 certificates, each copy counted",
        "1 source is down",
        "slow & <odd> file down · deadline exceeded · for 24 hours",
        "<60 s>",
        "Revoked 1 place",
        "/etc/ssl/www.pem files · payments",
        "Fails at DNS: DNS not found 1 place",
        "CRL stale 1 list",
        "OCSP responder unreachable 1 responder",
        "within 90 days",
        "Example Issuing CA intermediate",
        "snapshot 7",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let position = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}"));
    assert!(position("The monitor is blind") < position("Revoked") && position("Revoked") < position("Weak key"), "the heaviest first");
    assert!(!html.contains("<odd>") && !html.contains("<60"), "escaped");
    assert!(html.contains("href=\"api/v1/sources\"") && html.contains("href=\"metrics\""), "for programs");
}

#[tokio::test]
async fn where_all_is_well_or_nothing_is_watched_the_overview_says_so() {
    let well = target(Place::file("/a.pem"), vec![certificate(CertRole::Leaf, "a", "CA", 1)], vec![]);
    let status = SourceStatus { up: Some(true), targets: 1, certificates: 1, ..SourceStatus::default() };
    let mut watched = vec![Watched { header: source(SourceKind::File, "files"), status, targets: vec![well] }];
    let mut view = View::new(std::mem::take(&mut watched), &Renderer::default());
    (view.services, view.relations) = Default::default();
    let counters = Arc::new(example::counters(&view.watched));
    let server =
        serving(Arc::new(Fixed(Arc::new(view))), counters, settings(), Access::open(), |state| state.with_clock(Arc::new(Noon))).await;
    let (_, html) = page(&server, "/").await;
    assert!(html.contains("all is well") && text(&html).contains("the source is up to date"), "{}", text(&html));

    let (_, html) = page(&at_noon(Vec::new()).await, "/").await;
    assert!(text(&html).contains("nothing is watched") && text(&html).contains("No source is configured"), "{}", text(&html));
    assert!(!html.contains("all is well") && !html.contains("mark good"), "what nobody looks at is not well: {html}");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let many: Vec<_> = (0..120_u8)
        .map(|n| {
            let mut facts = certificate(CertRole::Leaf, &format!("host-{n}.example"), "CA", n);
            facts.not_after = UnixTime::from_secs(START.secs() + i64::from(n) * DAY);
            target(Place::file(format!("/c/{n:03}.pem")), vec![facts], vec![])
        })
        .collect();
    let status = SourceStatus { up: Some(true), ..SourceStatus::default() };
    let server = at_noon(vec![Watched { header: source(SourceKind::File, "files"), status, targets: many }]).await;
    for list in ["certificates", "places"] {
        let (mut path, mut pages, mut rows) = (format!("/{list}?q=host"), 0, 0);
        loop {
            let (status, html) = page(&server, &path).await;
            assert_eq!(status, 200, "{path}");
            assert!(text(&html).contains(&format!("120 {list} fit")), "{path}: {}", text(&html));
            rows += html.matches("<tr>").count() - 1;
            pages += 1;
            let Some((_, next)) = html.split_once("rel=\"next\" href=\"") else { break };
            path = format!("/{}", next.split('"').next().unwrap().replace("&amp;", "&"));
        }
        assert_eq!((pages, rows), (3, 120), "{list}");
    }
    for (behaviour, path, expected) in [
        ("by text", "/certificates?q=HOST-7.", "1 certificate fit"),
        ("by source", "/places?source=files", "120 places fit"),
        ("by another source", "/places?source=nobody", "0 places fit"),
        ("by its end", "/certificates?state=ends_in_7_days", "7 certificates fit"),
        ("what has ended", "/certificates?state=ended", "2 certificates fit"),
        ("by a namespace that files have not", "/places?namespace=shop", "0 places fit"),
        ("anything wrong", "/places?state=wrong", "0 places fit"),
    ] {
        let (_, html) = page(&server, path).await;
        assert!(text(&html).contains(expected), "{behaviour}: {}", text(&html));
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_by_a_page() {
    let server = at_noon(example::rich()).await;
    for (path, expected, said) in [
        ("/places?state=nonsense", 400, "There is no such state."),
        ("/places?reason=nonsense", 400, "no such reason"),
        ("/certificates?after=rubbish", 400, "cannot go on behind"),
        (&format!("/certificates?q={}", "x".repeat(201)), 400, "too long"),
        ("/certificate?fingerprint=12", 400, "64 hexadecimal digits"),
        ("/certificate", 400, "64 hexadecimal digits"),
        (&format!("/certificate?fingerprint={}", "0".repeat(64)), 404, "may have been renewed"),
        ("/place?source=files&place=/nowhere", 404, "no such place"),
        ("/place?source=files&kind=tls&place=/etc/ssl/www.pem", 404, "no such place"),
    ] {
        let (status, html) = page(&server, path).await;
        assert!(status == expected && text(&html).contains(said), "{path}: {status} {}", text(&html));
    }
}

#[tokio::test]
async fn a_place_says_why_it_fails_step_by_step_and_what_helps() {
    let mut watched = example::rich();
    let edge = watched.iter_mut().find(|watched| &*watched.header.id.name == "edge").unwrap();
    let stopped = edge.targets.iter_mut().find(|target| target.failure.is_some() && target.endpoint.is_some()).unwrap();
    let step = |stage, failure: Option<&str>| Step {
        stage,
        elapsed: Duration::from_micros(1_500),
        detail: "192.0.2.1:443".into(),
        ended: None,
        failure: failure.map(Into::into),
    };
    let failed = FailedLooks {
        stage: Stage::Handshake,
        reason: Reason::HandshakeFailure,
        looks: 3,
        since: START,
        latest: UnixTime::from_secs(START.secs() + DAY),
        ended: None,
        detail: "alert <40>".into(),
        steps: [step(Stage::Connect, None), step(Stage::Handshake, Some("received fatal alert"))].into(),
    };
    stopped.counters =
        Some(Box::new(Handshakes { ok: 12, errors: vec![(Stage::Handshake, Reason::HandshakeFailure, 3)], failed: vec![failed] }));
    let server = at_noon(watched).await;
    let (_, html) = page(&server, "/place?source=edge&kind=tls&place=old.example.com:443").await;
    let text = text(&html);
    for part in [
        "The last look failed at handshake: handshake failure, for 24 hours: alert 40.",
        "Fails at handshake: handshake failure handshake_failure",
        "openssl s_client -connect old.example.com:443 -servername old.example.com",
        "12 handshakes ended well, 3 failed",
        "3 looks, for 24 hours, the latest 100 seconds ago",
        "alert <40>",
        "connect\n1.5 ms\n192.0.2.1:443\n● ok",
        "handshake\n1.5 ms\n192.0.2.1:443\n◆ failed received fatal alert",
        "it asked for none",
        "Also sent: as number 2 Example Issuing CA",
        "team=payments",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[tokio::test]
async fn a_place_says_who_answers_for_what() {
    let server = at_noon(example::rich()).await;
    for (path, parts) in [
        (
            "/place?source=files&kind=file&place=/srv/own.pem",
            &[
                "DNS name not allowed dns_name_not_allowed",
                "Policy services.",
                "IP name not allowed",
                "team <edge>",
                "the vendor \"will\" mend it",
                "▲ ended 2025-12-31",
                "Owner\nsearch",
            ][..],
        ),
        (
            "/place?source=cluster&kind=kube-secret&place=secret+shop/web+tls.crt",
            &["Ingress shop/web shop.example.com", "secret_namespace", "cert-manager's Certificate\nshop/web"],
        ),
        ("/place?source=files&kind=file&place=/etc/ssl/crls.pem", &["number 7", "stale", "serial number 77", "kubectl"][..3]),
        (
            "/place?source=files&kind=file&place=/etc/ssl/missing.pem",
            &["Cannot be read: not found", "ls -l '/etc/ssl/missing.pem'", "no such file <here>"],
        ),
    ] {
        let (_, html) = page(&server, path).await;
        let text = text(&html);
        for part in parts {
            let part = part.replace("secret_namespace", "secret namespace");
            assert!(text.contains(&part), "{path}: {part}:\n{text}");
        }
    }
}

/// Knows one tree, and what hangs on every CA.
struct Trusting;

impl TrustQueries for Trusting {
    fn hanging(&self, _: &[u8; 32], _: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging> {
        let leaf = HangingLeaf {
            subject: "CN=<leaf>".into(),
            fingerprint: [1; 32],
            not_after: START,
            stranded: true,
            place: "/l.pem".into(),
            places: 2,
        };
        Some(Hanging { generation: 7, total: 500, leaves: vec![leaf; limit.min(2)], more: true })
    }

    fn verifies(&self, _: &[u8; 32], _: &str, _: &str) -> Option<Verifies> {
        None
    }

    fn above(&self, certificate: &[u8; 32]) -> Option<Above> {
        let above = |fingerprint: [u8; 32], subject: &str, top, issuers| Above {
            fingerprint,
            subject: subject.into(),
            issuer: "CN=Root".into(),
            role: CertRole::Intermediate,
            not_after: START,
            places: 3,
            proved: false,
            top,
            issuers,
            left_out: 0,
        };
        let crossed = vec![above([8; 32], "CN=One", Some(Top::Anchor), vec![]), above([9; 32], "CN=Other", Some(Top::Unknown), vec![])];
        Some(above(*certificate, "CN=leaf", None, crossed))
    }
}

/// The answers about one certificate, and how a responder is asked.
struct Asking(Arc<FixedRevocations>);

impl Revocations for Asking {
    fn load(&self) -> Arc<dyn crate::model::RevocationView> {
        Arc::clone(&self.0) as _
    }

    fn newer(&self, _: u64) -> crate::model::BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn asked(&self, _: &[u8; 32]) -> Option<Asked> {
        let (at, next_at) = (Some(UnixTime::from_secs(NOON.secs() - 7_300)), Some(UnixTime::from_secs(NOON.secs() + 7_300)));
        Some(Asked { url: "http://ocsp.example/".into(), at, next_at, failure: Some(RevocationReason::HttpError) })
    }
}

#[tokio::test]
async fn a_certificate_says_what_its_verdict_rests_on_who_stands_above_it_and_where_it_is() {
    let answer = |says, from: &str| {
        Some(Ok(Answer {
            says,
            this_update: START,
            until: UnixTime::from_secs(START.secs() + 9 * DAY),
            produced_at: None,
            from: from.into(),
        }))
    };
    let revoked = Says::Revoked { at: START, reason: RevokedFor::KeyCompromise };
    let answers =
        Answers { crl: answer(revoked, "http://crl.example/a.crl"), ocsp: answer(Says::Good, "http://ocsp.example/"), staple: None };
    let known = Arc::new(FixedRevocations { answers: [([1; 32], answers)].into(), ..FixedRevocations::default() });
    let server = started(example::rich(), settings(), |state| {
        state.with_clock(Arc::new(Noon)).with_trust(Arc::new(Trusting)).with_revocations(Arc::new(Asking(known)))
    })
    .await;
    let (_, html) = page(&server, &format!("/certificate?fingerprint={FIRST}")).await;
    let found = text(&html);
    for part in [
        "www.example.com leaf",
        "◆ revoked since",
        "reason keyCompromise, by CRL, holds until",
        "CRL\n◆ revoked",
        "http://crl.example/a.crl\nnumber 9, 3 entries",
        "24 hours ago\n23 hours ago",
        "OCSP\n● not revoked\nasked in vain last: HTTP error",
        "2 hours ago\nin 2 hours",
        "CN=One intermediate",
        "among the trust anchors of this machine",
        "no certificate that is watched has signed it",
        "/etc/ssl/www.pem",
        "To be renewed",
        "IP:192.0.2.1",
    ] {
        assert!(found.contains(part), "{part}:\n{found}");
    }
    assert!(!found.contains("below it."), "a leaf has nothing hanging on it");
    let (_, html) = page(&server, &format!("/certificate?fingerprint={}", hex(&[3; 32]).to_uppercase())).await;
    let found = text(&html);
    for part in ["Example Root root", "500 leaf certificates below it.", "CN=<leaf>", "A trust anchor: nobody stands above it"] {
        assert!(found.contains(part), "{part}:\n{found}");
    }
}
