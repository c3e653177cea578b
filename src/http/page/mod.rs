//! The status page: for a person with a browser, at `/` and beside it.
//!
//! May touch: `model`, the rest of `http`. Must not: do I/O, hold more than the overview's digest, write markup past `maud`'s escaping.
//!
//! Pages are drawn by the server and work without the script, which adds filtering as one types and times that go on. All of them stand beside
//! each other (`certificates`, `place?…`), so that relative links work below any path of a proxy. What a page costs is bounded: the overview
//! comes from [`digest`], lists are paged walks of which few run at a time, and what comes from certificates is cut.

mod answer;
mod authorities;
mod certificate;
mod digest;
mod filter;
mod findings;
mod fresh;
mod layout;
mod lists;
mod overview;
mod place;
mod revocation;
mod show;
mod sources;
mod text;
mod timeline;
mod trouble;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Query;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use maud::Markup;
use serde::Deserialize;

use super::query::{Filter, certificates, each_source};
use super::{Listener, Shared, State};
use crate::model::facts::hex;
use crate::model::{CertRole, Place, SnapshotView, SourceHeader, SourceKind, TargetState, UnixTime};

pub use digest::Digests;
use digest::Overview;
use filter::Form;
use fresh::Pulse;
use layout::{Page, notice};
use overview::Beside;

/// Says the host and port of an endpoint's target.
pub type Authority = fn(&str) -> Option<String>;

/// The longest name of a place that is asked for.
const PLACE_BYTES: usize = 16 << 10;

/// The pages.
pub fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(overview))
        .route("/certificates", get(list_certificates))
        .route("/certificate", get(one_certificate))
        .route("/places", get(list_places))
        .route("/place", get(one_place))
        .route("/authorities", get(list_authorities))
        .route("/revocation", get(list_revocation))
        .route("/sources", get(list_sources))
}

/// What every page is drawn from: one snapshot at one moment.
pub struct Frame {
    view: Arc<dyn SnapshotView>,
    overview: Arc<Overview>,
    pulse: Pulse,
    beside: Beside,
    now: UnixTime,
    version: &'static str,
    /// Whether the API is served at the same address.
    admin: bool,
    authority: Authority,
}

impl Frame {
    async fn of(state: &State, listener: Listener) -> Result<Self, Box<Response<Body>>> {
        let Some(overview) = state.digests.overview(&state.snapshots, &*state.clock).await else {
            let defect = "a defect of this program, caught; please report it";
            return Err(Box::new(super::api::refused(StatusCode::INTERNAL_SERVER_ERROR, defect)));
        };
        let (view, now) = (state.snapshots.load(), UnixTime::from(state.clock.now()));
        let pulse = Pulse::of(&*view, now);
        let beside = Beside::of(&*view, pulse.down + pulse.late);
        let (version, admin, authority) = (state.version, listener.admin, state.authority);
        Ok(Self { view, overview, pulse, beside, now, version, admin, authority })
    }

    /// A command of an advice, made out for a place.
    fn command(&self, place: &Place, text: &str) -> String {
        let authority = match place {
            Place::Endpoint { target, .. } => (self.authority)(target),
            _ => None,
        };
        crate::model::command::command(place, text, authority.as_deref())
    }
}

/// Draws a page that takes no walk.
async fn page(state: &State, listener: Listener, name: &'static str, title: &str, draw: impl FnOnce(&Frame) -> Markup) -> Response<Body> {
    match Frame::of(state, listener).await {
        Ok(frame) => Page { name, title, form: &Form::default(), content: draw(&frame) }.answer(&frame, StatusCode::OK),
        Err(refusal) => *refusal,
    }
}

async fn overview(state: Shared, Extension(listener): Extension<Listener>) -> Response<Body> {
    page(&state, listener, "./", "Overview", overview::draw).await
}

async fn list_sources(state: Shared, Extension(listener): Extension<Listener>) -> Response<Body> {
    page(&state, listener, "sources", "Sources", sources::draw).await
}

/// Where a page goes on, and what its rows hold.
#[derive(Default, Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
    #[serde(default)]
    q: String,
}

async fn list_authorities(state: Shared, Extension(listener): Extension<Listener>, Query(query): Query<From>) -> Response<Body> {
    page(&state, listener, "authorities", "CAs", |frame| authorities::draw(frame, query.from)).await
}

async fn list_revocation(state: Shared, Extension(listener): Extension<Listener>, Query(query): Query<From>) -> Response<Body> {
    page(&state, listener, "revocation", "Revocation", |frame| revocation::draw(frame, &query.q, query.from)).await
}

async fn list_certificates(state: Shared, Extension(listener): Extension<Listener>, Query(form): Query<Form>) -> Response<Body> {
    list(&state, listener, "certificates", "Certificates", form, lists::certificates).await
}

