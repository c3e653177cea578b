//! What is kept of each target between scans, and what renderers may read of a source.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::facts::{Content, EndpointFacts, Problem};
use super::finding::{Finding, FindingSet};
use super::id::SourceId;
use super::observation::Step;
use super::options::{Labels, SourceOptions};
use super::place::Place;
use super::related::Related;
use super::renewal::History;
use super::revocation::Verdict;
use super::rules::{Broken, Item, Waived};
use super::scan::Stamp;
use super::time::UnixTime;
use super::vocabulary::{Reason, Stage};

/// One target as last known. Never mutated: a change makes a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetState {
    /// Where.
    pub place: Place,
    /// The user's labels of this target alone.
    pub labels: Option<Arc<Labels>>,
    /// What is known of it besides its bytes.
    pub circumstances: Option<Arc<Circumstances>>,
    /// Its certificates and CRLs, as last seen.
    pub content: Arc<Content>,
    /// What the TLS server showed, as last seen.
    pub endpoint: Option<Arc<EndpointFacts>>,
    /// What other places say about it.
    pub related: Option<Arc<Related>>,
    /// Its renewals.
    pub history: Option<Box<History>>,
    /// What is wrong with it.
    pub report: Report,
    /// Why the last look failed; `None` when it did not.
    pub failure: Option<Box<FailureFacts>>,
    /// Parts of it that could not be read although others were.
    pub problems: Box<[Problem]>,
    /// How an unchanged thing is recognised.
    pub stamp: Option<Stamp>,
    /// When its certificates or CRLs last changed.
    pub changed_at: UnixTime,
    /// What happened at it since it became known; endpoints only.
    #[serde(skip)]
    pub counters: Option<Box<Counters>>,
}

/// What is known of a place besides its bytes, and changes without them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// What uses it, sorted; bounded by whoever fills it.
    pub used_by: Box<[Use]>,
    /// When its owner means to renew it (cert-manager's `status.renewalTime`).
    pub renewal_due: Option<UnixTime>,
    /// The Certificate of cert-manager that it belongs to, `namespace/name`.
    pub certificate: Option<Box<str>>,
}

impl Circumstances {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.used_by.is_empty() && self.renewal_due.is_none() && self.certificate.is_none()
    }
}

/// One user of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Use {
    /// `kind`: `Ingress`, `Deployment`, or a [`UseKind`](super::UseKind).
    pub kind: Box<str>,
    /// `name`: `namespace/name`, of what has no namespace its name alone; the configuration file of an nginx server, the listener or cluster of
    /// an Envoy.
    pub name: Box<str>,
    /// `host` that it serves with it, or empty.
    pub host: Box<str>,
}

/// Why the last look at a target failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureFacts {
    /// How far it came.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
    /// The error in words.
    pub detail: Box<str>,
    /// Since when it fails, whatever the reason.
    pub since: UnixTime,
}

/// What the rules found, aligned with a target's [`Content`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Per certificate; empty when nothing was found on any.
    pub certificates: Box<[FindingSet]>,
    /// Per CRL; empty when nothing was found on any.
    pub crls: Box<[FindingSet]>,
    /// About the target.
    pub target: FindingSet,
    /// Per certificate; empty when nothing is looked up for any.
    pub revocation: Box<[Verdict]>,
    /// Policies that are broken.
    pub broken: Box<[Broken]>,
    /// Findings that are waived, in the order of what they are on: they stand in none of the sets.
    pub waived: Box<[Waived]>,
    /// Findings that were waived until a time that has passed, each with the waiver that ended last: they are raised again, with `waiver_ended`.
    pub ended: Box<[Waived]>,
    /// When the passing of time alone changes this report.
    pub due: Option<UnixTime>,
}

impl Report {
    /// Findings of the certificate at this index.
    pub fn certificate(&self, index: usize) -> FindingSet {
        self.certificates.get(index).copied().unwrap_or_default()
    }

    /// The verdict on the revocation of the certificate at this index.
    pub fn verdict(&self, index: usize) -> Option<&Verdict> {
        self.revocation.get(index)
    }

    /// Findings of the CRL at this index.
    pub fn crl(&self, index: usize) -> FindingSet {
        self.crls.get(index).copied().unwrap_or_default()
    }

    /// What is waived on this.
    pub fn waived_on(&self, on: Item) -> impl Iterator<Item = &Waived> {
        self.waived.iter().filter(move |waived| waived.on == on)
    }

    /// What was waived on this, and is no more.
    pub fn ended_on(&self, on: Item) -> impl Iterator<Item = &Waived> {
        self.ended.iter().filter(move |ended| ended.on == on)
    }

    /// Whether this is so of the certificate at this index, waived or not.
    pub fn is_so_of_certificate(&self, index: usize, finding: Finding) -> bool {
        self.certificate(index).contains(finding) || self.is_waived(Item::Certificate(at(index)), finding)
    }

    /// Whether this is so of the CRL at this index, waived or not.
    pub fn is_so_of_crl(&self, index: usize, finding: Finding) -> bool {
        self.crl(index).contains(finding) || self.is_waived(Item::Crl(at(index)), finding)
    }

    fn is_waived(&self, on: Item, finding: Finding) -> bool {
        self.waived_on(on).any(|waived| waived.finding == finding)
    }
}

/// No place holds as many things as 32 bits count.
fn at(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Handshakes with one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handshakes that ended well.
    pub ok: u64,
    /// Handshakes that failed, by stage and reason; their sum is `result="error"`.
    pub errors: Vec<(Stage, Reason, u64)>,
    /// The latest times in which looks failed, the latest last; at most [`FailedLooks::KEPT`]. For people: they are not saved.
    pub failed: Vec<FailedLooks>,
}

/// Looks at an endpoint that failed one after the other at the same stage and for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLooks {
    /// How far they came.
    pub stage: Stage,
    /// Why they failed.
    pub reason: Reason,
    /// How many there were.
    pub looks: u64,
    /// When the first one failed.
    pub since: UnixTime,
    /// When the latest one failed.
    pub latest: UnixTime,
    /// When a look ended otherwise; `None`: they go on.
    pub ended: Option<UnixTime>,
    /// The error of the latest one, in words.
    pub detail: Box<str>,
    /// The latest one, step by step; bounded.
    pub steps: Box<[Step]>,
}

impl FailedLooks {
    /// How many times are kept of an endpoint.
    pub const KEPT: usize = 3;
    /// Steps of a look that are kept.
    pub const STEPS: usize = 16;
    /// Bytes of each text in a step that are kept.
    pub const TEXT: usize = 256;
}

/// Which source, and how its targets are to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceHeader {
    /// Kind and name.
    pub id: SourceId,
    /// The keys that every source has.
    pub options: SourceOptions,
}

/// A source as a whole, as of its latest scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceStatus {
    /// Whether the latest scan listed it; `None` before the first one has ended.
    pub up: Option<bool>,
    /// Why it did not.
    pub failure: Option<FailureFacts>,
    /// Places that give at least one certificate or CRL.
    pub bundles: u64,
    /// Known places.
    pub targets: u64,
    /// Places with a leaf whose owner no label names.
    pub unowned: u64,
    /// Certificates in them.
    pub certificates: u64,
    /// When the latest scan ended.
    pub last_scan_at: Option<SystemTime>,
    /// When the latest scan that listed it ended.
    pub last_success_at: Option<SystemTime>,
    /// When that scan began: what has changed since may not have been seen by it.
    pub looked_at: Option<SystemTime>,
    /// When the next scan is planned.
    pub next_scan_at: Option<SystemTime>,
}
