//! POP3: STLS (RFC 2595 section 4).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{begins, odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    ok(talk).await?;
    talk.send(b"STLS\r\n").await?;
    ok(talk).await
}

async fn ok<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    let line = talk.line().await?;
    if begins(&line, "+OK") {
        Ok(())
    } else if begins(&line, "-ERR") {
        Err(refused(talk, &line))
    } else {
        Err(odd(talk, "POP3", &line))
    }
}
