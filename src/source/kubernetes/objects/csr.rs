//! CertificateSigningRequests: the certificate that was signed, or why none was.
//!
//! May touch: `model`.

use std::collections::HashSet;

use serde::Deserialize;

use super::{Condition, Name, Subject, base64, identity, null_is_empty, number, stamp, unreadable};
use crate::model::{Failure, Material, Observation, Place, Reason, ScanContext, Stage};
use crate::source::kubernetes::api::Handler;

const WHAT: &str = "CertificateSigningRequest";

/// Handles all of them. One that waits for approval has nothing to show yet.
pub struct Requests;

#[derive(Deserialize)]
struct Request {
    metadata: Name,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    conditions: Vec<Condition>,
}

fn place(name: &str) -> Place {
    Place::Request { name: name.into() }
}

impl Handler for Requests {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let request: Request = match serde_json::from_slice(json) {
            Ok(request) => request,
            Err(error) => {
                let failure = unreadable(WHAT, json, &error);
                let Some(name) = identity(json) else {
                    cx.source_error(failure);
                    return None;
                };
                cx.observed(Observation::failed(place(&name.name), failure));
                return Some(number(WHAT, "", &name.name));
            }
        };
        let place = place(&request.metadata.name);
        if !cx.is_ours(&place) {
            return None;
        }
        let status = request.status.unwrap_or_default();
        let refused =
            status.conditions.iter().filter(|condition| condition.status != "False").find_map(|condition| match &*condition.kind {
                "Denied" => Some((Reason::RequestDenied, condition)),
                "Failed" => Some((Reason::RequestFailed, condition)),
                _ => None,
            });
        let number = Some(number(WHAT, "", &request.metadata.name));
        let certificate = status.certificate.filter(|text| !text.is_empty());
        match (certificate, refused) {
            (_, Some((reason, condition))) => {
                cx.observed(Observation::failed(place, Failure::new(Stage::Status, reason, condition.words())));
            }
            (Some(text), None) => match base64(&text) {
                Err(failure) => cx.observed(Observation::failed(place, failure)),
                Ok(bytes) => {
                    let stamp = stamp(&bytes);
                    if !cx.is_unchanged(&place, stamp) {
                        let material = Material::Blob { bytes, passphrases: [].into() };
                        cx.observed(Observation { stamp: Some(stamp), ..Observation::found(place, material) });
                    }
                }
            },
            (None, None) => cx.gone(&place),
        }
        number
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let name = identity(json)?.name;
        cx.gone(&place(&name));
        Some(number(WHAT, "", &name))
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        cx.retain(|place| !matches!(place, Place::Request { name } if gone.contains(&number(WHAT, "", name))));
    }
}

impl Subject for Requests {}
