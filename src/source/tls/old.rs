//! Old servers: certificates of those that rustls cannot speak to, and whether the others still accept what is too old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::way::Reach;
use crate::model::{Failure, Method, Place, Reason, Stage};
use crate::net::{Clear, Newest, Shown, raw_hello};

/// How long a refusal of old versions holds at least.
const DAY: Duration = Duration::from_secs(86_400);
/// By how much more, depending on the target, so that not all are asked again at once.
const SPLAY: Duration = Duration::from_secs(6 * 3_600);
/// The most acceptable CAs that are kept.
const MOST_AUTHORITIES: usize = 200;
/// Beyond so many targets what is out of date is forgotten.
const MOST_KNOWN: usize = 100_000;
/// What an old hello may take, so that a server which drops it in silence is not slowed down by it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the targets' old versions, kept between scans.
pub(super) struct OldServers {
    check: bool,
    known: Mutex<HashMap<Place, Known>>,
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
    pub async fn look(&self, place: &Place, shown: &mut Shown, reach: &Reach<'_>) {
        let (aside, server_name, told) = (reach.budget.aside(), &*reach.target.server_name, reach.budget);
        let tell = |began: Duration, what: &str, ended: String| {
            told.tell(Stage::Handshake, told.spent().saturating_sub(began), what, ended);
        };
        let (budget, reach) = (&aside, &Reach { budget: &aside, ..*reach });
        if shown.chain.is_empty() && shown.failure.as_ref().is_some_and(may_be_old) {
            let began = told.spent();
            let clear = match reach.open().await {
                Ok(mut stream) => raw_hello(&mut stream, server_name, Newest::Tls12, budget).await,
                Err(failure) => Err(failure),
            };
            tell(
                began,
                "hand-made hello up to TLS 1.2",
                match &clear {
                    Ok(clear) => format!("{} certificates read in clear", clear.chain.len()),
                    Err(failure) => format!("nothing to be read, {failure}"),
                },
            );
            // Whatever goes wrong here, the handshake's own failure says more.
            if let Ok(clear) = clear {
                read_from(shown, clear);
            }
        }
        if !self.check || shown.chain.is_empty() {
            return;
        }
        if shown.old_tls_accepted {
            self.remember(place, true, budget.now());
            return;
        }
        let known = self.known().get(place).copied();
        shown.old_tls_accepted = match known {
            // What is accepted is tried at each look: whoever forbids it does not wait for a day to see that it helped.
            Some(known) if !known.accepted && budget.now() < known.ask_again_at => false,
            _ => {
                let asking = async {
                    let mut stream = reach.open().await?;
                    raw_hello(&mut stream, server_name, Newest::Tls11, budget).await
                };
                let began = told.spent();
                let answer = budget.within_share(Stage::Handshake, PATIENCE, asking).await;
                tell(
                    began,
                    "TLS 1.1",
                    match &answer {
                        Ok(clear) if !clear.chain.is_empty() => "let in".to_owned(),
                        Ok(_) => "refused".to_owned(),
                        Err(failure) if is_no_answer(failure) => format!("no answer, {failure}"),
                        Err(failure) => format!("refused, {failure}"),
                    },
                );
                let accepted = match answer {
                    Ok(clear) => !clear.chain.is_empty(),
                    // Not a word about versions: what was known stays.
                    Err(failure) if is_no_answer(&failure) => known.is_some_and(|known| known.accepted),
                    Err(_) => false,
                };
                self.remember(place, accepted, budget.now());
                accepted
            }
        };
    }

    fn remember(&self, place: &Place, accepted: bool, now: Duration) {
        let splay = Duration::from_secs(place.hash64() % SPLAY.as_secs());
        let mut known = self.known();
        // Targets from elsewhere come and go: those that nobody asked about for a day are forgotten.
        if known.len() >= MOST_KNOWN {
            known.retain(|_, known| now < known.ask_again_at + DAY);
        }
        known.insert(place.clone(), Known { accepted, ask_again_at: now + DAY + splay });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Place, Known>> {
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
    if let Some(request) = clear.request {
        shown.client_certificate_requested = true;
        shown.authorities = request.authorities;
        shown.authorities_cut = shown.authorities.len() > MOST_AUTHORITIES;
        shown.authorities.truncate(MOST_AUTHORITIES);
    }
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
            let place = Place::Endpoint { target: format!("{target}:443").into(), server_name: "a".into(), address: None };
            servers.remember(&place, true, now);
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
