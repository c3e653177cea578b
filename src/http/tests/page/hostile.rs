//! What a stranger chose is text on every page, and nothing else.

use super::*;

/// Everything that comes from outside says this.
fn saying(evil: &str) -> Vec<Watched> {
    let text = || -> Box<str> { evil.into() };
    // No path, host or object has a longer name.
    let called = || -> Box<str> { evil[..evil.floor_char_boundary(1_000)].into() };
    let mut leaf = looked_up(certificate(CertRole::Leaf, evil, evil, 1));
    (leaf.subject, leaf.issuer, leaf.serial, leaf.signature_algorithm) = (evil.into(), evil.into(), text(), evil.into());
    leaf.extended_key_usage = Some(vec![evil.into(); 40].into());
    leaf.names = (0..40).map(|n| if n % 2 == 0 { SubjectName::Dns(text()) } else { SubjectName::Other(text()) }).collect();
    leaf.constraints =
        Some(Box::new(Constraints { path_length: None, permitted: vec![text(); 40].into(), excluded: vec![text(); 40].into() }));
    let mut ca = certificate(CertRole::Intermediate, evil, evil, 2);
    (ca.subject, ca.subject_cn) = (leaf.issuer.clone(), "".into());
    let mut list = crl(evil, Some(evil), 3);
    list.issuer = evil.into();
    let response = ResponseFacts {
        fingerprint: [4; 32],
        serial: text(),
        produced_at: START,
        this_update: START,
        next_update: None,
        der: Arc::from([]),
    };
    let mut place = target(Place::Endpoint { target: called(), server_name: called(), address: None }, vec![leaf, ca], vec![]);
    place.content =
        Arc::new(Content { certificates: place.content.certificates.clone(), crls: [list].into(), responses: [response].into() });
    place = failing(place, Stage::Connect, Reason::Refused, evil);
    place.labels = Some(labels(&[("team", evil), ("other", evil)]));
    let used = Use { kind: text(), name: text(), host: text() };
    place.circumstances = Some(Arc::new(Circumstances { used_by: vec![used; 30].into(), renewal_due: None, certificate: Some(text()) }));
    let mut shown = handshake_facts();
    (shown.version, shown.cipher, shown.group, shown.alpn) = (Some(evil.into()), Some(evil.into()), Some(evil.into()), Some(evil.into()));
    (shown.path_error, shown.client.acceptable_cas) = (Some(text()), vec![evil.into(); 40].into());
    place.endpoint = Some(Arc::new(shown));
    let evidence = |certificate| Evidence {
        finding: Finding::StoredNotServed,
        certificate,
        since: START,
        source: evil.into(),
        place: text(),
        detail: text(),
    };
    place.related = Some(Arc::new(Related { evidence: vec![evidence(None); 20].into(), ..Related::default() }));
    let waived = |on| Waived { on, finding: Finding::WeakKey, until: START, owner: evil.into(), why: evil.into() };
    place.report.target = [Finding::StoredNotServed].into_iter().collect();
    place.report.certificates = vec![[Finding::DnsNameNotAllowed, Finding::Expired].into_iter().collect(); 2].into();
    place.report.revocation = vec![example::decided(RevocationStatus::Revoked, RevocationMethod::Crl); 2].into();
    place.report.broken =
        [Broken { certificate: 0, policy: evil.into(), findings: [Finding::DnsNameNotAllowed].into_iter().collect() }].into();
    place.report.waived = [waived(Item::Target), waived(Item::Certificate(0)), waived(Item::Crl(0))].into();
    place.report.ended = [waived(Item::Certificate(1))].into();
    place.problems = vec![Problem { reason: Reason::BadPem, detail: evil.to_owned() }; 20].into();
    let step = Step { stage: Stage::Connect, elapsed: Duration::from_secs(1), detail: text(), ended: Some(text()), failure: Some(text()) };
    let failed = FailedLooks {
        stage: Stage::Connect,
        reason: Reason::Refused,
        looks: 1,
        since: START,
        latest: START,
        ended: None,
        detail: text(),
        steps: vec![step.clone(), Step { failure: None, ..step }].into(),
    };
    place.counters = Some(Box::new(Handshakes { ok: 0, errors: Vec::new(), failed: vec![failed] }));
    let namespaced = Place::Secret { namespace: (&*called()).into(), name: called(), key: (&*called()).into() };
    let mut secret = target(namespaced, vec![certificate(CertRole::Leaf, evil, evil, 5)], vec![]);
    secret.report.certificates = [[Finding::Expired].into_iter().collect()].into();
    let failure = FailureFacts { stage: Stage::Scan, reason: Reason::WalkError, detail: text(), since: START };
    let status =
        SourceStatus { up: Some(false), failure: Some(failure), targets: 1, certificates: 2, unowned: 1, ..SourceStatus::default() };
    let of = |kind, targets: Vec<TargetState>| Watched { header: source(kind, &called()), status: status.clone(), targets };
    vec![of(SourceKind::KubeSecret, vec![secret]), of(SourceKind::Tls, vec![place])]
}

