//! What the program is built from: licences that can be shipped, and no second TLS or ASN.1 generation beside ours.

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
