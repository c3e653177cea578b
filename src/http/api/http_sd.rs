//! `/api/v1/http_sd`: the endpoints that `tls` sources look at, as Prometheus' `http_sd_configs` reads them: for a job that asks `/probe`.
//!
//! The user's labels stand as they are: they are meant for the series. What this program knows of an endpoint stands in `__meta_notafter_…`,
//! which Prometheus drops after relabelling. It is one list without pages, as Prometheus wants it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::cursor::NoPages;
use super::list::{Asked, List, Selection, list as answer_list};
use super::{answered, refused};
use crate::http::Shared;
use crate::http::query::each_source;
use crate::model::{Place, SourceKind};

/// What is asked.
pub static LIST: List = List::new(&["source"]);

/// One target and its labels.
#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<Cow<'a, str>, &'a str>,
}

/// All of them, sources by name.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, answer).await
}

fn answer(selection: &Selection<NoPages>) -> Response<Body> {
    let Selection { view, filter, .. } = selection;
    let mut sources = each_source(&**view, filter);
    sources.retain(|(source, _)| source.id.kind == SourceKind::Tls);
    // Prometheus drops what a list lacks, and keeps what it has while there is an error.
    if let Some((source, _)) = sources.iter().find(|(_, status)| status.up.is_none()) {
        let message = format!("the first round of {} has not ended: its targets are not known yet", source.id.name);
        return refused(StatusCode::SERVICE_UNAVAILABLE, &message);
    }
    // The addresses behind a name are one target.
    let mut groups: BTreeMap<(&str, &str, &str), Group<'_>> = BTreeMap::new();
    for (source, _) in sources {
        let shared = source.options.labels.0.iter();
        view.targets(&source.id, &mut |state| {
            let Place::Endpoint { target, server_name, .. } = &state.place else { return };
            let own = state.labels.iter().flat_map(|labels| &labels.0);
            let meta = [("source_name", &*source.id.name), ("target", target), ("server_name", server_name)];
            groups.entry((&source.id.name, target, server_name)).or_insert_with(|| Group {
                targets: [target],
                labels: shared
                    .clone()
                    .chain(own)
                    .map(|(name, value)| (Cow::Borrowed(&**name), &**value))
                    .chain(meta.map(|(name, value)| (Cow::Owned(format!("__meta_notafter_{name}")), value)))
                    .collect(),
            });
        });
    }
    answered(&groups.into_values().collect::<Vec<_>>())
}
