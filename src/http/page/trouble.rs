//! What can be wrong, as the page groups it: how much it weighs, what it is called, what usually helps, and where all of it is listed.
//!
//! The weights are those of the alerts in `alerts/`, which a test compares: who was paged finds the reason on top.

use crate::model::advice::{self, Advice};
use crate::model::{CertRole, Finding, Noun, Place, Reason, RevocationStatus, SourceHeader, SourceKind, Stage, TargetState};

use super::text::{Link, words};

/// How much something weighs; the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Somebody is paged.
    Critical,
    /// To be seen to on a working day.
    Warning,
    /// Good to know.
    Note,
}

impl Weight {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One kind of thing that is wrong with places or what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// A certificate is revoked.
    Revoked,
    /// A finding.
    Finding(Finding),
    /// The latest look failed.
    Failing(Stage, Reason),
    /// A part of a place cannot be read.
    Unreadable(Reason),
}

/// Something that is wrong with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub trouble: Trouble,
    /// How much it weighs.
    pub weight: Weight,
    /// With which of its certificates; `None`: with the place or one of its CRLs.
    pub certificate: Option<usize>,
    /// It is on a leaf that nothing is known to use, in a place of which that can be known.
    pub unused: bool,
}

/// Everything that is wrong with a place and what it holds, and not waived.
pub fn each(source: &SourceHeader, target: &TargetState, visit: &mut dyn FnMut(Wrong)) {
    let mut tell = |trouble, weight, certificate| visit(Wrong { trouble, weight, certificate, unused: false });
    if let Some(failure) = &target.failure {
        tell(Trouble::Failing(failure.stage, failure.reason), of_failure(&target.place), None);
    }
    for problem in &target.problems {
        tell(Trouble::Unreadable(problem.reason), Weight::Warning, None);
    }
    for finding in target.report.target.iter() {
        tell(Trouble::Finding(finding), of_finding(finding, Noun::Target), None);
    }
    for finding in target.report.crls.iter().flat_map(|found| found.iter()) {
        tell(Trouble::Finding(finding), of_finding(finding, Noun::Crl), None);
    }
    if target.report.certificates.is_empty() && target.report.revocation.is_empty() {
        return;
    }
    for index in 0..target.content.certificates.len() {
        of_certificate(source, target, index, visit);
    }
}

/// Everything that is wrong with one certificate of a place, and not waived.
pub fn of_certificate(source: &SourceHeader, target: &TargetState, index: usize, visit: &mut dyn FnMut(Wrong)) {
    let Some(facts) = target.content.certificates.get(index) else { return };
    let is_leaf = facts.role == CertRole::Leaf;
    // A trust store is somebody else's: what its roots are like is not for its user to mend.
    if source.options.trust_store && !is_leaf {
        return;
    }
    let unused = is_leaf && is_unused(source, target);
    let mut tell = |trouble, weight| visit(Wrong { trouble, weight, certificate: Some(index), unused });
    if target.report.verdict(index).is_some_and(|verdict| verdict.status == RevocationStatus::Revoked) {
        tell(Trouble::Revoked, Weight::Critical);
    }
    for finding in target.report.certificate(index).iter() {
        match finding {
            // The copy in a request is used by nobody.
            Finding::Expired | Finding::RotationOverdue if source.id.kind == SourceKind::KubeCsr => (),
            Finding::Expired if !is_leaf => tell(Trouble::Finding(finding), Weight::Warning),
            finding => tell(Trouble::Finding(finding), of_finding(finding, Noun::Certificate)),
        }
    }
}

/// Whether nothing is known to use what is in a place of which that could be known.
fn is_unused(source: &SourceHeader, target: &TargetState) -> bool {
    let is_told = matches!(source.id.kind, SourceKind::KubeSecret | SourceKind::KubeConfigmap);
    is_told && target.circumstances.as_ref().is_none_or(|known| known.used_by.is_empty())
}

