//! A hand-built snapshot with something of everything, for tests here and in `http`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::facts::{KeyAlgorithm, KeyFacts, ResponseFacts, SubjectName};
use crate::model::options::ChainScope;
use crate::model::relations::CopiedRow;
use crate::model::revocation::{CrlService, Responder};
use crate::model::state::Counters as Handshakes;
use crate::model::{
    AuthorityRow, Broken, BundleKind, CertRole, CertificateFacts, Circumstances, Content, CrlFacts, EmbeddedKind, EndpointFacts, Events,
    FailureFacts, FetchKind, FetchOutcome, Finding, Item, Labels, Lookup, PieceVisitor, Place, Reason, Relations, Render, Rendered, Report,
    RevocationMethod, RevocationReason, RevocationStatus, RevokedFor, Services, SnapshotView, Snapshots, SourceHeader, SourceId,
    SourceKind, SourceOptions, SourceStatus, Stage, TargetState, UnixTime, Use, Verdict, Waived,
};

use super::{Counters, Renderer};

/// 2026-01-01T00:00:00Z
pub const START: UnixTime = UnixTime::from_secs(1_767_225_600);
pub const DAY: i64 = 86_400;

pub fn labels(pairs: &[(&str, &str)]) -> Arc<Labels> {
    Arc::new(Labels(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()))
}

pub fn certificate(role: CertRole, cn: &str, issuer_cn: &str, seed: u8) -> CertificateFacts {
    CertificateFacts {
        fingerprint: [seed; 32],
        not_before: START,
        not_after: UnixTime::from_secs(START.secs() + 100 * DAY),
        subject: format!("CN={cn},O=Example,C=DE").into(),
        subject_cn: cn.into(),
        issuer: format!("CN={issuer_cn},O=Example\\, Inc.").into(),
        issuer_cn: issuer_cn.into(),
        serial: format!("{}", 1000 + u32::from(seed)).into(),
        role,
        self_issued: role == CertRole::Root,
        key: KeyFacts { algorithm: KeyAlgorithm::Rsa, bits: 2048, curve: None, digest: [seed; 16] },
        signature_algorithm: "sha256WithRSAEncryption".into(),
        weak_signature: false,
        key_usage: Some(0b101),
        extended_key_usage: Some(["serverAuth".into(), "clientAuth".into()].into()),
        names: [SubjectName::Dns(cn.into()), SubjectName::Ip([192, 0, 2, 1].into()), SubjectName::Uri("spiffe://example.org/web".into())]
            .into(),
        names_left_out: 0,
        constraints: None,
        lookup: None,
        authority: None,
        shown_to_servers: false,
    }
}

pub fn crl(issuer_cn: &str, number: Option<&str>, seed: u8) -> CrlFacts {
    CrlFacts {
        fingerprint: [seed; 32],
        issuer: format!("CN={issuer_cn},O=Example").into(),
        issuer_cn: issuer_cn.into(),
        this_update: START,
        next_update: number.map(|_| UnixTime::from_secs(START.secs() + 7 * DAY)),
        number: number.map(Into::into),
        entries: 3,
        delta: false,
        signature_algorithm: "sha256WithRSAEncryption".into(),
        weak_signature: false,
    }
}

pub fn target(place: Place, certificates: Vec<CertificateFacts>, crls: Vec<CrlFacts>) -> TargetState {
    TargetState {
        problems: Box::default(),
        place,
        labels: None,
        circumstances: None,
        content: Arc::new(Content { certificates: certificates.into(), crls: crls.into(), ..Content::default() }),
        endpoint: None,
        related: None,
        history: None,
        report: Report::default(),
        failure: None,
        stamp: None,
        changed_at: START,
        counters: None,
    }
}

pub fn failing(mut target: TargetState, stage: Stage, reason: Reason, detail: &str) -> TargetState {
    target.failure = Some(Box::new(FailureFacts { stage, reason, detail: detail.into(), since: START }));
    target
}

pub fn source(kind: SourceKind, name: &str) -> SourceHeader {
    SourceHeader { id: SourceId { kind, name: name.into() }, options: SourceOptions::default() }
}

pub fn endpoint(target: &str, name: &str) -> Place {
    Place::Endpoint { target: target.into(), server_name: name.into(), address: None }
}

pub fn handshake_facts() -> EndpointFacts {
    EndpointFacts {
        version: Some("TLS 1.3".into()),
        cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        group: Some("X25519MLKEM768".into()),
        alpn: None,
        client_certificate_requested: true,
        client: Default::default(),
        clock_skew: Some(-3),
        stapled: false,
        staple: None,
        method: crate::model::Method::Rustls,
        leaf: [].into_iter().collect(),
        target: [].into_iter().collect(),
        path_error: Some("unknown issuer".into()),
        leaf_is_anchor: false,
    }
}

