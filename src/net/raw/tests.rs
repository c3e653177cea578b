//! The hello is well-formed; the reader takes any bytes. What real servers answer is looked at in the integration tests.

use super::*;

/// A TLS 1.2 answer: ServerHello, two certificates, a staple, ServerKeyExchange with P-521, a CertificateRequest, ServerHelloDone.
fn answer() -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let hello = [&[3, 3][..], &[7; 32], &[4, 1, 2, 3, 4], &[0xc0, 0x30, 0], &[0, 5, 0xff, 1, 0, 1, 0]].concat();
    let messages = [
        message(2, &hello),
        message(11, b"\0\0\x0a\0\0\x03one\0\0\x01\x02"),
        message(22, b"\x01\0\0\x03ocs"),
        message(12, b"\x03\0\x19\x01\x04\0\0"),
        message(13, b"\x01\x01\0\x04\x04\x03\x08\x07\0\x07\0\x02CA\0\x01B"),
        message(14, b""),
    ]
    .concat();
    // Records that begin and end anywhere.
    messages.chunks(13).flat_map(|chunk| [&[22, 3, 3, 0, chunk.len() as u8][..], chunk].concat()).collect()
}

fn expected() -> Clear {
    Clear {
        version: 0x0303,
        cipher: 0xc030,
        group: Some(25),
        chain: vec![b"one".to_vec(), vec![2]],
        staple: Some(b"ocs".to_vec()),
        request: Some(read::Request { authorities: vec![b"CA".to_vec(), b"B".to_vec()], schemes: vec![0x0403, 0x0807] }),
    }
}

fn read_at_once(bytes: &[u8], newest: u16) -> (Result<bool, Malformed>, Option<Clear>) {
    let mut reading = Reading::new(newest);
    let outcome = reading.feed(bytes);
    (outcome, reading.into_shown())
}

#[test]
fn an_answer_is_read_whole_and_byte_by_byte() {
    assert_eq!(read_at_once(&answer(), 0x0303), (Ok(true), Some(expected())));
    let mut reading = Reading::new(0x0303);
    let bytes = answer();
    for (position, byte) in bytes.iter().enumerate() {
        assert_eq!(reading.feed(&[*byte]), Ok(position + 1 == bytes.len()), "byte {position}");
    }
    let clear = reading.into_shown().unwrap();
    assert_eq!(clear, expected());
    assert_eq!((clear.version_name(), clear.group_name()), (Some("TLS 1.2"), Some("secp521r1")));
    assert_eq!(clear.cipher_name(), Some("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
    assert_eq!(Clear { cipher: 0x002f, ..clear }.group_name(), None, "what stands there belongs to another key exchange");
}

#[test]
fn no_truncation_and_no_flipped_byte_panics() {
    let bytes = answer();
    for end in 0..bytes.len() {
        assert_eq!(read_at_once(&bytes[..end], 0x0303).0, Ok(false), "{end} bytes");
    }
    for position in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff, bytes[position]] {
            let mut flipped = bytes.clone();
            flipped[position] ^= flip;
            let (_, _) = read_at_once(&flipped, 0x0303);
            let mut reading = Reading::new(0x0302);
            for part in flipped.chunks(7) {
                if reading.feed(part).is_err() {
                    break;
                }
            }
        }
    }
}

#[test]
fn what_is_no_answer_says_why() {
    let record = |kind: u8, body: &[u8]| [&[kind, 3, 3][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let hello_of = |version: [u8; 2]| record(22, &[&[2, 0, 0, 38][..], &version, &[0; 32], &[0, 0, 0x2f, 0]].concat());
    for (behaviour, bytes, expected) in [
        ("HTTP", b"HTTP/1.1 400".to_vec(), Malformed::NotTls),
        ("SSLv2", b"\x80\x2e".to_vec(), Malformed::NotTls),
        ("an alert", record(21, &[2, 40]), Malformed::Alert(40)),
        ("a warning that closes", record(21, &[1, 0]), Malformed::Alert(0)),
        ("half an alert", record(21, &[2]), Malformed::Message("an alert")),
        ("a record that is too long", b"\x16\x03\x03\x48\x01".to_vec(), Malformed::TooLarge),
        ("a newer version than offered", hello_of([3, 4]), Malformed::Version(0x0304)),
        ("SSL 3.0", hello_of([3, 0]), Malformed::Version(0x0300)),
        ("a hello cut short", record(22, &[2, 0, 0, 2, 3, 3]), Malformed::Message("the ServerHello")),
        ("a certificate before the hello", record(22, &[11, 0, 0, 0]), Malformed::OutOfTurn(11)),
        ("the end before the hello", record(22, &[14, 0, 0, 0]), Malformed::OutOfTurn(14)),
        ("data before the handshake", record(23, b"x"), Malformed::OutOfTurn(23)),
        ("two hellos", [hello_of([3, 3]), hello_of([3, 3])].concat(), Malformed::OutOfTurn(2)),
        (
            "a list longer than its message",
            [hello_of([3, 3]), record(22, b"\x0b\0\0\x05\0\0\x09\0\0")].concat(),
            Malformed::Message("the Certificate message"),
        ),
        (
            "an empty certificate",
            [hello_of([3, 3]), record(22, b"\x0b\0\0\x06\0\0\x03\0\0\0")].concat(),
            Malformed::Message("the Certificate message"),
        ),
    ] {
        assert_eq!(read_at_once(&bytes, 0x0303).0, Err(expected), "{behaviour}");
    }
    let warned = [record(21, &[1, 112]), answer()].concat();
    assert_eq!(read_at_once(&warned, 0x0303), (Ok(true), Some(expected())), "unrecognized_name as a warning");
    let late = [hello_of([3, 1]), record(22, b"\x0b\0\0\x07\0\0\x04\0\0\x01x"), record(21, &[2, 80])].concat();
    let (outcome, clear) = read_at_once(&late, 0x0303);
    assert_eq!((outcome, clear.map(|clear| clear.chain)), (Err(Malformed::Alert(80)), Some(vec![b"x".to_vec()])));
}

#[test]
fn an_endless_answer_ends_at_a_megabyte() {
    let mut reading = Reading::new(0x0303);
    // One message of 16 MiB, in full records.
    let mut record = vec![22, 3, 3, 0x40, 0];
    record.extend([0xff; 0x4000]);
    let mut fed = 0;
    let error = loop {
        match reading.feed(&record) {
            Ok(done) => assert!(!done),
            Err(error) => break error,
        }
        fed += record.len();
    };
    assert_eq!(error, Malformed::TooLarge);
    assert!(((1 << 20) - record.len()..=1 << 20).contains(&fed), "{fed}");
}

#[test]
fn the_hello_is_one_that_another_library_understands() {
    for (name, newest, sent) in [
        ("mail.example.com", Newest::Tls12, Some("mail.example.com")),
        ("mail.example.com.", Newest::Tls12, Some("mail.example.com")),
        ("192.0.2.1", Newest::Tls12, None),
        ("no such name", Newest::Tls12, None),
    ] {
        let record = hello::client_hello(name, newest.number(), &[9; 32]);
        assert!(!(256..512).contains(&(record.len() - 5)), "{} bytes make some servers hang", record.len());
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor.read_tls(&mut &record[..]).unwrap();
        let accepted = acceptor.accept().unwrap_or_else(|(error, _)| panic!("{name}: {error}")).expect("a whole hello");
        let hello = accepted.client_hello();
        assert_eq!(hello.server_name(), sent, "{name}");
        assert!(hello.cipher_suites().contains(&rustls::CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA));
    }
}
