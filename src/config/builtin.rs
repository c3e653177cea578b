//! What is watched where nothing is configured: the certificate places that exist on this machine.
//!
//! Written as TOML and read like a file, so that `config show` prints what a user can go on from.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::storage::Environment;
use super::{Config, ConfigError, Origin, load_str};

/// The bundle of public CAs by distribution; one is enough, and the hash links beside it say the same again.
const TRUST_BUNDLES: &[&str] = &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// One source each, where the path exists.
const PLACES: &[Place] = &[
    Place {
        name: "pki",
        exists: "/etc/pki",
        kind: "file",
        paths: &["/etc/pki/**/*.{pem,crt}"],
        // The public CAs, which are watched already, in all their spellings.
        exclude: &["/etc/pki/ca-trust/extracted/**", "/etc/pki/tls/cert.pem", "/etc/pki/tls/certs/ca-bundle*.crt"],
    },
    Place {
        name: "letsencrypt",
        exists: "/etc/letsencrypt/live",
        kind: "file",
        paths: &["/etc/letsencrypt/live/**/*.pem"],
        exclude: &["/etc/letsencrypt/live/**/privkey.pem"],
    },
    Place::files("nginx", "/etc/nginx", &["/etc/nginx/**/*.{pem,crt,crl}"]),
    Place::files("haproxy", "/etc/haproxy", &["/etc/haproxy/**/*.{pem,crt}"]),
    Place::files("envoy", "/etc/envoy", &["/etc/envoy/**/*.{pem,crt}"]),
    Place::files("kubernetes-pki", "/etc/kubernetes/pki", &["/etc/kubernetes/pki/**/*.crt"]),
    Place { name: "kubernetes-config", exists: "/etc/kubernetes", kind: "kubeconfig", paths: &["/etc/kubernetes/*.conf"], exclude: &[] },
    Place::files("service-account", SERVICE_ACCOUNT, &[SERVICE_ACCOUNT]),
];

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

struct Place {
    name: &'static str,
    exists: &'static str,
    kind: &'static str,
    paths: &'static [&'static str],
    exclude: &'static [&'static str],
}

impl Place {
    const fn files(name: &'static str, exists: &'static str, paths: &'static [&'static str]) -> Self {
        Self { name, exists, kind: "file", paths, exclude: &[] }
    }
}

/// The configuration of the places that `exists` knows.
///
/// # Errors
/// None that a user could cause.
pub fn load(env: Environment<'_>, exists: &dyn Fn(&Path) -> bool) -> Result<Config, ConfigError> {
    load_str(&text(env, exists), Origin::BuiltIn)
}

