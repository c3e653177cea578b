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
    activity: Arc<Activity>,
    patience: Patience,
    phase: Phase,
    requests_seen: u64,
    read_timer: Pin<Box<Sleep>>,
    /// Set while a write makes no progress.
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// Guards a new connection.
    pub fn new(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        let read_timer = Box::pin(sleep(patience.head));
        Self { stream, activity, patience, phase: Phase::Head, requests_seen: 0, read_timer, write_timer: None }
    }

    fn enter(&mut self, phase: Phase, for_at_most: Duration) {
        self.phase = phase;
        self.read_timer.as_mut().reset(Instant::now() + for_at_most);
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(self.patience.write)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
        }
        self.write_timer = None;
        self.requests_seen = self.activity.requests.load(Ordering::Relaxed);
        self.enter(Phase::Idle, self.patience.idle);
        // hyper may not ask for bytes again before it is woken: the timer has to know whom to wake.
        let _ = self.read_timer.as_mut().poll(cx);
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let requests = self.activity.requests.load(Ordering::Relaxed);
        if requests != self.requests_seen {
            self.requests_seen = requests;
            self.phase = Phase::Busy;
        }
        let before = buf.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            if buf.filled().len() > before {
                self.activity.spoke.store(true, Ordering::Relaxed);
                if self.phase == Phase::Idle {
                    let head = self.patience.head;
                    self.enter(Phase::Head, head);
                }
            }
            return Poll::Ready(result);
        }
        if self.phase == Phase::Busy {
            return Poll::Pending;
        }
        ready!(self.read_timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends no request")))
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
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
