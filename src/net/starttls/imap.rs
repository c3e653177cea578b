//! IMAP (RFC 9051 section 6.2.1).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{begins, odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    let greeting = talk.line().await?;
    if begins(&greeting, "* BYE") || begins(&greeting, "* PREAUTH") {
        // Who is already known (PREAUTH) may not go over to TLS any more.
        return Err(refused(talk, &greeting));
    }
    if !begins(&greeting, "* OK") {
        return Err(odd(talk, "IMAP", &greeting));
    }
    talk.send(b"a1 STARTTLS\r\n").await?;
    loop {
        let line = talk.line().await?;
        if begins(&line, "a1 OK") {
            return Ok(());
        }
        if begins(&line, "a1 NO") || begins(&line, "a1 BAD") || begins(&line, "* BYE") {
            return Err(refused(talk, &line));
        }
        if !begins(&line, "* ") {
            return Err(odd(talk, "IMAP", &line));
        }
    }
}
