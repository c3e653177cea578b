//! Reloads that are asked for over HTTP, one after the other.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::model::BoxFuture;
use crate::model::reload::{NotReloaded, Reload};

/// So many may wait for a reload.
const WAITING: usize = 8;

/// Where the one who asked hears how it went.
pub(super) type Answer = oneshot::Sender<Result<(), String>>;

/// What `http` asks.
pub(super) struct Asked {
    is_allowed: AtomicBool,
    reloads: mpsc::Sender<Answer>,
}

impl Asked {
    /// With the end at which questions arrive.
    pub(super) fn new(is_allowed: bool) -> (Self, mpsc::Receiver<Answer>) {
        let (reloads, asked) = mpsc::channel(WAITING);
        (Self { is_allowed: AtomicBool::new(is_allowed), reloads }, asked)
    }

    /// Another configuration says whether it may be asked.
    pub(super) fn follow(&self, is_allowed: bool) {
        self.is_allowed.store(is_allowed, Ordering::Relaxed);
    }
}

impl Reload for Asked {
    fn reload(&self) -> BoxFuture<'_, Result<(), NotReloaded>> {
        Box::pin(async move {
            if !self.is_allowed.load(Ordering::Relaxed) {
                return Err(NotReloaded::Forbidden);
            }
            let (answer, answered) = oneshot::channel();
            self.reloads.try_send(answer).map_err(|_| NotReloaded::Busy)?;
            match answered.await {
                Ok(outcome) => outcome.map_err(NotReloaded::Failed),
                Err(_) => Err(NotReloaded::Failed("the program ends".to_owned())),
            }
        })
    }
}
