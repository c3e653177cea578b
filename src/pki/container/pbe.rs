//! Password-based decryption and integrity of PKCS#12 (RFC 7292 appendix B and C, RFC 8018), as far as stores in the field use it.
//!
//! May touch: `der`. Nothing is derived here before [`Cipher::iterations`] and [`Mac::iterations`] were held against the limit.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{self, Context};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};

use super::super::der::{self, Malformed, Reader};
use super::super::oid;

/// Why a store cannot be decrypted, whatever the passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PbeError {
    /// The parameters are not those of their algorithm.
    #[error("parameters of its encryption: {0}")]
    Malformed(#[from] Malformed),
    /// An algorithm that is not known here.
    #[error("encryption {0} is not supported")]
    Unsupported(String),
}

/// How a safe is encrypted.
pub struct Cipher<'a> {
    scheme: Scheme<'a>,
    salt: &'a [u8],
    iterations: NonZeroU32,
}

enum Scheme<'a> {
    /// RFC 7292 appendix C, with SHA-1; key and IV are both derived.
    Pbes1(Block),
    /// RFC 8018 section 6.2.
    Pbes2 { prf: pbkdf2::Algorithm, block: Block, iv: &'a [u8] },
}

#[derive(Clone, Copy)]
enum Block {
    Rc2 { key_bytes: usize },
    TwoKeyTripleDes,
    TripleDes,
    Aes128,
    Aes192,
    Aes256,
}

impl<'a> Cipher<'a> {
    /// Reads the contents of an AlgorithmIdentifier.
    pub fn read(identifier: &'a [u8]) -> Result<Self, PbeError> {
        let mut identifier = Reader::new(identifier);
        let algorithm = identifier.expect(der::OID)?;
        let mut parameters = Reader::new(identifier.expect(der::SEQUENCE)?);
        let scheme = match algorithm {
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03" => Scheme::Pbes1(Block::TripleDes),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04" => Scheme::Pbes1(Block::TwoKeyTripleDes),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05" => Scheme::Pbes1(Block::Rc2 { key_bytes: 16 }),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06" => Scheme::Pbes1(Block::Rc2 { key_bytes: 5 }),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" => return Self::pbes2(parameters),
            unknown => return Err(PbeError::Unsupported(oid::dotted(unknown))),
        };
        Ok(Self { scheme, salt: parameters.expect(der::OCTET_STRING)?, iterations: iterations(&mut parameters)? })
    }

    fn pbes2(mut parameters: Reader<'a>) -> Result<Self, PbeError> {
        let mut kdf = Reader::new(parameters.expect(der::SEQUENCE)?);
        let mut encryption = Reader::new(parameters.expect(der::SEQUENCE)?);
        match kdf.expect(der::OID)? {
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c" => {}
            unknown => return Err(PbeError::Unsupported(oid::dotted(unknown))),
        }
        let mut kdf = Reader::new(kdf.expect(der::SEQUENCE)?);
        let (salt, iterations) = (kdf.expect(der::OCTET_STRING)?, iterations(&mut kdf)?);
        let _key_length = kdf.optional(der::INTEGER)?;
        // RFC 8018 appendix A.2: the default is HMAC with SHA-1.
        let prf = match kdf.optional(der::SEQUENCE)?.map(|prf| Reader::new(prf).expect(der::OID)).transpose()? {
            None | Some(b"\x2a\x86\x48\x86\xf7\x0d\x02\x07") => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(b"\x2a\x86\x48\x86\xf7\x0d\x02\x09") => pbkdf2::PBKDF2_HMAC_SHA256,
            Some(b"\x2a\x86\x48\x86\xf7\x0d\x02\x0a") => pbkdf2::PBKDF2_HMAC_SHA384,
            Some(b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b") => pbkdf2::PBKDF2_HMAC_SHA512,
            Some(unknown) => return Err(PbeError::Unsupported(oid::dotted(unknown))),
        };
        let block = match encryption.expect(der::OID)? {
            b"\x2a\x86\x48\x86\xf7\x0d\x03\x07" => Block::TripleDes,
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x02" => Block::Aes128,
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x16" => Block::Aes192,
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a" => Block::Aes256,
            unknown => return Err(PbeError::Unsupported(oid::dotted(unknown))),
        };
        Ok(Self { scheme: Scheme::Pbes2 { prf, block, iv: encryption.expect(der::OCTET_STRING)? }, salt, iterations })
    }

    /// Rounds of key derivation for one passphrase.
    pub fn iterations(&self) -> u64 {
        u64::from(self.iterations.get())
    }

    /// The plain text; `None` when the padding says that this is not the passphrase.
    pub fn decrypt(&self, passphrase: &str, data: &[u8]) -> Option<Vec<u8>> {
        match &self.scheme {
            Scheme::Pbes2 { prf, block, iv } => {
                let mut key = vec![0; block.key_bytes()];
                pbkdf2::derive(*prf, self.iterations, self.salt, passphrase.as_bytes(), &mut key);
                block.decrypt(&key, iv, data)
            }
            Scheme::Pbes1(block) => encodings(passphrase).find_map(|passphrase| {
                let derive = |purpose, length| {
                    derive(&digest::SHA1_FOR_LEGACY_USE_ONLY, 64, purpose, &passphrase, self.salt, self.iterations, length)
                };
                block.decrypt(&derive(Purpose::Key, block.key_bytes()), &derive(Purpose::Iv, 8), data)
            }),
        }
    }
}

impl Block {
    fn key_bytes(self) -> usize {
        match self {
            Self::Rc2 { key_bytes } => key_bytes,
            Self::TwoKeyTripleDes | Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rc2 { .. } => cbc_decrypt::<cbc::Decryptor<rc2::Rc2>>(key, iv, data),
            Self::TwoKeyTripleDes => cbc_decrypt::<cbc::Decryptor<des::TdesEde2>>(key, iv, data),
            Self::TripleDes => cbc_decrypt::<cbc::Decryptor<des::TdesEde3>>(key, iv, data),
            Self::Aes128 => aes_decrypt(&AES_128, key, iv, data),
            Self::Aes192 => aes_decrypt(&AES_192, key, iv, data),
            Self::Aes256 => aes_decrypt(&AES_256, key, iv, data),
        }
    }
}

fn cbc_decrypt<D: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    D::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(data).ok()
}

