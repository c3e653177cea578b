//! The walk: from patterns to the files that match them.
//!
//! Every call to the system is relative to an open folder, so the price of a file does not grow with its depth, and a folder that is
//! swapped for another while it is walked is seen as one or the other. Symbolic links are followed; paths are never resolved.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, fstat, openat, statat};
use rustix::io::Errno;

use super::patterns::{Patterns, State, States};
use super::system::{Missing, broken_link, folder_failure, kind_name, missing, not_found, read_failure, stamp};
use crate::model::{Failure, Listing, Reason, Stage, Stamp};

/// The most folders inside one another; each is an open descriptor while its own are walked.
const MOST_DEEP: usize = 200;
/// The most paths by which one folder is entered in a scan.
const MOST_VISITS: u32 = 100;
/// Between two looks at whether the scan has been given up.
const ENTRIES_PER_LOOK: u32 = 64;

/// What a walk meets.
pub trait Visitor {
    /// A regular file that matches.
    fn file(&mut self, found: Found<'_>);
    /// A path that matches, or is written literally, and is no readable file.
    fn failed(&mut self, path: &str, failure: Failure);
    /// A folder that cannot be looked into; nothing is known of what lies below, except of the paths `reached` in another way.
    fn blocked(&mut self, path: &str, failure: Failure, reached: Vec<String>);
    /// Whether every file is read whatever its stamp, so that nobody needs to ask for it.
    fn reads_all(&self) -> bool {
        false
    }
    /// Whether to stop.
    fn is_over(&self) -> bool;
}

/// A regular file that matches.
pub struct Found<'a> {
    /// The folder that holds it.
    pub dir: &'a Arc<OwnedFd>,
    /// Its name there.
    pub name: &'a CStr,
    /// Its path as matched, as text.
    pub path: &'a str,
    /// What it is now; `None` when the visitor did not care.
    pub stamp: Option<Stamp>,
    /// Whether it was written without wildcards.
    pub literal: bool,
}

/// Walks all that the patterns match. Partial when the visitor ended it.
pub fn walk(patterns: &Patterns, visitor: &mut dyn Visitor) -> Listing {
    let mut walk = Walk {
        patterns,
        visitor,
        path: String::new(),
        buffer: Vec::with_capacity(64 << 10),
        ancestors: Vec::new(),
        visits: HashMap::new(),
        entries: 0,
        over: false,
    };
    for (absolute, root) in [(true, c"/"), (false, c".")] {
        let states = patterns.start(absolute);
        if patterns.lead_on(&states) && !patterns.exclude(&states) {
            walk.path = if absolute { "/".to_owned() } else { String::new() };
            walk.folder(CWD, root, &states);
        }
    }
    if walk.over { Listing::Partial } else { Listing::Complete }
}

struct Walk<'a> {
    patterns: &'a Patterns,
    visitor: &'a mut dyn Visitor,
    path: String,
    buffer: Vec<u8>,
    ancestors: Vec<(u64, u64, States)>,
    /// How often each folder was entered, by device and inode.
    visits: HashMap<(u64, u64), u32>,
    entries: u32,
    over: bool,
}

