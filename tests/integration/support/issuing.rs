//! A CA in this process that says of its certificates what a test wants: pointers in them, CRLs of every kind, OCSP responses.
//!
//! Its DER is made by hand: no program writes lists as wrong as they have to be here.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rcgen::{CustomExtension, KeyPair, PublicKeyData, SerialNumber, SigningKey};
use time::{Duration, OffsetDateTime};

use super::ca::{Ca, pem};

const ECDSA: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const SHA1: &[u8] = b"\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a";
/// keyCompromise and cACompromise, as ReasonFlags.
pub const COMPROMISE: &[u8] = &[5, 0x60];
/// All the other reasons.
pub const OTHER_REASONS: &[u8] = &[7, 0x1f, 0x80];

/// A CA.
pub struct Issuing {
    /// Its certificate.
    pub ca: Ca,
    name: String,
    key: KeyPair,
}

/// What a certificate points to.
#[derive(Clone, Default)]
pub struct Pointers {
    /// Distribution points: the URLs of each, and its reasons.
    pub points: Vec<(Vec<String>, Option<&'static [u8]>)>,
    /// Where deltas are.
    pub freshest: Vec<String>,
    /// Responders.
    pub ocsp: Vec<String>,
    /// Where the issuer's certificate is.
    pub issuers: Vec<String>,
}

impl Pointers {
    /// One distribution point with these alternatives.
    pub fn crl(urls: &[&str]) -> Self {
        Self::default().point(urls, None)
    }

    /// One more distribution point.
    pub fn point(mut self, urls: &[&str], reasons: Option<&'static [u8]>) -> Self {
        self.points.push((owned(urls), reasons));
        self
    }

    /// A responder.
    pub fn ocsp(urls: &[&str]) -> Self {
        Self { ocsp: owned(urls), ..Self::default() }
    }

    /// The issuer's certificate is there.
    pub fn issuer(mut self, url: &str) -> Self {
        self.issuers.push(url.to_owned());
        self
    }
}

/// A list about to be signed.
#[derive(Clone)]
pub struct Crl {
    /// Its number.
    pub number: u8,
    /// Serial numbers with reasons.
    pub entries: Vec<(u32, u8)>,
    /// thisUpdate and nextUpdate from now.
    pub times: (Duration, Duration),
    /// Extensions besides number and key.
    pub extensions: Vec<Vec<u8>>,
}

impl Crl {
    /// The list of this number, of an hour ago and for a day.
    pub fn number(number: u8) -> Self {
        Self { number, entries: Vec::new(), times: (-Duration::HOUR, Duration::DAY), extensions: Vec::new() }
    }

    /// It revokes this one for that reason.
    pub fn revoking(mut self, serial: u32, reason: u8) -> Self {
        self.entries.push((serial, reason));
        self
    }

    /// From then to then.
    pub fn from(mut self, this_update: Duration, next_update: Duration) -> Self {
        self.times = (this_update, next_update);
        self
    }

    /// It is the list of one distribution point, for some reasons only.
    pub fn scope(mut self, url: &str, reasons: Option<&[u8]>) -> Self {
        let name = tlv(0xa0, &tlv(0xa0, &tlv(0x86, url.as_bytes())));
        let reasons = reasons.map_or_else(Vec::new, |reasons| tlv(0x83, reasons));
        self.extensions.push(extension(28, true, &tlv(0x30, &[name, reasons].concat())));
        self
    }

    /// It says what changed since that one.
    pub fn delta_of(mut self, base: u8) -> Self {
        self.extensions.push(extension(27, true, &tlv(2, &[base])));
        self
    }

    /// Its deltas are there.
    pub fn freshest(mut self, url: &str) -> Self {
        self.extensions.push(extension(46, false, &points(&[(vec![url.to_owned()], None)])));
        self
    }
}

/// What a responder says of a certificate.
#[derive(Clone, Copy)]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked for keyCompromise.
    Revoked,
    /// It does not know it.
    Unknown,
}

impl Issuing {
    /// A root of this name.
    pub fn new(name: &str) -> Self {
        Self::of(Ca::root(name), name)
    }

    /// A CA that is there already.
    pub fn of(ca: Ca, name: &str) -> Self {
        let key = KeyPair::from_pem(&ca.key_pem()).unwrap();
        Self { ca, name: name.to_owned(), key }
    }

