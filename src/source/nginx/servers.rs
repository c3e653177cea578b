//! Who uses which file: directives are inherited from the outer block, sockets are shared between servers. Pure.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::listen::{Socket, add_names, hosts};
use super::load::Tree;
use super::syntax::Directive;
use crate::model::{Reason, UseKind};
use crate::source::configured::{Gathered, path_from};

/// The most steps: directives, those of a file as often as it is included, their words, and each use of a file for a host.
pub const MOST_STEPS: usize = 4_000_000;
/// So many bytes of a word count as one more.
const BYTES_PER_STEP: usize = 64;
/// It is asked after so many steps whether the scan is over.
const STEPS_BETWEEN_LOOKS: usize = 4_096;
/// The most files that one directive names in one block. nginx keeps one certificate for each kind of key.
const MOST_PATHS: usize = 64;
/// The most blocks inside one another, over all files.
const MOST_NESTED: usize = 200;

/// Who uses a directive's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A server that listens with TLS.
    Server,
    /// A server that passes requests on by this module.
    Upstream(Module),
}

/// A module that passes requests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    Proxy,
    Grpc,
    Uwsgi,
}

/// A directive that names a file.
pub struct FileDirective {
    /// Its name.
    pub directive: &'static str,
    /// What the file is to its user.
    pub kind: UseKind,
    /// Who uses it.
    pub side: Side,
    /// Whether the file may depend on the connection (variables), or stand in the configuration itself (`data:`).
    pub may_vary: bool,
}

const fn row(directive: &'static str, kind: UseKind, side: Side, may_vary: bool) -> FileDirective {
    FileDirective { directive, kind, side, may_vary }
}

const PROXY: Side = Side::Upstream(Module::Proxy);
const GRPC: Side = Side::Upstream(Module::Grpc);
const UWSGI: Side = Side::Upstream(Module::Uwsgi);

/// The directives that name files. Keys are none of them.
pub const FILES: [FileDirective; 14] = [
    row("ssl_certificate", UseKind::NginxCertificate, Side::Server, true),
    row("ssl_client_certificate", UseKind::NginxClientCa, Side::Server, false),
    row("ssl_trusted_certificate", UseKind::NginxTrustedCa, Side::Server, false),
    row("ssl_crl", UseKind::NginxCrl, Side::Server, false),
    row("ssl_stapling_file", UseKind::NginxStaple, Side::Server, false),
    row("proxy_ssl_certificate", UseKind::NginxUpstreamCertificate, PROXY, true),
    row("proxy_ssl_trusted_certificate", UseKind::NginxUpstreamCa, PROXY, false),
    row("proxy_ssl_crl", UseKind::NginxUpstreamCrl, PROXY, false),
    row("grpc_ssl_certificate", UseKind::NginxUpstreamCertificate, GRPC, true),
    row("grpc_ssl_trusted_certificate", UseKind::NginxUpstreamCa, GRPC, false),
    row("grpc_ssl_crl", UseKind::NginxUpstreamCrl, GRPC, false),
    row("uwsgi_ssl_certificate", UseKind::NginxUpstreamCertificate, UWSGI, true),
    row("uwsgi_ssl_trusted_certificate", UseKind::NginxUpstreamCa, UWSGI, false),
    row("uwsgi_ssl_crl", UseKind::NginxUpstreamCrl, UWSGI, false),
];

/// Adds every file that the configuration names, with its users: in `most` steps, and unless the scan is over before.
pub fn gather(tree: &Tree, prefix: &Path, gathered: &mut Gathered, most: usize, is_over: &dyn Fn() -> bool) {
    let Some(main) = tree.files.first() else { return };
    let mut reading = Reading { tree, prefix, gathered, most, is_over, steps: 0, looked: 0, is_given_up: is_over(), nested: 0 };
    for at in reading.children(0, &main.directives) {
        if matches!(&*at.directive.name, "http" | "stream" | "mail") {
            reading.context(at);
        }
    }
    if reading.steps > most {
        let text = format!("{}: more than {most} directives, words and uses of files, with all that is included", main.path);
        gathered.fail(Reason::TooLarge, text);
    }
}

struct Reading<'a> {
    tree: &'a Tree,
    prefix: &'a Path,
    gathered: &'a mut Gathered,
    most: usize,
    is_over: &'a dyn Fn() -> bool,
    steps: usize,
    /// How many steps there were when it was last asked whether the scan is over.
    looked: usize,
    /// The scan is over, or there were too many steps.
    is_given_up: bool,
    nested: usize,
}

/// A directive and the file that it stands in.
#[derive(Clone, Copy)]
struct At<'a> {
    file: usize,
    directive: &'a Directive,
}

