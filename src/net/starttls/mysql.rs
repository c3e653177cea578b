//! MySQL and MariaDB: an SSLRequest packet in place of the client's answer to the greeting.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{not_offered, odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

const CLIENT_LONG_PASSWORD: u32 = 0x1;
const CLIENT_PROTOCOL_41: u32 = 0x200;
const CLIENT_SSL: u32 = 0x800;
const CLIENT_SECURE_CONNECTION: u32 = 0x8000;
/// The largest packet that we would take.
const MAX_PACKET: u32 = 1 << 24;
/// utf8mb4_general_ci
const CHARACTER_SET: u8 = 45;

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>) -> Result<(), Failure> {
    let header = talk.exact(4).await?;
    let [low, middle, high, sequence] = <[u8; 4]>::try_from(header).unwrap_or_default();
    let length = u32::from_le_bytes([low, middle, high, 0]);
    if sequence != 0 || !(1..=0xffff).contains(&length) {
        return Err(odd(talk, "MySQL", &[low, middle, high, sequence]));
    }
    let greeting = talk.exact(usize::try_from(length).unwrap_or_default()).await?;
    match greeting.first() {
        Some(10) => {}
        // Too many connections, or this host may not connect: an error number, then words.
        Some(0xff) => return Err(refused(talk, greeting.get(3..).unwrap_or_default())),
        _ => return Err(odd(talk, "MySQL", &greeting)),
    }
    match capabilities(&greeting) {
        Some(capabilities) if capabilities & CLIENT_SSL != 0 => {}
        Some(_) => return Err(not_offered(talk, "TLS")),
        None => return Err(odd(talk, "MySQL", &greeting)),
    }
    let ours = CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION;
    let mut request = vec![32, 0, 0, 1];
    request.extend(ours.to_le_bytes());
    request.extend(MAX_PACKET.to_le_bytes());
    request.push(CHARACTER_SET);
    request.extend([0; 23]);
    talk.send(&request).await
}

/// The lower half of the server's capabilities: behind the protocol's number, the version (ended by a zero), the connection's number (4),
/// the first part of the challenge (8) and a filler (1).
fn capabilities(greeting: &[u8]) -> Option<u32> {
    let version = greeting.get(1..)?;
    let end = version.iter().position(|byte| *byte == 0)?;
    let at = end + 1 + 4 + 8 + 1;
    let low = version.get(at..at + 2)?;
    Some(u32::from(u16::from_le_bytes(low.try_into().ok()?)))
}