    /// A certificate, in PEM and without its issuer's.
    pub fn leaf(&self, serial: u32, pointers: &Pointers) -> String {
        let name = format!("leaf-{serial:x}");
        let mut leaf = self.ca.leaf(&[&name]);
        leaf.params.serial_number = Some(SerialNumber::from_slice(&serial_bytes(serial)));
        let extensions = &mut leaf.params.custom_extensions;
        let mut add = |oid: &[u64], content| extensions.push(CustomExtension::from_oid_content(oid, content));
        if !pointers.points.is_empty() {
            add(&[2, 5, 29, 31], points(&pointers.points));
        }
        if !pointers.freshest.is_empty() {
            add(&[2, 5, 29, 46], points(&[(pointers.freshest.clone(), None)]));
        }
        let access = |last: u8, url: &String| {
            let id = [b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30", &[last][..]].concat();
            tlv(0x30, &[id, tlv(0x86, url.as_bytes())].concat())
        };
        let responders = pointers.ocsp.iter().map(|url| access(1, url));
        let access: Vec<u8> = responders.chain(pointers.issuers.iter().map(|url| access(2, url))).flatten().collect();
        if !access.is_empty() {
            add(&[1, 3, 6, 1, 5, 5, 7, 1, 1], tlv(0x30, &access));
        }
        pem("CERTIFICATE", &leaf.issue().certificate)
    }

    /// A list, in DER.
    pub fn crl(&self, crl: &Crl) -> Vec<u8> {
        let entries = crl.entries.iter().map(|(serial, reason)| {
            let reason = tlv(0x30, &extension(21, false, &[0x0a, 1, *reason]));
            tlv(0x30, &[tlv(2, &serial_bytes(*serial)), utc(-Duration::DAY), reason].concat())
        });
        let entries: Vec<u8> = entries.flatten().collect();
        let entries = if entries.is_empty() { entries } else { tlv(0x30, &entries) };
        let extensions = [extension(20, false, &tlv(2, &[crl.number])), crl.extensions.concat()].concat();
        let (this, next) = (utc(crl.times.0), utc(crl.times.1));
        let extensions = tlv(0xa0, &tlv(0x30, &extensions));
        self.signed(&tlv(0x30, &[tlv(2, &[1]), ECDSA.to_vec(), self.subject(), this, next, entries, extensions].concat()), &[])
    }

    /// How a list begins that has more entries than anybody wants to read; they follow.
    pub fn endless(&self) -> Vec<u8> {
        let open = |size: u8| [0x30, 0x84, size, 0, 0, 0];
        let head = [tlv(2, &[1]), ECDSA.to_vec(), self.subject(), utc(-Duration::HOUR), utc(Duration::DAY)].concat();
        [&open(3)[..], &open(2), &head, &open(1)].concat()
    }

    /// An OCSP response by the CA itself.
    pub fn response(&self, serial: u32, status: Status) -> Vec<u8> {
        let hashed = |bytes: &[u8]| tlv(4, digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
        let id = [SHA1.to_vec(), hashed(&self.subject()), hashed(self.key.der_bytes()), tlv(2, &serial_bytes(serial))].concat();
        let status = match status {
            Status::Good => vec![0x80, 0],
            Status::Revoked => tlv(0xa1, &[generalized(-Duration::DAY), tlv(0xa0, &[0x0a, 1, 1])].concat()),
            Status::Unknown => vec![0x82, 0],
        };
        let next = tlv(0xa0, &generalized(Duration::DAY));
        let single = tlv(0x30, &[tlv(0x30, &id), status, generalized(-Duration::HOUR), next].concat());
        let data = [tlv(0xa1, &self.subject()), generalized(-Duration::HOUR), tlv(0x30, &single)].concat();
        let basic = self.signed(&tlv(0x30, &data), &[]);
        let bytes = tlv(0x30, &[tlv(6, b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01"), tlv(4, &basic)].concat());
        tlv(0x30, &[vec![0x0a, 1, 0], tlv(0xa0, &bytes)].concat())
    }

    fn signed(&self, data: &[u8], behind: &[u8]) -> Vec<u8> {
        let signature = tlv(3, &[&[0][..], &self.key.sign(data).unwrap()].concat());
        tlv(0x30, &[data, ECDSA, &signature, behind].concat())
    }

    fn subject(&self) -> Vec<u8> {
        let name = [b"\x06\x03\x55\x04\x03".to_vec(), tlv(0x0c, self.name.as_bytes())].concat();
        tlv(0x30, &tlv(0x31, &tlv(0x30, &name)))
    }
}

/// A responder's error (RFC 6960 section 4.2.1).
pub fn ocsp_error(status: u8) -> Vec<u8> {
    vec![0x30, 3, 0x0a, 1, status]
}

/// The contents of a serial number's INTEGER.
pub fn serial_bytes(serial: u32) -> Vec<u8> {
    [&[0x40][..], &serial.to_be_bytes()].concat()
}

/// DER with a length of any size.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        0x100..0x1_0000 => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    [&head, contents].concat()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn points(points: &[(Vec<String>, Option<&[u8]>)]) -> Vec<u8> {
    let each = points.iter().map(|(urls, reasons)| {
        let names: Vec<u8> = urls.iter().flat_map(|url| tlv(0x86, url.as_bytes())).collect();
        let reasons = reasons.map_or_else(Vec::new, |reasons| tlv(0x81, reasons));
        tlv(0x30, &[tlv(0xa0, &tlv(0xa0, &names)), reasons].concat())
    });
    tlv(0x30, &each.collect::<Vec<_>>().concat())
}

/// Of the arc 2.5.29.
fn extension(last: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&[6, 3, 0x55, 0x1d, last], flag, &tlv(4, value)].concat())
}

fn utc(from_now: Duration) -> Vec<u8> {
    tlv(0x17, &text(from_now).as_bytes()[2..])
}

fn generalized(from_now: Duration) -> Vec<u8> {
    tlv(0x18, text(from_now).as_bytes())
}

fn text(from_now: Duration) -> String {
    let at = OffsetDateTime::now_utc() + from_now;
    let (month, day) = (u8::from(at.month()), at.day());
    format!("{}{month:02}{day:02}{:02}{:02}{:02}Z", at.year(), at.hour(), at.minute(), at.second())
}
