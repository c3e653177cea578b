//! NNTP (RFC 4642).

use tokio::io::{AsyncRead, AsyncWrite};

use super::Reply;
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    Reply::read(talk, "NNTP", false).await?.expect(&[200, 201], talk, "NNTP")?;
    talk.send(b"STARTTLS\r\n").await?;
    Reply::read(talk, "NNTP", false).await?.expect(&[382], talk, "NNTP")?;
    Ok(())
}