fn of_failure(place: &Place) -> Weight {
    if matches!(place, Place::Endpoint { .. }) { Weight::Critical } else { Weight::Warning }
}

/// How much a finding weighs on what it is about.
pub fn of_finding(finding: Finding, noun: Noun) -> Weight {
    match (finding, noun) {
        (Finding::Expired | Finding::MustStapleMissing, _)
        | (Finding::MutualTlsNotEnforced | Finding::StoredNotServed | Finding::BundleLacksIssuer, _)
        | (Finding::Stale | Finding::ScopeMismatch, Noun::Crl)
        | (Finding::SignatureInvalid, Noun::Crl | Noun::Responder)
        | (Finding::Unauthorized, Noun::Responder) => Weight::Critical,
        (Finding::ValidityAboveWanted | Finding::KeyReused | Finding::CaUnused | Finding::SignatureUnchecked, _) => Weight::Note,
        _ => Weight::Warning,
    }
}

impl Trouble {
    /// The label value that stands for it in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Finding(finding) => finding.as_str(),
            Self::Failing(_, reason) | Self::Unreadable(reason) => reason.as_str(),
        }
    }

    /// What it is called in a heading.
    pub fn title(self) -> String {
        let text = match self {
            Self::Failing(stage @ (Stage::Read | Stage::Parse), reason) => format!("cannot be {}: {}", past(stage), words(reason.as_str())),
            Self::Failing(Stage::Status, reason) => words(reason.as_str()),
            Self::Failing(stage, reason) => format!("fails at {}: {}", words(stage.as_str()), words(reason.as_str())),
            Self::Unreadable(reason) => format!("partly unreadable: {}", words(reason.as_str())),
            other => words(other.word()),
        };
        capital(&text)
    }

    /// Why it usually is so, and what helps.
    pub fn advice(self) -> Advice {
        match self {
            Self::Revoked => advice::REVOKED,
            Self::Finding(finding) => advice::of_finding(finding),
            Self::Failing(stage, reason) => advice::of_failure(stage, reason),
            Self::Unreadable(reason) => advice::of_reason(reason),
        }
    }

    /// The list of all places where it is so.
    pub fn link(self) -> Link {
        let places = Link::to("places");
        match self {
            Self::Revoked => places.with("state", "revoked"),
            Self::Finding(finding) => places.with("state", finding.as_str()),
            Self::Failing(_, reason) => places.with("state", "failing").with("reason", reason.as_str()),
            Self::Unreadable(_) => places.with("state", "unreadable"),
        }
    }
}

fn past(stage: Stage) -> &'static str {
    if stage == Stage::Read { "read" } else { "parsed" }
}

