//! The configuration: `notafter.toml` as typed values, one file per concern.
//!
//! May touch: its own file, the settings types of the other modules. Must not: any other I/O, the environment except through
//! the function it is handed.
//!
//! Strict: what is not understood is refused with file, line, table, key and what was expected; nothing is ignored.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::engine::schedule::Schedule;
use crate::model::{BuildContext, Rules, SourceId, SourceOptions};
use crate::source::SourceSettings;

pub mod builtin;
pub mod error;
pub mod load;
pub mod locate;
pub mod metrics;
pub mod probe;
pub mod revocation;
pub mod server;
pub mod show;
pub mod source;
pub mod storage;
pub mod web;

mod message;
mod ownership;
mod policy;
#[cfg(test)]
mod properties;
mod rules;
mod section;
mod selector;
mod waiver;

pub use error::{ConfigError, Problem};
pub use load::{load, load_str};
pub use locate::{Located, locate};
pub use metrics::MetricsConfig;
pub use probe::ProbeConfig;
pub use revocation::RevocationConfig;
pub use server::ServerConfig;
pub use show::show;
pub use storage::StorageConfig;

/// A configuration, checked, with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[storage]`
    pub storage: StorageConfig,
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[revocation]`
    pub revocation: RevocationConfig,
    /// `[probe]`
    pub probe: ProbeConfig,
    /// `[ownership]`, `[relations]`, `[policy.*]` and `[[waiver]]`; every source holds the same.
    pub rules: Arc<Rules>,
    /// `[sources.*]`, sorted by name.
    pub sources: Vec<SourceConfig>,
    /// Where it comes from.
    pub origin: Origin,
}

/// One `[sources.<name>]`. Equal ones need no new source on reload.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// Kind and name.
    pub id: SourceId,
    /// When it is looked at.
    pub schedule: Schedule,
    /// The keys that every source has.
    pub options: SourceOptions,
    /// The keys of its kind.
    pub settings: SourceSettings,
    /// The keys of its kind as written, secrets masked: for people.
    pub shown: toml::Table,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, by the path it was asked for with.
    File(PathBuf),
    /// The places that were found on this machine.
    BuiltIn,
}

impl Config {
    /// What sources may know while they are built.
    pub fn build_context(&self) -> BuildContext {
        BuildContext { base: self.origin.base() }
    }
}

impl Origin {
    /// The folder that relative paths of the configuration start from: the file's own.
    pub fn base(&self) -> PathBuf {
        match self {
            // Without a working directory there is nothing better than the path as given.
            Self::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.parent().map(tidied).unwrap_or_default()
            }
            Self::BuiltIn => PathBuf::from("/"),
        }
    }
}

/// Without `..`, so that places are called as people write them; where that is another folder, since a link stands before it, as it is.
fn tidied(folder: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in folder.components() {
        match component {
            Component::ParentDir => _ = tidy.pop(),
            component => tidy.push(component),
        }
    }
    let is_same = || matches!((tidy.canonicalize(), folder.canonicalize()), (Ok(tidy), Ok(folder)) if tidy == folder);
    if is_same() { tidy } else { folder.to_owned() }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn => f.pad("built-in places"),
        }
    }
}
