//! `/api/v1/trust…`: what hangs on which CA, once for each CA wherever it is.

pub mod authorities;
pub mod dependants;
pub mod verify;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::{answered, refused};
use crate::http::State;
use crate::model::TrustQueries;

/// Puts a question on a thread for blocking work: it may take as long as a walk over everything. Its answer may be another while signatures are
/// still being checked, of the same snapshot, so it has no tag.
async fn asked<T: Serialize + Send + 'static>(
    state: &State,
    unknown: &'static str,
    ask: impl FnOnce(&dyn TrustQueries) -> Option<T> + Send + 'static,
) -> Response<Body> {
    let Some(trust) = state.trust.clone() else { return refused(StatusCode::NOT_FOUND, "nothing is related to anything here") };
    state
        .walk(move || match ask(&*trust) {
            Some(answer) => answered(&answer),
            None => refused(StatusCode::NOT_FOUND, unknown),
        })
        .await
}
