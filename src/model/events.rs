//! What happens while the program runs, for counters. Implemented by `metrics`, told by the engine.

use std::time::Duration;

use super::id::SourceId;
use super::revocation::RevocationReason;
use super::scan::ApiEvent;
use super::vocabulary::{FetchKind, FetchOutcome, Reason};

/// Counters and histograms per source.
pub trait Events: Send + Sync {
    /// A source is watched from now on: its series start at 0.
    fn source_added(&self, source: &SourceId);
    /// It is watched no more: its series go.
    fn source_removed(&self, source: &SourceId);
    /// A scan ended, well or not.
    fn scan_ended(&self, source: &SourceId, elapsed: Duration);
    /// A scan was due while another of the same source still ran.
    fn scan_skipped(&self, source: &SourceId);
    /// Something could not be read.
    fn source_error(&self, source: &SourceId, reason: Reason);
    /// A keystore was not opened by any passphrase.
    fn passphrase_failed(&self, source: &SourceId, java: bool);
    /// A TLS handshake ended well.
    fn handshake(&self, source: &SourceId, elapsed: Duration);
    /// Series were left out because of the source's cap.
    fn series_dropped(&self, source: &SourceId, series: u64);
    /// Certificates appeared that only the discriminator tells apart.
    fn collisions(&self, source: &SourceId, pairs: u64);
    /// A leaf was renewed with this part of its lifetime left (0 to 1, below 0 when it had expired).
    fn renewed(&self, source: &SourceId, margin: f64);
    /// The configuration was loaded again, or could not be.
    fn reloaded(&self, succeeded: bool, at: super::UnixTime);
    /// Something happened between a source and a Kubernetes API server.
    fn api_event(&self, source: &SourceId, event: ApiEvent);
    /// Something was fetched for revocation, or could not be; then with the reason.
    fn fetched(&self, kind: FetchKind, outcome: FetchOutcome, reason: Option<RevocationReason>);
}
