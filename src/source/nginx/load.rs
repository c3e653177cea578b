//! The files of a configuration: the main one, and what is included from it.
//!
//! Each file is read once, however often it is included. What cannot be read is told, and the rest goes on.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::syntax::{self, Directive};
use crate::model::Reason;
use crate::source::configured::{Gathered, Matches, path_from, shown};
use crate::source::file::patterns::{Folders, Patterns};
use crate::source::file::read_bounded;

/// The most files inside one another.
const MOST_DEEP: usize = 16;
/// The most files of a configuration.
const MOST_FILES: usize = 10_000;
/// The most bytes of one of them.
const LARGEST_FILE: u64 = 16 << 20;
/// The most bytes of all.
const LARGEST_SUM: u64 = 64 << 20;
/// The most directives that are kept of all.
const MOST_DIRECTIVES: usize = 500_000;

/// The files of a configuration. The first one is the main one; inclusions never lead back.
#[derive(Debug, Default)]
pub struct Tree {
    /// In the order in which they were first included.
    pub files: Vec<ConfigFile>,
}

/// One file.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Its path, as messages and labels show it.
    pub path: Box<str>,
    /// What it says; nothing where it could not be read.
    pub directives: Vec<Directive>,
}

/// Reads a configuration whose relative paths start from `prefix`.
pub fn load(config: &Path, prefix: &Path, gathered: &mut Gathered, is_over: &dyn Fn() -> bool) -> Tree {
    let mut loading = Loading {
        prefix,
        gathered,
        is_over,
        tree: Tree::default(),
        known: HashMap::new(),
        within: Vec::new(),
        bytes_left: LARGEST_SUM,
        directives_left: MOST_DIRECTIVES,
    };
    loading.file(config, None);
    loading.tree
}

struct Loading<'a> {
    prefix: &'a Path,
    gathered: &'a mut Gathered,
    is_over: &'a dyn Fn() -> bool,
    tree: Tree,
    known: HashMap<PathBuf, usize>,
    /// The files that are being read, one inside the other.
    within: Vec<usize>,
    bytes_left: u64,
    directives_left: usize,
}

impl Loading<'_> {
    /// Reads a file and what it includes. `from` is where it is included, for messages.
    fn file(&mut self, path: &Path, from: Option<&str>) -> Option<usize> {
        let fail = |gathered: &mut Gathered, reason, text: String| {
            gathered.fail(reason, from.map_or_else(String::new, |from| format!("{from}: include: ")) + &text);
            None
        };
        if let Some(known) = self.known.get(path) {
            if self.within.contains(known) {
                return fail(self.gathered, Reason::DecodeFailed, format!("{} includes itself", shown(path)));
            }
            return Some(*known);
        }
        if (self.is_over)() {
            return None;
        }
        if self.within.len() > MOST_DEEP {
            return fail(self.gathered, Reason::TooLarge, format!("{}: more than {MOST_DEEP} files inside one another", shown(path)));
        }
        if self.tree.files.len() >= MOST_FILES {
            return fail(self.gathered, Reason::TooLarge, format!("{}: more than {MOST_FILES} files", shown(path)));
        }
        let number = self.tree.files.len();
        let name = shown(path);
        self.known.insert(path.to_owned(), number);
        self.tree.files.push(ConfigFile { path: (&*name).into(), directives: Vec::new() });
        let bytes = match read_bounded(path, LARGEST_FILE) {
            Ok(bytes) => bytes,
            Err(failure) => return fail(self.gathered, failure.reason, failure.detail.to_string()),
        };
        match self.bytes_left.checked_sub(bytes.len() as u64) {
            Some(left) => self.bytes_left = left,
            None => return fail(self.gathered, Reason::TooLarge, format!("{name}: more than {LARGEST_SUM} bytes in all files")),
        }
        // nginx takes no empty one; it is just being written.
        if number == 0 && bytes.iter().all(u8::is_ascii_whitespace) {
            return fail(self.gathered, Reason::DecodeFailed, format!("{name} is empty"));
        }
        let mut directives = match syntax::parse(&bytes, self.directives_left) {
            Ok(directives) => directives,
            Err(error) => {
                let reason = if error.is_too_large { Reason::TooLarge } else { Reason::DecodeFailed };
                self.gathered.fail(reason, format!("{name}:{}: {}", error.line, error.message));
                return None;
            }
        };
        drop(bytes);
        self.within.push(number);
        self.includes(&name, &mut directives);
        self.within.pop();
        self.tree.files[number].directives = directives;
        Some(number)
    }

    /// Reads what the directives include, at any depth.
    fn includes(&mut self, file: &str, directives: &mut [Directive]) {
        self.directives_left = self.directives_left.saturating_sub(directives.len());
        for directive in directives {
            if let Some(block) = &mut directive.block {
                self.includes(file, block);
            } else if &*directive.name == "include" {
                let from = format!("{file}:{}", directive.line);
                let Some(pattern) = directive.words.first() else { continue };
                for path in self.included(&from, pattern) {
                    directive.included.extend(self.file(&path, Some(&from)));
                }
            }
        }
    }

    /// The files that an `include` means: nginx takes it for a pattern when it has a wildcard, and then it may match nothing.
    fn included(&mut self, from: &str, pattern: &[u8]) -> Vec<PathBuf> {
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            return vec![path_from(self.prefix, Path::new(OsStr::from_bytes(pattern)))];
        }
        let patterns = match Patterns::new(self.prefix, &[glob(pattern)], &[], Folders::Refused) {
            Ok(patterns) => patterns,
            Err((_, message)) => {
                self.gathered.fail(Reason::DecodeFailed, format!("{from}: include: {message}"));
                return Vec::new();
            }
        };
        let Matches { paths, failures } = Matches::of(&patterns, MOST_FILES, self.is_over);
        for (path, failure) in failures {
            self.gathered.fail(failure.reason, format!("{from}: include: {path}: {}", failure.detail));
        }
        paths
    }
}

/// What glob(3) means in the words of a file source: braces are nothing special, and no wildcard crosses folders.
fn glob(pattern: &[u8]) -> String {
    let mut plain = String::new();
    for char in String::from_utf8_lossy(pattern).chars() {
        match char {
            '{' | '}' => plain.extend(['\\', char]),
            '*' if plain.ends_with('*') && !plain.ends_with("\\*") => {}
            _ => plain.push(char),
        }
    }
    plain
}
