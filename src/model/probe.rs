//! One probe on request: what `http` asks and whoever can look answers. Implemented by `app`.

use std::time::Duration;

use super::BoxFuture;

/// What `/probe` was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRequest {
    /// `target`, as it came.
    pub target: Option<String>,
    /// `module`; `None`: the system's roots and nothing else.
    pub module: Option<String>,
    /// `hostname`: sent as SNI and looked for in the certificate.
    pub hostname: Option<String>,
    /// `debug=true`: says what happened, too.
    pub debug: bool,
    /// How long the scraper waits.
    pub scrape_timeout: Option<Duration>,
    /// Whether the request came to a loopback address.
    pub local: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not allowed to ask for this.
    Forbidden,
    /// The question makes no sense.
    Invalid,
    /// Too many probes run.
    Busy,
}

/// A refusal and its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which kind.
    pub kind: Refusal,
    /// Why.
    pub why: String,
}

/// Looks at one target, right now.
pub trait Prober: Send + Sync {
    /// The answer in the text exposition format 0.0.4; a failed probe is an answer, too. Cancel safe: the probe ends.
    ///
    /// # Errors
    /// The question was refused; nothing was dialled.
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'_, Result<Vec<u8>, Refused>>;
}
