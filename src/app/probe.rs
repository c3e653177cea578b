//! `/probe`: builds a source of one target, looks once, judges and renders. Nothing is kept.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::{sources, story};
use crate::assess::{Look, TargetEvent, carry};
use crate::config::Config;
use crate::config::probe::{ModuleConfig, ProbeConfig};
use crate::metrics::{ProbeFacts, Renderer, probe_page};
use crate::model::probe::{ProbeRequest, Prober, Refusal, Refused};
use crate::model::revocation::{NoRevocations, RevocationMethod};
use crate::model::{
    BoxFuture, BuildContext, Clock, Failure, Finding, Limits, Material, Observation, Place, Reason, Render, ScanContext, Sink, Source,
    SourceHeader, SourceId, SourceKind, SourceOptions, Stage, Stamp, TargetState, Trace, UnixTime,
};
use crate::pki;
use crate::source::SourceSettings;
use crate::source::tls::authority;

/// Probes at once.
const AT_ONCE: usize = 64;
/// What is left for the answer of the time that the scraper waits.
const FOR_THE_ANSWER: Duration = Duration::from_millis(500);
/// What a probe may need beyond its budget before it is given up.
const SLACK: Duration = Duration::from_millis(200);
/// The longest target or host name that is looked at.
const LONGEST: usize = 512;
/// What is expected of a probe's leaf.
const OF_THE_LEAF: [Finding; 5] =
    [Finding::Untrusted, Finding::NameMismatch, Finding::Expired, Finding::NotYetValid, Finding::MissingServerAuth];

/// Answers probes by the configuration in force.
pub(super) struct Probes {
    settings: ArcSwap<Settings>,
    clock: Arc<dyn Clock>,
    slots: Semaphore,
}

struct Settings {
    config: ProbeConfig,
    without_module: ModuleConfig,
    cx: BuildContext,
    renderer: Arc<Renderer>,
}

impl Settings {
    fn of(config: &Config) -> Self {
        Self {
            config: config.probe.clone(),
            without_module: ModuleConfig::default(),
            cx: config.build_context(),
            renderer: sources::renderer(&config.metrics.compatibility),
        }
    }
}

impl Probes {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        Self { settings: ArcSwap::from_pointee(Settings::of(config)), clock, slots: Semaphore::new(AT_ONCE) }
    }

    /// Takes another configuration; probes under way end by the former one.
    pub(super) fn follow(&self, config: &Config) {
        self.settings.store(Arc::new(Settings::of(config)));
    }

    async fn look(&self, source: Box<dyn Source>, timeout: Duration) -> Vec<Observation> {
        let sink = Arc::new(Collected::default());
        let cx = ScanContext { sink: sink.clone(), clock: self.clock.clone(), started_at: self.clock.now(), timeout };
        // Given up or panicked, what was seen so far counts.
        let _ = tokio::time::timeout(timeout + SLACK, AssertUnwindSafe(source.scan(cx)).catch_unwind()).await;
        sink.take()
    }
}

impl Prober for Probes {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'_, Result<Vec<u8>, Refused>> {
        Box::pin(async move {
            let settings = self.settings.load_full();
            let (module, source) = permitted(&settings, &request)?;
            let Ok(_slot) = self.slots.try_acquire() else {
                return Err(refused(Refusal::Busy, format!("{AT_ONCE} probes run already; ask again later")));
            };
            let timeout = timeout(module.timeout, request.scrape_timeout);
            let began = self.clock.monotonic();
            let observations = self.look(source, timeout).await;
            let duration = self.clock.monotonic().saturating_sub(began);
            let now = UnixTime::from(self.clock.now());
            let debug = request.debug.then(|| {
                let module = request.module.as_deref().unwrap_or("none");
                format!(
                    "probe of {}, module {module}, within {:.1} s\n",
                    request.target.as_deref().unwrap_or_default(),
                    timeout.as_secs_f64()
                )
            });
            // Signatures are checked there: that takes a while.
            let answer = tokio::task::spawn_blocking(move || answer(observations, duration, now, &settings.renderer, debug)).await;
            let failed = || refused(Refusal::Busy, "a defect of this program, caught; please report it".to_owned());
            answer.map_err(|_| failed())?.map_err(|_| failed())
        })
    }
}

