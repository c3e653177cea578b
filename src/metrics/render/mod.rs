//! State to fragments, when it is published. Hot: a bucket is a thousand targets with several lines each.
//!
//! The labels of a place are written once per target and those of a certificate once per certificate; each line is then a few
//! copies. Buffers and compressors are kept between calls.

mod certificates;
mod crls;
mod endpoint;
mod page;
mod relations;
mod services;
mod source;

use std::sync::{Mutex, PoisonError};

use crate::model::options::ChainScope;
use crate::model::rules::Item;
use crate::model::{
    CertRole, CertificateFacts, FindingSet, Noun, Place, Relations, Render, Rendered, Report, Services, SourceHeader, SourceStatus,
    TargetState,
};

use super::deflate::Deflater;
use super::table;
use super::text::label;
use page::{Labels, Page};

/// How many sets of buffers are kept for the next call; a scan renders on few threads at a time.
const KEPT: usize = 2;

/// Buffers that grew beyond this many bytes are given back.
const KEPT_BYTES: usize = 16 << 20;

/// Renders state into fragments of the exposition.
#[derive(Default)]
pub struct Renderer {
    /// `[metrics] compatibility = ["enix"]`
    enix: bool,
    idle: Mutex<Vec<Scratch>>,
}

#[derive(Default)]
struct Scratch {
    page: Page,
    labels: Labels,
    deflater: Deflater,
}

impl Renderer {
    /// A renderer; `enix` adds that exporter's remaining families and labels.
    pub fn new(enix: bool) -> Self {
        Self { enix, idle: Mutex::default() }
    }

    fn rendered(&self, write: impl FnOnce(&mut Page, &mut Labels) -> u64) -> Rendered {
        let mut scratch = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let clashes = write(&mut scratch.page, &mut scratch.labels);
        let fragments = scratch.page.take_fragments(&mut scratch.deflater);
        if scratch.page.capacity() <= KEPT_BYTES {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push(scratch);
            }
        }
        Rendered { fragments, clashes }
    }
}

impl Render for Renderer {
    fn targets(&self, source: &SourceHeader, targets: &mut dyn Iterator<Item = &TargetState>) -> Rendered {
        self.rendered(|page, labels| {
            let mut clashes = 0;
            for target in targets {
                labels.of_target(source, target);
                state(page, labels, source, target);
                if source.options.trust_store {
                    certificates::fold(page, labels, target, self.enix);
                } else {
                    clashes += certificates::write(page, labels, source, target, self.enix);
                }
                certificates::write_uses(page, labels, &mut Vec::new(), target);
                crls::write_responses(page, labels, target);
                clashes += crls::write(page, labels, target);
            }
            clashes
        })
    }

    fn source(&self, source: &SourceHeader, status: &SourceStatus) -> Rendered {
        self.rendered(|page, labels| {
            labels.of_source(source);
            source::write(page, labels, status);
            0
        })
    }

    fn services(&self, services: &Services) -> Rendered {
        self.rendered(|page, labels| services::write(page, labels, services))
    }

    fn relations(&self, relations: &Relations) -> Rendered {
        self.rendered(|page, _| {
            relations::write(page, relations);
            0
        })
    }

    fn series(&self, source: &SourceHeader, target: &TargetState) -> u64 {
        let own = match target.place {
            Place::Endpoint { .. } => endpoint::series(target),
            _ if source.options.trust_store => u64::from(target.failure.is_some()) + endpoint::findings(target),
            _ => 1 + endpoint::findings(target),
        };
        let of_certificates = if source.options.trust_store {
            u64::from(!target.content.certificates.is_empty())
        } else {
            certificates::series(source, target, self.enix)
        };
        own + certificates::uses(target).len() as u64 + of_certificates + crls::series(target) + crls::response_series(target)
    }
}

/// Whether the last look at the target succeeded, in the family of its kind.
fn state(page: &mut Page, labels: &Labels, source: &SourceHeader, target: &TargetState) {
    if let Place::Endpoint { .. } = target.place {
        return endpoint::write(page, labels, target);
    }
    // A folded place has one series; its error is a second one only while there is one.
    if !source.options.trust_store || target.failure.is_some() {
        page.line(table::CERT_ERROR, &[labels.place()], target.failure.is_some());
    }
    endpoint::write_findings(page, labels, target);
}

/// The certificates of a target that its source shows, with their indexes.
fn shown<'a>(source: &SourceHeader, target: &'a TargetState) -> impl Iterator<Item = (usize, &'a CertificateFacts)> {
    let leaves_only = source.options.chain == ChainScope::Leaf;
    target.content.certificates.iter().enumerate().filter(move |(_, certificate)| !leaves_only || certificate.role == CertRole::Leaf)
}

/// How many findings of a set are about this noun.
fn count(findings: FindingSet, noun: Noun) -> u64 {
    findings.iter().filter(|finding| finding.is_about(noun)).count() as u64
}

/// Writes what is waived on something, each with the end of its waiver.
fn write_waived(page: &mut Page, id: table::Id, labels: [&[u8]; 2], scratch: &mut Vec<u8>, report: &Report, on: Item) {
    for waived in report.waived_on(on) {
        scratch.clear();
        label(scratch, "finding", waived.finding.as_str());
        page.line(id, &[labels[0], labels[1], scratch], waived.until.secs());
    }
}

/// How many series [`write_waived()`] makes.
fn count_waived(report: &Report, on: Item) -> u64 {
    report.waived_on(on).count() as u64
}

/// A certificate or CRL of a place by its index.
fn item(index: usize, of: fn(u32) -> Item) -> Item {
    of(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
