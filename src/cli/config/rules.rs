//! Policies and waivers in plain words, and what they are for now.

use std::time::Duration;

use crate::app::policies::{Idle, Matched, ended, is_far, meant, said};
use crate::app::story::printable;
use crate::cli::count;
use crate::model::facts::KEY_USAGES;
use crate::model::rules::{Demands, Rules, Waiver};
use crate::model::{CertificatePolicy, HumanDuration, UnixTime};

/// Every policy with its rules, one to a line, then every waiver.
pub(super) fn words(rules: &Rules, now: UnixTime) -> String {
    let mut text = String::new();
    for policy in &rules.policies {
        text += &policy_words(policy);
    }
    for waiver in &rules.waivers {
        text += &waiver_words(waiver, now);
    }
    let ended = ended(rules, now).count();
    if ended > 0 {
        let have = if ended == 1 { "1 waiver has".to_owned() } else { format!("{ended} waivers have") };
        text += &format!("{have} ended: what was waived is raised again, with waiver_ended\n");
    }
    let far = rules.waivers.iter().filter(|waiver| is_far(waiver, now)).count();
    if far > 0 {
        let end = if far == 1 { "1 waiver ends".to_owned() } else { format!("{far} waivers end") };
        text += &format!("{end} more than two years from now: what is meant to last belongs into a policy\n");
    }
    text
}

fn policy_words(policy: &CertificatePolicy) -> String {
    let note = policy.note.as_deref().map(|note| format!(" ({})", printable(note))).unwrap_or_default();
    let mut text = format!("policy {}{note}: {}\n", policy.name, meant(&policy.applies, "every certificate"));
    for rule in rules(&policy.demands) {
        text += &format!("  - {}\n", printable(&rule));
    }
    text
}

fn waiver_words(waiver: &Waiver, now: UnixTime) -> String {
    let findings: Vec<&str> = waiver.findings.iter().map(|finding| finding.as_str()).collect();
    let when = if waiver.until < now { "ENDED at" } else { "until" };
    let line = format!(
        "waiver of {} on {} {when} {}{}, by {}: {}",
        findings.join(", "),
        meant(&waiver.applies, "anything"),
        waiver.until,
        if is_far(waiver, now) { " (MORE THAN TWO YEARS AWAY)" } else { "" },
        waiver.owner,
        waiver.why.replace('\n', " ")
    );
    printable(&line) + "\n"
}

/// The rules in the order in which they stand in the documentation.
fn rules(demands: &Demands) -> Vec<String> {
    let lasts = |what: &str, duration: Option<Duration>| duration.map(|duration| format!("{what} {}", HumanDuration(duration)));
    let usages: Vec<&str> =
        KEY_USAGES.iter().enumerate().filter(|(bit, _)| demands.key_usage & (1 << bit) != 0).map(|(_, name)| *name).collect();
    let all = [
        said("the key is", &demands.key_algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>()),
        demands.min_rsa_bits.map(|bits| format!("an RSA key has at least {bits} bits")),
        said("the bits of an RSA key are", &demands.rsa_bits),
        said("an EC key is on", &demands.curves.iter().map(|curve| curve.as_str()).collect::<Vec<_>>()),
        said("it is signed with", &demands.signature_algorithms),
        lasts("it is valid for at least", demands.min_validity),
        lasts("it should be valid for no longer than", demands.validity),
        lasts("it is valid for at most", demands.max_validity),
        (!usages.is_empty()).then(|| format!("its key usage has {}", usages.join(" and "))),
        (!demands.extended_key_usage.is_empty())
            .then(|| format!("its extended key usage has {}", demands.extended_key_usage.join(" and "))),
        said("its issuer calls itself", &demands.issuers).map(|rule| format!("{rule} (no signature stands behind that)")),
        said("its subject is", &demands.subjects),
        demands.require_spiffe.then(|| "a leaf has exactly one URI name, and that is a SPIFFE ID".to_owned()),
        said("a leaf's SPIFFE ID is of the trust domain", &demands.spiffe_trust_domains),
        said("every DNS name of a leaf is", &demands.dns_patterns),
        (!demands.allow_ip_sans).then(|| "a leaf has no IP address among its names".to_owned()),
        demands.max_path_length.map(|most| match most {
            0 => "no CA follows below a CA".to_owned(),
            1 => "at most 1 CA follows below a CA".to_owned(),
            most => format!("at most {most} CAs follow below a CA"),
        }),
        said("a CA is permitted nothing but names within", &demands.permitted_names),
        (!demands.excluded_names.is_empty()).then(|| {
            let names: Vec<String> = demands.excluded_names.iter().map(ToString::to_string).collect();
            format!("a CA is kept from names within {}", names.join(" and "))
        }),
    ];
    all.into_iter().flatten().collect()
}

