"""The servers of the demo: nginx, HAProxy, openssl s_server, each with what it serves.

May touch: their configuration files, processes. Must not: make certificates.
"""

from __future__ import annotations

import dataclasses
import pathlib
import signal
import socket

from machine import written
from processes import Interrupts, Processes

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_protocols TLSv1.2 TLSv1.3;
{servers}}}
"""
SERVER = """\
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
{lines}        location / {{ default_type text/plain; return 200 "{name}\\n"; }}
    }}
"""
HAPROXY = """\
global
    maxconn 200
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
"""
FRONTEND = """\
frontend {name}
    bind 127.0.0.1:{port} ssl crt {both} {bind}
    http-request return status 200 {answer}
"""


@dataclasses.dataclass(frozen=True)
class Site:
    """One server name, on a port of its own."""

    name: str
    port: int
    certificate: pathlib.Path
    """With the chain; the key is beside it."""
    lines: tuple[str, ...] = ()
    """Further directives of nginx."""
    bind: str = ""
    """Further words of HAProxy's bind."""
    answer: str = ""
    """Further words of HAProxy's answer."""

    @property
    def key(self) -> pathlib.Path:
        return self.certificate.with_suffix(".key")


class Server:
    """A server of several sites that is told to reload."""

    reload_signal = signal.SIGHUP

    def __init__(self, name: str, program: str, folder: pathlib.Path, processes: Processes, interrupts: Interrupts) -> None:
        self.name = name
        self.program = program
        self.folder = folder
        self.processes = processes
        self.interrupts = interrupts
        self.sites: dict[str, Site] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def serve(self, site: Site) -> None:
        """Serves a site, or serves it otherwise than before."""
        self.sites[site.name] = site
        self.reload()

    def drop(self, name: str) -> None:
        """Serves a site no more."""
        self.sites.pop(name, None)
        self.reload()

    def reload(self) -> None:
        """Has it read its files anew, if it runs."""
        self.write()
        if self.processes.is_running(self.name):
            self.check()
            self.processes.signal(self.name, self.reload_signal)

    def start(self) -> None:
        """Starts it, and waits for its ports."""
        self.write()
        self.check()
        self.processes.start(self.name, self.command(), lambda: all(is_listening(site.port) for site in self.sites.values()))

    def write(self) -> None:
        """Its configuration."""
        written(self.path, self.configuration())

    def check(self) -> None:
        """Its own check of it, which says more than a server that does not come up."""
        self.interrupts.run(self.checked())

    @property
    def path(self) -> pathlib.Path:
        raise NotImplementedError

    def configuration(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str | pathlib.Path]:
        raise NotImplementedError

    def checked(self) -> list[str | pathlib.Path]:
        raise NotImplementedError


class Nginx(Server):
    """nginx, with a master process."""

    @property
    def path(self) -> pathlib.Path:
        return self.folder / "nginx.conf"

    def configuration(self) -> str:
        def server(site: Site) -> str:
            lines = "".join(f"        {line};\n" for line in site.lines)
            return SERVER.format(name=site.name, port=site.port, certificate=site.certificate, key=site.key, lines=lines)

        return NGINX.format(folder=self.folder, servers="".join(map(server, self.sites.values())))

    def command(self) -> list[str | pathlib.Path]:
        return [self.program, "-p", self.folder, "-e", self.folder / "error.log", "-c", self.path]

    def checked(self) -> list[str | pathlib.Path]:
        return [*self.command(), "-t", "-q"]


class Haproxy(Server):
    """HAProxy, with a master process."""

    reload_signal = signal.SIGUSR2

    @property
    def path(self) -> pathlib.Path:
        return self.folder / "haproxy.cfg"

    def configuration(self) -> str:
        frontends = []
        for at, site in enumerate(self.sites.values()):
            both = written(self.folder / f"{site.name}.pem", site.certificate.read_text() + site.key.read_text())
            frontends.append(FRONTEND.format(name=f"site{at}", port=site.port, both=both, bind=site.bind, answer=site.answer))
        return HAPROXY + "".join(frontends)

    def command(self) -> list[str | pathlib.Path]:
        return [self.program, "-W", "-db", "-q", "-f", self.path]

    def checked(self) -> list[str | pathlib.Path]:
        return [self.program, "-c", "-q", "-f", self.path]


def s_server(processes: Processes, openssl: str, name: str, site: Site, chain: pathlib.Path, *words: str) -> None:
    """openssl s_server, which reloads nothing: it is started anew. Its chain is a file of its own, without the certificate."""
    processes.stop(name)
    served: tuple[str | pathlib.Path, ...] = ("-cert", site.certificate, "-key", site.key, "-cert_chain", chain)
    command: list[str | pathlib.Path] = [openssl, "s_server", "-accept", f"127.0.0.1:{site.port}", *served, "-www", "-quiet", *words]
    processes.start(name, command, lambda: is_listening(site.port))


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
