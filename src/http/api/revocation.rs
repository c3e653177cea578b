//! `/api/v1/revocation`: the CRLs at URLs and, behind them, the OCSP responders that verdicts come from.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::answered;
use super::cursor::Cursor;
use super::list::{Asked, List, Selection, list as answer_list};
use super::rows::{CrlServiceRow, ResponderRow};
use crate::http::Shared;
use crate::http::query::services::{self, Key, Row};

/// What is asked.
pub static LIST: List = List { walks: false, ..List::new(&["q", "state", "finding", "limit", "after"]) };

#[derive(Serialize)]
struct Answer<'a> {
    generation: u64,
    /// Both together.
    total: u64,
    crls: Vec<CrlServiceRow<'a>>,
    responders: Vec<ResponderRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One page of them.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, answer).await
}

fn answer(selection: &Selection<Key<'static>>) -> Response<Body> {
    let Selection { view, filter, limit, after, .. } = selection;
    let page = services::page(&**view, filter, after.as_ref(), *limit);
    let (mut crls, mut responders) = (Vec::new(), Vec::new());
    for service in page.values() {
        match service {
            Row::Crl(service) => crls.push((*service).into()),
            Row::Responder(service) => responders.push((*service).into()),
        }
    }
    let next = page.next().map(Cursor::encode);
    answered(&Answer { generation: view.generation(), total: page.total, crls, responders, next })
}
