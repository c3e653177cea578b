//! `/api/v1/findings`: what is found now, one row each.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::list::{Asked, List, Selection, envelope, list as answer_list};
use super::rows::{CertificateIdentity, CrlIdentity, EvidenceRow, FetchFailureRow, Located, Owner, WaivedRow, text};
use crate::http::Shared;
use crate::http::query::findings::{self, Key, On, Row};

/// What is asked.
pub static LIST: List = List::new(&[
    "q",
    "finding",
    "on",
    "waived",
    "source",
    "source_kind",
    "namespace",
    "role",
    "revocation",
    "expires_before",
    "expires_after",
    "expires_within",
    "fingerprint",
    "owner",
    "unowned",
    "limit",
    "after",
]);

#[derive(Serialize)]
struct FindingRow<'a> {
    finding: &'static str,
    on: &'static str,
    /// Where; absent of what is fetched, and of responders.
    #[serde(flatten)]
    located: Option<Located<'a>>,
    #[serde(flatten)]
    owner: Option<Owner<'a>>,
    /// Of what is fetched, and of responders.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    certificate: Option<CertificateIdentity<'a>>,
    crl: Option<CrlIdentity<'a>>,
    /// Absent where nobody knows.
    since: Option<String>,
    waived: Option<WaivedRow<'a>>,
    /// The policies that say so.
    policies: Vec<&'a str>,
    /// Which other places have to do with it.
    related: Vec<EvidenceRow<'a>>,
    /// Why the last fetch brought nothing usable.
    failure: Option<FetchFailureRow<'a>>,
}

/// One page of them: those in places, sources by name, then those on what is fetched, by URL.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key<'static>>| {
        let Selection { view, filter, limit, after, .. } = selection;
        let page = findings::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[], "findings", &page, row)
    })
    .await
}

fn row<'a>(row: &Row<'a>) -> FindingRow<'a> {
    let (on, place, url, certificate, crl, failure) = match row.on {
        On::Target(source, target) => ("target", Some((source, target)), None, None, None, None),
        On::Certificate(source, target, facts) => ("certificate", Some((source, target)), None, Some(facts), None, None),
        On::Crl(source, target, facts) => ("crl", Some((source, target)), None, None, Some(facts), None),
        On::Fetched(service) => ("crl", None, Some(&*service.url), None, service.list.as_deref(), service.failure.as_ref()),
        On::Responder(service) => ("responder", None, Some(&*service.url), None, None, service.failure.as_ref()),
    };
    FindingRow {
        finding: row.finding.as_str(),
        on,
        located: place.map(|(source, target)| Located::of(source, target)),
        owner: place.map(|(source, target)| Owner::of(source, target)),
        url,
        certificate: certificate.map(CertificateIdentity::from),
        crl: crl.map(CrlIdentity::from),
        since: text(row.since),
        waived: row.waived.map(WaivedRow::from),
        policies: row.policies.clone(),
        related: row.evidence.iter().map(|evidence| EvidenceRow::from(*evidence)).collect(),
        failure: FetchFailureRow::of(failure),
    }
}
