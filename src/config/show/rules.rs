//! Policies, waivers and ownership as TOML that reads back to the same.

use toml::Value;

use super::super::section::quoted;
use super::{Listing, strings};
use crate::model::facts::KEY_USAGES;
use crate::model::options::Labels;
use crate::model::rules::{Demands, Rules, Selector};

impl Listing {
    pub(super) fn rules(&mut self, rules: &Rules) {
        self.header("ownership");
        self.key("labels", strings(&rules.owners));
        self.header("relations");
        self.duration("grace", Some(rules.grace));
        for policy in &rules.policies {
            self.header(&format!("policy.{}", quoted(&policy.name)));
            if let Some(note) = &policy.note {
                self.key("note", Value::from(&**note));
            }
            self.selector(&policy.applies);
            self.demands(&policy.demands);
        }
        for waiver in &rules.waivers {
            self.header("[waiver]");
            self.selector(&waiver.applies);
            self.key("finding", strings(&waiver.findings.iter().collect::<Vec<_>>()));
            self.key("until", Value::from(waiver.until.rfc3339()));
            self.key("owner", Value::from(&*waiver.owner));
            self.key("why", Value::from(&*waiver.why));
        }
    }

    fn selector(&mut self, selector: &Selector) {
        let lists = [
            ("sources", strings(&selector.sources)),
            ("kinds", strings(&selector.kinds)),
            ("places", strings(&selector.places)),
            ("roles", strings(&selector.roles)),
            ("names", strings(&selector.names)),
            ("subjects", strings(&selector.subjects)),
            ("issuers", strings(&selector.issuers)),
        ];
        let written = lists.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
        let mut table: toml::Table = written.map(|(key, list)| (key.to_owned(), list)).collect();
        if !selector.labels.0.is_empty() {
            table.insert("labels".to_owned(), labels(&selector.labels));
        }
        if !table.is_empty() {
            self.key("match", Value::Table(table));
        }
    }

    fn demands(&mut self, demands: &Demands) {
        let bits = |bits: u32| Value::from(i64::from(bits));
        self.some("key_algorithms", strings(&demands.key_algorithms));
        self.some("rsa_bits", Value::Array(demands.rsa_bits.iter().copied().map(bits).collect()));
        demands.min_rsa_bits.into_iter().for_each(|least| self.key("min_rsa_bits", bits(least)));
        self.some("curves", strings(&demands.curves));
        self.some("signature_algorithms", strings(&demands.signature_algorithms));
        self.duration("validity", demands.validity);
        self.duration("max_validity", demands.max_validity);
        self.duration("min_validity", demands.min_validity);
        let usages = KEY_USAGES.iter().enumerate().filter(|(bit, _)| demands.key_usage & (1 << bit) != 0).map(|(_, name)| name);
        self.some("key_usage", strings(&usages.collect::<Vec<_>>()));
        self.some("extended_key_usage", strings(&demands.extended_key_usage));
        if demands.require_spiffe {
            self.key("require_spiffe", Value::from(true));
        }
        self.some("spiffe_trust_domains", strings(&demands.spiffe_trust_domains));
        self.some("dns_patterns", strings(&demands.dns_patterns));
        if !demands.allow_ip_sans {
            self.key("allow_ip_sans", Value::from(false));
        }
        self.some("issuers", strings(&demands.issuers));
        self.some("subjects", strings(&demands.subjects));
        demands.max_path_length.into_iter().for_each(|most| self.key("max_path_length", bits(most)));
        self.some("permitted_names", strings(&demands.permitted_names));
        self.some("excluded_names", strings(&demands.excluded_names));
    }

    /// A list that has something in it.
    fn some(&mut self, key: &str, list: Value) {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            self.key(key, list);
        }
    }
}

/// A table of labels.
pub(super) fn labels(labels: &Labels) -> Value {
    Value::Table(labels.0.iter().map(|(name, value)| (name.to_string(), Value::from(&**value))).collect())
}