fn aes_decrypt(algorithm: &'static Algorithm, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let iv: [u8; 16] = iv.try_into().ok()?;
    let mut data = data.to_vec();
    let length = key.decrypt(&mut data, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?.len();
    data.truncate(length);
    Some(data)
}

/// The integrity of a whole store (RFC 7292 section 4, MacData).
pub struct Mac<'a> {
    hash: Hash,
    salt: &'a [u8],
    iterations: NonZeroU32,
    value: &'a [u8],
}

struct Hash {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    block_bytes: usize,
}

impl<'a> Mac<'a> {
    /// Reads the contents of a MacData; `None` when its algorithm is not known here (PBMAC1 of RFC 9579 among them), and then decryption
    /// alone tells whether a passphrase fits.
    pub fn read(mac_data: &'a [u8]) -> Result<Option<Self>, PbeError> {
        let mut mac_data = Reader::new(mac_data);
        let mut info = Reader::new(mac_data.expect_ber(der::SEQUENCE)?);
        let algorithm = Reader::new(info.expect_ber(der::SEQUENCE)?).expect(der::OID)?;
        let value = info.expect(der::OCTET_STRING)?;
        let salt = mac_data.expect(der::OCTET_STRING)?;
        let iterations = if mac_data.is_empty() { NonZeroU32::MIN } else { iterations(&mut mac_data)? };
        let (digest, hmac, block_bytes) = match algorithm {
            b"\x2b\x0e\x03\x02\x1a" => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, 64),
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" => (&digest::SHA256, hmac::HMAC_SHA256, 64),
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x02" => (&digest::SHA384, hmac::HMAC_SHA384, 128),
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x03" => (&digest::SHA512, hmac::HMAC_SHA512, 128),
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x04" => (&digest::SHA224, hmac::HMAC_SHA224, 64),
            _ => return Ok(None),
        };
        Ok(Some(Self { hash: Hash { digest, hmac, block_bytes }, salt, iterations, value }))
    }

    /// Rounds of key derivation for one passphrase.
    pub fn iterations(&self) -> u64 {
        u64::from(self.iterations.get())
    }

    /// Whether the passphrase is the one that the store was sealed with.
    pub fn fits(&self, passphrase: &str, sealed: &[u8]) -> bool {
        let Hash { digest, hmac, block_bytes } = &self.hash;
        encodings(passphrase).any(|passphrase| {
            let key = derive(digest, *block_bytes, Purpose::Mac, &passphrase, self.salt, self.iterations, digest.output_len());
            hmac::verify(&hmac::Key::new(*hmac, &key), sealed, self.value).is_ok()
        })
    }
}

/// RFC 7292 appendix B.3
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// RFC 7292 appendix B.1: UTF-16 with a final zero. Some programs write the empty passphrase without it.
fn encodings(passphrase: &str) -> impl Iterator<Item = Vec<u8>> {
    let terminated = passphrase.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    [Some(terminated), passphrase.is_empty().then(Vec::new)].into_iter().flatten()
}

/// RFC 7292 appendix B.2
fn derive(
    hash: &'static digest::Algorithm,
    block_bytes: usize,
    purpose: Purpose,
    passphrase: &[u8],
    salt: &[u8],
    iterations: NonZeroU32,
    length: usize,
) -> Vec<u8> {
    let filled = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().cycle().take(bytes.len().next_multiple_of(block_bytes)).collect() };
    let mut input = [filled(salt), filled(passphrase)].concat();
    let diversifier = vec![purpose as u8; block_bytes];
    let mut derived = Vec::with_capacity(length + hash.output_len());
    loop {
        let mut context = Context::new(hash);
        context.update(&diversifier);
        context.update(&input);
        let mut block = context.finish();
        for _ in 1..iterations.get() {
            block = digest::digest(hash, block.as_ref());
        }
        derived.extend_from_slice(block.as_ref());
        if derived.len() >= length {
            derived.truncate(length);
            return derived;
        }
        let addend: Vec<u8> = block.as_ref().iter().copied().cycle().take(block_bytes).collect();
        for chunk in input.chunks_mut(block_bytes) {
            let mut carry = 1_u16;
            for (byte, add) in chunk.iter_mut().zip(&addend).rev() {
                carry += u16::from(*byte) + u16::from(*add);
                [_, *byte] = carry.to_be_bytes();
                carry >>= 8;
            }
        }
    }
}

fn iterations(parameters: &mut Reader<'_>) -> Result<NonZeroU32, Malformed> {
    let count = der::unsigned(parameters.expect(der::INTEGER)?)?;
    u32::try_from(count).ok().and_then(NonZeroU32::new).ok_or(Malformed::Number)
}
