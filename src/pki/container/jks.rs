//! Java keystores: JKS versions 1 and 2, JCEKS as far as it holds certificates and private keys.
//!
//! Certificates in them are not encrypted. The passphrase only seals the whole; a wrong one does not hide them. Private keys are skipped by
//! their length and never copied.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::Filling;
use crate::model::Reason;

const JKS: u32 = 0xfeed_feed;
const JCEKS: u32 = 0xcece_cece;
const SEAL_BYTES: usize = 20;

/// Whether the bytes begin as one.
pub fn is_keystore(bytes: &[u8]) -> bool {
    matches!(Fields(bytes).u32(), Ok(JKS | JCEKS))
}

/// Reads the certificates of every entry.
pub fn read(bytes: &[u8], into: &mut Filling<'_>) {
    let mut fields = Fields(bytes);
    if let Err(error) = entries(&mut fields, into) {
        return into.problem(Reason::BadJks, format!("Java keystore: {error}"));
    }
    let seal = fields.0;
    if seal.len() != SEAL_BYTES {
        return into.problem(Reason::BadJks, format!("Java keystore: {} bytes where its {SEAL_BYTES} bytes of digest belong", seal.len()));
    }
    let sealed = bytes.get(..bytes.len() - SEAL_BYTES).unwrap_or_default();
    let (passphrases, given) = into.passphrases();
    let fits = passphrases.iter().any(|passphrase| digest(passphrase, sealed).as_ref() == seal);
    if given && !fits {
        into.problem(Reason::BadPassphrase, "Java keystore: no passphrase given fits its digest".to_owned());
    }
}

#[derive(Debug, thiserror::Error)]
enum JksError {
    #[error("cut off: {wanted} bytes wanted where {left} are left")]
    CutOff { wanted: usize, left: usize },
    #[error("version {0}, known are 1 and 2")]
    Version(u32),
    #[error("entry {0} is a secret key, what follows it cannot be read")]
    SecretKey(u32),
    #[error("entry {entry} of unknown kind {kind}")]
    Kind { entry: u32, kind: u32 },
    #[error("certificate of type {0:?}")]
    CertificateType(String),
}

fn entries(fields: &mut Fields<'_>, into: &mut Filling<'_>) -> Result<(), JksError> {
    let _magic = fields.u32()?;
    let version = fields.u32()?;
    if !matches!(version, 1 | 2) {
        return Err(JksError::Version(version));
    }
    for entry in 1..=fields.u32()? {
        if into.full {
            return Ok(());
        }
        let kind = fields.u32()?;
        let _alias = fields.text()?;
        let _created = fields.take(8)?;
        match kind {
            1 => {
                let _key = fields.block()?;
                into.contents.other = true;
                for _ in 0..fields.u32()? {
                    certificate(version, fields, into)?;
                }
            }
            2 => certificate(version, fields, into)?,
            // A serialized Java object of unknown length.
            3 => return Err(JksError::SecretKey(entry)),
            kind => return Err(JksError::Kind { entry, kind }),
        }
    }
    Ok(())
}

fn certificate(version: u32, fields: &mut Fields<'_>, into: &mut Filling<'_>) -> Result<(), JksError> {
    let kind = if version == 2 { fields.text()? } else { b"X.509" };
    let der = fields.block()?;
    if kind != b"X.509" {
        return Err(JksError::CertificateType(String::from_utf8_lossy(kind).into_owned()));
    }
    into.certificate(der.to_vec());
    Ok(())
}

/// SHA-1 over the passphrase in UTF-16, a phrase of the format's author, and everything before the digest.
fn digest(passphrase: &str, sealed: &[u8]) -> aws_lc_rs::digest::Digest {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for unit in passphrase.encode_utf16() {
        context.update(&unit.to_be_bytes());
    }
    context.update(b"Mighty Aphrodite");
    context.update(sealed);
    context.finish()
}

/// Big-endian fields, one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], JksError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(JksError::CutOff { wanted: count, left: self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, JksError> {
        self.take(4).map(|bytes| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// Two bytes of length.
    fn text(&mut self) -> Result<&'a [u8], JksError> {
        let length = self.take(2)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }

    /// Four bytes of length.
    fn block(&mut self) -> Result<&'a [u8], JksError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }
}
