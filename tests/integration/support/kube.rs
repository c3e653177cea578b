//! A Kubernetes API server in this process that behaves like a real one where it hurts.
//!
//! It keeps objects of any resource as JSON, answers lists (pages with continue tokens, streams) and watches (bookmarks, history that it forgets), selects by
//! label and field, and misbehaves as a test says. Every request is written down.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// How it answers a list that asks for a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streaming {
    /// As servers since 1.32 do.
    #[default]
    Supported,
    /// As servers that do not know the parameter: a watch without beginning.
    Ignored,
    /// As servers with an old etcd: 200, then an error in the stream.
    Broken,
    /// As servers that know the parameter and have it switched off.
    Refused,
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub struct Switches {
    /// See [`Streaming`].
    pub streaming: Streaming,
    /// Resource (plural), and namespace where it is one alone: 403.
    pub forbidden: Vec<(String, Option<String>)>,
    /// The only bearer token that is let in.
    pub token: Option<String>,
    /// Answers to the next lists or watches, instead of the right one: status, `Retry-After`.
    pub next: VecDeque<(u16, Option<u64>)>,
    /// The next continue token has expired.
    pub expire_continue: bool,
    /// Before each object of a list or stream.
    pub pause: Duration,
    /// Groups that the server does not have.
    pub absent: Vec<String>,
    /// Bookmarks come so often; never when unset.
    pub bookmarks: Option<Duration>,
}

#[derive(Clone)]
struct Change {
    version: u64,
    resource: String,
    kind: &'static str,
    object: Arc<Value>,
    /// What it was before.
    former: Option<Arc<Value>>,
}

impl Change {
    /// The event as a watch with a selector sees it: what comes to match is added, what ceases to is deleted.
    fn event(&self, asked: &Asked) -> Option<String> {
        let (before, now) = (self.former.as_ref().is_some_and(|object| asked.selects(object)), asked.selects(&self.object));
        match (self.kind, before, now) {
            ("DELETED", true, _) | (_, true, false) => Some(event("DELETED", &self.object)),
            (_, true, true) => Some(event("MODIFIED", &self.object)),
            ("DELETED", ..) | (_, false, false) => None,
            (_, false, true) => Some(event("ADDED", &self.object)),
        }
    }
}

/// `resource` is group and plural, such as `/secrets`, `cert-manager.io/certificates`.
type Key = (String, String, String);

#[derive(Default)]
struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    history: Vec<Change>,
    version: u64,
    /// Watches from before this are told 410.
    forgotten: u64,
    switches: Switches,
    asked: Vec<String>,
}

/// Told to running watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signal {
    version: u64,
    /// Grows when all streams are to break off in the middle of an event.
    cut: u64,
    /// Grows when all streams are to end with an error of this status.
    error: (u64, u16),
}

struct Shared {
    store: Mutex<Store>,
    signal: watch::Sender<Signal>,
}

/// The server; it ends with this.
pub struct KubeServer {
    /// Where it listens: 127.0.0.1 and a port, the same after [`KubeServer::back`].
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<AbortHandle>,
}

impl Drop for KubeServer {
    fn drop(&mut self) {
        self.away();
    }
}

