//! Loading the configuration anew on request: what `http` asks and the program does. Implemented by `app`.

use super::BoxFuture;

/// Why the configuration was not loaded anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReloaded {
    /// The configuration does not allow it to be asked for over HTTP.
    Forbidden,
    /// Too many ask already.
    Busy,
    /// It is wrong; the former one stays in force.
    Failed(String),
}

/// Loads the configuration anew, as SIGHUP does.
pub trait Reload: Send + Sync {
    /// Asks for it and waits until it is done. Cancel safe: what was asked for is done all the same.
    ///
    /// # Errors
    /// The former configuration stays in force.
    fn reload(&self) -> BoxFuture<'_, Result<(), NotReloaded>>;
}
