//! What tests share: a CA, servers, sinks that remember, the exporter itself.

#![allow(dead_code, reason = "each topic uses its part")]

pub mod api_server;
pub mod ca;
pub mod crls;
pub mod curl;
pub mod exim;
pub mod exporter;
pub mod front;
pub mod haproxy;
pub mod issuing;
pub mod kube;
pub mod live;
pub mod namespace;
pub mod nginx;
pub mod nobody;
pub mod openssl;
pub mod openssl_ca;
pub mod postgres;
pub mod prometheus;
pub mod queries;
pub mod rescan;
pub mod running;
pub mod scrape;
pub mod servers;
pub mod sink;
pub mod site;
pub mod slapd;
pub mod tls_server;
pub mod web;

/// Runs with the rights of nobody, where the test itself may do everything.
pub fn as_nobody<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(rustix::fs::Uid::from_raw(65_534)).unwrap();
            }
            run()
        });
        thread.join().unwrap()
    })
}
