//! Targets from documents as Prometheus writes and serves them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notafter::model::clock::SystemClock;
use notafter::model::{BuildContext, Clock, Listing, Place, Reason, ScanContext, Sink, Source, SourceKind};
use notafter::net::{ClientIdentity, FetchError, HttpClient, trust};
use notafter::source::SourceSettings;

use crate::support::ca::Ca;
use crate::support::rescan::RecordingSink;
use crate::support::tls_server::Setup;

/// A status line, which may bring headers along, and a body.
type Answer = Arc<Mutex<(String, Vec<u8>)>>;

/// What a scan looked at, by target: server name and labels.
type Looked = BTreeMap<String, (String, Vec<(String, String)>)>;

fn source(folder: &Path, table: &str) -> Box<dyn Source> {
    let settings = SourceSettings::parse(SourceKind::Tls, toml::Deserializer::parse(table).unwrap()).unwrap();
    settings.build(&BuildContext { base: folder.to_owned() }).unwrap().remove(0).1
}

async fn scan(source: &dyn Source) -> (Looked, Listing, Vec<(Reason, String)>) {
    let (sink, clock) = (Arc::new(RecordingSink::default()), Arc::new(SystemClock::new()));
    let started_at = clock.now();
    let cx = ScanContext { sink: Arc::clone(&sink) as Arc<dyn Sink>, clock, started_at, timeout: Duration::from_secs(5) };
    let listing = source.scan(cx).await.unwrap();
    let mut looked = Looked::new();
    for observation in std::mem::take(&mut *sink.observed.lock().unwrap()) {
        let Place::Endpoint { target, server_name, .. } = observation.place else { panic!("an endpoint") };
        let labels = observation.labels.iter().flat_map(|labels| labels.0.iter());
        let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert!(looked.insert(format!("{target} {server_name}"), (server_name.to_string(), labels)).is_none(), "{target} once");
    }
    let errors = std::mem::take(&mut *sink.errors.lock().unwrap());
    (looked, listing, errors)
}

fn targets(looked: &Looked) -> Vec<&str> {
    looked.keys().map(|key| key.split(' ').next().unwrap()).collect()
}

/// Answers every request with what stands there now.
fn serve(answer: Answer) -> SocketAddr {
    listen(move |stream| say(stream, &answer))
}

/// The same over TLS.
fn serve_tls(setup: Setup, answer: Answer) -> SocketAddr {
    let config = Arc::new(setup.config());
    listen(move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        say(&mut stream, &answer);
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
    address
}

fn say(mut stream: impl Read + Write, answer: &Answer) {
    let _ = stream.read(&mut [0; 4096]);
    write_answer(stream, answer);
}

fn write_answer(mut stream: impl Write, answer: &Answer) {
    let (head, body) = answer.lock().unwrap().clone();
    let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&body);
}

#[tokio::test]
async fn documents_are_read_as_prometheus_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.json",
        r#"[{"targets": ["127.0.0.1:1", "localhost:1"], "labels": {"team": "web", "__meta_x": "y", "__server_name": "a.example", "env": "prod"}}]"#,
    );
    write("b.yml", "- targets: ['127.0.0.2:1', 'localhost:1', 'no port']\n  labels: {__server_name: a.example, owner: b}\n- targets: []\n");
    write("c.txt", "not looked at");
    let body = br#"[{"targets": ["127.0.0.3:1", "127.0.0.9:1"]}]"#.to_vec();
    let address = serve(Arc::new(Mutex::new(("200 OK".to_owned(), body))));
    let table = format!("targets = [\"127.0.0.9:1\"]\nfile_sd = [\"*.json\", \"*.yml\", \"a.json\"]\nhttp_sd = [\"http://{address}/sd\"]");
    let (looked, listing, errors) = scan(&*source(folder.path(), &table)).await;
    assert_eq!(targets(&looked), ["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1", "127.0.0.9:1", "localhost:1"]);
    assert_eq!(listing, Listing::Complete);
    assert_eq!(looked["localhost:1 a.example"].1, [("team".to_owned(), "web".to_owned())], "the first counts, __ labels do not");
    assert_eq!(looked["127.0.0.2:1 a.example"].1, [("owner".to_owned(), "b".to_owned())]);
    let told: Vec<_> =
        errors.iter().map(|(reason, detail)| (*reason, detail.contains("\"env\""), detail.contains("\"no port\""))).collect();
    assert_eq!(told, [(Reason::DecodeFailed, true, false), (Reason::DecodeFailed, false, true)], "{errors:?}");
}

