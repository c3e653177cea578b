//! `/api/v1/revocation`: the CRLs at URLs and, behind them, the OCSP responders that verdicts come from.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::answered;
use super::cursor::Cursor;
use super::list::{Asked, List, Selection, list as answer_list};
use super::rows::{CrlServiceRow, ResponderRow};
use crate::http::Shared;
use crate::http::query::first::First;
use crate::model::revocation::{CrlService, Responder};

/// What is asked.
pub static LIST: List = List { walks: false, ..List::new(&["q", "state", "finding", "limit", "after"]) };

/// What a page is sorted by: CRLs before responders, then the URL; lists at one URL by their fingerprints.
type Key<'a> = (bool, Cow<'a, str>, Option<[u8; 32]>);

#[derive(Clone, Copy)]
enum Service<'a> {
    Crl(&'a CrlService),
    Responder(&'a Responder),
}

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
    let services = view.services();
    let mut first: First<'_, Key<'_>, Service<'_>> = First::new(after.as_ref(), *limit);
    for service in services.crls.iter().filter(|service| filter.takes_service(&service.url, service.findings, service.failure.is_some())) {
        let list = service.list.as_ref().map(|list| list.fingerprint);
        first.offer((false, Cow::Borrowed(&service.url), list), Service::Crl(service));
    }
    let responders = services.responders.iter();
    for service in responders.filter(|service| filter.takes_service(&service.url, service.findings, service.failure.is_some())) {
        first.offer((true, Cow::Borrowed(&service.url), None), Service::Responder(service));
    }
    let page = first.page();
    let (mut crls, mut responders) = (Vec::new(), Vec::new());
    for service in page.values() {
        match service {
            Service::Crl(service) => crls.push((*service).into()),
            Service::Responder(service) => responders.push((*service).into()),
        }
    }
    let next = page.next().map(Cursor::encode);
    answered(&Answer { generation: view.generation(), total: page.total, crls, responders, next })
}
