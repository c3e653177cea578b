//! Any bytes as an OCSP response about a certificate.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use notafter::model::revocation::Policy;
use notafter::model::{Authority, Lookup, UnixTime};
use notafter::pki::ocsp::{self, DelegateCache, Question};

fuzz_target!(|bytes: &[u8]| {
    let _ = ocsp::facts(bytes);
    let Ok(response) = ocsp::read(bytes) else { return };
    let name: Arc<[u8]> = Arc::from(&b"\x30\x00"[..]);
    // The base point of P-256: a key as good as any.
    let point = b"\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
        \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
    let header = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let key = Arc::from([&header[..], point].concat());
    let authority = Authority { subject: name.clone(), key, key_id: None, key_usage: None };
    let lookup = Lookup {
        serial: [1].into(),
        issuer: name,
        pointers: Arc::default(),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: false,
    };
    let question = Question { lookup: &lookup, authority: &authority, nonce: Some(&[0; 32]), from: &Arc::from("fuzz") };
    let _ = ocsp::answer(&response, &question, UnixTime::from_secs(1_800_000_000), &Policy::default(), &mut DelegateCache::default());
});