impl Walk<'_> {
    /// Goes into a folder: to the names that the patterns spell out, then through its list where they have wildcards.
    fn folder(&mut self, parent: BorrowedFd<'_>, name: &CStr, states: &[State]) {
        if self.ancestors.len() >= MOST_DEEP {
            let text = format!("more than {MOST_DEEP} folders inside one another");
            return self.visitor.blocked(&self.path, Failure::new(Stage::Read, Reason::WalkError, text), Vec::new());
        }
        let patterns = self.patterns;
        let literals = patterns.literals(states);
        let listed = patterns.need_listing(states);
        // A folder can be passed through without the right to list it.
        let open = |flags| openat(parent, name, flags | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let opened = if listed { open(OFlags::RDONLY) } else { open(OFlags::PATH) };
        let (dir, unlisted) = match opened {
            Ok(dir) => (dir, None),
            Err(error) if listed && !literals.is_empty() => match open(OFlags::PATH) {
                Ok(dir) => (dir, Some(error)),
                Err(error) => return self.unreachable(states, error),
            },
            Err(error) => return self.unreachable(states, error),
        };
        let dir = Arc::new(dir);
        let stat = match fstat(&dir) {
            Ok(stat) => stat,
            Err(error) => return self.unreachable(states, error),
        };
        // The same folder in the same states again: a link leads back up, and everything below has been met already.
        let (device, inode) = (stamp(&stat).device, stamp(&stat).inode);
        if self.ancestors.iter().any(|(d, i, s)| (*d, *i) == (device, inode) && s == states) {
            return;
        }
        // Folders that link to one another make a path for every order of them.
        let visits = self.visits.entry((device, inode)).or_default();
        *visits += 1;
        if *visits > MOST_VISITS {
            if *visits == MOST_VISITS + 1 {
                let text = format!("the same folder is reached by more than {MOST_VISITS} paths through links; further ones are left out");
                self.visitor.failed(&self.path, Failure::new(Stage::Read, Reason::WalkError, text));
            }
            return;
        }
        self.ancestors.push((device, inode, states.to_vec()));
        let mut next = States::new();
        for literal in &literals {
            patterns.advance(states, literal, &mut next);
            self.entry(&dir, literal, FileType::Unknown, &next);
        }
        if listed {
            let names = match unlisted {
                Some(error) => Err(error),
                None => self.list(&dir),
            };
            match names {
                Ok(names) => {
                    for (name, kind) in names.iter() {
                        if self.over {
                            break;
                        }
                        if literals.binary_search(&name).is_err() {
                            patterns.advance(states, name, &mut next);
                            self.entry(&dir, name, kind, &next);
                        }
                    }
                }
                Err(error) => {
                    let reached = literals.iter().map(|name| joined(&self.path, name)).collect();
                    self.visitor.blocked(&self.path, folder_failure(error), reached);
                }
            }
        }
        self.ancestors.pop();
    }

    /// One name in a folder, of a kind that may not be known yet.
    fn entry(&mut self, dir: &Arc<OwnedFd>, name: &CStr, kind: FileType, states: &[State]) {
        self.entries = self.entries.wrapping_add(1);
        if self.entries.is_multiple_of(ENTRIES_PER_LOOK) {
            self.over |= self.visitor.is_over();
        }
        if self.over || states.is_empty() || self.patterns.exclude(states) {
            return;
        }
        let (accepted, leads_on) = (self.patterns.accept(states), self.patterns.lead_on(states));
        let length = self.path.len();
        match kind {
            _ if !accepted && !leads_on => {}
            FileType::Directory if leads_on => {
                push(&mut self.path, name);
                self.folder(dir.as_fd(), name, states);
            }
            FileType::RegularFile if !accepted => {}
            FileType::RegularFile if self.visitor.reads_all() => {
                push(&mut self.path, name);
                let literal = self.patterns.accept_literally(states);
                self.visitor.file(Found { dir, name, path: &self.path, stamp: None, literal });
                self.each_literal_below(states, |visitor, path| visitor.failed(path, not_found(path)));
            }
            FileType::RegularFile | FileType::Symlink | FileType::Unknown => {
                push(&mut self.path, name);
                match statat(dir, name, AtFlags::empty()) {
                    Ok(stat) => self.resolved(dir, name, &stat, states),
                    Err(error) => self.unresolved(dir, name, states, error),
                }
            }
            _ => {}
        }
        self.path.truncate(length);
    }

    /// A path that leads to something.
    fn resolved(&mut self, dir: &Arc<OwnedFd>, name: &CStr, stat: &Stat, states: &[State]) {
        let literal = self.patterns.accept_literally(states);
        let kind = FileType::from_raw_mode(stat.st_mode);
        match kind {
            FileType::Directory if self.patterns.lead_on(states) => return self.folder(dir.as_fd(), name, states),
            FileType::RegularFile if self.patterns.accept(states) => {
                self.visitor.file(Found { dir, name, path: &self.path, stamp: Some(stamp(stat)), literal });
            }
            _ if literal => {
                let text = format!("{} is {}, not a file", self.path, kind_name(kind));
                self.visitor.failed(&self.path, Failure::new(Stage::Read, Reason::ReadFailed, text));
            }
            _ => {}
        }
        self.each_literal_below(states, |visitor, path| visitor.failed(path, not_found(path)));
    }

    /// A path that leads nowhere, or nobody may say where.
    fn unresolved(&mut self, dir: &Arc<OwnedFd>, name: &CStr, states: &[State], error: Errno) {
        match missing(dir.as_fd(), name, error) {
            Missing::Gone => {
                if self.patterns.accept_literally(states) {
                    self.visitor.failed(&self.path, not_found(&self.path));
                }
                self.each_literal_below(states, |visitor, path| visitor.failed(path, not_found(path)));
            }
            Missing::BrokenLink => {
                if self.patterns.accept(states) {
                    self.visitor.failed(&self.path, broken_link(&self.path));
                }
                self.each_literal_below(states, |visitor, path| visitor.failed(path, broken_link(path)));
            }
            Missing::Failed if !self.patterns.lead_on(states) => self.visitor.failed(&self.path, read_failure(error)),
            Missing::Failed => self.unreachable(states, error),
        }
    }

    /// A folder that cannot be entered.
    fn unreachable(&mut self, states: &[State], error: Errno) {
        if matches!(error, Errno::NOENT | Errno::NOTDIR) {
            return self.each_literal_below(states, |visitor, path| visitor.failed(path, not_found(path)));
        }
        self.each_literal_below(states, |visitor, path| visitor.blocked(path, folder_failure(error), Vec::new()));
        if self.patterns.lead_on_by_wildcards(states) {
            self.visitor.blocked(&self.path, folder_failure(error), Vec::new());
        }
    }

    /// Each path below here that is written without wildcards.
    fn each_literal_below(&mut self, states: &[State], mut tell: impl FnMut(&mut dyn Visitor, &str)) {
        for rest in self.patterns.literal_rests(states) {
            let mut path = self.path.clone();
            rest.into_iter().for_each(|name| push(&mut path, name));
            tell(self.visitor, &path);
        }
    }

    /// Reads the whole list before anything is done with it: a folder that fails halfway has failed as a whole.
    fn list(&mut self, dir: &OwnedFd) -> Result<Names, Errno> {
        let mut names = Names::default();
        let mut entries = RawDir::new(dir, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            if name != b".\0" && name != b"..\0" {
                names.bytes.extend_from_slice(name);
                names.entries.push((names.bytes.len(), entry.file_type()));
            }
        }
        Ok(names)
    }
}

/// The list of a folder in two allocations.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    entries: Vec<(usize, FileType)>,
}

impl Names {
    fn iter(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        let mut start = 0;
        self.entries.iter().filter_map(move |(end, kind)| {
            let name = CStr::from_bytes_with_nul(&self.bytes[start..*end]).ok()?;
            start = *end;
            Some((name, *kind))
        })
    }
}

fn joined(path: &str, name: &CStr) -> String {
    let mut path = path.to_owned();
    push(&mut path, name);
    path
}

/// Appends a name as text.
fn push(path: &mut String, name: &CStr) {
    if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(&text(name.to_bytes()));
}

/// A path or a part of one as text. In one that is not UTF-8, bad bytes become `\xNN` and backslashes double.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    Cow::Owned(text)
}
