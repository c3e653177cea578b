//! Whole sources against a server that answers lists: what a fake of a handler cannot show.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::model::{Listing, Source, SourceKind};
use crate::source::Settings;
use crate::source::kubernetes::discovery::{From, endpoints};
use crate::source::kubernetes::one_secret;

/// Answers lists with these objects, by what the path ends with and the query holds; watches stay silent. Gives a kubeconfig.
async fn serve(objects: &'static [(&'static str, &'static str, String)]) -> (tempfile::TempDir, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a server for the length of a test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            #[expect(clippy::disallowed_methods, reason = "a server for the length of a test")]
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let request = String::from_utf8(request).unwrap();
                let uri = request.split(' ').nth(1).unwrap();
                let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
                if query.contains("watch=") {
                    _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n").await;
                    return std::future::pending().await;
                }
                let found = objects.iter().filter(|(end, word, _)| path.ends_with(end) && query.contains(word));
                let items: Vec<&str> = found.map(|(_, _, json)| json.as_str()).collect();
                let body =
                    format!(r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"7"}},"items":[{}]}}"#, items.join(","));
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                _ = stream.write_all((head + &body).as_bytes()).await;
            });
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(dir.path().join("kubeconfig"), config).unwrap();
    let toml = format!("kubeconfig = '{}/kubeconfig'\nstreaming_list = false\n", dir.path().display());
    (dir, toml)
}

