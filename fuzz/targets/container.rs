//! Any bytes as a file, keystores included; few rounds of key derivation, so that it stays fast.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::model::{Limits, Material, UnixTime};

fuzz_target!(|bytes: &[u8]| {
    let material = Material::Blob { bytes: bytes.to_vec(), passphrases: [].into() };
    let limits = Limits { kdf_iterations: 5_000, ..Limits::default() };
    notafter::pki::decode(&material, &limits, UnixTime::from_secs(0));
});
