//! IRC: the `tls` extension (numerics 670 and 691).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    talk.send(b"STARTTLS\r\n").await?;
    loop {
        let line = talk.line().await?;
        let (command, argument) = command(&line);
        match command {
            b"670" => return Ok(()),
            // 421: unknown command, 451: not registered yet.
            b"691" | b"421" | b"451" | b"ERROR" => return Err(refused(talk, &line)),
            b"PING" => {
                let answer = [b"PONG ", argument, b"\r\n"].concat();
                talk.send(&answer).await?;
            }
            b"NOTICE" | b"CAP" | b"020" => {}
            _ => return Err(odd(talk, "IRC", &line)),
        }
    }
}

/// The command, which may stand behind a prefix, and its first argument.
fn command(line: &[u8]) -> (&[u8], &[u8]) {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).peekable();
    words.next_if(|word| word.starts_with(b":"));
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}
