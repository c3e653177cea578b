//! LDAP: the StartTLS extended operation (RFC 4511 section 4.14).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{odd, refused};
use crate::model::Failure;
use crate::net::talk::{Talk, quoted};

/// LDAPMessage { messageID 1, extendedReq { requestName 1.3.6.1.4.1.1466.20037 } }
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// A larger answer is none.
const ANSWER: usize = 32 << 10;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    talk.send(REQUEST).await?;
    let mut header = talk.exact(2).await?;
    let length = match header[..] {
        [0x30, short @ 0..=0x7f] => usize::from(short),
        // A definite length of one to four bytes; a longer or indefinite one does not occur in LDAP (RFC 4511 section 5.1).
        [0x30, long @ 0x81..=0x84] => {
            let bytes = talk.exact(usize::from(long & 0x7f)).await?;
            header.extend(&bytes);
            bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return Err(odd(talk, "LDAP", &header)),
    };
    if length > ANSWER {
        return Err(talk.garbled(format!("an answer of {length} bytes")));
    }
    let message = talk.exact(length).await?;
    match result(&message) {
        Some((0, _)) => Ok(()),
        Some((code, words)) => Err(refused(talk, format!("result {code}: {}", quoted(words)).as_bytes())),
        None => Err(odd(talk, "LDAP", &message)),
    }
}

/// The result's code and words: messageID, then [APPLICATION 24] { resultCode, matchedDN, diagnosticMessage … }.
fn result(message: &[u8]) -> Option<(u64, &[u8])> {
    let (id, rest) = value(message, 0x02)?;
    // 0: the server is about to close (RFC 4511 section 4.4.1).
    if !matches!(id, [0 | 1]) {
        return None;
    }
    let (response, _) = value(rest, 0x78)?;
    let (code, rest) = value(response, 0x0a)?;
    let (_, rest) = value(rest, 0x04)?;
    let (words, _) = value(rest, 0x04)?;
    (1..=4).contains(&code.len()).then(|| (code.iter().fold(0, |code, byte| code << 8 | u64::from(*byte)), words))
}

/// The contents of an element with this tag, and what comes behind it.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
}
