//! A line on standard error while a long scan runs, for a person at a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::engine::store::Snapshot;

/// Nothing is shown before this: most scans are shorter.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The progress line. Shows nothing when standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    enabled: bool,
    started: tokio::time::Instant,
    shown: Option<tokio::time::Instant>,
}

impl Progress {
    /// A line that is not shown yet.
    pub fn new() -> Self {
        Self { enabled: std::io::stderr().is_terminal(), started: tokio::time::Instant::now(), shown: None }
    }

    /// Shows how far the first round has come, some times a second.
    pub fn show(&mut self, snapshot: &Snapshot) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= Duration::from_millis(200));
        if !self.enabled || self.started.elapsed() < PATIENCE || !is_due {
            return;
        }
        self.shown = Some(tokio::time::Instant::now());
        let statuses = || snapshot.sources.values().map(|source| &source.status);
        let (targets, certificates): (u64, u64) =
            statuses().fold((0, 0), |(targets, certificates), status| (targets + status.targets, certificates + status.certificates));
        let waiting: Vec<&str> =
            snapshot.sources.iter().filter(|(_, source)| source.status.up.is_none()).map(|(id, _)| &*id.name).take(3).collect();
        let _ = write!(std::io::stderr(), "\r\x1b[Kscanning {} … {targets} places, {certificates} certificates", waiting.join(", "));
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
