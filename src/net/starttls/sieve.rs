//! ManageSieve (RFC 5804 section 2.2).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{begins, not_offered, odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    // It begins with its capabilities, each a quoted name.
    if !answer(talk).await?.iter().any(|line| begins(line, "\"STARTTLS\"")) {
        return Err(not_offered(talk, "STARTTLS"));
    }
    talk.send(b"STARTTLS\r\n").await?;
    answer(talk).await?;
    Ok(())
}

/// The lines before OK.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<Vec<Vec<u8>>, Failure> {
    let mut lines = Vec::new();
    loop {
        let line = talk.line().await?;
        if begins(&line, "OK") {
            return Ok(lines);
        }
        if begins(&line, "NO") || begins(&line, "BYE") {
            return Err(refused(talk, &line));
        }
        if !begins(&line, "\"") {
            return Err(odd(talk, "ManageSieve", &line));
        }
        lines.push(line);
    }
}
