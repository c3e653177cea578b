//! From a file to a [`Config`].

use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

use super::error::ConfigError;
use super::section::{Problems, Section};
use super::source::Defaults;
use super::{Config, Origin, metrics, probe, revocation, rules, server, source, storage};

/// A configuration of 10,000 endpoints takes half of this.
const LARGEST: u64 = 1 << 20;

/// Reads a file of at most 1 MiB.
///
/// # Errors
/// It cannot be read, is too large, or is wrong; then every problem found is told.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let bytes = read(path)?;
    let origin = Origin::File(path.to_owned());
    match std::str::from_utf8(&bytes) {
        Ok(text) => load_str(text, origin),
        Err(error) => {
            let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let mut problems = Problems::new(origin.to_string(), &valid);
            problems.add(valid.len(), "", "", "expected text in UTF-8");
            problems.finish().and_then(|()| load_str(&valid, origin))
        }
    }
}

/// Reads a text; relative paths start from the origin's folder.
///
/// # Errors
/// It is wrong; then every problem found is told.
pub fn load_str(text: &str, origin: Origin) -> Result<Config, ConfigError> {
    let mut problems = Problems::new(origin.to_string(), text);
    let base = origin.base();
    let root = match DeTable::parse(text) {
        Ok(root) => root.into_inner(),
        Err(error) => {
            problems.add_syntax(&error);
            DeTable::new()
        }
    };
    let mut root = Section::new("", 0, root);
    let server = root.take_table("server", &mut problems).map(|table| server::parse(table, &base, &mut problems)).unwrap_or_default();
    let storage = root.take_table("storage", &mut problems).map(|table| storage::parse(table, &base, &mut problems)).unwrap_or_default();
    let metrics = root.take_table("metrics", &mut problems).map(|table| metrics::parse(table, &mut problems)).unwrap_or_default();
    let revocation =
        root.take_table("revocation", &mut problems).map(|table| revocation::parse(table, &base, &mut problems)).unwrap_or_default();
    let rules = rules::parse(&mut root, &mut problems);
    let mut defaults = Defaults::built_in(revocation.compare, rules.rules.clone());
    if let Some(mut table) = root.take_table("defaults", &mut problems) {
        defaults = defaults.overridden(&mut table, &mut problems);
        table.finish(&mut problems);
    }
    let timeout = defaults.timeout();
    let probe = root.take_table("probe", &mut problems).map(|table| probe::parse(table, timeout, &base, &mut problems)).unwrap_or_default();
    let sources = root
        .take_table("sources", &mut problems)
        .map(|table| source::parse_all(table, &defaults, &base, &mut problems))
        .unwrap_or_default();
    root.finish(&mut problems);
    rules.check(&sources, &mut problems);
    problems.finish()?;
    Ok(Config { server, storage, metrics, revocation, probe, rules: rules.rules, sources, origin })
}

#[expect(clippy::disallowed_methods, reason = "the limit is set in front")]
fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= LARGEST) {
        return Ok(bytes);
    }
    Err(ConfigError::TooLarge { path: path.to_owned(), limit: LARGEST })
}
