//! Certificates of cert-manager: whether they are ready, when they are renewed, which Secret is theirs; and, where no Secret is read, the certificate
//! itself out of the current CertificateRequest.
//!
//! May touch: `model`. Of a Certificate only names, dates and its failure are kept; of a request its certificate, until its Certificate says that it is
//! the current one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Condition, Name, Subject, base64, identity, null_is_empty, number, stamp, unreadable};
use crate::model::{Circumstances, Failure, Material, Observation, Place, Reason, ScanContext, Stage, Stamp, UnixTime};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::surroundings::{Changed, Named, Surroundings};

const WHAT: &str = "Certificate";
const REQUEST: &str = "CertificateRequest";
const OF_CERTIFICATE: &str = "cert-manager.io/certificate-name";
const OF_REVISION: &str = "cert-manager.io/certificate-revision";

/// Both kinds together.
pub struct Certificates {
    /// Whether certificates are shown out of requests, because no Secrets are read.
    shows_requests: bool,
    surroundings: Arc<Surroundings>,
    state: Mutex<State>,
}

/// Handles CertificateRequests.
pub struct CertificateRequests(pub Arc<Certificates>);

#[derive(Default)]
struct State {
    certificates: HashMap<u64, Known>,
    /// By Certificate: its requests.
    requests: HashMap<u64, Vec<Issued>>,
    /// By request: its Certificate.
    certificate_of: HashMap<u64, u64>,
}

struct Known {
    namespace: Arc<str>,
    name: Box<str>,
    secret: Option<Named>,
    revision: u64,
    due: Option<UnixTime>,
    failure: Option<(Reason, String)>,
    /// Whether its place has been shown since it last changed.
    shown: bool,
}

/// A certificate that a request brought.
struct Issued {
    request: u64,
    revision: u64,
    stamp: Stamp,
    /// The certificate, until it has been handed on.
    bytes: Option<Vec<u8>>,
    /// Why there is none.
    failure: Option<(Reason, String)>,
}

#[derive(Deserialize)]
struct Certificate {
    metadata: Name,
    #[serde(default, deserialize_with = "null_is_empty")]
    spec: Spec,
    #[serde(default, deserialize_with = "null_is_empty")]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default, deserialize_with = "null_is_empty")]
    secret_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default, deserialize_with = "null_is_empty")]
    conditions: Vec<Condition>,
    #[serde(default)]
    renewal_time: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    revision: u64,
    #[serde(default, deserialize_with = "null_is_empty")]
    failed_issuance_attempts: u64,
}

#[derive(Deserialize)]
struct CertificateRequest {
    metadata: Annotated,
    #[serde(default, deserialize_with = "null_is_empty")]
    status: RequestStatus,
}

