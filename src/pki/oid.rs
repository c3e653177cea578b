//! Object identifiers by their DER contents: usual names, weak algorithms, curve sizes.
//!
//! May touch: nothing.

use std::fmt::Write;

use super::der::{self, Reader};
use crate::model::facts::Curve;

/// id-RSASSA-PSS
pub const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// PKCS#1 and the first RSA identifiers share all but the last byte.
const PKCS1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01";
const NIST_SIGNATURES: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03";

/// `1.2.840.113549`; arcs that no number holds are written in hexadecimal.
pub fn dotted(oid: &[u8]) -> String {
    let mut text = String::with_capacity(oid.len() * 3);
    let mut arc = 0_u128;
    let mut first = true;
    for byte in oid {
        let Some(shifted) = arc.checked_mul(128) else {
            return oid.iter().fold(String::from("0x"), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
        };
        arc = shifted | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if first {
                // X.690 section 8.19.4: the first two arcs share one number.
                let root = (arc / 40).min(2);
                let _ = write!(text, "{root}.{}", arc - root * 40);
                first = false;
            } else {
                let _ = write!(text, ".{arc}");
            }
            arc = 0;
        }
    }
    text
}

/// A signature algorithm as OpenSSL spells it, else dotted.
pub fn signature_name(oid: &[u8]) -> String {
    let known = match oid {
        [prefix @ .., last] if prefix == PKCS1 => match last {
            0x02 => "md2WithRSAEncryption",
            0x03 => "md4WithRSAEncryption",
            0x04 => "md5WithRSAEncryption",
            0x05 => "sha1WithRSAEncryption",
            0x0a => "rsassaPss",
            0x0b => "sha256WithRSAEncryption",
            0x0c => "sha384WithRSAEncryption",
            0x0d => "sha512WithRSAEncryption",
            0x0e => "sha224WithRSAEncryption",
            0x0f => "sha512-224WithRSAEncryption",
            0x10 => "sha512-256WithRSAEncryption",
            _ => "",
        },
        [prefix @ .., last] if prefix == NIST_SIGNATURES => match last {
            0x01 => "dsa_with_SHA224",
            0x02 => "dsa_with_SHA256",
            0x03 => "dsa_with_SHA384",
            0x04 => "dsa_with_SHA512",
            0x09 => "ecdsa_with_SHA3-224",
            0x0a => "ecdsa_with_SHA3-256",
            0x0b => "ecdsa_with_SHA3-384",
            0x0c => "ecdsa_with_SHA3-512",
            0x0d => "RSA-SHA3-224",
            0x0e => "RSA-SHA3-256",
            0x0f => "RSA-SHA3-384",
            0x10 => "RSA-SHA3-512",
            0x11 => "ML-DSA-44",
            0x12 => "ML-DSA-65",
            0x13 => "ML-DSA-87",
            _ => "",
        },
        b"\x2a\x86\x48\xce\x3d\x04\x01" => "ecdsa-with-SHA1",
        b"\x2a\x86\x48\xce\x3d\x04\x03\x01" => "ecdsa-with-SHA224",
        b"\x2a\x86\x48\xce\x3d\x04\x03\x02" => "ecdsa-with-SHA256",
        b"\x2a\x86\x48\xce\x3d\x04\x03\x03" => "ecdsa-with-SHA384",
        b"\x2a\x86\x48\xce\x3d\x04\x03\x04" => "ecdsa-with-SHA512",
        b"\x2b\x65\x70" => "Ed25519",
        b"\x2b\x65\x71" => "Ed448",
        b"\x2a\x86\x48\xce\x38\x04\x03" => "dsaWithSHA1",
        b"\x2b\x0e\x03\x02\x1b" => "dsaWithSHA1-old",
        b"\x2b\x0e\x03\x02\x03" => "md5WithRSA",
        b"\x2b\x0e\x03\x02\x0f" => "shaWithRSAEncryption",
        b"\x2b\x0e\x03\x02\x1d" => "sha1WithRSA",
        _ => "",
    };
    if known.is_empty() { dotted(oid) } else { known.to_owned() }
}

/// MD2, MD4, MD5, SHA-0 or SHA-1, by the algorithm and for RSASSA-PSS by its parameters (the whole of them, with identifier and length).
pub fn is_weak_signature(oid: &[u8], parameters: &[u8]) -> bool {
    match oid {
        [prefix @ .., last] if prefix == PKCS1 => match last {
            0x02..=0x05 => true,
            0x0a => pss_hash_is_sha1(parameters),
            _ => false,
        },
        b"\x2a\x86\x48\xce\x3d\x04\x01"
        | b"\x2a\x86\x48\xce\x38\x04\x03"
        | b"\x2b\x0e\x03\x02\x1b"
        | b"\x2b\x0e\x03\x02\x03"
        | b"\x2b\x0e\x03\x02\x0f"
        | b"\x2b\x0e\x03\x02\x1d" => true,
        _ => false,
    }
}

// RFC 4055 section 3.1: hashAlgorithm [0] defaults to SHA-1.
fn pss_hash_is_sha1(parameters: &[u8]) -> bool {
    const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
    let hash = || {
        let mut parameters = Reader::new(Reader::new(parameters).expect(der::SEQUENCE)?);
        let Some(hash) = parameters.optional(0xa0)? else { return Ok(SHA1) };
        Reader::new(Reader::new(hash).expect(der::SEQUENCE)?).expect(der::OID)
    };
    hash().is_ok_and(|hash: &[u8]| hash == SHA1) || parameters.is_empty()
}

