//! The bounds of connections hold under TLS, too.

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::http::web::settings::ClientAuth;
use crate::http::web::{Material, Web};

/// A server with a certificate, and who trusts it.
struct Secure {
    server: Server,
    connector: TlsConnector,
    web: watch::Sender<Arc<Web>>,
}

fn identity() -> (Material, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = zeroize::Zeroizing::new(key.serialize_pem().into_bytes());
    (Material { certificate: certificate.pem().into_bytes(), key, client_ca: Vec::new() }, certificate.der().clone())
}

impl Secure {
    async fn start(watched: Vec<Watched>, settings: Settings) -> Self {
        let (material, certificate) = identity();
        let web = Web::new(&web::tests::tls(ClientAuth::No, &[]), &material).unwrap();
        let (web, serving) = watch::channel(Arc::new(web));
        let server = accessed(watched, settings, Access { web: serving, ..Access::open() }, |state| state).await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        Self { server, connector, web }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = self.server.connect().await;
        self.connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    /// Whether a request on a connection of its own is answered.
    async fn answers(&self) -> bool {
        let asked = async {
            let mut stream = self.connect().await;
            stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            answer == *b"HTTP/1.1 200"
        };
        timeout(LONG, asked).await.unwrap_or(false)
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let quick = Settings { write_timeout: Duration::from_millis(300), connections: 1, ..settings() };
    let secure = Secure::start(huge(), quick).await;
    let mut lazy = secure.connect().await;
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // There is room for one connection only: the next is served once the lazy one is gone.
    assert!(secure.answers().await);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_off_and_its_room_is_free() {
    let quick = Settings { handshake_timeout: Duration::from_millis(300), connections: 1, ..settings() };
    let secure = Secure::start(Vec::new(), quick).await;
    for (behaviour, said) in [("nothing", &b""[..]), ("half a hello", &[22, 3, 1, 2, 0, 1, 0])] {
        let mut stream = secure.server.connect().await;
        stream.write_all(said).await.unwrap();
        assert!(secure.answers().await, "{behaviour}");
        assert!(closed_after(&mut stream).await < Duration::from_secs(5), "{behaviour}");
    }
}

#[tokio::test]
async fn a_new_certificate_leaves_connections_and_no_tls_ends_them() {
    let secure = Secure::start(Vec::new(), settings()).await;
    let mut stream = secure.connect().await;
    let mut ask = async || {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
        let mut answer = [0; 4096];
        let read = timeout(LONG, stream.read(&mut answer)).await.unwrap().ok()?;
        (read > 0).then(|| answer[..read].ends_with(b"healthy\n"))
    };
    assert_eq!(ask().await, Some(true));
    let other = Web::new(&web::tests::tls(ClientAuth::No, &[]), &identity().0).unwrap();
    secure.web.send_replace(Arc::new(other));
    assert_eq!(ask().await, Some(true), "rotated");
    secure.web.send_replace(Arc::new(Web::open()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask().await, None, "it came on other terms");
}
