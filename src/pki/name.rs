//! Distinguished names as text: RFC 4514, last RDN first, no blank after commas.
//!
//! May touch: `der`. Short names are those of RFC 4514 and, beyond its table, OpenSSL's; an attribute without one is written
//! `1.2.3=#hex of its DER` (RFC 4514 section 2.4). No byte is lost: what is not text is written as `\xx` or `#hex`.

use std::fmt::Write;

use super::der::{self, Malformed, Reader, Value};
use super::oid;

const COMMON_NAME: &[u8] = b"\x55\x04\x03";

/// A name, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// RFC 4514.
    pub text: String,
    /// The first common name, or empty.
    pub common_name: String,
}

impl Name {
    /// Reads the contents of a Name's outer SEQUENCE.
    pub fn read(rdns: &[u8]) -> Result<Self, Malformed> {
        let mut attributes = Vec::with_capacity(8);
        let mut rdns = Reader::new(rdns);
        while !rdns.is_empty() {
            let mut rdn = Reader::new(rdns.expect(der::SET)?);
            let mut first = true;
            while !rdn.is_empty() {
                let mut attribute = Reader::new(rdn.expect(der::SEQUENCE)?);
                attributes.push(Attribute { starts_rdn: first, oid: attribute.expect(der::OID)?, value: attribute.next()? });
                first = false;
            }
        }
        let common_name = attributes.iter().find(|attribute| attribute.oid == COMMON_NAME);
        Ok(Self {
            common_name: common_name
                .map(|attribute| text(attribute.value).unwrap_or_else(|| hex_string(attribute.value)))
                .unwrap_or_default(),
            text: write_reversed(&attributes),
        })
    }
}

/// Bytes that should be text: UTF-8 as it is, any other byte as `\xx`.
pub fn lossless(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\{byte:02X}");
        }
    }
    out
}

/// Whether two DER Names are the same: byte for byte, else by RFC 5280 section 7.1 (case, inner white space, string types; without
/// Unicode's normal forms). What cannot be read equals itself only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((folded(a), folded(b)), (Ok(a), Ok(b)) if a == b)
}

/// A relative distinguished name: attribute types with their folded values.
type Relative<'a> = Vec<(&'a [u8], Folded)>;

/// Per RDN its attributes in an order of their own: string types may change the order in which DER puts them.
fn folded(name: &[u8]) -> Result<Vec<Relative<'_>>, Malformed> {
    let mut outer = Reader::new(name);
    let mut rdns = Reader::new(outer.expect(der::SEQUENCE)?);
    outer.finish()?;
    let mut all = Vec::with_capacity(8);
    while !rdns.is_empty() {
        let mut rdn = Reader::new(rdns.expect(der::SET)?);
        let mut attributes = Vec::with_capacity(1);
        while !rdn.is_empty() {
            let mut attribute = Reader::new(rdn.expect(der::SEQUENCE)?);
            attributes.push((attribute.expect(der::OID)?, Folded::of(attribute.next()?)));
            attribute.finish()?;
        }
        attributes.sort_unstable();
        all.push(attributes);
    }
    Ok(all)
}

/// A value as names are compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Folded {
    /// Lower case, every run of white space one blank, none at the ends.
    Text(String),
    /// No string: the whole of it.
    Raw(Vec<u8>),
}

impl Folded {
    fn of(value: Value<'_>) -> Self {
        // Bytes that are no UTF-8 must not become text that some other name has.
        let readable = !matches!(value.tag, 0x0c | 0x12 | 0x13 | 0x16 | 0x1a) || std::str::from_utf8(value.contents).is_ok();
        match text(value).filter(|_| readable) {
            Some(text) => {
                let mut folded = String::with_capacity(text.len());
                for word in text.split_whitespace() {
                    if !folded.is_empty() {
                        folded.push(' ');
                    }
                    folded.extend(word.chars().flat_map(char::to_lowercase));
                }
                Self::Text(folded)
            }
            None => Self::Raw(value.raw.to_vec()),
        }
    }
}

struct Attribute<'a> {
    starts_rdn: bool,
    oid: &'a [u8],
    value: Value<'a>,
}

fn write_reversed(attributes: &[Attribute<'_>]) -> String {
    let mut out = String::with_capacity(attributes.len() * 24);
    let mut end = attributes.len();
    for start in (0..attributes.len()).rev().filter(|at| attributes.get(*at).is_some_and(|attribute| attribute.starts_rdn)) {
        for (position, attribute) in attributes.get(start..end).unwrap_or_default().iter().enumerate() {
            if position > 0 {
                out.push('+');
            } else if !out.is_empty() {
                out.push(',');
            }
            write_attribute(&mut out, attribute);
        }
        end = start;
    }
    out
}

fn write_attribute(out: &mut String, attribute: &Attribute<'_>) {
    let Some(name) = short_name(attribute.oid) else {
        out.push_str(&oid::dotted(attribute.oid));
        out.push('=');
        out.push_str(&hex_string(attribute.value));
        return;
    };
    out.push_str(name);
    out.push('=');
    match attribute.value.tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => escape(out, attribute.value.contents),
        _ => match text(attribute.value) {
            Some(text) => escape(out, text.as_bytes()),
            None => out.push_str(&hex_string(attribute.value)),
        },
    }
}

