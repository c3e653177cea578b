//! The time that one target may take, shared by all stages of its probe.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Clock, Failure, Reason, Stage};

/// A stretch of time that began when it was made.
pub struct Budget {
    clock: Arc<dyn Clock>,
    started_at: Duration,
    total: Duration,
}

impl Budget {
    /// Begins now.
    pub fn new(clock: Arc<dyn Clock>, total: Duration) -> Self {
        let started_at = clock.monotonic();
        Self { clock, started_at, total }
    }

    /// Begins now, with so much already spent (a lookup that several probes share).
    pub fn resumed(clock: Arc<dyn Clock>, total: Duration, spent: Duration) -> Self {
        let started_at = clock.monotonic().saturating_sub(spent);
        Self { clock, started_at, total }
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
        match tokio::time::timeout(share, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(stage, Reason::Timeout, format!("no answer within {:.1} s", share.as_secs_f64()))),
        }
    }
}
