//! What several topics need.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod sink;

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
