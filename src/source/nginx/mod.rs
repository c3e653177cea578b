//! `type = "nginx"`: the certificates, CAs, CRLs and staples that an nginx configuration names.
//!
//! May touch: `model`, the file system. Must not: metrics, the store, the clock's date. Private keys are never opened.
//!
//! `syntax` makes directives of bytes, `load` reads the files and what they include, `listen` and `servers` tell who uses what.

mod listen;
mod load;
mod servers;
mod syntax;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::configured::{Gathered, Lookout, default_max_size, path_from};
use super::file::on_own_thread;
use super::{Built, Settings};
use crate::model::{BoxFuture, BuildContext, BuildError, ByteSize, Failure, Listing, ScanContext, Source, SourceKind, Use};

pub use syntax::SyntaxError;

/// `type = "nginx"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NginxSettings {
    /// The main configuration file.
    #[serde(default = "default_config")]
    pub config: PathBuf,
    /// The folder that relative paths in it start from; by default the one that holds it, as nginx has it.
    #[serde(default)]
    pub prefix: Option<PathBuf>,
    /// The largest certificate file that is read.
    #[serde(default = "default_max_size")]
    pub max_size: ByteSize,
}

/// The main configuration file where none is configured.
pub const DEFAULT_CONFIG: &str = "/etc/nginx/nginx.conf";

fn default_config() -> PathBuf {
    DEFAULT_CONFIG.into()
}

impl Settings for NginxSettings {
    const KIND: SourceKind = SourceKind::Nginx;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        if self.config.file_name().is_none() {
            return Err(BuildError::new("config", "expected the path of a configuration file"));
        }
        let config = path_from(&cx.base, &self.config);
        let prefix = match &self.prefix {
            Some(prefix) => path_from(&cx.base, prefix),
            None => config.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let source = NginxSource(Arc::new(Watched { config, prefix, lookout: Lookout::new(self.max_size) }));
        Ok(vec![(Self::KIND, Box::new(source))])
    }
}

struct NginxSource(Arc<Watched>);

struct Watched {
    config: PathBuf,
    prefix: PathBuf,
    lookout: Lookout,
}

impl Source for NginxSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        let watched = Arc::clone(&self.0);
        let scan = move || {
            let gathered = gather(&watched.config, &watched.prefix, &|| cx.is_over());
            watched.lookout.scan(&cx, gathered)
        };
        Box::pin(async { on_own_thread("scan-nginx", scan).await? })
    }
}

/// All that the configuration names.
fn gather(config: &Path, prefix: &Path, is_over: &dyn Fn() -> bool) -> Gathered {
    let mut gathered = Gathered::default();
    let tree = load::load(config, prefix, &mut gathered, is_over);
    servers::gather(&tree, prefix, &mut gathered, servers::MOST_STEPS, is_over);
    gathered
}

/// What one file alone names, and who uses it: nothing is read, and nothing included. At most `most` of its directives are kept.
///
/// # Errors
/// What nginx would refuse in it, or is too much.
pub fn named(bytes: &[u8], most: usize) -> Result<Vec<(PathBuf, Vec<Use>)>, SyntaxError> {
    let mut gathered = Gathered::default();
    let file = load::ConfigFile { path: "nginx.conf".into(), directives: syntax::parse(bytes, most)? };
    servers::gather(&load::Tree { files: vec![file] }, Path::new("/etc/nginx"), &mut gathered, servers::MOST_STEPS, &|| false);
    Ok(gathered.files.iter().map(|(path, users)| (path.to_owned(), users.iter().cloned().collect())).collect())
}

#[cfg(test)]
mod tests;
