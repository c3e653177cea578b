//! The arrows between modules: every `crate::…` in `src/` must be one that this table allows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Module → what it may use. `cli` and `app` may use everything; a path such as `pki::container` allows that part alone.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("disk", &[]),
    ("pki", &["model"]),
    ("net", &["model"]),
    ("source", &["model", "net", "pki::container"]),
    ("assess", &["model", "pki"]),
    ("revocation", &["model", "pki", "net", "disk"]),
    ("engine", &["model", "pki", "assess", "disk"]),
    ("metrics", &["model"]),
    ("http", &["model", "metrics"]),
    ("config", &["model", "source", "engine::schedule", "http::web", "net::Mirrors", "net::Network"]),
];

/// Module → crates that it must not know.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    ("model", &["prometheus", "axum", "reqwest", "hyper"]),
    ("pki", &["prometheus", "tokio", "axum", "reqwest", "hyper"]),
    ("assess", &["prometheus", "tokio", "axum", "reqwest", "hyper", "rustix"]),
    ("net", &["prometheus", "axum"]),
    ("disk", &["prometheus", "tokio", "axum", "reqwest", "hyper"]),
    ("revocation", &["prometheus", "axum", "toml"]),
    ("source", &["prometheus", "axum", "arc_swap"]),
    ("engine", &["prometheus", "axum", "hyper", "toml"]),
    ("metrics", &["reqwest", "rustls", "axum"]),
    ("http", &["reqwest", "toml"]),
    ("config", &["prometheus", "axum", "reqwest", "hyper"]),
];

#[test]
fn modules_use_only_what_their_row_allows() {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (path, module, code) in sources() {
        for used in after_each(&code, "crate::") {
            let used = used.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap_or_default();
            let target = used.split("::").next().unwrap_or_default();
            arrows += 1;
            let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else { continue };
            let is_allowed =
                target == module || allowed.iter().any(|allowed| used == *allowed || used.starts_with(&format!("{allowed}::")));
            if !is_allowed && target.chars().next().is_some_and(char::is_lowercase) {
                wrong.push(format!("{}: crate::{used}", path.display()));
            }
        }
    }
    assert!(arrows > 50, "the test sees too little: {arrows} arrows");
    assert!(wrong.is_empty(), "arrows that docs/ARCHITECTURE.md does not have:\n{}", wrong.join("\n"));
}

#[test]
fn modules_do_not_know_the_crates_of_others() {
    let mut wrong = Vec::new();
    for (path, module, code) in sources() {
        let Some((_, banned)) = MUST_NOT_KNOW.iter().find(|(name, _)| *name == module) else { continue };
        for name in *banned {
            let direct =
                code.contains(&format!("use {name}::")) || code.contains(&format!(" {name}::")) || code.contains(&format!("<{name}::"));
            if direct {
                wrong.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_row_and_no_file_is_too_long() {
    let mut lines: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (path, module, _) in sources() {
        let known = MAY_USE.iter().any(|(name, _)| *name == module) || ["cli", "app", "main", "lib"].contains(&&*module);
        assert!(known, "{} is in no row", path.display());
        lines.insert(path.clone(), std::fs::read_to_string(&path).unwrap().lines().count());
    }
    let long: Vec<_> = lines.iter().filter(|(_, lines)| **lines > 600).collect();
    assert!(long.is_empty(), "over 600 lines: {long:?}");
}

#[test]
fn main_knows_the_command_line_alone() {
    let main = std::fs::read_to_string(root().join("src/main.rs")).unwrap();
    let used: Vec<&str> =
        after_each(&main, "notafter::").map(|used| used.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()).collect();
    assert!(!used.is_empty() && used.iter().all(|used| *used == "cli"), "{used:?}");
}

/// Every source file: its path, the top-level module it belongs to, and its code without comments and unit tests.
fn sources() -> Vec<(PathBuf, String, String)> {
    let mut found = Vec::new();
    let src = root().join("src");
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_for_tests(&path) {
                let inside = path.strip_prefix(&src).unwrap();
                let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let code: String =
                    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
                found.push((path, module, code));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

fn is_for_tests(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(&*part.as_os_str().to_string_lossy(), "tests" | "tests.rs" | "properties.rs" | "testing.rs" | "fixtures.rs" | "fixtures")
    })
}

fn after_each<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).map(move |(at, _)| &text[at + word.len()..])
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
