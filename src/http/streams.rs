//! HTTP/2, bounded as HTTP/1.1 is: few requests at once, no waiting for heads that do not come, no idling for ever, no reader that stalls.
//!
//! All of a connection runs within its own task, so that its end is the end of everything it started.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body::{Frame, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep_until};

use super::connection::{House, Wire, said};
use super::guard::Guarded;
use super::serve::Settings;
use super::web::Terms;
use crate::model::BoxFuture;

/// Requests at once.
const AT_ONCE: u32 = 8;
/// The largest head of a request, in bytes.
const LARGEST_HEAD: u32 = 16 << 10;
/// What is taken of bodies that nobody reads, and kept of an answer that cannot be sent yet, in bytes.
const WINDOW: u32 = 64 << 10;
/// How long a connection that is done may need for its farewell.
const FAREWELL: Duration = Duration::from_secs(5);
/// No deadline.
const FAR: Duration = Duration::from_secs(86_400);

/// Serves a connection to its end.
pub(super) async fn serve(wire: Wire, peer: Option<IpAddr>, house: &Arc<House>, terms: &Terms) {
    let traffic = Arc::new(Traffic(Mutex::new(Counts { asked: false, answering: 0, sending: 0, moved_at: Instant::now() })));
    let tasks = Tasks::default();
    let service = service_fn(|request| {
        let (house, share) = (Arc::clone(house), Share::begin(&traffic));
        async move {
            let answer = house.answer(request, peer).await?;
            Ok::<_, Infallible>(answer.map(|body| Sending { body, share: share.sending() }))
        }
    });
    let guarded = Guarded::against_stalls(wire, house.settings.write_timeout);
    let connection = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(AT_ONCE)
        .max_header_list_size(LARGEST_HEAD)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(WINDOW as usize)
        .serve_connection(TokioIo::new(guarded), service);
    let mut connection = pin!(connection);
    let mut farewell = pin!(house.farewell(terms));
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut running = FuturesUnordered::new();
    let mut leaves = false;
    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            tasks.drive(&mut running, cx);
            timer.as_mut().reset(traffic.lock().deadline(&house.settings, leaves));
            let is_late = timer.as_mut().poll(cx).is_ready();
            if is_late && (leaves || !traffic.lock().is_idle()) {
                return Poll::Ready(Ok(()));
            }
            let goes = !leaves && (is_late || farewell.as_mut().poll(cx).is_ready());
            if !goes {
                return Poll::Pending;
            }
            leaves = true;
            connection.as_mut().graceful_shutdown();
        }
    });
    let ended = ended.await;
    // What was started and never run holds the list that holds it.
    tasks.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    said(ended);
}

/// What the requests of a connection do.
struct Traffic(Mutex<Counts>);

struct Counts {
    /// There was a request.
    asked: bool,
    /// Requests without an answer.
    answering: usize,
    /// Answers that are not sent to their end.
    sending: usize,
    /// When any of this changed, or a piece of an answer went out.
    moved_at: Instant,
}

impl Traffic {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn is_idle(&self) -> bool {
        self.answering == 0 && self.sending == 0
    }

    /// Until when something has to happen.
    fn deadline(&self, settings: &Settings, leaves: bool) -> Instant {
        let patience = match (self.is_idle(), leaves) {
            (true, true) => FAREWELL,
            (true, false) if self.asked => settings.idle_timeout,
            (true, false) => settings.head_timeout,
            // Whatever answers has its own limits.
            (false, _) if self.sending == 0 => FAR,
            (false, _) => settings.write_timeout,
        };
        self.moved_at + patience
    }
}

/// A request's part of the traffic, until its answer is sent or given up.
struct Share {
    traffic: Arc<Traffic>,
    is_sending: bool,
}

impl Share {
    fn begin(traffic: &Arc<Traffic>) -> Self {
        let mut counts = traffic.lock();
        counts.asked = true;
        counts.answering += 1;
        counts.moved_at = Instant::now();
        drop(counts);
        Self { traffic: Arc::clone(traffic), is_sending: false }
    }

    fn sending(mut self) -> Self {
        let mut counts = self.traffic.lock();
        counts.answering -= 1;
        counts.sending += 1;
        counts.moved_at = Instant::now();
        drop(counts);
        self.is_sending = true;
        self
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.traffic.lock();
        if self.is_sending {
            counts.sending -= 1
        } else {
            counts.answering -= 1
        }
        counts.moved_at = Instant::now();
    }
}

/// An answer on its way.
struct Sending {
    body: Body,
    share: Share,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.share.traffic.lock().moved_at = Instant::now();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the connection starts for each of its requests: run by the connection's own task.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(task));
    }
}

impl Tasks {
    /// Lets them go on as far as they can.
    fn drive(&self, running: &mut FuturesUnordered<BoxFuture<'static, ()>>, cx: &mut Context<'_>) {
        running.extend(self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {}
    }
}

#[cfg(test)]
mod tests;
