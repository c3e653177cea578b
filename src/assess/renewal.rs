//! Renewals: a leaf that took the place of an older one of the same name.

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

/// The renewals between two contents of one place. Leaves are matched by subject and issuer common names.
pub fn renewals<'a>(old: &'a Content, new: &'a Content, now: UnixTime) -> Vec<Renewal<'a>> {
    leaves(new).filter_map(|new_leaf| renewal(old, new, new_leaf, now)).collect()
}

fn renewal<'a>(old: &'a Content, new: &'a Content, new_leaf: &'a CertificateFacts, now: UnixTime) -> Option<Renewal<'a>> {
    let is_in = |content: &Content, leaf: &CertificateFacts| content.certificates.iter().any(|other| other.fingerprint == leaf.fingerprint);
    if is_in(old, new_leaf) {
        return None;
    }
    let old_leaf = leaves(old).find(|old_leaf| same_name(old_leaf, new_leaf) && !is_in(new, old_leaf))?;
    if new_leaf.not_after <= old_leaf.not_after {
        return None;
    }
    let lifetime = (old_leaf.not_after.secs().saturating_sub(old_leaf.not_before.secs())).max(1);
    let left = old_leaf.not_after.secs().saturating_sub(now.secs());
    Some(Renewal { old: old_leaf, new: new_leaf, margin: left as f64 / lifetime as f64 })
}

fn leaves(content: &Content) -> impl Iterator<Item = &CertificateFacts> {
    content.certificates.iter().filter(|facts| facts.role == CertRole::Leaf)
}

fn same_name(a: &CertificateFacts, b: &CertificateFacts) -> bool {
    a.subject_cn == b.subject_cn && a.issuer_cn == b.issuer_cn
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
        assert_eq!(margins(&[old], &[certificate("b", 50, 200)], 75), [] as [f64; 0], "another name");
    }
}
