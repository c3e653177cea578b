//! TLS contexts wherever they stand in a document, with the listener or cluster around them. Pure.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::node::Node;
use crate::model::UseKind;
use crate::source::configured::{cut, host_at, insert_capped};

/// What a document says of certificates.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Files that contexts name themselves, each with its user.
    pub files: Vec<(User, SecretFile)>,
    /// Secrets that contexts refer to by name.
    pub references: Vec<(User, Reference)>,
    /// Secrets by name.
    pub secrets: Vec<(Box<str>, Vec<SecretFile>)>,
    /// Other documents: paths of secrets and resources.
    pub documents: Vec<Box<str>>,
}

/// A file, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    pub part: Part,
    /// As written.
    pub path: Box<str>,
}

/// What a file is to a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Certificate,
    Staple,
    Ca,
    Crl,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub name: Box<str>,
    /// The document that holds it, as written; `None`: a static one.
    pub path: Option<Box<str>>,
}

/// Whether a context is for clients or for servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Downstream,
    Upstream,
}

/// Who uses a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `None`: neither the context nor what is around it says so.
    pub side: Option<Side>,
    /// The listener or cluster.
    pub name: Rc<str>,
    /// What is served, or asked for.
    pub hosts: Rc<BTreeSet<String>>,
}

impl User {
    /// How a file of this part is used.
    pub fn kind(&self, part: Part) -> Option<UseKind> {
        Some(match (self.side?, part) {
            (Side::Downstream, Part::Certificate) => UseKind::EnvoyCertificate,
            (Side::Downstream, Part::Ca) => UseKind::EnvoyClientCa,
            (Side::Downstream, Part::Crl) => UseKind::EnvoyCrl,
            (_, Part::Staple) => UseKind::EnvoyStaple,
            (Side::Upstream, Part::Certificate) => UseKind::EnvoyUpstreamCertificate,
            (Side::Upstream, Part::Ca) => UseKind::EnvoyUpstreamCa,
            (Side::Upstream, Part::Crl) => UseKind::EnvoyUpstreamCrl,
        })
    }
}

/// What a document says.
pub fn read(document: &Node) -> Said {
    let (mut said, around) = (Said::default(), Around::default());
    match document {
        // A part of a bootstrap may stand alone: what it holds is what `static_resources` would.
        Node::Map(entries) if document.kind().is_empty() => {
            for (name, value) in entries {
                if !said.resources(name, value) {
                    said.field(document, name, value, &around);
                }
            }
        }
        _ => said.walk(document, &around),
    }
    said
}

/// What is around a value.
#[derive(Clone, Default)]
struct Around {
    side: Option<Side>,
    name: Rc<str>,
    ports: Rc<BTreeSet<String>>,
    server_names: Rc<BTreeSet<String>>,
}

impl Said {
    fn walk(&mut self, node: &Node, around: &Around) {
        let entries = match node {
            Node::List(items) => return items.iter().for_each(|item| self.walk(item, around)),
            Node::Map(entries) => entries,
            Node::Empty | Node::Text(_) => return,
        };
        let own;
        let around = match node.kind() {
            "Secret" => return self.secret(node),
            "Listener" => {
                own = Around::listener(node);
                &own
            }
            "Cluster" => {
                own = Around::cluster(node);
                &own
            }
            _ => around,
        };
        entries.iter().for_each(|(name, value)| self.field(node, name, value, around));
    }

    /// Resources by the name of their list: what they are stands in no `@type`. Says whether these are some.
    fn resources(&mut self, name: &str, value: &Node) -> bool {
        match name {
            "listeners" => value.items().iter().for_each(|item| self.walk(item, &Around::listener(item))),
            "clusters" => value.items().iter().for_each(|item| self.walk(item, &Around::cluster(item))),
            "secrets" => value.items().iter().for_each(|item| self.secret(item)),
            _ => return false,
        }
        true
    }

    /// A field of a message, whatever that is.
    fn field(&mut self, message: &Node, name: &str, value: &Node, around: &Around) {
        match name {
            "static_resources" => {
                for name in ["listeners", "clusters", "secrets"] {
                    self.resources(name, value.at(name));
                }
            }
            "filter_chains" => value.items().iter().for_each(|chain| self.walk(chain, &around.filter_chain(chain))),
            "default_filter_chain" => self.walk(value, &around.filter_chain(value)),
            "common_tls_context" => self.context(message, value, around),
            "path_config_source" => self.documents.extend(value.at("path").text().map(Box::from)),
            // Before `path_config_source` there was a bare path.
            "lds_config" | "cds_config" | "sds_config" => {
                self.documents.extend(value.at("path").text().map(Box::from));
                self.walk(value, around);
            }
            _ => self.walk(value, around),
        }
    }

