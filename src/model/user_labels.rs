//! The user's own labels, as they may stand in the configuration: on a source or on one target.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::options::Labels;

/// Labels of our own series; a user's label of that name would change what a series says.
pub const OURS: &[&str] = &[
    "address",
    "algorithm",
    "alpn",
    "bits",
    "certificate_name",
    "certificate_namespace",
    "cert_role",
    "cipher",
    "crl_number",
    "csr_name",
    "discriminator",
    "dns_names",
    "email_addresses",
    "embedded_key",
    "embedded_kind",
    "extended_key_usage",
    "filename",
    "filepath",
    "finding",
    "fingerprint",
    "fingerprint_sha256",
    "group",
    "host",
    "ip_addresses",
    "issuer",
    "key_algorithm",
    "key_bits",
    "key_usage",
    "kind",
    "le",
    "method",
    "name",
    "not_after",
    "outcome",
    "quantile",
    "reason",
    "resource",
    "result",
    "sans",
    "serial_number",
    "serialnumber",
    "server_name",
    "signature_algorithm",
    "source_kind",
    "source_name",
    "spiffe_id",
    "stage",
    "status",
    "subject",
    "subject_alternative_names",
    "subjectalternative",
    "target",
    "type",
    "uris",
    "url",
    "version",
];
/// What our labels of open sets begin with.
pub const OUR_PREFIXES: &[&str] = &["secret_", "configmap_", "cabundle_", "subject_", "issuer_"];
/// Labels that Prometheus and its service discoveries commonly put on every target: ours would become `exported_…`.
pub const PROMETHEUS: &[&str] = &["cluster", "env", "instance", "job", "namespace", "pod", "region", "service", "zone"];

/// A table of labels whose names are valid and clash with nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserLabels(pub Labels);

/// Whether a user's label may have this name.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("expected a label name of letters, digits and \"_\" that does not begin with a digit, found {name:?}"));
    }
    if name.starts_with("__") {
        return Err(format!("expected a label name that does not begin with \"__\", which Prometheus keeps to itself, found {name:?}"));
    }
    if OURS.contains(&name) || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(format!("expected another name: {name:?} is a label of notafter's own series"));
    }
    if PROMETHEUS.contains(&name) {
        return Err(format!("expected another name: Prometheus itself puts {name:?} on its targets"));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for UserLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelTable)
    }
}

struct LabelTable;

impl<'de> Visitor<'de> for LabelTable {
    type Value = UserLabels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of labels such as { team = \"payments\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UserLabels, A::Error> {
        let mut labels: Vec<(Box<str>, Box<str>)> = Vec::new();
        while let Some(LabelName(name)) = map.next_key()? {
            labels.push((name, map.next_value()?));
        }
        labels.sort_unstable();
        Ok(UserLabels(Labels(labels.into())))
    }
}

/// A type of its own, so that the error stands at the name and not at the table.
struct LabelName(Box<str>);

impl<'de> Deserialize<'de> for LabelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Box::<str>::deserialize(deserializer)?;
        check_name(&name).map_err(D::Error::custom)?;
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clash_or_are_invalid_are_refused() {
        for name in ["team", "_x", "owner2", "role", "severity", "subjects", "Instance"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for (name, why) in [
            ("", "letters, digits"),
            ("2nd", "does not begin with a digit"),
            ("a-b", "letters, digits"),
            ("é", "letters, digits"),
            ("__name__", "keeps to itself"),
            ("filepath", "notafter's own"),
            ("type", "notafter's own"),
            ("secret_label_app", "notafter's own"),
            ("subject_CN", "notafter's own"),
            ("issuer_O", "notafter's own"),
            ("instance", "Prometheus itself"),
            ("env", "Prometheus itself"),
        ] {
            let error = check_name(name).expect_err(name);
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[test]
    fn every_label_of_a_place_is_taken() {
        use crate::model::{EmbeddedKind, Place};
        let places = [
            Place::Embedded { path: "/p".into(), kind: EmbeddedKind::User, key: "k".into() },
            Place::Endpoint { target: "t".into(), server_name: "s".into(), address: Some([127, 0, 0, 1].into()) },
        ];
        for place in places {
            place.each_label(|name, _| assert!(check_name(name).is_err(), "{name}"));
        }
    }
}
