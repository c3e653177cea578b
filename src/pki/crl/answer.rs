//! What lists say about one certificate (RFC 5280 section 6.3.3).
//!
//! May touch: `model`. Whether the signer of a list is to be believed for the certificate has been decided by whoever hands it in.

use std::cmp::Ordering;
use std::sync::Arc;

use super::list::{CrlList, Entry, Scope};
use super::points;
use crate::model::{Answer, Authority, DistributionPoint, Lookup, Policy, RevocationReason, RevokedFor, Says, UnixTime};
use crate::pki::name;

/// RFC 5280 section 4.2.1.13: bits 1 to 8; bit 0 is unused.
const ALL_REASONS: u16 = 0x1fe;

/// A list whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The list.
    pub list: Arc<CrlList>,
    /// Who signed it.
    pub signer: Arc<Authority>,
    /// With SHA-1, or RSA below 2048 bits.
    pub weak: bool,
    /// Where it comes from: a URL, a file.
    pub from: Arc<str>,
}

/// What these lists say together about the certificate: each complete list with its deltas; lists for some reasons only until all are covered; revoked wins.
///
/// [`Answer::until`] is the earliest end of what the answer rests on, the clocks' difference included. A revocation is answered by a list that is stale, too: then
/// `until` lies in the past. What a newer list of the same scope and signer does not say any more is over.
///
/// # Errors
/// Why the lists do not say anything: the reason of the list that comes closest.
pub fn answer(certificate: &Lookup, lists: &[&Checked], now: UnixTime, policy: &Policy) -> Result<Answer, RevocationReason> {
    let mut failure = if lists.is_empty() { RevocationReason::NoSource } else { RevocationReason::NotForCertificate };
    let mut fails = |reason| {
        if closeness(reason) > closeness(failure) {
            failure = reason;
        }
    };
    let mut bases: Vec<(&Checked, u16)> = Vec::with_capacity(lists.len());
    for checked in lists.iter().filter(|checked| !checked.list.is_delta()) {
        match covers(certificate, &checked.list) {
            Ok(_) if !policy.has_begun(checked.list.this_update, now) => fails(RevocationReason::NotYetValid),
            Ok(reasons) => bases.push((checked, reasons)),
            Err(reason) => fails(reason),
        }
    }
    let newest: Vec<_> = bases.iter().filter(|(base, _)| !bases.iter().any(|(other, _)| replaces(other, base))).collect();
    let mut revoked: Option<Answer> = None;
    let mut good: Vec<(Answer, u16)> = Vec::new();
    for (base, reasons) in newest {
        match word(certificate, base, lists, now, policy) {
            Ok(answer) if matches!(answer.says, Says::Revoked { .. }) => {
                if revoked.as_ref().is_none_or(|best| weight(&answer, now) > weight(best, now)) {
                    revoked = Some(answer);
                }
            }
            Ok(answer) => good.push((answer, *reasons)),
            Err(reason) => fails(reason),
        }
    }
    if let Some(revoked) = revoked {
        return Ok(revoked);
    }
    // Section 6.3.3 (e): a list that adds no reason is not needed. The most complete ones that hold longest come first.
    good.sort_by_key(|(answer, reasons)| (std::cmp::Reverse(reasons.count_ones()), std::cmp::Reverse(answer.until)));
    let mut covered = 0;
    let mut together: Option<Answer> = None;
    for (answer, reasons) in good {
        if reasons & !covered == 0 {
            continue;
        }
        covered |= reasons;
        together = Some(match together {
            None => answer,
            Some(first) => Answer { until: first.until.min(answer.until), this_update: first.this_update.min(answer.this_update), ..first },
        });
    }
    match together {
        Some(answer) if covered & ALL_REASONS == ALL_REASONS => Ok(answer),
        Some(_) => {
            fails(RevocationReason::ReasonsIncomplete);
            Err(failure)
        }
        None => Err(failure),
    }
}

/// Whether one of these lists counts for the certificate now, fresh.
///
/// # Errors
/// Why not.
pub fn applies(
    certificate: &Lookup,
    checked: &Checked,
    lists: &[&Checked],
    now: UnixTime,
    policy: &Policy,
) -> Result<(), RevocationReason> {
    let list = &*checked.list;
    covers(certificate, list)?;
    if !policy.has_begun(list.this_update, now) {
        return Err(RevocationReason::NotYetValid);
    }
    if ends(list, policy) < now {
        return Err(RevocationReason::Stale);
    }
    if list.is_delta() && !lists.iter().any(|base| is_delta_of(checked, base)) {
        return Err(RevocationReason::NotForCertificate);
    }
    Ok(())
}

