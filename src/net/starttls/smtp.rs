//! SMTP (RFC 3207) and LMTP, which differ in the greeting alone.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Reply, not_offered};
use crate::model::Failure;
use crate::net::talk::Talk;

/// An address literal (RFC 5321 section 4.1.3): what a client says that has no name.
const OUR_NAME: &str = "[127.0.0.1]";

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>, hello: &str) -> Result<(), Failure> {
    Reply::read(talk, "SMTP", false).await?.expect(&[220], talk, "SMTP")?;
    talk.send(format!("{hello} {OUR_NAME}\r\n").as_bytes()).await?;
    let offered = Reply::read(talk, "SMTP", false).await?.expect(&[250], talk, "SMTP")?;
    if !is_offered(&offered) {
        return Err(not_offered(talk, "STARTTLS"));
    }
    talk.send(b"STARTTLS\r\n").await?;
    Reply::read(talk, "SMTP", false).await?.expect(&[220], talk, "SMTP")?;
    Ok(())
}

/// Whether one of the keywords behind the greeting is STARTTLS.
fn is_offered(reply: &Reply) -> bool {
    let mut keywords = reply.lines.iter().skip(1).filter_map(|line| line.get(4..));
    keywords.any(|keyword| keyword.trim_ascii().eq_ignore_ascii_case(b"STARTTLS"))
}
