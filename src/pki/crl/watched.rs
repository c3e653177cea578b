//! The serial numbers that a list is scanned for.
//!
//! May touch: nothing. Asked once per entry, and the answer is nearly always no: so a small bit set says no before a hash is made.

use std::collections::HashSet;

/// Whose serial numbers are looked for.
pub trait Watched: Sync {
    /// Whether this one is. `serial` is [`normalised`]. Asked once per entry, millions of times: it has to be fast.
    fn wants(&self, serial: &[u8]) -> bool;
}

/// Nobody's.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Watched for Nothing {
    fn wants(&self, _: &[u8]) -> bool {
        false
    }
}

impl<S: std::hash::BuildHasher + Sync> Watched for HashSet<Box<[u8]>, S> {
    fn wants(&self, serial: &[u8]) -> bool {
        self.contains(serial)
    }
}

/// A set of serial numbers behind a bit set.
#[derive(Clone, Debug)]
pub struct Serials {
    bits: Box<[u64]>,
    shift: u32,
    serials: HashSet<Box<[u8]>>,
}

impl Serials {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Where a serial number stands in the bit set: the end of it differs even where a CA counts.
    fn place(&self, serial: &[u8]) -> (usize, u64) {
        let end = match serial.last_chunk::<8>() {
            Some(end) => u64::from_le_bytes(*end),
            None => serial.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let place = end.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift;
        (usize::try_from(place >> 6).unwrap_or_default(), 1 << (place & 63))
    }
}

impl FromIterator<Box<[u8]>> for Serials {
    /// Of serial numbers that are [`normalised`], as those of [`Lookup`](crate::model::Lookup) are.
    fn from_iter<I: IntoIterator<Item = Box<[u8]>>>(serials: I) -> Self {
        let serials: HashSet<Box<[u8]>> = serials.into_iter().collect();
        // 16 bits for each: one foreign serial number in 16 gets to the hash set. 2 MiB at most, so that it stays in the cache.
        let size = (serials.len().saturating_mul(16)).next_power_of_two().clamp(1 << 12, 1 << 24);
        let mut set = Self { bits: vec![0; size / 64].into(), shift: 64 - size.trailing_zeros(), serials: HashSet::new() };
        for serial in &serials {
            let (word, bit) = set.place(serial);
            if let Some(word) = set.bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self { serials, ..set }
    }
}

impl Watched for Serials {
    fn wants(&self, serial: &[u8]) -> bool {
        let (word, bit) = self.place(serial);
        self.bits.get(word).is_some_and(|word| word & bit != 0) && self.serials.contains(serial)
    }
}

/// The contents of an INTEGER without redundant leading bytes: some CAs write them.
pub fn normalised(mut integer: &[u8]) -> &[u8] {
    while let [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = integer {
        integer = integer.get(1..).unwrap_or_default();
    }
    integer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leading_bytes_that_say_nothing_are_taken_off() {
        for (integer, expected) in [
            (&[0x01][..], &[0x01][..]),
            (&[0x00, 0x01], &[0x01]),
            (&[0x00, 0x00, 0x80], &[0x00, 0x80]),
            (&[0x00, 0x80], &[0x00, 0x80]),
            (&[0x00, 0x00], &[0x00]),
            (&[0xff, 0xff, 0x80], &[0x80]),
            (&[0xff, 0x7f], &[0xff, 0x7f]),
            (&[0xff, 0xff], &[0xff]),
            (&[], &[]),
        ] {
            assert_eq!(normalised(integer), expected, "{integer:x?}");
        }
    }

    #[test]
    fn the_bit_set_loses_nobody_and_lets_few_others_through() {
        let number = |n: u64| Box::<[u8]>::from(normalised(&n.to_be_bytes()));
        let serials: Serials = (0..10_000).map(|n| number(n * 7)).collect();
        assert_eq!(serials.len(), 10_000);
        let mut through = 0;
        for n in 0..70_000 {
            let serial = number(n);
            assert_eq!(serials.wants(&serial), n % 7 == 0, "{n}");
            let (word, bit) = serials.place(&serial);
            through += u64::from(serials.bits[word] & bit != 0);
        }
        assert!(through < 20_000, "{through}");
        assert!(!Serials::from_iter([]).wants(&[1]));
    }
}
