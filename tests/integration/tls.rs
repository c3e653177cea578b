//! `type = "tls"` against servers in this process: what is seen, and what is said when it fails.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use notafter::model::clock::SystemClock;
use notafter::model::observation::Possession;
use notafter::model::{BuildContext, Clock, Finding, Handshake, Limits, Material, Observation, Place, Reason, Source, Stage};
use notafter::pki::decode;
use notafter::source::Settings;
use notafter::source::tls::TlsSettings;
use rcgen::ExtendedKeyUsagePurpose;

use crate::support::ca::Ca;
use crate::support::sink::{Recorded, scan, scan_into};
use crate::support::tls_server::{BOTH, Mode, Setup, TLS12, TLS13, TlsServer};

/// Long enough for a slow machine, for tests that do not wait for it to pass.
const PLENTY: Duration = Duration::from_secs(20);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(700);

pub fn source(settings: &str) -> Box<dyn Source> {
    toml::from_str::<TlsSettings>(settings).unwrap().build(&BuildContext::default()).unwrap().remove(0).1
}

/// Probes one address as localhost.
pub async fn probe(address: SocketAddr, more: &str, timeout: Duration) -> Observation {
    let source = source(&format!("targets = [\"{address}\"]\n{more}"));
    let mut observations = scan(&*source, timeout).await;
    assert_eq!(observations.len(), 1);
    observations.remove(0)
}

pub fn handshake(observation: &Observation) -> &Handshake {
    match &observation.material {
        Some(Material::Handshake(handshake)) => handshake,
        other => panic!("no handshake but {other:?}, failure {:?}", observation.failure),
    }
}

pub fn failure(observation: &Observation) -> Option<(Stage, Reason)> {
    observation.failure.as_ref().map(|failure| (failure.stage, failure.reason))
}