/// One source with its targets, rendered as one bucket.
#[derive(Debug)]
pub struct Watched {
    pub header: SourceHeader,
    pub status: SourceStatus,
    pub targets: Vec<TargetState>,
}

/// A snapshot of hand-built sources.
pub struct View {
    pub watched: Vec<Watched>,
    pub rendered: Vec<Rendered>,
    pub services: Services,
    pub relations: Relations,
    pub ready: bool,
    pub generation: u64,
    /// The targets of each source again, as a store shares them.
    shared: Vec<Vec<Arc<TargetState>>>,
}

impl View {
    pub fn new(watched: Vec<Watched>, renderer: &Renderer) -> Self {
        let of_each = watched.iter().flat_map(|Watched { header, status, targets }| {
            [renderer.source(header, status), renderer.targets(header, &mut targets.iter())]
        });
        // Where nothing is watched, nothing is fetched.
        let services = if watched.is_empty() { Services::default() } else { services() };
        let relations = if watched.is_empty() { Relations::default() } else { relations() };
        let rendered = of_each.chain([renderer.services(&services), renderer.relations(&relations)]).collect();
        let shared = watched.iter().map(|watched| watched.targets.iter().cloned().map(Arc::new).collect()).collect();
        Self {
            rendered,
            services,
            relations,
            ready: watched.iter().all(|watched| watched.status.up.is_some()),
            generation: 7,
            watched,
            shared,
        }
    }

    /// How many series `Render::series` foresees for the targets.
    pub fn foreseen(&self, renderer: &Renderer) -> u64 {
        let of_each = self.watched.iter().flat_map(|Watched { header, targets, .. }| targets.iter().map(|t| renderer.series(header, t)));
        of_each.sum()
    }
}

impl SnapshotView for View {
    fn rendered(&self, visit: &mut dyn FnMut(&Rendered)) {
        self.rendered.iter().for_each(visit);
    }
    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        self.watched.iter().for_each(|watched| visit(&watched.header, &watched.status));
    }
    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState)) {
        self.watched.iter().filter(|watched| watched.header.id == *source).flat_map(|watched| &watched.targets).for_each(visit);
    }
    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        let at = self.watched.iter().position(|watched| watched.header.id == *source);
        at.and_then(|at| self.shared.get(at)).into_iter().for_each(|targets| visit(0, &mut targets.iter()));
    }
    fn services(&self) -> &Services {
        &self.services
    }
    fn relations(&self) -> &Relations {
        &self.relations
    }
    fn generation(&self) -> u64 {
        self.generation
    }
    fn ready(&self) -> bool {
        self.ready
    }
}

/// A store that always holds the same snapshot.
pub struct Fixed(pub Arc<View>);

impl Snapshots for Fixed {
    fn load(&self) -> Arc<dyn SnapshotView> {
        Arc::clone(&self.0) as _
    }
}

fn scanned(header: &SourceHeader, targets: &[TargetState]) -> SourceStatus {
    let at = |secs: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(secs * 1000 + 250));
    SourceStatus {
        up: Some(true),
        failure: None,
        bundles: targets.iter().filter(|target| *target.content != Content::default()).count() as u64,
        targets: targets.len() as u64,
        unowned: targets.iter().filter(|target| target.is_unowned(&header.options)).count() as u64,
        certificates: targets.iter().map(|target| target.content.certificates.len() as u64).sum(),
        last_scan_at: at(1_767_312_000),
        last_success_at: at(1_767_312_000),
        looked_at: at(1_767_311_999),
        next_scan_at: at(1_767_312_300),
    }
}

/// Files, a trust store, a kubeconfig, endpoints good and broken, and a source that could not be listed.
pub fn rich() -> Vec<Watched> {
    let watched = |header: SourceHeader, targets: Vec<TargetState>| Watched { status: scanned(&header, &targets), header, targets };
    vec![
        watched(source(SourceKind::KubeSecret, "cluster"), secrets()),
        watched(source(SourceKind::KubeConfigmap, "cluster"), vec![]),
        watched(source(SourceKind::KubeCabundle, "cluster"), bundles()),
        watched(source(SourceKind::KubeCsr, "cluster"), requests()),
        watched(source(SourceKind::KubeCertificate, "cluster"), managed()),
        watched(labelled(source(SourceKind::Tls, "edge")), edge()),
        watched(labelled(source(SourceKind::File, "files")), files()),
        watched(source(SourceKind::Kubeconfig, "kube"), kubeconfig()),
        {
            let failure = FailureFacts { stage: Stage::Scan, reason: Reason::DeadlineExceeded, detail: "<60 s>".into(), since: START };
            let status = SourceStatus { up: Some(false), failure: Some(failure), ..SourceStatus::default() };
            Watched { header: source(SourceKind::File, "slow & <odd>"), status, targets: Vec::new() }
        },
        {
            let mut trust = source(SourceKind::File, "trust");
            trust.options.trust_store = true;
            watched(trust, trust_store())
        },
        {
            let mut leaves = source(SourceKind::File, "zleaves");
            leaves.options.chain = ChainScope::Leaf;
            watched(leaves, vec![target(Place::file("/l.pem"), chain(20), vec![])])
        },
    ]
}

