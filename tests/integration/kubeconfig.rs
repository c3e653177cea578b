//! `type = "kubeconfig"`: the certificates of clusters and users.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use notafter::model::{Reason, SourceKind};
use tempfile::TempDir;

use super::support::as_nobody;
use super::support::rescan::{Told, Watch};

const CONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: main
clusters:
- name: main
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: Y2EtZGF0YQ==
    certificate-authority: missing.crt
- name: by-file
  cluster: {server: https://127.0.0.2, certificate-authority: pki/ca.crt}
- name: insecure
  cluster: {server: https://127.0.0.3, insecure-skip-tls-verify: true}
users:
- name: admin
  user:
    client-certificate-data: |
      Y2xpZW50
      LWRhdGE=
    client-key-data: "!! never decoded !!"
- name: by-file
  user: {client-certificate: ../outside.crt, client-key: /nonexistent}
- name: token
  user: {token: secret-token}
- name: exec
  user:
    exec: {command: aws, args: [eks, get-token]}
contexts:
- name: main
  context: {cluster: main, user: admin}
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn watch(dir: &Path, paths: &[&str]) -> Watch {
    Watch::build(SourceKind::Kubeconfig, dir, &format!("paths = {paths:?}")).unwrap()
}

fn relative(dir: &Path, mut told: Told) -> Told {
    let prefix = format!("{}/", dir.display());
    told.places = told.places.into_iter().map(|(place, outcome)| (place.replace(&prefix, ""), outcome)).collect();
    told
}

#[test]
fn embedded_and_referenced_certificates_are_found() {
    let dir = folder(&[("home/config", CONFIG), ("home/pki/ca.crt", "ca-file"), ("outside.crt", "client-file")]);
    let told = relative(dir.path(), watch(dir.path(), &["home/*"]).scan());
    let expected = [
        ("home/config cluster by-file", "ca-file"),
        ("home/config cluster main", "ca-data"),
        ("home/config user admin", "client-data"),
        ("home/config user by-file", "client-file"),
    ];
    assert_eq!(told.places, expected.map(|(place, text)| (place.to_owned(), Ok(text.as_bytes().to_vec()))).into());
    assert_eq!(told.errors, []);
}

#[test]
fn documents_without_certificates_are_no_error() {
    for text in
        ["", "\n", "{}", "clusters: []\nusers: null\n", "clusters:\n- name: a\n- name: b\n  cluster: {certificate-authority-data: ''}\n"]
    {
        let dir = folder(&[("config", text)]);
        let told = watch(dir.path(), &["config"]).scan();
        assert_eq!((told.places.len(), told.errors.len()), (0, 0), "{text:?}");
    }
}

#[test]
fn an_entry_that_cannot_be_read_fails_alone() {
    let text = "clusters:\n- {name: a, cluster: {certificate-authority-data: '%%'}}\n- {name: b, cluster: {certificate-authority: gone.crt}}\n\
                - {name: c, cluster: {certificate-authority: .}}\n- {name: d, cluster: {certificate-authority-data: b2s=}}\n";
    let dir = folder(&[("config", text)]);
    let told = relative(dir.path(), watch(dir.path(), &["config"]).scan());
    assert_eq!(
        told.failed(),
        [("config cluster a", Reason::DecodeFailed), ("config cluster b", Reason::NotFound), ("config cluster c", Reason::ReadFailed),]
    );
    assert_eq!(told.found(), ["config cluster d"]);
}

#[test]
fn of_two_entries_with_one_name_the_first_counts() {
    let text = "clusters:\n- {name: a, cluster: {certificate-authority-data: b25l}}\n- {name: a, cluster: {certificate-authority-data: dHdv}}\n\
                users:\n- {name: a, user: {client-certificate-data: dXNlcg==}}\n";
    let dir = folder(&[("config", text)]);
    let told = relative(dir.path(), watch(dir.path(), &["config"]).scan());
    assert_eq!(told.places["config cluster a"], Ok(b"one".to_vec()));
    assert_eq!(told.places["config user a"], Ok(b"user".to_vec()));
    assert_eq!(told.errors.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [Reason::DecodeFailed]);
    assert_eq!(told.repeated, [""; 0]);
}

#[test]
fn a_document_that_cannot_be_read_keeps_its_known_entries() {
    let deep = format!("clusters: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_unknown = format!("extra: {}{}", "{a: ".repeat(20_000), "}".repeat(20_000));
    let large = format!("# {}\n", "x".repeat(2 << 20));
    let bomb = format!("a0: &a0 [x]\n{}", (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect::<String>());
    for (what, text, reason) in [
        ("not YAML", "clusters: [", Reason::DecodeFailed),
        ("another shape", "clusters: secret-token\n", Reason::DecodeFailed),
        ("binary", "\0\u{1}\u{2}", Reason::DecodeFailed),
        ("nested too deep", &deep, Reason::DecodeFailed),
        ("nested too deep where nobody looks", &deep_unknown, Reason::DecodeFailed),
        ("aliases that explode", &bomb, Reason::DecodeFailed),
        ("too large", &large, Reason::TooLarge),
    ] {
        let dir = folder(&[("config", CONFIG), ("pki/ca.crt", "ca-file"), ("other", CONFIG)]);
        let mut watch = watch(dir.path(), &["config", "oth*"]);
        assert_eq!(watch.scan().places.len(), 8, "{what}");
        fs::write(dir.path().join("config"), text).unwrap();
        let told = relative(dir.path(), watch.scan());
        let failed: Vec<_> = told.failed().into_iter().filter(|(place, _)| place.starts_with("config")).collect();
        assert_eq!(
            failed,
            ["config", "config cluster by-file", "config cluster main", "config user admin", "config user by-file"]
                .map(|place| (place, reason)),
            "{what}"
        );
        assert!(told.details.values().all(|detail| !detail.contains("secret-token")), "{what}: {:?}", told.details);
        assert!(told.places["other cluster main"].is_ok(), "{what}");
    }
}

#[test]
fn a_literal_path_must_be_a_file_that_exists() {
    let dir = folder(&[("folder/config", CONFIG)]);
    for (path, reason) in [("missing", Reason::NotFound), ("folder", Reason::ReadFailed)] {
        let told = relative(dir.path(), watch(dir.path(), &[path]).scan());
        assert_eq!(told.failed(), [(path, reason)]);
    }
    assert_eq!(watch(dir.path(), &["missing/*"]).scan().places.len(), 0);
}

#[test]
fn a_folder_that_cannot_be_listed_keeps_the_entries_below() {
    let dir = folder(&[("home/config", CONFIG), ("home/pki/ca.crt", "ca-file"), ("outside.crt", "client-file")]);
    let permit = |name: &str, mode| fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    permit("", 0o755);
    for path in ["home/*", "home/config"] {
        permit("home", 0o755);
        let mut watch = watch(dir.path(), &[path]);
        assert_eq!(as_nobody(|| watch.scan()).found().len(), 4, "{path}");
        permit("home", 0o000);
        let told = relative(dir.path(), as_nobody(|| watch.scan()));
        assert_eq!(told.failed().iter().filter(|(place, _)| place.starts_with("home/config ")).count(), 4, "{path}");
        assert!(told.failed().iter().all(|(_, reason)| *reason == Reason::PermissionDenied), "{path}");
    }
}
