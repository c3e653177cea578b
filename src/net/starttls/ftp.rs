//! FTP: AUTH TLS (RFC 4217).

use tokio::io::{AsyncRead, AsyncWrite};

use super::Reply;
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    Reply::read(talk, "FTP", true).await?.expect(&[220], talk, "FTP")?;
    talk.send(b"AUTH TLS\r\n").await?;
    Reply::read(talk, "FTP", true).await?.expect(&[234], talk, "FTP")?;
    Ok(())
}
