//! Writes the corpus of the benches: one-certificate PEM files, a thousand to a folder.
//!
//! `corpus DIR COUNT`: the same leaf key in all, everything else as in a real fleet: names, serials and ends of validity differ.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber};

/// Certificates in one folder.
const PER_FOLDER: u32 = 1_000;
const DAY: Duration = Duration::from_secs(86_400);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, count] = &*arguments else { return Err("usage: corpus DIR COUNT".into()) };
    let count: u32 = count.parse()?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::OrganizationName, "Corpus");
    authority.distinguished_name.push(DnType::CommonName, "Corpus CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(authority, KeyPair::generate()?);
    let key = KeyPair::generate()?;
    #[expect(clippy::disallowed_methods, reason = "a tool of its own, outside the program")]
    let now = SystemTime::now();
    let folders: Vec<u32> = (0..count.div_ceil(PER_FOLDER)).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let (issuer, key) = (&issuer, &key);
        let writers: Vec<_> = folders
            .chunks(folders.len().div_ceil(threads).max(1))
            .map(|folders| {
                scope.spawn(move || {
                    folders.iter().try_for_each(|folder| {
                        let numbers = folder * PER_FOLDER..count.min((folder + 1) * PER_FOLDER);
                        write_folder(&Path::new(dir).join(format!("{folder:04}")), numbers, issuer, key, now)
                            .map_err(|error| error.to_string())
                    })
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().map_err(|_| "a writer panicked")?.map_err(Into::into))
    })
}

fn write_folder(
    folder: &Path,
    numbers: std::ops::Range<u32>,
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    now: SystemTime,
) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for number in numbers {
        let name = format!("host-{number:06}.example.com");
        let mut leaf = CertificateParams::new([name.clone(), format!("www.{name}")])?;
        leaf.distinguished_name.push(DnType::OrganizationName, "Corpus");
        leaf.distinguished_name.push(DnType::CommonName, &*name);
        leaf.serial_number = Some(SerialNumber::from((1u64 << 62) | u64::from(number)));
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        leaf.not_before = (now - DAY).into();
        leaf.not_after = (now + DAY * (1 + number % 90)).into();
        std::fs::write(folder.join(format!("{name}.pem")), leaf.signed_by(key, issuer)?.pem())?;
    }
    Ok(())
}
