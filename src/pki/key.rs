//! Public keys: family and size.
//!
//! May touch: `model`. Must not: check that a key is sound; that is what handshakes are for.

use aws_lc_rs::digest::{SHA256, digest};

use super::der::{self, Malformed, Reader};
use super::oid;
use crate::model::facts::{Curve, KeyAlgorithm, KeyFacts};

/// Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). What is unknown is [`KeyAlgorithm::Other`] of 0 bits.
///
/// Sizes: the RSA modulus, the DSA prime, the field of an elliptic curve; 256 and 456 for Ed25519 and Ed448 as their keys are long.
pub fn read(spki: &[u8]) -> KeyFacts {
    let (algorithm, bits, curve) = facts(spki).unwrap_or((KeyAlgorithm::Other, 0, None));
    let mut short = [0; 16];
    short.iter_mut().zip(digest(&SHA256, spki).as_ref()).for_each(|(short, byte)| *short = *byte);
    KeyFacts { algorithm, bits, curve, digest: short }
}

fn facts(spki: &[u8]) -> Result<(KeyAlgorithm, u32, Option<Curve>), Malformed> {
    let mut spki = Reader::new(Reader::new(spki).expect(der::SEQUENCE)?);
    let mut identifier = Reader::new(spki.expect(der::SEQUENCE)?);
    let algorithm = identifier.expect(der::OID)?;
    let key = spki.expect(der::BIT_STRING)?;
    let mut curve = None;
    let (algorithm, bits) = match algorithm {
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" | oid::RSASSA_PSS => (KeyAlgorithm::Rsa, modulus_bits(key)),
        b"\x2a\x86\x48\xce\x3d\x02\x01" => {
            curve = Some(named_curve(identifier.rest()));
            (KeyAlgorithm::Ec, curve_bits(identifier))
        }
        b"\x2b\x65\x70" => (KeyAlgorithm::Ed25519, Ok(256)),
        b"\x2b\x65\x71" => (KeyAlgorithm::Ed448, Ok(456)),
        b"\x2a\x86\x48\xce\x38\x04\x01" => (KeyAlgorithm::Dsa, prime_bits(identifier)),
        [prefix @ .., 0x11..=0x13] if prefix == b"\x60\x86\x48\x01\x65\x03\x04\x03" => (KeyAlgorithm::MlDsa, Ok(0)),
        _ => (KeyAlgorithm::Other, Ok(0)),
    };
    Ok((algorithm, bits.unwrap_or(0), curve))
}

fn modulus_bits(key: &[u8]) -> Result<u32, Malformed> {
    // The first byte of a BIT STRING counts its unused bits.
    let mut key = Reader::new(Reader::new(key.get(1..).ok_or(Malformed::Ended)?).expect(der::SEQUENCE)?);
    key.expect(der::INTEGER).map(bit_length)
}

fn prime_bits(mut identifier: Reader<'_>) -> Result<u32, Malformed> {
    Reader::new(identifier.expect(der::SEQUENCE)?).expect(der::INTEGER).map(bit_length)
}

fn curve_bits(mut identifier: Reader<'_>) -> Result<u32, Malformed> {
    let parameters = identifier.next()?;
    if parameters.tag == der::OID {
        return Ok(oid::curve_bits(parameters.contents));
    }
    // X9.62 explicit parameters: version, then the field with its prime.
    let mut parameters = Reader::new(parameters.contents);
    parameters.expect(der::INTEGER)?;
    let mut field = Reader::new(parameters.expect(der::SEQUENCE)?);
    field.expect(der::OID)?;
    field.expect(der::INTEGER).map(bit_length)
}

/// RFC 5480 section 2.1.1: the parameters of a named curve are its OID.
fn named_curve(parameters: &[u8]) -> Curve {
    Reader::new(parameters).expect(der::OID).map_or(Curve::Other, oid::curve)
}

fn bit_length(number: &[u8]) -> u32 {
    let significant = number.iter().position(|byte| *byte != 0).and_then(|first| number.get(first..)).unwrap_or_default();
    match significant {
        [] => 0,
        [first, rest @ ..] => u32::try_from(rest.len() * 8).unwrap_or(u32::MAX - 8) + (8 - first.leading_zeros()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_unknown_kind_is_no_error() {
        for spki in [&b""[..], b"\x30\x00", b"\x30\x09\x30\x03\x06\x01\x2a\x03\x02\x00\x00"] {
            let read = read(spki);
            assert_eq!((read.algorithm, read.bits, read.curve), (KeyAlgorithm::Other, 0, None));
        }
    }

    #[test]
    fn bits_count_from_the_first_one() {
        for (number, bits) in [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80, 0], 16), (&[0x7f, 0xff], 15)] {
            assert_eq!(bit_length(number), bits);
        }
    }
}
