//! What tests share: a CA, servers, a sink that remembers.

#![allow(dead_code, reason = "each topic uses its part")]

pub mod ca;
pub mod openssl;
pub mod rescan;
pub mod sink;
pub mod tls_server;