/// CA certificates with what hangs on them.
pub fn relations() -> Relations {
    let row = |cn: &str, role, seed, dependants| {
        let facts = certificate(role, cn, "Example Root", seed);
        AuthorityRow { places: 3, dependants, stranded: dependants / 2, ..AuthorityRow::of(&facts) }
    };
    let authorities = vec![row("Example Issuing CA", CertRole::Intermediate, 81, 12), row("Example \"Root\"", CertRole::Root, 80, 0)];
    let copy = CopiedRow { fingerprint: [81; 32], subject: "CN=<copied>".into(), not_after: START, places: 4 };
    Relations { authorities, left_out: 0, copies: vec![copy], copied: 1 }
}

/// CRLs and responders, well and not.
pub fn services() -> Services {
    let list = |url: &str, list: Option<CrlFacts>, findings: &[Finding]| CrlService {
        url: url.into(),
        failure: list.is_none().then(|| (RevocationReason::Unreachable, "connection <refused>".into())),
        list: list.map(Arc::new),
        findings: findings.iter().copied().collect(),
        checked_at: Some(START),
        next_at: Some(UnixTime::from_secs(START.secs() + 1_800)),
        certificates: 2,
        revoked: 1,
    };
    let responder = |url: &str, not_after: Option<UnixTime>, findings: &[Finding]| Responder {
        url: url.into(),
        findings: findings.iter().copied().collect(),
        certificate_not_after: not_after,
        oldest_this_update: not_after.map(|_| START),
        failure: not_after.is_none().then(|| (RevocationReason::HttpError, "503".into())),
        certificates: 3,
    };
    Services {
        crls: vec![
            // A rollover: the mirror serves the lists of both keys in turn.
            list("http://crl.example/a.crl", Some(crl("Example Issuing CA", Some("9"), 70)), &[Finding::Stale]),
            list("http://crl.example/a.crl", Some(crl("Example Issuing CA", Some("8"), 71)), &[]),
            list("http://crl.example/b&c.crl", Some(crl("Example Root", None, 72)), &[]),
            list("http://gone.example/d.crl", None, &[Finding::Unreachable]),
        ],
        responders: vec![
            responder("http://ocsp.example/", Some(UnixTime::from_secs(START.secs() + 5 * DAY)), &[Finding::Expiring]),
            responder("http://ocsp.gone.example/", None, &[Finding::Unreachable]),
        ],
    }
}

/// The same certificate, to be looked up.
pub fn looked_up(mut facts: CertificateFacts) -> CertificateFacts {
    facts.lookup = Some(Box::new(Lookup {
        serial: [facts.fingerprint[0]].into(),
        issuer: Arc::from([]),
        pointers: Arc::default(),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: facts.role != CertRole::Leaf,
    }));
    facts
}

/// A verdict that an answer by this method has led to.
pub fn decided(status: RevocationStatus, method: RevocationMethod) -> Verdict {
    Verdict {
        status,
        reason: None,
        method: Some(method),
        revoked: (status == RevocationStatus::Revoked).then(|| Box::new((START, RevokedFor::KeyCompromise))),
        until: Some(UnixTime::from_secs(START.secs() + 7 * DAY)),
    }
}

/// Counters that know the sources of a snapshot.
pub fn counters(watched: &[Watched]) -> Counters {
    let counters = Counters::new("1.2.3", Some("abcdef")).unwrap();
    for Watched { header, .. } in watched {
        counters.source_added(&header.id);
        counters.scan_ended(&header.id, Duration::from_millis(20));
    }
    counters.fetched(FetchKind::Crl, FetchOutcome::Error, Some(RevocationReason::Unreachable));
    counters.reloaded(true, START);
    counters.web_reloaded(Some(true));
    counters
}