async fn list_places(state: Shared, Extension(listener): Extension<Listener>, Query(form): Query<Form>) -> Response<Body> {
    list(&state, listener, "places", "Places", form, lists::places).await
}

async fn list(
    state: &State,
    listener: Listener,
    name: &'static str,
    title: &'static str,
    form: Form,
    draw: fn(&Frame, &Form, &Filter) -> Option<Markup>,
) -> Response<Body> {
    let frame = match Frame::of(state, listener).await {
        Ok(frame) => frame,
        Err(refusal) => return *refusal,
    };
    let filter = match form.filter(frame.now) {
        Ok(filter) => filter,
        Err(expected) => return notice(&frame, StatusCode::BAD_REQUEST, "That cannot be looked for", expected),
    };
    let answer = move || match draw(&frame, &form, &filter) {
        Some(content) => Page { name, title, form: &form, content }.answer(&frame, StatusCode::OK),
        None => notice(&frame, StatusCode::BAD_REQUEST, "No such page of the list", "The list cannot go on behind what the address says."),
    };
    state.walk(answer).await
}

#[derive(Deserialize)]
struct WhichCertificate {
    #[serde(default)]
    fingerprint: String,
}

async fn one_certificate(state: Shared, Extension(listener): Extension<Listener>, Query(which): Query<WhichCertificate>) -> Response<Body> {
    let frame = match Frame::of(&state, listener).await {
        Ok(frame) => frame,
        Err(refusal) => return *refusal,
    };
    let Some(wanted) = fingerprint(&which.fingerprint) else {
        let expected = "A fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits.";
        return notice(&frame, StatusCode::BAD_REQUEST, "No fingerprint", expected);
    };
    let (trust, revocations) = (state.trust.clone(), state.revocations.clone());
    let answer = move || {
        let filter = Filter { fingerprint: Some(wanted), ..Filter::default() };
        let page = certificates::page(&*frame.view, &filter, None, 1);
        let Some((_, row)) = page.rows.into_iter().next() else {
            let text =
                format!("No certificate with the fingerprint {} is in any place that is watched; it may have been renewed.", hex(&wanted));
            return notice(&frame, StatusCode::NOT_FOUND, "Not watched", &text);
        };
        let is_ca = row.facts.role != CertRole::Leaf;
        let (view, asked) = (revocations.load(), revocations.asked(&wanted));
        let known = certificate::Known {
            above: trust.as_ref().and_then(|trust| trust.above(&wanted)),
            hanging: trust.as_ref().filter(|_| is_ca).and_then(|trust| trust.hanging(&wanted, None, certificate::HANGING)),
            grounds: revocation::Grounds { view: &*view, services: frame.view.services(), asked: asked.as_ref(), now: frame.now },
            row,
        };
        let title = show::name(known.row.facts);
        let content = certificate::draw(&frame, &known);
        Page { name: "certificate", title: &title, form: &Form::default(), content }.answer(&frame, StatusCode::OK)
    };
    state.walk(answer).await
}

#[derive(Deserialize)]
struct WhichPlace {
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    place: String,
}

async fn one_place(state: Shared, Extension(listener): Extension<Listener>, Query(which): Query<WhichPlace>) -> Response<Body> {
    let frame = match Frame::of(&state, listener).await {
        Ok(frame) => frame,
        Err(refusal) => return *refusal,
    };
    let answer = move || {
        let Some((source, target)) = find(&*frame.view, &which) else {
            let text = "The source has no such place: it was removed, or it is called otherwise now.";
            return notice(&frame, StatusCode::NOT_FOUND, "No such place", text);
        };
        let (title, content) = (target.place.to_string(), place::draw(&frame, source, target));
        Page { name: "place", title: &title, form: &Form::default(), content }.answer(&frame, StatusCode::OK)
    };
    state.walk(answer).await
}

/// The place of this name; without a kind in any source of the name.
fn find<'a>(view: &'a dyn SnapshotView, which: &WhichPlace) -> Option<(&'a SourceHeader, &'a TargetState)> {
    let kind = SourceKind::ALL.iter().find(|kind| kind.as_str() == which.kind).copied();
    if which.place.len() > PLACE_BYTES || (kind.is_none() && !which.kind.is_empty()) {
        return None;
    }
    let filter = Filter { source: Some(which.source.as_str().into()), kind, ..Filter::default() };
    let (mut found, mut called) = (None, String::new());
    for (source, _) in each_source(view, &filter) {
        view.targets(&source.id, &mut |target| {
            use std::fmt::Write;
            called.clear();
            let _ = write!(called, "{}", target.place);
            if found.is_none() && called == which.place {
                found = Some((source, target));
            }
        });
    }
    found
}

/// A SHA-256 in hexadecimal, with or without colons.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').take(65).collect();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = (digit(0)? << 4) | digit(1)?;
    }
    Some(bytes)
}
