//! Targets from elsewhere: `file_sd` and `http_sd` documents as Prometheus writes and serves them, and what clusters serve; read again at each scan.
//!
//! A document that cannot be read keeps its last good targets: what is watched must not vanish with a typing error.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

use super::cluster::{ClusterSettings, ServedCluster};
use super::target::{Target, discovered};
use crate::model::observation::Roots;
use crate::model::user_labels::check_name;
use crate::model::{BuildError, Failure, Reason, ScanContext, Stage};
use crate::net::{FetchError, HttpClient, trust};

/// The largest document.
const DOCUMENT_BYTES: usize = 4 << 20;
/// The most targets of a source, from all documents.
const TARGETS: usize = 100_000;
/// The most files that globs may match.
const FILES: usize = 1_000;
/// The one label of Prometheus' own kind that means something here.
const SERVER_NAME: &str = "__server_name";
/// YAML nests no deeper.
const MOST_DEEP: usize = 16;

/// A URL of documents. Its user and password never appear in logs.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct DocumentUrl(String);

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&HttpClient::shown(&self.0), f)
    }
}

/// Where documents are, and what they said last.
pub(super) struct Discovery {
    files: Vec<Pattern>,
    urls: Vec<DocumentUrl>,
    clusters: Vec<ServedCluster>,
    client: Mutex<Option<Trusting>>,
    server_name: Option<String>,
    last: Mutex<BTreeMap<String, Arc<Vec<Target>>>>,
}

/// A client, and the anchors that it was made with.
struct Trusting {
    roots: Option<Arc<Roots>>,
    client: HttpClient,
}

/// A path whose last part may be a glob.
#[derive(Clone)]
struct Pattern {
    folder: PathBuf,
    /// `None`: a file by its name, which must be there.
    name: Option<GlobMatcher>,
    path: PathBuf,
}

/// All targets of a scan.
pub(super) struct Discovered {
    pub targets: Vec<Target>,
    /// Whether each document was read now or before.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Discovery {
    /// Reads and dials nothing yet.
    ///
    /// # Errors
    /// A pattern or URL that cannot be meant.
    pub fn new(
        files: &[String],
        urls: &[DocumentUrl],
        clusters: &[ClusterSettings],
        base: &Path,
        server_name: Option<&str>,
    ) -> Result<Self, BuildError> {
        let each = |key: &str, index: usize, error: String| BuildError::new(format!("{key}[{index}]"), error);
        let mut patterns = Vec::new();
        for (index, text) in files.iter().enumerate() {
            patterns.push(Pattern::new(text, base).map_err(|error| each("file_sd", index, error))?);
        }
        for (index, url) in urls.iter().enumerate() {
            HttpClient::check(&url.0).map_err(|error| each("http_sd", index, error))?;
        }
        Ok(Self {
            files: patterns,
            urls: urls.to_vec(),
            clusters: clusters.iter().enumerate().map(|(index, one)| ServedCluster::new(one, index, base)).collect::<Result<_, _>>()?,
            client: Mutex::default(),
            server_name: server_name.map(str::to_owned),
            last: Mutex::default(),
        })
    }

