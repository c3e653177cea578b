//! A signed list of any size, written without ever being in memory as a whole; and small things around it.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, PublicKeyData};

/// What a bench comes to.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// AlgorithmIdentifier of ecdsa-with-SHA256.
pub const ALGORITHM: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// Name with the common name `Large CA`, as rcgen writes it.
pub const NAME: &[u8] = b"\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08Large CA";

/// The largest resident size of a process so far, in KiB.
pub fn peak_of(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// 16 bytes that look random and begin with 1.
pub fn serial(n: u64) -> [u8; 16] {
    let mixed = (u128::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (mixed >> 1 | 1 << 126).to_be_bytes()
}

/// The list's issuer.
pub fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Large CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Writes `list.der`, its issuer's `ca.pem` and `key.der` into a folder; returns the issuer's key.
///
/// # Errors
/// The folder's, and those of keys.
pub fn make(folder: &Path, entries: u64) -> Outcome<KeyPair> {
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca.pem"), authority().self_signed(&key)?.pem())?;
    std::fs::write(folder.join("key.der"), key.subject_public_key_info())?;
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).map_err(|error| error.to_string())?;

    // Every other entry has a reason: 35 and 49 bytes.
    let revoked = entries / 2 * 49 + entries.div_ceil(2) * 35;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let times = [utc(now - 60)?, utc(now + 86_400)?].concat();
    let fixed = [b"\x02\x01\x01", ALGORITHM, NAME, &times, &opening(0x30, revoked)].concat();
    let extensions = b"\xa0\x0e\x30\x0c\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x07";
    let size = (fixed.len() + extensions.len()) as u64 + revoked;

    let body = folder.join("body");
    let mut out = Hashed { out: BufWriter::new(File::create(&body)?), context: Context::new(&SHA256) };
    out.write_all(&opening(0x30, size))?;
    out.write_all(&fixed)?;
    for n in 0..entries {
        let (length, reason): (u8, &[u8]) =
            if n % 2 == 0 { (33, b"") } else { (47, b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x04") };
        let mut entry = Vec::with_capacity(49);
        entry.extend([0x30, length, 0x02, 16]);
        entry.extend(serial(n));
        entry.extend(b"\x17\x0d250101000000Z");
        entry.extend(reason);
        out.write_all(&entry)?;
    }
    out.write_all(extensions)?;
    out.out.flush()?;
    let signature = signer.sign_digest(&out.context.finish()).map_err(|error| error.to_string())?;
    let bits = [&[0], signature.as_ref()].concat();
    let tail = [ALGORITHM, &opening(0x03, bits.len() as u64), &bits].concat();
    let mut list = BufWriter::new(File::create(folder.join("list.der"))?);
    list.write_all(&opening(0x30, opening(0x30, size).len() as u64 + size + tail.len() as u64))?;
    std::io::copy(&mut File::open(&body)?, &mut list)?;
    list.write_all(&tail)?;
    list.flush()?;
    std::fs::remove_file(body)?;
    Ok(key)
}

struct Hashed<W> {
    out: W,
    context: Context,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.context.update(bytes);
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Tag and length of a DER value.
pub fn opening(tag: u8, length: u64) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let bytes = bytes.get(length.leading_zeros() as usize / 8..).unwrap_or_default();
    match length {
        0..0x80 => vec![tag, length as u8],
        _ => [&[tag, 0x80 | bytes.len() as u8], bytes].concat(),
    }
}

fn utc(seconds: u64) -> Outcome<Vec<u8>> {
    let at = time::OffsetDateTime::from_unix_timestamp(i64::try_from(seconds)?)?;
    let text =
        format!("{:02}{:02}{:02}{:02}{:02}{:02}Z", at.year() % 100, u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second());
    Ok([b"\x17\x0d", text.as_bytes()].concat())
}
