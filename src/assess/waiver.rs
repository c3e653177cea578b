//! Waivers: findings that somebody answers for are taken out of the sets and kept beside them; one that has ended is a finding of its own.

use super::due::Due;
use super::findings::Subject;
use crate::model::rules::{Item, Spot, Waived, Waiver};
use crate::model::{Finding, FindingSet};

/// What was found on a target.
pub(super) struct Found<'a> {
    pub(super) target: &'a mut FindingSet,
    pub(super) certificates: &'a mut [FindingSet],
    pub(super) crls: &'a mut [FindingSet],
}

/// What is waived, and what was.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) waived: Box<[Waived]>,
    pub(super) ended: Box<[Waived]>,
}

/// Takes out what is waived.
pub(super) fn apply(subject: &Subject<'_>, found: Found<'_>, due: &mut Due) -> Applied {
    let waivers = &subject.header.options.rules.waivers;
    let Found { target, certificates, crls } = found;
    let mut all = *target;
    certificates.iter().chain(crls.iter()).for_each(|set| all.extend(*set));
    if all.is_empty() || waivers.is_empty() {
        return Applied::default();
    }
    let spot = Spot::new(subject.header, subject.labels, subject.place);
    let of_place = |waiver: &&Waiver| waiver.findings.has_any_of(all) && waiver.applies.fits_place(&spot);
    let candidates: Vec<&Waiver> = waivers.iter().filter(of_place).collect();
    if candidates.is_empty() {
        return Applied::default();
    }
    let (mut waived, mut ended) = (Vec::new(), Vec::new());
    let mut waive = |set: &mut FindingSet, on: Item, fits: &dyn Fn(&Waiver) -> bool| {
        for finding in set.iter() {
            let covering = candidates.iter().filter(|waiver| waiver.findings.contains(finding) && fits(waiver));
            let Some(waiver) = covering.max_by_key(|waiver| waiver.until) else { continue };
            let said = Waived { on, finding, until: waiver.until, owner: waiver.owner.clone(), why: waiver.why.clone() };
            if due.holds_until(waiver.until) {
                set.remove(finding);
                waived.push(said);
            } else {
                set.insert(Finding::WaiverEnded);
                ended.push(said);
            }
        }
    };
    waive(target, Item::Target, &|waiver| !waiver.applies.is_about_certificates());
    for (index, (set, facts)) in (0..).zip(certificates.iter_mut().zip(&subject.content.certificates)) {
        waive(set, Item::Certificate(index), &|waiver| waiver.applies.covers_certificate(facts));
    }
    for (index, (set, facts)) in (0..).zip(crls.iter_mut().zip(&subject.content.crls)) {
        waive(set, Item::Crl(index), &|waiver| waiver.applies.fits_crl(facts));
    }
    Applied { waived: waived.into(), ended: ended.into() }
}

#[cfg(test)]
mod tests;