    /// The targets of the configuration, then those of the documents; of equal ones the first counts. Servers of documents are
    /// trusted by these roots; without any there is no https.
    pub async fn targets(&self, configured: &[Target], roots: Option<&Arc<Roots>>, cx: &ScanContext) -> Discovered {
        let mut documents: Vec<(String, Result<Vec<u8>, Failure>)> = Vec::new();
        let patterns = self.files.clone();
        if !patterns.is_empty() {
            match tokio::task::spawn_blocking(move || read_files(&patterns)).await {
                Ok(read) => documents.extend(read),
                Err(error) => documents.push(("file_sd".to_owned(), Err(Failure::new(Stage::Read, Reason::ReadFailed, error)))),
            }
        }
        let client = self.client(roots);
        let fetched = self.urls.iter().map(|DocumentUrl(url)| async {
            let name = HttpClient::shown(url);
            let body = match &client {
                Ok(_) if begins(url, "https://") && roots.is_none() => Err(Failure::new(
                    Stage::Read,
                    Reason::RootsUnreadable,
                    format!("{name}: not asked, for the trust anchors that its certificate is judged by cannot be read"),
                )),
                Ok(client) => {
                    let body = client.get(url, DOCUMENT_BYTES, cx.timeout).await;
                    body.map_err(|error| Failure::new(Stage::Read, reason(&error), format!("{name}: {error}")))
                }
                Err(words) => Err(Failure::new(Stage::Read, Reason::ReadFailed, format!("{name}: {words}"))),
            };
            (name, body)
        });
        documents.extend(futures_util::future::join_all(fetched).await);

        let served =
            futures_util::future::join_all(self.clusters.iter().map(|cluster| cluster.targets(self.server_name.as_deref(), cx))).await;
        let documents = documents.into_iter().map(|(name, bytes)| {
            let read = bytes.and_then(|bytes| self.read(&name, &bytes, cx));
            (name, read)
        });

        let mut all = Discovered { targets: configured.to_vec(), complete: true };
        let mut seen: HashSet<(Box<str>, Box<str>)> = all.targets.iter().map(key).collect();
        let mut now = BTreeMap::new();
        let mut cut = 0;
        for (name, read) in documents.chain(served) {
            let read = match read {
                Ok(targets) => vec![(name, Arc::new(targets))],
                Err(failure) => {
                    cx.source_error(failure);
                    self.last_good(&name)
                }
            };
            all.complete &= !read.is_empty();
            for (name, targets) in read {
                for target in &*targets {
                    if all.targets.len() >= TARGETS.max(configured.len()) {
                        cut += 1;
                    } else if seen.insert(key(target)) {
                        all.targets.push(target.clone());
                    }
                }
                now.insert(name, targets);
            }
        }
        if cut > 0 {
            cx.source_error(Failure::new(Stage::Read, Reason::TooLarge, format!("more than {TARGETS} targets: {cut} are left out")));
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
        all
    }

    /// A client that trusts these roots: the one of the scan before, unless they have changed.
    fn client(&self, roots: Option<&Arc<Roots>>) -> Result<HttpClient, String> {
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*held
            && made.roots.as_ref().map(Arc::as_ptr) == roots.map(Arc::as_ptr)
        {
            return Ok(made.client.clone());
        }
        let anchors = roots.map(|roots| &*roots.anchors).unwrap_or_default();
        let tls = trust(anchors, None).map_err(|error| error.to_string())?;
        let client = HttpClient::new(tls).map_err(|error| error.to_string())?;
        *held = Some(Trusting { roots: roots.cloned(), client: client.clone() });
        Ok(client)
    }

    /// What was read last of a document that cannot be read now; of a folder that cannot be listed, of every document in it.
    fn last_good(&self, name: &str) -> Vec<(String, Arc<Vec<Target>>)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let folder =
            self.files.iter().find(|pattern| pattern.name.is_some() && pattern.path.as_os_str() == name).map(|pattern| &*pattern.folder);
        let is_of_it = |known: &str| known == name || folder.is_some_and(|folder| Path::new(known).parent() == Some(folder));
        last.iter().filter(|(known, _)| is_of_it(known)).map(|(known, targets)| (known.clone(), targets.clone())).collect()
    }

    /// One document. What is wrong with single entries is told and costs them alone.
    fn read(&self, name: &str, bytes: &[u8], cx: &ScanContext) -> Result<Vec<Target>, Failure> {
        let groups = parse(name, bytes).map_err(|words| Failure::new(Stage::Parse, Reason::DecodeFailed, format!("{name}: {words}")))?;
        let mut targets = Vec::new();
        let mut refused: Vec<String> = Vec::new();
        for group in groups {
            let mut server_name = self.server_name.clone();
            let mut labels = BTreeMap::new();
            for (label, value) in group.labels {
                if label == SERVER_NAME {
                    server_name = Some(value);
                } else if label.starts_with("__") || value.is_empty() {
                    continue;
                } else if let Err(error) = check_name(&label) {
                    refused.push(format!("label {label:?} left out: {error}"));
                } else {
                    labels.insert(label, value);
                }
            }
            for written in &group.targets {
                if targets.len() == TARGETS {
                    refused.push(format!("more than {TARGETS} targets"));
                    break;
                }
                match discovered(written, server_name.as_deref(), &labels) {
                    Ok(target) => targets.push(target),
                    Err(error) => refused.push(format!("target {written:?} left out: {error}")),
                }
            }
        }
        if let Some(first) = refused.first() {
            let more = if refused.len() > 1 { format!("; and {} more", refused.len() - 1) } else { String::new() };
            cx.source_error(Failure::new(Stage::Parse, Reason::DecodeFailed, format!("{name}: {first}{more}")));
        }
        Ok(targets)
    }
}

