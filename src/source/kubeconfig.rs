//! `type = "kubeconfig"`: the certificates of clusters and users, embedded or referenced.
//!
//! May touch: `model`, the file system. Must not: metrics, the store, the clock's date. Private keys and tokens are never decoded.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::file::blocked::BlockedFolders;
use super::file::patterns::{Folders, Patterns};
use super::file::read::{ReadError, read_at};
use super::file::walk::{Found, Visitor, walk};
use super::file::{compile, on_own_thread};
use super::{Built, Settings};
use crate::model::{
    BoxFuture, BuildContext, BuildError, EmbeddedKind, Failure, Listing, Material, Observation, Place, Reason, ScanContext, Source,
    SourceKind, Stage,
};

/// The most bytes of a kubeconfig, and of a file that it refers to.
const LIMIT: u64 = 1 << 20;
/// The most levels of its YAML.
const MOST_DEEP: usize = 64;

/// `type = "kubeconfig"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KubeconfigSettings {
    /// Kubeconfigs and globs of them.
    pub paths: Vec<String>,
}

impl Settings for KubeconfigSettings {
    const KIND: SourceKind = SourceKind::Kubeconfig;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        let source = KubeconfigSource(Arc::new(compile(cx, &self.paths, &[], Folders::Refused)?));
        Ok(vec![(Self::KIND, Box::new(source))])
    }
}

struct KubeconfigSource(Arc<Patterns>);

impl Source for KubeconfigSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        let patterns = Arc::clone(&self.0);
        Box::pin(on_own_thread("scan-kubeconfig", move || {
            let mut scan = Scan { cx: &cx, blocked: BlockedFolders::default(), known: None };
            let listing = walk(&patterns, &mut scan);
            scan.blocked.keep_known(&cx);
            listing
        }))
    }
}

/// One scan under way.
struct Scan<'a> {
    cx: &'a ScanContext,
    blocked: BlockedFolders,
    /// What is known from before, by kubeconfig; asked for at the first failure.
    known: Option<HashMap<Box<str>, Vec<Place>>>,
}

impl Visitor for Scan<'_> {
    fn file(&mut self, found: Found<'_>) {
        let path = found.path;
        let config = match read_at(found.dir.as_fd(), found.name, LIMIT) {
            Ok((bytes, _)) => parse(&bytes),
            // It went after it was listed: a glob matches only what is there.
            Err(ReadError::Gone | ReadError::NotAFile(_)) if !found.literal => return,
            Err(error) => Err(error.at(path)),
        };
        match config {
            Ok(config) => self.entries(found.dir, path, config),
            Err(failure) => self.failed(path, failure),
        }
    }

    /// A kubeconfig that cannot be read hides its entries; they are not gone.
    fn failed(&mut self, path: &str, failure: Failure) {
        let cx = self.cx;
        let known = self.known.get_or_insert_with(|| {
            let mut known: HashMap<Box<str>, Vec<Place>> = HashMap::new();
            cx.each_known(|place| {
                if let Place::Embedded { path, .. } = place {
                    known.entry(path.clone()).or_default().push(place.clone());
                }
            });
            known
        });
        // One that is gone takes its entries along.
        if failure.reason != Reason::NotFound {
            for place in known.get(path).into_iter().flatten() {
                let again = Failure::new(failure.stage, failure.reason, failure.detail.to_string());
                cx.observed(Observation::failed(place.clone(), again));
            }
        }
        cx.observed(Observation::failed(Place::file(path), failure));
    }

    fn blocked(&mut self, path: &str, failure: Failure, reached: Vec<String>) {
        self.blocked.add(self.cx, path, failure, reached);
    }

    fn is_over(&self) -> bool {
        self.cx.is_over()
    }
}

