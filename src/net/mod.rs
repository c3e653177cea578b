//! The way to an endpoint: DNS, TCP, TLS, with a stage for each failure and a bound on each step.
//!
//! May touch: `model`, the network. Must not: judge certificates, know sources.
//!
//! A probe is a chain of small steps that all draw on one [`Budget`]: [`Resolver`] → [`connect`] → [`TlsClient`]. A proxy and
//! STARTTLS stand between the last two: they take the stream and hand it on.

mod budget;
mod connect;
mod failure;
mod http1;
mod resolve;
mod tls;

pub use budget::Budget;
pub use connect::connect;
pub use http1::HttpRequest;
pub use resolve::{Resolver, Turn};
pub use tls::{Asked, ClientIdentity, Shown, TlsClient};