/// The same as TOML.
pub fn text(env: Environment<'_>, exists: &dyn Fn(&Path) -> bool) -> String {
    let mut text = String::new();
    if let Some(bundle) = TRUST_BUNDLES.iter().copied().find(|bundle| exists(Path::new(bundle))) {
        source(&mut text, "system-trust", "file", &[bundle], &[]);
    }
    for place in PLACES.iter().filter(|place| exists(Path::new(place.exists))) {
        source(&mut text, place.name, place.kind, place.paths, place.exclude);
    }
    let home = env("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let kubeconfig = home.map(|home| home.join(".kube/config")).filter(|path| exists(path));
    // A path that is not UTF-8 cannot be written in TOML.
    if let Some(path) = kubeconfig.as_deref().and_then(Path::to_str) {
        source(&mut text, "kubeconfig", "kubeconfig", &[&literal(path)], &[]);
    }
    text
}

fn source(text: &mut String, name: &str, kind: &str, paths: &[&str], exclude: &[&str]) {
    let blank = if text.is_empty() { "" } else { "\n" };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{blank}[sources.{name}]\ntype = {kind:?}\npaths = {}", list(paths));
    if !exclude.is_empty() {
        let _ = writeln!(text, "exclude = {}", list(exclude));
    }
}

fn list(values: &[&str]) -> toml::Value {
    toml::Value::Array(values.iter().map(|value| toml::Value::from(*value)).collect())
}

/// A glob that matches this path alone.
fn literal(path: &str) -> String {
    path.chars().fold(String::new(), |glob, c| {
        if "*?[]{}".contains(c) { glob + "[" + c.encode_utf8(&mut [0; 4]) + "]" } else { glob + c.encode_utf8(&mut [0; 4]) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(paths: &[&str], home: &str) -> String {
        text(&|name| (name == "HOME").then(|| home.into()), &|path| paths.iter().any(|known| Path::new(known) == path))
    }

    fn sources(text: &str) -> Vec<(String, toml::Table)> {
        let table: toml::Table = text.parse().unwrap();
        let Some(toml::Value::Table(sources)) = table.get("sources") else { return Vec::new() };
        sources.iter().map(|(name, source)| (name.clone(), source.as_table().unwrap().clone())).collect()
    }

    #[test]
    fn only_places_that_exist_are_watched() {
        let rows: [(&str, &[&str], &[&str]); 6] = [
            ("nothing", &[], &[]),
            ("debian", &["/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt", "/etc/nginx"], &["nginx", "system-trust"]),
            (
                "red hat",
                &["/etc/pki", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/letsencrypt/live"],
                &["letsencrypt", "pki", "system-trust"],
            ),
            ("two bundles", &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"], &["system-trust"]),
            (
                "control plane",
                &["/etc/kubernetes", "/etc/kubernetes/pki", "/root/.kube/config"],
                &["kubeconfig", "kubernetes-config", "kubernetes-pki"],
            ),
            ("pod", &[SERVICE_ACCOUNT], &["service-account"]),
        ];
        for (name, paths, expected) in rows {
            let names: Vec<String> = sources(&text_of(paths, "/root")).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, expected, "{name}");
        }
    }

    #[test]
    fn every_place_is_a_known_kind_with_absolute_paths() {
        let all = text(&|_| Some("/root".into()), &|_| true);
        let sources = sources(&all);
        assert_eq!(sources.len(), PLACES.len() + 2);
        for (name, source) in sources {
            assert!(["file", "kubeconfig"].contains(&source["type"].as_str().unwrap()), "{name}");
            assert!(source["paths"].as_array().unwrap().iter().all(|path| path.as_str().unwrap().starts_with('/')), "{name}");
        }
        assert!(!all.contains("/etc/ssl/certs/*"), "hash links are the bundle once more");
    }

    #[test]
    fn the_file_of_packages_watches_the_same_places() {
        let mut of_packages = sources(include_str!("../../deploy/packages/notafter.toml"));
        let store = of_packages.iter().position(|(name, _)| name == "system-trust").unwrap();
        let (_, store) = of_packages.remove(store);
        let bundle = globset::Glob::new(store["paths"].as_array().unwrap()[0].as_str().unwrap()).unwrap().compile_matcher();
        assert!(TRUST_BUNDLES.iter().all(|path| bundle.is_match(path)), "either bundle, whichever there is");
        let everything = text(&|_| None, &|_| true);
        // A service is in no pod, and has no home.
        let wanted = sources(&everything).into_iter().filter(|(name, _)| !["system-trust", "service-account"].contains(&&**name));
        assert_eq!(of_packages, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn the_public_bundle_is_not_watched_twice() {
        let sources = sources(&text_of(&["/etc/pki", "/etc/pki/tls/certs/ca-bundle.crt"], "/root"));
        let (_, pki) = sources.iter().find(|(name, _)| name == "pki").unwrap();
        let glob = globset::Glob::new(pki["exclude"].as_array().unwrap()[2].as_str().unwrap()).unwrap().compile_matcher();
        assert!(glob.is_match("/etc/pki/tls/certs/ca-bundle.crt"));
    }

    #[test]
    fn a_home_with_wildcards_in_its_name_is_taken_literally() {
        let sources = sources(&text_of(&["/home/a[b]\"*/.kube/config"], "/home/a[b]\"*"));
        let glob = globset::Glob::new(sources[0].1["paths"].as_array().unwrap()[0].as_str().unwrap()).unwrap().compile_matcher();
        assert!(glob.is_match("/home/a[b]\"*/.kube/config"));
        assert!(!glob.is_match("/home/ab\"x/.kube/config"));
        assert_eq!(text_of(&[".kube/config", "/.kube/config"], ""), "", "no home, no kubeconfig");
    }
}
