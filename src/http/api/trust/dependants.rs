//! `/api/v1/trust/dependants`: the leaves that hang on a CA certificate, those first that end first.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use crate::http::Shared;
use crate::http::api::cursor::Cursor;
use crate::http::api::list::Asked;
use crate::http::api::parameters::{DEFAULT_LIMIT, Parameters};
use crate::http::api::refused;
use crate::model::UnixTime;
use crate::model::facts::hex;
use crate::model::relations::{Hanging, HangingLeaf};

/// What is asked.
pub const PARAMETERS: &[&str] = &["fingerprint", "limit", "after"];

const UNKNOWN: &str = "fingerprint: no CA certificate that is watched has it";

#[derive(Serialize)]
struct Answer {
    generation: u64,
    total: u64,
    leaves: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Row {
    subject: std::sync::Arc<str>,
    fingerprint: String,
    not_after: String,
    /// Whether no path of it outlasts the CA certificate.
    stranded: bool,
    /// One of its places, as it is called in the log, and how many there are.
    place_text: String,
    places: u64,
}

/// One page of them.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    let now = UnixTime::from(state.clock.now());
    let read = |asked: &Asked| {
        let parameters = Parameters::of(asked.query(), PARAMETERS, now)?;
        parameters.required("fingerprint")?;
        Ok::<_, String>((parameters.fingerprint()?.unwrap_or_default(), parameters.limit(DEFAULT_LIMIT)?, parameters.after()?))
    };
    match read(&asked) {
        Err(message) => refused(StatusCode::BAD_REQUEST, &message),
        Ok((wanted, limit, after)) => {
            super::asked(&state, UNKNOWN, move |trust| trust.hanging(&wanted, after, limit).map(Answer::from)).await
        }
    }
}

impl From<Hanging> for Answer {
    fn from(hanging: Hanging) -> Self {
        let next = hanging.leaves.last().filter(|_| hanging.more).map(|leaf| (leaf.not_after, leaf.fingerprint).encode());
        let leaves = hanging.leaves.into_iter().map(row).collect();
        Self { generation: hanging.generation, total: hanging.total, leaves, next }
    }
}

fn row(leaf: HangingLeaf) -> Row {
    Row {
        subject: leaf.subject,
        fingerprint: hex(&leaf.fingerprint),
        not_after: leaf.not_after.rfc3339(),
        stranded: leaf.stranded,
        place_text: leaf.place,
        places: leaf.places,
    }
}
