//! The resolver of the HTTP client: it hands out only addresses that the policy lets pass, so the connection goes to no other.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::net::Resolver;
use crate::net::egress::Egress;

/// The system's resolver behind the policy.
pub(super) struct Checked {
    egress: Egress,
    resolver: Resolver,
}

impl Checked {
    /// With a bound on lookups at once.
    pub(super) fn new(egress: Egress, at_once: usize) -> Self {
        Self { egress, resolver: Resolver::new(at_once) }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (egress, resolver) = (self.egress.clone(), self.resolver.clone());
        Box::pin(async move {
            // Port 0 stands for the URL's own.
            let found = resolver.turn().await.resolve(name.as_str(), 0).await.map_err(|failure| failure.detail.to_string())?;
            let mut denied = None;
            let mut open = Vec::with_capacity(found.len());
            for address in found {
                match egress.address(address.ip()) {
                    Ok(()) => open.push(address),
                    Err(error) => denied = denied.or(Some(error)),
                }
            }
            match denied {
                Some(denied) if open.is_empty() => Err(denied.into()),
                _ => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}
