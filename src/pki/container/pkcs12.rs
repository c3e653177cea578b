//! PKCS#12 stores (RFC 7292): key stores and trust stores, encrypted or not.
//!
//! Only safes that may hold certificates are decrypted. Private keys stay encrypted, so no key of theirs is derived either, and what the
//! store asks for is known before the first round. A client's own identity is the exception: [`KeyBag::open`].

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::super::der::{self, Malformed, Reader};
use super::super::oid;
use super::Filling;
use super::pbe::{Cipher, Mac, PbeError};
use crate::model::Reason;

const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
/// `1.2.840.113549.1.12.10.1`, what the bag types begin with.
const BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
const X509_CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const X509_CRL: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x17\x01";
/// How deep safes may stand in safes.
const NESTED: usize = 4;
/// How many safes a store may have; programs write one or two.
const SAFES: usize = 64;

/// Reads one store.
pub fn read(der: &[u8], into: &mut Filling<'_>) {
    match store(der, into) {
        Ok(()) => {}
        Err(error @ Pkcs12Error::Passphrase) => into.problem(Reason::BadPassphrase, format!("PKCS#12: {error}")),
        Err(error) => into.problem(Reason::BadPkcs12, format!("PKCS#12: {error}")),
    }
}

#[derive(Debug, thiserror::Error)]
enum Pkcs12Error {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Pbe(#[from] PbeError),
    #[error("version {0}, known is 3")]
    Version(u64),
    #[error("content type {0} is not supported")]
    ContentType(String),
    #[error("asks for {asked} rounds of key derivation, limit {limit}")]
    Iterations { asked: u64, limit: u64 },
    #[error("more than {SAFES} safes")]
    Safes,
    #[error("no passphrase given opens it")]
    Passphrase,
}

fn store(der: &[u8], into: &mut Filling<'_>) -> Result<(), Pkcs12Error> {
    let mut pfx = Reader::new(Reader::new(der).expect_ber(der::SEQUENCE)?);
    match der::unsigned(pfx.expect_ber(der::INTEGER)?)? {
        3 => {}
        version => return Err(Pkcs12Error::Version(version)),
    }
    let sealed = content(pfx.expect_ber(der::SEQUENCE)?)?;
    let has_mac = !pfx.is_empty() && pfx.peek() != Some(0);
    let mac = if has_mac { Mac::read(pfx.expect_ber(der::SEQUENCE)?)? } else { None };
    let safes = safes(&sealed)?;

    // Of all stores in one file together, so that many small ones cost no more than a large one.
    let asked = mac.iter().map(Mac::iterations).chain(safes.iter().map(Safe::iterations)).fold(into.rounds, u64::saturating_add);
    if asked > into.limits.kdf_iterations {
        return Err(Pkcs12Error::Iterations { asked, limit: into.limits.kdf_iterations });
    }
    into.rounds = asked;
    // What is not encrypted can be read whatever the passphrase.
    for safe in &safes {
        if let Safe::Plain(bags) = safe {
            read_bags(bags, 0, into)?;
        }
    }
    let encrypted: Vec<_> = safes.iter().filter(|safe| matches!(safe, Safe::Encrypted { .. })).collect();
    let (passphrases, given) = into.passphrases();
    let mut tried = passphrases.into_iter();
    let opened = match &mac {
        Some(mac) => match tried.find(|passphrase| mac.fits(passphrase, &sealed)) {
            Some(passphrase) => decrypt(&encrypted, passphrase),
            None if encrypted.is_empty() && !given => Some(Vec::new()),
            None => None,
        },
        None if encrypted.is_empty() => Some(Vec::new()),
        None => tried.find_map(|passphrase| decrypt(&encrypted, passphrase)),
    };
    for bags in opened.ok_or(Pkcs12Error::Passphrase)? {
        read_bags(&bags, 0, into)?;
    }
    Ok(())
}

enum Safe<'a> {
    Plain(Cow<'a, [u8]>),
    Encrypted { cipher: Cipher<'a>, data: Cow<'a, [u8]> },
}

impl Safe<'_> {
    fn iterations(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Encrypted { cipher, .. } => cipher.iterations(),
        }
    }
}

/// Every safe's plain text; `None` when one does not open or is no list of bags then.
fn decrypt(safes: &[&Safe<'_>], passphrase: &str) -> Option<Vec<Vec<u8>>> {
    let open = |safe: &&Safe<'_>| match safe {
        Safe::Plain(_) => Some(Vec::new()),
        Safe::Encrypted { cipher, data } => {
            let bags = cipher.decrypt(passphrase, data)?;
            // One wrong passphrase in 256 leaves a padding that looks right.
            Reader::new(&bags).expect_ber(der::SEQUENCE).ok()?;
            Some(bags)
        }
    };
    safes.iter().map(open).collect()
}

