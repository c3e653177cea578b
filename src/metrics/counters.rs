//! What happens between snapshots: counters and histograms per source, the build, the process.
//!
//! All families come from the [`table`], HELP included; this is the only place that constructs them.

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::model::vocabulary::RefusedReason;
use crate::model::{ApiEvent, Events, FetchKind, FetchOutcome, KubeResource, Reason, RevocationReason, SourceId, SourceKind, UnixTime};

use super::table::{self, Id};

/// The registry of the program and of its sources.
pub struct Counters {
    registry: Registry,
    errors: IntCounterVec,
    scan_duration: HistogramVec,
    renewal_margin: HistogramVec,
    collisions: IntCounterVec,
    handshake_duration: HistogramVec,
    fetches: IntCounterVec,
    resyncs: IntCounterVec,
    api_errors: IntCounterVec,
    skipped: IntCounterVec,
    dropped: IntCounterVec,
    pkcs12_passphrases: IntCounterVec,
    jks_passphrases: IntCounterVec,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    web_reload_successful: IntGaugeVec,
    refused: IntCounterVec,
}

impl Counters {
    /// A registry without sources, for the build that it names. The reload families are 0 until [`Events::reloaded`] is told of
    /// the first configuration.
    ///
    /// # Errors
    /// The metric table contradicts itself; no input does that.
    pub fn new(version: &str, revision: Option<&str>) -> Result<Self, prometheus::Error> {
        let counters = Self::of_sources(version, revision)?;
        counters.registry.register(Box::new(counters.reload_successful.clone()))?;
        counters.registry.register(Box::new(counters.reload_success_at.clone()))?;
        counters.registry.register(Box::new(counters.web_reload_successful.clone()))?;
        counters.registry.register(Box::new(counters.refused.clone()))?;
        for reason in RefusedReason::ALL {
            counters.refused.with_label_values(&[reason.as_str()]);
        }
        counters.registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(counters)
    }

    /// Without the families of a long-running process: for a file that another exporter hands out, which has its own `process_*`.
    ///
    /// # Errors
    /// As [`Counters::new`].
    pub fn of_sources(version: &str, revision: Option<&str>) -> Result<Self, prometheus::Error> {
        let labels: &[&str] = if revision.is_some() { &["version", "revision"] } else { &["version"] };
        let build = GaugeVec::new(options(table::BUILD_INFO), labels)?;
        build.get_metric_with_label_values(&[Some(version), revision].into_iter().flatten().collect::<Vec<_>>())?.set(1.0);
        let counters = Self {
            registry: Registry::new(),
            errors: counter(table::SOURCE_ERRORS)?,
            scan_duration: histogram(
                table::SOURCE_SCAN_DURATION,
                &[0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0],
            )?,
            renewal_margin: histogram(table::RENEWAL_MARGIN, &[0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.5, 0.75])?,
            collisions: counter(table::CERT_COLLISIONS)?,
            handshake_duration: histogram(table::HANDSHAKE_DURATION, &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])?,
            fetches: counter(table::REVOCATION_FETCHES)?,
            resyncs: counter(table::KUBE_RESYNCS)?,
            api_errors: counter(table::KUBE_ERRORS)?,
            skipped: counter(table::SCANS_SKIPPED)?,
            dropped: counter(table::SERIES_DROPPED)?,
            pkcs12_passphrases: counter(table::PKCS12_PASSPHRASE_FAILURES)?,
            jks_passphrases: counter(table::JKS_PASSPHRASE_FAILURES)?,
            reload_successful: IntGauge::with_opts(options(table::RELOAD_SUCCESSFUL))?,
            reload_success_at: Gauge::with_opts(options(table::RELOAD_SUCCESS_AT))?,
            web_reload_successful: IntGaugeVec::new(options(table::WEB_RELOAD_SUCCESSFUL), &[])?,
            refused: counter(table::HTTP_REFUSED)?,
        };
        let registry = &counters.registry;
        registry.register(Box::new(counters.errors.clone()))?;
        registry.register(Box::new(counters.scan_duration.clone()))?;
        registry.register(Box::new(counters.renewal_margin.clone()))?;
        registry.register(Box::new(counters.collisions.clone()))?;
        registry.register(Box::new(counters.handshake_duration.clone()))?;
        registry.register(Box::new(counters.resyncs.clone()))?;
        registry.register(Box::new(counters.api_errors.clone()))?;
        registry.register(Box::new(counters.skipped.clone()))?;
        registry.register(Box::new(counters.dropped.clone()))?;
        registry.register(Box::new(counters.pkcs12_passphrases.clone()))?;
        registry.register(Box::new(counters.jks_passphrases.clone()))?;
        registry.register(Box::new(build))?;
        registry.register(Box::new(counters.fetches.clone()))?;
        for (kind, outcome) in FetchKind::ALL.iter().flat_map(|kind| FetchOutcome::ALL.iter().map(move |outcome| (kind, outcome))) {
            counters.fetches.with_label_values(&[kind.as_str(), outcome.as_str(), ""]);
        }
        Ok(counters)
    }

    /// The web configuration was taken or refused; `None`: there is none.
    pub fn web_reloaded(&self, succeeded: Option<bool>) {
        match succeeded {
            Some(succeeded) => self.web_reload_successful.with_label_values::<&str>(&[]).set(i64::from(succeeded)),
            None => self.web_reload_successful.reset(),
        }
    }

    /// The program's own server turned a connection or a request away.
    pub fn turned_away(&self, reason: RefusedReason) {
        self.refused.with_label_values(&[reason.as_str()]).inc();
    }

    /// Everything as it is now, families without series left out.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        // Only an error has a reason, and labels that do not apply are not written.
        let fetches = families.iter_mut().filter(|family| family.name() == table::REVOCATION_FETCHES.family().name);
        for metric in fetches.flat_map(MetricFamily::mut_metric) {
            let applying = metric.take_label().into_iter().filter(|label| !label.value().is_empty()).collect();
            metric.set_label(applying);
        }
        families
    }

    /// The counters that a source of this kind has at 0 from the start.
    fn plain(&self, kind: SourceKind) -> impl Iterator<Item = &IntCounterVec> {
        let keystores = matches!(kind, SourceKind::File | SourceKind::KubeSecret | SourceKind::KubeConfigmap)
            .then_some([&self.pkcs12_passphrases, &self.jks_passphrases]);
        [&self.collisions, &self.skipped, &self.dropped].into_iter().chain(keystores.into_iter().flatten())
    }

    /// The histograms that a source of this kind has.
    fn histograms(&self, kind: SourceKind) -> impl Iterator<Item = &HistogramVec> {
        let handshakes = (kind == SourceKind::Tls).then_some(&self.handshake_duration);
        [&self.scan_duration, &self.renewal_margin].into_iter().chain(handshakes)
    }
}

