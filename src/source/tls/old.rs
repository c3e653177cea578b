//! Old servers: certificates of those that rustls cannot speak to, and whether the others still accept what is too old.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::probe::Job;
use super::way::Reach;
use crate::model::{Failure, Method, Reason, Stage};
use crate::net::{Clear, Newest, Shown, raw_hello};

/// How long an answer about old versions holds at least.
const DAY: Duration = Duration::from_secs(86_400);
/// By how much more, depending on the target, so that not all are asked again at once.
const SPLAY: Duration = Duration::from_secs(6 * 3_600);
/// What an old hello may take, so that a server which drops it in silence is not slowed down by it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the targets' old versions, kept between scans.
pub(super) struct OldServers {
    check: bool,
    known: Mutex<HashMap<Job, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    accepted: bool,
    /// By the monotonic clock.
    ask_again_at: Duration,
}

impl OldServers {
    /// Whether old versions are tried at all.
    pub fn new(check: bool) -> Self {
        Self { check, known: Mutex::default() }
    }

    /// Completes what a handshake showed, over connections of its own. The handshake's failure stays what it is. Cancel safe.
    pub async fn look(&self, job: Job, shown: &mut Shown, server_name: &str, reach: &Reach<'_>) {
        let budget = reach.budget;
        if shown.chain.is_empty() && shown.failure.as_ref().is_some_and(may_be_old) {
            let clear = match reach.open().await {
                Ok(mut stream) => raw_hello(&mut stream, server_name, Newest::Tls12, budget).await,
                Err(failure) => Err(failure),
            };
            // Whatever goes wrong here, the handshake's own failure says more.
            if let Ok(clear) = clear {
                read_from(shown, clear);
            }
        }
        if !self.check || shown.chain.is_empty() {
            return;
        }
        if shown.old_tls_accepted {
            self.remember(job, true, budget.now());
            return;
        }
        let known = self.known().get(&job).copied();
        shown.old_tls_accepted = match known {
            Some(known) if budget.now() < known.ask_again_at => known.accepted,
            _ => {
                let asking = async {
                    let mut stream = reach.open().await?;
                    raw_hello(&mut stream, server_name, Newest::Tls11, budget).await
                };
                let accepted = match budget.within_share(Stage::Handshake, PATIENCE, asking).await {
                    Ok(clear) => !clear.chain.is_empty(),
                    // Not a word about versions: what was known stays.
                    Err(failure) if is_no_answer(&failure) => known.is_some_and(|known| known.accepted),
                    Err(_) => false,
                };
                self.remember(job, accepted, budget.now());
                accepted
            }
        };
    }

    fn remember(&self, job: Job, accepted: bool, now: Duration) {
        let mut hasher = DefaultHasher::new();
        job.hash(&mut hasher);
        let splay = Duration::from_secs(hasher.finish() % SPLAY.as_secs());
        self.known().insert(job, Known { accepted, ask_again_at: now + DAY + splay });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Job, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a handshake may have failed for want of something that only old software speaks. Some servers say so by an alert, others
/// just close or reset.
fn may_be_old(failure: &Failure) -> bool {
    failure.stage == Stage::Handshake
        && matches!(
            failure.reason,
            Reason::Incompatible
                | Reason::ProtocolVersion
                | Reason::HandshakeFailure
                | Reason::InsufficientSecurity
                | Reason::IllegalParameter
                | Reason::InternalError
                | Reason::DecodeError
                | Reason::UnexpectedMessage
                | Reason::InappropriateFallback
                | Reason::ProtocolError
                | Reason::Closed
                | Reason::Reset
        )
}

/// Failures that a server which knows no old version would not give.
fn is_no_answer(failure: &Failure) -> bool {
    failure.stage != Stage::Handshake || matches!(failure.reason, Reason::Timeout | Reason::LocalResources | Reason::NotTls)
}

fn read_from(shown: &mut Shown, clear: Clear) {
    shown.method = Method::Raw;
    shown.version = clear.version_name();
    shown.cipher = clear.cipher_name();
    shown.group = clear.group_name();
    shown.alpn = None;
    shown.client_certificate_requested |= clear.request.is_some();
    shown.old_tls_accepted = clear.version < 0x0303;
    shown.chain = clear.chain;
    shown.staple = clear.staple;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_a_day_and_not_as_long_for_every_target() {
        let servers = OldServers::new(true);
        let now = Duration::from_secs(1_000);
        for target in 0..200 {
            servers.remember(Job { target, address: None }, true, now);
        }
        let mut again: Vec<_> = servers.known().values().map(|known| known.ask_again_at - now).collect();
        assert!(again.iter().all(|after| (DAY..DAY + SPLAY).contains(after)));
        again.sort_unstable();
        again.dedup();
        assert!(again.len() > 150, "{} moments for 200 targets", again.len());
    }

    #[test]
    fn silence_is_no_answer_and_a_refusal_is_one() {
        for (stage, reason, expected) in [
            (Stage::Handshake, Reason::ProtocolVersion, false),
            (Stage::Handshake, Reason::HandshakeFailure, false),
            (Stage::Handshake, Reason::Closed, false),
            (Stage::Handshake, Reason::Reset, false),
            (Stage::Handshake, Reason::Timeout, true),
            (Stage::Connect, Reason::Refused, true),
            (Stage::Starttls, Reason::StarttlsRefused, true),
        ] {
            assert_eq!(is_no_answer(&Failure::new(stage, reason, "x")), expected, "{stage} {reason}");
        }
    }
}
