//! Secrets and ConfigMaps.

use super::*;
use crate::source::kubernetes::objects::Subject;
use crate::source::kubernetes::objects::namespace::Namespaces;

#[test]
fn keys_of_a_secret_become_places() {
    let (pem, other) = (encoded("-----BEGIN"), encoded("something"));
    let shown = |entries: &[&str]| entries.iter().map(|entry| format!("secret a/s {entry}")).collect::<Vec<_>>();
    for (case, data, expected) in [
        ("wanted keys alone", &[("tls.crt", &*pem), ("tls.key", "!"), ("password", &other)][..], shown(&["tls.crt"])),
        ("no wanted key", &[("password", &other)], shown(&[])),
        ("nothing at all", &[], shown(&[])),
        ("an empty key", &[("ca.crt", "")], shown(&["ca.crt: parse no_certificate_found"])),
        ("an empty CA beside a certificate (ACME)", &[("ca.crt", ""), ("tls.crt", &pem)], shown(&["tls.crt"])),
        (
            "both empty",
            &[("ca.crt", ""), ("tls.crt", "")],
            shown(&["ca.crt: parse no_certificate_found", "tls.crt: parse no_certificate_found"]),
        ),
        ("not base64", &[("ca.crt", &pem), ("tls.crt", "***")], shown(&["ca.crt", "tls.crt: parse decode_failed"])),
    ] {
        let table = Table::new("");
        let number = table.secrets.applied(secret("s", "", data).as_bytes(), &table.cx);
        assert_eq!(table.sink.shown(), expected, "{case}");
        assert_eq!(number.is_some(), !expected.is_empty(), "{case}: kept track of what is shown");
        assert_eq!(*table.sink.errors.lock().unwrap(), [], "{case}");
    }
}

#[test]
fn bytes_are_handed_over_whole_and_once() {
    let bundle = "-----BEGIN CERTIFICATE-----\n".to_owned() + &"x".repeat(1300);
    let bundle = bundle.repeat(800);
    let table = Table::new("");
    let json = secret("s", "", &[("bundle.pem", &encoded(&bundle))]);
    for _ in 0..3 {
        table.secrets.applied(json.as_bytes(), &table.cx);
    }
    let seen = table.sink.seen("bundle.pem");
    assert_eq!((seen.bytes.len(), seen.reads), (bundle.len(), 1));
    table.secrets.applied(secret("s", "", &[("bundle.pem", &encoded("new"))]).as_bytes(), &table.cx);
    assert_eq!(table.sink.seen("bundle.pem").bytes, b"new");
}

#[test]
fn what_is_no_more_loses_its_places() {
    let pem = encoded("x");
    let both = [("tls.crt", &*pem), ("ca.crt", &pem)];
    let table = Table::new("");
    let cx = &table.cx;
    let apply = |name: &str, data: &[(&str, &str)]| table.secrets.applied(secret(name, "", data).as_bytes(), cx);
    let first = apply("s", &both);
    apply("t", &both);
    apply("s", &both[..1]);
    assert_eq!(table.sink.shown(), ["secret a/s tls.crt", "secret a/t ca.crt", "secret a/t tls.crt"], "a key removed");
    table.secrets.deleted(secret("t", "", &both[..1]).as_bytes(), cx);
    assert_eq!(table.sink.shown(), ["secret a/s tls.crt"], "an object deleted, with a key that its last version lacks");
    let renamed = apply("u", &both);
    vanish(&table.secrets, &[first], cx);
    assert_eq!(table.sink.shown(), ["secret a/u ca.crt", "secret a/u tls.crt"], "renamed while nobody watched");
    assert_eq!(apply("u", &both), renamed, "the number is that of the name");
    assert_eq!(apply("u", &[]), None);
    assert_eq!(table.sink.shown(), [""; 0], "no wanted key is left");
}

