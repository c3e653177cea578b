//! Targets from documents as Prometheus writes and serves them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notafter::model::clock::SystemClock;
use notafter::model::{BuildContext, Clock, Listing, Place, Reason, ScanContext, Sink, Source, SourceKind};
use notafter::source::SourceSettings;

use crate::support::rescan::RecordingSink;

/// What a scan looked at, by target: server name and labels.
type Looked = BTreeMap<String, (String, Vec<(String, String)>)>;

fn source(folder: &Path, table: &str) -> Box<dyn Source> {
    let settings = SourceSettings::parse(SourceKind::Tls, toml::Deserializer::parse(table).unwrap()).unwrap();
    settings.build(&BuildContext { base: folder.to_owned() }).unwrap()
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

/// Answers every request with what stands there now: a status line and a body.
fn serve(answer: Arc<Mutex<(String, Vec<u8>)>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let (head, body) = answer.lock().unwrap().clone();
            let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(&body);
        }
    });
    address
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
    let answer = Arc::new(Mutex::new(good.clone()));
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