impl Events for Counters {
    fn source_added(&self, source: &SourceId) {
        for family in self.plain(source.kind) {
            family.with_label_values(&labels(source));
        }
        for family in self.histograms(source.kind) {
            family.with_label_values(&labels(source));
        }
        for reason in Reason::OF_SOURCES {
            self.errors.with_label_values(&with_reason(source, *reason));
        }
        for resource in watched_by(source.kind) {
            self.resyncs.with_label_values(&[&*source.name, resource.as_str()]);
            for reason in OF_API_SERVERS {
                self.api_errors.with_label_values(&[&*source.name, resource.as_str(), reason.as_str()]);
            }
        }
    }

    fn source_removed(&self, source: &SourceId) {
        // Absent ones are no news: a reason may never have come up.
        for family in self.plain(source.kind) {
            let _ = family.remove_label_values(&labels(source));
        }
        for family in self.histograms(source.kind) {
            let _ = family.remove_label_values(&labels(source));
        }
        for reason in Reason::ALL {
            let _ = self.errors.remove_label_values(&with_reason(source, *reason));
            for resource in watched_by(source.kind) {
                let _ = self.api_errors.remove_label_values(&[&*source.name, resource.as_str(), reason.as_str()]);
            }
        }
        for resource in watched_by(source.kind) {
            let _ = self.resyncs.remove_label_values(&[&*source.name, resource.as_str()]);
        }
    }

    fn scan_ended(&self, source: &SourceId, elapsed: Duration) {
        self.scan_duration.with_label_values(&labels(source)).observe(elapsed.as_secs_f64());
    }

    fn scan_skipped(&self, source: &SourceId) {
        self.skipped.with_label_values(&labels(source)).inc();
    }

    fn source_error(&self, source: &SourceId, reason: Reason) {
        self.errors.with_label_values(&with_reason(source, reason)).inc();
    }

    fn passphrase_failed(&self, source: &SourceId, java: bool) {
        let family = if java { &self.jks_passphrases } else { &self.pkcs12_passphrases };
        family.with_label_values(&labels(source)).inc();
    }

    fn handshake(&self, source: &SourceId, elapsed: Duration) {
        self.handshake_duration.with_label_values(&labels(source)).observe(elapsed.as_secs_f64());
    }

    fn series_dropped(&self, source: &SourceId, series: u64) {
        self.dropped.with_label_values(&labels(source)).inc_by(series);
    }

    fn collisions(&self, source: &SourceId, pairs: u64) {
        self.collisions.with_label_values(&labels(source)).inc_by(pairs);
    }

    fn renewed(&self, source: &SourceId, margin: f64) {
        if margin.is_finite() {
            self.renewal_margin.with_label_values(&labels(source)).observe(margin);
        }
    }

    fn reloaded(&self, succeeded: bool, at: UnixTime) {
        self.reload_successful.set(i64::from(succeeded));
        if succeeded {
            self.reload_success_at.set(at.secs() as f64);
        }
    }

    fn api_event(&self, source: &SourceId, event: ApiEvent) {
        match event {
            ApiEvent::Resync(resource) => self.resyncs.with_label_values(&[&*source.name, resource.as_str()]).inc(),
            ApiEvent::Error(resource, reason) => {
                self.api_errors.with_label_values(&[&*source.name, resource.as_str(), reason.as_str()]).inc();
            }
        }
    }

