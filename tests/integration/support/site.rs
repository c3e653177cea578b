//! Where certificates point to: a web server whose pages a test changes as it goes, beside the exporter that looks at them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::exporter::{Exporter, until};
use super::web::{Asked, Reply, WebServer};

type Page = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// Pages by path; the longest path that a request's begins with answers, 404 where there is none.
pub struct Site {
    web: WebServer,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    /// An empty one.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let pages: Arc<Mutex<HashMap<String, Page>>> = Arc::default();
        let served = pages.clone();
        let web = runtime.block_on(WebServer::start(move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap();
            let page = {
                let pages = served.lock().unwrap();
                let found = pages.iter().filter(|(known, _)| path.starts_with(&***known)).max_by_key(|(known, _)| known.len());
                found.map(|(_, page)| page.clone())
            };
            page.map_or_else(|| Reply::new(404, &[], b""), |page| page(asked))
        }));
        Self { web, pages, _runtime: runtime }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        self.web.url(path)
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        self.web.address.to_string()
    }

    /// Answers with these bytes there.
    pub fn page(&self, path: &str, body: Vec<u8>) {
        self.answer(path, move |_| Reply::ok(&body));
    }

    /// Answers so there.
    pub fn answer(&self, path: &str, page: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        self.pages.lock().unwrap().insert(path.to_owned(), Arc::new(page));
    }

    /// Answers there with these bytes and validators, and with 304 to whoever has them.
    pub fn validated(&self, path: &str, body: Vec<u8>, etag: &str, modified: &str) {
        let (etag, modified) = (etag.to_owned(), modified.to_owned());
        self.answer(path, move |asked| {
            let validators = [&*format!("ETag: {etag}"), &*format!("Last-Modified: {modified}")];
            let is_known = asked.header("if-none-match") == Some(&etag);
            if is_known { Reply::new(304, &validators, b"") } else { Reply::new(200, &validators, &body) }
        });
    }

    /// Takes out what was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.web.asked()
    }

    /// Takes out the request lines so far, sorted: concurrent requests have no order.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.web.lines();
        lines.sort();
        lines
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.web.connections()
    }
}

/// What the exporter knows of the first certificate of a file: the API's row.
pub fn verdict(exporter: &Exporter, file: &str) -> Value {
    let page = exporter.get("/api/v1/targets?limit=1000").json();
    let rows = page["targets"].as_array().unwrap();
    let row = rows.iter().find(|row| row["place"]["filepath"].as_str().is_some_and(|path| path.ends_with(&format!("/{file}"))));
    row.map_or(Value::Null, |row| row["certificates"][0]["revocation"].clone())
}

/// The verdict in words: status, reason, and the method that decided.
pub fn words(verdict: &Value) -> String {
    let decided = if verdict["status"] == "unknown" { "" } else { "method" };
    let words = ["status", "reason", "revocation_reason", decided].map(|key| verdict[key].as_str().unwrap_or_default());
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Waits until the verdict on a file's certificate has these words.
pub fn until_verdict(exporter: &Exporter, file: &str, expected: &str) {
    let mut last = Value::Null;
    let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("verdict", || {
            last = verdict(exporter, file);
            (words(&last) == expected).then_some(())
        });
    }));
    assert!(holds.is_ok(), "{file}: expected {expected:?}, found {last:#}\n{:#}", exporter.get("/api/v1/revocation").json());
}

/// The row of a CRL or responder.
pub fn service(exporter: &Exporter, url: &str) -> Value {
    let page = exporter.get("/api/v1/revocation?limit=1000").json();
    let all = ["crls", "responders"].into_iter().flat_map(|kind| page[kind].as_array().unwrap().clone());
    all.into_iter().find(|row| row["url"] == url).unwrap_or_default()
}

/// Waits until a CRL or responder fails for this reason (empty: does not fail), with exactly these findings.
pub fn until_service(exporter: &Exporter, url: &str, reason: &str, findings: &[&str]) {
    let mut last = Value::Null;
    let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("service", || {
            last = service(exporter, url);
            let is_so = last["failure"]["reason"].as_str().unwrap_or_default() == reason;
            (is_so && last["findings"] == serde_json::json!(findings)).then_some(())
        });
    }));
    assert!(holds.is_ok(), "{url}: expected {reason:?} {findings:?}, found {last:#}");
}
