//! The files of a configuration: those that the settings name, and those that these refer to. Each is read once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::contexts::{self, SecretFile, User};
use super::node;
use crate::model::{Failure, Reason};
use crate::source::configured::{Gathered, Matches, path_from, shown};
use crate::source::file::patterns::Patterns;
use crate::source::file::read_bounded;

/// The most files of a configuration.
const MOST_FILES: usize = 2_000;
/// The most bytes of one of them.
const LARGEST_FILE: u64 = 16 << 20;
/// The most bytes of all.
const LARGEST_SUM: u64 = 64 << 20;

/// The most files of static secrets of one name, over all documents.
const MOST_NAMESAKES: usize = 64;
/// The most uses of files: each for each user and host.
pub const MOST_USES: usize = 4_000_000;

/// All that the files name that the patterns match, with at most so many uses. Relative paths start from `prefix`, or else from the
/// folder of their file.
pub fn gather(patterns: &Patterns, prefix: Option<&Path>, most: usize, is_over: &dyn Fn() -> bool) -> Gathered {
    let Matches { paths, failures } = Matches::of(patterns, MOST_FILES, is_over);
    let mut gathered = Gathered::default();
    for (path, failure) in failures {
        gathered.fail(failure.reason, format!("{path}: {}", failure.detail));
    }
    let mut loading = Loading {
        prefix,
        gathered,
        is_over,
        uses_left: most,
        queue: VecDeque::new(),
        met: HashSet::new(),
        bytes_left: LARGEST_SUM,
        secrets: BTreeMap::new(),
        references: Vec::new(),
    };
    paths.into_iter().for_each(|path| loading.enqueue(path, None));
    while let Some((path, from)) = loading.queue.pop_front() {
        if is_over() {
            break;
        }
        loading.document(&path, from.as_deref());
    }
    loading.resolve();
    if loading.uses_left == 0 {
        loading.gathered.fail(Reason::TooLarge, format!("more than {most} uses of files"));
    }
    loading.gathered
}

/// A file of a secret, and its path from the root.
type LocatedFile = (SecretFile, PathBuf);

struct Loading<'a> {
    prefix: Option<&'a Path>,
    gathered: Gathered,
    is_over: &'a dyn Fn() -> bool,
    uses_left: usize,
    /// Files to be read, each with the one that refers to it.
    queue: VecDeque<(PathBuf, Option<Rc<str>>)>,
    met: HashSet<PathBuf>,
    bytes_left: u64,
    /// By document and name.
    secrets: BTreeMap<(PathBuf, Box<str>), Vec<LocatedFile>>,
    /// To be looked up when all is read; without a path in any document.
    references: Vec<(User, Box<str>, Option<PathBuf>)>,
}

impl Loading<'_> {
    fn enqueue(&mut self, path: PathBuf, from: Option<&Rc<str>>) {
        if self.met.contains(&path) {
            return;
        }
        if self.met.len() >= MOST_FILES {
            return self.gathered.fail(Reason::TooLarge, format!("{}: more than {MOST_FILES} configuration files", shown(&path)));
        }
        self.met.insert(path.clone());
        self.queue.push_back((path, from.cloned()));
    }

    fn document(&mut self, path: &Path, from: Option<&str>) {
        let name = shown(path);
        let from = from.map_or_else(String::new, |from| format!("{from}: refers to "));
        let bytes = match read_bounded(path, LARGEST_FILE) {
            Ok(bytes) => bytes,
            Err(Failure { reason, detail, .. }) => return self.gathered.fail(reason, format!("{from}{detail}")),
        };
        match self.bytes_left.checked_sub(bytes.len() as u64) {
            Some(left) => self.bytes_left = left,
            None => return self.gathered.fail(Reason::TooLarge, format!("{name}: more than {LARGEST_SUM} bytes in all files")),
        }
        // Envoy takes no empty file; it is just being written.
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return self.gathered.fail(Reason::DecodeFailed, format!("{name} is empty"));
        }
        let document = match node::parse(&name, &bytes) {
            Ok(document) => document,
            Err(message) => return self.gathered.fail(Reason::DecodeFailed, format!("{name}:{message}")),
        };
        if document.has_more {
            self.gathered.unseen(|| format!("{name} holds more than one YAML document, of which Envoy reads the first alone"));
        }
        let said = contexts::read(&document.root);
        let folder = self.prefix.or(path.parent()).unwrap_or(Path::new("")).to_owned();
        let absolute = |text: &str| path_from(&folder, Path::new(text));
        for (user, file) in said.files {
            self.add(&user, &file, &absolute(&file.path));
        }
        for (secret, files) in said.secrets {
            let paths: Vec<PathBuf> = files.iter().map(|file| absolute(&file.path)).collect();
            // One that nobody refers to is watched all the same.
            paths.iter().for_each(|path| self.gathered.files.add(path));
            // Envoy takes no second one of the same name.
            self.secrets.entry((path.to_owned(), secret)).or_insert_with(|| files.into_iter().zip(paths).collect());
        }
        let references = said.references.into_iter();
        self.references.extend(references.map(|(user, reference)| (user, reference.name, reference.path.map(|path| absolute(&path)))));
        let name = Rc::from(name);
        for document in said.documents {
            self.enqueue(absolute(&document), Some(&name));
        }
    }

    /// The scan is over, or there are too many uses.
    fn is_given_up(&self) -> bool {
        self.uses_left == 0 || (self.is_over)()
    }

    fn add(&mut self, user: &User, file: &SecretFile, path: &Path) {
        self.gathered.files.add(path);
        let Some(kind) = user.kind(file.part) else { return };
        self.uses_left = self.uses_left.saturating_sub(user.hosts.len());
        if self.is_given_up() {
            return;
        }
        user.hosts.iter().for_each(|host| self.gathered.files.add_use(path, kind, &user.name, host));
    }

    /// Gives the files of secrets to whoever refers to them.
    fn resolve(&mut self) {
        let secrets = std::mem::take(&mut self.secrets);
        let mut by_name: HashMap<&str, Vec<&LocatedFile>> = HashMap::new();
        for ((_, name), files) in &secrets {
            let of_name = by_name.entry(name).or_default();
            if of_name.len() < MOST_NAMESAKES {
                of_name.extend(files);
            }
        }
        for (user, name, document) in std::mem::take(&mut self.references) {
            if self.is_given_up() {
                return;
            }
            match document {
                Some(document) => {
                    for (file, path) in secrets.get(&(document, name)).into_iter().flatten() {
                        self.add(&user, file, path);
                    }
                }
                None => {
                    for (file, path) in by_name.get(&*name).into_iter().flatten() {
                        self.add(&user, file, path);
                    }
                }
            }
        }
    }
}
