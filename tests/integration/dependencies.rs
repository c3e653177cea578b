//! What the program is built from: licences that can be shipped, one source with checksums, and no second TLS or ASN.1 generation beside ours.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "Unicode-3.0",
    "0BSD",
    "CC0-1.0",
    "MIT-0",
    "OpenSSL",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// Crates that may be linked in two versions, each with who brings the second one.
const TWICE: &[(&str, &str)] = &[
    ("base64", "kube-client's k8s-openapi and tower-http are one generation behind"),
    ("linux-raw-sys", "rustix"),
    ("rustix", "procfs, of prometheus' process collector"),
    ("tower-http", "reqwest is one generation behind kube-client"),
    ("winnow", "cron is one generation behind toml"),
];

#[test]
fn every_licence_can_be_shipped() {
    let wrong: Vec<String> = linked()
        .into_iter()
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("none").replace('/', " OR ");
            let is_fine = licence.split(" AND ").all(|part| {
                part.trim_matches(['(', ')']).split(" OR ").any(|choice| LICENCES.contains(&choice.trim_matches(['(', ')', ' '])))
            });
            (!is_fine).then(|| format!("{} {}: {licence}", package["name"], package["version"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_linked_twice_that_is_not_on_the_list() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in linked() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    let twice: Vec<_> =
        versions.iter().filter(|(name, versions)| versions.len() > 1 && !TWICE.iter().any(|(known, _)| known == name)).collect();
    assert!(twice.is_empty(), "linked in more than one version: {twice:#?}");
    for banned in ["openssl", "openssl-sys", "native-tls", "ring"] {
        assert!(!versions.contains_key(banned), "{banned} is linked");
    }
}

/// Where every crate comes from, as `Cargo.lock` says it.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is wrong with where the packages of a lock file come from; those without a source are ours, by name.
fn strangers(lock: &str, ours: &[&str]) -> Vec<String> {
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    assert!(packages.len() > ours.len(), "{}", packages.len());
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let wrong = |package: &toml::Value| {
        let name = text(package, "name").unwrap();
        match (text(package, "source"), text(package, "checksum")) {
            (None, _) if ours.contains(&&*name) => None,
            (None, _) => Some(format!("{name} comes from a folder")),
            (Some(source), _) if source != SOURCE => Some(format!("{name} comes from {source}")),
            (_, Some(checksum)) if checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) => None,
            _ => Some(format!("{name} has no checksum")),
        }
    };
    packages.iter().filter_map(wrong).collect()
}

#[test]
fn every_crate_comes_from_crates_io_with_a_checksum() {
    #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    assert_eq!(strangers(&lock, &["notafter"]), Vec::<String>::new());
    // Whatever cargo was told elsewhere, what it resolved comes from there too.
    for package in linked() {
        let source = package["source"].as_str();
        assert!(source == Some(SOURCE) || package["name"] == "notafter", "{}: {source:?}", package["name"]);
    }
}

#[test]
fn another_source_is_noticed() {
    let own = "[[package]]\nname = \"notafter\"\nversion = \"1.0.0\"\n";
    let checksum = "0123456789abcdef".repeat(4);
    for (behaviour, lines, wanted) in [
        ("crates.io with its checksum", format!("source = \"{SOURCE}\"\nchecksum = \"{checksum}\""), None),
        ("crates.io without", format!("source = \"{SOURCE}\""), Some("has no checksum")),
        ("a repository", "source = \"git+https://example.com/a?rev=1#1\"".to_owned(), Some("comes from git+https")),
        (
            "another registry",
            format!("source = \"registry+https://example.com\"\nchecksum = \"{checksum}\""),
            Some("comes from registry+https"),
        ),
        ("a folder", String::new(), Some("comes from a folder")),
    ] {
        let lock = format!("{own}[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n{lines}\n");
        let found = strangers(&lock, &["notafter"]);
        assert_eq!(found.len(), usize::from(wanted.is_some()), "{behaviour}: {found:?}");
        assert!(wanted.is_none_or(|words| found[0].contains(words)), "{behaviour}: {found:?}");
    }
}

/// The packages that the program links on Linux, without those of tests and build scripts.
fn linked() -> Vec<serde_json::Value> {
    let cargo = |args: &[&str]| {
        let output = Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let tree = cargo(&["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let names: BTreeSet<(String, String)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
        })
        .collect();
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&["metadata", "--locked", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap().clone();
    let linked: Vec<_> = packages
        .into_iter()
        .filter(|package| {
            names.contains(&(
                package["name"].as_str().unwrap_or_default().to_owned(),
                package["version"].as_str().unwrap_or_default().to_owned(),
            ))
        })
        .collect();
    assert!(linked.len() > 50, "{}", linked.len());
    linked
}