/// What holds in a block: its own directives, and those of the outer ones.
#[derive(Clone, Default)]
struct Scope<'a> {
    /// By the order of [`FILES`].
    files: [Option<Rc<[PathBuf]>>; FILES.len()],
    /// `ssl on`, which once stood for the parameter of `listen`.
    ssl: bool,
    /// `starttls`: TLS on a socket of a mail server that begins in clear.
    starttls: bool,
    /// `proxy_ssl on` of a stream server.
    proxy_ssl: bool,
    /// The names that upstreams must show.
    proxy_name: Option<&'a [u8]>,
    grpc_name: Option<&'a [u8]>,
    uwsgi_name: Option<&'a [u8]>,
}

/// A server, while it is not known yet which sockets speak TLS.
struct Server<'a> {
    file: usize,
    scope: Scope<'a>,
    names: BTreeSet<String>,
    sockets: BTreeSet<Socket>,
}

impl<'a> Reading<'a> {
    /// Counts steps before they are made; `false`: not these.
    fn may(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_add(steps);
        if !self.is_given_up && self.steps - self.looked >= STEPS_BETWEEN_LOOKS {
            self.looked = self.steps;
            self.is_given_up = self.steps > self.most || (self.is_over)();
        }
        !self.is_given_up
    }

    /// What stands in a block, with what it includes in the place of each `include`.
    fn children(&mut self, file: usize, directives: &'a [Directive]) -> Vec<At<'a>> {
        let mut found = Vec::new();
        let mut open = vec![(file, directives.iter())];
        while let Some((file, directives)) = open.last_mut() {
            let file = *file;
            let Some(directive) = directives.next() else {
                open.pop();
                continue;
            };
            let words = directive.words.iter().map(|word| 1 + word.len() / BYTES_PER_STEP);
            if !self.may(words.sum::<usize>().max(1)) {
                break;
            }
            // Those included last are on top: reversed, they come in their order. Inclusions never lead back.
            for number in directive.included.iter().rev() {
                open.push((*number, self.tree.files[*number].directives.iter()));
            }
            if directive.included.is_empty() {
                found.push(At { file, directive });
            }
        }
        found
    }

    fn block(&mut self, at: At<'a>) -> Vec<At<'a>> {
        self.children(at.file, at.directive.block.as_deref().unwrap_or_default())
    }

    /// `http`, `stream` or `mail`.
    fn context(&mut self, at: At<'a>) {
        let children = self.block(at);
        let scope = self.scope(&Scope::default(), &children);
        let is_http = &*at.directive.name == "http";
        let mut servers = Vec::new();
        // TLS belongs to the socket: one server that asks for it gives it to all that listen there.
        let mut with_tls: HashSet<Socket> = HashSet::new();
        for at in children.into_iter().filter(|at| &*at.directive.name == "server") {
            servers.push(self.server(at, &scope, is_http, &mut with_tls));
        }
        for server in servers {
            let Server { file, scope, names, mut sockets } = server;
            if !scope.ssl && !scope.starttls {
                sockets.retain(|socket| with_tls.contains(socket));
            }
            if !sockets.is_empty() && self.may(names.len().max(1) * sockets.len()) {
                self.uses(file, &scope, Side::Server, &hosts(&names, &sockets));
            }
        }
    }

    fn server(&mut self, at: At<'a>, outer: &Scope<'a>, is_http: bool, with_tls: &mut HashSet<Socket>) -> Server<'a> {
        let children = self.block(at);
        let scope = self.scope(outer, &children);
        let (mut names, mut sockets) = (BTreeSet::new(), BTreeSet::new());
        for At { directive, .. } in &children {
            match &*directive.name {
                "listen" => {
                    if let Some((socket, ssl)) = Socket::parse(&directive.words) {
                        if ssl {
                            with_tls.insert(socket.clone());
                        }
                        sockets.insert(socket);
                    }
                }
                "server_name" => add_names(&mut names, &directive.words),
                _ => {}
            }
        }
        if sockets.is_empty() && is_http {
            sockets.insert(Socket::default_of_http());
        }
        self.upstreams(at.file, &scope, &children, is_http);
        Server { file: at.file, scope, names, sockets }
    }

    /// Who passes requests on over TLS, in this block and those inside it.
    fn upstreams(&mut self, file: usize, scope: &Scope<'a>, children: &[At<'a>], is_http: bool) {
        for at in children {
            let first = at.directive.words.first().map_or(&[][..], |word| word);
            let (module, scheme, name) = match &*at.directive.name {
                "proxy_pass" => (Module::Proxy, "https", scope.proxy_name),
                "grpc_pass" => (Module::Grpc, "grpcs", scope.grpc_name),
                "uwsgi_pass" => (Module::Uwsgi, "suwsgi", scope.uwsgi_name),
                "location" | "if" | "limit_except" => {
                    self.nested(file, scope, *at, is_http);
                    continue;
                }
                _ => continue,
            };
            let host = if is_http { host_over_tls(first, scheme) } else { scope.proxy_ssl.then(|| host_of(first)) };
            if let Some(host) = host {
                // A name with variables is another for every request; most often it is the host again.
                let host = name.filter(|name| !name.contains(&b'$')).map_or(host, |name| String::from_utf8_lossy(name).to_lowercase());
                self.uses(file, scope, Side::Upstream(module), &BTreeSet::from([host]));
            }
        }
    }

