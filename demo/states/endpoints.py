"""Endpoints that fail, or serve what clients refuse."""

from __future__ import annotations

import typing

from machine import written
from servers import s_server
from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage


def down(stage: Stage) -> None:
    stage.hold("down")


def come_up(stage: Stage) -> None:
    stage.let_go("down")
    stage.serve("down")


def wrong_name(stage: Stage) -> None:
    stage.serve("wrong-name", name="another.demo.test")


def right_name(stage: Stage) -> None:
    stage.serve("wrong-name")


def incomplete(stage: Stage) -> None:
    stage.serve("incomplete", chain=False)


def complete(stage: Stage) -> None:
    stage.serve("incomplete")


def _s_server(stage: Stage, *words: str) -> None:
    site = stage.site("old-tls", stage.folder / "edge" / "old-tls.pem")
    chain = written(stage.folder / "edge" / "old-tls.chain", stage.authorities["issuing"].chain)
    s_server(stage.processes, stage.programs["openssl"], "old-tls", site, chain, *words)


def old_tls(stage: Stage) -> None:
    stage.store("edge/old-tls")
    # openssl takes the signatures of TLS 1.0 at its lowest level of security alone.
    _s_server(stage, "-cipher", "DEFAULT:@SECLEVEL=0", "-min_protocol", "TLSv1")


def new_tls(stage: Stage) -> None:
    _s_server(stage, "-min_protocol", "TLSv1.2")


def must_staple(stage: Stage) -> None:
    stage.serve("must-staple", ocsp=True, more=("tlsfeature=status_request",))


def staple(stage: Stage) -> None:
    certificate, answer = stage.folder / "edge" / "must-staple.pem", stage.folder / "edge" / "must-staple.ocsp"
    stage.authorities["issuing"].staple(certificate, answer)
    stage.edge.serve(stage.site("must-staple", certificate, lines=("ssl_stapling on", f"ssl_stapling_file {answer}")))


def wrong_clock(stage: Stage) -> None:
    certificate = stage.store("gateway/clock")
    stage.gateway.serve(stage.site("clock", certificate, answer='hdr Date "%[date(-600),http_date]"'))


def right_clock(stage: Stage) -> None:
    stage.gateway.serve(stage.site("clock", stage.folder / "gateway" / "clock.pem", answer='hdr Date "%[date(0),http_date]"'))


STATES = (
    State(
        "down",
        wrong="nothing listens there",
        seen="connect, refused on the page and in the alert's text",
        mended="starts a server there",
        broken=down,
        repaired=come_up,
        alerts=(Alert("EndpointBroken", "critical"),),
        endpoint="edge",
    ),
    State(
        "wrong-name",
        wrong="the certificate is for another name",
        seen="name_mismatch on the page",
        mended="issues one with the right name and reloads nginx",
        broken=wrong_name,
        repaired=right_name,
        alerts=(Alert("CertificateRefused", "warning"),),
        endpoint="edge",
    ),
    State(
        "incomplete",
        wrong="the server sends its certificate without the intermediate",
        seen="incomplete_chain on the page; curl fails, browsers may not",
        mended="puts the intermediate behind the certificate and reloads nginx",
        broken=incomplete,
        repaired=complete,
        alerts=(Alert("CertificateRefused", "warning"),),
        endpoint="edge",
    ),
    State(
        "old-tls",
        wrong="an openssl s_server that accepts TLS 1.0",
        seen="old_tls_accepted on the page",
        mended="starts it anew with TLS 1.2 as the lowest version",
        broken=old_tls,
        repaired=new_tls,
        alerts=(Alert("WeakCryptography", "warning"),),
        endpoint="edge",
    ),
    State(
        "must-staple",
        wrong="the certificate demands a stapled OCSP response, and nginx staples none",
        seen="must_staple_missing on the page",
        mended="fetches a response for nginx to staple and reloads it",
        broken=must_staple,
        repaired=staple,
        alerts=(Alert("StapleBroken", "critical"),),
        endpoint="edge",
    ),
    State(
        "clock",
        wrong="a HAProxy whose clock is ten minutes behind, as its Date header says",
        seen="tls_clock_skew_seconds -600",
        mended="sets the clock: the header says the time",
        broken=wrong_clock,
        repaired=right_clock,
        alerts=(Alert("EndpointClockSkew", "warning"),),
        endpoint="gateway",
    ),
)