/// RFC 4514 section 2.4; control characters too, which it merely allows to be escaped.
fn escape(out: &mut String, bytes: &[u8]) {
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let at_an_end = at == 0 || at + 1 == bytes.len();
            match character {
                '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', character]),
                '#' if at == 0 => out.push_str("\\#"),
                ' ' if at_an_end => out.push_str("\\ "),
                control if control.is_control() => {
                    for byte in control.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(out, "\\{byte:02X}");
                    }
                }
                plain => out.push(plain),
            }
            at += character.len_utf8();
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\{byte:02X}");
        }
        at += chunk.invalid().len();
    }
}

/// A string type's text; `None` for what is no string or cannot be one.
fn text(value: Value<'_>) -> Option<String> {
    let bytes = value.contents;
    match value.tag {
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => Some(lossless(bytes)),
        // TeletexString: in the field it is Latin-1.
        0x14 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        // UniversalString
        0x1c => wide(bytes, |[a, b, c, d]: [u8; 4]| u32::from_be_bytes([a, b, c, d]))
            .and_then(|units| units.into_iter().map(char::from_u32).collect()),
        // BMPString
        0x1e => wide(bytes, u16::from_be_bytes).and_then(|units| String::from_utf16(&units).ok()),
        _ => None,
    }
}

fn wide<const N: usize, U>(bytes: &[u8], unit: impl Fn([u8; N]) -> U) -> Option<Vec<U>> {
    let (units, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| units.iter().map(|bytes| unit(*bytes)).collect())
}

