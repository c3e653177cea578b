//! `/api/v1/trust/verify`: whether a certificate verifies against the CA certificates of a place, by names and signatures alone.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use crate::http::Shared;
use crate::http::api::list::Asked;
use crate::http::api::parameters::Parameters;
use crate::http::api::refused;
use crate::model::UnixTime;

/// What is asked; all of it.
pub const PARAMETERS: &[&str] = &["fingerprint", "source", "place"];

const UNKNOWN: &str = "no certificate that is watched has this fingerprint, or the source has no such place";

/// The verdict, with the way that it found.
pub async fn answer(state: Shared, asked: Asked) -> Response<Body> {
    let now = UnixTime::from(state.clock.now());
    let read = |asked: &Asked| {
        let parameters = Parameters::of(asked.query(), PARAMETERS, now)?;
        parameters.required("fingerprint")?;
        let wanted = parameters.fingerprint()?.unwrap_or_default();
        Ok::<_, String>((wanted, parameters.required("source")?.to_owned(), parameters.required("place")?.to_owned()))
    };
    match read(&asked) {
        Err(message) => refused(StatusCode::BAD_REQUEST, &message),
        Ok((wanted, source, place)) => super::asked(&state, UNKNOWN, move |trust| trust.verifies(&wanted, &source, &place)).await,
    }
}
