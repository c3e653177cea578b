//! What of RFC 5280 section 4.1 bytes do not keep to, in words: the parser's own are for those who know it.

use x509_parser::asn1_rs::Error as Asn1Error;
use x509_parser::error::X509Error;
use x509_parser::nom;

use super::super::der::{self, Malformed, Reader};

/// Why the parser refused: which part has another tag or is cut off, else what the parser says of it.
pub(super) fn error(der: &[u8], refused: &nom::Err<X509Error>) -> String {
    if let Err((part, malformed)) = parts(der) {
        return match malformed {
            malformed if part.is_empty() => malformed.to_string(),
            Malformed::Ended => format!("{part} is missing"),
            malformed => format!("{part}: {malformed}"),
        };
    }
    match refused {
        nom::Err::Incomplete(_) => "cut off".to_owned(),
        nom::Err::Error(error) | nom::Err::Failure(error) => words(error),
    }
}

/// Goes along the parts and looks at their tags and lengths alone.
fn parts(der: &[u8]) -> Result<(), (&'static str, Malformed)> {
    let at = |part: &'static str| move |malformed| (part, malformed);
    // What the whole of it is needs no name.
    let mut outer = Reader::new(Reader::new(der).expect(der::SEQUENCE).map_err(at(""))?);
    let mut inner = Reader::new(outer.expect(der::SEQUENCE).map_err(at("tbsCertificate"))?);
    if let Some(version) = inner.optional(VERSION).map_err(at("version"))? {
        Reader::new(version).expect(der::INTEGER).map_err(at("version"))?;
    }
    inner.expect(der::INTEGER).map_err(at("serialNumber"))?;
    let algorithm = |bytes, part| Reader::new(bytes).expect(der::OID).map_err(at(part)).map(|_| ());
    algorithm(inner.expect(der::SEQUENCE).map_err(at("signature"))?, "signature")?;
    inner.expect(der::SEQUENCE).map_err(at("issuer"))?;
    let mut validity = Reader::new(inner.expect(der::SEQUENCE).map_err(at("validity"))?);
    validity.next().and_then(der::time).map_err(at("notBefore"))?;
    validity.next().and_then(der::time).map_err(at("notAfter"))?;
    inner.expect(der::SEQUENCE).map_err(at("subject"))?;
    let mut key = Reader::new(inner.expect(der::SEQUENCE).map_err(at("subjectPublicKeyInfo"))?);
    algorithm(key.expect(der::SEQUENCE).map_err(at("subjectPublicKeyInfo"))?, "subjectPublicKeyInfo")?;
    key.expect(der::BIT_STRING).map_err(at("subjectPublicKey"))?;
    algorithm(outer.expect(der::SEQUENCE).map_err(at("signatureAlgorithm"))?, "signatureAlgorithm")?;
    outer.expect(der::BIT_STRING).map_err(at("signatureValue"))?;
    Ok(())
}

/// `[0] EXPLICIT`
const VERSION: u8 = 0xa0;

fn words(error: &X509Error) -> String {
    match error {
        X509Error::Der(Asn1Error::InvalidValue { msg, .. }) => format!("a value cannot be: {msg}"),
        X509Error::Der(
            Asn1Error::UnexpectedTag { .. } | Asn1Error::UnexpectedClass { .. } | Asn1Error::InvalidTag | Asn1Error::UnknownTag(_),
        ) => "a value of another type than the one that belongs there".to_owned(),
        X509Error::Der(Asn1Error::InvalidLength | Asn1Error::Incomplete(_)) => "a length that does not fit what is there".to_owned(),
        X509Error::Der(Asn1Error::IndefiniteLengthUnexpected) => "indefinite length".to_owned(),
        X509Error::Der(Asn1Error::StringInvalidCharset) => "a text with characters that are forbidden in it".to_owned(),
        X509Error::Der(Asn1Error::InvalidDateTime) => "a date that no calendar has".to_owned(),
        X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic => "a value that is not DER".to_owned(),
        // Each of these is a few words, such as "invalid date".
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Limits;
    use crate::pki::fixtures::Issued;

    #[test]
    fn every_broken_certificate_is_refused_in_plain_words() {
        let der = Issued::root("Root").leaf("a.example", |_| {}).der;
        assert!(super::super::read(&der, &Limits::default()).is_ok());
        let mut told = std::collections::BTreeSet::new();
        for position in 0..der.len() {
            for byte in [0x00, 0x02, 0x04, 0x05, 0x0c, 0x30, 0x80, 0x9f, 0xa0, 0xff, der[position] ^ 1, der[position] ^ 0x20] {
                let mut broken = der.clone();
                broken[position] = byte;
                if let Err(error) = super::super::read(&broken, &Limits::default()) {
                    told.insert(error.to_string());
                }
            }
        }
        assert!(told.len() > 20, "{told:#?}");
        for words in &told {
            let code = ["Der(", "Nom", "Parsing", "Error", "{", "Some(", "Tag(", "BER"];
            assert!(!code.iter().any(|code| words.contains(code)), "{words}");
        }
    }

    #[test]
    fn the_part_that_is_wrong_is_named() {
        let der = Issued::root("Root").leaf("a.example", |_| {}).der;
        for (behaviour, bytes, expected) in [
            ("nothing", vec![], "ends where a value should begin"),
            ("another thing", b"\x04\x01a".to_vec(), "tag 0x04 where 0x30 belongs"),
            ("an empty sequence", b"\x30\x00".to_vec(), "tbsCertificate is missing"),
            ("no serial number", b"\x30\x02\x30\x00".to_vec(), "serialNumber is missing"),
            ("a text as serial number", b"\x30\x05\x30\x03\x0c\x01a".to_vec(), "serialNumber: tag 0x0c where 0x02 belongs"),
            ("cut off", der[..der.len() - 1].to_vec(), "cut off"),
        ] {
            let words = super::super::read(&bytes, &Limits::default()).unwrap_err().to_string();
            assert!(words.starts_with("not an X.509 certificate: ") && words.contains(expected), "{behaviour}: {words}");
        }
    }
}
