//! `http` of a tls source: the request that is made once the handshake has ended.

use serde::Deserialize;

use crate::model::BuildError;
use crate::net::HttpRequest;

/// RFC 9110 section 9.2.1: methods that change nothing.
const METHODS: &[&str] = &["GET", "HEAD", "OPTIONS"];

/// `http` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// What to ask for.
    #[serde(default = "root")]
    path: String,
    /// How.
    #[serde(default = "get")]
    method: String,
}

fn root() -> String {
    "/".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}

impl HttpSettings {
    /// The request.
    ///
    /// # Errors
    /// A path that no request line can carry, a method that may change something, or application protocols without HTTP/1.1.
    pub(super) fn request(&self, alpn: &[String]) -> Result<HttpRequest, BuildError> {
        let Self { path, method } = self;
        if !path.starts_with('/') || path.len() > 2048 || !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains('#') {
            let message = format!("path: expected an absolute path in ASCII such as \"/healthz\", found {path:?}");
            return Err(BuildError::new("http", message));
        }
        if !METHODS.contains(&&**method) {
            let known: Vec<_> = METHODS.iter().map(|method| format!("{method:?}")).collect();
            return Err(BuildError::new("http", format!("method: expected one of {}, found {method:?}", known.join(", "))));
        }
        if alpn.iter().any(|name| name != "http/1.1" && name != "http/1.0") {
            return Err(BuildError::new("alpn", "`http` speaks HTTP/1.1: expected nothing but \"http/1.1\" beside it"));
        }
        Ok(HttpRequest { method: method.clone(), path: path.clone() })
    }
}