/// The reasons for which the list speaks about the certificate: section 6.3.3 (b) and (d), over all distribution points, and once more
/// without one, which takes the issuer's name for that of the point.
fn covers(certificate: &Lookup, list: &CrlList) -> Result<u16, RevocationReason> {
    let everything = Scope::default();
    let scope = list.scope.as_ref().unwrap_or(&everything);
    let by_issuer = name::same(&list.issuer, &certificate.issuer);
    let implied = DistributionPoint { names: Box::new([points::as_general_name(&certificate.issuer).into()]), ..Default::default() };
    let mut reasons = 0;
    let mut failure = RevocationReason::WrongIssuer;
    for point in certificate.pointers.crls.iter().chain([&implied]) {
        // (b)(1)
        let speaks = match &point.crl_issuer {
            Some(other) if !name::same(other, &certificate.issuer) => name::same(other, &list.issuer) && scope.indirect,
            _ => by_issuer,
        };
        if !speaks {
            continue;
        }
        failure = RevocationReason::ScopeMismatch;
        // (b)(2)(i)
        if !scope.names.is_empty() && !is_named(scope, point) {
            continue;
        }
        // (d)
        reasons |= scope.reasons.unwrap_or(ALL_REASONS) & point.reasons.unwrap_or(ALL_REASONS);
    }
    // (b)(2)(ii) to (iv)
    let other_kind = scope.only_attribute || (scope.only_user && certificate.is_ca) || (scope.only_ca && !certificate.is_ca);
    if reasons == 0 || other_kind {
        return Err(failure);
    }
    list.unusable.map_or(Ok(reasons), Err)
}

/// One of the scope's names is one of the point's: byte for byte, which stops the substitution of one shard for another. A point without a
/// name has that of its cRLIssuer.
fn is_named(scope: &Scope, point: &DistributionPoint) -> bool {
    let issuer = point.crl_issuer.as_ref().filter(|_| point.names.is_empty()).map(|issuer| points::as_general_name(issuer));
    let names = || point.names.iter().map(|name| &**name).chain(issuer.as_deref());
    scope.names.iter().any(|own| names().any(|name| **own == *name || is_same_directory(own, name)))
}

fn is_same_directory(a: &[u8], b: &[u8]) -> bool {
    let name = |general: &[u8]| points::directory_name(general).ok().flatten().map(<[u8]>::to_vec);
    matches!((name(a), name(b)), (Some(a), Some(b)) if name::same(&a, &b))
}

/// What one complete list and its newest delta say.
fn word(certificate: &Lookup, base: &Checked, lists: &[&Checked], now: UnixTime, policy: &Policy) -> Result<Answer, RevocationReason> {
    let until = ends(&base.list, policy);
    let said =
        |by: &Checked, says, until| Answer { says, this_update: by.list.this_update, until, produced_at: None, from: Arc::clone(&by.from) };
    let revoked = |entry: &Entry| Says::Revoked { at: entry.at, reason: entry.reason };
    let entry = entry_of(certificate, &base.list);
    // RFC 5280 section 5.3.1: removeFromCRL is for deltas.
    if entry.is_some_and(|entry| entry.reason == RevokedFor::RemoveFromCrl) {
        return Err(RevocationReason::Malformed);
    }
    let deltas = || lists.iter().filter(|delta| is_delta_of(delta, base) && policy.has_begun(delta.list.this_update, now));
    let is_fresh = |checked: &Checked| ends(&checked.list, policy) >= now;
    let newest = |a: &&&Checked, b: &&&Checked| by_number(&a.list, &b.list);
    let Some(delta) = deltas().filter(|delta| is_fresh(delta)).max_by(newest) else {
        // A stale delta revokes as a stale list does; it releases nothing.
        let late = deltas().max_by(newest).and_then(|delta| Some((delta, entry_of(certificate, &delta.list)?)));
        return match (entry, late) {
            (Some(entry), _) => Ok(said(base, revoked(entry), until)),
            (None, Some((delta, entry))) if entry.reason != RevokedFor::RemoveFromCrl => {
                Ok(said(delta, revoked(entry), ends(&delta.list, policy)))
            }
            (None, _) if until < now => Err(RevocationReason::Stale),
            (None, _) => Ok(said(base, Says::Good, until)),
        };
    };
    // Section 6.3.3 (a): a delta that is current makes a list current that is past its own nextUpdate.
    let until = if until < now { ends(&delta.list, policy) } else { until.min(ends(&delta.list, policy)) };
    let is_held = entry.is_some_and(|entry| entry.reason == RevokedFor::CertificateHold);
    Ok(match (entry, entry_of(certificate, &delta.list)) {
        (_, Some(change)) if change.reason != RevokedFor::RemoveFromCrl => said(delta, revoked(change), until),
        // Removing clears a hold only.
        (Some(entry), None) => said(base, revoked(entry), until),
        (Some(entry), Some(_)) if !is_held => said(base, revoked(entry), until),
        _ => said(delta, Says::Good, until),
    })
}

