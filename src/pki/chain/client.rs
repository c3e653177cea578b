//! What a server wants of client certificates, beside ours; and its clock beside ours.

use std::sync::Arc;

use super::super::certificate;
use super::super::der::{self, Reader};
use super::super::name::Name;
use crate::model::facts::{ClientAuthFacts, ClientCertificate};
use crate::model::observation::{Admission, ClientAuth, Expectation, ShownTime};
use crate::model::{Finding, FindingSet, Limits, UnixTime};

/// Names in words. One that cannot be read is left out.
pub fn facts(shown: &ClientAuth) -> ClientAuthFacts {
    let names =
        shown.authorities.iter().filter_map(|der| Reader::new(der).expect(der::SEQUENCE).ok()).filter_map(|rdns| Name::read(rdns).ok());
    ClientAuthFacts {
        outcome: shown.outcome,
        acceptable_cas: names.map(|name| Arc::from(name.text)).collect(),
        acceptable_cas_cut: shown.authorities_cut,
        signature_schemes: shown.schemes.iter().map(|scheme| Arc::from(&**scheme)).collect(),
    }
}

/// Adds what is wrong with the endpoint.
pub fn judge(shown: &ClientAuth, findings: &mut FindingSet) {
    findings.insert_if(is_of_no_accepted_ca(shown), Finding::ClientCaNotAccepted);
    findings.insert_if(is_too_deep(shown), Finding::ClientChainTooDeep);
    let refused_or_let_in = (shown.expectation, shown.without);
    findings.insert_if(refused_or_let_in == (Expectation::MutualTls, Admission::LetIn), Finding::MutualTlsNotEnforced);
    findings.insert_if(refused_or_let_in == (Expectation::MutualTlsOptional, Admission::Refused), Finding::MutualTlsNotOptional);
}

/// RFC 8446 section 4.2.4 and RFC 5246 section 7.4.4: a server that names CAs takes certificates below these. Byte for byte, as clients
/// compare them. A list that was cut says nothing about who is not on it.
fn is_of_no_accepted_ca(shown: &ClientAuth) -> bool {
    let limits = Limits::default();
    let accepts = |der: &Vec<u8>| {
        // One that cannot be read might be by anyone.
        certificate::read(der, &limits).map_or(true, |own| shown.authorities.iter().any(|name| name == own.parsed.issuer.as_raw()))
    };
    !shown.own.is_empty() && !shown.authorities.is_empty() && !shown.authorities_cut && !shown.own.iter().any(accepts)
}

/// Whether more intermediates lie between our certificate and its root than the server follows: neither the leaf nor the root counts
/// (OpenSSL's SSL_CTX_set_verify_depth, which nginx' ssl_verify_depth is). A server that does not ask follows none.
fn is_too_deep(shown: &ClientAuth) -> bool {
    let Some(depth) = shown.verify_depth.filter(|_| shown.outcome != ClientCertificate::NotRequested) else { return false };
    let limits = Limits::default();
    let mut rest: Vec<_> = shown.own.iter().filter_map(|der| certificate::read(der, &limits).ok()).collect();
    if rest.is_empty() {
        return false;
    }
    let mut last = rest.remove(0);
    let mut intermediates = 0;
    // What does not belong to the chain is not followed, and each is followed once.
    while let Some(at) = rest.iter().position(|above| above.parsed.subject.as_raw() == last.parsed.issuer.as_raw()) {
        last = rest.remove(at);
        if last.facts.self_issued {
            break;
        }
        intermediates += 1;
    }
    intermediates > depth
}