/// With a capital letter in front.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::metrics::example::{failing, rich};

    /// The heaviest alert on each finding, by the family that it is asked of.
    fn alerted() -> BTreeMap<(&'static str, String), Weight> {
        let mut alerted = BTreeMap::new();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts");
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.extension().is_some()) {
            #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
            let text = std::fs::read_to_string(file).unwrap();
            for alert in text.split("- alert: ").skip(1) {
                let weight = if alert.contains("severity: critical") { Weight::Critical } else { Weight::Warning };
                let rule = alert.split("annotations:").next().unwrap();
                for family in ["x509_cert_finding", "x509_crl_finding", "tls_target_finding", "x509_responder_finding"] {
                    for selector in rule.split(&format!("{family}{{")).skip(1).map(|rest| rest.split('}').next().unwrap()) {
                        let Some((_, values)) = selector.split_once("finding=") else { continue };
                        for word in values.trim_start_matches('~').trim_start_matches('"').split('"').next().unwrap().split('|') {
                            let known = alerted.entry((family, word.to_owned())).or_insert(weight);
                            *known = weight.min(*known);
                        }
                    }
                }
            }
        }
        alerted
    }

    #[test]
    fn findings_weigh_what_their_alerts_weigh() {
        let alerted = alerted();
        assert!(alerted.len() > 40, "{alerted:?}");
        // What is alerted on by time, and not by its finding.
        let by_time = [Finding::Expired, Finding::RotationOverdue, Finding::Stale];
        for finding in Finding::ALL.iter().copied().filter(|finding| !by_time.contains(finding)) {
            for noun in finding.nouns() {
                let family = match noun {
                    Noun::Certificate => "x509_cert_finding",
                    Noun::Crl => "x509_crl_finding",
                    Noun::Target => "tls_target_finding",
                    Noun::Responder => "x509_responder_finding",
                };
                if let Some(weight) = alerted.get(&(family, finding.as_str().to_owned())) {
                    assert_eq!(of_finding(finding, *noun), *weight, "{finding} {noun:?}");
                } else {
                    assert_ne!(of_finding(finding, *noun), Weight::Critical, "{finding} {noun:?} pages nobody");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_place_is_told_with_its_weight() {
        let told = |source: &str, place: &str| {
            let watched = rich();
            let watched = watched.iter().find(|watched| &*watched.header.id.name == source && !watched.targets.is_empty()).unwrap();
            let target = watched.targets.iter().find(|target| target.place.to_string() == place).unwrap();
            let mut told = Vec::new();
            each(&watched.header, target, &mut |wrong| told.push(format!("{} {}", wrong.weight.as_str(), wrong.trouble.title())));
            told
        };
        for (source, place, expected) in [
            ("files", "/etc/ssl/www.pem", &["critical Revoked", "critical Expired", "warning Weak key"][..]),
            ("files", "/etc/ssl/missing.pem", &["warning Cannot be read: not found"]),
            ("files", "/etc/ssl/crls.pem", &["warning Staple stale", "critical Stale"]),
            ("edge", "gone.example.com:443", &["critical Fails at DNS: DNS not found"]),
            ("edge", "api.example.com:443", &["warning Wrong order", "warning Untrusted"]),
            ("trust", "/trust/over.pem", &[]),
            ("cluster", "secret shop/web ca.crt", &["warning Cannot be parsed: no certificate found"]),
        ] {
            assert_eq!(told(source, place), expected, "{place}");
        }
    }

    #[test]
    fn a_copy_in_a_request_and_an_expired_ca_weigh_less() {
        let mut watched = rich();
        let of = |kind: SourceKind| watched.iter().position(|watched| watched.header.id.kind == kind && !watched.targets.is_empty());
        let (requests, secrets) = (of(SourceKind::KubeCsr).unwrap(), of(SourceKind::KubeSecret).unwrap());
        let mut told = |at: usize, role| {
            let mut header = watched[at].header.clone();
            header.options.trust_store = false;
            let target = &mut watched[at].targets[0];
            target.report.certificates = [[Finding::Expired].into_iter().collect()].into();
            std::sync::Arc::make_mut(&mut target.content).certificates[0].role = role;
            let mut told = Vec::new();
            each(&header, target, &mut |wrong| told.push((wrong.weight, wrong.unused)));
            told
        };
        assert_eq!(told(requests, CertRole::Leaf), []);
        assert_eq!(told(secrets, CertRole::Leaf), [(Weight::Critical, false)], "an Ingress uses it");
        assert_eq!(told(secrets, CertRole::Root), [(Weight::Warning, false)]);
        watched[secrets].targets[0].circumstances = None;
        let target = failing(watched[secrets].targets[0].clone(), Stage::Read, Reason::ReadFailed, "");
        let mut told = Vec::new();
        std::sync::Arc::make_mut(&mut watched[secrets].targets[0].content).certificates[0].role = CertRole::Leaf;
        each(&watched[secrets].header, &target, &mut |wrong| told.push((wrong.trouble.word(), wrong.unused)));
        assert_eq!(told, [("read_failed", false), ("expired", false)], "a root is used by being trusted");
    }
}
