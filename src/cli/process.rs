//! What the process asks of the system before it looks at anything.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Prepares for many endpoints and for secrets in memory.
pub(super) fn prepare() {
    raise_descriptor_limit();
    leave_no_core();
}

/// Many endpoints at once need many descriptors: the soft limit is raised to the hard one.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

/// A dump of memory would hold passphrases and client keys. Handlers that take dumps through a pipe do not ask for the limit, hence the filter of what
/// a dump holds, too (core(5)): nothing of the process' own memory.
fn leave_no_core() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!("core dumps stay possible: {error}");
    }
    // Not there in every container; the limit holds all the same.
    if let Err(error) = std::fs::write("/proc/self/coredump_filter", "0") {
        tracing::debug!("/proc/self/coredump_filter: {error}");
    }
}
