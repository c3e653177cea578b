//! `/api/v1/trust?limit=&after=`: the CA certificates with what hangs on each; `/api/v1/trust/dependants?fingerprint=&limit=`: which leaves these are;
//! `/api/v1/trust/verify?fingerprint=&source=&place=`: whether a certificate verifies against the CA certificates of a place.

use axum::body::Body;
use axum::extract::Query;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::model::facts::hex;
use crate::model::{AuthorityRow, TrustQueries};

use super::certificates::fingerprint;
use super::{Shared, json, page_limit, refused};

/// The query for the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    limit: Option<usize>,
    after: Option<usize>,
}

#[derive(Serialize)]
struct Answer<'a> {
    generation: u64,
    total: u64,
    authorities: Vec<Row<'a>>,
    /// For `after=` of the next page; absent on the last.
    next: Option<usize>,
}

#[derive(Serialize)]
struct Row<'a> {
    fingerprint: String,
    role: &'static str,
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    not_after: String,
    places: u64,
    dependants: u64,
    stranded_dependants: u64,
    cross_signs: u64,
}

/// One page of CA certificates, those first that most hangs on.
pub async fn list(state: Shared, Query(parameters): Query<Parameters>) -> Response<Body> {
    let limit = match page_limit(parameters.limit) {
        Ok(limit) => limit,
        Err(refusal) => return *refusal,
    };
    let view = state.snapshots.load();
    let all = &view.relations().authorities;
    let from = parameters.after.unwrap_or(0);
    let authorities: Vec<Row<'_>> = all.iter().skip(from).take(limit).map(row).collect();
    let next = (all.len().saturating_sub(from) > limit).then(|| from + limit);
    let total = all.len() as u64 + view.relations().left_out;
    json(StatusCode::OK, &Answer { generation: view.generation(), total, authorities, next })
}

fn row(row: &AuthorityRow) -> Row<'_> {
    Row {
        fingerprint: hex(&row.fingerprint),
        role: row.role.as_str(),
        subject: &row.subject,
        issuer: &row.issuer,
        serial: &row.serial,
        not_after: row.not_after.rfc3339(),
        places: row.places,
        dependants: row.dependants,
        stranded_dependants: row.stranded,
        cross_signs: row.cross_signs,
    }
}

/// The query for what hangs on one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependants {
    fingerprint: String,
    limit: Option<usize>,
}

/// The leaves that hang on a CA certificate, those first that end first.
pub async fn dependants(state: Shared, Query(parameters): Query<Dependants>) -> Response<Body> {
    let limit = match page_limit(parameters.limit) {
        Ok(limit) => limit,
        Err(refusal) => return *refusal,
    };
    let Some(wanted) = fingerprint(&parameters.fingerprint) else { return refused(StatusCode::BAD_REQUEST, NO_FINGERPRINT) };
    asked(&state, "fingerprint: no CA certificate that is watched has it", move |trust| trust.hanging(&wanted, limit)).await
}

/// The query for whether one verifies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    fingerprint: String,
    source: String,
    place: String,
}

/// Whether a certificate verifies against the CA certificates of a place, by names and signatures alone.
pub async fn verify(state: Shared, Query(parameters): Query<Verify>) -> Response<Body> {
    let Verify { fingerprint: text, source, place } = parameters;
    let Some(wanted) = fingerprint(&text) else { return refused(StatusCode::BAD_REQUEST, NO_FINGERPRINT) };
    asked(&state, "no certificate that is watched has this fingerprint, or the source has no such place", move |trust| {
        trust.verifies(&wanted, &source, &place)
    })
    .await
}

const NO_FINGERPRINT: &str = "fingerprint: expected the SHA-256 of a certificate, 64 hexadecimal digits";

/// Puts a question on a thread for blocking work: it may take as long as a walk over everything.
async fn asked<T: Serialize + Send + 'static>(
    state: &Shared,
    unknown: &str,
    ask: impl FnOnce(&dyn TrustQueries) -> Option<T> + Send + 'static,
) -> Response<Body> {
    let Some(trust) = state.trust.clone() else { return refused(StatusCode::NOT_FOUND, "nothing is related to anything here") };
    let unknown = unknown.to_owned();
    state
        .walk(move || match ask(&*trust) {
            Some(answer) => json(StatusCode::OK, &answer),
            None => refused(StatusCode::NOT_FOUND, &unknown),
        })
        .await
}
