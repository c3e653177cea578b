//! `[policy.*]`: what certificates must be like.

use std::sync::Arc;
use std::time::Duration;

use super::message::{choice, nearest};
use super::section::{Problems, Section};
use super::selector::{self, Meant, list, patterns};
use crate::model::facts::{Curve, KEY_USAGES, KeyAlgorithm, SIGNATURE_ALGORITHMS};
use crate::model::rules::{CertificatePolicy, Demands, DnsPattern, Pattern, Selector, Subtree};
use crate::model::{CertRole, HumanDuration};

/// More policies are data.
const MOST: usize = 256;
/// Longer names and notes are documents.
const LONGEST_NAME: usize = 128;
const LONGEST_NOTE: usize = 1_024;
/// Other names of curves: SEC 2, ANSI X9.62.
const CURVES: &[(&str, Curve)] = &[
    ("secp224r1", Curve::P224),
    ("secp256r1", Curve::P256),
    ("prime256v1", Curve::P256),
    ("secp384r1", Curve::P384),
    ("secp521r1", Curve::P521),
];
/// Extended key usages that have a name here, and the last number of those below id-kp (RFC 5280 section 4.2.1.12).
const USAGES: &[(&str, &str)] = &[
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
    ("codeSigning", "1.3.6.1.5.5.7.3.3"),
    ("emailProtection", "1.3.6.1.5.5.7.3.4"),
    ("timeStamping", "1.3.6.1.5.5.7.3.8"),
    ("OCSPSigning", "1.3.6.1.5.5.7.3.9"),
    ("ipsecIKE", "1.3.6.1.5.5.7.3.17"),
    ("anyExtendedKeyUsage", "2.5.29.37.0"),
    ("msSmartcardLogin", "1.3.6.1.4.1.311.20.2.2"),
    ("pkInitKDC", "1.3.6.1.5.2.3.5"),
    ("pkInitClientAuth", "1.3.6.1.5.2.3.4"),
];
/// Rules for what CAs alone have, and those for what leaves alone are judged by.
const OF_CAS: &[&str] = &["max_path_length", "permitted_names", "excluded_names"];
const OF_LEAVES: &[&str] = &["require_spiffe", "spiffe_trust_domains", "dns_patterns", "allow_ip_sans"];

/// All of them, sorted by name, with what they mean.
pub(super) fn parse_all(mut tables: Section<'_>, problems: &mut Problems<'_>) -> Vec<(CertificatePolicy, Meant)> {
    let written = std::mem::take(&mut tables.table);
    if written.len() > MOST {
        problems.add(tables.at, &tables.name, "", format!("expected at most {MOST} policies, found {}", written.len()));
        return Vec::new();
    }
    let mut parsed = Vec::new();
    for (key, value) in written {
        let name: Arc<str> = key.get_ref().as_ref().into();
        let Some(table) = tables.table_of(key, value, problems) else { continue };
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            problems.add(table.at, &table.name, "", format!("expected a name of 1 to {LONGEST_NAME} bytes without control characters"));
        }
        parsed.push(parse(name, table, problems));
    }
    parsed.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    parsed
}

fn parse(name: Arc<str>, mut table: Section<'_>, problems: &mut Problems<'_>) -> (CertificatePolicy, Meant) {
    let written = Written::of(&table);
    let meant = selector::take(&mut table, problems);
    let note = table.take("note", problems, |text: String| {
        let is_fine = !text.trim().is_empty() && text.len() <= LONGEST_NOTE && !text.chars().any(|c| c.is_control() && c != '\n');
        is_fine.then(|| text.trim().into()).ok_or_else(|| format!("expected a text of 1 to {LONGEST_NOTE} bytes, found {text:?}"))
    });
    let before = problems.count();
    let demands = demands(&mut table, problems);
    table.finish(problems);
    let applies = meant.selector.clone();
    // What is wrong by itself is not held against the rest.
    if problems.count() == before {
        written.contradictions(&demands, &applies, problems);
    }
    (CertificatePolicy { name, note, applies, demands }, meant)
}

