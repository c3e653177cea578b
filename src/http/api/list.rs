//! What all lists have in common: strict parameters, validators, the envelope around the rows, and the bound on its size.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde::Serialize;

use super::cursor::Cursor;
use super::parameters::{DEFAULT_LIMIT, OF_LOOKS, Parameters};
use super::tag::{self, MadeOf};
use super::{json, refused};
use crate::http::State;
use crate::http::query::{Filter, Outcome, Page};
use crate::model::{RevocationView, SnapshotView, UnixTime};

/// An answer ends with the row that makes it longer than so many bytes: one place may hold thousands of certificates.
const BYTES: usize = 8 << 20;

/// What is different from list to list.
pub struct List {
    /// The parameters that it has.
    pub parameters: &'static [&'static str],
    /// The words of its `state`.
    pub outcomes: &'static [(&'static str, Outcome)],
    /// Rows of a page where the query does not say.
    pub limit: usize,
    /// It says what the revocation service's view says.
    pub reads_revocation: bool,
    /// It takes a walk over everything.
    pub walks: bool,
}

impl List {
    /// The usual one.
    pub const fn new(parameters: &'static [&'static str]) -> Self {
        Self { parameters, outcomes: OF_LOOKS, limit: DEFAULT_LIMIT, reads_revocation: false, walks: true }
    }
}

/// A request, as far as it matters here.
pub struct Asked {
    uri: Uri,
    headers: HeaderMap,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self { uri: parts.uri.clone(), headers: parts.headers.clone() })
    }
}

impl Asked {
    /// Its query.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("", |asked| asked.as_str())
    }
}

/// What a list selects from.
pub struct Selection<K> {
    /// The snapshot.
    pub view: Arc<dyn SnapshotView>,
    /// What is known of revocation.
    pub revocation: Arc<dyn RevocationView>,
    /// Which rows are wanted.
    pub filter: Filter,
    /// How many of them.
    pub limit: usize,
    /// Behind which.
    pub after: Option<K>,
}

/// A refusal: its status, and what was expected.
type Refusal = (StatusCode, String);

/// Answers a list's request: refuses it, says that the client has the answer already, or has `answer` make it.
pub async fn list<K: Cursor + Send + 'static>(
    state: &State,
    asked: &Asked,
    list: &'static List,
    answer: impl FnOnce(&Selection<K>) -> Response<Body> + Send + 'static,
) -> Response<Body> {
    let (selection, moment) = match select(state, asked, list) {
        Ok(selected) => selected,
        Err((status, message)) => return refused(status, &message),
    };
    let revocation = if list.reads_revocation { selection.revocation.generation() } else { 0 };
    let made_of = MadeOf { snapshot: selection.view.generation(), revocation, asked: asked.path_and_query(), moment };
    let tag = state.tags.tag(made_of);
    let Ok(value) = HeaderValue::try_from(&tag) else { return refused(StatusCode::INTERNAL_SERVER_ERROR, "no tag") };
    if tag::is_known(&asked.headers, &tag) {
        let headers = [(header::ETAG, value), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let mut response = if list.walks { state.walk(move || answer(&selection)).await } else { answer(&selection) };
    if response.status() == StatusCode::OK {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn select<K: Cursor>(state: &State, asked: &Asked, list: &List) -> Result<(Selection<K>, Option<UnixTime>), Refusal> {
    let invalid = |message: String| (StatusCode::BAD_REQUEST, message);
    let now = UnixTime::from(state.clock.now());
    let mut parameters = Parameters::of(asked.query(), list.parameters, now).map_err(invalid)?;
    let (limit, after) = (parameters.limit(list.limit).map_err(invalid)?, parameters.after().map_err(invalid)?);
    let filter = parameters.filter(list.outcomes).map_err(invalid)?;
    let view = state.snapshots.load();
    // One that is misspelt would look like one in which all is well.
    if let Some(name) = &filter.source {
        let mut is_known = false;
        view.sources(&mut |source, _| is_known |= *source.id.name == **name);
        if !is_known {
            return Err((StatusCode::NOT_FOUND, "source: no source has this name".to_owned()));
        }
    }
    Ok((Selection { view, revocation: state.revocations.load(), filter, limit, after }, parameters.moment))
}

/// The envelope: `generation`, `total`, what else there is to say, the rows by their name, and `next` where there is more.
pub fn envelope<K: Cursor, T, R: Serialize>(
    generation: u64,
    more: &[(&str, bool)],
    name: &str,
    page: &Page<T, K>,
    row: impl Fn(&T) -> R,
) -> Response<Body> {
    let mut bytes = format!("{{\"generation\":{generation},\"total\":{}", page.total).into_bytes();
    more.iter().for_each(|(name, value)| bytes.extend(format!(",\"{name}\":{value}").into_bytes()));
    bytes.extend(format!(",\"{name}\":[").into_bytes());
    let mut next = page.next();
    for (at, (key, value)) in page.rows.iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        if let Err(error) = serde_json::to_writer(&mut bytes, &row(value)) {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string());
        }
        if bytes.len() > BYTES && at + 1 < page.rows.len() {
            next = Some(key);
            break;
        }
    }
    bytes.push(b']');
    if let Some(next) = next {
        // A cursor is of letters, digits, `-` and `_`.
        bytes.extend(format!(",\"next\":\"{}\"", next.encode()).into_bytes());
    }
    bytes.push(b'}');
    json(StatusCode::OK, bytes)
}