/// The source that the request means, if it may be asked for.
fn permitted<'a>(settings: &'a Settings, request: &ProbeRequest) -> Result<(&'a ModuleConfig, Box<dyn Source>), Refused> {
    let ProbeConfig { allow, modules } = &settings.config;
    if allow.is_empty() && !request.local {
        let why = "/probe answers on loopback addresses only, unless the configuration names the targets that may be asked for: \
                   [probe] allow = [\"*.example.com:443\"]";
        return Err(refused(Refusal::Forbidden, why.to_owned()));
    }
    let invalid = |why: String| refused(Refusal::Invalid, why);
    let target =
        request.target.as_deref().ok_or_else(|| invalid("the parameter target is missing: /probe?target=example.com:443".to_owned()))?;
    if target.len() > LONGEST || request.hostname.as_ref().is_some_and(|name| name.len() > LONGEST) {
        return Err(invalid(format!("target and hostname have at most {LONGEST} bytes")));
    }
    let module = match &request.module {
        None => &settings.without_module,
        Some(name) => modules.get(name).ok_or_else(|| invalid(format!("the configuration has no [probe.modules.{name}]")))?,
    };
    let authority = authority(target, 443).map_err(|why| invalid(format!("target: {why}")))?;
    if !allow.is_empty() && !allow.iter().any(|pattern| pattern.matches(&authority)) {
        return Err(refused(Refusal::Forbidden, format!("[probe] allow has no pattern for {authority}")));
    }

    let with_port =
        if target.contains("://") || target == authority || has_port(target) { target.to_owned() } else { format!("{target}:443") };
    let mut entry = toml::Table::from_iter([("target".to_owned(), toml::Value::from(with_port))]);
    if let Some(name) = &request.hostname {
        entry.insert("server_name".to_owned(), toml::Value::from(name.as_str()));
    }
    let mut table = module.table.clone();
    table.insert("targets".to_owned(), toml::Value::Array(vec![toml::Value::Table(entry)]));
    let parsed = SourceSettings::parse(SourceKind::Tls, toml::Value::Table(table)).map_err(|error| invalid(error.to_string()))?;
    let built = parsed.build(&settings.cx).map_err(|error| invalid(error.to_string()))?;
    let (_, source) = built.into_iter().next().ok_or_else(|| invalid("the module makes no source".to_owned()))?;
    Ok((module, source))
}

/// Whether something stands behind the host already.
fn has_port(target: &str) -> bool {
    let host = target.rsplit_once('@').map_or(target, |(_, host)| host);
    host.rsplit_once(']').map_or(host, |(_, rest)| rest).contains(':')
}

/// The smaller of the module's and what the scraper leaves.
fn timeout(of_module: Duration, of_scraper: Option<Duration>) -> Duration {
    let left = of_scraper.map(|scrape| if scrape > 2 * FOR_THE_ANSWER { scrape - FOR_THE_ANSWER } else { scrape / 2 });
    left.map_or(of_module, |left| left.min(of_module))
}

fn refused(kind: Refusal, why: String) -> Refused {
    Refused { kind, why }
}

/// One address of the target, judged.
struct Seen {
    state: TargetState,
    trace: Trace,
    /// Until when the path to an anchor holds; `None` when there is none now.
    verified_until: Option<UnixTime>,
}

impl Seen {
    fn of(observation: Observation, now: UnixTime) -> Option<Self> {
        let Observation { place, labels, material, failure, trace, .. } = observation;
        let verified_until = match &material {
            Some(Material::Handshake(shown)) => pki::verified_until(shown, now),
            _ => None,
        };
        let facts = material.map(|material| pki::decode(&material, &Limits::default(), now));
        let look = Look { place, labels, circumstances: None, facts, failure, stamp: None, counted: Some(trace.clone()) };
        let state = carry(None, TargetEvent::Looked(Box::new(look)), &NoRevocations::default(), &header(), now)?;
        Some(Self { state, trace, verified_until })
    }

    fn succeeded(&self) -> bool {
        let leaf = self.state.report.certificate(0);
        self.state.failure.is_none() && self.verified_until.is_some() && !OF_THE_LEAF.iter().any(|finding| leaf.contains(*finding))
    }
}

/// Nothing is fetched for a probe: of revocation it tells what the server staples.
fn header() -> SourceHeader {
    let options = SourceOptions { revocation: Arc::from([RevocationMethod::Staple]), ..SourceOptions::default() };
    SourceHeader { id: SourceId { kind: SourceKind::Tls, name: "probe".into() }, options }
}

