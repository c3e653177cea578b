//! Where the configuration is looked for.

use std::path::{Path, PathBuf};

use super::storage::Environment;

/// The file that packages and containers bring.
const SYSTEM: &str = "/etc/notafter/notafter.toml";

/// What is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// This file, which may turn out not to exist.
    File(PathBuf),
    /// No file: the places that exist on this machine.
    BuiltIn,
}

/// `--config`, else `$NOTAFTER_CONFIG`, else `/etc/notafter/notafter.toml` if it exists, else the built-in places; never
/// the working directory.
pub fn locate(explicit: Option<PathBuf>, env: Environment<'_>, exists: &dyn Fn(&Path) -> bool) -> Located {
    let named = || env("NOTAFTER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let system = || Some(PathBuf::from(SYSTEM)).filter(|path| exists(path));
    explicit.or_else(named).or_else(system).map_or(Located::BuiltIn, Located::File)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_before_the_environment_before_the_system() {
        let rows = [
            ("command line", Some("a.toml"), Some("b.toml"), true, Located::File("a.toml".into())),
            ("environment", None, Some("b.toml"), true, Located::File("b.toml".into())),
            ("empty variable", None, Some(""), true, Located::File(SYSTEM.into())),
            ("system", None, None, true, Located::File(SYSTEM.into())),
            ("built-in", None, None, false, Located::BuiltIn),
            ("a named file need not exist", None, Some("b.toml"), false, Located::File("b.toml".into())),
        ];
        for (name, explicit, variable, system, expected) in rows {
            let env = |name: &str| (name == "NOTAFTER_CONFIG").then_some(variable).flatten().map(Into::into);
            // The working directory has one, too: it must not be taken.
            let exists = |path: &Path| path == Path::new("notafter.toml") || (system && path == Path::new(SYSTEM));
            assert_eq!(locate(explicit.map(PathBuf::from), &env, &exists), expected, "{name}");
        }
    }
}
