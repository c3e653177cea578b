//! `[server]`: where the exporter listens, what it serves where, and how that is secured.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::section::{Problems, Section};

/// The longest path of a socket: the kernel takes 107 bytes, and it is made under another name beside its own.
const LONGEST_PATH: usize = 99;
/// Owner and group.
const UNIX_MODE: u32 = 0o660;

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen; at least one.
    pub listen: Vec<Listen>,
    /// Where `/probe`, the API and `/-/reload` are served instead; none: on every address.
    pub admin_listen: Vec<Listen>,
    /// The mode of sockets that have a path.
    pub unix_mode: u32,
    /// The web configuration: TLS, passwords, limits.
    pub web_config: Option<PathBuf>,
    /// Whether `POST /-/reload` loads the configuration anew.
    pub reload: bool,
}

/// Port 9849 on every IPv4 address.
impl Default for ServerConfig {
    fn default() -> Self {
        let listen = vec![Listen::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9849))];
        Self { listen, admin_listen: Vec::new(), unix_mode: UNIX_MODE, web_config: None, reload: false }
    }
}

/// Something to listen on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listen {
    /// An address and port.
    Tcp(SocketAddr),
    /// A socket with a path.
    Unix(PathBuf),
    /// Sockets that the service manager hands over: those of this name, or all that no other entry names.
    Systemd(Option<String>),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{}", name.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something to listen on, as `listen` and `--listen` take it; a relative path stays one.
///
/// # Errors
/// What was expected.
pub fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() || path.contains('\0') || path.ends_with('/') {
            return Err(format!("expected a path behind unix: such as \"unix:/run/notafter/notafter.sock\", found {text:?}"));
        }
        return Ok(Listen::Unix(path.into()));
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        if name.len() > 255 || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
            return Err(format!("expected \"systemd:\" or \"systemd:NAME\" with a FileDescriptorName, found {text:?}"));
        }
        return Ok(Listen::Systemd((!name.is_empty()).then(|| name.to_owned())));
    }
    text.parse().map(Listen::Tcp).map_err(|_| {
        format!(
            "expected an address and port such as \"0.0.0.0:9849\" or \"[::1]:9849\", \"unix:/run/notafter/notafter.sock\" \
             or \"systemd:\", found {text:?}"
        )
    })
}

impl Listen {
    /// The same with a path that starts from a folder.
    ///
    /// # Errors
    /// No socket can have such a long path.
    pub fn below(self, base: &Path) -> Result<Self, String> {
        let Self::Unix(path) = self else { return Ok(self) };
        let path = base.join(path);
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(format!("expected the path of a socket of at most {LONGEST_PATH} bytes, found {} of {length}", path.display()));
        }
        Ok(Self::Unix(path))
    }
}

pub(super) fn parse(mut table: Section<'_>, base: &Path, problems: &mut Problems<'_>) -> ServerConfig {
    let default = ServerConfig::default();
    let listen = table.take("listen", problems, |texts: Vec<String>| addresses(&texts, &[], base)).unwrap_or(default.listen);
    let admin_listen = table.take("admin_listen", problems, |texts: Vec<String>| addresses(&texts, &listen, base)).unwrap_or_default();
    let unix_mode = table.take("unix_mode", problems, |text: String| mode(&text)).unwrap_or(default.unix_mode);
    let web_config = table.take("web_config", problems, |path: PathBuf| {
        if path.as_os_str().is_empty() { Err("expected the path of a file, found \"\"".to_owned()) } else { Ok(base.join(path)) }
    });
    let reload = table.take("reload", problems, |reload: bool| Ok(reload)).unwrap_or(default.reload);
    table.finish(problems);
    ServerConfig { listen, admin_listen, unix_mode, web_config, reload }
}

/// Different ones, and none that stands elsewhere.
fn addresses(texts: &[String], elsewhere: &[Listen], base: &Path) -> Result<Vec<Listen>, String> {
    let mut addresses = Vec::new();
    for text in texts {
        let address = parse_listen(text)?.below(base)?;
        if addresses.contains(&address) {
            return Err(format!("expected different addresses, found {text:?} twice"));
        }
        if elsewhere.contains(&address) {
            return Err(format!("expected addresses of their own, found {text:?} in listen, too"));
        }
        addresses.push(address);
    }
    if addresses.is_empty() { Err("expected at least one address, found none".to_owned()) } else { Ok(addresses) }
}

/// `"0660"`
fn mode(text: &str) -> Result<u32, String> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| format!("expected the mode of a socket that its owner may use, such as \"0660\", found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_listen_on_is_spelt_in_three_ways() {
        let long = format!("unix:/{}", "a".repeat(LONGEST_PATH));
        for (text, expected) in [
            ("127.0.0.1:1", Ok("127.0.0.1:1")),
            ("[::1]:9849", Ok("[::1]:9849")),
            ("unix:/run/n.sock", Ok("unix:/run/n.sock")),
            ("unix:n.sock", Ok("unix:/base/n.sock")),
            ("systemd:", Ok("systemd:")),
            ("systemd:admin", Ok("systemd:admin")),
            ("localhost:1", Err("expected an address and port")),
            ("unix:", Err("expected a path behind unix:")),
            ("unix:/run/", Err("expected a path behind unix:")),
            ("systemd:a b", Err("FileDescriptorName")),
            ("systemd:a:b", Err("FileDescriptorName")),
            (&long, Err("at most 99 bytes")),
        ] {
            let found = parse_listen(text).and_then(|listen| listen.below(Path::new("/base")));
            match (found, expected) {
                (Ok(listen), Ok(shown)) => assert_eq!(listen.to_string(), shown),
                (Err(why), Err(words)) => assert!(why.contains(words), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_mode_is_octal_and_leaves_the_owner_in() {
        for (text, expected) in [("0660", Some(0o660)), ("660", Some(0o660)), ("0777", Some(0o777)), ("0600", Some(0o600))] {
            assert_eq!(mode(text).ok(), expected, "{text}");
        }
        for text in ["", "66", "0o660", "0860", "07777", "0060", "-660", "+660"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
