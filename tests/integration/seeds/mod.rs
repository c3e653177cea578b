//! The seeds of the fuzz targets: who makes them, and that each leads somewhere.
//!
//! `UPDATE_SEEDS=1 cargo test --test integration seeds` writes them anew: those of `written` are the same every time, those of `issued` come
//! from openssl and keytool and have new keys. Two are kept as they are: `pki/verdict.der`, whose dates a unit test knows, and
//! `pki/indefinite.p7`, which neither program writes.

mod issued;
mod written;

use std::collections::BTreeSet;
use std::path::Path;

use notafter::config::{Origin, load_str};
use notafter::engine::schedule::Schedule;
use notafter::engine::state_file;
use notafter::model::{Limits, Secret};
use notafter::net::replay::answer;
use notafter::pki::{container, ocsp};
use notafter::source::kubernetes::replay;
use notafter::source::{envoy_config, kubeconfig, nginx};

use super::smoke::{FUZZ, seeds};

/// The largest seed in bytes: large ones make fuzzing slow.
const LARGEST: usize = 4 << 10;
/// Kept as they are.
const KEPT: [(&str, &str); 2] = [("pki", "verdict.der"), ("pki", "indefinite.p7")];

/// Folder, name, bytes.
type Seed = (&'static str, String, Vec<u8>);

fn update(made: &[Seed]) {
    for (folder, name, bytes) in made {
        let folder = Path::new(FUZZ).join("seeds").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn seeds_are_those_that_are_made_here() {
    let written = written::seeds();
    let issued = issued::seeds();
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        update(&written);
        update(&issued);
    }
    for (folder, name, bytes) in &written {
        let there = std::fs::read(Path::new(FUZZ).join("seeds").join(folder).join(name));
        assert!(there.ok().as_ref() == Some(bytes), "{folder}/{name} is not what the test makes: UPDATE_SEEDS=1 writes it");
    }
    let made: BTreeSet<(&str, &str)> = written.iter().chain(&issued).map(|(folder, name, _)| (*folder, &**name)).chain(KEPT).collect();
    let folders: BTreeSet<&str> = made.iter().map(|(folder, _)| *folder).collect();
    let there: Vec<_> = folders.iter().map(|folder| (*folder, seeds(folder))).collect();
    let there: BTreeSet<(&str, &str)> = there.iter().flat_map(|(folder, seeds)| seeds.iter().map(|(name, _)| (*folder, &**name))).collect();
    assert_eq!(there, made, "files in fuzz/seeds, and what is made");
}

#[test]
fn seeds_are_small_and_lead_somewhere() {
    let mut led = BTreeSet::new();
    for folder in ["pki", "nginx", "envoy", "kubeconfig", "config", "schedule", "state", "http", "kubernetes", "web"] {
        for (name, bytes) in seeds(folder) {
            assert!(bytes.len() <= LARGEST, "{folder}/{name} has {} bytes", bytes.len());
            led.insert(folder);
            assert!(leads_somewhere(folder, &name, &bytes), "{folder}/{name} leads nowhere");
        }
    }
    assert_eq!(led.len(), 10);
}

fn leads_somewhere(folder: &str, name: &str, bytes: &[u8]) -> bool {
    let text = || std::str::from_utf8(bytes).unwrap();
    match folder {
        "pki" => {
            let passphrases = [Secret(String::new()), Secret("changeit".to_owned())];
            let limits = Limits { kdf_iterations: 20, ..Limits::default() };
            let contents = container::open(bytes, &passphrases, &limits);
            // A response is found in no file of its own kind alone.
            !contents.certificates.is_empty() || !contents.crls.is_empty() || ocsp::read(bytes).is_ok() || name == "sealed.key"
        }
        "nginx" => nginx::named(bytes, 1_000).is_ok_and(|named| !named.is_empty()),
        "envoy" => ["a.yaml", "a.json"].iter().any(|name| envoy_config::named(name, bytes).is_ok_and(|named| named > 0)),
        "kubeconfig" => kubeconfig::named(bytes).is_ok_and(|entries| entries.iter().any(|(.., embedded)| embedded.is_some())),
        "config" => load_str(text(), Origin::BuiltIn).is_ok() != name.starts_with("wrong"),
        "schedule" => std::str::from_utf8(&bytes[8..]).is_ok_and(|text| Schedule::parse(text).is_ok()),
        "state" => state_file::replay(bytes).is_ok_and(|sources| sources.values().any(|targets| !targets.is_empty())),
        "http" => answer(bytes).is_ok_and(|answered| answered.is_some()) != name.starts_with("wrong"),
        "web" => notafter::config::web::parse(bytes, Path::new("/web.yml")).is_ok_and(|settings| !settings.users.is_empty()),
        "kubernetes" if bytes[0] & 1 == 0 => replay::list([&bytes[1..]]).is_ok_and(|(objects, _)| !objects.is_empty()),
        "kubernetes" => !replay::watch([&bytes[1..]]).0.is_empty(),
        other => panic!("nothing says what {other} leads to"),
    }
}
