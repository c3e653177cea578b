//! Reading lists again from where they lie: the cache, or a source's file.
//!
//! May touch: `model`, `pki`, files that it is handed.

use std::collections::HashSet;
use std::io::Read;

use crate::model::RevocationReason;
use crate::pki::crl::{self, Scanned, Scanner};

/// Read at once.
const WINDOW: usize = 64 << 10;

/// The serial numbers that lists are looked through for.
#[derive(Debug, Default)]
pub(super) struct Serials {
    /// Bits for the last three bytes, so that most entries are let go without a search.
    sieve: Box<[u64]>,
    all: HashSet<Box<[u8]>>,
}

impl Serials {
    pub(super) fn new<'a>(serials: impl Iterator<Item = &'a [u8]>) -> Self {
        let all: HashSet<Box<[u8]>> = serials.map(Into::into).collect();
        let mut sieve = vec![0_u64; BITS / 64].into_boxed_slice();
        for serial in &all {
            let bit = bit(serial);
            sieve[bit / 64] |= 1 << (bit % 64);
        }
        Self { sieve, all }
    }
}

const BITS: usize = 1 << 20;

fn bit(serial: &[u8]) -> usize {
    let last = serial.iter().rev().take(3).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    // Serial numbers that count up differ in their last byte, random ones everywhere.
    last % BITS
}

impl crl::Watched for Serials {
    fn wants(&self, serial: &[u8]) -> bool {
        let bit = bit(serial);
        self.sieve.get(bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0) && self.all.contains(serial)
    }
}

/// Looks through a list from its first byte to its last.
pub(super) fn scan(mut from: impl Read, serials: &Serials) -> Result<Scanned, (RevocationReason, Box<str>)> {
    let mut scanner = Scanner::new(serials);
    let mut window = vec![0; WINDOW];
    loop {
        let read = from.read(&mut window).map_err(|error| (RevocationReason::Unreachable, error.to_string().into()))?;
        if read == 0 {
            return scanner.finish().map_err(malformed);
        }
        scanner.feed(window.get(..read).unwrap_or_default()).map_err(malformed)?;
    }
}

/// What a list that cannot be read is called.
pub(super) fn malformed(error: crl::CrlError) -> (RevocationReason, Box<str>) {
    (RevocationReason::Malformed, error.to_string().into())
}
