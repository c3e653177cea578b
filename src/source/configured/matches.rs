//! The files that patterns of a configuration match, and what could not be looked at on the way.
//!
//! May touch: the walk of file sources. Must not: read what it finds.

use std::path::PathBuf;

use crate::model::Failure;
use crate::source::file::patterns::Patterns;
use crate::source::file::walk::{Found, Visitor, walk};

/// What patterns match.
pub struct Matches {
    /// The files, sorted; one more than asked for where there are more.
    pub paths: Vec<PathBuf>,
    /// Paths that could not be looked at, and why: what lies there is unknown, not absent.
    pub failures: Vec<(String, Failure)>,
}

impl Matches {
    /// Walks until the patterns end, `is_over` says so, or more than `most` files are found.
    pub fn of(patterns: &Patterns, most: usize, is_over: &dyn Fn() -> bool) -> Self {
        let mut gathering = Gathering { matches: Self { paths: Vec::new(), failures: Vec::new() }, most, is_over };
        walk(patterns, &mut gathering);
        let mut matches = gathering.matches;
        matches.paths.sort_unstable();
        matches
    }
}

struct Gathering<'a> {
    matches: Matches,
    most: usize,
    is_over: &'a dyn Fn() -> bool,
}

impl Visitor for Gathering<'_> {
    fn file(&mut self, found: Found<'_>) {
        if self.matches.paths.len() <= self.most {
            self.matches.paths.push(found.path.into());
        }
    }

    fn failed(&mut self, path: &str, failure: Failure) {
        self.matches.failures.push((path.to_owned(), failure));
    }

    /// The other program may look where this process may not.
    fn blocked(&mut self, path: &str, failure: Failure, _: Vec<String>) {
        self.failed(path, failure);
    }

    fn is_over(&self) -> bool {
        (self.is_over)()
    }
}