/// An extended key usage as OpenSSL spells it, else dotted.
pub fn usage_name(oid: &[u8]) -> String {
    let known = match oid {
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last] => match last {
            1 => "serverAuth",
            2 => "clientAuth",
            3 => "codeSigning",
            4 => "emailProtection",
            5 => "ipsecEndSystem",
            6 => "ipsecTunnel",
            7 => "ipsecUser",
            8 => "timeStamping",
            9 => "OCSPSigning",
            17 => "ipsecIKE",
            _ => "",
        },
        b"\x55\x1d\x25\x00" => "anyExtendedKeyUsage",
        b"\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x02" => "msSmartcardLogin",
        b"\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x03" => "msSGC",
        b"\x60\x86\x48\x01\x86\xf8\x42\x04\x01" => "nsSGC",
        b"\x2b\x06\x01\x05\x02\x03\x05" => "pkInitKDC",
        b"\x2b\x06\x01\x05\x02\x03\x04" => "pkInitClientAuth",
        _ => "",
    };
    if known.is_empty() { dotted(oid) } else { known.to_owned() }
}

/// A named curve.
pub fn curve(oid: &[u8]) -> Curve {
    match oid {
        b"\x2a\x86\x48\xce\x3d\x03\x01\x07" => Curve::P256,
        b"\x2b\x81\x04\x00\x0a" => Curve::Secp256k1,
        b"\x2b\x81\x04\x00\x21" => Curve::P224,
        b"\x2b\x81\x04\x00\x22" => Curve::P384,
        b"\x2b\x81\x04\x00\x23" => Curve::P521,
        b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07" => Curve::BrainpoolP256r1,
        b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b" => Curve::BrainpoolP384r1,
        b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d" => Curve::BrainpoolP512r1,
        _ => Curve::Other,
    }
}

/// Field size in bits of a named curve; 0 when unknown.
pub fn curve_bits(oid: &[u8]) -> u32 {
    match oid {
        b"\x2a\x86\x48\xce\x3d\x03\x01\x01" => 192,
        b"\x2a\x86\x48\xce\x3d\x03\x01\x07" => 256,
        // SEC 2
        [0x2b, 0x81, 0x04, 0x00, last] => match last {
            0x01 | 0x02 | 0x0f => 163,
            0x08 | 0x09 | 0x1e => 160,
            0x0a => 256,
            0x10 | 0x11 => 283,
            0x1a | 0x1b => 233,
            0x1f => 192,
            0x20 | 0x21 => 224,
            0x22 => 384,
            0x23 => 521,
            0x24 | 0x25 => 409,
            0x26 | 0x27 => 571,
            _ => 0,
        },
        // RFC 5639, brainpoolP…r1 and …t1
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, last] => match last {
            0x01 | 0x02 => 160,
            0x03 | 0x04 => 192,
            0x05 | 0x06 => 224,
            0x07 | 0x08 => 256,
            0x09 | 0x0a => 320,
            0x0b | 0x0c => 384,
            0x0d | 0x0e => 512,
            _ => 0,
        },
        // SM2
        b"\x2a\x81\x1c\xcf\x55\x01\x82\x2d" => 256,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_spelled_in_dots() {
        for (oid, text) in [
            (&b"\x2a\x86\x48\x86\xf7\x0d"[..], "1.2.840.113549"),
            (b"\x55\x04\x03", "2.5.4.3"),
            (b"\x88\x37\x03", "2.999.3"),
            (b"\x00", "0.0"),
            (b"", ""),
            (&[0xff; 30], "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        ] {
            assert_eq!(dotted(oid), text);
        }
    }

    #[test]
    fn every_signature_that_has_a_name_is_listed_for_policies() {
        let arcs: [&[u8]; 5] = [PKCS1, NIST_SIGNATURES, b"\x2a\x86\x48\xce\x3d\x04\x03", b"\x2b\x65", b"\x2b\x0e\x03\x02"];
        let below = arcs.into_iter().flat_map(|arc| (0..=255).map(move |last| [arc, &[last]].concat()));
        let others = [b"\x2a\x86\x48\xce\x3d\x04\x01".to_vec(), b"\x2a\x86\x48\xce\x38\x04\x03".to_vec()];
        let names: std::collections::BTreeSet<String> =
            below.chain(others).map(|oid| signature_name(&oid)).filter(|name| name.contains(|c: char| c.is_ascii_alphabetic())).collect();
        let listed: std::collections::BTreeSet<String> =
            crate::model::facts::SIGNATURE_ALGORITHMS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names, listed);
    }

    #[test]
    fn pss_is_weak_by_its_parameters() {
        let sha256 = b"\x30\x11\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
        let sha1 = b"\x30\x0d\xa0\x0b\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00";
        for (name, parameters, weak) in
            [("sha256", &sha256[..], false), ("sha1", sha1, true), ("default", b"\x30\x00", true), ("absent", b"", true)]
        {
            assert_eq!(is_weak_signature(RSASSA_PSS, parameters), weak, "{name}");
        }
    }
}
