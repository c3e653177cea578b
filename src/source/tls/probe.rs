//! One look at one target: lookup, connection, handshake, observation.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Resolve;
use super::old::OldServers;
use super::target::{Host, Target};
use super::way::{First, Reach, Way};
use crate::model::observation::{Admission, ClientAuth, Expectation, Roots, ShownTime};
use crate::model::{Failure, Handshake, Material, Observation, Place, Reason, ScanContext, Stage};
use crate::net::{Asked, Budget, ClientIdentity, HttpRequest, Resolver, Shown, TlsClient};

/// What all probes of a source share.
pub(super) struct Prober {
    pub resolve: Resolve,
    pub way: Way,
    pub client: TlsClient,
    pub old: OldServers,
    pub http: Option<HttpRequest>,
    pub expect: Expectation,
    pub verify_depth: Option<u32>,
}

/// What one target showed.
struct Look {
    shown: Shown,
    /// What a second probe, without a certificate, showed of who is let in.
    without: Admission,
}

/// What all probes of one scan share.
pub(super) struct Round<'a> {
    pub cx: &'a ScanContext,
    /// What is probed.
    pub targets: &'a [Target],
    pub roots: Option<&'a Arc<Roots>>,
    /// The certificate to show, where one is configured, or why there is none.
    identity: Option<&'a Result<Arc<ClientIdentity>, Failure>>,
    /// Addresses that are known of each name, filled when a lookup fails for the first time.
    known: OnceLock<KnownAddresses>,
}

/// By target and server name.
type KnownAddresses = HashMap<(Box<str>, Box<str>), Vec<IpAddr>>;

/// A piece of work: a target, or one address of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    /// Index of the target.
    pub target: usize,
    /// One address behind its name, where every one is probed.
    pub address: Option<IpAddr>,
}

/// What came of a job.
pub(super) struct Done {
    /// What was done.
    pub job: Job,
    /// It ran out of time.
    pub timed_out: bool,
    /// What is to be done next, and how much of the budget the lookup has spent.
    pub next: Vec<(Job, Duration)>,
}

impl<'a> Round<'a> {
    pub fn new(
        cx: &'a ScanContext,
        targets: &'a [Target],
        roots: Option<&'a Arc<Roots>>,
        identity: Option<&'a Result<Arc<ClientIdentity>, Failure>>,
    ) -> Self {
        Self { cx, targets, roots, identity, known: OnceLock::new() }
    }

    /// # Errors
    /// It is configured, and unusable.
    fn identity(&self) -> Result<Option<&'a Arc<ClientIdentity>>, Failure> {
        match self.identity {
            None => Ok(None),
            Some(Ok(identity)) => Ok(Some(identity)),
            Some(Err(failure)) => Err(Failure::new(failure.stage, failure.reason, failure.detail.to_string())),
        }
    }

    fn known_addresses(&self, target: &Target) -> &[IpAddr] {
        let known = self.known.get_or_init(|| {
            let mut known = KnownAddresses::new();
            self.cx.each_known(|place| {
                if let Place::Endpoint { target, server_name, address: Some(address) } = place {
                    known.entry((target.clone(), server_name.clone())).or_default().push(*address);
                }
            });
            known
        });
        known.get(&(target.target.clone(), target.server_name.clone())).map_or(&[], Vec::as_slice)
    }
}

impl Prober {
    /// Does one job and hands over what it finds.
    pub async fn run(&self, job: Job, spent: Duration, resolver: &Resolver, round: &Round<'_>) -> Done {
        let mut done = Done { job, timed_out: false, next: Vec::new() };
        let Some(target) = round.targets.get(job.target) else { return done };
        if let Some(address) = job.address {
            let budget = Budget::resumed(round.cx.clock.clone(), round.cx.timeout, spent);
            let found = self.look(target, Some(address), &[SocketAddr::new(address, target.port)], &budget, round).await;
            done.timed_out = self.hand_over(target, Some(address), found, &budget, round);
            return done;
        }

        let (budget, addresses) = match self.way.first(target) {
            First::Address(address) => {
                let budget = Budget::new(round.cx.clock.clone(), round.cx.timeout);
                (budget, self.way.usable(vec![address]))
            }
            First::Name(name, port) => {
                let turn = resolver.turn().await;
                let budget = Budget::new(round.cx.clock.clone(), round.cx.timeout);
                let found = budget.within(Stage::Dns, turn.resolve(name, port)).await;
                let usable = self.way.staged(found).and_then(|addresses| self.way.usable(addresses));
                (budget, usable)
            }
        };
        let each_address = self.resolve == Resolve::All && matches!(target.host, Host::Name(_));
        match addresses {
            Ok(addresses) if each_address => {
                let spent = budget.spent();
                done.next = addresses.iter().map(|address| (Job { target: job.target, address: Some(address.ip()) }, spent)).collect();
            }
            // What is known behind the name is as unreachable as the name; nothing of it may look gone.
            Err(failure) if each_address && !round.known_addresses(target).is_empty() => {
                for address in round.known_addresses(target) {
                    let same = Failure::new(failure.stage, failure.reason, failure.detail.to_string());
                    done.timed_out = self.hand_over(target, Some(*address), Err(same), &budget, round);
                }
            }
            Ok(addresses) => {
                let found = self.look(target, None, &addresses, &budget, round).await;
                done.timed_out = self.hand_over(target, None, found, &budget, round);
            }
            Err(failure) => done.timed_out = self.hand_over(target, None, Err(failure), &budget, round),
        }
        done
    }

