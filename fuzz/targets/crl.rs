//! Any bytes as one DER certificate revocation list: however they are cut into pieces, the outcome is the same.
//!
//! The first eight bytes decide about the cuts, the rest is the list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::pki::crl::{self, CrlError, Limits, Scanned, Scanner, Watched};

/// Every other serial number.
struct Odd;

impl Watched for Odd {
    fn wants(&self, serial: &[u8]) -> bool {
        serial.last().is_some_and(|last| last & 1 == 1)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = crl::read(bytes);
    let Some((seed, list)) = bytes.split_first_chunk::<8>() else { return };
    let whole = scan(std::iter::once(list));
    let mut state = u64::from_le_bytes(*seed);
    let mut rest = list;
    let pieces = std::iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, left) = rest.split_at(((state >> 33) as usize % 97).min(rest.len()));
        rest = left;
        Some(piece)
    });
    let pieces = scan(pieces);
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} as a whole, {pieces:?} in pieces"),
    }
});

fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Scanned, CrlError> {
    let mut scanner = Scanner::new(&Odd, Limits { head: 4096, entry: 512, tail: 4096, ..Limits::default() });
    for piece in pieces {
        scanner.feed(piece)?;
    }
    scanner.finish()
}
