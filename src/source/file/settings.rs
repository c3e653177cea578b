//! What stands in the table of a file source.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::read::read_bounded;
use crate::model::{BoxError, BuildError, ByteSize, Failure, Reason, ScanContext, Secret, Stage};

/// The most bytes of a passphrase file.
const PASSPHRASE_LIMIT: u64 = 64 << 10;

/// `type = "file"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Files, folders and globs to read; `**` crosses folders, `?` and `[…]` stand for one byte, names with a leading dot are spelt out.
    pub paths: Vec<String>,
    /// Globs taken out again; a folder goes with all below it.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The largest file that is read.
    #[serde(default = "default_max_size")]
    pub max_size: ByteSize,
    /// Opens keystores.
    #[serde(default)]
    pub passphrase: Option<Secret>,
    /// A file that holds the passphrase; read at each scan.
    #[serde(default)]
    pub passphrase_file: Option<PathBuf>,
    /// An environment variable that holds the passphrase.
    #[serde(default)]
    pub passphrase_env: Option<String>,
}

fn default_max_size() -> ByteSize {
    ByteSize(16 << 20)
}

impl FileSettings {
    /// The defaults for these paths.
    pub fn of(paths: Vec<String>) -> Self {
        Self { paths, exclude: Vec::new(), max_size: default_max_size(), passphrase: None, passphrase_file: None, passphrase_env: None }
    }

    /// Where the passphrases of a scan come from.
    pub(in crate::source) fn passphrases(&self, base: &Path) -> Result<Passphrases, BuildError> {
        Passphrases::new(self.passphrase.as_ref(), self.passphrase_file.as_deref(), self.passphrase_env.as_deref(), base)
    }
}

const ONE_PASSPHRASE: &str = "at most one of passphrase, passphrase_file and passphrase_env";

/// Where the passphrases of a scan come from.
#[derive(Debug)]
pub(in crate::source) enum Passphrases {
    /// Nothing is configured: the empty one, then Java's.
    Usual,
    Given(Secret),
    File(PathBuf),
    Variable(String),
}

impl Passphrases {
    /// At most one of them may be given.
    pub(in crate::source) fn new(
        given: Option<&Secret>,
        file: Option<&Path>,
        variable: Option<&str>,
        base: &Path,
    ) -> Result<Self, BuildError> {
        match (given, file, variable) {
            (None, None, None) => Ok(Self::Usual),
            (Some(secret), None, None) => Ok(Self::Given(secret.clone())),
            (None, Some(file), None) => Ok(Self::File(base.join(file))),
            (None, None, Some(variable)) => Ok(Self::Variable(variable.to_owned())),
            (_, _, Some(_)) => Err(BuildError::new("passphrase_env", ONE_PASSPHRASE)),
            (_, Some(_), _) => Err(BuildError::new("passphrase_file", ONE_PASSPHRASE)),
        }
    }

    /// The passphrases to try now. None when they cannot be had: the source says why, and keystores do not open.
    pub(in crate::source) fn now(&self, cx: &ScanContext) -> Arc<[Secret]> {
        let result: Result<Secret, (Reason, BoxError)> = match self {
            Self::Usual => return [Secret(String::new()), Secret("changeit".to_owned())].into(),
            Self::Given(secret) => Ok(secret.clone()),
            Self::File(path) => kept_secret(path)
                .and_then(|()| read_bounded(path, PASSPHRASE_LIMIT))
                .map_err(|failure| (failure.reason, format!("passphrase_file: {}", failure.detail).into()))
                .and_then(|bytes| {
                    let passphrase = passphrase_in(bytes);
                    passphrase.ok_or_else(|| (Reason::ReadFailed, format!("passphrase_file: {} is not UTF-8", path.display()).into()))
                }),
            Self::Variable(name) => std::env::var(name).map(Secret).map_err(|error| {
                // The error of a variable that is not UTF-8 shows what it holds.
                let text = if error == std::env::VarError::NotPresent { "is not set" } else { "is not UTF-8" };
                (Reason::ReadFailed, format!("passphrase_env: {name} {text}").into())
            }),
        };
        match result {
            Ok(secret) => [secret].into(),
            Err((reason, detail)) => {
                cx.source_error(Failure { stage: Stage::Read, reason, detail });
                [].into()
            }
        }
    }

    /// Whether another passphrase may open what did not open before.
    pub(super) const fn may_change(&self) -> bool {
        !matches!(self, Self::Usual)
    }
}

/// What everybody may read is no secret, whatever it opens: a file with that mode is not used until it is closed.
fn kept_secret(path: &Path) -> Result<(), Failure> {
    // Where it cannot be asked for, reading says why.
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & 0o004 == 0 {
        return Ok(());
    }
    let words = format!(
        "{}: everybody may read it (mode {:04o}); chmod o-r, or defaultMode: 0440 of a mounted Secret",
        path.display(),
        mode & 0o7777
    );
    Err(Failure::new(Stage::Read, Reason::PermissionDenied, words))
}

/// The passphrase that a file of these bytes holds: all of it but the end of its last line. `None` when it is not UTF-8.
pub fn passphrase_in(bytes: Vec<u8>) -> Option<Secret> {
    let text = String::from_utf8(bytes).ok()?;
    Some(Secret(text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line)).to_owned()))
}
