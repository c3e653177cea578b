//! `type = "tls"` on its ways: STARTTLS, proxies, the PROXY protocol, address families, versions; and servers that are too old.

use std::time::Duration;

use notafter::model::{Listing, Method, Observation, Reason, Stage};

use crate::support::ca::Ca;
use crate::support::front::{Front, Kind};
use crate::support::openssl::{SServer, self_signed};
use crate::support::postgres::Cluster;
use crate::support::sink::{Recorded, scan, scan_into};
use crate::support::tls_server::{Mode, Setup, TLS12, TlsServer};
use crate::tls::{failure, handshake, probe, source};

const PLENTY: Duration = Duration::from_secs(20);

async fn server() -> TlsServer {
    TlsServer::tls(Setup::new(&Ca::root("Test Root").leaf(&["localhost"]).issue())).await
}

async fn look(settings: &str) -> Observation {
    let mut seen = scan(&*source(settings), PLENTY).await;
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[tokio::test]
async fn servers_that_are_too_old_still_give_their_chain() {
    let rsa = tempfile::tempdir().unwrap();
    self_signed(rsa.path(), &["-newkey", "rsa:2048"]);
    let p521 = tempfile::tempdir().unwrap();
    self_signed(p521.path(), &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]);
    let (version, no_common) = (Reason::ProtocolVersion, Reason::HandshakeFailure);
    let all = "ALL:@SECLEVEL=0";
    for (behaviour, key, arguments, reason, expected) in [
        ("TLS 1.0", &rsa, &["-tls1", "-cipher", all][..], version, ("TLS 1.0", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Some("X25519"))),
        ("TLS 1.1", &rsa, &["-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0"], version, ("TLS 1.1", "TLS_RSA_WITH_AES_128_CBC_SHA", None)),
        (
            "RSA key exchange",
            &rsa,
            &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
            no_common,
            ("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", None),
        ),
        (
            "DHE",
            &rsa,
            &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
            no_common,
            ("TLS 1.2", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", None),
        ),
        (
            "CBC",
            &rsa,
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"],
            no_common,
            ("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Some("X25519")),
        ),
        (
            "a key on P-521",
            &p521,
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            no_common,
            ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Some("X25519")),
        ),
        (
            "key exchange on P-521",
            &rsa,
            &["-tls1_2", "-groups", "P-521", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
            no_common,
            ("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Some("secp521r1")),
        ),
    ] {
        let server = SServer::start(key.path(), &[arguments, &["-verify", "1"]].concat());
        let seen = probe(server.address, "server_name = \"localhost\"", PLENTY).await;
        assert_eq!(failure(&seen), Some((Stage::Handshake, reason)), "{behaviour}: {:?}", seen.failure);
        let shown = handshake(&seen);
        assert_eq!(shown.method, Method::Raw, "{behaviour}");
        assert_eq!((shown.version, shown.cipher, shown.group), (Some(expected.0), Some(expected.1), expected.2), "{behaviour}");
        assert_eq!(shown.chain.len(), 1, "{behaviour}");
        assert!(shown.client_certificate_requested, "{behaviour}");
        assert_eq!(shown.old_tls_accepted, expected.0 != "TLS 1.2", "{behaviour}");
    }
}

#[tokio::test]
async fn versions_that_are_accepted_beside_good_ones_are_found() {
    let folder = tempfile::tempdir().unwrap();
    self_signed(folder.path(), &["-newkey", "rsa:2048"]);
    for (behaviour, arguments, more, accepted) in [
        ("TLS 1.0 to 1.3", &["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"][..], "", true),
        ("not asked", &["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"], "check_old_tls = false", false),
        ("TLS 1.2 and 1.3", &["-min_protocol", "TLSv1.2"], "", false),
    ] {
        let server = SServer::start(folder.path(), arguments);
        let seen = probe(server.address, more, PLENTY).await;
        assert_eq!(failure(&seen), None, "{behaviour}: {:?}", seen.failure);
        let shown = handshake(&seen);
        assert_eq!((shown.old_tls_accepted, shown.method, shown.version), (accepted, Method::Rustls, Some("TLS 1.3")), "{behaviour}");
    }
}

#[tokio::test]
async fn old_versions_are_tried_once_and_not_at_every_scan() {
    for (settings, connections) in [("", [2, 3, 4]), ("check_old_tls = false", [1, 2, 3])] {
        let server = server().await;
        let source = source(&format!("targets = [\"{}\"]\n{settings}", server.address));
        for expected in connections {
            let sink = std::sync::Arc::new(Recorded::default());
            assert_eq!(scan_into(&*source, &sink, PLENTY).await.unwrap(), Listing::Complete);
            assert_eq!(server.connections(), expected, "{settings}");
        }
    }
}

#[tokio::test]
async fn a_server_that_accepted_old_versions_is_seen_to_refuse_them_at_the_next_scan() {
    let folder = tempfile::tempdir().unwrap();
    self_signed(folder.path(), &["-newkey", "rsa:2048"]);
    let lax = SServer::start(folder.path(), &["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"]);
    let address = lax.address.to_string();
    let source = source(&format!("targets = [\"{address}\"]"));
    for _ in 0..2 {
        assert!(handshake(&scan(&*source, PLENTY).await[0]).old_tls_accepted, "before");
    }
    drop(lax);
    let _strict = SServer::start_at(folder.path(), &address, &["-min_protocol", "TLSv1.2"]);
    let seen = scan(&*source, PLENTY).await;
    assert_eq!(failure(&seen[0]), None, "{:?}", seen[0].failure);
    assert!(!handshake(&seen[0]).old_tls_accepted, "after");
}

#[tokio::test]
async fn a_server_that_has_no_certificate_for_an_old_hello_either_keeps_its_failure() {
    for (behaviour, mode, expected) in [
        ("an alert for every hello", Mode::AnswerAndClose(b"\x15\x03\x03\0\x02\x02\x28".to_vec()), Reason::HandshakeFailure),
        ("closes on every hello", Mode::CloseAfterHello, Reason::Closed),
    ] {
        let server = TlsServer::start(mode).await;
        let seen = probe(server.address, "", PLENTY).await;
        assert_eq!(failure(&seen), Some((Stage::Handshake, expected)), "{behaviour}: {:?}", seen.failure);
        assert!(seen.material.is_none(), "{behaviour}");
        assert_eq!(server.connections(), 2, "{behaviour}");
    }
}

#[tokio::test]
async fn tls_begins_behind_starttls() {
    let server = server().await;
    let front = Front::start(Kind::Smtp, server.address).await;
    let seen = look(&format!("targets = [\"smtp://me:word@{}\"]", front.address)).await;
    assert_eq!(failure(&seen), None, "{:?}", seen.failure);
    assert_eq!(handshake(&seen).version, Some("TLS 1.3"));
    assert_eq!(seen.place.to_string(), format!("smtp://{} as 127.0.0.1", front.address));

    let front = Front::start(Kind::SmtpInjecting, server.address).await;
    let seen = look(&format!("targets = [\"smtp://{}\"]", front.address)).await;
    assert_eq!(failure(&seen), Some((Stage::Starttls, Reason::StarttlsInjection)));

    let seen = look(&format!("targets = [\"imap://{}\"]", front.address)).await;
    assert_eq!(failure(&seen), Some((Stage::Starttls, Reason::StarttlsProtocolError)), "SMTP where IMAP was expected");
}

#[tokio::test]
async fn postgresql_goes_over_to_tls_or_says_that_it_does_not() {
    let cluster = Cluster::new();
    let postgres = cluster.start(true);
    let seen = look(&format!("targets = [\"postgres://{}\"]", postgres.address)).await;
    assert_eq!(failure(&seen), None, "{:?}", seen.failure);
    assert_eq!((handshake(&seen).version, handshake(&seen).chain.len()), (Some("TLS 1.3"), 1));
    drop(postgres);
    let postgres = cluster.start(false);
    let seen = look(&format!("targets = [\"postgres://{}\"]", postgres.address)).await;
    assert_eq!(failure(&seen), Some((Stage::Starttls, Reason::StarttlsRefused)), "{:?}", seen.failure);
}

#[tokio::test]
async fn proxies_look_up_the_name_and_let_through_who_is_known() {
    let server = server().await;
    let (connect, socks) = (Kind::Connect(Some("bWU6c2VjcmV0")), Kind::Socks5(Some(("me", "secret"))));
    for (behaviour, kind, scheme, expected) in [
        ("CONNECT", Kind::Connect(None), "http://", None),
        ("CONNECT with a password", connect, "http://me:secret@", None),
        ("CONNECT with a wrong one", connect, "http://me:hunter2@", Some(Reason::ProxyAuthFailed)),
        ("CONNECT without", connect, "http://", Some(Reason::ProxyAuthFailed)),
        ("SOCKS5", Kind::Socks5(None), "socks5://", None),
        ("SOCKS5 with a password", socks, "socks5://me:secret@", None),
        ("SOCKS5 with a wrong one", socks, "socks5://me:hunter2@", Some(Reason::ProxyAuthFailed)),
        ("SOCKS5 without", socks, "socks5://", Some(Reason::ProxyAuthFailed)),
    ] {
        let front = Front::start(kind, server.address).await;
        // No resolver knows this name, and none is asked.
        let seen = look(&format!("targets = [\"somewhere.invalid:8443\"]\nproxy = \"{scheme}{}\"", front.address)).await;
        assert_eq!(failure(&seen), expected.map(|reason| (Stage::Proxy, reason)), "{behaviour}: {:?}", seen.failure);
        assert!(!format!("{:?}", seen.failure).contains("hunter2"), "{behaviour}");
        if expected.is_none() {
            assert_eq!(handshake(&seen).version, Some("TLS 1.3"), "{behaviour}");
            let name = b"somewhere.invalid";
            assert!(front.heard().iter().all(|said| said.windows(name.len()).any(|part| part == name)), "{behaviour}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_the_proxys_failure() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seen = look(&format!("targets = [\"somewhere.invalid:443\"]\nproxy = \"http://me:hunter2@{closed}\"")).await;
    assert_eq!(failure(&seen), Some((Stage::Proxy, Reason::Refused)));
    let words = seen.failure.unwrap().to_string();
    assert!(words.contains(&format!("the proxy http://{closed}")) && !words.contains("hunter2"), "{words}");
    let seen = look("targets = [\"127.0.0.1:443\"]\nproxy = \"socks5://proxy.invalid:1080\"").await;
    assert_eq!(failure(&seen), Some((Stage::Proxy, Reason::DnsNotFound)), "{:?}", seen.failure);
}

#[tokio::test]
async fn the_proxy_protocols_header_goes_first() {
    let server = server().await;
    let front = Front::start(Kind::ProxyHeader(28), server.address).await;
    let seen = look(&format!("targets = [\"{}\"]\nproxy_protocol = true\ncheck_old_tls = false", front.address)).await;
    assert_eq!(failure(&seen), None, "{:?}", seen.failure);
    let heard = front.heard().remove(0);
    assert_eq!(heard[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
    assert_eq!((&heard[16..24], &heard[26..]), (&[127, 0, 0, 1, 127, 0, 0, 1][..], &front.address.port().to_be_bytes()[..]));
}

#[tokio::test]
async fn families_and_versions_are_those_that_are_wanted() {
    let server = server().await;
    let target = format!("targets = [\"localhost:{}\"]", server.address.port());
    let seen = look(&format!("{target}\nip = \"ipv4\"\ntls_versions = [\"1.2\"]")).await;
    assert_eq!(failure(&seen), None, "{:?}", seen.failure);
    assert_eq!(handshake(&seen).version, Some("TLS 1.2"));
    let seen = look(&format!("targets = [\"{}\"]\nip = \"ipv6\"", server.address)).await;
    assert_eq!(failure(&seen), Some((Stage::Connect, Reason::Unreachable)));
    let old = TlsServer::tls(Setup::new(&Ca::root("Test Root").leaf(&["localhost"]).issue()).versions(TLS12)).await;
    let seen = probe(old.address, "tls_versions = [\"1.3\"]", PLENTY).await;
    assert_eq!(failure(&seen).map(|(stage, _)| stage), Some(Stage::Handshake), "{:?}", seen.failure);
    assert_eq!((handshake(&seen).method, handshake(&seen).version), (Method::Raw, Some("TLS 1.2")), "there is the chain all the same");
}
