//! CRLs and responders as things that are watched: the rows behind their series.
//!
//! May touch: `model`.

use std::collections::HashMap;
use std::sync::Arc;

use super::core::Core;
use super::view::View;
use crate::model::revocation::{CrlService, Responder};
use crate::model::{Answer, Finding, RevocationView, Says, Services, UnixTime};

/// All rows, each kind by URL.
pub(super) fn rows(core: &Core, view: &View, now: UnixTime) -> Services {
    Services { crls: crls(core, view, now), responders: responders(core, now) }
}

fn crls(core: &Core, view: &View, now: UnixTime) -> Vec<CrlService> {
    let mut counts: HashMap<&str, (u64, u64)> = HashMap::new();
    for certificate in core.watched.certificates.iter().flatten() {
        let Some(Ok(answer)) = view.answers(&certificate.fingerprint).and_then(|answers| answers.crl.as_ref()) else { continue };
        let (certificates, revoked) = counts.entry(&*answer.from).or_default();
        *certificates += 1;
        *revoked += u64::from(matches!(answer.says, Says::Revoked { .. }));
    }
    let shown = core.lists.iter().filter(|(url, list)| core.is_wanted(url) && (list.tried || list.held.is_some()));
    let mut rows: Vec<CrlService> = shown
        .map(|(url, list)| {
            let facts = list.held.as_ref().filter(|held| held.checked.is_some()).map(|held| held.facts.clone());
            let mut findings = list.findings;
            // RFC 5280 section 5.1.2.5: the next list is issued no later than nextUpdate.
            findings.insert_if(facts.as_ref().and_then(|facts| facts.next_update).is_some_and(|next| now > next), Finding::Stale);
            findings.insert_if(core.is_out_of_scope(url), Finding::ScopeMismatch);
            let (certificates, revoked) = counts.get(&**url).copied().unwrap_or_default();
            CrlService {
                url: url.clone(),
                list: facts,
                findings,
                failure: list.failure.clone(),
                checked_at: list.checked_at,
                next_at: (!core.settings.offline).then(|| list.schedule.next_at()),
                certificates,
                revoked,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.url.cmp(&b.url));
    rows
}

fn responders(core: &Core, now: UnixTime) -> Vec<Responder> {
    let mut asked: HashMap<Arc<str>, (u64, Option<UnixTime>, bool)> = HashMap::new();
    for ask in core.asks.iter().filter(|ask| ask.wanted) {
        let Some(url) = ask.url() else { continue };
        let (certificates, oldest, is_stale) = asked.entry(url.clone()).or_default();
        *certificates += 1;
        if let Some(Answer { this_update, until, .. }) = &ask.held {
            *oldest = Some(oldest.map_or(*this_update, |oldest: UnixTime| oldest.min(*this_update)));
            *is_stale |= *until < now;
        }
    }
    let mut rows: Vec<Responder> = asked
        .into_iter()
        .map(|(url, (certificates, oldest_this_update, is_stale))| {
            let state = core.responders.get(&url);
            Responder {
                findings: state.map(|state| state.findings(is_stale, now)).unwrap_or_default(),
                certificate_not_after: state.and_then(|state| state.delegate_not_after),
                failure: state.and_then(|state| state.failure.clone()),
                oldest_this_update,
                certificates,
                url,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.url.cmp(&b.url));
    rows
}