/// Section 6.3.3 (c), section 5.2.4: of the same issuer, scope and key, made for this list or an older one, and newer than it.
fn is_delta_of(delta: &Checked, base: &Checked) -> bool {
    let (of, to) = (&*delta.list, &*base.list);
    let (Some(since), Some(number), Some(at)) = (&of.base_number, &of.number, &to.number) else { return false };
    to.base_number.is_none()
        && of.unusable.is_none()
        && name::same(&of.issuer, &to.issuer)
        && of.scope == to.scope
        && of.authority_key == to.authority_key
        && delta.signer.key == base.signer.key
        && magnitude(at) >= magnitude(since)
        && magnitude(at) < magnitude(number)
}

/// Whether `newer` is a later issue of the same list.
fn replaces(newer: &Checked, older: &Checked) -> bool {
    newer.signer.key == older.signer.key
        && newer.list.scope == older.list.scope
        && name::same(&newer.list.issuer, &older.list.issuer)
        && by_number(&newer.list, &older.list) == Ordering::Greater
}

fn by_number(a: &CrlList, b: &CrlList) -> Ordering {
    let numbers = match (&a.number, &b.number) {
        (Some(a), Some(b)) => magnitude(a).cmp(&magnitude(b)),
        _ => Ordering::Equal,
    };
    numbers.then(a.this_update.cmp(&b.this_update))
}

/// Orders numbers that are not negative: normalised, the longer one is larger.
fn magnitude(number: &[u8]) -> (usize, &[u8]) {
    (number.len(), number)
}

/// The entry about the certificate; of several the worst.
fn entry_of<'l>(certificate: &Lookup, list: &'l CrlList) -> Option<&'l Entry> {
    let start = list.matches.partition_point(|entry| entry.serial < certificate.serial);
    let of_serial = list.matches.iter().skip(start).take_while(|entry| entry.serial == certificate.serial);
    let is_about = |entry: &&Entry| name::same(entry.issuer.as_ref().unwrap_or(&list.issuer), &certificate.issuer);
    of_serial.filter(is_about).max_by_key(|entry| severity(entry.reason))
}

fn severity(reason: RevokedFor) -> u8 {
    match reason {
        RevokedFor::RemoveFromCrl => 0,
        RevokedFor::CertificateHold => 1,
        _ => 2,
    }
}

fn ends(list: &CrlList, policy: &Policy) -> UnixTime {
    policy.until(list.this_update, list.next_update)
}

/// Of two revocations: the fresh one, the final one, the earlier one.
fn weight(answer: &Answer, now: UnixTime) -> impl Ord + use<> {
    let (severity, at) = match answer.says {
        Says::Good => (0, UnixTime::default()),
        Says::Revoked { at, reason } => (severity(reason), at),
    };
    (answer.until >= now, severity, std::cmp::Reverse(at))
}

/// How near a list came to an answer that failed for this.
fn closeness(reason: RevocationReason) -> u8 {
    match reason {
        RevocationReason::Stale => 7,
        RevocationReason::NotYetValid => 6,
        RevocationReason::CriticalExtension => 5,
        RevocationReason::Malformed => 4,
        RevocationReason::ReasonsIncomplete => 3,
        RevocationReason::ScopeMismatch => 2,
        RevocationReason::WrongIssuer => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
