//! What the fuzz targets do with bytes: one function for each, and what must hold whatever the bytes are.
//!
//! Also part of the integration tests (`tests/integration/smoke.rs`), which replay the seeds on a stable toolchain. A function panics when
//! something does not hold; it must not touch files or the network, nor wait.

mod disk;
mod http;
mod pki;
mod settings;
mod sources;
mod wire;

/// Takes any bytes.
pub type Read = fn(&[u8]);

/// Every target: its name, which is that of its file in `targets/`; the folder of its seeds in `seeds/`; its function.
pub const TARGETS: &[(&str, &str, Read)] = &[
    ("api", "api", http::api),
    ("cache", "cache", disk::cache),
    ("certificate", "pki", pki::certificate),
    ("config", "config", settings::config),
    ("container", "pki", pki::container),
    ("crl", "pki", pki::crl),
    ("discovery", "discovery", sources::discovery),
    ("envoy", "envoy", sources::envoy),
    ("fetched", "fetched", wire::fetched),
    ("http", "http", wire::http),
    ("identity", "pki", pki::identity),
    ("issuer", "pki", pki::issuer),
    ("kubeconfig", "kubeconfig", sources::kubeconfig),
    ("kubernetes", "kubernetes", sources::kubernetes),
    ("nginx", "nginx", sources::nginx),
    ("ocsp", "pki", pki::ocsp),
    ("patterns", "patterns", settings::patterns),
    ("proxy", "proxy", wire::proxy),
    ("raw", "raw", wire::raw),
    ("schedule", "schedule", settings::schedule),
    ("starttls", "starttls", wire::starttls),
    ("state", "state", disk::state),
    ("verify", "pki", pki::verify),
    ("web", "web", settings::web),
    ("words", "words", settings::words),
];

/// Runs the target of this name.
///
/// # Panics
/// There is none, or something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, ..)| *known == name);
    let (_, _, read) = target.unwrap_or_else(|| panic!("{name} is not in the table of targets"));
    read(bytes);
}