    fn nested(&mut self, file: usize, outer: &Scope<'a>, at: At<'a>, is_http: bool) {
        if self.nested >= MOST_NESTED {
            let text =
                format!("{}:{}: more than {MOST_NESTED} blocks inside one another", self.tree.files[at.file].path, at.directive.line);
            return self.gathered.fail(Reason::TooLarge, text);
        }
        self.nested += 1;
        let children = self.block(at);
        let scope = self.scope(outer, &children);
        self.upstreams(file, &scope, &children, is_http);
        self.nested -= 1;
    }

    /// What holds in a block with these directives. The files that they name are added.
    fn scope(&mut self, outer: &Scope<'a>, children: &[At<'a>]) -> Scope<'a> {
        let mut scope = outer.clone();
        let mut own: [Option<BTreeSet<PathBuf>>; FILES.len()] = Default::default();
        let mut is_too_much = false;
        for at in children {
            let Directive { name, words, .. } = at.directive;
            let Some(first) = words.first() else { continue };
            let is_on = || **first == *b"on";
            match &**name {
                "ssl" => scope.ssl = is_on(),
                "starttls" => scope.starttls = is_on() || **first == *b"only",
                "proxy_ssl" => scope.proxy_ssl = is_on(),
                "proxy_ssl_name" => scope.proxy_name = Some(first),
                "grpc_ssl_name" => scope.grpc_name = Some(first),
                "uwsgi_ssl_name" => scope.uwsgi_name = Some(first),
                name => {
                    if let Some(index) = FILES.iter().position(|file| file.directive == name) {
                        let found = self.file(*at, &FILES[index], first);
                        let paths = own[index].get_or_insert_default();
                        match found {
                            Some(path) if paths.len() < MOST_PATHS || paths.contains(&path) => _ = paths.insert(path),
                            Some(_) if !is_too_much => {
                                is_too_much = true;
                                let file = &self.tree.files[at.file].path;
                                let text = format!("{file}:{}: more than {MOST_PATHS} times {name} in one block", at.directive.line);
                                self.gathered.fail(Reason::TooLarge, text);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        for (held, own) in scope.files.iter_mut().zip(own) {
            if let Some(own) = own {
                *held = Some(own.into_iter().collect());
            }
        }
        scope
    }

    /// The file that a directive names, if it does; an empty word takes back what the outer block says.
    fn file(&mut self, at: At<'a>, of: &FileDirective, word: &[u8]) -> Option<PathBuf> {
        if word.is_empty() {
            return None;
        }
        if of.may_vary && (word.contains(&b'$') || word.starts_with(b"data:")) {
            let path = &self.tree.files[at.file].path;
            self.gathered.unseen(|| {
                format!(
                    "{path}:{}: {} has variables or data: in it and leads to no file that could be watched",
                    at.directive.line, of.directive
                )
            });
            return None;
        }
        let path = path_from(self.prefix, Path::new(OsStr::from_bytes(word)));
        self.gathered.files.add(&path);
        Some(path)
    }

    fn uses(&mut self, file: usize, scope: &Scope<'_>, side: Side, hosts: &BTreeSet<String>) {
        let tree = self.tree;
        let name = &tree.files[file].path;
        for (of, paths) in FILES.iter().zip(&scope.files).filter(|(of, _)| of.side == side) {
            for path in paths.iter().flat_map(|paths| paths.iter()) {
                if !self.may(hosts.len()) {
                    return;
                }
                hosts.iter().for_each(|host| self.gathered.files.add_use(path, of.kind, name, host));
            }
        }
    }
}

/// The host behind a URL of this scheme, or of one that a variable may choose; `None`: without TLS.
fn host_over_tls(url: &[u8], scheme: &str) -> Option<String> {
    let text = String::from_utf8_lossy(url);
    match text.split_once("://") {
        Some((found, rest)) if found.eq_ignore_ascii_case(scheme) => Some(host_of(rest.as_bytes())),
        Some((found, rest)) if found.contains('$') => Some(host_of(rest.as_bytes())),
        None if text.starts_with('$') => Some(String::new()),
        _ => None,
    }
}

/// The host of an authority with whatever follows it; empty when it is no name.
fn host_of(authority: &[u8]) -> String {
    let text = String::from_utf8_lossy(authority);
    let authority = text.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    if host.contains('$') || authority.starts_with("unix:") { String::new() } else { host.to_lowercase() }
}
