//! Web configurations that are refused, each beside what is said of it, and one that is taken.
//!
//! `UPDATE_GOLDEN=1 cargo test --test integration serving::files` writes the messages anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notafter::config::web::{parse, show};
use notafter::config::{Config, Origin, load_str};
use notafter::http::web::settings::{ClientAuth, Curve, Header, Pem, RateSettings, Suite, TlsVersion, WebSettings};
use notafter::model::Secret;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/serving").join(name)
}

fn all() -> WebSettings {
    parse(&fs::read(folder("valid/all.yml")).unwrap(), Path::new("/etc/notafter/web.yml")).unwrap()
}

#[test]
fn every_kind_of_error_says_where_and_what_was_expected() {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    assert!(paths.len() > 50, "the folder has lost its files");
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let found = match parse(&fs::read(&path).unwrap(), Path::new("web.yml")) {
            Ok(_) => "accepted\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        let tells = ["hunter2", "12345", "X0h1gDsPszWURQaxFh", "c2VjcmV0", "$apr1$"].iter().any(|secret| found.contains(secret));
        if found != expected || !found.starts_with("web.yml:") || tells {
            wrong.push(format!("{name}\n  expected: {expected}  found:    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_is_understood() {
    let settings = all();
    let tls = settings.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Pem::File("/etc/notafter/server.pem".into()), "relative to the file");
    assert_eq!(tls.key, Pem::File("/etc/notafter/server.key".into()));
    let ca = "-----BEGIN CERTIFICATE-----\na CA\n-----END CERTIFICATE-----\n";
    assert_eq!(tls.client_ca, Some(Pem::Inline(Secret(ca.to_owned()))));
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.client_allowed_sans, ["prometheus.example", "spiffe://example/prometheus", "192.0.2.7"]);
    assert_eq!((tls.min_version, tls.max_version, tls.prefer_server_cipher_suites), (TlsVersion::Tls12, TlsVersion::Tls13, false));
    assert_eq!(tls.cipher_suites, [Suite::RsaChacha20, Suite::Aes128]);
    assert_eq!(tls.curve_preferences, [Curve::X25519MlKem768, Curve::X25519, Curve::P256, Curve::P384]);
    assert!(!settings.http2);
    let headers: Vec<(Header, &str)> = settings.headers.iter().map(|(header, value)| (*header, value.as_str())).collect();
    let expected = [
        (Header::ContentSecurityPolicy, "default-src 'self'"),
        (Header::ContentTypeOptions, "nosniff"),
        (Header::FrameOptions, "sameorigin"),
        (Header::XssProtection, "0"),
    ];
    assert_eq!(headers, expected, "a blank one is none");
    assert_eq!(settings.users.keys().collect::<Vec<_>>(), ["1234", "alice"]);
    assert_eq!(settings.rate, Some(RateSettings { interval: Duration::from_secs(90), burst: 20 }));
}

#[test]
fn a_few_keys_leave_the_defaults_of_exporter_toolkit() {
    let settings = parse(b"tls_server_config: {cert_file: a, key_file: b}", Path::new("web.yml")).unwrap();
    let tls = settings.tls.as_ref().unwrap();
    assert_eq!((tls.client_auth, tls.min_version, tls.max_version), (ClientAuth::No, TlsVersion::Tls12, TlsVersion::Tls13));
    assert!(tls.prefer_server_cipher_suites && settings.http2 && settings.users.is_empty() && settings.rate.is_none());
    let off = parse(b"rate_limit: {interval: 0, burst: 5}", Path::new("web.yml")).unwrap();
    assert_eq!(off.rate, None, "an interval of 0 is no limit");
}

#[test]
fn what_is_shown_has_no_secret_and_reads_back_to_the_same() {
    let shown = show(&all());
    assert!(!shown.contains("X0h1gDsPszWURQaxFh") && !shown.contains("a CA") && !format!("{:?}", all()).contains("X0h1g"), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with("# ")), "comments, where a configuration in TOML is shown: {shown}");
    // What is masked put back, it is the same configuration.
    let hash = |cost| format!("$2{}${cost}$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG", if cost == "10" { "y" } else { "b" });
    let yaml = shown.replace("# ", "").replace("\"[given]\"", "\"-----BEGIN CERTIFICATE-----\\na CA\\n-----END CERTIFICATE-----\\n\"");
    let yaml = yaml.replacen("\"[secret]\"", &hash("04"), 1).replacen("\"[secret]\"", &hash("10"), 1).replace("90s", "1m30s");
    let again = parse(yaml.as_bytes(), Path::new("/etc/notafter/web.yml")).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(again, all());
}

fn documentation() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/WEB.md")).unwrap()
}

#[test]
fn the_documentation_names_every_key_and_its_examples_are_taken() {
    let page = documentation();
    let hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
    for text in [
        "no_such_key: 1".to_owned(),
        "tls_server_config: {no_such_key: 1}".to_owned(),
        "http_server_config: {no_such_key: 1}".to_owned(),
        "http_server_config: {headers: {no_such_key: 1}}".to_owned(),
        format!("basic_auth_users: {{alice: {hash}}}\nrate_limit: {{interval: 1s, burst: 1, no_such_key: 1}}"),
    ] {
        let error = parse(text.as_bytes(), Path::new("web.yml")).unwrap_err().to_string();
        let known = error.rsplit_once("known here: ").unwrap_or_else(|| panic!("{error}")).1.trim_end_matches(')');
        for key in known.split(", ") {
            assert!(page.contains(&format!("`{key}`")), "{key} is not described");
        }
    }
    for word in Suite::ALL.iter().map(|suite| suite.as_str()).chain(Curve::ALL.iter().map(|curve| curve.as_str())) {
        assert!(page.contains(word), "{word} is not described");
    }
    let examples = |kind: &str| -> Vec<String> {
        page.split(&format!("```{kind}\n")).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let web: Vec<String> = examples("yaml").into_iter().filter(|example| example.starts_with("# web.yml")).collect();
    assert!(web.len() > 1 && !examples("toml").is_empty(), "the page has lost its examples");
    for example in web {
        parse(example.as_bytes(), Path::new("/etc/notafter/web.yml")).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
    for example in examples("toml") {
        let config: Result<Config, _> = load_str(&example, Origin::File("notafter.toml".into()));
        config.unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
