//! `docs/openapi.yaml` says what the router, the parameters and the closed vocabularies say. What is answered is held against it by `tests/api`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::http::api;
use crate::model::facts::{ClientCertificate, Curve, KeyAlgorithm};
use crate::model::{CertRole, Finding, Reason, RevocationMethod, RevocationReason, RevocationStatus, RevokedFor, SourceKind, Stage};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.yaml");

#[expect(clippy::disallowed_methods, reason = "a file of this repository")]
fn text() -> String {
    std::fs::read_to_string(FILE).unwrap()
}

fn contract() -> Value {
    serde_saphyr::from_str(&text()).unwrap()
}

#[test]
fn every_route_is_in_the_file_and_the_other_way_round() {
    let described: BTreeSet<String> = contract()["paths"].as_object().unwrap().keys().cloned().collect();
    let routed = routes();
    assert!(routed.len() > 12, "the test sees too little: {routed:?}");
    assert_eq!(described, routed);
}

/// What stands behind each `.route("` of the code; what is below `api` has the prefix.
#[expect(clippy::disallowed_methods, reason = "files of this repository")]
fn routes() -> BTreeSet<String> {
    let http = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http"));
    let mut folders = vec![http.clone()];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !is_for_tests(&path) {
                let prefix = if path.starts_with(http.join("api")) { api::PREFIX } else { "" };
                let code = std::fs::read_to_string(&path).unwrap();
                let each = code.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"'));
                found.extend(each.map(|(route, _)| format!("{prefix}{route}")));
            }
        }
    }
    found
}

fn is_for_tests(path: &Path) -> bool {
    path.components().any(|part| matches!(&*part.as_os_str().to_string_lossy(), "tests" | "tests.rs"))
}

#[test]
fn every_parameter_is_in_the_file_and_the_other_way_round() {
    let contract = contract();
    let resolve = |parameter: &Value| match parameter["$ref"].as_str() {
        Some(to) => contract["components"]["parameters"][to.rsplit('/').next().unwrap()].clone(),
        None => parameter.clone(),
    };
    let of_path = |item: &Value| {
        let all = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let in_query = all.iter().map(resolve).filter(|parameter| parameter["in"] == "query");
        in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let paths = contract["paths"].as_object().unwrap();
    let of_api = paths.iter().filter_map(|(path, item)| Some((path.strip_prefix(api::PREFIX)?.to_owned(), of_path(item))));
    let described: BTreeMap<String, Vec<String>> = of_api.collect();
    let known: BTreeMap<String, Vec<String>> =
        api::PARAMETERS.iter().map(|(path, names)| ((*path).to_owned(), names.iter().map(|name| (*name).to_owned()).collect())).collect();
    assert_eq!(described, known, "in the same order, too");
}

#[test]
fn every_word_of_a_closed_vocabulary_is_in_the_file() {
    fn all<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> Vec<&'static str> {
        all.iter().map(|word| as_str(*word)).collect()
    }
    let mut expected = text();
    for (name, words) in [
        ("Noun", vec!["certificate", "crl", "target", "responder"]),
        ("SourceKind", all(SourceKind::ALL, SourceKind::as_str)),
        ("Role", all(CertRole::ALL, CertRole::as_str)),
        ("Finding", all(Finding::ALL, Finding::as_str)),
        ("Stage", all(Stage::ALL, Stage::as_str)),
        ("Reason", all(Reason::ALL, Reason::as_str)),
        ("RevocationStatus", all(RevocationStatus::ALL, RevocationStatus::as_str)),
        ("RevocationMethod", all(RevocationMethod::ALL, RevocationMethod::as_str)),
        ("RevocationReason", all(RevocationReason::ALL, RevocationReason::as_str)),
        ("RevokedFor", all(RevokedFor::ALL, RevokedFor::as_str)),
        ("ClientCertificate", all(ClientCertificate::ALL, ClientCertificate::as_str)),
        ("KeyAlgorithm", all(KeyAlgorithm::ALL, KeyAlgorithm::as_str)),
        ("Curve", all(Curve::ALL, Curve::as_str)),
    ] {
        let start = expected.find(&format!("\n    {name}:\n      type: string\n")).unwrap_or_else(|| panic!("{name}"));
        let begin = start + expected[start..].find("enum: [").unwrap();
        let end = begin + expected[begin..].find(']').unwrap() + 1;
        expected.replace_range(begin..end, &format!("enum: [{}]", words.join(", ")));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(FILE, &expected).unwrap();
    }
    assert!(text() == expected, "run the tests with UPDATE_GOLDEN=1 and commit docs/openapi.yaml");
}