/// A waiver of 30 days.
fn waived(on: Item, finding: Finding) -> Waived {
    let until = UnixTime::from_secs(START.secs() + 30 * DAY - 1);
    Waived { on, finding, until, owner: "team <edge>".into(), why: "the vendor \"will\" mend it".into() }
}

fn labelled(mut header: SourceHeader) -> SourceHeader {
    header.options.labels = labels(&[("owner", "web"), ("team", "payments")]);
    header
}

fn chain(seed: u8) -> Vec<CertificateFacts> {
    vec![
        certificate(CertRole::Leaf, "www.example.com", "Example Issuing CA", seed),
        certificate(CertRole::Intermediate, "Example Issuing CA", "Example Root", seed + 1),
        certificate(CertRole::Root, "Example Root", "Example Root", seed + 2),
    ]
}

fn files() -> Vec<TargetState> {
    let mut expired = target(Place::file("/etc/ssl/www.pem"), chain(1), vec![]);
    let looked_up_chain = |seed| {
        let mut all = chain(seed);
        let root = all.pop();
        all.into_iter().map(looked_up).chain(root).collect::<Vec<_>>()
    };
    expired.content = target(Place::file("/"), looked_up_chain(1), vec![]).content;
    expired.report.revocation = [
        decided(RevocationStatus::Revoked, RevocationMethod::Crl),
        decided(RevocationStatus::Good, RevocationMethod::Ocsp),
        Verdict { status: RevocationStatus::NotApplicable, reason: Some(RevocationReason::SelfSigned), ..Verdict::default() },
    ]
    .into();
    expired.report.certificates =
        [[Finding::Expired, Finding::WeakKey].into_iter().collect(), Default::default(), Default::default()].into();
    // Two of one name: a renewal that was appended, and one whose fingerprint begins alike.
    let mut twins: Vec<_> = (4..7).map(|seed| certificate(CertRole::Leaf, "twin", "Example Issuing CA", seed)).collect();
    twins[2].fingerprint = twins[1].fingerprint;
    twins[2].fingerprint[5] = 0xff;
    let mut hostile = certificate(CertRole::Leaf, "a\"b\\c\nd\u{1}e", &"ü".repeat(400), 7);
    hostile.names = (0..200).map(|n| SubjectName::Dns(format!("host-{n}.example.com").into())).collect();
    hostile.not_after = UnixTime::from_secs(i64::MAX);
    let mut crls = target(Place::file("/etc/ssl/crls.pem"), vec![], vec![crl("CA", Some("7"), 8), crl("CA", None, 9)]);
    let response = |seed: u8, next_update| ResponseFacts {
        fingerprint: [seed; 32],
        serial: "77".into(),
        produced_at: START,
        this_update: UnixTime::from_secs(START.secs() + i64::from(seed)),
        next_update,
        der: Arc::from([]),
    };
    let responses = [response(2, Some(UnixTime::from_secs(START.secs() + DAY))), response(1, None)].into();
    crls.content = Arc::new(Content { responses, ..Content::clone(&crls.content) });
    crls.report.target = [Finding::StapleStale].into_iter().collect();
    crls.report.crls = [[Finding::Stale].into_iter().collect(), Default::default()].into();
    crls.report.waived = [waived(Item::Crl(1), Finding::WeakSignature)].into();
    let mut own = target(Place::file("/srv/own.pem"), chain(10), vec![]);
    own.content = target(Place::file("/"), looked_up_chain(10), vec![]).content;
    own.report.revocation = [
        Verdict { status: RevocationStatus::Unknown, reason: Some(RevocationReason::Unreachable), ..Verdict::default() },
        Verdict::default(),
        Verdict::default(),
    ]
    .into();
    own.labels = Some(labels(&[("team", "search")]));
    own.report.certificates = [[Finding::DnsNameNotAllowed].into_iter().collect(), Default::default(), Default::default()].into();
    let both = [Finding::DnsNameNotAllowed, Finding::IpNameNotAllowed].into_iter().collect();
    own.report.broken = [Broken { certificate: 0, policy: "services".into(), findings: both }].into();
    own.report.ended =
        [Waived { until: UnixTime::from_secs(START.secs() - 1), ..waived(Item::Certificate(0), Finding::DnsNameNotAllowed) }].into();
    own.report.waived = [waived(Item::Certificate(0), Finding::IpNameNotAllowed)].into();
    let missing = target(Place::file("/etc/ssl/missing.pem"), vec![], vec![]);
    vec![
        expired,
        target(Place::file("/etc/ssl/twins.pem"), twins, vec![]),
        target(Place::file("/etc/ssl/hostile \"name\".pem"), vec![hostile], vec![]),
        crls,
        own,
        failing(missing, Stage::Read, Reason::NotFound, "no such file <here>"),
    ]
}