/// What each policy is for now.
pub(super) fn matches(all: &[Matched<'_>], idle: &Idle<'_>) -> String {
    let mut text = String::new();
    let counted = |number: u64, noun: &str| count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    for matched in all {
        let name = &matched.policy.name;
        if matched.certificates == 0 {
            text += &format!("policy {name} matches nothing\n");
            continue;
        }
        let (certificates, places) = (counted(matched.certificates, "certificate"), counted(matched.places, "place"));
        let fine = if matched.breaking == 0 {
            "all of them keep it".to_owned()
        } else {
            format!("{} broken by {}", broken(matched), matched.breaking)
        };
        text += &format!("policy {name} matches {certificates} in {places}; {fine}\n");
        for (source, place, found) in &matched.first {
            let findings: Vec<&str> = found.iter().map(|finding| finding.as_str()).collect();
            let findings = if findings.is_empty() { "fine".to_owned() } else { findings.join(", ") };
            text += &format!("  {}  {}  {findings}\n", source.name, printable(&place.to_string()));
        }
        let more = matched.places.saturating_sub(matched.first.len() as u64);
        if more > 0 {
            text += &format!("  and {}\n", counted(more, "more place"));
        }
    }
    for waiver in &idle.waivers {
        text += &printable(&format!("a waiver is for nothing: on {}, by {}", meant(&waiver.applies, "anything"), waiver.owner));
        text.push('\n');
    }
    text
}

fn broken(matched: &Matched<'_>) -> String {
    matched.broken.iter().map(|(finding, number)| format!("{number} {finding}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Origin, load_str};

    #[test]
    fn policies_and_waivers_are_told_in_plain_words() {
        let text = "[sources.mesh]\ntype = \"file\"\npaths = [\"/a\"]\nlabels = { team = \"pay\" }\n\
                    [policy.services]\nnote = \"storage: HSM\"\nmatch = { sources = [\"mesh\"], roles = [\"leaf\"], labels = { team = \"pay\" } }\n\
                    key_algorithms = [\"ECDSA\", \"Ed25519\"]\ncurves = [\"P-256\"]\nvalidity = \"24h\"\nmax_validity = \"168h\"\n\
                    key_usage = [\"keyEncipherment\", \"digitalSignature\"]\nrequire_spiffe = true\nallow_ip_sans = false\n\
                    [policy.tops]\nmin_rsa_bits = 4096\nmax_path_length = 0\nexcluded_names = [\".a\", \".b\"]\nissuers = [\"CA\", \"O=*\"]\nsubjects = [\"Top\"]\n\
                    [[waiver]]\nmatch = { names = [\"old\"] }\nfinding = [\"expired\", \"weak_key\"]\nuntil = 2030-01-01\nowner = \"pki\"\nwhy = \"a\\nb\"\n\
                    [[waiver]]\nmatch = { names = [\"x\"] }\nfinding = \"expired\"\nuntil = 2020-01-01\nowner = \"pki\"\nwhy = \"c\"";
        let rules = load_str(text, Origin::BuiltIn).unwrap().rules;
        let expected = "\
policy services (storage: HSM): every certificate where the source is mesh, and the labels are team = \"pay\", and the role is leaf
  - the key is EC or Ed25519
  - an EC key is on P-256
  - it should be valid for no longer than 1d
  - it is valid for at most 1w
  - its key usage has digitalSignature and keyEncipherment
  - a leaf has exactly one URI name, and that is a SPIFFE ID
  - a leaf has no IP address among its names
policy tops: every certificate
  - an RSA key has at least 4096 bits
  - its issuer calls itself CA or O=* (no signature stands behind that)
  - its subject is Top
  - no CA follows below a CA
  - a CA is kept from names within .a and .b
waiver of expired, weak_key on anything where a name is old until 2030-01-01T23:59:59Z (MORE THAN TWO YEARS AWAY), by pki: a b
waiver of expired on anything where a name is x ENDED at 2020-01-01T23:59:59Z, by pki: c
1 waiver has ended: what was waived is raised again, with waiver_ended
1 waiver ends more than two years from now: what is meant to last belongs into a policy
";
        assert_eq!(words(&rules, UnixTime::from_secs(1_800_000_000)), expected);
        assert_eq!(words(&Rules::default(), UnixTime::from_secs(0)), "");
    }
}
