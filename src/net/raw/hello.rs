//! The ClientHello (RFC 5246 section 7.4.1.2), with all that old servers may want.

use std::net::IpAddr;

/// What may be chosen, the better ones first: ECDHE, DHE, RSA key exchange, then what should long be gone. Static ECDH, DSS and anonymous
/// suites are here too: a server that has nothing else still shows its chain.
const SUITES: &[u16] = &[
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc0ac, 0xc0ad, 0xc072, 0xc073, 0xc076, 0xc077, // ECDHE, AEAD and Camellia
    0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE, CBC
    0x009e, 0x009f, 0xccaa, 0x00a2, 0x00a3, 0xc09e, 0xc09f, // DHE, AEAD
    0x0067, 0x006b, 0x0033, 0x0039, 0x0040, 0x006a, 0x0032, 0x0038, 0x0045, 0x0088, 0x009a, 0x0099, // DHE, CBC
    0x009c, 0x009d, 0xc09c, 0xc09d, 0x003c, 0x003d, 0x002f, 0x0035, 0x0041, 0x0084, 0x0096, // RSA
    0xc02d, 0xc02e, 0xc031, 0xc032, 0xc004, 0xc005, 0xc00e, 0xc00f, // static ECDH
    0xc008, 0xc012, 0x0016, 0x0013, 0x000a, // 3DES
    0xc007, 0xc011, 0x0005, 0x0004, // RC4
    0x0015, 0x0012, 0x0009, // DES
    0xc006, 0xc010, 0x003b, 0x0002, 0x0001, // without encryption
    0x00ff, // RFC 5746: no renegotiation so far
];
/// X25519, P-256, P-384, P-521, X448, Brainpool, secp256k1, P-224, P-192, and the finite fields of RFC 7919.
const GROUPS: &[u16] = &[29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 19, 256, 257, 258];
/// RFC 5246 section 7.4.1.4.1 and RFC 8446 section 4.2.3: ECDSA, EdDSA, PSS, PKCS#1, SHA-1, DSA.
const SCHEMES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203,
    0x0201, 0x0402, 0x0202, 0x0101,
];
/// Hellos of 256 to 511 bytes make some load balancers hang (RFC 7685).
const HANGS: std::ops::Range<usize> = 256..512;

/// One record with a ClientHello that offers at most this version.
pub(super) fn client_hello(server_name: &str, newest: u16, random: &[u8; 32]) -> Vec<u8> {
    let mut body = newest.to_be_bytes().to_vec();
    body.extend(random);
    body.push(0); // no session
    with_length16(&mut body, |out| numbers(out, SUITES));
    body.extend([1, 0]); // no compression

    let mut extensions = Vec::new();
    if can_be_sent(server_name) {
        extension(&mut extensions, 0, |out| {
            with_length16(out, |out| {
                out.push(0);
                with_length16(out, |out| out.extend(server_name.trim_end_matches('.').bytes()));
            });
        });
    }
    extension(&mut extensions, 5, |out| out.extend([1, 0, 0, 0, 0])); // status_request: OCSP, any responder
    extension(&mut extensions, 10, |out| with_length16(out, |out| numbers(out, GROUPS)));
    extension(&mut extensions, 11, |out| out.extend([1, 0])); // points in full
    if newest >= 0x0303 {
        extension(&mut extensions, 13, |out| with_length16(out, |out| numbers(out, SCHEMES)));
    }
    extension(&mut extensions, 23, |_| {}); // extended master secret: some servers insist
    // The hello's header, and the length of the extensions.
    let size = 4 + body.len() + 2 + extensions.len();
    if HANGS.contains(&size) {
        extension(&mut extensions, 21, |out| out.resize(out.len() + HANGS.end.saturating_sub(size + 4), 0));
    }
    with_length16(&mut body, |out| out.extend(&extensions));

    let mut record = vec![22, 3, 1];
    with_length16(&mut record, |out| {
        out.extend([1, 0]);
        with_length16(out, |out| out.extend(&body));
    });
    record
}

/// RFC 6066 section 3: a DNS name, no address.
fn can_be_sent(name: &str) -> bool {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name && (1..=253).contains(&name.len()) && name.parse::<IpAddr>().is_err()
}

fn extension(out: &mut Vec<u8>, kind: u16, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend(kind.to_be_bytes());
    with_length16(out, content);
}

/// Nothing here comes near the limit: the longest part that is not a constant is a name of 253 bytes.
fn with_length16(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    out.extend(u16::try_from(inner.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(inner);
}

fn numbers(out: &mut Vec<u8>, numbers: &[u16]) {
    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}