impl KubeServer {
    /// An empty cluster.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared { store: Mutex::new(Store { version: 100, ..Store::default() }), signal: watch::Sender::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = Mutex::new(serve(listener, shared.clone()));
        Self { address, shared, task }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap()
    }

    /// Goes away: the port is closed, and every connection cut.
    pub fn away(&self) {
        self.task.lock().unwrap().abort();
    }

    /// Comes back on the same port.
    pub async fn back(&self) {
        let listener = loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            match socket.bind(self.address).and_then(|()| socket.listen(64)) {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        *self.task.lock().unwrap() = serve(listener, self.shared.clone());
    }

    /// Changes what is to go wrong.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.store().switches);
    }

    /// Creates an object or replaces it. `resource` is group and plural: `/secrets`, `cert-manager.io/certificates`.
    pub fn put(&self, resource: &str, mut object: Value) {
        let mut store = self.store();
        store.version += 1;
        let version = store.version;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (resource.to_owned(), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let object = Arc::new(object);
        let former = store.objects.insert(key, object.clone());
        store.history.push(Change { version, resource: resource.to_owned(), kind: "", object, former });
        drop(store);
        self.shared.signal.send_modify(|signal| signal.version = version);
    }

    /// Deletes an object.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        let mut store = self.store();
        let object = store.objects.remove(&(resource.to_owned(), namespace.to_owned(), name.to_owned())).expect("it is there");
        store.version += 1;
        let version = store.version;
        let mut last = Value::clone(&object);
        last["metadata"]["resourceVersion"] = json!(version.to_string());
        store.history.push(Change {
            version,
            resource: resource.to_owned(),
            kind: "DELETED",
            object: Arc::new(last),
            former: Some(object),
        });
        drop(store);
        self.shared.signal.send_modify(|signal| signal.version = version);
    }

    /// A Secret of this type, its values not yet encoded.
    pub fn secret(&self, namespace: &str, name: &str, kind: &str, data: &[(&str, &[u8])]) {
        self.put("/secrets", secret(namespace, name, kind, data));
    }

    /// Forgets all history: whoever watches from before is told 410.
    pub fn forget(&self) {
        let mut store = self.store();
        store.version += 10;
        store.forgotten = store.version;
        store.history.clear();
    }

    /// Breaks every watch off in the middle of an event.
    pub fn cut(&self) {
        self.shared.signal.send_modify(|signal| signal.cut += 1);
    }

    /// Ends every watch with an ERROR event of this status.
    pub fn error_in_streams(&self, status: u16) {
        self.shared.signal.send_modify(|signal| signal.error = (signal.error.0 + 1, status));
    }

    /// What was asked since the last call: `/api/v1/secrets?watch=true…`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.store().asked)
    }

    /// A kubeconfig with one context, `test`.
    pub fn kubeconfig(&self, path: &Path, token: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n- name: test\n  cluster:\n    server: http://{}\n\
             users:\n- name: test\n  user:\n    token: {token}\n\
             contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n",
            self.address
        );
        std::fs::write(path, text).unwrap();
    }
}

/// A Secret as JSON.
pub fn secret(namespace: &str, name: &str, kind: &str, data: &[(&str, &[u8])]) -> Value {
    use base64::Engine;
    let encode = |value: &[u8]| json!(base64::engine::general_purpose::STANDARD.encode(value));
    let data: serde_json::Map<String, Value> = data.iter().map(|(key, value)| ((*key).to_owned(), encode(value))).collect();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
        "metadata": { "namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"), "labels": {}, "annotations": {} },
    })
}

