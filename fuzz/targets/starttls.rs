//! Any bytes as what a server says before TLS; the first one chooses the protocol.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use notafter::model::clock::SystemClock;
use notafter::net::{Budget, Starttls};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, says)) = bytes.split_first() else { return };
    let protocol = Starttls::ALL[usize::from(*choice) % Starttls::ALL.len()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let budget = Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(60));
    let mut stream = tokio::io::join(says, tokio::io::sink());
    let _ = runtime.block_on(protocol.upgrade(&mut stream, "mail.example.com", &budget));
});
