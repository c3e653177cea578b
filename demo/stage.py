"""All that the demo is made of, and the few things that its states are made with.

May touch: all parts. Must not: know the states.
"""

from __future__ import annotations

import pathlib
import socket
import ssl
import typing

from authority import Authority, Wanted
from exporter import Exporter
from machine import Ports, Programs, written
from monitoring import Monitoring
from processes import Interrupts, Processes
from publication import Publication
from servers import Haproxy, Nginx, Site
from state import server_name


class Stage:
    """The demo's parts, none of them started but the CAs' publication."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, programs: Programs, ports: Ports, interrupts: Interrupts) -> None:
        self.folder = folder
        self.programs = programs
        self.ports = ports
        self.interrupts = interrupts
        self.processes = Processes(folder / "logs", programs["setpriv"], interrupts)
        self.exporter = Exporter(binary, folder, ports["exporter"], self.processes, interrupts)
        monitoring = (ports["prometheus"], ports["alertmanager"])
        self.monitoring = Monitoring(folder, programs, monitoring, ports["exporter"], self.processes, interrupts)
        self.edge = Nginx("edge", programs["nginx"], folder / "edge", self.processes, interrupts)
        self.shop = Nginx("shop", programs["nginx"], folder / "shop", self.processes, interrupts)
        self.gateway = Haproxy("gateway", programs["haproxy"], folder / "gateway", self.processes, interrupts)
        self.publication = Publication(ports["publication"])
        self.authorities: dict[str, Authority] = {}
        self.held: dict[str, socket.socket] = {}

    def authority(self, key: str, name: str, above: str = "", publishes: bool = True, responds: bool = False, **dates: typing.Any) -> Authority:
        """A new CA, self-signed or below another. Its certificate lies in trust/, its list and responder at /KEY/crl and /KEY/ocsp."""
        address = f"{self.publication.base}/{key}" if publishes else ""
        made = Authority(self.folder / "ca" / key, name, address, self.programs["openssl"], self.interrupts, self.authorities.get(above))
        self.authorities[key] = made.begin(**dates)
        if publishes:
            made.publish()
            self.publication.lists[f"/{key}/crl"] = made.list_now
        if responds:
            self.publication.responders[f"/{key}/ocsp"] = made.answer
        self.trust(key, made)
        return made

    def trust(self, file: str, *authorities: Authority) -> pathlib.Path:
        """A trust bundle of these CAs."""
        return written(self.folder / "trust" / f"{file}.pem", "".join(authority.certificate for authority in authorities))

    def store(self, file: str, by: str = "issuing", chain: bool = True, **wanted: typing.Any) -> pathlib.Path:
        """A new certificate in a file below the folder, such as `files/legacy`, called like it."""
        called = wanted.pop("name", "") or server_name(file.rpartition("/")[2])
        return self.authorities[by].issue(self.folder / f"{file}.pem", Wanted(called, **wanted), chain)

    def site(self, state: str, certificate: pathlib.Path, **more: typing.Any) -> Site:
        """The endpoint of a state."""
        return Site(server_name(state), self.ports[state], certificate, **more)

    def serve(self, state: str, lines: tuple[str, ...] = (), **stored: typing.Any) -> pathlib.Path:
        """A new certificate for the endpoint of a state, served by the edge."""
        certificate = self.store(f"edge/{state}", **stored)
        self.edge.serve(self.site(state, certificate, lines=lines))
        return certificate

    def hold(self, state: str) -> None:
        """Keeps a port in such a way that nobody listens there and nobody else takes it."""
        held = socket.socket()
        held.bind(("127.0.0.1", self.ports[state]))
        self.held[state] = held

    def let_go(self, state: str) -> None:
        """Gives it back."""
        if held := self.held.pop(state, None):
            held.close()

    def is_served(self, site: Site) -> bool:
        """Whether an endpoint serves what its file holds."""
        try:
            shown = ssl.get_server_certificate(("127.0.0.1", site.port))
        except OSError:
            return False
        return "".join(shown.split()) in "".join(site.certificate.read_text().split())

    def start(self) -> None:
        """Starts the servers that no state has started, then what watches them."""
        for server in (self.edge, self.gateway):
            server.start()
        self.exporter.start()
        self.monitoring.start()

    def stop(self) -> None:
        """Ends everything."""
        self.processes.stop_all()
        self.publication.stop()
        for state in tuple(self.held):
            self.let_go(state)