fn demands(table: &mut Section<'_>, problems: &mut Problems<'_>) -> Demands {
    let mut duration = |key| table.take(key, problems, |HumanDuration(duration): HumanDuration| whole_seconds(duration));
    let (validity, max_validity, min_validity) = (duration("validity"), duration("max_validity"), duration("min_validity"));
    let key_usage = list(table, "key_usage", problems, |word: String| key_usage(&word));
    Demands {
        key_algorithms: list(table, "key_algorithms", problems, |word: String| key_algorithm(&word)),
        rsa_bits: list(table, "rsa_bits", problems, bits),
        min_rsa_bits: table.take("min_rsa_bits", problems, bits),
        curves: list(table, "curves", problems, |word: String| curve(&word)),
        signature_algorithms: patterns(table, "signature_algorithms", signature_algorithms, problems),
        validity,
        max_validity,
        min_validity,
        key_usage: key_usage.iter().fold(0, |bits, bit| bits | bit),
        extended_key_usage: list(table, "extended_key_usage", problems, |word: String| extended_key_usage(&word)),
        require_spiffe: table.take("require_spiffe", problems, Ok).unwrap_or_default(),
        spiffe_trust_domains: list(table, "spiffe_trust_domains", problems, |word: String| trust_domain(&word)),
        dns_patterns: list(table, "dns_patterns", problems, |word: String| DnsPattern::new(&word)),
        allow_ip_sans: table.take("allow_ip_sans", problems, Ok).unwrap_or(true),
        issuers: patterns(table, "issuers", Pattern::ignoring_case, problems),
        subjects: patterns(table, "subjects", Pattern::ignoring_case, problems),
        max_path_length: table.take("max_path_length", problems, path_length),
        permitted_names: list(table, "permitted_names", problems, |word: String| Subtree::written(&word)),
        excluded_names: list(table, "excluded_names", problems, |word: String| Subtree::written(&word)),
    }
}

/// Where the keys of a policy stand.
struct Written {
    table: String,
    at: usize,
    keys: Vec<(String, usize)>,
}

impl Written {
    fn of(table: &Section<'_>) -> Self {
        let keys = table.table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span().start)).collect();
        Self { table: table.name.clone(), at: table.at, keys }
    }

    fn refuse(&self, key: &str, message: impl Into<String>, problems: &mut Problems<'_>) {
        let at = self.keys.iter().find(|(known, _)| known == key).map_or(self.at, |(_, at)| *at);
        problems.add(at, &self.table, key, message);
    }

    /// Says which rules no certificate can keep together, and which no certificate is judged by.
    fn contradictions(&self, demands: &Demands, applies: &Selector, problems: &mut Problems<'_>) {
        if *demands == Demands::default() {
            return self.refuse("", "expected at least one rule such as max_validity: nothing would be judged", problems);
        }
        let families = &demands.key_algorithms;
        let lacks = |family| !families.is_empty() && !families.contains(&family);
        if !demands.curves.is_empty() && lacks(KeyAlgorithm::Ec) {
            self.refuse("curves", "only EC keys have curves, and key_algorithms does not allow \"EC\"", problems);
        }
        for key in ["rsa_bits", "min_rsa_bits"].iter().filter(|key| lacks(KeyAlgorithm::Rsa) && self.has(key)) {
            self.refuse(key, "it is about RSA keys, and key_algorithms does not allow \"RSA\"", problems);
        }
        if let Some(least) = demands.min_rsa_bits.filter(|_| !demands.rsa_bits.is_empty()) {
            self.refuse("rsa_bits", format!("expected either the sizes or min_rsa_bits, which is {least}"), problems);
        }
        let durations = [
            ("min_validity", demands.min_validity, "max_validity", demands.max_validity),
            ("validity", demands.validity, "max_validity", demands.max_validity),
            ("min_validity", demands.min_validity, "validity", demands.validity),
        ];
        for (key, lesser, other, greater) in durations {
            if let (Some(lesser), Some(greater)) = (lesser, greater)
                && lesser > greater
            {
                let message =
                    format!("expected at most {other}, which is \"{}\", found \"{}\"", HumanDuration(greater), HumanDuration(lesser));
                self.refuse(key, message, problems);
            }
        }
        for permitted in &demands.permitted_names {
            if let Some(excluded) = demands.excluded_names.iter().find(|excluded| permitted.is_within(excluded)) {
                self.refuse("permitted_names", format!("\"{permitted}\" is excluded by \"{excluded}\" of excluded_names"), problems);
            }
        }
        let roles = &applies.roles;
        let only_leaves = !roles.is_empty() && roles.iter().all(|role| *role == CertRole::Leaf);
        let only_cas = !roles.is_empty() && !roles.contains(&CertRole::Leaf);
        for key in OF_CAS.iter().filter(|key| only_leaves && self.has(key)) {
            self.refuse(key, "it is about CA certificates, and match.roles allows leaves alone", problems);
        }
        for key in OF_LEAVES.iter().filter(|key| only_cas && self.has(key)) {
            self.refuse(key, "leaves alone are judged by it, and match.roles allows none", problems);
        }
    }

    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|(known, _)| known == key)
    }
}

