//! Strings shared by many certificates are stored once: issuers, algorithms, usages.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{CertificateFacts, CrlFacts, EndpointFacts};

/// A pool of strings. Forgets what nobody uses when told to.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: HashSet<Arc<str>>,
    lists: HashSet<Arc<[Arc<str>]>>,
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

    /// Drops the strings that only the pool still holds.
    pub(super) fn shrink(&mut self) {
        self.lists.retain(|list| Arc::strong_count(list) > 1);
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }

    fn text(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        self.texts.insert(text.clone());
        text.clone()
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
