//! `POST /-/reload`: loads the configuration anew, as SIGHUP does.

use axum::http::{HeaderMap, StatusCode};

use super::Shared;
use super::origin::is_from_elsewhere;
use crate::model::reload::NotReloaded;

type Answer = (StatusCode, String);

/// 200, or 500 with what is wrong.
pub async fn reload(state: Shared, head: HeaderMap) -> Answer {
    if is_from_elsewhere(&head) {
        return (StatusCode::FORBIDDEN, "a page of another site may not ask for this\n".to_owned());
    }
    let Some(reload) = &state.reload else { return (StatusCode::NOT_FOUND, "this server has no configuration\n".to_owned()) };
    match reload.reload().await {
        Ok(()) => (StatusCode::OK, "reloaded\n".to_owned()),
        Err(NotReloaded::Forbidden) => {
            let why = "not allowed over HTTP, unless the configuration says so: [server] reload = true; SIGHUP does the same\n";
            (StatusCode::FORBIDDEN, why.to_owned())
        }
        Err(NotReloaded::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "others wait for this already; ask again later\n".to_owned()),
        Err(NotReloaded::Failed(why)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("not reloaded, the former configuration stays in force: {why}\n"))
        }
    }
}
