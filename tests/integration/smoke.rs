//! The fuzz targets on a stable toolchain: the seeds as they are, then bent at random, the same way each time.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use targets::TARGETS;

/// Bent inputs for each target.
const ROUNDS: usize = 1_000;

/// Where fuzzing lives.
pub const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// xorshift64*: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }
}

/// Some bytes flipped, made extreme, doubled, moved, left out or cut off.
fn bent(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + numbers.below(16)).min(bytes.len());
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 0x30, 0x7f, 0x80, 0x84, 0xff][numbers.below(6)],
            2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.extend_from_within(at..end),
            5 => {
                let part = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ if numbers.below(4) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

/// The seeds of a folder, in the order of their names.
pub fn seeds(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(FUZZ).join("seeds").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{}", folder.display());
    seeds
}

#[test]
fn nothing_that_is_read_makes_it_panic() {
    for (target, folder, _) in TARGETS {
        let mut numbers = Numbers(0x6e6f_7461_6674_6572);
        let check = |what: &str, bytes: &[u8]| {
            let shown = || bytes.escape_ascii().to_string();
            assert!(catch_unwind(AssertUnwindSafe(|| targets::run(target, bytes))).is_ok(), "{target}, {what}: b\"{}\"", shown());
        };
        let seeds = seeds(folder);
        seeds.iter().for_each(|(name, seed)| check(name, seed));
        for round in 0..ROUNDS {
            let (name, seed) = &seeds[round % seeds.len()];
            check(&format!("{name}, bent"), &bent(seed, &mut numbers));
        }
    }
}

#[test]
fn every_target_of_libfuzzer_is_replayed_here_and_described() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(known.len(), TARGETS.len(), "a name stands twice");
    assert!(TARGETS.is_sorted_by_key(|(name, ..)| *name));
    let names = std::fs::read_dir(Path::new(FUZZ).join("targets")).unwrap();
    let files: BTreeSet<String> = names.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, known, "files in fuzz/targets, and the table in fuzz/src/lib.rs");
    let manifest: toml::Table = std::fs::read_to_string(Path::new(FUZZ).join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(known, bins, "the binaries of fuzz/Cargo.toml");
    for name in &known {
        let text = std::fs::read_to_string(Path::new(FUZZ).join(format!("targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("notafter_fuzz::run(\"{name}\", bytes)")), "targets/{name}.rs runs another target");
    }
    let folders: BTreeSet<&str> = TARGETS.iter().map(|(_, folder, _)| *folder).collect();
    let there = std::fs::read_dir(Path::new(FUZZ).join("seeds")).unwrap();
    let there: BTreeSet<String> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(there.iter().map(String::as_str).eq(folders), "folders in fuzz/seeds, and the table in fuzz/src/lib.rs: {there:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FUZZING.md")).unwrap();
    let table = page.split("## Property tests").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned());
    assert_eq!(rows.collect::<BTreeSet<_>>(), known, "rows of docs/FUZZING.md");
}
