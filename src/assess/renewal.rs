//! Renewals: a leaf that took the place of an older one of the same name.

use std::collections::{HashMap, HashSet};

use crate::model::{CertRole, CertificateFacts, Content, UnixTime};

/// A leaf was replaced by a later one.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal<'a> {
    /// The one that was there.
    pub old: &'a CertificateFacts,
    /// The one that is there now.
    pub new: &'a CertificateFacts,
    /// The part of the old one's lifetime that was left; below 0 when it had ended.
    pub margin: f64,
}

/// Of leaves with one common name so many that went are compared with each that came.
const COMPARED: usize = 64;

/// The renewals between two contents of one place. Leaves are matched by all their names, else by the common name. The work is linear in the
/// certificates, whoever put them there.
pub fn renewals<'a>(old: &'a Content, new: &'a Content, now: UnixTime) -> Vec<Renewal<'a>> {
    let fingerprints = |content: &'a Content| content.certificates.iter().map(|facts| &facts.fingerprint).collect::<HashSet<_>>();
    let (before, after) = (fingerprints(old), fingerprints(new));
    let mut gone: HashMap<&str, Vec<&CertificateFacts>> = HashMap::new();
    for leaf in leaves(old).filter(|leaf| !after.contains(&leaf.fingerprint)) {
        gone.entry(&leaf.subject_cn).or_default().push(leaf);
    }
    let came = leaves(new).filter(|leaf| !before.contains(&leaf.fingerprint));
    came.filter_map(|leaf| renewal(gone.get(&*leaf.subject_cn)?, leaf, now)).collect()
}

fn renewal<'a>(gone: &[&'a CertificateFacts], new: &'a CertificateFacts, now: UnixTime) -> Option<Renewal<'a>> {
    let gone = &gone[..gone.len().min(COMPARED)];
    // The issuer says nothing: public CAs issue by another intermediate each time. A renewal may bring names, or take some away; without a common
    // name nothing else says who it is.
    let same = gone.iter().find(|old| old.names == new.names);
    let old = *same.or_else(|| gone.first().filter(|_| !new.subject_cn.is_empty()))?;
    if new.not_after <= old.not_after {
        return None;
    }
    let lifetime = (old.not_after.secs().saturating_sub(old.not_before.secs())).max(1);
    let left = old.not_after.secs().saturating_sub(now.secs());
    Some(Renewal { old, new, margin: left as f64 / lifetime as f64 })
}

fn leaves(content: &Content) -> impl Iterator<Item = &CertificateFacts> {
    content.certificates.iter().filter(|facts| facts.role == CertRole::Leaf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::fixtures::certificate;

    fn content(certificates: &[CertificateFacts]) -> Content {
        Content { certificates: certificates.into(), crls: Box::default(), ..Content::default() }
    }

    #[test]
    fn a_later_leaf_of_the_same_name_is_a_renewal() {
        let (old, new) = (certificate("a", 0, 100), certificate("a", 50, 200));
        let margins = |old: &[_], new: &[_], now| {
            renewals(&content(old), &content(new), UnixTime::from_secs(now)).iter().map(|r| r.margin).collect::<Vec<_>>()
        };
        assert_eq!(margins(std::slice::from_ref(&old), std::slice::from_ref(&new), 75), [0.25]);
        assert_eq!(margins(std::slice::from_ref(&old), std::slice::from_ref(&new), 110), [-0.1]);
        assert_eq!(margins(std::slice::from_ref(&old), std::slice::from_ref(&old), 75), [] as [f64; 0]);
        assert_eq!(margins(std::slice::from_ref(&new), std::slice::from_ref(&old), 75), [] as [f64; 0], "an older one came back");
        assert_eq!(margins(std::slice::from_ref(&old), &[old.clone(), new.clone()], 75), [] as [f64; 0], "the old one is still there");
        assert_eq!(margins(std::slice::from_ref(&old), &[certificate("b", 50, 200)], 75), [] as [f64; 0], "another name");
        let elsewhere = CertificateFacts { issuer_cn: "R11".into(), ..new.clone() };
        assert_eq!(margins(std::slice::from_ref(&old), &[elsewhere], 75), [0.25], "by another intermediate");
        let named = |facts: &CertificateFacts, name: &str| CertificateFacts {
            subject_cn: "".into(),
            names: [crate::model::facts::SubjectName::Uri(name.into())].into(),
            ..facts.clone()
        };
        assert_eq!(margins(&[named(&old, "spiffe://a")], &[named(&new, "spiffe://a")], 75), [0.25], "without a common name");
        assert_eq!(margins(&[named(&old, "spiffe://a")], &[named(&new, "spiffe://b")], 75), [] as [f64; 0], "another identity");
        let many = |from: i64| {
            (0..10_000).map(move |n| CertificateFacts {
                names: [crate::model::facts::SubjectName::Uri(n.to_string().into())].into(),
                ..certificate("a", from, 100 + from + n)
            })
        };
        let (old, new): (Vec<_>, Vec<_>) = (many(0).collect(), many(20_000).collect());
        assert_eq!(margins(&old, &new, 75).len(), 10_000, "and many are no more work for each than few");
    }
}
