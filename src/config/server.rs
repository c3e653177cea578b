//! `[server]`: where the exporter listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::section::{Problems, Section};

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen; at least one.
    pub listen: Vec<SocketAddr>,
}

/// Port 9849 on every IPv4 address.
impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9849)] }
    }
}

/// An address and port to listen on, as `listen` and `--listen` take it.
///
/// # Errors
/// What was expected.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("expected an address and port such as \"0.0.0.0:9849\" or \"[::1]:9849\", found {text:?}"))
}

pub(super) fn parse(mut table: Section<'_>, problems: &mut Problems<'_>) -> ServerConfig {
    let listen = table.take("listen", problems, |texts: Vec<String>| {
        let mut listen = Vec::new();
        for text in &texts {
            let address = parse_listen(text)?;
            if listen.contains(&address) {
                return Err(format!("expected different addresses, found {text:?} twice"));
            }
            listen.push(address);
        }
        if listen.is_empty() { Err("expected at least one address, found none".to_owned()) } else { Ok(listen) }
    });
    table.finish(problems);
    listen.map_or_else(ServerConfig::default, |listen| ServerConfig { listen })
}