#[derive(Deserialize)]
struct Annotated {
    #[serde(flatten)]
    name: Name,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
struct RequestStatus {
    #[serde(default, deserialize_with = "null_is_empty")]
    certificate: String,
}

impl Certificate {
    /// Not ready; or ready for now, but its renewal fails.
    fn failure(&self) -> Option<(Reason, String)> {
        let conditions = &self.status.conditions;
        let is = |kind: &str| conditions.iter().find(|condition| condition.kind == kind && condition.status == "False");
        if let Some(ready) = is("Ready") {
            return Some((Reason::CertificateNotReady, ready.words()));
        }
        let issuing = is("Issuing").filter(|_| self.status.failed_issuance_attempts > 0)?;
        let reason = if issuing.reason == "Denied" { Reason::RequestDenied } else { Reason::RequestFailed };
        Some((reason, issuing.words()))
    }
}

impl Certificates {
    /// With `shows_requests` they show the certificates of their current requests; without, only what is wrong with them.
    pub fn new(shows_requests: bool, surroundings: Arc<Surroundings>) -> Self {
        Self { shows_requests, surroundings, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a Certificate as it is known now. `finally`: nothing more is to come for it.
    fn show(&self, state: &mut State, certificate: u64, finally: bool, cx: &ScanContext) {
        let State { certificates, requests, .. } = state;
        let Some(known) = certificates.get_mut(&certificate) else { return };
        let place = Place::Certificate { namespace: Arc::clone(&known.namespace), name: known.name.clone() };
        if !cx.is_ours(&place) || !self.surroundings.is_selected(&known.namespace) {
            return;
        }
        let failure = known.failure.as_ref().map(|(reason, words)| Failure::new(Stage::Status, *reason, words.clone()));
        if !self.shows_requests {
            known.shown = true;
            match failure {
                Some(failure) => cx.observed(Observation::failed(place, failure)),
                None => cx.gone(&place),
            }
            return;
        }
        let circumstances = known.due.map(|due| Arc::new(Circumstances { renewal_due: Some(due), ..Circumstances::default() }));
        let issued = requests.get_mut(&certificate).into_iter().flatten().find(|issued| issued.revision == known.revision);
        let mut observation = match issued {
            Some(issued) if issued.failure.is_some() => {
                let words = issued.failure.as_ref().map(|(_, words)| words.clone()).unwrap_or_default();
                Observation::failed(place, failure.unwrap_or_else(|| Failure::new(Stage::Parse, Reason::DecodeFailed, words)))
            }
            Some(issued) => {
                if failure.is_none() && cx.is_unchanged(&place, issued.stamp) {
                    issued.bytes = None;
                    known.shown = true;
                    cx.described(&place, None, circumstances);
                    return;
                }
                match issued.bytes.take() {
                    Some(bytes) => {
                        let material = Material::Blob { bytes, passphrases: [].into() };
                        Observation { stamp: Some(issued.stamp), failure, ..Observation::found(place, material) }
                    }
                    // It has been handed on: its certificate stays, with what is wrong now or nothing any more.
                    None => Observation {
                        material: None,
                        failure,
                        ..Observation::found(place, Material::Blob { bytes: Vec::new(), passphrases: [].into() })
                    },
                }
            }
            None if failure.is_some() && (finally || known.revision == 0) => {
                Observation { failure, ..Observation::failed(place, Failure::new(Stage::Status, Reason::CertificateNotReady, "")) }
            }
            // Its request comes later in the listing.
            None if !finally => return,
            // A first issuance under way says nothing yet.
            None if known.revision == 0 => return,
            None => {
                let words = format!("there is no CertificateRequest of revision {}", known.revision);
                Observation::failed(place, Failure::new(Stage::Read, Reason::NotFound, words))
            }
        };
        observation.circumstances = circumstances;
        known.shown = true;
        cx.observed(observation);
    }

    fn remove(&self, certificate: u64) -> Option<Known> {
        let known = self.state().certificates.remove(&certificate)?;
        self.surroundings.set_owner(&format!("{}/{}", known.namespace, known.name), known.secret.as_ref(), None);
        Some(known)
    }
}

impl Handler for Certificates {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let certificate: Certificate = match serde_json::from_slice(json) {
            Ok(certificate) => certificate,
            Err(error) => {
                let failure = unreadable(WHAT, json, &error);
                let Some(name) = identity(json) else {
                    cx.source_error(failure);
                    return None;
                };
                let place = Place::Certificate { namespace: name.namespace.as_str().into(), name: name.name.as_str().into() };
                cx.observed(Observation::failed(place, failure));
                return Some(number(WHAT, &name.namespace, &name.name));
            }
        };
        let failure = certificate.failure();
        let Certificate { metadata, spec, status } = certificate;
        let number = number(WHAT, &metadata.namespace, &metadata.name);
        let namespace: Arc<str> = metadata.namespace.as_str().into();
        let due = status.renewal_time.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let due = due.map(|at| UnixTime::from_secs(at.unix_timestamp()));
        let secret = (!spec.secret_name.is_empty()).then(|| (Arc::clone(&namespace), spec.secret_name.into()));
        let mut state = self.state();
        let name: Box<str> = metadata.name.as_str().into();
        let known = Known { namespace, name, secret: secret.clone(), revision: status.revision, due, failure, shown: false };
        let before = state.certificates.insert(number, known).and_then(|before| before.secret);
        self.surroundings.set_owner(&metadata.to_string(), before.as_ref(), secret.as_ref().map(|secret| (secret, due)));
        self.show(&mut state, number, false, cx);
        // Older ones are of no use any more.
        if let Some(issued) = state.requests.get_mut(&number) {
            issued.retain(|issued| issued.revision >= status.revision);
        }
        Some(number)
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let name = identity(json)?;
        let number = number(WHAT, &name.namespace, &name.name);
        self.remove(number);
        cx.gone(&Place::Certificate { namespace: name.namespace.into(), name: name.name.into() });
        Some(number)
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        for number in gone {
            self.remove(*number);
        }
        cx.retain(|place| !matches!(place, Place::Certificate { namespace, name } if gone.contains(&number(WHAT, namespace, name))));
    }
}

impl Subject for Certificates {
    fn listed(&self, cx: &ScanContext) {
        let mut state = self.state();
        let waiting: Vec<u64> = state.certificates.iter().filter(|(_, known)| !known.shown).map(|(number, _)| *number).collect();
        for certificate in waiting {
            self.show(&mut state, certificate, true, cx);
        }
    }

