//! The way to an endpoint: DNS, TCP, TLS, with a stage for each failure and a bound on each step.
//!
//! May touch: `model`, the network. Must not: judge certificates, know sources.
//!
//! A probe is a chain of small steps that all draw on one [`Budget`]: [`Resolver`] → [`connect()`] → [`TlsClient`]. Between the
//! last two stand, where they are wanted, a [`Proxy`], the PROXY protocol's header and [`Starttls`]: they take the stream and hand it on.
//! Where rustls gets no certificate, [`raw_hello`] may.

mod budget;
mod connect;
mod egress;
mod failure;
mod fetch;
mod http;
mod http1;
mod proxy;
mod proxy_protocol;
mod raw;
#[doc(hidden)]
pub mod replay;
mod resolve;
mod starttls;
mod talk;
mod tls;

pub use budget::Budget;
pub use connect::connect;
pub use egress::{Denied, Egress, Network, NotANetwork};
pub use failure::{alert_reason, io_reason};
pub use fetch::{FetchFailure, FetchLimits, FetchRequest, Fetched, Fetcher, Mirrors, NotAMirror, Said, Sink, Validators};
pub use http::{FetchError, HttpClient, trust};
pub use http1::HttpRequest;
pub use proxy::Proxy;
pub use proxy_protocol::proxy_protocol_header;
pub use raw::{Clear, Malformed, Newest, Reading, raw_hello};
pub use resolve::{Resolver, Turn};
pub use starttls::Starttls;
pub use tls::{Asked, ClientIdentity, Shown, TlsClient, TlsVersion};
