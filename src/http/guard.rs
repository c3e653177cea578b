//! A connection that nobody can hold for nothing: bounds on waiting for a request's head, on idling, and on a reader that stalls.
//!
//! hyper's own limit for the head also runs while a kept-alive connection idles, which would end every connection between two scrapes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection may wait for its client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the whole head of a request, from its first byte (of the first request: from the connection's start).
    pub head: Duration,
    /// For the next request.
    pub idle: Duration,
    /// For a write to make any progress.
    pub write: Duration,
}

/// What a connection does, as its guard, its service and the server see it.
#[derive(Debug, Default)]
pub struct Activity {
    requests: AtomicU64,
    spoke: AtomicBool,
}

impl Activity {
    /// A request's head is complete.
    pub fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The client has sent nothing at all yet.
    pub fn is_silent(&self) -> bool {
        !self.spoke.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Part of a head is there, or the connection is new.
    Head,
    /// A request is being answered.
    Busy,
    /// Answered, as far as was written.
    Idle,
}

/// A stream that ends with [`io::ErrorKind::TimedOut`] when its client is too slow.
pub struct Guarded<S> {
    stream: S,
    /// `None`: whoever reads has bounds of its own.
    reading: Option<Reading>,
    write_patience: Duration,
    /// Set while a write makes no progress.
    write_timer: Option<Pin<Box<Sleep>>>,
}

/// Where a connection of one request after the other stands.
struct Reading {
    activity: Arc<Activity>,
    patience: Patience,
    phase: Phase,
    requests_seen: u64,
    timer: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    /// Guards a new connection of one request after the other.
    pub fn new(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        let timer = Box::pin(sleep(patience.head));
        let reading = Reading { activity, patience, phase: Phase::Head, requests_seen: 0, timer };
        Self { stream, reading: Some(reading), write_patience: patience.write, write_timer: None }
    }

    /// Guards a connection against a client that does not read, and no more.
    pub fn against_stalls(stream: S, patience: Duration) -> Self {
        Self { stream, reading: None, write_patience: patience, write_timer: None }
    }

    /// Nothing can wait longer than the patience for a client that does not read: TLS keeps something to be sent in a flush, too.
    fn moved<T>(&mut self, result: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_pending() {
            let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(self.write_patience)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
        }
        self.write_timer = None;
        result
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let result = self.moved(result, cx);
        if let (Poll::Ready(Ok(_)), Some(reading)) = (&result, &mut self.reading) {
            reading.requests_seen = reading.activity.requests.load(Ordering::Relaxed);
            reading.enter(Phase::Idle, reading.patience.idle);
            // hyper may not ask for bytes again before it is woken: the timer has to know whom to wake.
            let _ = reading.timer.as_mut().poll(cx);
        }
        result
    }
}

impl Reading {
    fn enter(&mut self, phase: Phase, for_at_most: Duration) {
        self.phase = phase;
        self.timer.as_mut().reset(Instant::now() + for_at_most);
    }

    fn begin(&mut self) {
        let requests = self.activity.requests.load(Ordering::Relaxed);
        if requests != self.requests_seen {
            self.requests_seen = requests;
            self.phase = Phase::Busy;
        }
    }

    fn heard(&mut self) {
        self.activity.spoke.store(true, Ordering::Relaxed);
        if self.phase == Phase::Idle {
            self.enter(Phase::Head, self.patience.head);
        }
    }

    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase == Phase::Busy {
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends no request")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(reading) = &mut this.reading {
            reading.begin();
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &mut this.reading {
            Some(reading) if result.is_pending() => reading.waits(cx),
            Some(reading) if buf.filled().len() > before => {
                reading.heard();
                result
            }
            _ => result,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(result, cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.moved(result, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.moved(result, cx)
    }
}