    fn redescribe(&self, changed: &Changed, cx: &ScanContext) {
        if !changed.namespaces.keys().any(|namespace| !self.surroundings.is_selected(namespace)) {
            return;
        }
        cx.retain(|place| !matches!(place, Place::Certificate { namespace, .. } if !self.surroundings.is_selected(namespace)));
    }
}

impl CertificateRequests {
    fn remove(&self, request: u64) {
        let mut state = self.0.state();
        let Some(certificate) = state.certificate_of.remove(&request) else { return };
        if let Some(issued) = state.requests.get_mut(&certificate) {
            issued.retain(|issued| issued.request != request);
            if issued.is_empty() {
                state.requests.remove(&certificate);
            }
        }
    }
}

impl Handler for CertificateRequests {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let request: CertificateRequest = match serde_json::from_slice(json) {
            Ok(request) => request,
            Err(error) => {
                cx.source_error(unreadable(REQUEST, json, &error));
                return identity(json).map(|name| number(REQUEST, &name.namespace, &name.name));
            }
        };
        let Annotated { name, annotations } = &request.metadata;
        let of = annotations.get(OF_CERTIFICATE)?;
        let revision: u64 = annotations.get(OF_REVISION)?.parse().ok()?;
        if request.status.certificate.is_empty() {
            return None;
        }
        let own = number(REQUEST, &name.namespace, &name.name);
        let certificate = number(WHAT, &name.namespace, of);
        let place = Place::Certificate { namespace: name.namespace.as_str().into(), name: of.as_str().into() };
        let mut state = self.0.state();
        if !cx.is_ours(&place) || state.certificates.get(&certificate).is_some_and(|known| revision < known.revision) {
            return None;
        }
        let (bytes, failure) = match base64(&request.status.certificate) {
            Ok(bytes) => (Some(bytes), None),
            Err(failure) => (None, Some((failure.reason, format!("CertificateRequest {name}: {}", failure.detail)))),
        };
        let stamp = stamp(bytes.as_deref().unwrap_or_default());
        let issued = state.requests.entry(certificate).or_default();
        issued.retain(|issued| issued.request != own);
        issued.push(Issued { request: own, revision, stamp, bytes, failure });
        state.certificate_of.insert(own, certificate);
        self.0.show(&mut state, certificate, false, cx);
        Some(own)
    }

    fn deleted(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let name = identity(json)?;
        let own = number(REQUEST, &name.namespace, &name.name);
        self.remove(own);
        Some(own)
    }

    fn vanished(&self, gone: &HashSet<u64>, _: &ScanContext) {
        for request in gone {
            self.remove(*request);
        }
    }
}
