//! The answer of `/probe`: the blackbox exporter's names, then our own families of that one target.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Decompress;

use super::deflate::inflate;
use super::table::{self, FAMILIES, Family, Id, Kind};
use super::text::{Value, label};
use crate::model::facts::SubjectName;
use crate::model::{CertificateFacts, Rendered, UnixTime};

/// Longer serial numbers are not spelt again: RFC 5280 section 4.1.2.2 allows 20 octets, which are 49 digits.
const SERIAL_DIGITS: usize = 160;

/// What one probe saw. What is not known is not exposed.
#[derive(Debug, Default)]
pub struct ProbeFacts<'a> {
    /// The handshake ended well and the certificate is to be trusted.
    pub success: bool,
    /// All of it.
    pub duration: Duration,
    /// The lookup.
    pub dns: Duration,
    /// 4 or 6.
    pub ip_protocol: Option<u64>,
    /// Of all certificates sent.
    pub earliest_expiry: Option<UnixTime>,
    /// Of the verified paths.
    pub chain_expiry: Option<UnixTime>,
    /// The server's own certificate.
    pub leaf: Option<&'a CertificateFacts>,
    /// `TLS 1.3`
    pub version: Option<&'a str>,
    /// By its IANA name.
    pub cipher: Option<&'a str>,
}

/// The whole page. Counters of `rendered` are left out: each probe would start them anew.
///
/// # Errors
/// A fragment is not one that the renderer made.
pub fn probe_page(facts: &ProbeFacts<'_>, rendered: &Rendered) -> io::Result<Vec<u8>> {
    let mut page = Page(Vec::new());
    page.value(table::SUCCESS, facts.success);
    page.value(table::DURATION, facts.duration.as_secs_f64());
    page.value(table::DNS_LOOKUP, facts.dns.as_secs_f64());
    page.known(table::IP_PROTOCOL, facts.ip_protocol);
    page.known(table::EARLIEST_EXPIRY, facts.earliest_expiry.map(UnixTime::secs));
    page.known(table::CHAIN_EXPIRY, facts.chain_expiry.map(UnixTime::secs));
    if let Some(leaf) = facts.leaf {
        let names = leaf.names.iter().filter_map(|name| if let SubjectName::Dns(name) = name { Some(&**name) } else { None });
        let names: Vec<&str> = names.collect();
        page.info(
            table::CHAIN_INFO,
            &[
                ("fingerprint_sha256", &leaf.fingerprint_hex()),
                ("subject", &leaf.subject),
                ("issuer", &leaf.issuer),
                ("subjectalternative", &names.join(",")),
                ("serialnumber", &serial_hex(&leaf.serial)),
            ],
        );
    }
    if let Some(version) = facts.version {
        page.info(table::PROBE_VERSION, &[("version", version)]);
    }
    if let Some(cipher) = facts.cipher {
        page.info(table::PROBE_CIPHER, &[("cipher", cipher)]);
    }
    let mut inflater = Decompress::new(false);
    for fragment in &rendered.fragments {
        let Some(family) = FAMILIES.get(usize::from(fragment.family)).filter(|family| family.kind != Kind::Counter) else { continue };
        page.head(family);
        page.0.reserve_exact(usize::try_from(fragment.len).unwrap_or(0));
        inflate(&mut inflater, fragment, &mut page.0)?;
    }
    Ok(page.0)
}

struct Page(Vec<u8>);

impl Page {
    fn head(&mut self, family: &Family) {
        let (name, kind) = (family.name, family.kind.as_str());
        // Writing to memory does not fail.
        let _ = write!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}\n", family.help());
    }

    fn value(&mut self, id: Id, value: impl Value) {
        self.head(id.family());
        self.0.extend_from_slice(id.family().name.as_bytes());
        self.0.push(b' ');
        value.write(&mut self.0);
        self.0.push(b'\n');
    }

    fn known(&mut self, id: Id, value: Option<impl Value>) {
        if let Some(value) = value {
            self.value(id, value);
        }
    }

    fn info(&mut self, id: Id, labels: &[(&str, &str)]) {
        let mut text = Vec::new();
        labels.iter().for_each(|(name, value)| label(&mut text, name, value));
        self.head(id.family());
        self.0.extend_from_slice(id.family().name.as_bytes());
        self.0.push(b'{');
        self.0.extend_from_slice(text.strip_prefix(b",").unwrap_or(&text));
        self.0.extend_from_slice(b"} 1\n");
    }
}