/// The octets in a ContentInfo of plain data.
fn content(info: &[u8]) -> Result<Cow<'_, [u8]>, Pkcs12Error> {
    let mut info = Reader::new(info);
    match info.expect_ber(der::OID)? {
        DATA => Ok(Reader::new(info.expect_ber(0xa0)?).next_ber()?.octets()?),
        other => Err(Pkcs12Error::ContentType(oid::dotted(other))),
    }
}

fn safes(authenticated: &[u8]) -> Result<Vec<Safe<'_>>, Pkcs12Error> {
    let mut infos = Reader::new(Reader::new(authenticated).expect_ber(der::SEQUENCE)?);
    let mut safes = Vec::new();
    while !infos.is_empty() {
        if safes.len() == SAFES {
            return Err(Pkcs12Error::Safes);
        }
        let info = infos.expect_ber(der::SEQUENCE)?;
        let mut parts = Reader::new(info);
        if parts.expect_ber(der::OID)? != ENCRYPTED_DATA {
            safes.push(Safe::Plain(content(info)?));
            continue;
        }
        let mut encrypted = Reader::new(Reader::new(parts.expect_ber(0xa0)?).expect_ber(der::SEQUENCE)?);
        encrypted.expect_ber(der::INTEGER)?;
        let mut encrypted = Reader::new(encrypted.expect_ber(der::SEQUENCE)?);
        encrypted.expect_ber(der::OID)?;
        let cipher = Cipher::read(encrypted.expect_ber(der::SEQUENCE)?)?;
        safes.push(Safe::Encrypted { cipher, data: encrypted.next_ber()?.octets()? });
    }
    Ok(safes)
}

/// A private key as it stands in a store (RFC 7292 sections 4.2.1 and 4.2.2).
pub struct KeyBag {
    der: Zeroizing<Vec<u8>>,
    shrouded: bool,
}

impl KeyBag {
    /// The key, PKCS#8. `rounds` of key derivation have been spent on the store.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn open(&self, passphrases: &[&str], rounds: u64, limit: u64) -> Result<Zeroizing<Vec<u8>>, String> {
        if !self.shrouded {
            return Ok(self.der.clone());
        }
        let unshrouded = || -> Result<_, Pkcs12Error> {
            let mut parts = Reader::new(Reader::new(&self.der).expect_ber(der::SEQUENCE)?);
            let cipher = Cipher::read(parts.expect_ber(der::SEQUENCE)?)?;
            let asked = rounds.saturating_add(cipher.iterations());
            if asked > limit {
                return Err(Pkcs12Error::Iterations { asked, limit });
            }
            let data = parts.next_ber()?.octets()?;
            let opened = passphrases.iter().find_map(|passphrase| {
                let key = Zeroizing::new(cipher.decrypt(passphrase, &data)?);
                Reader::new(&key).expect_ber(der::SEQUENCE).is_ok().then_some(key)
            });
            opened.ok_or(Pkcs12Error::Passphrase)
        };
        unshrouded().map_err(|error| format!("PKCS#12: its key: {error}"))
    }
}

/// RFC 7292 section 4.2
fn read_bags(bags: &[u8], depth: usize, into: &mut Filling<'_>) -> Result<(), Pkcs12Error> {
    if depth > NESTED {
        return Err(Malformed::Deep.into());
    }
    let mut bags = Reader::new(Reader::new(bags).expect_ber(der::SEQUENCE)?);
    while !bags.is_empty() && !into.full {
        let mut bag = Reader::new(bags.expect_ber(der::SEQUENCE)?);
        let id = bag.expect_ber(der::OID)?;
        let value = bag.expect_ber(0xa0)?;
        match id.strip_prefix(BAG) {
            // Keys, plain or shrouded, and secrets: they are there, that is all, unless they are asked for.
            Some([kind @ (1 | 2 | 5)]) => {
                into.contents.other = true;
                if let Some(keys) = into.keys.as_mut().filter(|keys| *kind != 5 && keys.len() < SAFES) {
                    keys.push(KeyBag { der: Zeroizing::new(value.to_vec()), shrouded: *kind == 2 });
                }
            }
            Some([3 | 4]) => {
                let mut typed = Reader::new(Reader::new(value).expect_ber(der::SEQUENCE)?);
                let id = typed.expect_ber(der::OID)?;
                let octets = Reader::new(typed.expect_ber(0xa0)?).next_ber()?.octets()?;
                match id {
                    X509_CERTIFICATE => into.certificate(octets.into_owned()),
                    X509_CRL => into.crl(octets.into_owned()),
                    _ => into.contents.other = true,
                }
            }
            Some([6]) => read_bags(value, depth + 1, into)?,
            _ => {}
        }
    }
    Ok(())
}