fn hex_string(value: Value<'_>) -> String {
    value.raw.iter().fold(String::from("#"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn short_name(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 0x04, attribute] => match attribute {
            0x03 => "CN",
            0x04 => "SN",
            0x05 => "serialNumber",
            0x06 => "C",
            0x07 => "L",
            0x08 => "ST",
            0x09 => "STREET",
            0x0a => "O",
            0x0b => "OU",
            0x0c => "title",
            0x0d => "description",
            0x0f => "businessCategory",
            0x10 => "postalAddress",
            0x11 => "postalCode",
            0x12 => "postOfficeBox",
            0x14 => "telephoneNumber",
            0x29 => "name",
            0x2a => "GN",
            0x2b => "initials",
            0x2c => "generationQualifier",
            0x2d => "x500UniqueIdentifier",
            0x2e => "dnQualifier",
            0x41 => "pseudonym",
            0x61 => "organizationIdentifier",
            _ => return None,
        },
        b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01" => "UID",
        b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19" => "DC",
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01" => "emailAddress",
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02" => "unstructuredName",
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08" => "unstructuredAddress",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01" => "jurisdictionL",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02" => "jurisdictionST",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03" => "jurisdictionC",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat()
    }

    fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(der::SEQUENCE, &[tlv(der::OID, oid), tlv(tag, value)].concat())
    }

    fn common_name(tag: u8, value: &[u8]) -> Name {
        Name::read(&tlv(der::SET, &attribute(COMMON_NAME, tag, value))).unwrap()
    }

    #[test]
    fn values_are_escaped_and_nothing_is_lost() {
        for (what, tag, value, text, cn) in [
            ("plain", 0x0c, &b"James"[..], "CN=James", "James"),
            ("specials", 0x0c, b"a,b+c\"d\\e<f>g;h", "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h", "a,b+c\"d\\e<f>g;h"),
            ("blanks and hash", 0x13, b" #x ", "CN=\\ #x\\ ", " #x "),
            ("leading hash", 0x13, b"#x#", "CN=\\#x#", "#x#"),
            ("one blank", 0x13, b" ", "CN=\\ ", " "),
            ("control", 0x0c, b"a\n\0b", "CN=a\\0A\\00b", "a\n\0b"),
            ("C1 control", 0x0c, "\u{85}".as_bytes(), "CN=\\C2\\85", "\u{85}"),
            ("umlaut", 0x0c, "Zürich".as_bytes(), "CN=Zürich", "Zürich"),
            ("not UTF-8", 0x0c, b" a\xff ", "CN=\\ a\\FF\\ ", " a\\FF "),
            ("Teletex is Latin-1", 0x14, b"Z\xfcrich", "CN=Zürich", "Zürich"),
            ("BMP", 0x1e, b"\x00Z\x00\xfc", "CN=Zü", "Zü"),
            ("odd BMP", 0x1e, b"\x00Z\x00", "CN=#1e03005a00", "#1e03005a00"),
            ("lone surrogate", 0x1e, b"\xd8\x00", "CN=#1e02d800", "#1e02d800"),
            ("Universal", 0x1c, b"\x00\x01\xf6\x00", "CN=\u{1f600}", "\u{1f600}"),
            ("no string", 0x02, b"\x05", "CN=#020105", "#020105"),
            ("empty", 0x0c, b"", "CN=", ""),
        ] {
            assert_eq!(common_name(tag, value), Name { text: text.into(), common_name: cn.into() }, "{what}");
        }
    }

    #[test]
    fn the_last_rdn_comes_first() {
        let rdns = [
            tlv(der::SET, &attribute(b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 0x16, b"net")),
            tlv(der::SET, &[attribute(b"\x55\x04\x0b", 0x0c, b"Sales"), attribute(COMMON_NAME, 0x0c, b"J. Smith")].concat()),
            tlv(der::SET, &attribute(b"\x2a\x03\x04", 0x04, b"Hi")),
            tlv(der::SET, &attribute(COMMON_NAME, 0x0c, b"second")),
        ]
        .concat();
        let name = Name::read(&rdns).unwrap();
        assert_eq!(name.text, "CN=second,1.2.3.4=#04024869,OU=Sales+CN=J. Smith,DC=net", "RFC 4514 section 4");
        assert_eq!(name.common_name, "J. Smith");
        assert_eq!(Name::read(&[]).unwrap(), Name::default());
    }

    #[test]
    fn names_are_the_same_whatever_their_spelling() {
        let rdn = |attributes: &[Vec<u8>]| tlv(der::SET, &attributes.concat());
        let name = |rdns: &[Vec<u8>]| tlv(der::SEQUENCE, &rdns.concat());
        let cn = |tag: u8, text: &[u8]| attribute(COMMON_NAME, tag, text);
        let ou = |tag: u8, text: &[u8]| attribute(b"\x55\x04\x0b", tag, text);
        let plain = |tag, text: &[u8]| name(&[rdn(&[cn(tag, text)])]);
        for (what, a, b, equal) in [
            ("itself", plain(0x0c, b"CA"), plain(0x0c, b"CA"), true),
            ("another", plain(0x0c, b"CA"), plain(0x0c, b"CB"), false),
            ("case", plain(0x13, b"My CA"), plain(0x13, b"my ca"), true),
            ("white space", plain(0x13, b"My CA"), plain(0x13, b" My   CA "), true),
            ("a blank between", plain(0x13, b"My CA"), plain(0x13, b"MyCA"), false),
            ("string types", plain(0x13, b"CA"), plain(0x0c, b"CA"), true),
            ("wide strings", plain(0x1e, b"\x00C\x00A"), plain(0x0c, b"ca"), true),
            ("umlauts", plain(0x0c, "Z\u{dc}RICH".as_bytes()), plain(0x14, b"Z\xfcrich"), true),
            ("no string", plain(0x04, b"CA"), plain(0x04, b"ca"), false),
            ("no string and a string", plain(0x04, b"CA"), plain(0x0c, b"CA"), false),
            ("escapes are no text", plain(0x0c, b"\xff"), plain(0x0c, b"\\FF"), false),
            ("order within an RDN", name(&[rdn(&[cn(0x0c, b"a"), ou(0x0c, b"b")])]), name(&[rdn(&[ou(0x13, b"B"), cn(0x0c, b"a")])]), true),
            (
                "order of RDNs",
                name(&[rdn(&[cn(0x0c, b"a")]), rdn(&[ou(0x0c, b"b")])]),
                name(&[rdn(&[ou(0x0c, b"b")]), rdn(&[cn(0x0c, b"a")])]),
                false,
            ),
            (
                "one RDN is not two",
                name(&[rdn(&[cn(0x0c, b"a"), ou(0x0c, b"b")])]),
                name(&[rdn(&[cn(0x0c, b"a")]), rdn(&[ou(0x0c, b"b")])]),
                false,
            ),
            ("another attribute", name(&[rdn(&[cn(0x0c, b"a")])]), name(&[rdn(&[ou(0x0c, b"a")])]), false),
            ("more", plain(0x0c, b"a"), name(&[rdn(&[cn(0x0c, b"a")]), rdn(&[cn(0x0c, b"a")])]), false),
            ("a prefix in bytes", plain(0x0c, b"a"), [plain(0x0c, b"A"), vec![0]].concat(), false),
            ("garbage", b"x".to_vec(), b"X".to_vec(), false),
            ("nothing", name(&[]), name(&[]), true),
        ] {
            assert_eq!(same(&a, &b), equal, "{what}");
            assert_eq!(same(&b, &a), equal, "{what}, turned round");
        }
    }
}