/// A decimal number as the bytes of its magnitude, in lower case hexadecimal.
fn serial_hex(decimal: &str) -> String {
    let digits = decimal.trim_start_matches('-');
    if digits.len() > SERIAL_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return String::new();
    }
    // Least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in &mut bytes {
            let value = u32::from(*byte) * 10 + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Renderer;
    use crate::metrics::example::{certificate, endpoint, failing, handshake_facts, source, target};
    use crate::metrics::table::Origin;
    use crate::model::{CertRole, Reason, Render, SourceKind, Stage};

    #[test]
    fn serial_numbers_are_spelt_as_bytes() {
        for (decimal, hex) in [("0", ""), ("9", "09"), ("255", "ff"), ("256", "0100"), ("-1", "01"), ("4660", "1234"), ("x", "")] {
            assert_eq!(serial_hex(decimal), hex, "{decimal}");
        }
        assert_eq!(serial_hex("340282366920938463463374607431768211455"), "ff".repeat(16));
        assert_eq!(serial_hex(&"9".repeat(1000)), "");
    }

    #[test]
    fn the_page_has_every_name_of_a_probe_and_no_counter() {
        let leaf = certificate(CertRole::Leaf, "a.example", "CA", 7);
        let facts = ProbeFacts {
            success: true,
            duration: Duration::from_millis(1500),
            dns: Duration::from_millis(250),
            ip_protocol: Some(6),
            earliest_expiry: Some(leaf.not_after),
            chain_expiry: Some(leaf.not_after),
            leaf: Some(&leaf),
            version: Some("TLS 1.3"),
            cipher: Some("TLS_AES_128_GCM_SHA256"),
        };
        let mut state = target(endpoint("a.example:443", "a.example"), vec![leaf.clone()], Vec::new());
        state.endpoint = Some(handshake_facts().into());
        let header = source(SourceKind::Tls, "probe");
        let rendered = Renderer::default().targets(&header, &mut std::iter::once(&state));
        let text = String::from_utf8(probe_page(&facts, &rendered).unwrap()).unwrap();
        for family in FAMILIES.iter().filter(|family| family.origin == Origin::Probe) {
            let of_it = text.lines().filter(|line| line.starts_with(family.name)).count();
            assert_eq!(of_it, 1, "{}: {text}", family.name);
        }
        for line in [
            "probe_success 1",
            "probe_duration_seconds 1.5",
            "probe_ip_protocol 6",
            "probe_tls_version_info{version=\"TLS 1.3\"} 1",
            "tls_probe_success{source_kind=\"tls\",source_name=\"probe\",target=\"a.example:443\",server_name=\"a.example\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let info = text.lines().find(|line| line.starts_with("probe_ssl_last_chain_info")).unwrap();
        assert!(info.contains("subjectalternative=\"a.example\"") && info.contains("serialnumber=\"03ef\""), "{info}");
        assert!(info.contains(&format!("fingerprint_sha256=\"{}\"", "07".repeat(32))), "{info}");
        assert!(!text.contains("counter") && !text.contains("handshakes_total"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let state = failing(target(endpoint("a:1", "a"), Vec::new(), Vec::new()), Stage::Connect, Reason::Refused, "no");
        let header = source(SourceKind::Tls, "probe");
        let rendered = Renderer::default().targets(&header, &mut std::iter::once(&state));
        let text = String::from_utf8(probe_page(&ProbeFacts::default(), &rendered).unwrap()).unwrap();
        let names: Vec<&str> = text.lines().filter(|line| line.starts_with("probe_")).collect();
        assert_eq!(names, ["probe_success 0", "probe_duration_seconds 0", "probe_dns_lookup_time_seconds 0"]);
        assert!(text.contains("tls_probe_failure_info{") && text.contains("reason=\"refused\""), "{text}");
    }
}
