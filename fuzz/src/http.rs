//! What is asked of the program over HTTP.

use std::sync::{Arc, OnceLock};

use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use notafter::assess::{Look, TargetEvent, carry};
use notafter::http::{Listener, State, router};
use notafter::metrics::Counters;
use notafter::model::probe::{ProbeRequest, Prober, Refusal, Refused};
use notafter::model::revocation::NoRevocations;
use notafter::model::{
    BoxFuture, Limits, Material, PieceVisitor, Place, Relations, Rendered, Services, SnapshotView, Snapshots, SourceHeader, SourceId,
    SourceKind, SourceOptions, SourceStatus, TargetState, UnixTime,
};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Nothing that is asked changes it.
static SERVER: OnceLock<(tokio::runtime::Runtime, axum::Router)> = OnceLock::new();

/// A request's target: path and query. Whatever it is, there is an answer, no server error, and JSON where JSON is said.
pub(super) fn api(bytes: &[u8]) {
    let Ok(uri) = std::str::from_utf8(bytes).map_err(drop).and_then(|text| text.parse::<hyper::Uri>().map_err(drop)) else { return };
    let (runtime, routes) = SERVER.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        (runtime.expect("a runtime"), routes())
    });
    let (status, content_type, body) = runtime.block_on(async {
        let request = hyper::Request::get(uri).body(axum::body::Body::empty()).expect("a request");
        let answer = TowerToHyperService::new(routes.clone()).call(request).await.expect("routes do not fail");
        let (head, body) = answer.into_parts();
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        (head.status, content_type, axum::body::to_bytes(body, 64 << 20).await.expect("a body"))
    });
    let says = || String::from_utf8_lossy(&body).into_owned();
    assert!(status.as_u16() < 500 || status.as_u16() == 503, "{status}: {}", says());
    if content_type == "application/json" {
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok(), "{}", says());
    }
}

fn routes() -> axum::Router {
    let counters = Arc::new(Counters::new("0", None).expect("counters"));
    let state = State::new(Arc::new(Fixed(Arc::new(Known::new()))), counters, "0").with_prober(Arc::new(NoProber));
    router(Arc::new(state), Listener { local: true, admin: true })
}

/// Looks at nothing.
struct NoProber;

impl Prober for NoProber {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'_, Result<Vec<u8>, Refused>> {
        let kind = if request.target.is_some() { Refusal::Forbidden } else { Refusal::Invalid };
        Box::pin(async move { Err(Refused { kind, why: format!("{request:?}") }) })
    }
}

struct Fixed(Arc<Known>);

impl Snapshots for Fixed {
    fn load(&self) -> Arc<dyn SnapshotView> {
        Arc::clone(&self.0) as _
    }
}

/// Two sources with two places each.
struct Known {
    sources: Vec<(SourceHeader, SourceStatus, Vec<Arc<TargetState>>)>,
    services: Services,
    relations: Relations,
}

impl Known {
    fn new() -> Self {
        let source = |kind, name: &str| {
            let header = SourceHeader { id: SourceId { kind, name: name.into() }, options: SourceOptions::default() };
            let targets = ["/a.pem", "/b.pem"].map(|path| Arc::new(target(path, &header)));
            (header, SourceStatus { up: Some(true), ..SourceStatus::default() }, targets.to_vec())
        };
        let sources = vec![source(SourceKind::File, "a"), source(SourceKind::Nginx, "b")];
        Self { sources, services: Services::default(), relations: Relations::default() }
    }
}

fn target(path: &str, header: &SourceHeader) -> TargetState {
    let bytes = include_bytes!("../seeds/pki/certificate.pem").to_vec();
    let facts = notafter::pki::decode(&Material::Blob { bytes, passphrases: [].into() }, &Limits::default(), NOW);
    let look =
        Look { place: Place::file(path), labels: None, circumstances: None, facts: Some(facts), failure: None, stamp: None, counted: None };
    carry(None, TargetEvent::Looked(Box::new(look)), &NoRevocations::default(), header, NOW).expect("a state")
}

impl SnapshotView for Known {
    fn rendered(&self, _: &mut dyn FnMut(&Rendered)) {}

    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        self.sources.iter().for_each(|(header, status, _)| visit(header, status));
    }

    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState)) {
        let of_source = self.sources.iter().filter(|(header, ..)| header.id == *source);
        of_source.flat_map(|(.., targets)| targets).for_each(|target| visit(target));
    }

    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        let of_source = self.sources.iter().enumerate().filter(|(_, (header, ..))| header.id == *source);
        of_source.for_each(|(number, (.., targets))| visit(number, &mut targets.iter()));
    }

    fn services(&self) -> &Services {
        &self.services
    }

    fn relations(&self) -> &Relations {
        &self.relations
    }

    fn generation(&self) -> u64 {
        1
    }

    fn ready(&self) -> bool {
        true
    }
}