fn chain(of: &[rustls::pki_types::CertificateDer<'static>]) -> Vec<Vec<u8>> {
    of.iter().map(|certificate| certificate.to_vec()).collect()
}

fn ca() -> Ca {
    Ca::root("Test Root").intermediate("Test Intermediate")
}

#[tokio::test]
async fn a_good_endpoint_shows_everything_in_both_versions() {
    let issued = ca().leaf(&["localhost"]).issue();
    for (versions, version) in [(TLS12, "TLS 1.2"), (TLS13, "TLS 1.3")] {
        let setup = Setup::new(&issued).versions(versions).alpn(&["h2", "http/1.1"]).staple(b"an OCSP response");
        let server = TlsServer::tls(setup).await;
        let more = "server_name = \"localhost\"\nalpn = [\"http/1.1\"]";
        let seen = probe(server.address, more, PLENTY).await;
        assert!(seen.failure.is_none(), "{:?}", seen.failure);
        let place = Place::Endpoint { target: server.address.to_string().into(), server_name: "localhost".into(), address: None };
        assert_eq!(seen.place, place);
        assert!(seen.handshake.is_some_and(|handshake| handshake <= seen.elapsed));
        let shown = handshake(&seen);
        assert_eq!(shown.chain, chain(&issued.chain()), "{version}");
        assert_eq!(shown.staple.as_deref(), Some(&b"an OCSP response"[..]), "{version}");
        assert_eq!((shown.version, shown.alpn.as_deref()), (Some(version), Some("http/1.1")));
        assert_eq!(shown.group, Some("X25519"));
        let cipher = if version == "TLS 1.2" { "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" } else { "TLS_AES_256_GCM_SHA384" };
        assert_eq!(shown.cipher, Some(cipher));
        assert_eq!((shown.client_certificate_requested, shown.possession), (false, Possession::Proved));
        assert_eq!(&*shown.server_name, "localhost");
    }
}

#[tokio::test]
async fn the_chain_is_captured_whatever_its_verdict_would_be() {
    let ca = ca();
    let good = ca.leaf(&["localhost"]).issue();
    let reversed: Vec<_> = good.chain().into_iter().rev().collect();
    let self_signed = ca.leaf(&["localhost"]).self_signed();
    let expired = ca.leaf(&["localhost"]).expired().issue();
    let early = ca.leaf(&["localhost"]).not_yet_valid().issue();
    let other = ca.leaf(&["other.example", "192.0.2.1"]).issue();
    let client = ca.leaf(&["localhost"]).extended_key_usages(&[ExtendedKeyUsagePurpose::ClientAuth]).issue();
    for (behaviour, issued, sent) in [
        ("unknown issuer", &good, good.chain()),
        ("without the intermediate", &good, good.chain()[..1].to_vec()),
        ("self-signed", &self_signed, self_signed.chain()),
        ("expired", &expired, expired.chain()),
        ("not yet valid", &early, early.chain()),
        ("of another name", &other, other.chain()),
        ("for clients", &client, client.chain()),
    ] {
        for versions in [TLS12, TLS13] {
            let server = TlsServer::tls(Setup::new(issued).versions(versions).chain(sent.clone())).await;
            let seen = probe(server.address, "", PLENTY).await;
            assert_eq!(failure(&seen), None, "{behaviour}");
            assert_eq!(handshake(&seen).chain, chain(&sent), "{behaviour}");
            assert_eq!(handshake(&seen).possession, Possession::Proved, "{behaviour}");
        }
    }
    // In the wrong order the first certificate is not the one whose key signs: no client can tell that from a foreign key.
    let server = TlsServer::tls(Setup::new(&good).chain(reversed.clone())).await;
    let seen = probe(server.address, "", PLENTY).await;
    assert_eq!((failure(&seen), &handshake(&seen).chain), (Some((Stage::Verify, Reason::BadSignature)), &chain(&reversed)));
}

#[tokio::test]
async fn a_server_without_its_certificates_key_is_found_out() {
    let ca = ca();
    let (shown, held) = (ca.leaf(&["localhost"]).issue(), ca.leaf(&["localhost"]).issue());
    for versions in [TLS12, TLS13] {
        let server = TlsServer::tls(Setup::new(&shown).versions(versions).key_of(&held)).await;
        let seen = probe(server.address, "", PLENTY).await;
        assert_eq!(failure(&seen), Some((Stage::Verify, Reason::BadSignature)));
        assert_eq!(handshake(&seen).chain, chain(&shown.chain()));
        assert_eq!(handshake(&seen).possession, Possession::Missing);
    }
}

#[tokio::test]
async fn a_request_for_a_client_certificate_is_seen() {
    let ca = ca();
    let issued = ca.leaf(&["localhost"]).issue();
    let refused_by_name = Some((Stage::ClientAuth, Reason::CertificateRequired));
    for (behaviour, setup, expected) in [
        ("optional in 1.2", Setup::new(&issued).versions(TLS12).client_certificate_optional(&ca), None),
        ("optional in 1.3", Setup::new(&issued).versions(TLS13).client_certificate_optional(&ca), None),
        // rustls' server says certificate_required in both; OpenSSL's handshake_failure is tested with OpenSSL.
        ("required in 1.2", Setup::new(&issued).versions(TLS12).client_certificate_required(&ca), refused_by_name),
        (
            "required in 1.3, told only after the handshake",
            Setup::new(&issued).versions(TLS13).client_certificate_required(&ca),
            refused_by_name,
        ),
    ] {
        let server = TlsServer::tls(setup).await;
        let seen = probe(server.address, "", PLENTY).await;
        assert_eq!(failure(&seen), expected, "{behaviour}");
        assert!(handshake(&seen).client_certificate_requested, "{behaviour}");
        assert_eq!(handshake(&seen).chain, chain(&issued.chain()), "{behaviour}");
        assert_eq!(handshake(&seen).possession, Possession::Proved, "{behaviour}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_says_why() {
    let issued = ca().leaf(&["localhost"]).issue();
    let alert = |number| Mode::AnswerAndClose(vec![0x15, 3, 3, 0, 2, 2, number]);
    for (behaviour, mode, reason, words) in [
        ("stalls after accept", Mode::StallAfterAccept, Reason::Timeout, "no answer within"),
        ("stalls after the hello", Mode::StallAfterHello, Reason::Timeout, "no answer within"),
        ("stalls inside a record", Mode::Answer(vec![0x16, 3, 3, 1, 0, 2]), Reason::Timeout, "no answer within"),
        ("closes after the hello", Mode::CloseAfterHello, Reason::Closed, "closed"),
        ("closes inside a record", Mode::AnswerAndClose(vec![0x16, 3, 3, 1, 0, 2]), Reason::Closed, "closed"),
        ("garbage", Mode::Answer(vec![0xff; 100]), Reason::NotTls, r#"answers "\xff"#),
        ("garbage in a message", Mode::Answer([&[0x16, 3, 3, 0, 40, 2, 0, 0, 36][..], &[0xee; 36]].concat()), Reason::ProtocolError, ""),
        ("plain HTTP", Mode::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), Reason::NotTls, r#""HTTP/1.1 400 Bad Request""#),
        ("plain HTTP that closes", Mode::AnswerAndClose(b"HTTP/1.0 400 No\r\n\r\n".to_vec()), Reason::NotTls, r#""HTTP/1.0 400 No""#),
        ("an SSH banner", Mode::Banner(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()), Reason::NotTls, r#"answers "SSH-2.0-OpenSSH_9.2p1""#),
        ("a banner too short for a record", Mode::Banner(b"OK\n".to_vec()), Reason::NotTls, r#"answers "OK""#),
        ("a gigantic message", Mode::Answer(vec![0x16, 3, 3, 0, 4, 0x0b, 0xff, 0xff, 0xff]), Reason::TooLarge, ""),
        ("an oversized record", Mode::Answer(vec![0x16, 3, 3, 0xff, 0xff, 2, 0, 0, 0]), Reason::TooLarge, ""),
        ("warnings without end", Mode::Flood(vec![0x15, 3, 3, 0, 2, 1, 90]), Reason::ProtocolError, "TooManyWarningAlerts"),
        ("empty records without end", Mode::Flood(vec![0x16, 3, 3, 0, 0]), Reason::ProtocolError, ""),
        ("handshake_failure", alert(40), Reason::HandshakeFailure, "HandshakeFailure"),
        ("protocol_version", alert(70), Reason::ProtocolVersion, ""),
        ("unrecognized_name", alert(112), Reason::UnrecognizedName, ""),
        ("certificate_required, though never asked for", alert(116), Reason::CertificateRequired, ""),
        ("an alert without a name", alert(200), Reason::UnknownAlert, ""),
        ("no application protocol in common", Mode::Tls(Setup::new(&issued).alpn(&["h2"])), Reason::NoApplicationProtocol, ""),
    ] {
        let server = TlsServer::start(mode).await;
        // Only what waits for the end of its time is given little of it.
        let waits = reason == Reason::Timeout;
        let seen = probe(server.address, "alpn = [\"http/1.1\"]", if waits { SHORT } else { PLENTY }).await;
        assert_eq!(failure(&seen), Some((Stage::Handshake, reason)), "{behaviour}: {:?}", seen.failure);
        assert!(seen.material.is_none(), "{behaviour}");
        let said = seen.failure.unwrap().detail.to_string();
        assert!(said.contains(words), "{behaviour}: {said}");
        assert!(seen.elapsed < PLENTY / 2 && (!waits || seen.elapsed >= SHORT), "{behaviour}: {:?}", seen.elapsed);
    }
}

/// One handshake message in records of a byte each, which take six times its room.
fn in_single_bytes(kind: u8, body: &[u8], announced: usize) -> Vec<u8> {
    let message = [&[kind][..], &u32::try_from(announced).unwrap().to_be_bytes()[1..], body].concat();
    message.iter().flat_map(|byte| [0x16, 3, 3, 0, 1, *byte]).collect()
}

#[tokio::test]
async fn a_handshake_without_an_end_is_cut_short() {
    let hello = |version: u8, suite: [u8; 2]| {
        let body = [&[3, version][..], &[7; 32], &[0], &suite, &[0, 0, 9, 0xff, 1, 0, 1, 0, 0, 5, 0, 0]].concat();
        [&[0x16, 3, version, 0, 4 + body.len() as u8, 2, 0, 0, body.len() as u8][..], &body].concat()
    };
    let large = 0xfff0;
    let list = [&[0, 0xff, 0xed, 0, 0xff, 0xea][..], &vec![0x30; large - 6]].concat();
    let staple = [&[1, 0, 0xff, 0xec][..], &vec![0x30; large - 4]].concat();
    let good = [hello(3, [0xc0, 0x2f]), in_single_bytes(11, &list, large), in_single_bytes(22, &staple, large)].concat();
    let endless = [good, in_single_bytes(12, &vec![0xff; large], large)].concat();
    assert!(endless.len() > 1 << 20);
    // HelloRequests, which say nothing: a hello of TLS 1.0 is where the hand-made one reads on.
    let idle = [hello(1, [0, 0x2f]), b"\x16\x03\x01\0\x04\0\0\0\0".repeat(1 << 18)].concat();
    for (behaviour, answer, reason, words, connections) in [
        ("certificates and more, byte by byte", endless, Reason::TooLarge, "does not fit into 64 KiB", 1),
        ("an old server that never comes to its certificates", idle, Reason::Incompatible, "", 2),
    ] {
        let server = TlsServer::start(Mode::Answer(answer)).await;
        let seen = probe(server.address, "", PLENTY).await;
        assert_eq!(failure(&seen), Some((Stage::Handshake, reason)), "{behaviour}: {:?}", seen.failure);
        assert!(seen.material.is_none(), "{behaviour}");
        assert!(seen.failure.unwrap().detail.to_string().contains(words), "{behaviour}");
        assert!(seen.elapsed < PLENTY / 2, "{behaviour}: {:?}", seen.elapsed);
        assert_eq!(server.connections(), connections, "{behaviour}");
    }
}

#[tokio::test]
async fn the_way_there_has_stages_of_its_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = probe(free, "", PLENTY).await;
    assert_eq!(failure(&refused), Some((Stage::Connect, Reason::Refused)));
    assert_eq!(refused.handshake, None);

    let foreign = probe(free, "source_address = \"192.0.2.1\"", PLENTY).await;
    assert_eq!(failure(&foreign), Some((Stage::Connect, Reason::LocalResources)));

    let other_family = probe(free, "source_address = \"::1\"", PLENTY).await;
    assert_eq!(failure(&other_family), Some((Stage::Connect, Reason::Unreachable)));

    let source = source("targets = [\"nowhere.invalid:443\"]");
    let unknown = scan(&*source, PLENTY).await.remove(0);
    let (stage, reason) = failure(&unknown).unwrap();
    // Which of the two depends on whether this machine has a resolver that answers.
    assert!(stage == Stage::Dns && [Reason::DnsNotFound, Reason::DnsFailed].contains(&reason), "{:?}", unknown.failure);
    assert_eq!(
        unknown.place,
        Place::Endpoint { target: "nowhere.invalid:443".into(), server_name: "nowhere.invalid".into(), address: None }
    );
}

#[tokio::test]
async fn a_name_that_tls_cannot_carry_is_not_sent_but_looked_for() {
    let issued = ca().leaf(&["localhost"]).issue();
    let server = TlsServer::tls(Setup::new(&issued)).await;
    for name in ["under_score.example", "bad..name", "müller.example", "trailing.example.", "192.0.2.7"] {
        let seen = probe(server.address, &format!("server_name = \"{name}\""), PLENTY).await;
        assert_eq!(failure(&seen), None, "{name}");
        assert_eq!(&*handshake(&seen).server_name, name);
    }
}

#[tokio::test]
async fn user_labels_of_a_target_come_with_it() {
    let issued = ca().leaf(&["localhost"]).issue();
    let server = TlsServer::tls(Setup::new(&issued)).await;
    let source = source(&format!("targets = [{{ target = \"{}\", labels = {{ team = \"x\" }} }}]", server.address));
    let seen = scan(&*source, PLENTY).await.remove(0);
    assert_eq!(&*seen.labels.unwrap().0, [("team".into(), "x".into())]);
}

#[tokio::test]
async fn no_more_probes_at_once_than_allowed() {
    let issued = ca().leaf(&["localhost"]).issue();
    let server = TlsServer::start(Mode::Late(Duration::from_millis(20), Setup::new(&issued))).await;
    let targets: Vec<_> = (0..24).map(|n| format!("{{ target = \"{}\", server_name = \"n{n}.example\" }}", server.address)).collect();
    let source = source(&format!("targets = [{}]\nconcurrency = 4\ncheck_old_tls = false", targets.join(",")));
    assert_eq!(scan(&*source, PLENTY).await.len(), 24);
    assert_eq!(server.connections(), 24);
    // The server learns of a close a little later than the prober.
    assert!((2..=6).contains(&server.most_at_once()), "{}", server.most_at_once());
}

#[tokio::test]
async fn the_steps_say_the_same_as_the_verdict() {
    for mode in [Mode::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), Mode::Banner(b"OK\n".to_vec())] {
        let server = TlsServer::start(mode).await;
        let seen = scan(&*source(&format!("targets = [\"{}\"]", server.address)), SHORT).await.remove(0);
        let verdict = seen.failure.as_ref().map(|failure| format!("{}: {}", failure.reason, failure.detail)).unwrap();
        assert!(verdict.starts_with("not_tls: answers"), "{verdict}");
        assert_eq!(seen.trace.steps.last().unwrap().failure.as_deref(), Some(&*verdict));
    }
}

#[tokio::test]
async fn what_timed_out_last_time_holds_up_nobody_else() {
    let issued = ca().leaf(&["localhost"]).issue();
    let (good, stalled) = (TlsServer::tls(Setup::new(&issued)).await, TlsServer::start(Mode::StallAfterAccept).await);
    let hanging: Vec<_> = (0..2).map(|n| format!("{{ target = \"{}\", server_name = \"h{n}\" }}", stalled.address)).collect();
    let source = source(&format!("targets = [{}, \"{}\"]\nconcurrency = 1", hanging.join(","), good.address));
    let order = |observations: &[Observation]| -> Vec<bool> { observations.iter().map(|seen| seen.failure.is_none()).collect() };
    let first = scan(&*source, SHORT).await;
    assert_eq!(order(&first), [false, false, true], "the first round knows nothing and goes in order");
    let clock = SystemClock::new();
    let second = scan(&*source, SHORT).await;
    assert_eq!(order(&second), [true, false, false], "from the second round on they wait in their own lane");
    assert!(clock.monotonic() >= SHORT * 2, "which is as wide as the other, not wider");

    // One that answers again comes back.
    drop(stalled);
    let _ = scan(&*source, SHORT).await;
    assert_eq!(order(&scan(&*source, SHORT).await), [false, false, true], "refused at once, in order");
}

#[tokio::test]
async fn every_address_behind_a_name_is_a_target_of_its_own() {
    let issued = ca().leaf(&["localhost"]).issue();
    let server = TlsServer::tls(Setup::new(&issued)).await;
    let target = format!("localhost:{}", server.address.port());
    let place = |address: Option<IpAddr>| Place::Endpoint { target: target.as_str().into(), server_name: "localhost".into(), address };
    let all = scan(&*source(&format!("targets = [\"{target}\"]\nresolve = \"all\"")), PLENTY).await;
    let v4 = all.iter().find(|seen| seen.place == place(Some(server.address.ip()))).expect("127.0.0.1 is behind localhost");
    assert_eq!(failure(v4), None);
    assert!(all.iter().all(|seen| matches!(&seen.place, Place::Endpoint { address: Some(_), .. })), "{all:?}");

    let first = scan(&*source(&format!("targets = [\"{target}\"]")), PLENTY).await;
    assert_eq!((first.len(), &first[0].place, failure(&first[0])), (1, &place(None), None));

    let literal = probe(server.address, "resolve = \"all\"", PLENTY).await;
    assert!(matches!(literal.place, Place::Endpoint { address: None, .. }), "an address is no name");
}

#[tokio::test]
async fn a_name_that_resolves_no_more_fails_at_each_known_address() {
    let place = |target: &str, address: Option<[u8; 4]>| Place::Endpoint {
        target: target.into(),
        server_name: "nowhere.invalid".into(),
        address: address.map(IpAddr::from),
    };
    let source = source("targets = [\"nowhere.invalid:443\", \"nowhere.invalid:444\"]\nresolve = \"all\"");
    let known = [
        place("nowhere.invalid:443", Some([192, 0, 2, 1])),
        place("nowhere.invalid:443", Some([192, 0, 2, 2])),
        place("other.example:443", Some([192, 0, 2, 3])),
    ];
    let sink = Arc::new(Recorded::knowing(known.iter().map(|place| (place.clone(), None))));
    scan_into(&*source, &sink, PLENTY).await.unwrap();
    let mut observations = std::mem::take(&mut *sink.observations.lock().unwrap());
    observations.sort_by(|a, b| a.place.cmp(&b.place));
    assert!(observations.iter().all(|seen| failure(seen).is_some_and(|(stage, _)| stage == Stage::Dns)));
    let places: Vec<_> = observations.into_iter().map(|seen| seen.place).collect();
    assert_eq!(places, [known[0].clone(), known[1].clone(), place("nowhere.invalid:444", None)]);
}

#[tokio::test]
async fn unreadable_roots_leave_trust_unknown_and_are_told_once_per_scan() {
    let issued = ca().leaf(&["localhost"]).issue();
    let server = TlsServer::tls(Setup::new(&issued).versions(BOTH)).await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (behaviour, path) in [("absent", "absent.pem"), ("a folder", "."), ("empty", "empty.pem")] {
        let settings = format!("targets = [\"{0}\", \"tls://{0}\"]\nroots = [\"{path}\"]", server.address);
        let settings: TlsSettings = toml::from_str(&settings).unwrap();
        let source = settings.build(&BuildContext { base: folder.path().to_path_buf() }).unwrap().remove(0).1;
        let sink = Arc::new(Recorded::default());
        scan_into(&*source, &sink, PLENTY).await.unwrap();
        let errors = std::mem::take(&mut *sink.errors.lock().unwrap());
        assert_eq!(errors.iter().map(|error| error.reason).collect::<Vec<_>>(), [Reason::RootsUnreadable], "{behaviour}");
        assert!(errors[0].detail.to_string().contains(path), "{behaviour}: {}", errors[0].detail);
        let observations = sink.observations.lock().unwrap();
        assert_eq!(observations.len(), 2, "{behaviour}");
        for seen in &*observations {
            assert!(failure(seen).is_none() && handshake(seen).roots.is_none() && handshake(seen).chain.len() == 2, "{behaviour}");
        }
    }
}

#[tokio::test]
async fn trust_follows_the_configured_roots_without_a_reload() {
    let root = Ca::root("Test Root");
    let issued = root.intermediate("Test Intermediate").leaf(&["localhost"]).issue();
    let server = TlsServer::tls(Setup::new(&issued)).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("targets = [\"{}\"]\nserver_name = \"localhost\"\nroots = [\"ca.pem\"]", server.address);
    let settings: TlsSettings = toml::from_str(&settings).unwrap();
    let source = settings.build(&BuildContext { base: folder.path().to_path_buf() }).unwrap().remove(0).1;
    let right = root.pem();
    for (behaviour, pem, untrusted, unknown) in [
        ("the right root", Some(right.clone()), false, false),
        ("another root", Some(Ca::root("Other Root").pem()), true, false),
        ("both", Some(format!("{}{right}", Ca::root("Other Root").pem())), false, false),
        ("no file", None, false, true),
        ("the right root again", Some(right.clone()), false, false),
    ] {
        match pem {
            Some(pem) => std::fs::write(folder.path().join("ca.pem"), pem).unwrap(),
            None => std::fs::remove_file(folder.path().join("ca.pem")).unwrap(),
        }
        let seen = scan(&*source, PLENTY).await.remove(0);
        assert_eq!(handshake(&seen).roots.is_none(), unknown, "{behaviour}");
        let facts = decode(seen.material.as_ref().unwrap(), &Limits::default(), SystemClock::new().now().into());
        assert_eq!(facts.endpoint.unwrap().leaf.contains(Finding::Untrusted), untrusted, "{behaviour}");
    }
}
