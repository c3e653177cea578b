//! The series of a TLS endpoint besides its certificates.

use crate::metrics::table;
use crate::metrics::text::label;
use crate::model::rules::Item;
use crate::model::{EndpointFacts, Noun, Reason, Stage, TargetState};

use super::page::{Labels, Page};
use super::{count, count_waived, write_waived};

/// Writes them all.
pub fn write(page: &mut Page, labels: &Labels, target: &TargetState) {
    let place = labels.place();
    let mut own = Vec::new();
    page.line(table::PROBE_SUCCESS, &[place], target.failure.is_none());
    if let Some(failure) = &target.failure {
        stage_and_reason(&mut own, failure.stage, failure.reason);
        page.line(table::PROBE_FAILURE, &[place, &own], 1_u64);
    }
    write_findings(page, labels, target);
    handshakes(page, place, target);
    let Some(facts) = &target.endpoint else { return };
    if let Some(version) = &facts.version {
        own.clear();
        label(&mut own, "version", version);
        label(&mut own, "cipher", facts.cipher.as_deref().unwrap_or_default());
        label(&mut own, "group", facts.group.as_deref().unwrap_or_default());
        label(&mut own, "alpn", facts.alpn.as_deref().unwrap_or_default());
        label(&mut own, "method", facts.method.as_str());
        page.line(table::TLS_VERSION, &[place, &own], 1_u64);
    }
    if is_known(facts, facts.client_certificate_requested) {
        page.line(table::CLIENT_CERTIFICATE_REQUESTED, &[place], facts.client_certificate_requested);
    }
    if is_known(facts, facts.stapled) {
        page.line(table::OCSP_STAPLED, &[place], facts.stapled);
    }
    if let Some(skew) = facts.clock_skew {
        page.line(table::CLOCK_SKEW, &[place], skew);
    }
}

/// Writes what is wrong with the target itself.
pub fn write_findings(page: &mut Page, labels: &Labels, target: &TargetState) {
    let mut own = Vec::new();
    for finding in target.report.target.iter().filter(|finding| finding.is_about(Noun::Target)) {
        own.clear();
        label(&mut own, "finding", finding.as_str());
        page.line(table::TARGET_FINDING, &[labels.place(), &own], 1_u64);
    }
    write_waived(page, table::TARGET_FINDING_WAIVED, [labels.place(), b""], &mut own, &target.report, Item::Target);
}

/// How many series [`write_findings()`] makes.
pub fn findings(target: &TargetState) -> u64 {
    count(target.report.target, Noun::Target) + count_waived(&target.report, Item::Target)
}

/// How many series [`write()`] makes.
pub fn series(target: &TargetState) -> u64 {
    let errors = target.counters.as_ref().map_or(0, |counters| counters.errors.len() as u64);
    let shown = target.endpoint.as_ref().map_or(0, |facts| {
        u64::from(facts.version.is_some())
            + u64::from(is_known(facts, facts.client_certificate_requested))
            + u64::from(is_known(facts, facts.stapled))
            + u64::from(facts.clock_skew.is_some())
    });
    1 + u64::from(target.failure.is_some()) + findings(target) + 2 + errors + shown
}

/// A handshake that broke off early shows what came before, but says nothing about what did not.
fn is_known(facts: &EndpointFacts, seen: bool) -> bool {
    seen || facts.version.is_some()
}

/// Both results from the start, so that a rate sees the first of each.
fn handshakes(page: &mut Page, place: &[u8], target: &TargetState) {
    let (ok, errors) = target.counters.as_deref().map_or((0, &[][..]), |counters| (counters.ok, &counters.errors));
    page.line(table::HANDSHAKES, &[place, b",result=\"ok\""], ok);
    page.line(table::HANDSHAKES, &[place, b",result=\"error\""], errors.iter().map(|(_, _, count)| count).sum::<u64>());
    let mut own = Vec::new();
    for (stage, reason, count) in errors {
        own.clear();
        stage_and_reason(&mut own, *stage, *reason);
        page.line(table::HANDSHAKE_ERRORS, &[place, &own], *count);
    }
}

fn stage_and_reason(out: &mut Vec<u8>, stage: Stage, reason: Reason) {
    label(out, "stage", stage.as_str());
    label(out, "reason", reason.as_str());
}
