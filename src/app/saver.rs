//! Writes the state file: at most once a minute while something changes, and at drain.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::{info, warn};

use crate::config::storage::default_state_dir;
use crate::engine::state_file::StateDir;
use crate::engine::store::SnapshotStore;
use crate::model::{SourceId, TargetState};

const EVERY: Duration = Duration::from_secs(60);

/// Keeps the state file up to date, or does nothing where there can be none.
pub(super) struct Saver {
    dir: Option<Arc<StateDir>>,
    store: Arc<SnapshotStore>,
    saved: AtomicU64,
}

impl Saver {
    /// Takes the state folder and reads what an earlier process knew. Without a usable folder the program runs in memory and
    /// says so.
    pub(super) fn open(configured: Option<PathBuf>, store: Arc<SnapshotStore>) -> (Self, HashMap<SourceId, Vec<TargetState>>) {
        let path = configured.or_else(|| default_state_dir(&|name| std::env::var_os(name)));
        let none = |store| (Self { dir: None, store, saved: AtomicU64::new(0) }, HashMap::new());
        let Some(path) = path else {
            warn!(
                "no state_dir: neither configured nor $STATE_DIRECTORY, $XDG_STATE_HOME or $HOME is set; what is known will not outlast this process"
            );
            return none(store);
        };
        let dir = match StateDir::open(&path) {
            Ok(dir) => dir,
            Err(error) => {
                warn!("running without a state file, what is known will not outlast this process: {error}");
                return none(store);
            }
        };
        let restored = dir.load().unwrap_or_else(|error| {
            info!("last-known facts are not used: {error}");
            HashMap::new()
        });
        let targets: usize = restored.values().map(Vec::len).sum();
        if targets > 0 {
            info!(targets, "last-known facts restored from {}", path.display());
        }
        (Self { dir: Some(Arc::new(dir)), store, saved: AtomicU64::new(0) }, restored)
    }

    /// Saves for ever. Cancel safe: a save under way ends by itself.
    pub(super) async fn run(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.save().await;
        }
    }

    /// Saves what changed since the last time.
    pub(super) async fn save(&self) {
        let Some(dir) = self.dir.clone() else { return };
        let snapshot = self.store.load();
        // Before a source has been scanned the file knows as much as the snapshot.
        if self.saved.swap(snapshot.generation, Ordering::Relaxed) == snapshot.generation {
            return;
        }
        match tokio::task::spawn_blocking(move || dir.save(&snapshot)).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => warn!("state not saved: {error}"),
            Err(error) => warn!("state not saved: {error}"),
        }
    }
}
