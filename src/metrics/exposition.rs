//! Joining fragments into the answer to one scrape: one gzip member, or the plain text inflated on the way.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;
use flate2::Decompress;
use http_body::{Body, Frame, SizeHint};
use prometheus::{Encoder, TextEncoder};

use crate::model::{Fragment, SnapshotView};

use super::counters::Counters;
use super::deflate::{Deflater, FINAL_BLOCK, inflate};
use super::table::FAMILIES;

/// What the body is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// RFC 1952 section 2.3: deflate, no flags, no time (the same snapshot gives the same bytes), unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Smaller pieces are put together, so that a write carries more than a few bytes.
const CHUNK_BYTES: usize = 16 << 10;

/// HELP and TYPE of every family, deflated once.
pub struct Exposition {
    heads: Vec<Fragment>,
}

/// One scrape: the fragments in their order.
pub struct Scrape {
    fragments: Vec<Fragment>,
}

impl Exposition {
    /// Prepares the heads of all families.
    pub fn new() -> Self {
        let mut deflater = Deflater::new();
        let heads = (0_u16..).zip(FAMILIES).map(|(index, family)| {
            let (name, help, kind) = (family.name, family.help(), family.kind.as_str());
            deflater.fragment(index, 0, format!("# HELP {name} {help}\n# TYPE {name} {kind}\n").as_bytes())
        });
        Self { heads: heads.collect() }
    }

    /// Puts together what a scrape sends: families of the snapshot that have series, in the order of the table, then the counters.
    pub fn scrape(&self, view: &dyn SnapshotView, counters: &Counters) -> Scrape {
        let mut families: Vec<Vec<Fragment>> = vec![Vec::new(); FAMILIES.len()];
        view.rendered(&mut |rendered| {
            for fragment in &rendered.fragments {
                if let Some(family) = families.get_mut(usize::from(fragment.family)) {
                    family.push(fragment.clone());
                }
            }
        });
        let with_series = self.heads.iter().zip(families).filter(|(_, fragments)| !fragments.is_empty());
        let mut fragments: Vec<Fragment> =
            with_series.flat_map(|(head, fragments)| std::iter::once(head.clone()).chain(fragments)).collect();
        fragments.extend(of_registry(counters));
        Scrape { fragments }
    }
}

impl Default for Exposition {
    fn default() -> Self {
        Self::new()
    }
}

/// The registry's families in their own order, as one fragment.
fn of_registry(counters: &Counters) -> Option<Fragment> {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&counters.gather(), &mut text) {
        tracing::error!(%error, "the counters could not be written");
        return None;
    }
    Some(Deflater::new().fragment(u16::MAX, 0, &text))
}

impl Scrape {
    /// The body as one gzip member (RFC 1952); no byte of a large fragment is copied.
    pub fn gzip(self) -> GzipBody {
        let mut crc = Hasher::new();
        let mut joined = Joined::default();
        joined.push(&Bytes::from_static(GZIP_HEADER));
        let mut len = 0_u64;
        for fragment in &self.fragments {
            crc.combine(&Hasher::new_with_initial_len(fragment.crc, fragment.len));
            len = len.wrapping_add(fragment.len);
            joined.push(&fragment.deflated);
        }
        let mut end = BytesMut::from(FINAL_BLOCK);
        end.extend_from_slice(&crc.finalize().to_le_bytes());
        // RFC 1952: modulo 2^32.
        end.extend_from_slice(&(len as u32).to_le_bytes());
        joined.push(&end.freeze());
        joined.finish()
    }

    /// Writes the text.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_to(self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let mut body = self.plain();
        while let Some(text) = body.next() {
            out.write_all(&text?)?;
        }
        Ok(())
    }

    /// The body as text.
    pub fn plain(self) -> PlainBody {
        let left = self.fragments.iter().map(|fragment| fragment.len).sum();
        PlainBody { left, fragments: self.fragments.into(), inflater: Decompress::new(false) }
    }
}

#[derive(Default)]
struct Joined {
    chunks: VecDeque<Bytes>,
    small: BytesMut,
}

impl Joined {
    fn push(&mut self, piece: &Bytes) {
        if piece.len() < CHUNK_BYTES {
            self.small.extend_from_slice(piece);
        } else {
            self.flush();
            self.chunks.push_back(piece.clone());
        }
        if self.small.len() >= 4 * CHUNK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.chunks.push_back(self.small.split().freeze());
        }
    }

    fn finish(mut self) -> GzipBody {
        self.flush();
        let left = self.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        GzipBody { chunks: self.chunks, left }
    }
}

/// A gzip body; its length is known.
pub struct GzipBody {
    chunks: VecDeque<Bytes>,
    left: u64,
}

impl Body for GzipBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A plain body: a few fragments are inflated whenever the connection takes more. Its length is known.
pub struct PlainBody {
    fragments: VecDeque<Fragment>,
    left: u64,
    inflater: Decompress,
}

impl PlainBody {
    fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        let mut text = Vec::new();
        while let Some(fragment) = self.fragments.pop_front() {
            let len = usize::try_from(fragment.len).unwrap_or(usize::MAX);
            text.reserve_exact(len.max(CHUNK_BYTES));
            if let Err(error) = inflate(&mut self.inflater, &fragment, &mut text) {
                self.fragments.clear();
                return Some(Err(error));
            }
            let next_fits = self.fragments.front().is_some_and(|next| text.len() as u64 + next.len <= 4 * CHUNK_BYTES as u64);
            if !next_fits {
                break;
            }
        }
        self.left -= (text.len() as u64).min(self.left);
        (!text.is_empty()).then(|| Ok(Bytes::from(text)))
    }
}

impl Body for PlainBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.next().map(|text| text.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.fragments.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
