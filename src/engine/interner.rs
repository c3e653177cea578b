//! What many certificates share is stored once: issuers, algorithms, usages, where revocation is asked for, who signs.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::{Authority, CertificateFacts, CrlFacts, EndpointFacts, Pointers};

/// A pool of what is shared. Forgets what nobody uses when told to.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: HashSet<Arc<str>>,
    lists: HashSet<Arc<[Arc<str>]>>,
    bytes: HashSet<Arc<[u8]>>,
    pointers: HashSet<Arc<Pointers>>,
    authorities: HashSet<Arc<Authority>>,
}

impl Interner {
    pub(super) fn certificate(&mut self, facts: &mut CertificateFacts) {
        if facts.subject == facts.issuer {
            facts.subject = self.text(&facts.subject);
            facts.subject_cn = self.text(&facts.subject_cn);
        }
        facts.issuer = self.text(&facts.issuer);
        facts.issuer_cn = self.text(&facts.issuer_cn);
        facts.signature_algorithm = self.text(&facts.signature_algorithm);
        if let Some(usages) = &facts.extended_key_usage {
            facts.extended_key_usage = Some(self.list(usages));
        }
        if let Some(lookup) = &mut facts.lookup {
            lookup.issuer = one(&mut self.bytes, &lookup.issuer);
            lookup.pointers = one(&mut self.pointers, &lookup.pointers);
            if let Some(signed) = &mut lookup.signed {
                signed.algorithm = one(&mut self.bytes, &signed.algorithm);
            }
        }
        if let Some(authority) = &facts.authority {
            facts.authority = Some(self.authority(authority));
        }
    }

    pub(super) fn crl(&mut self, facts: &mut CrlFacts) {
        for text in [&mut facts.issuer, &mut facts.issuer_cn, &mut facts.signature_algorithm] {
            *text = self.text(text);
        }
    }

    pub(super) fn endpoint(&mut self, facts: &mut EndpointFacts) {
        for text in [&mut facts.version, &mut facts.cipher, &mut facts.group, &mut facts.alpn].into_iter().flatten() {
            *text = self.text(text);
        }
        for list in [&mut facts.client.acceptable_cas, &mut facts.client.signature_schemes] {
            *list = self.list(list);
        }
    }

    /// Drops what only the pool still holds.
    pub(super) fn shrink(&mut self) {
        self.authorities.retain(|authority| Arc::strong_count(authority) > 1);
        self.pointers.retain(|pointers| Arc::strong_count(pointers) > 1);
        self.bytes.retain(|bytes| Arc::strong_count(bytes) > 1);
        self.lists.retain(|list| Arc::strong_count(list) > 1);
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }

    fn text(&mut self, text: &Arc<str>) -> Arc<str> {
        one(&mut self.texts, text)
    }

    /// Its subject is the issuer of others.
    fn authority(&mut self, authority: &Arc<Authority>) -> Arc<Authority> {
        if let Some(known) = self.authorities.get(authority) {
            return known.clone();
        }
        let subject = one(&mut self.bytes, &authority.subject);
        let shared = Arc::new(Authority { subject, ..Authority::clone(authority) });
        self.authorities.insert(shared.clone());
        shared
    }

    fn list(&mut self, list: &Arc<[Arc<str>]>) -> Arc<[Arc<str>]> {
        if let Some(known) = self.lists.get(list) {
            return known.clone();
        }
        let list: Arc<[Arc<str>]> = list.iter().map(|text| self.text(text)).collect();
        self.lists.insert(list.clone());
        list
    }
}

fn one<T: ?Sized + Eq + Hash>(pool: &mut HashSet<Arc<T>>, value: &Arc<T>) -> Arc<T> {
    if let Some(known) = pool.get(value) {
        return known.clone();
    }
    pool.insert(value.clone());
    value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::fixtures::certificate;

    #[test]
    fn equal_strings_are_one_and_unused_ones_go() {
        let mut interner = Interner::default();
        let (mut a, mut b) = (certificate("a", 0, 1), certificate("b", 0, 1));
        interner.certificate(&mut a);
        interner.certificate(&mut b);
        assert!(Arc::ptr_eq(&a.issuer, &b.issuer));
        drop((a, b));
        interner.shrink();
        assert!(interner.texts.is_empty());
    }
}
