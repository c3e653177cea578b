//! Who may sign: the authorities known from watched certificates, from trust stores and from caIssuers, and which of them is believed for whom.
//!
//! May touch: `model`, `pki`. A name proves nothing: whoever shows a certificate may write any name into it. An authority counts for a
//! certificate only when that was issued by its key, or when it stands beside the issuer under the same parent (RFC 5280 section 6.3.3 (f):
//! the same trust anchor).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{Authority, Lookup};
use crate::pki::authority;

/// How many authorities of one name are looked at.
const OF_ONE_NAME: usize = 1_000;
/// Certificates of one authority that are looked at for its parents.
const PARENTS: usize = 16;
/// How far up parents are looked for.
const DEPTH: usize = 6;

/// All authorities, by the name they sign under.
#[derive(Debug, Default)]
pub(super) struct Authorities {
    by_name: HashMap<Arc<[u8]>, Vec<Known>>,
    /// Grows whenever one is added.
    pub(super) revision: u64,
}

#[derive(Debug)]
struct Known {
    authority: Arc<Authority>,
    /// The certificates that carry it, as far as their own issuer can be looked for.
    lookups: Vec<Lookup>,
    /// The operator's own word: a trust store or the configuration.
    trusted: bool,
    /// How many watched certificates carry it.
    refs: u32,
    /// Fetched by caIssuers; kept although nobody watches it.
    fetched: bool,
}

impl Authorities {
    /// One that the operator trusts.
    pub(super) fn trust(&mut self, authority: Arc<Authority>) {
        self.entry(authority, |known| known.trusted = true);
    }

    /// One that a watched certificate carries.
    pub(super) fn add(&mut self, authority: &Arc<Authority>, lookup: Option<&Lookup>) {
        self.entry(authority.clone(), |known| known.refs += 1);
        self.remember(authority, lookup);
    }

    /// One that was fetched; it is believed for nobody unless it issued them.
    pub(super) fn fetched(&mut self, authority: &Arc<Authority>, lookup: Option<&Lookup>) {
        self.entry(authority.clone(), |known| known.fetched = true);
        self.remember(authority, lookup);
    }

    /// A watched certificate that carries it is gone.
    pub(super) fn remove(&mut self, authority: &Arc<Authority>) {
        let Some(all) = self.by_name.get_mut(&authority.subject) else { return };
        for known in all.iter_mut().filter(|known| known.authority == *authority) {
            known.refs = known.refs.saturating_sub(1);
        }
        all.retain(|known| known.refs > 0 || known.trusted || known.fetched);
        if all.is_empty() {
            self.by_name.remove(&authority.subject);
        }
    }

    /// Who issued the certificate.
    pub(super) fn issuer_of(&self, lookup: &Lookup) -> Option<Arc<Authority>> {
        // The identifiers prove nothing, but save most checks of signatures.
        let may_be = |known: &&Known| match (&lookup.pointers.authority_key, &known.authority.key_id) {
            (Some(wanted), Some(id)) => wanted == id || authority::identifies(wanted, &known.authority.key),
            _ => true,
        };
        let mut candidates = self.named(&lookup.issuer).filter(may_be);
        candidates.find(|known| authority::issued(&known.authority, lookup)).map(|known| known.authority.clone())
    }

    /// Who may sign lists for certificates of this issuer under this name: the issuer itself; its other keys and the signers it names, when one
    /// parent stands above both or the operator trusts them.
    pub(super) fn signers(&self, issuer: &Arc<Authority>, name: &[u8]) -> Vec<Arc<Authority>> {
        let mut found = Vec::new();
        if crate::pki::name::same(&issuer.subject, name) {
            found.push(issuer.clone());
        }
        let above = self.above(issuer);
        for known in self.named(name).filter(|known| known.authority != *issuer) {
            let is_beside = || self.parents(known).iter().any(|parent| parent == issuer || above.contains(parent));
            if known.trusted || is_beside() {
                found.push(known.authority.clone());
            }
        }
        found
    }

    /// Those of this name that the operator trusts.
    pub(super) fn trusted(&self, name: &[u8]) -> Vec<Arc<Authority>> {
        self.named(name).filter(|known| known.trusted).map(|known| known.authority.clone()).collect()
    }