    fn context(&mut self, node: &Node, common: &Node, around: &Around) {
        let side = match node.kind() {
            "DownstreamTlsContext" => Some(Side::Downstream),
            "UpstreamTlsContext" => Some(Side::Upstream),
            _ => around.side,
        };
        let hosts = match side {
            Some(Side::Upstream) => Rc::new(BTreeSet::from([node.at("sni").text().unwrap_or_default().to_lowercase()])),
            _ => around.hosts(),
        };
        let user = User { side, name: Rc::clone(&around.name), hosts };
        let combined = common.at("combined_validation_context");
        let mut files = Vec::new();
        common.at("tls_certificates").items().iter().for_each(|certificate| add_certificate(&mut files, certificate));
        add_validation(&mut files, common.at("validation_context"));
        add_validation(&mut files, combined.at("default_validation_context"));
        self.files.extend(files.into_iter().map(|file| (user.clone(), file)));
        let references = common
            .at("tls_certificate_sds_secret_configs")
            .items()
            .iter()
            .chain([common.at("validation_context_sds_secret_config"), combined.at("validation_context_sds_secret_config")]);
        for reference in references {
            let Some(name) = reference.at("name").text().map(Box::from) else { continue };
            let source = reference.at("sds_config");
            let path = source.at("path_config_source").at("path").text().or(source.at("path").text()).map(Box::from);
            // Secrets that come over the network lie in no file.
            if path.is_some() || *source == Node::Empty {
                self.references.push((user.clone(), Reference { name, path }));
            }
        }
        self.walk(common, around);
    }

    fn secret(&mut self, secret: &Node) {
        let mut files = Vec::new();
        add_certificate(&mut files, secret.at("tls_certificate"));
        add_validation(&mut files, secret.at("validation_context"));
        self.secrets.push((secret.at("name").text().unwrap_or_default().into(), files));
    }
}

impl Around {
    fn listener(listener: &Node) -> Self {
        let mut ports = BTreeSet::new();
        let first = address(listener.at("address"));
        let others = listener.at("additional_addresses").items().iter().map(|other| address(other.at("address")));
        let addresses: Vec<(String, String)> = std::iter::once(first).chain(others).flatten().collect();
        addresses.iter().for_each(|(_, port)| insert_capped(&mut ports, cut(port).to_owned()));
        let name = match listener.at("name").text() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => addresses.first().map_or_else(String::new, |(whole, _)| whole.clone()),
        };
        Self { side: Some(Side::Downstream), name: name.into(), ports: Rc::new(ports), server_names: Rc::default() }
    }

    fn cluster(cluster: &Node) -> Self {
        Self { side: Some(Side::Upstream), name: cluster.at("name").text().unwrap_or_default().into(), ..Self::default() }
    }

    fn filter_chain(&self, chain: &Node) -> Self {
        let mut names = BTreeSet::new();
        let found = chain.at("filter_chain_match").at("server_names").items().iter().filter_map(Node::text);
        found.for_each(|name| insert_capped(&mut names, cut(name).to_lowercase()));
        Self { server_names: Rc::new(names), ..self.clone() }
    }

    /// Every name at every port.
    fn hosts(&self) -> Rc<BTreeSet<String>> {
        let or = |set: &Rc<BTreeSet<String>>, text: &str| {
            if set.is_empty() { Rc::new(BTreeSet::from([text.to_owned()])) } else { Rc::clone(set) }
        };
        let mut hosts = BTreeSet::new();
        for name in or(&self.server_names, "*").iter() {
            for port in or(&self.ports, "").iter() {
                insert_capped(&mut hosts, host_at(name, port));
            }
        }
        Rc::new(hosts)
    }
}

/// An address as a whole, and its port, which for a socket in the file system is its path.
fn address(address: &Node) -> Option<(String, String)> {
    let socket = address.at("socket_address");
    if let Some(port) = socket.at("port_value").text().or(socket.at("named_port").text()) {
        let host = socket.at("address").text().unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        return Some((format!("{host}:{port}"), port.to_owned()));
    }
    let path = address.at("pipe").at("path").text()?;
    Some((format!("unix:{path}"), format!("unix:{path}")))
}

fn add_certificate(files: &mut Vec<SecretFile>, certificate: &Node) {
    add_file(files, Part::Certificate, certificate.at("certificate_chain"));
    add_file(files, Part::Staple, certificate.at("ocsp_staple"));
}

fn add_validation(files: &mut Vec<SecretFile>, context: &Node) {
    add_file(files, Part::Ca, context.at("trusted_ca"));
    add_file(files, Part::Crl, context.at("crl"));
    // Peers with a SPIFFE ID are held to the CAs of its trust domain.
    let validator = context.at("custom_validator_config").at("typed_config");
    if validator.kind() == "SPIFFECertValidatorConfig" {
        validator.at("trust_domains").items().iter().for_each(|domain| add_file(files, Part::Ca, domain.at("trust_bundle")));
    }
}

/// What is inline, or stands in the environment, leads to no file.
fn add_file(files: &mut Vec<SecretFile>, part: Part, source: &Node) {
    if let Some(path) = source.at("filename").text().filter(|path| !path.is_empty()) {
        files.push(SecretFile { part, path: path.into() });
    }
}
