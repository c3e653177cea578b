//! `tls_server_config`: from keys to settings, as far as this program's TLS goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::message::choice;
use super::super::section::{Problems, Section};
use crate::http::web::settings::{ClientAuth, Curve, Pem, Suite, TlsSettings, TlsVersion};
use crate::model::Secret;

/// Entries of a list.
const MOST: usize = 256;

pub(super) fn parse(mut table: Section<'_>, base: &Path, problems: &mut Problems<'_>) -> Option<TlsSettings> {
    let known = problems.count();
    let positions: HashMap<String, usize> =
        table.table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span().start)).collect();
    let (name, start) = (table.name.clone(), table.at);
    let at = |key: &str| positions.get(key).copied().unwrap_or(start);

    let certificate = pem(&mut table, "cert", base, problems);
    let key = pem(&mut table, "key", base, problems);
    let client_ca = pem(&mut table, "client_ca", base, problems);
    let client_auth = table.take("client_auth_type", problems, |text: String| client_auth(&text)).unwrap_or_default();
    let client_allowed_sans = table.take("client_allowed_sans", problems, |names: Vec<String>| allowed(names)).unwrap_or_default();
    let min_version = table.take("min_version", problems, |text: String| version(&text)).unwrap_or(TlsVersion::Tls12);
    let max_version = table.take("max_version", problems, |text: String| version(&text)).unwrap_or(TlsVersion::Tls13);
    let cipher_suites = table.take("cipher_suites", problems, |names: Vec<String>| each(&names, suite)).unwrap_or_default();
    let curve_preferences = table.take("curve_preferences", problems, |names: Vec<String>| each(&names, curve)).unwrap_or_default();
    let prefer = table.take("prefer_server_cipher_suites", problems, |prefer: bool| Ok(prefer)).unwrap_or(true);
    table.finish(problems);
    if problems.count() > known {
        return None;
    }

    for (key, is_there) in [("cert_file", certificate.is_some()), ("key_file", key.is_some())] {
        if !is_there {
            problems.add(start, &name, key, "required, but missing");
        }
    }
    let ca_key = if positions.contains_key("client_ca") { "client_ca" } else { "client_ca_file" };
    match (&client_ca, client_auth.verifies()) {
        (Some(_), false) => {
            let words =
                "nothing is verified with it: expected client_auth_type \"RequireAndVerifyClientCert\" or \"VerifyClientCertIfGiven\"";
            problems.add(at(ca_key), &name, ca_key, words);
        }
        (None, true) => {
            let words =
                format!("expected client_ca_file beside it: {client_auth} verifies with CAs that are named, never with the system's");
            problems.add(at("client_auth_type"), &name, "client_auth_type", words);
        }
        _ => {}
    }
    if !client_allowed_sans.is_empty() && client_auth != ClientAuth::RequireAndVerify {
        let words = "expected client_auth_type \"RequireAndVerifyClientCert\": names that nobody verifies prove nothing";
        problems.add(at("client_allowed_sans"), &name, "client_allowed_sans", words);
    }
    if min_version > max_version {
        problems.add(
            at("min_version"),
            &name,
            "min_version",
            format!("expected at most max_version, which is {max_version}, found {min_version}"),
        );
    }
    if let Some(idle) = unusable(&cipher_suites, min_version, max_version) {
        problems.add(at("cipher_suites"), &name, "cipher_suites", idle);
    }
    let settings = TlsSettings {
        certificate: certificate?,
        key: key?,
        client_auth,
        client_ca,
        client_allowed_sans,
        min_version,
        max_version,
        cipher_suites,
        curve_preferences,
        prefer_server_cipher_suites: prefer,
    };
    (problems.count() == known).then_some(settings)
}

/// A file, or the text itself; not both.
fn pem(table: &mut Section<'_>, key: &str, base: &Path, problems: &mut Problems<'_>) -> Option<Pem> {
    let file = format!("{key}_file");
    let both = table.table.get(key).filter(|_| table.table.contains_key(file.as_str())).map(|value| value.span().start);
    let path = table.take(&file, problems, |path: PathBuf| {
        if path.as_os_str().is_empty() {
            Err("expected the path of a PEM file, found \"\"".to_owned())
        } else {
            Ok(Pem::File(base.join(path)))
        }
    });
    // Whatever stands there is not repeated: it may be a key.
    let inline = table.take(key, problems, |value: toml::Value| match value {
        toml::Value::String(text) if !text.trim().is_empty() => Ok(Pem::Inline(Secret(text))),
        _ => Err("expected PEM as text".to_owned()),
    });
    if let Some(at) = both {
        problems.add(at, &table.name, key, format!("expected this or {file}, found both"));
    }
    path.or(inline)
}

fn words<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn client_auth(text: &str) -> Result<ClientAuth, String> {
    let found = ClientAuth::ALL.iter().find(|kind| kind.as_str() == text);
    found.copied().ok_or_else(|| choice(text, &words(ClientAuth::ALL)))
}

fn version(text: &str) -> Result<TlsVersion, String> {
    if let Some(version) = TlsVersion::ALL.iter().find(|version| version.as_str() == text) {
        return Ok(*version);
    }
    let why = if matches!(text, "TLS10" | "TLS11") { "this program speaks neither TLS 1.0 nor 1.1 (RFC 8996): " } else { "" };
    Err(format!("{why}{}", choice(text, &words(TlsVersion::ALL))))
}

fn suite(text: &str) -> Result<Suite, String> {
    // Go's names from before RFC 7905 was out.
    let text = match text {
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        text => text,
    };
    if let Some(suite) = Suite::ALL.iter().find(|suite| suite.as_str() == text) {
        return Ok(*suite);
    }
    let is_old = text.starts_with("TLS_RSA_WITH_") || text.ends_with("_SHA") || text.contains("_CBC_") || text.contains("_RC4_");
    let why = if is_old { "this program has no cipher suites with CBC, 3DES, RC4 or without forward secrecy: " } else { "" };
    Err(format!("{why}{}", choice(text, &words(Suite::ALL))))
}

fn curve(text: &str) -> Result<Curve, String> {
    if let Some(curve) = Curve::ALL.iter().find(|curve| curve.as_str() == text) {
        return Ok(*curve);
    }
    let why = if text == "CurveP521" { "this program does not exchange keys on P-521: " } else { "" };
    Err(format!("{why}{}", choice(text, &words(Curve::ALL))))
}

fn each<T: PartialEq>(names: &[String], parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for name in names.iter().take(MOST) {
        let one = parse(name)?;
        if found.contains(&one) {
            return Err(format!("expected different ones, found {name:?} twice"));
        }
        found.push(one);
    }
    Ok(found)
}

fn allowed(names: Vec<String>) -> Result<Vec<String>, String> {
    let fits = |name: &String| !name.is_empty() && name.len() <= super::LONGEST;
    if names.is_empty() || names.len() > MOST || !names.iter().all(fits) {
        return Err(format!("expected 1 to {MOST} names; without the key every certificate that verifies is taken"));
    }
    Ok(names)
}

/// A version without any suite, or suites of a version that is not spoken.
fn unusable(suites: &[Suite], min: TlsVersion, max: TlsVersion) -> Option<String> {
    let spoken = min..=max;
    if let Some(suite) = suites.iter().find(|suite| !spoken.contains(&suite.version())) {
        return Some(format!("{suite} is of {}, which min_version and max_version leave out", suite.version()));
    }
    None
}
