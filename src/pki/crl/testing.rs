//! Lists that no program makes, signed all the same.

use std::sync::Arc;

use rcgen::{KeyPair, PublicKeyData, SigningKey};

use super::*;
use crate::model::Authority;
use crate::pki::fixtures::tlv;

pub const ECDSA: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
pub const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// What a list is made of, each part in DER.
pub struct Draft {
    pub version: Vec<u8>,
    pub inner: Vec<u8>,
    pub issuer: Vec<u8>,
    pub times: Vec<u8>,
    /// With identifier and length.
    pub entries: Option<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
    pub outer: Vec<u8>,
}

impl Draft {
    /// Version 2 with these entries.
    pub fn of(entries: &[Vec<u8>]) -> Self {
        Self {
            version: tlv(2, &[1]),
            inner: ECDSA.into(),
            issuer: name("CA"),
            times: [tlv(0x17, b"240101000000Z"), tlv(0x17, b"240201000000Z")].concat(),
            entries: (!entries.is_empty()).then(|| tlv(0x30, &entries.concat())),
            extensions: vec![extension(20, false, &tlv(2, &[7]))],
            outer: ECDSA.into(),
        }
    }

    pub fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn signed(&self, key: &KeyPair) -> Vec<u8> {
        let mut tbs = [&self.version[..], &self.inner, &self.issuer, &self.times].concat();
        tbs.extend(self.entries.iter().flatten());
        if !self.extensions.is_empty() {
            tbs.extend(tlv(0xa0, &tlv(0x30, &self.extensions.concat())));
        }
        let tbs = tlv(0x30, &tbs);
        let signature = tlv(3, &[vec![0], key.sign(&tbs).unwrap()].concat());
        tlv(0x30, &[tbs, self.outer.clone(), signature].concat())
    }
}

pub fn name(common_name: &str) -> Vec<u8> {
    tlv(0x30, &tlv(0x31, &tlv(0x30, &[b"\x06\x03\x55\x04\x03".to_vec(), tlv(0x0c, common_name.as_bytes())].concat())))
}

/// Of the arc 2.5.29.
pub fn extension(last: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&[6, 3, 0x55, 0x1d, last], flag, &tlv(4, value)].concat())
}

pub fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0x30, &extensions.concat()) };
    tlv(0x30, &[tlv(2, serial), tlv(0x17, b"240101000000Z"), extensions].concat())
}

pub fn certificate_issuer(common_name: &str) -> Vec<u8> {
    extension(29, true, &tlv(0x30, &tlv(0xa4, &name(common_name))))
}

pub fn authority(key: &KeyPair, common_name: &str, key_usage: Option<u16>) -> Arc<Authority> {
    let key = key.subject_public_key_info().into();
    Arc::new(Authority { subject: name(common_name).into(), key, key_id: None, key_usage })
}

pub fn scan(list: &[u8], watched: &dyn Watched, piece: usize, limits: Limits) -> Result<Scanned, CrlError> {
    let mut scanner = Scanner::new(watched, limits);
    for piece in list.chunks(piece) {
        scanner.feed(piece)?;
    }
    scanner.finish()
}