/// The server's clock minus ours. Both are known to the second, so that a second's difference is none.
pub fn skew(shown: ShownTime, now: UnixTime) -> i64 {
    // `now` has lost the part below its second: half of one on average.
    let ago = i64::try_from(shown.ago.as_secs()).unwrap_or(i64::MAX);
    let ours = now.secs().saturating_sub(ago);
    let skew = shown.at.secs().saturating_sub(ours);
    if skew.abs() <= 1 { 0 } else { skew }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pki::fixtures::Issued;

    #[test]
    fn the_client_certificate_is_held_against_the_names_of_the_server() {
        let (ca, other) = (Issued::root("Client CA"), Issued::root("Other CA"));
        let own: Arc<[Vec<u8>]> = [ca.leaf("client", |_| {}).der.clone()].into();
        let name = |issued: &Issued| certificate::read(&issued.der, &Limits::default()).unwrap().parsed.subject.as_raw().to_vec();
        for (behaviour, own, authorities, cut, expected) in [
            ("its issuer is named", own.clone(), vec![name(&other), name(&ca)], false, false),
            ("only others are named", own.clone(), vec![name(&other)], false, true),
            ("only others are named of a list that was cut", own.clone(), vec![name(&other)], true, false),
            ("no names", own.clone(), vec![], false, false),
            ("no certificate", Arc::from([]), vec![name(&other)], false, false),
            ("one that cannot be read", Arc::from([vec![0_u8]]), vec![name(&other)], false, false),
        ] {
            let shown = ClientAuth { own, authorities, authorities_cut: cut, ..ClientAuth::default() };
            let mut findings = FindingSet::EMPTY;
            judge(&shown, &mut findings);
            assert_eq!(findings.contains(Finding::ClientCaNotAccepted), expected, "{behaviour}");
        }
        let shown = ClientAuth { authorities: vec![name(&ca), b"garbage".to_vec()], ..ClientAuth::default() };
        assert_eq!(*facts(&shown).acceptable_cas, ["CN=Client CA".into()]);
    }

    #[test]
    fn intermediates_behind_our_certificate_are_counted() {
        let root = Issued::root("Root");
        let (upper, other) = (root.intermediate("Upper"), Issued::root("Other"));
        let lower = upper.intermediate("Lower");
        let (leaf, near) = (lower.leaf("client", |_| {}), root.leaf("client", |_| {}));
        let [root, upper, lower, leaf, near, other] = [&root, &upper, &lower, &leaf, &near, &other].map(|issued| issued.der.clone());
        for (behaviour, own, deepest) in [
            ("two", vec![&leaf, &lower, &upper], 2_u32),
            ("two and the root", vec![&leaf, &lower, &upper, &root], 2),
            ("two in another order", vec![&leaf, &upper, &lower], 2),
            ("one twice", vec![&leaf, &lower, &lower], 1),
            ("one and a stranger", vec![&leaf, &lower, &other], 1),
            ("none", vec![&near], 0),
            ("none and the root", vec![&near, &root], 0),
        ] {
            let own: Arc<[Vec<u8>]> = own.into_iter().cloned().collect();
            for (depth, outcome, expected) in [
                (Some(deepest), ClientCertificate::Rejected, false),
                (deepest.checked_sub(1), ClientCertificate::Rejected, deepest > 0),
                (deepest.checked_sub(1), ClientCertificate::Unconfirmed, deepest > 0),
                (deepest.checked_sub(1), ClientCertificate::NotRequested, false),
                (None, ClientCertificate::Rejected, false),
            ] {
                let shown = ClientAuth { own: own.clone(), verify_depth: depth, outcome, ..ClientAuth::default() };
                let mut findings = FindingSet::EMPTY;
                judge(&shown, &mut findings);
                assert_eq!(findings.contains(Finding::ClientChainTooDeep), expected, "{behaviour}: {depth:?} {outcome}");
            }
        }
    }

    #[test]
    fn a_probe_without_a_certificate_counts_against_what_is_expected() {
        use Admission::{LetIn, Refused, Unknown};
        use Expectation::{MutualTls, MutualTlsOptional, Tls};
        for (expectation, without, expected) in [
            (Tls, LetIn, None),
            (Tls, Refused, None),
            (MutualTls, LetIn, Some(Finding::MutualTlsNotEnforced)),
            (MutualTls, Refused, None),
            (MutualTls, Unknown, None),
            (MutualTlsOptional, LetIn, None),
            (MutualTlsOptional, Refused, Some(Finding::MutualTlsNotOptional)),
            (MutualTlsOptional, Unknown, None),
        ] {
            let mut findings = FindingSet::EMPTY;
            judge(&ClientAuth { expectation, without, ..ClientAuth::default() }, &mut findings);
            assert_eq!(findings.iter().next(), expected, "{expectation:?} {without:?}");
        }
    }

    #[test]
    fn a_second_is_no_skew_and_waiting_is_none_either() {
        for (at, ago_ms, expected) in
            [(1000, 0, 0), (1001, 0, 0), (999, 900, 0), (990, 10_400, 0), (1005, 0, 5), (400, 0, -600), (1000, 3_000, 3)]
        {
            let shown = ShownTime { at: UnixTime::from_secs(at), ago: Duration::from_millis(ago_ms) };
            assert_eq!(skew(shown, UnixTime::from_secs(1000)), expected, "{at} {ago_ms}");
        }
    }
}
