//! Sockets to serve on: bound here, or handed over by the service manager.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::config::server::Listen;
use crate::http::Bound;

/// Sockets that are taken from a service manager.
const MOST_HANDED: usize = 256;
/// How long somebody who may listen on a path has to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// A socket that can be served on.
pub(super) struct Socket {
    pub(super) bound: Bound,
    /// Where it is: a port 0 has become a real one.
    pub(super) at: Listen,
    /// Goes with it.
    pub(super) path: Option<SocketPath>,
}

/// Sockets that this process was started with (`LISTEN_FDS`), for as long as it runs.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, Handed)>);

#[derive(Debug)]
enum Handed {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// Takes them over. Changes the environment: to be called once, while this is the only thread.
    ///
    /// # Errors
    /// One is nothing that can be served on; in words.
    pub fn take() -> Result<Self, String> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..handed.len().min(MOST_HANDED) {
            let socket = match handed.take_tcp_listener(index) {
                Ok(socket) => socket.map(Handed::Tcp),
                Err(_) => {
                    handed.take_unix_listener(index).map_err(|error| format!("a socket of the service manager: {error}"))?.map(Handed::Unix)
                }
            };
            sockets.extend(socket.map(|socket| (names.next().unwrap_or_default(), socket)));
        }
        Ok(Self(sockets))
    }

    /// Those that an entry means: of its name, or all that no other entry names.
    fn of<'a>(&'a self, name: Option<&'a str>, named: &'a [String]) -> impl Iterator<Item = &'a Handed> {
        let is_meant = move |other: &String| name.map_or_else(|| !named.contains(other), |name| name == other);
        self.0.iter().filter(move |(other, _)| is_meant(other)).map(|(_, socket)| socket)
    }
}

impl Handed {
    fn socket(&self) -> std::io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                let at = Listen::Tcp(listener.local_addr()?);
                Ok(Socket { bound: Bound::Tcp(TcpListener::from_std(listener)?), at, path: None })
            }
            Self::Unix(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                let at = Listen::Unix(listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default());
                Ok(Socket { bound: Bound::Unix(UnixListener::from_std(listener)?), at, path: None })
            }
        }
    }
}

/// Everything that an entry means. `named`: the names of all entries. Cancel safe.
///
/// # Errors
/// It cannot be had.
pub(super) async fn bind(listen: &Listen, unix_mode: u32, inherited: &Inherited, named: &[String]) -> std::io::Result<Vec<Socket>> {
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).await?;
            let at = Listen::Tcp(listener.local_addr()?);
            Ok(vec![Socket { bound: Bound::Tcp(listener), at, path: None }])
        }
        Listen::Unix(path) => {
            let (listener, own) = bind_path(path, unix_mode).await?;
            Ok(vec![Socket { bound: Bound::Unix(listener), at: listen.clone(), path: Some(own) }])
        }
        Listen::Systemd(name) => {
            let sockets: Vec<Socket> = inherited.of(name.as_deref(), named).map(Handed::socket).collect::<Result<_, _>>()?;
            if sockets.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, "the service manager has handed over no such socket (LISTEN_FDS)"));
            }
            Ok(sockets)
        }
    }
}

/// The path of a socket that this process has made. Removed when dropped, unless another one stands there by then.
#[derive(Debug)]
pub(super) struct SocketPath {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketPath {
    /// Gives it another mode.
    pub(super) fn set_mode(&self, mode: u32) -> std::io::Result<()> {
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(mode))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    path.symlink_metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Binds under another name and moves it into place: nobody ever meets it with other rights, and what nobody answers at is replaced at once.
async fn bind_path(path: &Path, mode: u32) -> std::io::Result<(UnixListener, SocketPath)> {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(Error::new(ErrorKind::AlreadyExists, "something stands there that is no socket"));
        }
        Ok(_) if is_answered(path).await => return Err(Error::new(ErrorKind::AddrInUse, "another process answers there")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let first = path.with_file_name(format!(".{}", std::process::id()));
    let _ = std::fs::remove_file(&first);
    let listener = UnixListener::bind(&first)?;
    let own = SocketPath { identity: identity(&first)?, path: first };
    own.set_mode(mode)?;
    std::fs::rename(&own.path, path)?;
    Ok((listener, SocketPath { path: path.to_owned(), identity: own.identity }))
}

/// Whether anybody listens, however busy.
async fn is_answered(path: &Path) -> bool {
    let refusals = [ErrorKind::ConnectionRefused, ErrorKind::NotFound];
    match tokio::time::timeout(ANSWER, UnixStream::connect(path)).await {
        Ok(Err(error)) => !refusals.contains(&error.kind()),
        Ok(Ok(_)) | Err(_) => true,
    }
}
