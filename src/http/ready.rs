//! `/-/ready`: the first round of every source has ended, in success or failure.

use axum::http::StatusCode;

use super::Shared;

/// 200, or 503 with the number of sources still waited for.
pub async fn answer(state: Shared) -> (StatusCode, String) {
    let view = state.snapshots.load();
    if view.ready() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let mut waiting = 0_usize;
    view.sources(&mut |_, status| waiting += usize::from(status.up.is_none()));
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for the first round of {waiting} source(s)\n"))
}