    /// The issuer and all that stand above it.
    fn above(&self, issuer: &Arc<Authority>) -> HashSet<Arc<Authority>> {
        let mut above = HashSet::from([issuer.clone()]);
        let mut layer = vec![issuer.clone()];
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for authority in &layer {
                for known in self.named(&authority.subject).filter(|known| known.authority == *authority) {
                    next.extend(self.parents(known).into_iter().filter(|parent| above.insert(parent.clone())));
                }
            }
            if next.is_empty() {
                break;
            }
            layer = next;
        }
        above
    }

    fn parents(&self, known: &Known) -> Vec<Arc<Authority>> {
        let of_each = known.lookups.iter().filter_map(|lookup| self.issuer_of(lookup));
        of_each.filter(|parent| *parent != known.authority).collect()
    }

    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Known> {
        let exact = self.by_name.get(name);
        // The same name may be spelled in another way; that is rare enough to look at all.
        let other =
            exact.is_none().then(|| self.by_name.iter().filter(|(known, _)| crate::pki::name::same(known, name)).map(|(_, all)| all));
        exact.into_iter().chain(other.into_iter().flatten()).flatten()
    }

    fn entry(&mut self, authority: Arc<Authority>, change: impl FnOnce(&mut Known)) {
        let all = self.by_name.entry(authority.subject.clone()).or_default();
        let at = match all.iter().position(|known| known.authority == authority) {
            Some(at) => at,
            None if all.len() >= OF_ONE_NAME => {
                tracing::warn!("more than {OF_ONE_NAME} CA certificates of one name are watched; the rest of them is not looked at");
                return;
            }
            None => {
                self.revision += 1;
                all.push(Known { authority, lookups: Vec::new(), trusted: false, refs: 0, fetched: false });
                all.len() - 1
            }
        };
        change(&mut all[at]);
    }

    fn remember(&mut self, authority: &Arc<Authority>, lookup: Option<&Lookup>) {
        let Some(lookup) = lookup else { return };
        let known = self.by_name.get_mut(&authority.subject).and_then(|all| all.iter_mut().find(|known| known.authority == *authority));
        if let Some(known) = known
            && known.lookups.len() < PARENTS
            && !known.lookups.contains(lookup)
        {
            self.revision += 1;
            known.lookups.push(lookup.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;
    use crate::pki::certificate;
    use crate::pki::fixtures::Issued;

    fn facts(issued: &Issued) -> crate::model::CertificateFacts {
        certificate::read(&issued.der, &Limits::default()).unwrap().facts
    }

    fn authority_of(issued: &Issued) -> Arc<Authority> {
        facts(issued).authority.unwrap()
    }

    fn watched(all: &[&Issued]) -> Authorities {
        let mut authorities = Authorities::default();
        for facts in all.iter().map(|issued| facts(issued)) {
            authorities.add(facts.authority.as_ref().unwrap(), facts.lookup.as_deref());
        }
        authorities
    }

    fn lookup(issued: &Issued) -> Lookup {
        *facts(issued).lookup.unwrap()
    }

    #[test]
    fn a_namesake_is_no_issuer() {
        let (real, fake) = (Issued::root("CA"), Issued::root("CA"));
        let leaf = lookup(&real.leaf("www", |_| {}));
        assert_eq!(watched(&[&fake]).issuer_of(&leaf), None);
        assert_eq!(watched(&[&fake, &real]).issuer_of(&leaf), Some(authority_of(&real)));
    }

    #[test]
    fn who_may_sign_for_an_issuer() {
        let (root, stranger) = (Issued::root("Root"), Issued::root("Root"));
        let (issuing, rolled) = (root.intermediate("Issuing"), root.intermediate("Issuing"));
        let fake = stranger.intermediate("Issuing");
        let authorities = watched(&[&root, &stranger, &issuing, &rolled, &fake]);
        let signers = authorities.signers(&authority_of(&issuing), &authority_of(&issuing).subject);
        assert!(signers.contains(&authority_of(&issuing)), "the issuer itself");
        assert!(signers.contains(&authority_of(&rolled)), "its other key, under the same parent");
        assert!(!signers.contains(&authority_of(&fake)), "a namesake under another parent");
    }

    #[test]
    fn names_and_identifiers_alone_make_nobody_a_signer() {
        let with_identifier = |params: &mut rcgen::CertificateParams| params.use_authority_key_identifier_extension = true;
        let (root, attacker) = (Issued::root("Root"), Issued::root("Root"));
        let issuing = root.intermediate("Issuing");
        // A certificate of the attacker's making that says it is the issuer's sibling: right names, the right identifier, no right signature.
        let mut params = issuing.params.clone();
        with_identifier(&mut params);
        let mut forged = facts(&attacker.issue(params));
        let genuine = {
            let mut params = issuing.params.clone();
            with_identifier(&mut params);
            facts(&root.issue(params))
        };
        let pointers = genuine.lookup.as_ref().unwrap().pointers.clone();
        forged.lookup.as_mut().unwrap().pointers = pointers;
        let mut authorities = watched(&[&root, &issuing]);
        let x = forged.authority.clone().unwrap();
        authorities.add(&x, forged.lookup.as_deref());
        assert!(!authorities.signers(&authority_of(&issuing), &x.subject).contains(&x));
        let mut leaf = lookup(&attacker.leaf("www", with_identifier));
        leaf.pointers = lookup(&root.leaf("www", with_identifier)).pointers;
        assert_eq!(authorities.issuer_of(&leaf), None, "a leaf that only says who issued it");
    }

    #[test]
    fn whom_the_operator_trusts_may_sign_under_the_name() {
        let (root, other) = (Issued::root("CA"), Issued::root("CA"));
        let mut authorities = watched(&[&root]);
        authorities.trust(authority_of(&other));
        assert_eq!(authorities.signers(&authority_of(&root), &authority_of(&root).subject).len(), 2);
    }

    #[test]
    fn what_is_watched_no_more_is_forgotten() {
        let root = Issued::root("CA");
        let mut authorities = watched(&[&root, &root]);
        let leaf = lookup(&root.leaf("www", |_| {}));
        authorities.remove(&authority_of(&root));
        assert!(authorities.issuer_of(&leaf).is_some(), "another place still has it");
        authorities.remove(&authority_of(&root));
        assert_eq!(authorities.issuer_of(&leaf), None);
    }
}
