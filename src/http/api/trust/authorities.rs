//! `/api/v1/trust`: the CA certificates with what hangs on each, those first that most hangs on.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use crate::http::Shared;
use crate::http::api::list::{Asked, List, Selection, envelope, list as answer_list};
use crate::http::query::authorities::{self, Key};
use crate::model::AuthorityRow;
use crate::model::facts::hex;

/// What is asked.
pub static LIST: List =
    List { walks: false, ..List::new(&["q", "role", "expires_before", "expires_after", "expires_within", "limit", "after"]) };

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

/// One page of them.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key>| {
        let Selection { view, filter, limit, after, .. } = selection;
        let page = authorities::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[], "authorities", &page, |authority| row(authority))
    })
    .await
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
