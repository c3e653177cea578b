//! `/api/v1/crls`: the CRLs that places hold and those that are fetched, with how fresh they are and what they were good for.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::list::{Asked, List, Selection, envelope, list as answer_list};
use super::rows::{CrlRow, CrlServiceRow, FailureRow, Located, waived};
use crate::http::Shared;
use crate::http::query::crls::{self, Key, Row};
use crate::http::query::item;
use crate::model::Item;

/// What is asked.
pub static LIST: List = List::new(&[
    "q",
    "origin",
    "source",
    "source_kind",
    "namespace",
    "state",
    "finding",
    "expires_before",
    "expires_after",
    "expires_within",
    "fingerprint",
    "limit",
    "after",
]);

/// One of the two.
#[derive(Serialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
enum Crl<'a> {
    Stored(Stored<'a>),
    Fetched(CrlServiceRow<'a>),
}

#[derive(Serialize)]
struct Stored<'a> {
    #[serde(flatten)]
    located: Located<'a>,
    /// Why the place could not be read when it was last looked at: the CRL is the one that was known before.
    failure: Option<FailureRow<'a>>,
    crl: CrlRow<'a>,
}

/// One page of them: those in places, sources by name, then those at URLs.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key<'static>>| {
        let Selection { view, filter, limit, after, .. } = selection;
        let page = crls::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[], "crls", &page, row)
    })
    .await
}

fn row<'a>(row: &Row<'a>) -> Crl<'a> {
    match *row {
        Row::Stored { source, target, index, facts } => {
            let on = item(index, Item::Crl);
            let (waivers, ended) = (waived(target.report.waived_on(on)), waived(target.report.ended_on(on)));
            Crl::Stored(Stored {
                located: Located::of(source, target),
                failure: target.failure.as_deref().map(FailureRow::from),
                crl: CrlRow::of(facts, target.report.crl(index), waivers, ended),
            })
        }
        Row::Fetched(service) => Crl::Fetched(service.into()),
    }
}