fn leaked(objects: Vec<(&'static str, &'static str, String)>) -> &'static [(&'static str, &'static str, String)] {
    objects.leak()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_scan_shows_secrets_with_all_that_others_know() {
    let keystore = secret("k", "", &[("a.jks", &encoded([0xfe, 0xed, 0xfe, 0xed, 0]))]);
    let passphrase = secret("opens", "", &[("password", &encoded("from-another"))]);
    let (_dir, toml) = serve(leaked(vec![
        ("/secrets", "type", secret("s", "", &[("tls.crt", &encoded("x")), ("tls.key", "?")])),
        ("/secrets", "type", keystore),
        ("/secrets", "metadata.name", passphrase),
        ("/ingresses", "", r#"{"metadata":{"namespace":"a","name":"i"},"spec":{"tls":[{"hosts":["h"],"secretName":"s"}]}}"#.to_owned()),
        ("/namespaces", "", r#"{"metadata":{"name":"a","labels":{"team":"t"}}}"#.to_owned()),
        (
            "/certificates",
            "",
            r#"{"metadata":{"namespace":"a","name":"c"},"spec":{"secretName":"s"},"status":{"renewalTime":"1970-01-01T00:00:09Z"}}"#
                .to_owned(),
        ),
    ]))
    .await;
    let toml = toml
        + "kinds = ['secret', 'ingress', 'certificate']\nlabels_from = { team = ['namespace_label:team'] }\n\
           namespace_selector = 'team'\npassphrase_refs = [{ secret = 'opens', key = 'password' }]";
    let built = toml::from_str::<KubernetesSettings>(&toml).unwrap().build(&Default::default()).unwrap();
    let sinks: Vec<(SourceKind, Arc<Recording>)> = built.iter().map(|(kind, _)| (*kind, Arc::new(Recording::default()))).collect();
    let scans = built.iter().zip(&sinks).map(|((_, source), (_, sink))| source.scan(sink.context()));
    for (result, (kind, sink)) in futures_util::future::join_all(scans).await.into_iter().zip(&sinks) {
        assert_eq!(result.map_err(|failure| failure.to_string()), Ok(Listing::Complete), "{kind}");
        assert_eq!(*sink.errors.lock().unwrap(), [], "{kind}");
    }
    let secrets = &sinks.iter().find(|(kind, _)| *kind == SourceKind::KubeSecret).unwrap().1;
    assert_eq!(secrets.shown(), ["secret a/k a.jks", "secret a/s tls.crt"]);
    let seen = secrets.seen("tls.crt");
    assert_eq!((seen.uses, seen.due, seen.certificate), (vec!["Ingress a/i h".to_owned()], Some(9), Some("a/c".to_owned())));
    assert_eq!(seen.labels, [("team".to_owned(), "t".to_owned())]);
    assert_eq!(secrets.seen("a.jks").passphrases, ["from-another", "", "changeit"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_comes_to_be_selected_is_listed_while_following() {
    let (_dir, toml) = serve(leaked(vec![("/namespaces/a/secrets", "", secret("s", "", &[("tls.crt", &encoded("x"))]))])).await;
    let plan = toml::from_str::<KubernetesSettings>(&(toml + "namespace_selector = 'team'")).unwrap().plan(Path::new("/")).unwrap();
    let (api, sink, table) = (Arc::new(Api::new(plan.api)), Arc::new(Recording::default()), Table::new("namespace_selector = 'team'"));
    let Table { surroundings, changes, secrets, .. } = table;
    let (secrets, scope) =
        (Arc::new(secrets), scopes::Scopes::new(&toml::from_str::<KubernetesSettings>("").unwrap().plan(Path::new("/")).unwrap()).secrets);
    let consumer = super::super::watching::Consumer { changes, api, handler: Arc::clone(&secrets) as _, relist: scope };
    let feeds = super::super::api::Feeds::new(Vec::new());
    let watching = super::super::watching::Watching::new(SourceKind::KubeSecret, feeds, secrets, Arc::clone(&surroundings), Some(consumer));
    assert!(watching.scan(sink.context()).await.is_err(), "namespaces are not known: nothing may be taken for gone");
    surroundings.namespaces_listed();
    assert!(watching.scan(sink.context()).await.is_ok());
    let following = async {
        watching.follow(sink.context()).await;
        std::future::pending::<()>().await
    };
    tokio::select! {
        () = following => (),
        () = async {
            surroundings.set_namespace("a", None);
            until("its Secret is shown", || sink.shown() == ["secret a/s tls.crt"]).await;
            surroundings.drop_namespaces(|_| true);
            until("its Secret is gone", || sink.shown().is_empty()).await;
        } => (),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_secret_is_looked_at_alone_and_must_be_there() {
    let (_dir, toml) =
        serve(leaked(vec![("/namespaces/a/secrets", "metadata.name%3Ds", secret("s", "", &[("odd", &encoded("x"))]))])).await;
    let settings = toml::from_str::<KubernetesSettings>(&toml).unwrap();
    for (address, expected) in [("a/s", Ok(Listing::Complete)), ("a/t", Err(Reason::NotFound))] {
        let built = one_secret(address, &settings, &Default::default()).unwrap();
        let sink = Arc::new(Recording::default());
        let result = built[0].1.scan(sink.context()).await;
        assert_eq!(result.map_err(|failure| failure.reason), expected, "{address}");
        assert_eq!(sink.shown().len(), usize::from(expected.is_ok()), "{address}");
    }
    for address in ["a", "a/", "/s", "a/b/c", "A/s", ""] {
        assert!(one_secret(address, &settings, &Default::default()).is_err(), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_are_listed_each_once() {
    let ingress = r#"{"metadata":{"namespace":"a","name":"i"},"spec":{"tls":[{"hosts":["h","h"]}]}}"#.to_owned();
    let (_dir, toml) = serve(leaked(vec![
        ("/ingresses", "", ingress.clone()),
        ("/ingresses", "", ingress),
        ("/services", "", r#"{"metadata":{"name":"x"},"spec":7}"#.to_owned()),
    ]))
    .await;
    let plan = toml::from_str::<KubernetesSettings>(&toml).unwrap().plan(Path::new("/")).unwrap();
    let sink = Arc::new(Recording::default());
    let found = endpoints(&Api::new(plan.api), &[From::Ingress, From::Service], &[], &sink.context()).await.unwrap();
    assert_eq!(found.iter().map(|one| &*one.target).collect::<Vec<_>>(), ["h:443"]);
    assert_eq!(sink.errors.lock().unwrap().len(), 1, "what is no Service is told");
}
