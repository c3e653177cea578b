//! A web configuration as understood, for people: no hash, no key.

use std::fmt::Write;

use crate::http::web::settings::{Pem, WebSettings};

/// YAML, every default filled in; secrets are masked. Each line is a comment where a configuration in TOML is shown.
pub fn show(settings: &WebSettings) -> String {
    let mut text = String::new();
    let mut line = |indent: usize, key: &str, value: &str| {
        let space = if value.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = writeln!(text, "# {}{key}:{space}{value}", "  ".repeat(indent));
    };
    if let Some(tls) = &settings.tls {
        line(0, "tls_server_config", "");
        let pems = [("cert", Some(&tls.certificate)), ("key", Some(&tls.key)), ("client_ca", tls.client_ca.as_ref())];
        for (key, pem) in pems.into_iter().filter_map(|(key, pem)| Some((key, pem?))) {
            match pem {
                Pem::File(path) => line(1, &format!("{key}_file"), &quoted(&path.to_string_lossy())),
                Pem::Inline(_) if key == "key" => line(1, key, "\"[secret]\""),
                Pem::Inline(_) => line(1, key, "\"[given]\""),
            }
        }
        line(1, "client_auth_type", tls.client_auth.as_str());
        if !tls.client_allowed_sans.is_empty() {
            line(1, "client_allowed_sans", &list(&tls.client_allowed_sans));
        }
        line(1, "min_version", tls.min_version.as_str());
        line(1, "max_version", tls.max_version.as_str());
        if !tls.cipher_suites.is_empty() {
            line(1, "cipher_suites", &list(&tls.cipher_suites));
        }
        line(1, "prefer_server_cipher_suites", &tls.prefer_server_cipher_suites.to_string());
        if !tls.curve_preferences.is_empty() {
            line(1, "curve_preferences", &list(&tls.curve_preferences));
        }
    }
    line(0, "http_server_config", "");
    line(1, "http2", &(settings.http2 && settings.tls.is_some()).to_string());
    if !settings.headers.is_empty() {
        line(1, "headers", "");
    }
    for (header, value) in &settings.headers {
        line(2, header.as_str(), &quoted(value));
    }
    if !settings.users.is_empty() {
        line(0, "basic_auth_users", "");
    }
    for user in settings.users.keys() {
        line(1, &quoted(user), "\"[secret]\"");
    }
    if let Some(rate) = settings.rate {
        line(0, "rate_limit", "");
        line(1, "interval", &format!("{:?}", rate.interval));
        line(1, "burst", &rate.burst.to_string());
    }
    text
}

/// As YAML takes it, too; control characters are escaped.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn list<T: ToString>(values: &[T]) -> String {
    format!("[{}]", values.iter().map(|value| quoted(&value.to_string())).collect::<Vec<_>>().join(", "))
}