#[test]
fn garbage_costs_its_own_object_alone() {
    let pem = encoded("x");
    let table = Table::new("");
    let cx = &table.cx;
    table.secrets.applied(secret("known", "", &[("tls.crt", &pem)]).as_bytes(), cx);
    for (json, words) in [
        ("", "of unknown name"),
        ("[]", "of unknown name"),
        (r#"{"metadata":{"name":"new","namespace":"a"},"data":7}"#, "a/new"),
        (r#"{"metadata":{"name":"new","namespace":"a"},"data":{"tls.crt":["c2VjcmV0"]}}"#, "a/new"),
        (r#"{"metadata":{"namespace":"a"},"data":{}}"#, "of unknown name"),
    ] {
        assert_eq!(table.secrets.applied(json.as_bytes(), cx), None, "{json}");
        let (reason, text) = table.sink.errors.lock().unwrap().pop().unwrap();
        assert!(reason == Reason::DecodeFailed && text.contains(words) && !text.contains("c2Vj"), "{json}: {reason} {text}");
    }
    assert_eq!(table.sink.shown(), ["secret a/known tls.crt"]);
    // What is known of it stays, and fails.
    let broken = r#"{"metadata":{"name":"known","namespace":"a"},"data":{"tls.crt":{}}}"#;
    assert!(table.secrets.applied(broken.as_bytes(), cx).is_some());
    assert_eq!(table.sink.shown(), ["secret a/known tls.crt: read decode_failed"]);
    assert_eq!(table.sink.seen("tls.crt").bytes, b"x");
}

#[test]
fn config_maps_hold_text_and_binary_data() {
    let table = Table::new("configmap_labels = ['app']");
    let json = format!(
        r#"{{"binaryData":{{"trust.jks":"{}"}},"data":{{"ca-bundle.crt":"-----BEGIN\nx","note":"y"}},"metadata":{{"labels":{{"app":"x"}},"namespace":"a","name":"m"}}}}"#,
        encoded([0xfe, 0xed, 0xfe, 0xed])
    );
    table.configmaps.applied(json.as_bytes(), &table.cx);
    assert_eq!(table.sink.shown(), ["configmap a/m ca-bundle.crt", "configmap a/m trust.jks"]);
    assert_eq!(table.sink.seen("ca-bundle.crt").bytes, b"-----BEGIN\nx");
    let store = table.sink.seen("trust.jks");
    assert_eq!((store.bytes.as_slice(), store.passphrases), (&[0xfe, 0xed, 0xfe, 0xed][..], vec![String::new(), "changeit".to_owned()]));
    assert_eq!(store.labels, [("configmap_label_app".to_owned(), "x".to_owned())]);
    table.configmaps.deleted(json.as_bytes(), &table.cx);
    assert_eq!(table.sink.shown(), [""; 0]);
}

#[test]
fn passphrases_are_tried_from_the_nearest_to_the_usual() {
    let pfx = encoded([0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x03]);
    let (jks, der) = (encoded([0xfe, 0xed, 0xfe, 0xed, 0]), encoded([0x30, 0x82, 0x01, 0x00, 0x30, 0x82]));
    let own = [("password", encoded("own\n"))];
    for (case, toml, key, value, expected) in [
        ("nothing configured", "", "a.p12", &pfx, &["", "changeit"][..]),
        ("a key of the same Secret", "passphrase_refs = [{ key = 'password' }]", "a.jks", &jks, &["own", "", "changeit"]),
        ("a key that is not there", "passphrase_refs = [{ key = 'pass' }]", "a.jks", &jks, &["", "changeit"]),
        (
            "and a configured one",
            "passphrase_refs = [{ key = 'password' }]\npassphrase = 'given'",
            "a.p12",
            &pfx,
            &["own", "given", "", "changeit"],
        ),
        ("no keystore", "passphrase_refs = [{ key = 'password' }]", "a.der", &der, &[]),
    ] {
        let table = Table::new(toml);
        table.secrets.applied(secret("s", "", &[(key, value), (own[0].0, &own[0].1)]).as_bytes(), &table.cx);
        assert_eq!(table.sink.seen(key).passphrases, expected, "{case}");
        assert_eq!(table.sink.shown().len(), 1, "{case}: the passphrase is no place");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_secret_of_passphrases_that_cannot_be_had_is_said_once_a_minute() {
    let table = Table::new("passphrase_refs = [{ secret = 'b/other', key = 'password' }]");
    let jks = encoded([0xfe, 0xed, 0xfe, 0xed, 0]);
    let table = tokio::task::spawn_blocking(move || {
        for name in ["s", "t", "u"] {
            table.secrets.applied(secret(name, "", &[("a.jks", &jks)]).as_bytes(), &table.cx);
        }
        table
    });
    let table = table.await.unwrap();
    assert_eq!(table.sink.seen("u a.jks").passphrases, ["", "changeit"]);
    let errors = table.sink.errors.lock().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].1.contains("Secret b/other"), "{errors:?}");
}

#[test]
fn labels_and_annotations_say_whose_it_is_and_whether_it_counts() {
    let pem = encoded("x");
    let toml = "annotation_selector = 'watch=yes'\nsecret_labels = ['app']\nlabels_from = { team = ['annotation:e.example/team', 'namespace_label:team'] }";
    let of_namespace = vec![("team".to_owned(), "b".to_owned())];
    let all = vec![("secret_label_app".to_owned(), "x".to_owned()), ("team".to_owned(), "a".to_owned())];
    let table = Table::new(toml);
    let namespaces = Namespaces { wanted: vec![Arc::clone(&table.secrets.owner)], surroundings: Arc::clone(&table.surroundings) };
    let namespace = |team: &str| format!(r#"{{"metadata":{{"name":"a","labels":{{"team":"{team}","other":"x"}}}}}}"#);
    namespaces.applied(namespace("b").as_bytes(), &table.cx);
    for (case, metadata, expected) in [
        ("not annotated", "", None),
        ("annotated otherwise", r#","annotations":{"watch":"no"}"#, None),
        ("annotated", r#","annotations":{"watch":"yes"}"#, Some(&of_namespace)),
        (
            "with its own labels",
            r#","annotations":{"watch":"yes","e.example/team":"a","big":"…"},"labels":{"app":"x","b":"y"}"#,
            Some(&all),
        ),
        ("annotated no more", r#","annotations":{}"#, None),
        ("annotated again", r#","annotations":{"watch":"yes"},"labels":null"#, Some(&of_namespace)),
    ] {
        let number = table.secrets.applied(secret("s", metadata, &[("tls.crt", &pem)]).as_bytes(), &table.cx);
        assert!(number.is_some(), "{case}");
        let labels = table.sink.known.lock().unwrap().values().next().map(|seen| seen.labels.clone());
        assert_eq!(labels.as_ref(), expected, "{case}");
    }
    table.changes.take();
    namespaces.applied(namespace("c").as_bytes(), &table.cx);
    table.secrets.redescribe(&table.changes.take(), &table.cx);
    assert_eq!(table.sink.seen("tls.crt").labels, [("team".to_owned(), "c".to_owned())], "the namespace changed hands");
    assert_eq!(table.sink.reads(), 1, "nothing was read again for it");
}

#[test]
fn namespaces_that_are_not_selected_do_not_count() {
    let pem = encoded("x");
    let table = Table::new("namespace_selector = 'team'");
    let json = secret("s", "", &[("tls.crt", &pem)]);
    let namespaces = Namespaces { wanted: Vec::new(), surroundings: Arc::clone(&table.surroundings) };
    assert!(!table.surroundings.knows_namespaces());
    namespaces.listed(&table.cx);
    assert!(table.surroundings.knows_namespaces());
    assert!(table.secrets.applied(json.as_bytes(), &table.cx).is_some(), "it may be selected later");
    assert_eq!(table.sink.shown(), [""; 0]);
    let namespace = br#"{"metadata":{"name":"a"}}"#;
    let number = namespaces.applied(namespace, &table.cx);
    assert_eq!(table.changes.take().namespaces, [("a".into(), true)].into());
    table.secrets.applied(json.as_bytes(), &table.cx);
    assert_eq!(table.sink.shown(), ["secret a/s tls.crt"]);
    vanish(&namespaces, &[number], &table.cx);
    table.secrets.redescribe(&table.changes.take(), &table.cx);
    assert_eq!(table.sink.shown(), [""; 0]);
}

#[test]
fn shards_share_secrets_so_that_each_is_seen_once() {
    let pem = encoded("x");
    let seen: Vec<usize> = (0..3)
        .map(|index| {
            let table = Table::with("", Recording { shard: Shard::new(index, 3).unwrap(), ..Recording::default() });
            for number in 0..100 {
                let json = secret(&format!("s{number}"), "", &[("tls.crt", &pem), ("ca.crt", &pem)]);
                table.secrets.applied(json.as_bytes(), &table.cx);
            }
            table.sink.shown().len()
        })
        .collect();
    assert_eq!(seen.iter().sum::<usize>(), 200, "{seen:?}");
    assert!(seen.iter().all(|count| *count > 0 && count % 2 == 0), "{seen:?}");
}