/// Tags and attributes that the templates write; anything else came from outside.
const TAGS: &[&str] = &[
    "!DOCTYPE",
    "html",
    "head",
    "meta",
    "title",
    "link",
    "body",
    "a",
    "header",
    "div",
    "nav",
    "form",
    "label",
    "span",
    "input",
    "select",
    "option",
    "optgroup",
    "datalist",
    "button",
    "main",
    "h1",
    "h2",
    "h3",
    "section",
    "p",
    "ul",
    "li",
    "bdi",
    "strong",
    "details",
    "summary",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "time",
    "dl",
    "dt",
    "dd",
    "code",
    "figure",
    "figcaption",
    "svg",
    "line",
    "rect",
    "g",
    "footer",
];
const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "name",
    "content",
    "rel",
    "href",
    "class",
    "id",
    "aria-label",
    "aria-labelledby",
    "aria-current",
    "aria-hidden",
    "aria-keyshortcuts",
    "action",
    "method",
    "role",
    "type",
    "value",
    "maxlength",
    "autocomplete",
    "spellcheck",
    "placeholder",
    "selected",
    "list",
    "label",
    "tabindex",
    "hidden",
    "data-page",
    "data-key",
    "data-label",
    "data-at",
    "data-for",
    "datetime",
    "title",
    "scope",
    "viewBox",
    "preserveAspectRatio",
    "vector-effect",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "width",
    "height",
    "open",
];

/// Reads the markup as a browser does, and checks that each tag and attribute is one of ours.
fn only_our_markup(path: &str, html: &str) {
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let name: String = tag.trim_start_matches('/').chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '!').collect();
        assert!(TAGS.contains(&&*name), "{path}: <{name}: {:.120}", tag);
        let mut inside = &tag[tag.find(&name).unwrap() + name.len()..];
        loop {
            inside = inside.trim_start();
            if let Some(after) = inside.strip_prefix('>') {
                rest = after;
                break;
            }
            let attribute: String = inside.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '-').collect();
            assert!(
                ATTRIBUTES.contains(&&*attribute) || (name == "!DOCTYPE" && attribute == "html"),
                "{path}: {attribute} in {:.120}",
                tag
            );
            inside = &inside[attribute.len()..];
            if let Some(value) = inside.strip_prefix("=\"") {
                let (value, after) = value.split_once('"').unwrap();
                let is_script = value.trim_start().to_ascii_lowercase().starts_with("javascript:");
                assert!(!(is_script && ["href", "action"].contains(&&*attribute)), "{path}: {value}");
                inside = after;
            }
        }
    }
}

#[tokio::test]
async fn nothing_from_outside_is_more_than_text_on_any_page() {
    for (behaviour, evil) in [
        ("an element", "<script>alert(1)</script><img src=x onerror=alert(1)>".to_owned()),
        ("out of an attribute", "\" autofocus onfocus=\"alert(1)\" '><svg onload=alert(1)>".to_owned()),
        ("an address", "javascript:alert(1)//".to_owned()),
        ("the end of an element", "</title></style></script><!-- <![CDATA[".to_owned()),
        ("hidden characters", "\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\r\n\t\0\u{1b}[2J\u{85}\u{2028}".to_owned()),
        ("very long", "<é\u{202e}".repeat(2_000)),
        ("nothing", String::new()),
    ] {
        let answers = Answers { crl: None, ocsp: None, staple: None };
        let known = Arc::new(FixedRevocations { answers: [([1; 32], answers)].into(), ..FixedRevocations::default() });
        let server = started(saying(&evil), settings(), |state| {
            state.with_clock(Arc::new(Noon)).with_trust(Arc::new(Trusting)).with_revocations(Arc::new(Asking(known)))
        })
        .await;
        let name: String = evil.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let paths = ["/", "/certificates", "/places", "/authorities", "/revocation", "/sources"].map(str::to_owned);
        let certificates = [1, 2, 5].map(|seed: u8| format!("/certificate?fingerprint={}", hex(&[seed; 32])));
        let asked = [format!("/certificates?q={name}"), format!("/places?source={name}&namespace={name}"), format!("/revocation?q={name}")];
        let (_, list) = page(&server, "/places").await;
        let places: Vec<String> = list
            .split("href=\"place?")
            .skip(1)
            .map(|rest| format!("/place?{}", rest.split('"').next().unwrap().replace("&amp;", "&")))
            .collect();
        assert!(places.len() >= 2, "{behaviour}: {list:.2000}");
        for path in paths.into_iter().chain(certificates).chain(asked).chain(places) {
            if path.len() > 16_000 {
                continue;
            }
            let (status, html) = page(&server, &path).await;
            only_our_markup(&path, &html);
            let html = html.strip_prefix("<!DOCTYPE html>\n").unwrap();
            assert!(
                !html.chars().any(|char| char.is_control() || "\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{2028}".contains(char)),
                "{behaviour}: {path}"
            );
            assert!(html.len() < 900_000, "{behaviour}: {path} has {} bytes", html.len());
            assert!(status == 200 || status == 400 || evil.len() > 1_000, "{behaviour}: {path}: {status}");
        }
    }
}