fn kubeconfig() -> Vec<TargetState> {
    let place = Place::Embedded { path: "/root/.kube/config".into(), kind: EmbeddedKind::User, key: "admin".into() };
    vec![target(place, vec![certificate(CertRole::Leaf, "admin", "kubernetes", 30)], vec![])]
}

fn secrets() -> Vec<TargetState> {
    let secret = |name: &str, key: &str| Place::Secret { namespace: "shop".into(), name: name.into(), key: key.into() };
    let mut used = target(secret("web", "tls.crt"), vec![certificate(CertRole::Leaf, "web", "Issuing", 91)], Vec::new());
    used.labels = Some(labels(&[("secret_label_app", "web"), ("team", "shop")]));
    let used_by = [Use { kind: "Ingress".into(), name: "shop/web".into(), host: "shop.example.com".into() }];
    let renewal_due = Some(UnixTime::from_secs(START.secs() + 1000));
    used.circumstances = Some(Arc::new(Circumstances { used_by: used_by.into(), renewal_due, certificate: Some("shop/web".into()) }));
    let broken = failing(target(secret("web", "ca.crt"), Vec::new(), Vec::new()), Stage::Parse, Reason::NoCertificateFound, "empty");
    vec![used, broken]
}

fn bundles() -> Vec<TargetState> {
    let bundle = |kind, entry: &str| Place::CaBundle { kind, name: "policy".into(), entry: entry.into() };
    let root = || vec![certificate(CertRole::Root, "Webhook CA", "Webhook CA", 92)];
    let root = |place| target(place, root(), Vec::new());
    vec![root(bundle(BundleKind::ValidatingWebhook, "pods.policy.example")), root(bundle(BundleKind::ApiService, "caBundle"))]
}

fn requests() -> Vec<TargetState> {
    let request = |name: &str| Place::Request { name: name.into() };
    let denied = failing(target(request("node-b"), Vec::new(), Vec::new()), Stage::Status, Reason::RequestDenied, "no");
    vec![target(request("node-a"), vec![certificate(CertRole::Leaf, "system:node:a", "Cluster", 93)], Vec::new()), denied]
}

fn managed() -> Vec<TargetState> {
    let place = Place::Certificate { namespace: "shop".into(), name: "web".into() };
    vec![failing(target(place, Vec::new(), Vec::new()), Stage::Status, Reason::CertificateNotReady, "waiting for the order")]
}

fn edge() -> Vec<TargetState> {
    let mut good = target(endpoint("api.example.com:443", "api.example.com"), chain(40), vec![]);
    good.endpoint = Some(Arc::new(handshake_facts()));
    good.counters = Some(Box::new(Handshakes { ok: 12, errors: vec![(Stage::Connect, Reason::Refused, 2)], ..Handshakes::default() }));
    good.report.target = [Finding::WrongOrder].into_iter().collect();
    good.report.certificates = [[Finding::Untrusted].into_iter().collect(), Default::default(), Default::default()].into();
    good.report.waived = [waived(Item::Target, Finding::OldTlsAccepted)].into();
    let mut stopped = target(endpoint("old.example.com:443", "old.example.com"), chain(50), vec![]);
    stopped.endpoint = Some(Arc::new(EndpointFacts { version: None, client_certificate_requested: false, ..handshake_facts() }));
    let broken = target(endpoint("gone.example.com:443", "gone.example.com"), vec![], vec![]);
    vec![
        good,
        failing(stopped, Stage::Handshake, Reason::HandshakeFailure, "alert 40"),
        failing(broken, Stage::Dns, Reason::DnsNotFound, "no such name"),
    ]
}

fn trust_store() -> Vec<TargetState> {
    let mut roots: Vec<_> = (60..64).map(|seed| certificate(CertRole::Root, &format!("Root {seed}"), "Root", seed)).collect();
    for (root, days) in roots.iter_mut().zip([-10, 300, 200, -5]) {
        root.not_after = UnixTime::from_secs(START.secs() + days * DAY);
    }
    let mut mixed = target(Place::file("/trust/mixed.pem"), roots.clone(), vec![]);
    let expired = [Finding::Expired].into_iter().collect();
    mixed.report.certificates = [expired, Default::default(), Default::default(), expired].into();
    let mut over = target(Place::file("/trust/over.pem"), vec![roots[0].clone(), roots[3].clone()], vec![]);
    over.report.certificates = [expired, expired].into();
    let unreadable = target(Place::file("/trust/bad.pem"), vec![], vec![]);
    vec![mixed, over, failing(unreadable, Stage::Parse, Reason::BadPem, "cut off")]
}
