//! A conversation in clear before TLS: bounded, and nothing is lost of what comes behind its end.
//!
//! Whoever answers here has proved nothing: lines, bytes and time are counted, and what he says stands escaped and cut in messages.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::failure::io_reason;
use crate::model::{Failure, Reason, Stage};

/// The longest line, its end included.
const LINE: usize = 8 << 10;
/// The most bytes in all.
const ALL: usize = 64 << 10;
/// The most lines in all.
const LINES: usize = 100;
/// How much of what the peer said stands in a message.
const QUOTED: usize = 160;

/// One side of a conversation.
pub(super) struct Talk<'a, S> {
    stream: &'a mut S,
    stage: Stage,
    garbled: Reason,
    /// Bytes per read: 1 where what follows belongs to another.
    step: usize,
    /// Read, but not yet used.
    held: Vec<u8>,
    taken: usize,
    lines: usize,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    /// STARTTLS: reads what is there, so that [`finish`](Self::finish) sees what came too early.
    pub fn starttls(stream: &'a mut S) -> Self {
        Self::new(stream, Stage::Starttls, Reason::StarttlsProtocolError, 4096)
    }

    /// A proxy: never reads a byte beyond its answer, for the next one may be the target's.
    pub fn proxy(stream: &'a mut S) -> Self {
        Self::new(stream, Stage::Proxy, Reason::ProxyProtocolError, 1)
    }

    fn new(stream: &'a mut S, stage: Stage, garbled: Reason, step: usize) -> Self {
        Self { stream, stage, garbled, step, held: Vec::new(), taken: 0, lines: 0 }
    }

    /// A failure of this stage.
    pub fn fail(&self, reason: Reason, words: impl Into<String>) -> Failure {
        Failure::new(self.stage, reason, words.into())
    }

    /// The peer does not keep to the protocol.
    pub fn garbled(&self, words: impl Into<String>) -> Failure {
        self.fail(self.garbled, words)
    }

    /// Sends all of it.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.stream.write_all(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => Err(Failure::new(self.stage, io_reason(&error), error)),
        }
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        self.lines += 1;
        if self.lines > LINES {
            return Err(self.garbled(format!("more than {LINES} lines and no end")));
        }
        let mut searched = 0;
        loop {
            let end = self.held.iter().skip(searched).position(|byte| *byte == b'\n').map(|at| at + searched);
            if end.unwrap_or(self.held.len()) >= LINE {
                return Err(self.garbled(format!("a line of more than {LINE} bytes: {}", quoted(&self.held))));
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.held.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.held.len();
            self.more().await?;
        }
    }

    /// Exactly so many bytes.
    pub async fn exact(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.held.len() < count {
            self.more().await?;
        }
        Ok(self.held.drain(..count).collect())
    }

    /// All bytes up to the first of these marks, that mark included.
    pub async fn until(&mut self, marks: &[&str]) -> Result<Vec<u8>, Failure> {
        let longest = marks.iter().map(|mark| mark.len()).max().unwrap_or_default();
        let mut searched = 0_usize;
        loop {
            // A mark may have begun in what was searched before.
            let from = searched.saturating_sub(longest);
            let fresh = self.held.get(from..).unwrap_or_default();
            let ends = marks.iter().filter_map(|mark| {
                let at = fresh.windows(mark.len()).position(|window| window == mark.as_bytes())?;
                Some(from + at + mark.len())
            });
            if let Some(end) = ends.min() {
                return Ok(self.held.drain(..end).collect());
            }
            searched = self.held.len();
            self.more().await?;
        }
    }

    /// What came together with what was read, and is not yet used.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Ends the conversation: TLS begins with the next byte, which must be ours.
    pub fn finish(self) -> Result<(), Failure> {
        if self.held.is_empty() {
            return Ok(());
        }
        let words = format!("{} bytes came in clear before TLS began: {}", self.held.len(), quoted(&self.held));
        Err(self.fail(Reason::StarttlsInjection, words))
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.taken >= ALL {
            return Err(self.garbled(format!("more than {ALL} bytes and no end: {}", quoted(&self.held))));
        }
        // Straight into what is held: a buffer of its own would make every probe's future larger.
        let before = self.held.len();
        self.held.resize(before + self.step.min(ALL - self.taken), 0);
        let read = self.stream.read(self.held.get_mut(before..).unwrap_or_default()).await;
        self.held.truncate(before + read.as_ref().map_or(0, |count| *count));
        let count = read.map_err(|error| Failure::new(self.stage, io_reason(&error), error))?;
        if count == 0 {
            let heard = if self.held.is_empty() { String::new() } else { format!(" after {}", quoted(&self.held)) };
            return Err(self.fail(Reason::Closed, format!("the connection was closed{heard}")));
        }
        self.taken += count;
        Ok(())
    }
}

/// What the peer said, for people.
pub(super) fn quoted(said: &[u8]) -> String {
    let cut = said.get(..QUOTED);
    format!("\"{}{}\"", cut.unwrap_or(said).escape_ascii(), if cut.is_some() { "…" } else { "" })
}
