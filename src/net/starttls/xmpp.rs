//! XMPP (RFC 6120 section 5). Enough is read of its XML to see an offer and an answer; no document is built.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{not_offered, odd, refused};
use crate::model::Failure;
use crate::net::talk::Talk;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-tls";

pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>, kind: &str, host: &str) -> Result<(), Failure> {
    let host = escaped(host);
    let hello = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{kind}' xmlns:stream='http://etherx.jabber.org/streams' to='{host}' version='1.0'>"
    );
    talk.send(hello.as_bytes()).await?;
    let first = talk.until(&[">"]).await?;
    if !first.trim_ascii_start().starts_with(b"<") {
        return Err(odd(talk, "XMPP", &first));
    }
    let features = talk.until(&["features>", "<stream:features/>", "stream:error>", "</stream:stream>"]).await?;
    // The opening tag ends in the same letters.
    let features = match contains(&features, "<stream:features>") || contains(&features, "<features>") {
        true => [features, talk.until(&["features>", "</stream:stream>"]).await?].concat(),
        false => features,
    };
    if contains(&features, "stream:error") {
        return Err(refused(talk, &features));
    }
    if !contains(&features, NAMESPACE) {
        return Err(not_offered(talk, "STARTTLS"));
    }
    talk.send(format!("<starttls xmlns='{NAMESPACE}'/>").as_bytes()).await?;
    let answer = talk.until(&[">"]).await?;
    let tag = answer.trim_ascii_start();
    if tag.starts_with(b"<failure") || tag.starts_with(b"<stream:error") {
        return Err(refused(talk, tag));
    }
    if !tag.starts_with(b"<proceed") {
        return Err(odd(talk, "XMPP", tag));
    }
    if !tag.ends_with(b"/>") {
        talk.until(&["</proceed>"]).await?;
    }
    Ok(())
}

fn contains(text: &[u8], what: &str) -> bool {
    text.windows(what.len()).any(|window| window == what.as_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;").replace('"', "&quot;")
}