fn serve(listener: TcpListener, shared: Arc<Shared>) -> AbortHandle {
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            connections.spawn(async move {
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let response = answer(&shared, &request);
                    async move { Ok::<_, Infallible>(response.await) }
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    task.abort_handle()
}

/// What a request is about.
struct Asked {
    resource: String,
    group: String,
    namespace: Option<String>,
    query: BTreeMap<String, String>,
}

impl Asked {
    fn read(uri: &axum::http::Uri) -> Option<Self> {
        let mut parts = uri.path().split('/').skip(1);
        let group = match parts.next()? {
            "api" => String::new(),
            "apis" => parts.next()?.to_owned(),
            _ => return None,
        };
        parts.next()?;
        let rest: Vec<&str> = parts.collect();
        let (namespace, plural) = match rest[..] {
            ["namespaces", namespace, plural] => (Some(namespace.to_owned()), plural),
            [plural] => (None, plural),
            _ => return None,
        };
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(key, value)| (decoded(key), decoded(value))).collect();
        Some(Self { resource: format!("{group}/{plural}"), group, namespace, query })
    }

    fn is(&self, key: &str) -> bool {
        self.query.get(key).is_some_and(|value| value == "true" || value == "1")
    }

    fn text(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    fn selects(&self, object: &Value) -> bool {
        let field = |name: &str| match name {
            "metadata.name" => object["metadata"]["name"].as_str(),
            "metadata.namespace" => object["metadata"]["namespace"].as_str(),
            "type" => object["type"].as_str(),
            "status.phase" => object["status"]["phase"].as_str(),
            other => panic!("a real server does not know the field {other}"),
        };
        let holds = |term: &str, value: &dyn Fn(&str) -> Option<String>| match term.split_once("!=") {
            Some((name, unwanted)) => value(name).as_deref() != Some(unwanted),
            None => match term.replace("==", "=").split_once('=') {
                Some((name, wanted)) => value(name).as_deref() == Some(wanted),
                None => value(term).is_some(),
            },
        };
        let terms = |key: &str| self.text(key).split(',').filter(|term| !term.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let label = |name: &str| object["metadata"]["labels"][name].as_str().map(str::to_owned);
        self.namespace.as_deref().is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
            && terms("fieldSelector").iter().all(|term| holds(term, &|name| field(name).map(str::to_owned)))
            && terms("labelSelector").iter().all(|term| holds(term, &label))
    }
}

fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                out.push(u8::from_str_radix(std::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                rest = tail;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).unwrap()
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code })
}

fn refusal(code: u16, reason: &str, message: &str, retry_after: Option<u64>) -> Response<Body> {
    let mut response = Response::new(Body::from(status(code, reason, message).to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn answer(shared: &Arc<Shared>, request: &Request<hyper::body::Incoming>) -> impl Future<Output = Response<Body>> + use<> {
    let (response, pause) = {
        let mut store = shared.store.lock().unwrap();
        store.asked.push(request.uri().to_string());
        assert_eq!(request.method(), "GET", "nothing is ever changed in a cluster");
        let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        (respond(shared, &mut store, Asked::read(request.uri()), &bearer), store.switches.pause)
    };
    async move {
        tokio::time::sleep(pause.min(Duration::from_millis(50))).await;
        response
    }
}

fn respond(shared: &Arc<Shared>, store: &mut Store, asked: Option<Asked>, bearer: &str) -> Response<Body> {
    let Some(asked) = asked else { return refusal(404, "NotFound", "the server could not find the requested resource", None) };
    if store.switches.token.as_ref().is_some_and(|token| bearer != format!("Bearer {token}")) {
        return refusal(401, "Unauthorized", "Unauthorized", None);
    }
    if store.switches.absent.contains(&asked.group) {
        return refusal(404, "NotFound", "the server could not find the requested resource", None);
    }
    if let Some((code, retry_after)) = store.switches.next.pop_front() {
        return refusal(code, "Said", "as the test says", retry_after);
    }
    let plural = asked.resource.rsplit('/').next().unwrap().to_owned();
    let is_forbidden =
        |(resource, namespace): &(String, Option<String>)| *resource == plural && (namespace.is_none() || *namespace == asked.namespace);
    if store.switches.forbidden.iter().any(is_forbidden) {
        let verb = if asked.is("watch") { "watch" } else { "list" };
        let place = match &asked.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let message =
            format!("{plural} is forbidden: User \"test\" cannot {verb} resource \"{plural}\" in API group \"{}\" {place}", asked.group);
        return refusal(403, "Forbidden", &message, None);
    }
    if asked.is("watch") { watched(shared, store, asked) } else { listed(store, &asked) }
}

fn selected<'a>(store: &'a Store, asked: &'a Asked) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
    store.objects.iter().filter(|((resource, ..), object)| *resource == asked.resource && asked.selects(object))
}

fn listed(store: &mut Store, asked: &Asked) -> Response<Body> {
    let limit: usize = asked.text("limit").parse().unwrap_or(usize::MAX);
    let after = match asked.text("continue") {
        "" => None,
        _ if std::mem::take(&mut store.switches.expire_continue) => {
            return refusal(410, "Expired", "The provided continue parameter is too old", None);
        }
        token => Some(token.split_once('|').map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).unwrap()),
    };
    let is_after = |(_, namespace, name): &Key| after.as_ref().is_none_or(|after| (namespace, name) > (&after.0, &after.1));
    let rest: Vec<(&Key, &Arc<Value>)> = selected(store, asked).filter(|(key, _)| is_after(key)).collect();
    let mut metadata = json!({ "resourceVersion": store.version.to_string() });
    if rest.len() > limit {
        let ((_, namespace, name), _) = rest[limit - 1];
        metadata["continue"] = json!(format!("{namespace}|{name}"));
        metadata["remainingItemCount"] = json!(rest.len() - limit);
    }
    // Items of a list come without kind and apiVersion.
    let item = |object: &Value| {
        let mut object = object.clone();
        object.as_object_mut().unwrap().retain(|key, _| key != "kind" && key != "apiVersion");
        object.to_string()
    };
    let items: Vec<String> = rest.iter().take(limit).map(|(_, object)| item(object)).collect();
    let head = format!(r#"{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":["#);
    let pieces =
        std::iter::once(head).chain((0..items.len()).map(move |at| if at == 0 { items[0].clone() } else { format!(",{}", items[at]) }));
    let pieces: Vec<String> = pieces.chain(["]}\n".to_owned()]).collect();
    slowly(pieces, store.switches.pause)
}

fn slowly(pieces: Vec<String>, pause: Duration) -> Response<Body> {
    if pause.is_zero() {
        return Response::new(Body::from(pieces.concat()));
    }
    let pieces = stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        let piece = pieces.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), pieces))
    });
    Response::new(Body::from_stream(pieces))
}

