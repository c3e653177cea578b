//! Where a scan's observations go: decoded, judged and kept as they arrive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::watch::Watch;
use crate::assess::{Look, TargetEvent, carry, renewals};
use crate::model::options::Labels;
use crate::model::{
    ApiEvent, Circumstances, Facts, Failure, FailureFacts, Limits, Material, Observation, Place, Reason, Sink, Stage, Stamp, TargetState,
    UnixTime,
};
use crate::pki;

/// After so many warnings in one scan the rest is only counted.
const WARNINGS: u64 = 50;
/// So many errors of the source as a whole are kept for whoever looks only once.
const ERRORS: usize = 20;

/// The sink of one scan.
pub(super) struct ScanSink {
    watch: Arc<Watch>,
    over: AtomicBool,
    warnings: AtomicU64,
    errors: Mutex<Vec<Failure>>,
    changed: Notify,
    wants_round: AtomicBool,
}

impl ScanSink {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        watch.ledger().begin();
        Self::following(watch)
    }

    /// The sink of what comes between two scans.
    pub(super) fn following(watch: Arc<Watch>) -> Self {
        Self {
            watch,
            over: AtomicBool::new(false),
            warnings: AtomicU64::new(0),
            errors: Mutex::default(),
            changed: Notify::new(),
            wants_round: AtomicBool::new(false),
        }
    }

    /// Whether what the latest round could not list can be seen again: then it is to be listed.
    pub(super) fn wants_round(&self) -> bool {
        self.wants_round.load(Ordering::Acquire)
    }

    /// Waits until something has come that is to be published.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn set_up(&self, failure: Option<Failure>) {
        if self.is_over() {
            return;
        }
        let at = self.watch.parts.clock.now();
        if let Some(failure) = &failure {
            self.count(failure.reason);
            warn!(source = %self.watch.id(), stage = %failure.stage, reason = %failure.reason, "changes are not seen, all that is known is kept: {}", failure.detail);
        } else {
            info!(source = %self.watch.id(), "changes are seen again");
            self.wants_round.store(self.watch.unlisted.load(Ordering::Acquire), Ordering::Release);
        }
        let mut status = self.watch.status();
        status.up = Some(failure.is_none());
        if failure.is_none() {
            status.last_success_at = Some(at);
        }
        let since = status.failure.as_ref().map_or(UnixTime::from(at), |known| known.since);
        status.failure = failure.map(|failure| FailureFacts {
            stage: failure.stage,
            reason: failure.reason,
            detail: failure.detail.to_string().into(),
            since,
        });
        drop(status);
        self.changed.notify_one();
    }

    /// Gives the scan up: whatever still comes is ignored.
    pub(super) fn close(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Says how many warnings were left out of the log.
    pub(super) fn summarize(&self) {
        let warnings = self.warnings.load(Ordering::Relaxed);
        if warnings > WARNINGS {
            warn!(source = %self.watch.id(), "{} more failures in this scan; all of them stand in /api/v1/targets", warnings - WARNINGS);
        }
    }

    /// The errors of the source as a whole.
    pub(super) fn take_errors(&self) -> Vec<Failure> {
        std::mem::take(&mut self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, reason: Reason) {
        self.watch.parts.events.source_error(self.watch.id(), reason);
    }

    fn decode(&self, material: &Material, now: UnixTime) -> Result<Facts, Failure> {
        catch_unwind(AssertUnwindSafe(|| pki::decode(material, &Limits::default(), now)))
            .map_err(|_| Failure::new(Stage::Parse, Reason::Panicked, "a defect of this program, caught while decoding; please report it"))
    }

    fn may_warn(&self) -> bool {
        self.warnings.fetch_add(1, Ordering::Relaxed) < WARNINGS
    }

    /// Logs a change for the worse or the better, once.
    fn log(&self, before: Option<&TargetState>, after: &TargetState) {
        let source = self.watch.id();
        let known = before.and_then(|state| state.failure.as_ref());
        match (&after.failure, known) {
            (Some(failure), known) => {
                let is_new = known.is_none_or(|known| (known.stage, known.reason) != (failure.stage, failure.reason));
                if is_new && self.may_warn() {
                    warn!(%source, place = %after.place, stage = %failure.stage, reason = %failure.reason, "{}", failure.detail);
                }
            }
            (None, Some(known)) => info!(%source, place = %after.place, "well again; it failed since {} ({})", known.since, known.reason),
            (None, None) => (),
        }
        let known_problems = before.map_or(&[][..], |state| &state.problems);
        if *after.problems != *known_problems {
            for problem in &after.problems {
                if self.may_warn() {
                    warn!(%source, place = %after.place, reason = %problem.reason, "partly unreadable: {}", problem.detail);
                }
            }
        }
    }

    fn log_renewals(&self, before: &TargetState, after: &TargetState, now: UnixTime) {
        let told = &self.watch.parts.renewals;
        for renewal in renewals(&before.content, &after.content, now) {
            // Copies of one certificate are renewed one after the other: it is counted once in a source, and told once in all.
            if told.is_first_in(self.watch.id(), &renewal.new.fingerprint) {
                self.watch.parts.events.renewed(self.watch.id(), renewal.margin);
            }
            if !told.is_first(&renewal.new.fingerprint) {
                continue;
            }
            let owner = after.owner(&self.watch.header.options).map(|(label, owner)| format!("{label}={owner}")).unwrap_or_default();
            info!(
                source = %self.watch.id(),
                place = %after.place,
                subject = &*renewal.new.subject,
                old_serial = &*renewal.old.serial,
                old_not_after = renewal.old.not_after.rfc3339(),
                new_serial = &*renewal.new.serial,
                new_not_after = renewal.new.not_after.rfc3339(),
                margin = (renewal.margin * 1000.0).round() / 1000.0,
                same_key = renewal.old.key.digest == renewal.new.key.digest,
                owner,
                "renewed"
            );
        }
    }
}

impl Sink for ScanSink {
    fn observed(&self, observation: Observation) {
        if self.is_over() || !self.is_ours(&observation.place) {
            return;
        }
        let Observation { place, labels, circumstances, material, mut failure, stamp, elapsed, handshake, trace } = observation;
        let now = UnixTime::from(self.watch.parts.clock.now());
        let is_endpoint = matches!(place, Place::Endpoint { .. });
        debug!(source = %self.watch.id(), %place, ?elapsed, "looked at");
        if let Some(handshake) = handshake.filter(|_| failure.is_none()) {
            self.watch.parts.events.handshake(self.watch.id(), handshake);
        }
        let is_java = matches!(&material, Some(Material::Blob { bytes, .. }) if pki::container::is_java_keystore(bytes));
        let decoded = material.map(|mut material| {
            let facts = self.decode(&material, now);
            material.wipe();
            facts
        });
        let facts = match decoded.transpose() {
            Ok(facts) => facts,
            Err(panicked) => {
                failure = Some(panicked);
                None
            }
        };
        if let Some(failure) = failure.as_ref().filter(|failure| matches!(failure.stage, Stage::Read | Stage::Parse | Stage::Scan)) {
            self.count(failure.reason);
        }
        for problem in facts.iter().flat_map(|facts| &facts.problems) {
            self.count(problem.reason);
            if problem.reason == Reason::BadPassphrase {
                self.watch.parts.events.passphrase_failed(self.watch.id(), is_java);
            }
        }

        let mut ledger = self.watch.ledger();
        if self.is_over() {
            return;
        }
        let mut facts = facts;
        if let Some(facts) = &mut facts {
            facts.certificates.iter_mut().for_each(|facts| ledger.interner.certificate(facts));
            facts.crls.iter_mut().for_each(|facts| ledger.interner.crl(facts));
            facts.endpoint.iter_mut().for_each(|facts| ledger.interner.endpoint(facts));
        }
        let before = ledger.get(&place).cloned();
        let look = Look { place, labels, circumstances, facts, failure, stamp, counted: is_endpoint.then_some(trace) };
        let event = TargetEvent::Looked(Box::new(look));
        let Some(after) = carry(before.as_deref(), event, &*self.watch.parts.revocations.load(), &self.watch.header, now) else { return };
        self.log(before.as_deref(), &after);
        if let Some(before) = before.filter(|before| before.content != after.content) {
            self.log_renewals(&before, &after, now);
        }
        let applied = ledger.put(after);
        drop(ledger);
        self.changed.notify_one();
        if applied.dropped > 0 {
            self.watch.parts.events.series_dropped(self.watch.id(), applied.dropped);
        }
    }

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        // A scan that was given up is to read nothing more, and must not mark anything for the scan after it.
        self.is_over() || !self.is_ours(place) || self.watch.ledger().is_unchanged(place, stamp)
    }

    fn knows_nothing(&self) -> bool {
        self.watch.ledger().totals.targets == 0
    }

    fn each_known(&self, visit: &mut dyn FnMut(&Place)) {
        // Copied out first: the visitor may report what it finds, which takes the ledger too.
        let places: Vec<Place> = self.watch.ledger().targets().map(|target| target.place.clone()).collect();
        places.iter().for_each(visit);
    }

    fn is_ours(&self, place: &Place) -> bool {
        self.watch.parts.shard.holds(place)
    }

    fn described(&self, place: &Place, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        if !self.is_over() {
            let (view, now) = (self.watch.parts.revocations.load(), self.watch.parts.clock.now().into());
            self.watch.ledger().describe(place, labels, circumstances, &*view, now);
            self.changed.notify_one();
        }
    }

    fn gone(&self, place: &Place) {
        if !self.is_over() {
            debug!(source = %self.watch.id(), %place, "gone");
            self.watch.ledger().remove(place);
            self.changed.notify_one();
        }
    }

    fn retain(&self, is_kept: &mut dyn FnMut(&Place) -> bool) {
        if !self.is_over() {
            let gone = self.watch.ledger().retain(is_kept);
            debug!(source = %self.watch.id(), gone, "others are gone");
            self.changed.notify_one();
        }
    }

    fn lost(&self, failure: Failure) {
        self.set_up(Some(failure));
    }

    fn regained(&self) {
        self.set_up(None);
    }

    fn api_event(&self, event: ApiEvent) {
        self.watch.parts.events.api_event(self.watch.id(), event);
    }

    fn source_error(&self, failure: Failure) {
        if !self.is_over() {
            self.count(failure.reason);
            warn!(source = %self.watch.id(), stage = %failure.stage, reason = %failure.reason, "{}", failure.detail);
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            if errors.len() < ERRORS {
                errors.push(failure);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