    /// Twice, where mutual TLS is expected: who is let in without a certificate is to be seen as well. Both share the budget.
    async fn look(
        &self,
        target: &Target,
        address: Option<IpAddr>,
        addresses: &[SocketAddr],
        budget: &Budget,
        round: &Round<'_>,
    ) -> Result<Look, Failure> {
        let identity = round.identity()?;
        let reach = Reach { way: &self.way, target, addresses, budget };
        let mut shown = self.shake(&reach, identity).await?;
        self.old.look(&target.place(address), &mut shown, &reach).await;
        let with_certificate = shown.client_certificate_requested && identity.is_some();
        let without = match self.expect {
            Expectation::Tls => Admission::Unknown,
            // A server that cannot be spoken to lets nobody in, whatever it makes of certificates.
            _ if shown.chain.is_empty() => Admission::Unknown,
            // One that did not ask was shown nothing.
            _ if !with_certificate => shown.admission(self.http.is_some()),
            _ => {
                let aside = budget.aside();
                let began = budget.spent();
                let second = self.shake(&Reach { budget: &aside, ..reach }, None).await;
                let admission = second.as_ref().map_or(Admission::Unknown, |shown| shown.admission(self.http.is_some()));
                let words = match admission {
                    Admission::LetIn => "let in",
                    Admission::Refused => "refused",
                    Admission::Unknown => "not to be seen whether it is let in",
                };
                let why = second.as_ref().map_or_else(Some, |shown| shown.failure.as_ref());
                let why = why.map_or_else(String::new, |failure| format!(", {failure}"));
                budget.tell(Stage::ClientAuth, budget.spent().saturating_sub(began), "without a certificate", format!("{words}{why}"));
                admission
            }
        };
        Ok(Look { shown, without })
    }

    async fn shake(&self, reach: &Reach<'_>, identity: Option<&Arc<ClientIdentity>>) -> Result<Shown, Failure> {
        let stream = reach.open().await?;
        let asked = Asked { identity, http: self.http.as_ref() };
        Ok(self.client.handshake(stream, &reach.target.server_name, asked, reach.budget).await)
    }

    /// Hands an observation over; says whether it ran out of time.
    fn hand_over(
        &self,
        target: &Target,
        address: Option<IpAddr>,
        found: Result<Look, Failure>,
        budget: &Budget,
        round: &Round<'_>,
    ) -> bool {
        let (material, failure, handshake) = match found {
            Ok(look) => {
                let handshake = Some(look.shown.elapsed);
                let (material, failure) = self.material(look, &target.server_name, budget, round);
                (material, failure, handshake)
            }
            Err(failure) => (None, Some(failure), None),
        };
        let timed_out = failure.as_ref().is_some_and(|failure| failure.reason == Reason::Timeout);
        let place = target.place(address);
        let labels = target.labels.clone();
        let (elapsed, trace) = (budget.spent(), budget.trace());
        let circumstances = None;
        round.cx.observed(Observation { place, labels, circumstances, material, failure, stamp: None, elapsed, handshake, trace });
        timed_out
    }

    /// Material only where certificates came: without them there is nothing that could replace what is known.
    fn material(&self, look: Look, server_name: &str, budget: &Budget, round: &Round<'_>) -> (Option<Material>, Option<Failure>) {
        let Look { shown, without } = look;
        if shown.chain.is_empty() {
            let none = || Failure::new(Stage::Handshake, Reason::NoServerCertificate, "the handshake ended without a certificate");
            return (None, Some(shown.failure.unwrap_or_else(none)));
        }
        let client = ClientAuth {
            outcome: shown.client_certificate,
            authorities: shown.authorities,
            authorities_cut: shown.authorities_cut,
            schemes: shown.schemes,
            own: round.identity().ok().flatten().map(|identity| identity.chain()).unwrap_or_default(),
            verify_depth: self.verify_depth,
            expectation: self.expect,
            without,
        };
        let handshake = Handshake {
            chain: shown.chain,
            staple: shown.staple,
            server_name: server_name.into(),
            roots: round.roots.cloned(),
            version: shown.version,
            cipher: shown.cipher,
            group: shown.group,
            alpn: shown.alpn,
            client_certificate_requested: shown.client_certificate_requested,
            possession: shown.possession,
            method: shown.method,
            old_tls_accepted: shown.old_tls_accepted,
            client,
            clock: shown.clock.map(|(at, read)| ShownTime { at, ago: budget.spent().saturating_sub(read) }),
        };
        (Some(Material::Handshake(Box::new(handshake))), shown.failure)
    }
}
