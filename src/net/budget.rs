//! The time that one target may take, shared by all stages of its probe.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Clock, Failure, Reason, Stage, Step, Trace};

/// A stretch of time that began when it was made; it remembers what it was spent on.
pub struct Budget {
    clock: Arc<dyn Clock>,
    started_at: Duration,
    total: Duration,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    trace: Trace,
    /// What the next step is about.
    next: Box<str>,
}

impl Budget {
    /// Begins now.
    pub fn new(clock: Arc<dyn Clock>, total: Duration) -> Self {
        let started_at = clock.monotonic();
        Self { clock, started_at, total, log: Mutex::default() }
    }

    /// Begins now, with so much already spent (a lookup that several probes share).
    pub fn resumed(clock: Arc<dyn Clock>, total: Duration, spent: Duration) -> Self {
        let started_at = clock.monotonic().saturating_sub(spent);
        let budget = Self { clock, started_at, total, log: Mutex::default() };
        budget.note(Stage::Dns, spent, None);
        budget
    }

    /// The same time, for work whose steps are not to be told.
    pub fn aside(&self) -> Self {
        Self { clock: self.clock.clone(), started_at: self.started_at, total: self.total, log: Mutex::default() }
    }

    /// What has been spent.
    pub fn spent(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started_at)
    }

    /// What is left; zero when nothing is.
    pub fn left(&self) -> Duration {
        self.total.saturating_sub(self.spent())
    }

    /// The clock's time, for what is remembered beyond this target's turn.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// What happened so far.
    pub fn trace(&self) -> Trace {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).trace.clone()
    }

    /// Says what the next step is about.
    pub fn about(&self, detail: impl Into<Box<str>>) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).next = detail.into();
    }

    /// Says which address was connected to.
    pub fn connected_to(&self, peer: IpAddr) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).trace.peer = Some(peer);
    }

    /// Tells what was done aside, and how it ended.
    pub fn tell(&self, stage: Stage, elapsed: Duration, detail: &str, ended: String) {
        let step = Step { stage, elapsed, detail: detail.into(), ended: Some(ended.into()), failure: None };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).trace.steps.push(step);
    }

    /// Says better why the last step failed.
    pub fn restate(&self, failure: &Failure) {
        if let Some(step) = self.log.lock().unwrap_or_else(PoisonError::into_inner).trace.steps.last_mut() {
            step.failure = Some(format!("{}: {}", failure.reason, failure.detail).into());
        }
    }

    fn note(&self, stage: Stage, elapsed: Duration, failure: Option<&Failure>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let detail = std::mem::take(&mut log.next);
        let failure = failure.map(|failure| format!("{}: {}", failure.reason, failure.detail).into());
        log.trace.steps.push(Step { stage, elapsed, detail, ended: None, failure });
    }

    /// Runs a stage with all the time that is left.
    ///
    /// # Errors
    /// The stage's own, or [`Reason::Timeout`] in this stage.
    pub async fn within<T>(&self, stage: Stage, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.within_share(stage, self.left(), work).await
    }

    /// Runs a stage with a share of what is left.
    ///
    /// # Errors
    /// The stage's own, or [`Reason::Timeout`] in this stage.
    pub async fn within_share<T>(
        &self,
        stage: Stage,
        share: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let share = share.min(self.left());
        let began = self.spent();
        let outcome = match tokio::time::timeout(share, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(stage, Reason::Timeout, format!("no answer within {:.1} s", share.as_secs_f64()))),
        };
        self.note(stage, self.spent().saturating_sub(began), outcome.as_ref().err());
        outcome
    }
}