/// The page, whatever came of the probe.
fn answer(
    observations: Vec<Observation>,
    duration: Duration,
    now: UnixTime,
    renderer: &Renderer,
    debug: Option<String>,
) -> std::io::Result<Vec<u8>> {
    let judge = |observation: Observation| {
        let place = observation.place.clone();
        let panicked = || Failure::new(Stage::Parse, Reason::Panicked, "a defect of this program, caught; please report it");
        catch_unwind(AssertUnwindSafe(|| Seen::of(observation, now)))
            .unwrap_or_else(|_| Seen::of(Observation::failed(place, panicked()), now))
    };
    let seen: Vec<Seen> = observations.into_iter().filter_map(judge).collect();
    // A source may show its own files, too (the client certificate): they are rendered, and say nothing about the target.
    let endpoints: Vec<&Seen> = seen.iter().filter(|seen| matches!(seen.state.place, Place::Endpoint { .. })).collect();
    let all = || endpoints.iter().flat_map(|seen| &seen.state.content.certificates);
    let first = endpoints.iter().find(|seen| !seen.state.content.certificates.is_empty());
    let endpoint = first.and_then(|seen| seen.state.endpoint.as_deref());
    let dns = endpoints.iter().flat_map(|seen| &seen.trace.steps).filter(|step| step.stage == Stage::Dns).map(|step| step.elapsed).max();
    let peer = endpoints.iter().find_map(|seen| seen.trace.peer);
    let facts = ProbeFacts {
        success: !endpoints.is_empty() && endpoints.iter().all(|seen| seen.succeeded()),
        duration,
        dns: dns.unwrap_or_default(),
        ip_protocol: peer.map(|peer| if peer.is_ipv4() { 4 } else { 6 }),
        earliest_expiry: all().map(|certificate| certificate.not_after).min(),
        chain_expiry: endpoints.iter().filter_map(|seen| seen.verified_until).min(),
        leaf: first.and_then(|seen| seen.state.content.certificates.first()),
        version: endpoint.and_then(|facts| facts.version.as_deref()),
        cipher: endpoint.and_then(|facts| facts.cipher.as_deref()),
    };
    let rendered = renderer.targets(&header(), &mut seen.iter().map(|seen| &seen.state));
    let page = probe_page(&facts, &rendered)?;
    let Some(mut text) = debug else { return Ok(page) };
    for seen in &seen {
        let place = story::printable(&seen.state.place.to_string());
        text += &format!("\n{place}\n{}{}{}", story::steps(&seen.trace), story::told(&seen.state), story::verdict(&seen.state));
    }
    if seen.is_empty() {
        text += "\nnothing came of it in time\n";
    }
    let verdict = if facts.success { "succeeded" } else { "failed" };
    text += &format!("\nthe probe {verdict} after {:.3} s\n", duration.as_secs_f64());
    // As comments, so that the answer stays an exposition.
    let mut lines: Vec<u8> =
        text.lines().flat_map(|line| format!("# {line}").trim_end().bytes().chain([b'\n']).collect::<Vec<_>>()).collect();
    lines.extend(page);
    Ok(lines)
}

/// Keeps what a scan hands over.
#[derive(Default)]
struct Collected {
    observed: Mutex<Vec<Observation>>,
}

/// More addresses than these are not shown for one target.
const MOST: usize = 256;

impl Collected {
    fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut *self.observed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Collected {
    fn observed(&self, observation: Observation) {
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        if observed.len() < MOST {
            observed.push(observation);
        }
    }

    fn source_error(&self, failure: Failure) {
        tracing::warn!(stage = %failure.stage, reason = %failure.reason, "/probe: {}", failure.detail);
    }

    fn is_unchanged(&self, _: &Place, _: Stamp) -> bool {
        false
    }

    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

    fn is_over(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_leaves_time_for_the_answer() {
        let secs = Duration::from_secs_f64;
        for (of_module, of_scraper, expected) in
            [(10.0, None, 10.0), (10.0, Some(10.0), 9.5), (2.0, Some(10.0), 2.0), (10.0, Some(1.0), 0.5), (10.0, Some(0.2), 0.1)]
        {
            assert_eq!(timeout(secs(of_module), of_scraper.map(secs)), secs(expected), "{of_module} {of_scraper:?}");
        }
    }

    #[test]
    fn a_port_is_seen_behind_the_host_alone() {
        for (target, expected) in [("a", false), ("a:1", true), ("[::1]", false), ("[::1]:1", true), ("u:p@a", false), ("u:p@a:1", true)] {
            assert_eq!(has_port(target), expected, "{target}");
        }
    }
}
