//! `/api/v1/certificates`: every certificate once, with all places that hold it; those first that end first.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::list::{Asked, List, Selection, envelope, list as answer_list};
use super::rows::{CertificateRow, Located, Owner, words};
use crate::http::Shared;
use crate::http::query::certificates::{self, Held, Key, Row};

/// What is asked.
pub static LIST: List = List::new(&[
    "q",
    "source",
    "source_kind",
    "namespace",
    "role",
    "finding",
    "revocation",
    "expires_before",
    "expires_after",
    "expires_within",
    "fingerprint",
    "owner",
    "unowned",
    "min_places",
    "limit",
    "after",
]);

#[derive(Serialize)]
struct Certificate<'a> {
    #[serde(flatten)]
    certificate: CertificateRow<'a>,
    /// Of all places together.
    findings: Vec<&'static str>,
    /// In how many places it is.
    count: u64,
    /// At most 100 of them.
    places: Vec<PlaceRow<'a>>,
}

#[derive(Serialize)]
struct PlaceRow<'a> {
    #[serde(flatten)]
    located: Located<'a>,
    #[serde(flatten)]
    owner: Owner<'a>,
    findings: Vec<&'static str>,
    /// Absent where it is not looked up.
    revocation: Option<&'static str>,
}

/// One page of them.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key>| {
        let Selection { view, filter, limit, after, .. } = selection;
        let page = certificates::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[], "certificates", &page, row)
    })
    .await
}

fn row<'a>(row: &Row<'a>) -> Certificate<'a> {
    Certificate {
        certificate: row.facts.into(),
        findings: words(row.findings),
        count: row.count,
        places: row.places.iter().map(place).collect(),
    }
}

fn place<'a>(held: &Held<'a>) -> PlaceRow<'a> {
    PlaceRow {
        located: Located::of(held.source, held.target),
        owner: Owner::of(held.source, held.target),
        findings: words(held.findings()),
        revocation: held.target.report.verdict(held.index).map(|verdict| verdict.status.as_str()),
    }
}
