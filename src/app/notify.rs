//! Tells the service manager where the program stands (`sd_notify`), where there is one that wants to know.

use sd_notify::NotifyState;

/// Every address is listened on and every source has begun; also: a reload has ended.
pub(super) fn ready() {
    say(&[NotifyState::Ready]);
}

/// A reload begins.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(_) => say(&[NotifyState::Reloading]),
    }
}

/// Nothing more is accepted.
pub(super) fn stopping() {
    say(&[NotifyState::Stopping]);
}

fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
