//! PostgreSQL: SSLRequest, answered by one byte.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{not_offered, odd};
use crate::model::Failure;
use crate::net::talk::Talk;

/// Its own length, then the number that stands in place of a protocol version: 1234.5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    talk.send(&SSL_REQUEST).await?;
    let answer = talk.exact(1).await?;
    match answer.first() {
        // RFC 4253 section 4.2: an SSH server begins by its own accord, with the letter that means yes here.
        Some(b'S') if talk.held().starts_with(b"SH-") => Err(odd(talk, "PostgreSQL", &[b"S", talk.held()].concat())),
        Some(b'S') => Ok(()),
        Some(b'N') => Err(not_offered(talk, "TLS")),
        // An ErrorResponse: a server from before SSLRequest, or one that takes no more connections.
        Some(b'E') => Err(super::refused(talk, b"E")),
        _ => Err(odd(talk, "PostgreSQL", &answer)),
    }
}
