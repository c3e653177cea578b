//! `type = "envoy-config"`: the certificates, CAs, CRLs and staples that Envoy's configuration files name.
//!
//! May touch: `model`, the file system. Must not: metrics, the store, the clock's date. Private keys are never opened.
//!
//! `node` makes a tree of YAML or JSON, `load` reads the files and those that they refer to, `contexts` finds who uses what.

mod contexts;
mod load;
mod node;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::configured::{Lookout, default_max_size, path_from};
use super::file::patterns::{Folders, Patterns};
use super::file::{compile, on_own_thread};
use super::{Built, Settings};
use crate::model::{BoxFuture, BuildContext, BuildError, ByteSize, Failure, Listing, ScanContext, Source, SourceKind};

/// `type = "envoy-config"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EnvoyConfigSettings {
    /// Bootstraps and files of resources, and globs of them; YAML or JSON.
    #[serde(default = "default_paths")]
    pub paths: Vec<String>,
    /// The folder that relative paths in them start from, Envoy's working folder; by default the one that holds the file.
    #[serde(default)]
    pub prefix: Option<PathBuf>,
    /// The largest certificate file that is read.
    #[serde(default = "default_max_size")]
    pub max_size: ByteSize,
}

/// What is read where no paths are configured.
pub const DEFAULT_PATH: &str = "/etc/envoy/*.{yaml,yml,json}";

fn default_paths() -> Vec<String> {
    vec![DEFAULT_PATH.to_owned()]
}

impl Settings for EnvoyConfigSettings {
    const KIND: SourceKind = SourceKind::EnvoyConfig;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        let watched = Watched {
            patterns: compile(cx, &self.paths, &[], Folders::Refused)?,
            prefix: self.prefix.as_ref().map(|prefix| path_from(&cx.base, prefix)),
            lookout: Lookout::new(self.max_size),
        };
        Ok(vec![(Self::KIND, Box::new(EnvoyConfigSource(Arc::new(watched))))])
    }
}

struct EnvoyConfigSource(Arc<Watched>);

struct Watched {
    patterns: Patterns,
    prefix: Option<PathBuf>,
    lookout: Lookout,
}

impl Source for EnvoyConfigSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        let watched = Arc::clone(&self.0);
        let scan = move || {
            let gathered = load::gather(&watched.patterns, watched.prefix.as_deref(), load::MOST_USES, &|| cx.is_over());
            watched.lookout.scan(&cx, gathered)
        };
        Box::pin(async { on_own_thread("scan-envoy-config", scan).await? })
    }
}

/// How many files and secrets one document alone names and refers to: nothing is read. JSON by its name, else YAML.
///
/// # Errors
/// Where it is neither, or that it is too much.
pub fn named(name: &str, bytes: &[u8]) -> Result<usize, String> {
    let said = contexts::read(&node::parse(name, bytes)?.root);
    Ok(said.files.len() + said.references.len() + said.secrets.len() + said.documents.len())
}

#[cfg(test)]
mod tests;