fn whole_seconds(duration: Duration) -> Result<Duration, String> {
    let is_whole = duration.subsec_millis() == 0;
    is_whole.then_some(duration).ok_or_else(|| format!("expected whole seconds, found \"{}\"", HumanDuration(duration)))
}

fn key_algorithm(word: &str) -> Result<KeyAlgorithm, String> {
    if word.eq_ignore_ascii_case("ECDSA") {
        return Ok(KeyAlgorithm::Ec);
    }
    let known: Vec<KeyAlgorithm> = KeyAlgorithm::ALL.iter().copied().filter(|known| *known != KeyAlgorithm::Other).collect();
    let found = known.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(word));
    found.ok_or_else(|| choice(word, &known.iter().map(KeyAlgorithm::to_string).collect::<Vec<_>>()))
}

fn curve(word: &str) -> Result<Curve, String> {
    let known: Vec<Curve> = Curve::ALL.iter().copied().filter(|known| *known != Curve::Other).collect();
    let alias = CURVES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, curve)| *curve);
    let found = alias.or_else(|| known.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(word)));
    found.ok_or_else(|| choice(word, &known.iter().map(Curve::to_string).collect::<Vec<_>>()))
}

/// A pattern that some name fits, or that is of OIDs.
fn signature_algorithms(text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::ignoring_case(text)?;
    let is_of_oids = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || b".*".contains(&byte));
    if is_of_oids || SIGNATURE_ALGORITHMS.iter().any(|name| pattern.fits(name)) {
        return Ok(pattern);
    }
    // As it is compared: without regard to case, and whichever line is written.
    let plain: Vec<String> = SIGNATURE_ALGORITHMS.iter().map(|name| name.to_lowercase().replace('-', "_")).collect();
    let words: Vec<&str> = plain.iter().map(String::as_str).collect();
    let at = nearest(text, &words).and_then(|near| words.iter().position(|word| *word == near));
    let near = at.and_then(|at| SIGNATURE_ALGORITHMS.get(at)).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    Err(format!(
        "expected an algorithm such as \"ecdsa-with-SHA256\" or \"sha*WithRSAEncryption\", or an OID, found {text:?}, which no algorithm fits{near}"
    ))
}

fn bits(value: toml::Value) -> Result<u32, String> {
    let bits = value.as_integer().and_then(|bits| u32::try_from(bits).ok()).filter(|bits| (512..=65_536).contains(bits));
    bits.ok_or_else(|| format!("expected a size in bits such as 4096, found {value}"))
}

fn path_length(value: toml::Value) -> Result<u32, String> {
    let length = value.as_integer().and_then(|length| u32::try_from(length).ok()).filter(|length| *length <= 255);
    length.ok_or_else(|| format!("expected a whole number from 0 to 255, found {value}"))
}

fn key_usage(word: &str) -> Result<u16, String> {
    // X.509's newer name of it.
    let word = if word.eq_ignore_ascii_case("contentCommitment") { "nonRepudiation" } else { word };
    let found = KEY_USAGES.iter().position(|known| known.eq_ignore_ascii_case(word));
    found.map(|bit| 1 << bit).ok_or_else(|| choice(word, &KEY_USAGES.map(str::to_owned)))
}

/// By name, else by OID; one that has a name is known by it.
fn extended_key_usage(word: &str) -> Result<Box<str>, String> {
    if let Some((name, _)) = USAGES.iter().find(|(name, oid)| name.eq_ignore_ascii_case(word) || *oid == word) {
        return Ok((*name).into());
    }
    let is_oid = word.contains('.') && word.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if is_oid && word.len() <= 128 {
        return Ok(word.into());
    }
    let known: Vec<&str> = USAGES.iter().map(|(name, _)| *name).collect();
    let near = nearest(word, &known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    Err(format!("expected a usage such as \"clientAuth\", or an OID, found {word:?}{near}"))
}

/// SPIFFE-ID section 2.1: lower case letters, digits, dots, dashes, underscores.
fn trust_domain(word: &str) -> Result<Box<str>, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if word.is_empty() || word.len() > 255 || !word.bytes().all(is_plain) {
        return Err(format!("expected a trust domain such as \"example.com\", in lower case and without spiffe://, found {word:?}"));
    }
    Ok(word.into())
}
