//! A cluster's Secrets without a cluster, and the plainest way of reading them.
//!
//! `cluster serve PORT COUNT`: answers lists (pages and streams) and watches of COUNT `kubernetes.io/tls` Secrets on loopback; `GET /renew?n=7` gives the
//! eighth another certificate. `cluster read PORT`: the same pages through kube's client, each certificate parsed once and dropped; prints how many, CPU
//! milliseconds, and the peak of memory.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a tool of its own, outside the program")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use tokio::sync::broadcast;

#[path = "support/large_list.rs"]
#[expect(dead_code, reason = "only what memory a process took is of use here")]
mod large_list;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port, count] => serve(port.parse()?, count.parse()?).await,
        ["read", port] => read(port.parse()?).await,
        _ => Err("usage: cluster serve PORT COUNT | cluster read PORT".into()),
    }
}

struct Cluster {
    secrets: RwLock<Vec<Bytes>>,
    changes: broadcast::Sender<Bytes>,
    signer: Signer,
}

struct Signer {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
}

impl Signer {
    /// The JSON of a Secret as an API server sends it.
    fn secret(&self, number: usize, version: u64) -> Bytes {
        let name = format!("host-{number:06}.example.com");
        let mut leaf = CertificateParams::new([name.clone(), format!("www.{name}")]).unwrap();
        leaf.distinguished_name.push(DnType::OrganizationName, "Corpus");
        leaf.distinguished_name.push(DnType::CommonName, &*name);
        leaf.serial_number = Some(SerialNumber::from(version << 32 | number as u64));
        let now = SystemTime::now();
        leaf.not_before = (now - DAY).into();
        leaf.not_after = (now + DAY * (1 + number as u32 % 90)).into();
        let certificate = STANDARD.encode(leaf.signed_by(&self.key, &self.issuer).unwrap().pem());
        let key = STANDARD.encode(self.key.serialize_pem());
        Bytes::from(format!(
            r#"{{"kind":"Secret","apiVersion":"v1","metadata":{{"name":"tls-{number:06}","namespace":"team-{:03}","uid":"{number:08x}-0000-4000-8000-000000000000","resourceVersion":"{version}","creationTimestamp":"2026-01-01T00:00:00Z","labels":{{"app.kubernetes.io/name":"web"}},"annotations":{{"cert-manager.io/certificate-name":"tls-{number:06}","cert-manager.io/issuer-name":"corpus"}},"managedFields":[{{"manager":"controller","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{{"f:data":{{".":{{}},"f:tls.crt":{{}},"f:tls.key":{{}}}},"f:metadata":{{"f:annotations":{{".":{{}},"f:cert-manager.io/certificate-name":{{}}}}}},"f:type":{{}}}}}}]}},"data":{{"ca.crt":"","tls.crt":"{certificate}","tls.key":"{key}"}},"type":"kubernetes.io/tls"}}"#,
            number % 200
        ))
    }
}

async fn serve(port: u16, count: usize) -> Result<(), Box<dyn Error>> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Corpus CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signer = Signer { issuer: Issuer::new(authority, KeyPair::generate()?), key: KeyPair::generate()? };
    let secrets = (0..count).map(|number| signer.secret(number, 1)).collect();
    let cluster = Arc::new(Cluster { secrets: RwLock::new(secrets), changes: broadcast::channel(1_000).0, signer });
    let app = Router::new().route("/api/v1/secrets", get(secrets_of)).route("/renew", get(renew)).with_state(cluster);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("serving");
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn renew(State(cluster): State<Arc<Cluster>>, Query(query): Query<HashMap<String, String>>) -> String {
    let number: usize = query["n"].parse().unwrap();
    let version = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 0x7fff_ffff + 2;
    let fresh = cluster.signer.secret(number, version);
    cluster.secrets.write().unwrap()[number] = fresh.clone();
    let _ = cluster.changes.send(event("MODIFIED", &fresh));
    (u128::from(version) << 32 | number as u128).to_string()
}

fn event(kind: &str, object: &[u8]) -> Bytes {
    [format!(r#"{{"type":"{kind}","object":"#).as_bytes(), object, b"}\n"].concat().into()
}

async fn secrets_of(State(cluster): State<Arc<Cluster>>, Query(query): Query<HashMap<String, String>>) -> Response<Body> {
    let is = |name: &str| query.get(name).is_some_and(|value| value == "true" || value == "1");
    if !is("watch") {
        return page(&cluster, &query);
    }
    let changes = cluster.changes.subscribe();
    let all = cluster.secrets.read().unwrap().clone();
    let first: Vec<Bytes> = if is("sendInitialEvents") { all } else { Vec::new() };
    let bookmark = is("sendInitialEvents").then(|| {
        event("BOOKMARK", br#"{"kind":"Secret","apiVersion":"v1","metadata":{"resourceVersion":"1000","annotations":{"k8s.io/initial-events-end":"true"}}}"#)
    });
    let first = stream::iter(first).map(|secret| event("ADDED", &secret)).chain(stream::iter(bookmark));
    let later = stream::unfold(changes, |mut changes| async { Some((changes.recv().await.ok()?, changes)) });
    Response::new(Body::from_stream(first.chain(later).map(Ok::<_, Infallible>)))
}

fn page(cluster: &Cluster, query: &HashMap<String, String>) -> Response<Body> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let secrets = cluster.secrets.read().unwrap();
    let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
    let to = from.saturating_add(limit).min(secrets.len());
    let next =
        if to < secrets.len() { format!(r#","continue":"{to}","remainingItemCount":{}"#, secrets.len() - to) } else { String::new() };
    let mut body =
        format!(r#"{{"kind":"SecretList","apiVersion":"v1","metadata":{{"resourceVersion":"1000"{next}}},"items":["#).into_bytes();
    for (at, secret) in secrets[from..to].iter().enumerate() {
        body.extend_from_slice(if at == 0 { b"" } else { b"," });
        body.extend_from_slice(secret);
    }
    body.extend_from_slice(b"]}\n");
    Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
}

async fn read(port: u16) -> Result<(), Box<dyn Error>> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a provider is there already")?;
    let config = kube_client::Config::new(format!("http://127.0.0.1:{port}").parse()?);
    let api: kube_client::Api<k8s_openapi::api::core::v1::Secret> = kube_client::Api::all(kube_client::Client::try_from(config)?);
    let mut parameters = kube_client::api::ListParams::default().limit(500);
    let mut count = 0;
    loop {
        let page = api.list(&parameters).await?;
        for secret in page.items {
            let pem = secret.data.unwrap_or_default().remove("tls.crt").ok_or("no certificate")?;
            let (_, block) = x509_parser::pem::parse_x509_pem(&pem.0)?;
            let certificate = block.parse_x509()?;
            count += usize::from(certificate.validity().not_after.timestamp() > 0);
        }
        let Some(next) = page.metadata.continue_.filter(|next| !next.is_empty()) else { break };
        parameters = parameters.continue_token(&next);
    }
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let ticks: u64 =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).map(|word| word.parse().unwrap_or(0)).sum();
    println!("{count} certificates, {} ms, {} KiB", ticks * 10, large_list::peak_of("/proc/self/status"));
    Ok(())
}