#[tokio::test]
async fn a_document_that_cannot_be_read_keeps_its_last_good_targets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    std::fs::write(&path, r#"[{"targets": ["127.0.0.1:1"]}]"#).unwrap();
    let good = ("200 OK".to_owned(), br#"[{"targets": ["127.0.0.2:1"]}]"#.to_vec());
    let answer: Answer = Arc::new(Mutex::new(good.clone()));
    let table = format!("file_sd = [\"t.json\"]\nhttp_sd = [\"http://{}/\"]", serve(answer.clone()));
    let watched = source(folder.path(), &table);
    let both = ["127.0.0.1:1", "127.0.0.2:1"];
    let (looked, listing, errors) = scan(&*watched).await;
    assert_eq!((targets(&looked), listing, errors.len()), (both.to_vec(), Listing::Complete, 0));

    let too_large = vec![b' '; (4 << 20) + 1];
    for (behaviour, file, head, body, reasons) in [
        ("not JSON", Some(&b"[{"[..]), "200 OK", &b"<html>"[..], [Reason::DecodeFailed, Reason::DecodeFailed]),
        ("too large", Some(&too_large[..]), "200 OK", &too_large[..], [Reason::TooLarge, Reason::TooLarge]),
        ("not there", None, "404 Not Found", b"[]", [Reason::NotFound, Reason::NotFound]),
        ("not ours", Some(b"{}"), "500 Oops", b"[]", [Reason::DecodeFailed, Reason::ReadFailed]),
        ("round and round", Some(b"x"), "302 Found\r\nLocation: /", b"", [Reason::DecodeFailed, Reason::ReadFailed]),
    ] {
        match file {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        *answer.lock().unwrap() = (head.to_owned(), body.to_vec());
        let (looked, listing, errors) = scan(&*watched).await;
        assert_eq!((targets(&looked), listing), (both.to_vec(), Listing::Complete), "{behaviour}");
        assert_eq!(errors.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), reasons, "{behaviour}: {errors:?}");
    }
    // A folder that is gone takes nothing with it.
    let globbed = source(folder.path(), "file_sd = [\"sd/*.json\"]");
    std::fs::create_dir(folder.path().join("sd")).unwrap();
    std::fs::write(folder.path().join("sd/a.json"), r#"[{"targets": ["127.0.0.4:1"]}]"#).unwrap();
    scan(&*globbed).await;
    std::fs::rename(folder.path().join("sd"), folder.path().join("elsewhere")).unwrap();
    for _ in 0..2 {
        let (looked, listing, errors) = scan(&*globbed).await;
        assert_eq!((targets(&looked), listing, errors[0].0), (vec!["127.0.0.4:1"], Listing::Complete, Reason::NotFound));
    }
    // Another process has never read them: what it knows from before must stay.
    let (looked, listing, _) = scan(&*source(folder.path(), &table)).await;
    assert_eq!((targets(&looked).len(), listing), (0, Listing::Partial));

    std::fs::write(&path, "[]").unwrap();
    *answer.lock().unwrap() = good;
    let (looked, listing, errors) = scan(&*watched).await;
    assert_eq!((targets(&looked), listing, errors.len()), (vec!["127.0.0.2:1"], Listing::Complete, 0), "gone is gone");
}

#[tokio::test]
async fn a_server_of_documents_is_trusted_by_the_roots_of_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("ca.pem");
    let (ca, other) = (Ca::root("Test Root"), Ca::root("Other Root"));
    std::fs::write(&roots, ca.pem()).unwrap();
    let answer = Arc::new(Mutex::new(("200 OK".to_owned(), br#"[{"targets": ["127.0.0.2:1"]}]"#.to_vec())));
    let port = serve_tls(Setup::new(&ca.leaf(&["localhost"]).issue()), answer.clone()).port();
    // The name of a file does not make it YAML, which would take what is no JSON.
    let url = format!("https://me:hunter2@localhost:{port}/targets.yml");
    let watched = source(folder.path(), &format!("http_sd = [\"{url}\"]\nroots = [\"ca.pem\"]"));
    let good = || async {
        let (looked, listing, errors) = scan(&*watched).await;
        assert_eq!((targets(&looked), listing), (vec!["127.0.0.2:1"], Listing::Complete), "{errors:?}");
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
        errors
    };
    assert_eq!(good().await, []);
    *answer.lock().unwrap() = ("200 OK".to_owned(), b"- targets: ['127.0.0.3:1']".to_vec());
    assert_eq!(good().await.len(), 1, "YAML over HTTP");

    let told = [(Reason::ServerUntrusted, "the server's certificate is not trusted: no chain leads from it to one of the trusted roots")];
    std::fs::write(&roots, other.pem()).unwrap();
    let errors = good().await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].0 == told[0].0 && errors[0].1.ends_with(told[0].1), "{errors:?}");
    std::fs::write(&roots, "nothing").unwrap();
    let errors = good().await;
    assert_eq!(errors.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [Reason::RootsUnreadable; 2], "{errors:?}");
    assert!(errors[1].1.contains("cannot be read"), "{errors:?}");

    std::fs::write(&roots, ca.pem()).unwrap();
    *answer.lock().unwrap() = ("200 OK".to_owned(), b"[]".to_vec());
    let (looked, listing, errors) = scan(&*watched).await;
    assert_eq!((looked.len(), listing, errors), (0, Listing::Complete, vec![]), "trusted again");
}

#[tokio::test]
async fn user_and_password_of_a_url_are_sent_and_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let address = listen(|mut stream| {
        let mut request = [0; 4096];
        let read = stream.read(&mut request).unwrap();
        // base64 of me:hunter2
        let is_known = String::from_utf8_lossy(&request[..read]).to_lowercase().contains("authorization: basic bwu6ahvudgvymg==");
        let (head, body) = if is_known { ("200 OK", &br#"[{"targets": ["127.0.0.2:1"]}]"#[..]) } else { ("401 Unauthorized", &b""[..]) };
        write_answer(stream, &Arc::new(Mutex::new((head.to_owned(), body.to_vec()))));
    });
    for (password, found, reasons) in [("hunter2", vec!["127.0.0.2:1"], vec![]), ("hunter3", vec![], vec![Reason::PermissionDenied])] {
        let (looked, _, errors) = scan(&*source(folder.path(), &format!("http_sd = [\"http://me:{password}@{address}/sd\"]"))).await;
        assert_eq!(targets(&looked), found, "{errors:?}");
        assert_eq!(errors.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), reasons, "{errors:?}");
        assert!(errors.iter().all(|(_, words)| words.contains("/sd: ") && !words.contains("hunter")), "{errors:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_server_of_documents_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::root("Test Root");
    std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
    let leaf = || ca.leaf(&["localhost"]);
    let untrusted = |words| (Reason::ServerUntrusted, words);
    let nobody = Ca::root("Nobody");
    let as_ca = leaf().issue();
    for (behaviour, setup, head, (reason, words)) in [
        ("unknown", Setup::new(&nobody.leaf(&["localhost"]).issue()), "200 OK", untrusted("no chain leads from it")),
        ("expired", Setup::new(&leaf().expired().issue()), "200 OK", untrusted("it expired at 20")),
        ("not yet valid", Setup::new(&leaf().not_yet_valid().issue()), "200 OK", untrusted("it is not valid before 20")),
        ("of another name", Setup::new(&ca.leaf(&["elsewhere.example"]).issue()), "200 OK", untrusted("it is not for the name localhost")),
        (
            "for clients",
            Setup::new(&leaf().extended_key_usages(&[rcgen::ExtendedKeyUsagePurpose::ClientAuth]).issue()),
            "200 OK",
            untrusted("it is not for servers"),
        ),
        ("of a CA", Setup::new(&as_ca).chain(vec![ca.der().clone()]), "200 OK", untrusted("it is the certificate of a CA")),
        (
            "good, but it sends us out of TLS",
            Setup::new(&leaf().issue()),
            "302 Found\r\nLocation: http://127.0.0.1:1/",
            (Reason::ReadFailed, "redirected from https to http"),
        ),
    ] {
        let port = serve_tls(setup, Arc::new(Mutex::new((head.to_owned(), b"[]".to_vec())))).port();
        let (_, listing, errors) =
            scan(&*source(folder.path(), &format!("http_sd = [\"https://localhost:{port}/\"]\nroots = [\"ca.pem\"]"))).await;
        assert_eq!((listing, errors.len()), (Listing::Partial, 1), "{behaviour}: {errors:?}");
        assert!(errors[0].0 == reason && errors[0].1.contains(words), "{behaviour}: {errors:?}");
    }
}

#[tokio::test]
async fn a_client_with_an_identity_shows_it_to_who_asks() {
    let ca = Ca::root("Test Root");
    let leaf = || ca.leaf(&["localhost"]).extended_key_usages(&[rcgen::ExtendedKeyUsagePurpose::ClientAuth]).issue();
    let (own, foreign) = (leaf(), Ca::root("Other Root").leaf(&["localhost"]).issue());
    let setup = Setup::new(&ca.leaf(&["localhost"]).issue()).client_certificate_required(&ca);
    let port = serve_tls(setup, Arc::new(Mutex::new(("200 OK".to_owned(), b"body".to_vec())))).port();
    let anchors = [webpki::anchor_from_trusted_cert(ca.der()).unwrap().to_owned()];
    for (behaviour, issued, expected) in
        [("its own", Some(&own), Some(&b"body"[..])), ("of another CA", Some(&foreign), None), ("none", None, None)]
    {
        let identity = issued.map(|issued| ClientIdentity::new(&[issued.certificate.to_vec()], vec![issued.key_der()]).unwrap());
        let client = HttpClient::new(trust(&anchors, identity.as_ref()).unwrap()).unwrap();
        let got = client.get(&format!("https://localhost:{port}/"), 100, Duration::from_secs(5)).await;
        match &got {
            Err(error) => assert!(matches!(error, FetchError::Exchange(_)), "{behaviour}: {error}"),
            Ok(body) => assert_eq!(Some(&body[..]), expected, "{behaviour}"),
        }
        assert_eq!(got.is_ok(), expected.is_some(), "{behaviour}");
    }
}
