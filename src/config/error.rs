//! Why a configuration is refused.

use std::fmt;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says; part of the message, so no source that would be printed a second time.
        error: std::io::Error,
    },
    /// The file is larger than a configuration can be.
    #[error("{}: expected at most {limit} bytes, found more", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The file was read and is wrong.
    #[error("{}", lines(problems, *more))]
    Invalid {
        /// What is wrong, in the order of the file; at least one.
        problems: Vec<Problem>,
        /// How many further problems were found.
        more: usize,
    },
}

/// One thing that is wrong in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was asked for.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// `sources.edge`; empty at the top.
    pub table: String,
    /// `timeout`, `targets[2].server_name`; empty when it is the table as a whole.
    pub key: String,
    /// What was expected and what was found.
    pub message: String,
}

/// `notafter.toml:7:11: [sources.edge] timeout: expected …, found …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.table.is_empty() {
            write!(f, "[{}] ", self.table)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

fn lines(problems: &[Problem], more: usize) -> String {
    let mut lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}
