//! Mutual TLS against real servers: server × version × client certificate × expectation. The table of `docs/TLS.md` is what this test sees.
//!
//! `UPDATE_GOLDEN=1 cargo test --test integration mutual_tls` writes it anew.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notafter::model::{BuildContext, Facts, Limits, Observation, Place, Reason, Source, Stage, UnixTime};
use notafter::source::Settings;
use notafter::source::tls::TlsSettings;
use tempfile::TempDir;

use crate::support::ca::{Ca, Issued};
use crate::support::haproxy::Haproxy;
use crate::support::nginx::Nginx;
use crate::support::openssl::{SServer, openssl};
use crate::support::sink::scan;
use crate::support::tls_server::{Setup, TLS13, TlsServer};

const PLENTY: Duration = Duration::from_secs(20);

/// A folder with a server's pair, a client CA, its CRL, and clients of every kind.
struct Files {
    folder: TempDir,
    client_ca: Ca,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (server_ca, client_ca, other) = (Ca::root("Server Root"), Ca::root("Client Root"), Ca::root("Other Root"));
        let files = Self { folder, client_ca };
        let server = server_ca.leaf(&["localhost"]).issue();
        files.write("cert.pem", &server.chain_pem());
        files.write("key.pem", &server.key_pem());
        files.write("roots.pem", &server_ca.pem());
        files.write("client-ca.pem", &files.client_ca.pem());
        let usage = [rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        files.pair("right", &files.client_ca.leaf(&["right"]).extended_key_usages(&usage).issue());
        files.pair("nobody", &files.client_ca.leaf(&["nobody"]).extended_key_usages(&usage).issue());
        files.pair("revoked", &files.client_ca.leaf(&["revoked"]).extended_key_usages(&usage).issue());
        files.pair("expired", &files.client_ca.leaf(&["expired"]).extended_key_usages(&usage).expired().issue());
        files.pair("wrong-ca", &other.leaf(&["right"]).extended_key_usages(&usage).issue());
        files.write("client-ca.key", &files.client_ca.key_pem());
        files.write("ca.cnf", "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=30\n");
        files.write("index", "");
        let of_ca = ["-config", "ca.cnf", "-cert", "client-ca.pem", "-keyfile", "client-ca.key"];
        openssl(files.path(), &[&["ca"], &of_ca[..], &["-revoke", "revoked.pem"]].concat());
        openssl(files.path(), &[&["ca"], &of_ca[..], &["-gencrl", "-out", "crl.pem"]].concat());
        files
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn pair(&self, name: &str, issued: &Issued) {
        self.write(&format!("{name}.pem"), &issued.chain_pem());
        self.write(&format!("{name}.key"), &issued.key_pem());
    }

    fn source(&self, address: SocketAddr, more: &str) -> Box<dyn Source> {
        let text = format!("targets = [\"{address}\"]\nserver_name = \"localhost\"\nroots = [\"roots.pem\"]\n{more}");
        toml::from_str::<TlsSettings>(&text).unwrap().build(&BuildContext { base: self.path().to_owned() }).unwrap().remove(0).1
    }

    /// The observation of the endpoint.
    async fn probe(&self, address: SocketAddr, more: &str) -> Observation {
        let mut seen = scan(&*self.source(address, more), PLENTY).await;
        seen.retain(|seen| matches!(seen.place, Place::Endpoint { .. }));
        seen.remove(0)
    }
}

fn decoded(seen: &Observation) -> Option<Facts> {
    seen.material.as_ref().map(|material| notafter::pki::decode(material, &Limits::default(), now()))
}

fn now() -> UnixTime {
    UnixTime::from(std::time::SystemTime::now())
}

/// `client_auth unknown_ca`, or `ok`; what is known of the client certificate; the findings.
fn said(seen: &Observation) -> [String; 3] {
    let failure = seen.failure.as_ref().map_or("ok".to_owned(), |failure| format!("{} {}", failure.stage, failure.reason));
    let endpoint = decoded(seen).and_then(|facts| facts.endpoint);
    let outcome = endpoint.as_ref().map_or(String::new(), |facts| facts.client.outcome.to_string());
    let findings = endpoint.map(|facts| facts.target.iter().map(|finding| finding.to_string()).collect::<Vec<_>>().join(" "));
    [failure, outcome, findings.unwrap_or_default()]
}

/// A server in the matrix: its name, whether HTTP is spoken to it, and how it is started for a TLS version.
enum Server {
    Nginx(Nginx),
    Haproxy(Haproxy),
    Openssl(SServer),
}

impl Server {
    fn start(kind: &str, version: &str, files: &Files) -> Self {
        let folder = files.path().display();
        let nginx = |verify: &str| {
            let crl = if verify == "off" {
                String::new()
            } else {
                format!("ssl_client_certificate {folder}/client-ca.pem; ssl_crl {folder}/crl.pem;")
            };
            let identity = "location / { if ($ssl_client_s_dn = \"CN=nobody\") { return 403; } return 200 ok; }";
            Self::Nginx(Nginx::start(files.path(), &format!("ssl_protocols TLSv{version}; ssl_verify_client {verify}; {crl} {identity}")))
        };
        match kind {
            "nginx off" => nginx("off"),
            "nginx on" => nginx("on"),
            "nginx optional" => nginx("optional"),
            "haproxy required" => {
                let bind = format!(
                    "verify required ca-file {folder}/client-ca.pem crl-file {folder}/crl.pem ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}"
                );
                Self::Haproxy(Haproxy::start(files.path(), &bind))
            }
            "openssl -Verify" => {
                let version = if version == "1.2" { "-tls1_2" } else { "-tls1_3" };
                Self::Openssl(SServer::start(
                    files.path(),
                    &[version, "-Verify", "1", "-verify_return_error", "-CAfile", "client-ca.pem", "-CRL", "crl.pem", "-crl_check"],
                ))
            }
            other => panic!("{other}"),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Nginx(server) => server.address,
            Self::Haproxy(server) => server.address,
            Self::Openssl(server) => server.address,
        }
    }
}

const SERVERS: &[&str] = &["nginx off", "nginx on", "nginx optional", "haproxy required", "openssl -Verify"];
const CLIENTS: &[&str] = &["none", "wrong-ca", "expired", "revoked", "nobody", "right"];

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_matrix_is_what_the_documentation_says() {
    let files = Files::new();
    let mut table = String::new();
    for kind in SERVERS {
        for version in ["1.2", "1.3"] {
            let server = Server::start(kind, version, &files);
            for http in ["", "http = {}\n"] {
                for client in CLIENTS {
                    let expectations: &[&str] = match *client {
                        "none" => &["tls"],
                        "right" => &["tls", "mutual_tls", "mutual_tls_optional"],
                        _ => &["mutual_tls"],
                    };
                    for expect in expectations {
                        let certificate = if *client == "none" {
                            String::new()
                        } else {
                            format!("client_certificate = {{ cert = \"{client}.pem\", key = \"{client}.key\" }}\n")
                        };
                        let seen = files.probe(server.address(), &format!("{http}{certificate}expect = \"{expect}\"")).await;
                        let [failure, outcome, findings] = said(&seen);
                        let speaks = if http.is_empty() { "–" } else { "yes" };
                        let _ = writeln!(
                            table,
                            "| {kind} | {version} | {client} | {speaks} | `{expect}` | {failure} | {outcome} | {findings} |"
                        );
                    }
                }
            }
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/TLS.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- matrix -->\n", "<!-- end of matrix -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let head = "| server | TLS | client certificate | `http` | `expect` | failure | client certificate is | findings |\n|---|---|---|---|---|---|---|---|\n";
    let expected = format!("{before}{begin}\n{head}{table}\n{end}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert!(page == expected || std::env::var_os("UPDATE_GOLDEN").is_some(), "docs/TLS.md says otherwise than:\n{table}");
}

/// The walk of the seeds: six clients, six things said, in both versions and with both settings.
#[tokio::test(flavor = "multi_thread")]
async fn six_clients_are_told_apart() {
    let files = Files::new();
    for (kind, version, expected) in [
        ("nginx on", "1.2", ["http http_no_client_certificate", "http http_client_certificate_error", "http http_forbidden", "ok"]),
        ("nginx on", "1.3", ["http http_no_client_certificate", "http http_client_certificate_error", "http http_forbidden", "ok"]),
        ("nginx optional", "1.2", ["ok", "http http_client_certificate_error", "http http_forbidden", "ok"]),
        ("nginx optional", "1.3", ["ok", "http http_client_certificate_error", "http http_forbidden", "ok"]),
    ] {
        let server = Server::start(kind, version, &files);
        for (client, expected) in [
            ("none", expected[0]),
            ("wrong-ca", expected[1]),
            ("expired", expected[1]),
            ("revoked", expected[1]),
            ("nobody", expected[2]),
            ("right", expected[3]),
        ] {
            let pair = format!("client_certificate = {{ cert = \"{client}.pem\", key = \"{client}.key\" }}\n");
            let pair = if client == "none" { "" } else { &pair };
            let seen = files.probe(server.address(), &format!("http = {{ path = \"/\" }}\n{pair}")).await;
            let [failure, _, findings] = said(&seen);
            assert_eq!(failure, expected, "{kind} {version} {client}");
            assert_eq!(findings.contains("client_ca_not_accepted"), client == "wrong-ca", "{kind} {version} {client}: {findings}");
            let endpoint = decoded(&seen).unwrap().endpoint.unwrap();
            assert_eq!(*endpoint.client.acceptable_cas, ["CN=Client Root".into()], "{kind} {version} {client}");
            assert!(endpoint.client.signature_schemes.contains(&"ecdsa_secp256r1_sha256".into()));
            assert_eq!(endpoint.clock_skew, Some(0), "{kind} {version} {client}");
            // nginx says no more than "certificate error": which it is, the client's own certificate says beside it.
            let source = files.source(server.address(), pair);
            let own = scan(&*source, PLENTY).await.into_iter().find(|seen| matches!(seen.place, Place::File { .. }));
            let has_ended = own.map(|own| decoded(&own).unwrap().certificates[0].not_after < now());
            assert_eq!(has_ended, (client != "none").then_some(client == "expired"), "{kind} {version} {client}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_pair_is_shown_without_a_reload_and_a_broken_one_is_loud() {
    let files = Files::new();
    let server = Server::start("haproxy required", "1.3", &files);
    let copy = |from: &str, to: &str| std::fs::copy(files.path().join(from), files.path().join(to)).unwrap();
    let both = |name: &str| {
        copy(&format!("{name}.pem"), "own.pem");
        copy(&format!("{name}.key"), "own.key");
    };
    both("expired");
    let source = files.source(server.address(), "client_certificate = { cert = \"own.pem\", key = \"own.key\" }");
    let told = |seen: &[Observation]| -> Vec<Option<(Stage, Reason)>> {
        seen.iter().map(|seen| seen.failure.as_ref().map(|failure| (failure.stage, failure.reason))).collect()
    };
    let expired = scan(&*source, PLENTY).await;
    assert_eq!(expired[0].place, Place::file(files.path().join("own.pem").to_string_lossy()));
    assert_eq!(&*decoded(&expired[0]).unwrap().certificates[0].subject_cn, "expired", "it is watched like any other");
    assert_eq!(told(&expired), [None, Some((Stage::ClientAuth, Reason::CertificateExpired))]);
    assert!(expired[0].stamp.is_some());

    both("right");
    assert_eq!(told(&scan(&*source, PLENTY).await), [None, None]);

    copy("nobody.key", "own.key");
    let unusable = Some((Stage::ClientAuth, Reason::ClientCertificateUnusable));
    let broken = scan(&*source, PLENTY).await;
    assert_eq!(told(&broken), [Some((Stage::Parse, Reason::ClientCertificateUnusable)), unusable]);
    assert_eq!(&*decoded(&broken[0]).unwrap().certificates[0].subject_cn, "right", "its end is known all the same");
    assert!(broken[0].stamp.is_none() && broken[1].material.is_none() && broken[1].handshake.is_none());
    assert!(broken[1].failure.as_ref().unwrap().detail.to_string().contains("does not belong"));

    std::fs::remove_file(files.path().join("own.pem")).unwrap();
    assert_eq!(told(&scan(&*source, PLENTY).await), [Some((Stage::Read, Reason::NotFound)), unusable]);

    both("right");
    assert_eq!(told(&scan(&*source, PLENTY).await), [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_besides_is_told_with_its_end() {
    let files = Files::new();
    let pair = "client_certificate = { cert = \"right.pem\", key = \"right.key\" }\nexpect = \"mutual_tls\"\nhttp = { path = \"/\" }";
    for (kind, without) in [("haproxy required", "refused, "), ("nginx on", "refused, "), ("nginx optional", "let in")] {
        let server = Server::start(kind, "1.3", &files);
        let seen = files.probe(server.address(), pair).await;
        for (detail, expected) in [("without a certificate", without), ("TLS 1.1", "refused")] {
            let told: Vec<_> = seen.trace.steps.iter().filter(|step| &*step.detail == detail).collect();
            assert_eq!(told.len(), 1, "{kind}: {:?}", seen.trace);
            assert!(told[0].ended.as_deref().unwrap().starts_with(expected) && told[0].failure.is_none(), "{kind}: {told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_deeper_than_the_server_follows_is_a_finding() {
    let files = Files::new();
    let near = Ca::root("Client Root").intermediate("Near");
    for (name, ca, failure, findings) in [
        ("near", near, "ok", ""),
        (
            "far",
            Ca::root("Client Root").intermediate("Near").intermediate("Far"),
            "http http_client_certificate_error",
            "client_chain_too_deep",
        ),
    ] {
        let issued = ca.leaf(&["client"]).extended_key_usages(&[rcgen::ExtendedKeyUsagePurpose::ClientAuth]).issue();
        files.pair(name, &issued);
        files.write("deep-root.pem", &crate::support::ca::pem("CERTIFICATE", issued.above.last().unwrap()));
        let directives = format!(
            "ssl_verify_client on; ssl_verify_depth 1; ssl_client_certificate {}/deep-root.pem; location / {{ return 200; }}",
            files.path().display()
        );
        let server = Nginx::start(files.path(), &directives);
        let more = format!(
            "client_certificate = {{ cert = \"{name}.pem\", key = \"{name}.key\" }}\nclient_verify_depth = 1\nhttp = {{ path = \"/\" }}"
        );
        let seen = files.probe(server.address, &more).await;
        let [said_failure, _, said_findings] = said(&seen);
        assert!(said_failure == failure && said_findings.contains(findings), "{name}: {said_failure} {said_findings}");
        assert_eq!(said_findings.contains("client_chain_too_deep"), !findings.is_empty(), "{name}: {said_findings}");
    }
}

#[tokio::test]
async fn only_a_leaf_of_the_client_certificate_is_marked_as_shown() {
    let files = Files::new();
    files.pair("server", &Ca::root("R").intermediate("I").leaf(&["server"]).issue());
    let source = files.source(([127, 0, 0, 1], 1).into(), "client_certificate = { cert = \"server.pem\", key = \"server.key\" }");
    let own = scan(&*source, PLENTY).await.remove(0);
    let marked: Vec<_> = decoded(&own).unwrap().certificates.iter().map(|facts| facts.shown_to_servers).collect();
    assert!(marked.len() > 1 && marked[0] && !marked[1..].contains(&true), "{marked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pkcs12_store_is_shown_too() {
    let files = Files::new();
    let server = Server::start("haproxy required", "1.2", &files);
    openssl(
        files.path(),
        &["pkcs12", "-export", "-in", "right.pem", "-inkey", "right.key", "-out", "right.p12", "-passout", "pass:secret"],
    );
    for (passphrase, expected) in [("secret", "ok"), ("wrong", "client_auth client_certificate_unusable")] {
        let pair = format!("client_certificate = {{ pkcs12 = \"right.p12\", passphrase = \"{passphrase}\" }}");
        let seen = files.probe(server.address(), &pair).await;
        assert_eq!(said(&seen)[0], expected, "{passphrase}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_after_the_handshake_is_not_waited_for() {
    let files = Files::new();
    let server_ca = Ca::root("Server Root");
    let issued = server_ca.leaf(&["localhost"]).issue();
    let pair = "client_certificate = { cert = \"right.pem\", key = \"right.key\" }\ncheck_old_tls = false\n";
    for (behaviour, tickets, more, expected) in [
        ("no ticket", 0, "", ["ok", "unconfirmed", ""]),
        ("no ticket, two probes", 0, "expect = \"mutual_tls\"", ["ok", "unconfirmed", ""]),
        ("tickets", 2, "", ["ok", "accepted", ""]),
    ] {
        let setup = Setup { tickets, ..Setup::new(&issued).versions(TLS13).client_certificate_optional(&files.client_ca) };
        let server = TlsServer::tls(setup).await;
        let seen = files.probe(server.address, &format!("{pair}{more}")).await;
        assert_eq!(said(&seen), expected, "{behaviour}");
        assert!(seen.elapsed < PLENTY / 4, "{behaviour}: {:?}", seen.elapsed);
        assert_eq!(server.connections(), if more.is_empty() { 1 } else { 2 }, "{behaviour}");
        // What is waited for afterwards is no part of the handshake.
        assert!(tickets > 0 || seen.elapsed - seen.handshake.unwrap() >= Duration::from_millis(250), "{behaviour}: {:?}", seen.elapsed);
    }
}

#[tokio::test]
async fn a_server_that_answers_nothing_over_http_has_a_reason() {
    let files = Files::new();
    let server_ca = Ca::root("Server Root");
    let issued = server_ca.leaf(&["localhost"]).issue();
    // It reads for ever and never answers.
    let server = TlsServer::tls(Setup::new(&issued)).await;
    let source = files.source(server.address, "http = { path = \"/healthz\" }");
    let seen = scan(&*source, Duration::from_secs(2)).await.remove(0);
    assert_eq!(said(&seen), ["http timeout", "not_requested", ""]);
}