fn event(kind: &str, object: &Value) -> String {
    json!({ "type": kind, "object": object }).to_string() + "\n"
}

struct Watching {
    shared: Arc<Shared>,
    signal: watch::Receiver<Signal>,
    seen: Signal,
    asked: Asked,
    version: u64,
    first: VecDeque<String>,
    bookmarks: Option<Duration>,
    pause: Duration,
    ends: bool,
}

fn watched(shared: &Arc<Shared>, store: &Store, asked: Asked) -> Response<Body> {
    let mut first = VecDeque::new();
    let mut ends = false;
    let version = asked.text("resourceVersion").parse().unwrap_or(store.version);
    if asked.is("sendInitialEvents") {
        match store.switches.streaming {
            Streaming::Refused => return refusal(422, "Invalid", "sendInitialEvents: Forbidden: disabled by feature gate", None),
            Streaming::Broken => {
                first.push_back(event("ERROR", &status(500, "InternalError", "etcd event received with RequestWatchProgress disabled")));
                ends = true;
            }
            Streaming::Ignored => (),
            Streaming::Supported => {
                first.extend(selected(store, &asked).map(|(_, object)| event("ADDED", object)));
                let end = json!({ "metadata": { "resourceVersion": store.version.to_string(), "annotations": { "k8s.io/initial-events-end": "true" } } });
                first.push_back(event("BOOKMARK", &end));
            }
        }
    }
    let from = if asked.is("sendInitialEvents") { store.version } else { version };
    if from < store.forgotten {
        return refusal(410, "Expired", "too old resource version", None);
    }
    let signal = shared.signal.subscribe();
    let seen = *signal.borrow();
    let (bookmarks, pause) = (store.switches.bookmarks, store.switches.pause);
    let watching = Watching { shared: shared.clone(), signal, seen, asked, version: from, first, bookmarks, pause, ends };
    Response::new(Body::from_stream(stream::unfold(watching, next)))
}

async fn next(mut watching: Watching) -> Option<(Result<Bytes, std::io::Error>, Watching)> {
    loop {
        if let Some(text) = watching.first.pop_front() {
            tokio::time::sleep(watching.pause).await;
            return Some((Ok(text.into()), watching));
        }
        if watching.ends {
            return None;
        }
        let now = *watching.signal.borrow_and_update();
        if now.cut != watching.seen.cut {
            if watching.seen.cut == u64::MAX {
                return Some((Err(std::io::ErrorKind::ConnectionReset.into()), watching));
            }
            watching.seen.cut = u64::MAX;
            return Some((Ok(Bytes::from_static(br#"{"type":"ADDED","object":{"metadata":{"na"#)), watching));
        }
        if now.error != watching.seen.error {
            watching.ends = true;
            return Some((Ok(event("ERROR", &status(now.error.1, "Said", "as the test says")).into()), watching));
        }
        let changes: Vec<Change> = {
            let store = watching.shared.store.lock().unwrap();
            let from = store.history.partition_point(|change| change.version <= watching.version);
            store.history[from..].to_vec()
        };
        if let Some(last) = changes.last() {
            watching.version = last.version;
            let ours = changes.iter().filter(|change| change.resource == watching.asked.resource);
            let ours: Vec<String> = ours.filter_map(|change| change.event(&watching.asked)).collect();
            watching.first.extend(ours);
            continue;
        }
        let bookmark = async {
            match watching.bookmarks {
                Some(every) => tokio::time::sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = watching.signal.changed() => changed.ok()?,
            () = bookmark => {
                let version = watching.shared.store.lock().unwrap().version;
                watching.version = version;
                watching.first.push_back(event("BOOKMARK", &json!({ "metadata": { "resourceVersion": version.to_string() } })));
            }
        }
    }
}