fn key(target: &Target) -> (Box<str>, Box<str>) {
    (target.target.clone(), target.server_name.clone())
}

fn reason(error: &FetchError) -> Reason {
    match error {
        FetchError::TooLarge(_) => Reason::TooLarge,
        FetchError::Untrusted(_) => Reason::ServerUntrusted,
        FetchError::Status(404 | 410) => Reason::NotFound,
        FetchError::Status(401 | 403) => Reason::PermissionDenied,
        _ => Reason::ReadFailed,
    }
}

fn begins(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// How many targets one document alone lists, and what is wrong with the others goes to `cx`: nothing is read. YAML by its name, else JSON.
///
/// # Errors
/// It is no list of target groups.
pub fn listed(name: &str, bytes: &[u8], cx: &ScanContext) -> Result<usize, Failure> {
    let discovery = Discovery::new(&[], &[], &[], Path::new("/"), None)
        .map_err(|error| Failure::new(Stage::Parse, Reason::DecodeFailed, error.message))?;
    Ok(discovery.read(name, bytes, cx)?.len())
}

/// By its name YAML; anything else is JSON, as whatever HTTP serves.
fn parse(name: &str, bytes: &[u8]) -> Result<Vec<Group>, String> {
    let is_url = begins(name, "https://") || begins(name, "http://");
    let is_yaml = !is_url && [".yml", ".yaml"].iter().any(|end| name.ends_with(end));
    if !is_yaml {
        return serde_json::from_slice(bytes).map_err(|error| format!("not a list of target groups: {error}"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let budget = serde_saphyr::budget! { max_depth: MOST_DEEP };
    let options = serde_saphyr::options! { with_snippet: false, budget: budget };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| {
        let at = error.location().map_or(String::new(), |at| format!(" at line {}, column {}", at.line(), at.column()));
        format!("not a list of target groups{at}")
    })
}

impl Pattern {
    fn new(text: &str, base: &Path) -> Result<Self, String> {
        let expected =
            || format!("expected a path that ends in .json, .yml or .yaml, with wildcards in its last part alone, found {text:?}");
        let path = base.join(text);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return Err(expected()) };
        let is_wild = |text: &str| text.contains(['*', '?', '[', '{']);
        if text.is_empty() || is_wild(&folder.to_string_lossy()) || ![".json", ".yml", ".yaml"].iter().any(|end| name.ends_with(end)) {
            return Err(expected());
        }
        let glob = |name: &str| GlobBuilder::new(name).literal_separator(true).build().map(|glob| glob.compile_matcher());
        let matcher = if is_wild(name) { Some(glob(name).map_err(|error| format!("{}: {error}", expected()))?) } else { None };
        Ok(Self { folder: folder.to_owned(), name: matcher, path })
    }
}

/// Every document by its path, in order; each once.
fn read_files(patterns: &[Pattern]) -> Vec<(String, Result<Vec<u8>, Failure>)> {
    let mut documents: Vec<(String, Result<Vec<u8>, Failure>)> = Vec::new();
    for pattern in patterns {
        let paths = match &pattern.name {
            None => Ok(vec![pattern.path.clone()]),
            Some(matcher) => matching(&pattern.folder, matcher),
        };
        let failed = |path: &Path, error: std::io::Error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => Reason::NotFound,
                std::io::ErrorKind::PermissionDenied => Reason::PermissionDenied,
                std::io::ErrorKind::FileTooLarge => Reason::TooLarge,
                _ => Reason::ReadFailed,
            };
            Failure::new(Stage::Read, reason, format!("{}: {error}", path.display()))
        };
        match paths {
            Err(error) => documents.push((pattern.path.display().to_string(), Err(failed(&pattern.folder, error)))),
            Ok(paths) => {
                for path in paths {
                    let name = path.display().to_string();
                    if documents.iter().all(|(known, _)| *known != name) {
                        documents.push((name, read_file(&path).map_err(|error| failed(&path, error))));
                    }
                }
            }
        }
    }
    documents
}

fn matching(folder: &Path, matcher: &GlobMatcher) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if matcher.is_match(entry.file_name()) {
            paths.push(entry.path());
        }
        if paths.len() > FILES {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("more than {FILES} files match")));
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    let most = DOCUMENT_BYTES as u64;
    if std::io::copy(&mut File::open(path)?.take(most + 1), &mut bytes)? > most {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
    }
    Ok(bytes)
}
