//! `[storage]`: where facts are kept over restarts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::section::{Problems, Section};

/// `[storage]`; what is not written there is `None`, see [`default_state_dir`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageConfig {
    /// What is known of certificates.
    pub state_dir: Option<PathBuf>,
    /// What was fetched and can be fetched again.
    pub cache_dir: Option<PathBuf>,
}

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// `$STATE_DIRECTORY` (the first, as systemd sets it), else `$XDG_STATE_HOME/notafter`, else `$HOME/.local/state/notafter`.
pub fn default_state_dir(env: Environment<'_>) -> Option<PathBuf> {
    default_dir(env, "STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state")
}

/// `$CACHE_DIRECTORY` (the first, as systemd sets it), else `$XDG_CACHE_HOME/notafter`, else `$HOME/.cache/notafter`.
pub fn default_cache_dir(env: Environment<'_>) -> Option<PathBuf> {
    default_dir(env, "CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache")
}

fn default_dir(env: Environment<'_>, systemd: &str, xdg: &str, below_home: &str) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored; systemd and login never set one.
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let given = env(systemd).and_then(|list| std::env::split_paths(&list).next()).and_then(absolute);
    let own = |path: PathBuf| path.join("notafter");
    given
        .or_else(|| env(xdg).map(PathBuf::from).and_then(absolute).map(own))
        .or_else(|| env("HOME").map(PathBuf::from).and_then(absolute).map(|home| own(home.join(below_home))))
}

pub(super) fn parse(mut table: Section<'_>, base: &Path, problems: &mut Problems<'_>) -> StorageConfig {
    let mut folder = |key| {
        table.take(key, problems, |path: PathBuf| {
            if path.as_os_str().is_empty() { Err("expected the path of a folder, found \"\"".to_owned()) } else { Ok(base.join(path)) }
        })
    };
    let config = StorageConfig { state_dir: folder("state_dir"), cache_dir: folder("cache_dir") };
    table.finish(problems);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_goes_where_systemd_says_then_xdg_then_home() {
        type Row = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);
        let rows: [Row; 8] = [
            ("systemd first", &[("STATE_DIRECTORY", "/var/lib/notafter"), ("HOME", "/root")], Some("/var/lib/notafter")),
            ("the first of several", &[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")], Some("/var/lib/a")),
            ("xdg", &[("XDG_STATE_HOME", "/x"), ("HOME", "/root")], Some("/x/notafter")),
            ("home", &[("HOME", "/root")], Some("/root/.local/state/notafter")),
            ("empty is unset", &[("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", ""), ("HOME", "/root")], Some("/root/.local/state/notafter")),
            ("relative is ignored", &[("XDG_STATE_HOME", "x"), ("HOME", "/root")], Some("/root/.local/state/notafter")),
            ("no home", &[("HOME", "")], None),
            ("nothing", &[], None),
        ];
        for (name, variables, expected) in rows {
            let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
            assert_eq!(default_state_dir(&env), expected.map(PathBuf::from), "{name}");
        }
        assert_eq!(default_cache_dir(&|name| (name == "HOME").then(|| "/root".into())), Some("/root/.cache/notafter".into()));
    }
}
