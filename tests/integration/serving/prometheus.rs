//! A real Prometheus that scrapes with a password and a client certificate.

use super::{Site, TLS};
use crate::support::exporter::until;
use crate::support::prometheus::Prometheus;

/// Of the password `secret`.
const HASH: &str = "$2y$04$jDelEB1o16ba6tGJFB1o1eF9cZtbSx.TmeBL0CtlFEBVZewk9mU7i";

/// `up` of the only target, and what it last said, once it was scraped.
fn health(prometheus: &Prometheus) -> Option<(String, String)> {
    let target = prometheus.api("/api/v1/targets")["activeTargets"][0].clone();
    let text = |key: &str| Some(target[key].as_str()?.to_owned());
    Some((text("health")?, text("lastError")?)).filter(|(health, _)| health != "unknown")
}

#[test]
fn it_scrapes_with_a_password_and_a_client_certificate_and_not_without() {
    let verifying =
        "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.example]\n";
    let site = Site::new("", &format!("{TLS}{verifying}basic_auth_users:\n  prometheus: {HASH}\n"));
    site.client("prometheus", &site.ca, &["prometheus.example"]);
    site.client("other", &site.ca, &["other.example"]);
    let exporter = site.start();
    let tls = |client: &str| {
        let file = |name: &str| site.folder.at(name);
        let own = format!(", cert_file: '{}', key_file: '{}'", file(&format!("{client}.pem")), file(&format!("{client}.key")));
        format!("tls_config: {{ca_file: '{}', server_name: localhost{own}}}", file("ca.pem"))
    };
    let password = |password: &str| format!("basic_auth: {{username: prometheus, password: {password}}}");
    for (behaviour, options, is_up, words) in [
        ("as documented", format!("scheme: https, {}, {}", tls("prometheus"), password("secret")), true, ""),
        ("over HTTP/1.1", format!("scheme: https, enable_http2: false, {}, {}", tls("prometheus"), password("secret")), true, ""),
        ("another password", format!("scheme: https, {}, {}", tls("prometheus"), password("other")), false, "401"),
        ("another name", format!("scheme: https, {}, {}", tls("other"), password("secret")), false, "tls"),
        ("plain", password("secret"), false, ""),
    ] {
        let prometheus = Prometheus::start_with(&site.folder, exporter.address, &options, &[]);
        let (health, error) = until("it has scraped", || health(&prometheus));
        assert_eq!(health, if is_up { "up" } else { "down" }, "{behaviour}: {error}");
        assert!(error.contains(words), "{behaviour}: {error}");
        if is_up {
            let found = until("the exporter's series", || Some(prometheus.query("notafter_build_info")).filter(|found| !found.is_empty()));
            assert_eq!(found.len(), 1, "{behaviour}: {found:?}");
        }
    }
}