    fn fetched(&self, kind: FetchKind, outcome: FetchOutcome, reason: Option<RevocationReason>) {
        let reason = reason.map_or("", RevocationReason::as_str);
        self.fetches.with_label_values(&[kind.as_str(), outcome.as_str(), reason]).inc();
    }
}

/// The reasons of `x509_kube_transport_errors_total` that exist at 0 from the start.
const OF_API_SERVERS: &[Reason] = &[
    Reason::ApiError,
    Reason::Closed,
    Reason::DnsFailed,
    Reason::IoError,
    Reason::PermissionDenied,
    Reason::RateLimited,
    Reason::Refused,
    Reason::Reset,
    Reason::ServerUntrusted,
    Reason::Timeout,
    Reason::Unauthorized,
];

/// What a source of this kind may list and watch.
fn watched_by(kind: SourceKind) -> &'static [KubeResource] {
    use KubeResource as R;
    match kind {
        SourceKind::KubeSecret => &[R::Secrets],
        SourceKind::KubeConfigmap => &[R::Configmaps],
        SourceKind::KubeCabundle => &[R::MutatingWebhooks, R::ValidatingWebhooks, R::ApiServices, R::Crds],
        SourceKind::KubeCsr => &[R::Csrs],
        SourceKind::KubeCertificate => &[R::Certificates, R::CertificateRequests],
        SourceKind::KubeRoute => &[R::Ingresses, R::Gateways, R::IstioGateways],
        SourceKind::KubeNamespace => &[R::Namespaces],
        SourceKind::KubePod => &[R::Pods],
        SourceKind::File
        | SourceKind::Kubeconfig
        | SourceKind::Tls
        | SourceKind::Kubernetes
        | SourceKind::Nginx
        | SourceKind::EnvoyConfig => &[],
    }
}

fn labels(source: &SourceId) -> [&str; 2] {
    [source.kind.as_str(), &source.name]
}

fn with_reason(source: &SourceId, reason: Reason) -> [&str; 3] {
    [source.kind.as_str(), &source.name, reason.as_str()]
}

#[expect(clippy::disallowed_methods, reason = "made from the metric table")]
fn options(id: Id) -> Opts {
    Opts::new(id.family().name, id.family().help())
}

fn counter(id: Id) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(options(id), &id.family().labels.names())
}

fn histogram(id: Id, buckets: &[f64]) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts { common_opts: options(id), buckets: buckets.to_vec() };
    HistogramVec::new(options, &id.family().labels.names())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(counters: &Counters, source: &str) -> Vec<(String, usize)> {
        let of_source = |metric: &&prometheus::proto::Metric| metric.get_label().iter().any(|label| label.value() == source);
        let families = counters.gather();
        let counted = families.iter().map(|family| (family.name().to_owned(), family.get_metric().iter().filter(of_source).count()));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn a_source_starts_at_0_and_leaves_nothing_behind() {
        let counters = Counters::new("1.2.3", None).unwrap();
        let (files, edge) =
            (SourceId { kind: SourceKind::File, name: "files".into() }, SourceId { kind: SourceKind::Tls, name: "edge".into() });
        counters.source_added(&files);
        counters.source_added(&edge);
        let of_files = series(&counters, "files");
        assert!(of_files.contains(&("x509_source_errors_total".into(), Reason::OF_SOURCES.len())), "{of_files:?}");
        assert!(!of_files.iter().any(|(name, _)| name.starts_with("tls_")), "files shake no hands: {of_files:?}");
        assert_eq!(series(&counters, "edge").len(), of_files.len() + 1 - 2, "handshakes, and no keystores");

        // A reason that is not created at 0 goes too.
        counters.source_error(&edge, Reason::IoError);
        counters.handshake(&edge, Duration::from_millis(7));
        counters.source_removed(&edge);
        assert_eq!(series(&counters, "edge"), []);
        assert_eq!(series(&counters, "files"), of_files);
    }

    #[test]
    fn a_failed_reload_keeps_the_time_of_the_last_good_one() {
        let counters = Counters::new("1.2.3", Some("abc")).unwrap();
        counters.reloaded(true, UnixTime::from_secs(1_700_000_000));
        counters.reloaded(false, UnixTime::from_secs(1_800_000_000));
        assert_eq!((counters.reload_successful.get(), counters.reload_success_at.get()), (0, 1_700_000_000.0));
    }

    #[test]
    fn a_web_configuration_has_a_series_while_there_is_one() {
        let counters = Counters::new("1.2.3", None).unwrap();
        let value = || {
            let families = counters.gather();
            let family = families.iter().find(|family| family.name() == "notafter_web_config_last_reload_successful")?;
            family.get_metric().first().map(|metric| metric.get_gauge().get_value())
        };
        for (told, expected) in [(None, None), (Some(true), Some(1.0)), (Some(false), Some(0.0)), (None, None), (Some(true), Some(1.0))] {
            counters.web_reloaded(told);
            assert_eq!(value(), expected, "{told:?}");
        }
    }
}
