//! Each protocol against a scripted server: the dialogue as it should be, and every way in which it may go wrong.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::model::clock::SystemClock;

/// A step of the server's.
#[derive(Clone, Copy, Debug)]
enum Step {
    Says(&'static [u8]),
    Hears(&'static [u8]),
}
use Step::{Hears, Says};

const MYSQL: &[u8] = b"\x19\0\0\0\x0a8.0\0\x01\0\0\0abcdefgh\0\xff\xff\x2d\0\0\xff\xff";
const MYSQL_REQUEST: &[u8] = b"\x20\0\0\x01\x01\x8a\0\0\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const LDAP: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const XMPP: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='mail.example.com' version='1.0'>";
const XMPP_SERVER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
    xmlns:stream='http://etherx.jabber.org/streams' to='mail.example.com' version='1.0'>";
const XMPP_FEATURES: &[u8] = b"<?xml version='1.0'?><stream:stream id='1'><stream:features>\
    <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
const XMPP_STARTTLS: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const XMPP_PROCEED: &[u8] = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// How it should go.
fn dialogue(protocol: Starttls) -> Vec<Step> {
    match protocol {
        Starttls::Smtp => vec![
            Says(b"220-mail.example.com\r\n220 ESMTP\r\n"),
            Hears(b"EHLO [127.0.0.1]\r\n"),
            Says(b"250-mail.example.com\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"),
            Hears(b"STARTTLS\r\n"),
            Says(b"220 Go ahead\r\n"),
        ],
        Starttls::Lmtp => vec![
            Says(b"220 LMTP\r\n"),
            Hears(b"LHLO [127.0.0.1]\r\n"),
            Says(b"250-mail\r\n250 STARTTLS\r\n"),
            Hears(b"STARTTLS\r\n"),
            Says(b"220\r\n"),
        ],
        Starttls::Imap => vec![
            Says(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            Hears(b"a1 STARTTLS\r\n"),
            Says(b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n"),
        ],
        Starttls::Pop3 => vec![Says(b"+OK ready <1@x>\r\n"), Hears(b"STLS\r\n"), Says(b"+OK\n")],
        Starttls::Ftp => {
            vec![Says(b"220-Welcome\r\n to this\r\n220not the end\r\n220 server\r\n"), Hears(b"AUTH TLS\r\n"), Says(b"234 go\r\n")]
        }
        Starttls::Sieve => {
            vec![Says(b"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n"), Hears(b"STARTTLS\r\n"), Says(b"OK\r\n")]
        }
        Starttls::Nntp => vec![Says(b"201 news\r\n"), Hears(b"STARTTLS\r\n"), Says(b"382 go\r\n")],
        Starttls::Ldap => vec![Hears(LDAP), Says(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00")],
        Starttls::Xmpp => vec![Hears(XMPP), Says(XMPP_FEATURES), Hears(XMPP_STARTTLS), Says(XMPP_PROCEED)],
        Starttls::XmppServer => vec![Hears(XMPP_SERVER), Says(XMPP_FEATURES), Hears(XMPP_STARTTLS), Says(XMPP_PROCEED)],
        Starttls::Irc => vec![
            Hears(b"STARTTLS\r\n"),
            Says(b":irc.example NOTICE * :*** Looking up\r\nPING :12\r\n"),
            Hears(b"PONG :12\r\n"),
            Says(b":irc.example 670 * :STARTTLS successful\r\n"),
        ],
        Starttls::Postgres => vec![Hears(b"\0\0\0\x08\x04\xd2\x16\x2f"), Says(b"S")],
        Starttls::Mysql => vec![Says(MYSQL), Hears(MYSQL_REQUEST)],
    }
}

/// What the server does when its script, or so many bytes of it, are at an end.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Stalls,
    Closes,
}

async fn serve(mut stream: DuplexStream, script: Vec<Step>, mut bytes: usize, end: End) {
    for step in script {
        match step {
            Says(text) => {
                let text = &text[..text.len().min(bytes)];
                bytes -= text.len();
                if stream.write_all(text).await.is_err() {
                    return;
                }
                if bytes == 0 {
                    break;
                }
            }
            Hears(expected) => {
                let mut heard = vec![0; expected.len()];
                if stream.read_exact(&mut heard).await.is_err() {
                    return;
                }
                assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
            }
        }
    }
    if end == End::Stalls {
        std::future::pending::<()>().await;
    }
}

async fn talk(protocol: Starttls, script: Vec<Step>, bytes: usize, end: End, time: Duration) -> Result<(), Failure> {
    let (mut ours, theirs) = duplex(1 << 16);
    let budget = Budget::new(Arc::new(SystemClock::new()), time);
    let server = serve(theirs, script, bytes, end);
    tokio::pin!(server);
    let upgrade = protocol.upgrade(&mut ours, "mail.example.com", &budget);
    tokio::pin!(upgrade);
    let mut served = false;
    loop {
        tokio::select! {
            outcome = &mut upgrade => return outcome,
            () = &mut server, if !served => served = true,
        }
    }
}

async fn reason(protocol: Starttls, script: Vec<Step>) -> Result<(), Reason> {
    let outcome = talk(protocol, script, usize::MAX, End::Stalls, Duration::from_secs(20)).await;
    outcome.map_err(|failure| {
        assert_eq!(failure.stage, Stage::Starttls, "{failure}");
        assert!(failure.to_string().len() < 400, "{failure}");
        failure.reason
    })
}

fn said(script: &[Step]) -> usize {
    script.iter().map(|step| if let Says(text) = step { text.len() } else { 0 }).sum()
}

#[tokio::test]
async fn every_protocol_goes_over_to_tls() {
    for protocol in Starttls::ALL {
        assert_eq!(reason(*protocol, dialogue(*protocol)).await, Ok(()), "{protocol}");
    }
    // The last word is ours here, and must be the right one.
    let (mut ours, mut theirs) = duplex(1 << 16);
    theirs.write_all(MYSQL).await.unwrap();
    let budget = Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(20));
    Starttls::Mysql.upgrade(&mut ours, "x", &budget).await.unwrap();
    drop(ours);
    let mut request = vec![0; MYSQL_REQUEST.len()];
    theirs.read_exact(&mut request).await.unwrap();
    assert_eq!((&request[..], theirs.read(&mut [0]).await.unwrap()), (MYSQL_REQUEST, 0));
}

#[tokio::test]
async fn a_server_that_stalls_or_closes_at_any_byte_is_told_so() {
    for (end, expected, time) in
        [(End::Stalls, Reason::Timeout, Duration::from_millis(400)), (End::Closes, Reason::Closed, Duration::from_secs(20))]
    {
        for protocol in Starttls::ALL {
            let script = dialogue(*protocol);
            let outcomes = join_all((0..said(&script)).map(|bytes| talk(*protocol, script.clone(), bytes, end, time))).await;
            for (bytes, outcome) in outcomes.into_iter().enumerate() {
                let failure = outcome.expect_err(&format!("{protocol} after {bytes} bytes"));
                assert_eq!((failure.stage, failure.reason), (Stage::Starttls, expected), "{protocol} after {bytes} bytes: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn what_comes_in_clear_behind_the_last_word_is_injected() {
    for protocol in Starttls::ALL {
        let mut script = dialogue(*protocol);
        let last = script.iter().rposition(|step| matches!(step, Says(_))).unwrap();
        let Says(text) = script[last] else { unreachable!() };
        script[last] = Says([text, b"injected\r\n"].concat().leak());
        assert_eq!(reason(*protocol, script).await, Err(Reason::StarttlsInjection), "{protocol}");
    }
    // CVE-2021-23222: whatever follows PostgreSQL's one letter, except the banner of SSH, which is no answer at all.
    for injected in [&b"S\x16\x03\x03\0\x05"[..], b"SR\0\0\0\x08\0\0\0\0", b"SS", b"SSH", b"SELECT 1"] {
        let script = vec![Hears(b"\0\0\0\x08\x04\xd2\x16\x2f"), Says(injected)];
        assert_eq!(reason(Starttls::Postgres, script).await, Err(Reason::StarttlsInjection), "{}", injected.escape_ascii());
    }
}

#[tokio::test]
async fn another_protocol_and_endless_talk_are_cut_short() {
    let megabyte: &'static [u8] = vec![b'x'; 1 << 20].leak();
    let tags: &'static [u8] = b"<x>".repeat(1 << 18).leak();
    let lines: Vec<u8> = b"220-more\r\n".repeat(1 << 16);
    for protocol in Starttls::ALL {
        for (behaviour, says) in [
            ("a megabyte without an end", megabyte),
            ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("zeros", b"\0\0\0\0\0\0\0\0\r\n"),
            ("TLS", b"\x15\x03\x03\0\x02\x02\x28\r\n"),
        ] {
            // XMPP waits for the end of a tag, which these lack.
            let is_xml = matches!(protocol, Starttls::Xmpp | Starttls::XmppServer);
            if is_xml && says.len() < 100 {
                continue;
            }
            let expected = Err(Reason::StarttlsProtocolError);
            assert_eq!(reason(*protocol, vec![Says(says)]).await, expected, "{protocol}: {behaviour}");
        }
    }
    let lines: &'static [u8] = lines.leak();
    for (behaviour, protocol, says) in [
        ("a greeting of 65536 lines", Starttls::Smtp, lines),
        ("a greeting of 65536 lines", Starttls::Ftp, lines),
        ("tags without end", Starttls::Xmpp, tags),
        ("HTTP", Starttls::Xmpp, b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"),
        ("a code of other lines", Starttls::Smtp, b"220-a\r\n250 b\r\n"),
        ("no code", Starttls::Nntp, b"2x0 a\r\n"),
        ("a length without end", Starttls::Ldap, b"\x30\x80"),
        ("a length of four gigabytes", Starttls::Ldap, b"\x30\x84\xff\xff\xff\xff"),
        ("another message", Starttls::Ldap, b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
        ("parts longer than the whole", Starttls::Ldap, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x7f\x00\x04\x00\x04\x00"),
        ("a greeting cut short", Starttls::Mysql, b"\x05\0\0\0\x0a8.0\0"),
        ("an empty greeting", Starttls::Mysql, b"\0\0\0\0"),
    ] {
        assert_eq!(reason(protocol, vec![Says(says)]).await, Err(Reason::StarttlsProtocolError), "{protocol}: {behaviour}");
    }
}

#[tokio::test]
async fn a_server_may_refuse() {
    let ldap = |answer: &'static [u8]| vec![Says(answer)];
    for (behaviour, protocol, script) in [
        ("busy", Starttls::Smtp, vec![Says(b"421 too many\r\n")]),
        ("no EHLO", Starttls::Smtp, vec![Says(b"220 a\r\n"), Hears(b"EHLO [127.0.0.1]\r\n"), Says(b"502 what\r\n")]),
        ("not offered", Starttls::Smtp, vec![Says(b"220 a\r\n"), Hears(b"EHLO [127.0.0.1]\r\n"), Says(b"250-STARTTLS\r\n250 SIZE\r\n")]),
        (
            "offered, but not done",
            Starttls::Smtp,
            vec![Says(b"220 a\r\n"), Hears(b"EHLO [127.0.0.1]\r\n"), Says(b"250-a\r\n250 STARTTLS\r\n"), Says(b"454 not now\r\n")],
        ),
        ("says no", Starttls::Lmtp, vec![Says(b"554 no\r\n")]),
        ("says bye", Starttls::Imap, vec![Says(b"* BYE\r\n")]),
        ("knows us already", Starttls::Imap, vec![Says(b"* PREAUTH\r\n")]),
        ("does not know it", Starttls::Imap, vec![Says(b"* OK\r\n"), Hears(b"a1 STARTTLS\r\n"), Says(b"a1 BAD\r\n")]),
        ("does not want it", Starttls::Imap, vec![Says(b"* OK\r\n"), Hears(b"a1 STARTTLS\r\n"), Says(b"a1 NO\r\n")]),
        ("does not know it", Starttls::Pop3, vec![Says(b"+OK\r\n"), Hears(b"STLS\r\n"), Says(b"-ERR\r\n")]),
        ("does not know it", Starttls::Ftp, vec![Says(b"220 a\r\n"), Hears(b"AUTH TLS\r\n"), Says(b"502 no\r\n")]),
        ("not offered", Starttls::Sieve, vec![Says(b"\"SASL\" \"\"\r\nOK\r\n")]),
        ("says bye", Starttls::Sieve, vec![Says(b"BYE \"\"\r\n")]),
        ("says no", Starttls::Sieve, vec![Says(b"\"STARTTLS\"\r\nOK\r\n"), Hears(b"STARTTLS\r\n"), Says(b"NO\r\n")]),
        ("says no", Starttls::Nntp, vec![Says(b"200 a\r\n"), Hears(b"STARTTLS\r\n"), Says(b"580 no\r\n")]),
        ("protocolError", Starttls::Ldap, ldap(b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x02\x04\x00\x04\x02no")),
        ("a long length", Starttls::Ldap, ldap(b"\x30\x84\0\0\0\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00")),
        ("unsolicited", Starttls::Ldap, ldap(b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00")),
        ("not offered", Starttls::Xmpp, vec![Says(b"<stream:stream><stream:features/>")]),
        ("not offered", Starttls::Xmpp, vec![Says(b"<stream:stream><stream:features><a/></stream:features>")]),
        ("no such host", Starttls::Xmpp, vec![Says(b"<stream:stream><stream:error><host-unknown/></stream:error>")]),
        ("says no", Starttls::XmppServer, vec![Hears(XMPP_SERVER), Says(XMPP_FEATURES), Hears(XMPP_STARTTLS), Says(b"<failure/>")]),
        ("says no", Starttls::Irc, vec![Says(b":x 691 * :no\r\n")]),
        ("does not know it", Starttls::Irc, vec![Says(b"421 * STARTTLS\r\n")]),
        ("bans us", Starttls::Irc, vec![Says(b"ERROR :Closing Link\r\n")]),
        ("says no", Starttls::Postgres, vec![Says(b"N")]),
        ("full", Starttls::Postgres, vec![Says(b"E")]),
        ("not offered", Starttls::Mysql, vec![Says(b"\x19\0\0\0\x0a8.0\0\x01\0\0\0abcdefgh\0\xff\xf7\x2d\0\0\xff\xff")]),
        ("too many connections", Starttls::Mysql, vec![Says(b"\x06\0\0\0\xff\x10\x04Too")]),
    ] {
        assert_eq!(reason(protocol, script).await, Err(Reason::StarttlsRefused), "{protocol}: {behaviour}");
    }
}

#[tokio::test]
async fn other_dialogues_that_are_right() {
    for (behaviour, protocol, script) in [
        ("features written apart", Starttls::Xmpp, {
            let features = b"<s:stream xmlns:s='x'><features xmlns='http://etherx.jabber.org/streams'>\
                <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></features>";
            vec![Hears(XMPP), Says(features), Hears(XMPP_STARTTLS), Says(b" <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>")]
        }),
        ("with a name and a value", Starttls::Ldap, {
            let answer = b"\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037";
            vec![Hears(LDAP), Says(answer)]
        }),
    ] {
        assert_eq!(reason(protocol, script).await, Ok(()), "{protocol}: {behaviour}");
    }
}
