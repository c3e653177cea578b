//! An HTTP server in this process that answers as a test says, and remembers exactly what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::ca::Issued;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET /a.crl`
    pub line: String,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// What is answered: bytes as they go over the wire, with pauses.
pub struct Reply {
    pieces: Vec<(Vec<u8>, Duration)>,
    repeats: bool,
    closes: bool,
}

impl Reply {
    /// A status with header lines and a body behind its length.
    pub fn new(status: u16, headers: &[&str], body: &[u8]) -> Self {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Words\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
        // 304 has no body, and no length that counts.
        let head = if status == 304 { format!("HTTP/1.1 304 Words\r\n{lines}\r\n") } else { head };
        Self { pieces: vec![([head.as_bytes(), body].concat(), Duration::ZERO)], repeats: false, closes: false }
    }

    /// 200 with a body.
    pub fn ok(body: &[u8]) -> Self {
        Self::new(200, &[], body)
    }

    /// 302 to there.
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, &[&format!("Location: {to}")], b"")
    }

    /// These bytes, then the connection ends.
    pub fn raw(bytes: &[u8]) -> Self {
        Self { pieces: vec![(bytes.to_vec(), Duration::ZERO)], repeats: false, closes: true }
    }

    /// 200 without a length, and this piece at this pace for ever.
    pub fn endless(piece: &[u8], pause: Duration) -> Self {
        let head = b"HTTP/1.1 200 Words\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        Self { pieces: vec![(head, Duration::ZERO), (chunk, pause)], repeats: true, closes: false }
    }

    /// 200, and the body byte by byte.
    pub fn slow(body: &[u8], pause: Duration) -> Self {
        let head = format!("HTTP/1.1 200 Words\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        let pieces = std::iter::once((head, Duration::ZERO)).chain(body.iter().map(|byte| (vec![*byte], pause))).collect();
        Self { pieces, repeats: false, closes: false }
    }

    /// An endless one that begins with this.
    pub fn beginning(mut self, first: &[u8]) -> Self {
        let chunk = [format!("{:x}\r\n", first.len()).as_bytes(), first, b"\r\n"].concat();
        self.pieces.insert(1, (chunk, Duration::ZERO));
        self
    }

    /// The same, later.
    pub fn after(mut self, pause: Duration) -> Self {
        self.pieces[0].1 = pause;
        self
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

#[derive(Default)]
struct Book {
    asked: Mutex<Vec<Asked>>,
    open: AtomicUsize,
    most: AtomicUsize,
    connections: AtomicUsize,
}

/// A running server; it ends with this.
pub struct WebServer {
    /// Where it listens: 127.0.0.1 and a port.
    pub address: SocketAddr,
    book: Arc<Book>,
    task: JoinHandle<()>,
    scheme: &'static str,
}

impl WebServer {
    /// Plain HTTP.
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(answer)).await
    }

    /// HTTP over TLS.
    pub async fn start_tls(issued: &Issued, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(issued.chain(), issued.key_der()).unwrap();
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(answer)).await
    }

    async fn serve(tls: Option<TlsAcceptor>, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let kept = book.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                kept.connections.fetch_add(1, Ordering::SeqCst);
                let (tls, answer, book) = (tls.clone(), answer.clone(), kept.clone());
                connections.spawn(async move {
                    match tls {
                        None => talk(stream, answer, book).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => talk(stream, answer, book).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, book, task, scheme }
    }

    /// A URL of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same by a name.
    pub fn url_by(&self, name: &str, path: &str) -> String {
        format!("{}://{name}:{}{path}", self.scheme, self.address.port())
    }

    /// Takes out what was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.book.asked.lock().unwrap())
    }

    /// The request lines of what was asked so far.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// The most requests that were being answered at once.
    pub fn most_at_once(&self) -> usize {
        self.book.most.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.book.connections.load(Ordering::SeqCst)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer, book: Arc<Book>) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let asked = ask(&mut stream, &mut read).await?;
        book.asked.lock().unwrap().push(asked.clone());
        book.most.fetch_max(book.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let reply = answer(&asked);
        let written = write(&mut stream, &reply).await;
        book.open.fetch_sub(1, Ordering::SeqCst);
        written?;
        if reply.closes {
            return stream.shutdown().await.ok();
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> Option<()> {
    for (bytes, pause) in &reply.pieces {
        tokio::time::sleep(*pause).await;
        stream.write_all(bytes).await.ok()?;
        stream.flush().await.ok()?;
    }
    let (last, pause) = reply.pieces.last()?;
    if !reply.repeats {
        return Some(());
    }
    loop {
        tokio::time::sleep(*pause).await;
        stream.write_all(last).await.ok()?;
        stream.flush().await.ok()?;
    }
}

async fn ask(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Option<Asked> {
    let mut more = async |read: &mut Vec<u8>| -> Option<()> { (stream.read_buf(read).await.ok()? > 0).then_some(()) };
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(read).await?;
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> =
        lines.map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
    while read.len() < end + 4 + length {
        more(read).await?;
    }
    let body = read[end + 4..end + 4 + length].to_vec();
    read.drain(..end + 4 + length);
    Some(Asked { line, headers, body })
}