impl Scan<'_> {
    /// Hands over every entry that has a certificate.
    fn entries(&self, dir: &Arc<OwnedFd>, path: &str, config: Kubeconfig) {
        let clusters = config.clusters.unwrap_or_default().into_iter().map(NamedCluster::entry);
        let users = config.users.unwrap_or_default().into_iter().map(NamedUser::entry);
        let mut met = HashSet::new();
        for (kind, name, data, file) in clusters.chain(users) {
            if !met.insert((kind, name.clone())) {
                let text = format!("{path}: a second {kind} is called `{name}`; the first one counts");
                self.cx.source_error(Failure::new(Stage::Parse, Reason::DecodeFailed, text));
                continue;
            }
            let begun = self.cx.clock.monotonic();
            let bytes = match (data.filter(|data| !data.is_empty()), file.filter(|file| !file.is_empty())) {
                (Some(data), _) => decode(data),
                (None, Some(file)) => referenced(dir, &file),
                (None, None) => continue,
            };
            let place = Place::Embedded { path: path.into(), kind, key: name.into() };
            let mut observation = match bytes {
                Ok(bytes) => Observation::found(place, Material::Blob { bytes, passphrases: [].into() }),
                Err(failure) => Observation::failed(place, failure),
            };
            observation.elapsed = self.cx.clock.monotonic().saturating_sub(begun);
            self.cx.observed(observation);
        }
    }
}

/// The encoding that Kubernetes writes: the standard alphabet with padding, line breaks allowed.
fn decode(mut data: String) -> Result<Vec<u8>, Failure> {
    data.retain(|char| !char.is_ascii_whitespace());
    STANDARD.decode(data).map_err(|error| Failure::new(Stage::Parse, Reason::DecodeFailed, format!("not base64: {error}")))
}

/// A file that the kubeconfig names, relative to its own folder.
fn referenced(dir: &Arc<OwnedFd>, file: &str) -> Result<Vec<u8>, Failure> {
    let name = CString::new(file).map_err(|error| Failure::new(Stage::Read, Reason::ReadFailed, error))?;
    read_at(dir.as_fd(), &name, LIMIT).map(|(bytes, _)| bytes).map_err(|error| error.at(file))
}

/// Says where it is wrong and not what stands there: that may be a token.
fn parse(bytes: &[u8]) -> Result<Kubeconfig, Failure> {
    // An empty file is an empty kubeconfig, as kubectl sees it.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Kubeconfig::default());
    }
    let budget = serde_saphyr::budget! { max_depth: MOST_DEEP };
    let options = serde_saphyr::options! { with_snippet: false, budget: budget };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| {
        let at = error.location().map_or(String::new(), |at| format!(" at line {}, column {}", at.line(), at.column()));
        Failure::new(Stage::Parse, Reason::DecodeFailed, format!("not YAML, or not a kubeconfig{at}"))
    })
}

/// An entry of a kubeconfig: its kind, its name, and what is embedded in it.
pub type Named = (EmbeddedKind, String, Option<Vec<u8>>);

/// The entries of one kubeconfig alone, and what those that are embedded hold: nothing is read.
///
/// # Errors
/// It is not YAML, or not a kubeconfig.
pub fn named(bytes: &[u8]) -> Result<Vec<Named>, Failure> {
    let config = parse(bytes)?;
    let clusters = config.clusters.unwrap_or_default().into_iter().map(NamedCluster::entry);
    let users = config.users.unwrap_or_default().into_iter().map(NamedUser::entry);
    Ok(clusters.chain(users).map(|(kind, name, data, _)| (kind, name, data.and_then(|data| decode(data).ok()))).collect())
}

/// What is read of a kubeconfig (`clientcmd/api/v1`); the rest is passed over.
#[derive(Default, Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Option<Vec<NamedCluster>>,
    #[serde(default)]
    users: Option<Vec<NamedUser>>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    #[serde(default)]
    cluster: Option<Cluster>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    #[serde(default)]
    certificate_authority_data: Option<String>,
    #[serde(default)]
    certificate_authority: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(default)]
    client_certificate_data: Option<String>,
    #[serde(default)]
    client_certificate: Option<String>,
}

/// Kind, name, embedded data, path; the data win over the path.
type Entry = (EmbeddedKind, String, Option<String>, Option<String>);

impl NamedCluster {
    fn entry(self) -> Entry {
        let cluster = self.cluster.unwrap_or_default();
        (EmbeddedKind::Cluster, self.name, cluster.certificate_authority_data, cluster.certificate_authority)
    }
}

impl NamedUser {
    fn entry(self) -> Entry {
        let user = self.user.unwrap_or_default();
        (EmbeddedKind::User, self.name, user.client_certificate_data, user.client_certificate)
    }
}
