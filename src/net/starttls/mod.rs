//! From a protocol in clear to TLS, each in its own way: one file per family.
//!
//! Every conversation is bounded ([`super::talk`]) and ends on the byte behind which TLS begins: whatever came in clear behind the
//! server's last word is refused as injected.

mod ftp;
mod imap;
mod irc;
mod ldap;
mod mysql;
mod nntp;
mod pop3;
mod postgres;
mod sieve;
mod smtp;
mod xmpp;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Budget;
use super::talk::{Talk, quoted};
use crate::model::vocabulary::closed;
use crate::model::{Failure, Reason, Stage};

closed! {
    /// Protocols that begin in clear and go over to TLS. The spelling is the URL's scheme.
    pub enum Starttls {
        /// RFC 3207
        Smtp = "smtp",
        /// RFC 2033
        Lmtp = "lmtp",
        /// RFC 9051 section 6.2.1
        Imap = "imap",
        /// RFC 2595 section 4
        Pop3 = "pop3",
        /// RFC 4217
        Ftp = "ftp",
        /// ManageSieve, RFC 5804 section 2.2
        Sieve = "sieve",
        /// RFC 4642
        Nntp = "nntp",
        /// RFC 4511 section 4.14
        Ldap = "ldap",
        /// From a client, RFC 6120 section 5
        Xmpp = "xmpp",
        /// From another server
        XmppServer = "xmpp-server",
        /// The `tls` extension of IRCv3
        Irc = "irc",
        /// SSLRequest of PostgreSQL's protocol
        Postgres = "postgres",
        /// SSLRequest of MySQL's and MariaDB's protocol
        Mysql = "mysql",
    }
}

impl Starttls {
    /// The protocol of a URL's scheme.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protocol| protocol.as_str() == scheme)
    }

    /// Where it is served when nothing else is said.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Lmtp => 24,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Sieve => 4190,
            Self::Nntp => 119,
            Self::Ldap => 389,
            Self::Xmpp => 5222,
            Self::XmppServer => 5269,
            Self::Irc => 6667,
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
    }

    /// Has the server begin TLS with the next byte. `host` is told to servers that ask whom one wants to speak to. Cancel safe as far as
    /// the stream is then dropped.
    ///
    /// # Errors
    /// Stage `starttls`: the server refuses, does not speak this protocol, stalls, closes, or says something behind its last word.
    pub async fn upgrade(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), host: &str, budget: &Budget) -> Result<(), Failure> {
        budget.within(Stage::Starttls, self.talk(Talk::starttls(stream), host)).await
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(self, mut talk: Talk<'_, S>, host: &str) -> Result<(), Failure> {
        match self {
            Self::Smtp => smtp::upgrade(&mut talk, "EHLO").await?,
            Self::Lmtp => smtp::upgrade(&mut talk, "LHLO").await?,
            Self::Imap => imap::upgrade(&mut talk).await?,
            Self::Pop3 => pop3::upgrade(&mut talk).await?,
            Self::Ftp => ftp::upgrade(&mut talk).await?,
            Self::Sieve => sieve::upgrade(&mut talk).await?,
            Self::Nntp => nntp::upgrade(&mut talk).await?,
            Self::Ldap => ldap::upgrade(&mut talk).await?,
            Self::Xmpp => xmpp::upgrade(&mut talk, "jabber:client", host).await?,
            Self::XmppServer => xmpp::upgrade(&mut talk, "jabber:server", host).await?,
            Self::Irc => irc::upgrade(&mut talk).await?,
            Self::Postgres => postgres::upgrade(&mut talk).await?,
            Self::Mysql => mysql::upgrade(&mut talk).await?,
        }
        talk.finish()
    }
}

/// The server says no.
fn refused<S: AsyncRead + AsyncWrite + Unpin>(talk: &Talk<'_, S>, said: &[u8]) -> Failure {
    talk.fail(Reason::StarttlsRefused, format!("the server answers {}", quoted(said)))
}

/// The server does not say that it can.
fn not_offered<S: AsyncRead + AsyncWrite + Unpin>(talk: &Talk<'_, S>, what: &str) -> Failure {
    talk.fail(Reason::StarttlsRefused, format!("the server does not offer {what}"))
}

/// The server says something that this protocol does not have.
fn odd<S: AsyncRead + AsyncWrite + Unpin>(talk: &Talk<'_, S>, protocol: &str, said: &[u8]) -> Failure {
    talk.garbled(format!("this is no {protocol}: {}", quoted(said)))
}

/// A reply of SMTP, LMTP, NNTP or FTP: three digits, then text.
struct Reply {
    code: u16,
    /// The lines, each without its end.
    lines: Vec<Vec<u8>>,
}

impl Reply {
    fn code_of(line: &[u8]) -> Option<u16> {
        let digits = line.get(..3)?;
        let code = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        code.parse().ok()
    }

    /// Reads one. `123-` begins a reply of several lines, `123 ` ends it; what stands between may lack the code (FTP).
    async fn read<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<'_, S>, protocol: &str, bare_lines: bool) -> Result<Self, Failure> {
        let first = talk.line().await?;
        let Some(code) = Self::code_of(&first) else { return Err(odd(talk, protocol, &first)) };
        let mut more = first.get(3) == Some(&b'-');
        if !more && !matches!(first.get(3), None | Some(b' ')) {
            return Err(odd(talk, protocol, &first));
        }
        let mut lines = vec![first];
        while more {
            let line = talk.line().await?;
            let is_same = Self::code_of(&line) == Some(code);
            if is_same && matches!(line.get(3), None | Some(b' ')) {
                more = false;
            } else if !(bare_lines || is_same && line.get(3) == Some(&b'-')) {
                return Err(odd(talk, protocol, &line));
            }
            lines.push(line);
        }
        Ok(Self { code, lines })
    }

    /// This code, or the failure that another one is.
    fn expect<S: AsyncRead + AsyncWrite + Unpin>(self, codes: &[u16], talk: &Talk<'_, S>, protocol: &str) -> Result<Self, Failure> {
        if codes.contains(&self.code) {
            return Ok(self);
        }
        let said = self.lines.last().map(Vec::as_slice).unwrap_or_default();
        Err(if (400..600).contains(&self.code) { refused(talk, said) } else { odd(talk, protocol, said) })
    }
}

/// Whether a text begins so, whatever its letters' case.
fn begins(text: &[u8], with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
}

#[cfg(test)]
mod tests;
