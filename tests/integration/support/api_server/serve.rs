//! Connections to an API server: HTTP/1.1, one request after the other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::request::Asked;
use super::{Order, Shared, Streaming};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The connection is to be closed.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// Accepts until it is aborted, with all its connections.
pub async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let stream: Box<dyn Stream> = match acceptor {
                None => Box::new(tcp),
                Some(acceptor) => match acceptor.accept(tcp).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            let mut connection = Connection { stream, shared };
            while connection.request().await.is_ok() {}
        });
    }
}

struct Connection {
    stream: Box<dyn Stream>,
    shared: Arc<Shared>,
}

impl Connection {
    async fn request(&mut self) -> Result<(), Over> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let Some(asked) = Asked::read(&String::from_utf8_lossy(&head)) else {
            return self.status(404, "the server could not find the requested resource", None).await;
        };
        self.shared.asked.lock().unwrap().push(asked.clone());
        if let Some((status, message, retry_after)) = self.refusal(&asked) {
            return self.status(status, &message, retry_after).await;
        }
        if asked.is_watch() { self.watch(&asked).await } else { self.list(&asked).await }
    }

    fn refusal(&self, asked: &Asked) -> Option<(u16, String, Option<u64>)> {
        let mut switches = self.shared.switches.lock().unwrap();
        if !switches.failures.is_empty() {
            let (status, retry_after) = switches.failures.remove(0);
            return Some((status, "the server has been told to fail".to_owned(), retry_after));
        }
        if switches.token.is_some() && switches.token != asked.token {
            return Some((401, "Unauthorized".to_owned(), None));
        }
        let is = |rule: &str, value: &str| rule == "*" || rule == value;
        let Asked { resource, namespace, .. } = asked;
        let verb = asked.verb();
        if switches.denied.iter().any(|[v, r, n]| is(v, verb) && is(r, resource) && is(n, namespace)) {
            let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
            let place = if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
            let user = "system:serviceaccount:monitoring:notafter";
            let words =
                format!("{resource} is forbidden: User \"{user}\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {place}");
            return Some((403, words, None));
        }
        if switches.missing.contains(resource) {
            return Some((404, "the server could not find the requested resource".to_owned(), None));
        }
        if asked.value("continue").is_some() && switches.expired_continues > 0 {
            switches.expired_continues -= 1;
            return Some((410, "The provided continue parameter is too old to display a consistent list result.".to_owned(), None));
        }
        if asked.streams_list() && switches.streaming == Streaming::Refused {
            let words =
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
            return Some((422, words.to_owned(), None));
        }
        None
    }

    async fn list(&mut self, asked: &Asked) -> Result<(), Over> {
        let limit = asked.value("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        // The token: the version of the first page, and the last object given.
        let token: Option<(u64, String, String)> = asked.value("continue").map(|token| serde_json::from_str(token).unwrap());
        let body = {
            let store = self.shared.store.lock().unwrap();
            let version = token.as_ref().map_or(store.version, |(version, ..)| *version);
            let (page, is_more) = store.list(asked, token.map(|(_, namespace, name)| (namespace, name)), limit);
            let next = page.last().filter(|_| is_more).map(|last| json!([version, last.namespace, last.name]).to_string());
            let metadata = json!({"resourceVersion": version.to_string(), "continue": next.unwrap_or_default()});
            let items: Vec<&str> = page.iter().map(|object| &*object.json).collect();
            format!("{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{metadata},\"items\":[{}]}}\n", items.join(","))
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        self.stream.write_all(head.as_bytes()).await?;
        let cut = {
            let mut switches = self.shared.switches.lock().unwrap();
            (!switches.cut_lists.is_empty()).then(|| switches.cut_lists.remove(0))
        };
        if let Some(cut) = cut {
            self.write(&body.as_bytes()[..cut.min(body.len())]).await?;
            self.stream.shutdown().await?;
            return Err(Over);
        }
        self.write(body.as_bytes()).await
    }

    async fn watch(&mut self, asked: &Asked) -> Result<(), Over> {
        let (streaming, gone_by_http, bookmark_every) = {
            let switches = self.shared.switches.lock().unwrap();
            (switches.streaming, switches.gone_by_http, switches.bookmark_every)
        };
        let mut changed = self.shared.changed.subscribe();
        let mut heeded = self.shared.orders.lock().unwrap().len();
        let from: Option<u64> = asked.value("resourceVersion").and_then(|version| version.parse().ok()).filter(|version| *version > 0);
        let (mut version, is_forgotten, first) = {
            let store = self.shared.store.lock().unwrap();
            let first = if from.is_none() { store.list(asked, None, usize::MAX).0 } else { Vec::new() };
            (from.unwrap_or(store.version), from.is_some_and(|from| from < store.forgotten), first)
        };
        let too_old = "too old resource version";
        if is_forgotten && gone_by_http {
            return self.status(410, too_old, None).await;
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await?;
        if is_forgotten {
            return self.error(410, too_old).await;
        }
        if asked.streams_list() && streaming == Streaming::Broken {
            return self.error(500, "RequestWatchProgress is disabled for etcd version < 3.4.31").await;
        }
        for object in first {
            self.event("ADDED", &object.json).await?;
        }
        if asked.streams_list() && streaming == Streaming::Supported {
            self.bookmark(version, true).await?;
        }
        let seconds = asked.value("timeoutSeconds").map_or(3_600, |seconds| seconds.parse().unwrap());
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
        let mut bookmarks = tokio::time::interval_at(tokio::time::Instant::now() + bookmark_every, bookmark_every);
        loop {
            let (happened, now) = {
                let store = self.shared.store.lock().unwrap();
                (store.since(asked, version), store.version)
            };
            for (kind, object) in happened {
                self.event(kind, &object.json).await?;
            }
            version = now;
            let orders: Vec<Order> = self.shared.orders.lock().unwrap()[heeded..].to_vec();
            heeded += orders.len();
            for order in orders {
                match order {
                    Order::End => return self.end().await,
                    Order::Error(code) => return self.error(code, "the server has been told to fail").await,
                    Order::Bookmark => self.bookmark(version, false).await?,
                    Order::Cut => {
                        self.chunk(b"{\"type\":\"MODIFIED\",\"object\":{\"metad").await?;
                        return Err(Over);
                    }
                }
            }
            let mut byte = [0];
            tokio::select! {
                _ = changed.changed() => {}
                _ = bookmarks.tick() => self.bookmark(version, false).await?,
                () = tokio::time::sleep_until(end) => return self.end().await,
                // The client has gone.
                _ = self.stream.read(&mut byte) => return Err(Over),
            }
        }
    }

    async fn bookmark(&mut self, version: u64, ends_list: bool) -> Result<(), Over> {
        let annotations = if ends_list { json!({"k8s.io/initial-events-end": "true"}) } else { json!({}) };
        let object = json!({"metadata": {"resourceVersion": version.to_string(), "annotations": annotations}});
        self.event("BOOKMARK", &object.to_string()).await
    }

    async fn error(&mut self, code: u16, message: &str) -> Result<(), Over> {
        self.event("ERROR", &status(code, message).to_string()).await?;
        self.end().await
    }

    async fn event(&mut self, kind: &str, object: &str) -> Result<(), Over> {
        self.chunk(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").as_bytes()).await
    }

    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.write(&chunk).await
    }

    async fn end(&mut self) -> Result<(), Over> {
        self.write(b"0\r\n\r\n").await
    }

    /// As slowly as the switch says.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let slow = self.shared.switches.lock().unwrap().slow;
        match slow {
            None => self.stream.write_all(bytes).await?,
            Some((size, pause)) => {
                for piece in bytes.chunks(size) {
                    self.stream.write_all(piece).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(self.stream.flush().await?)
    }

    async fn status(&mut self, code: u16, message: &str, retry_after: Option<u64>) -> Result<(), Over> {
        let body = status(code, message).to_string();
        let retry_after = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        let head =
            format!("HTTP/1.1 {code} Words\r\nContent-Type: application/json\r\n{retry_after}Content-Length: {}\r\n\r\n", body.len());
        Ok(self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?)
    }
}

fn status(code: u16, message: &str) -> serde_json::Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code})
}
