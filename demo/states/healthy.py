"""What is well, and stays silent: it shows that the rules tell the difference."""

from __future__ import annotations

import typing
from datetime import timedelta

from state import State, server_name

if typing.TYPE_CHECKING:
    from stage import Stage

# A certificate of two minutes, renewed at half of its life.
LIVES = timedelta(minutes=2)
RENEWED_EVERY = 60.0


def rotate(stage: Stage) -> None:
    """The renewal that comes every minute."""
    stage.store("workloads/rotating", by="workloads", began=timedelta(), ends=LIVES, usage="clientAuth,serverAuth")


def serve_fine(stage: Stage) -> None:
    """nginx with a certificate that has two thirds of its time before it."""
    stage.serve("fine")


def serve_stapled(stage: Stage) -> None:
    """nginx that staples the answer of a file, from a certificate that is watched, too."""
    certificate, answer = stage.store("files/stapled", ocsp=True), stage.folder / "files" / "stapled.ocsp"
    stage.authorities["issuing"].staple(certificate, answer)
    stage.edge.serve(stage.site("stapled", certificate, lines=("ssl_stapling on", f"ssl_stapling_file {answer}")))


def serve_mutual(stage: Stage) -> None:
    """nginx that lets nobody in without a certificate of the client CA."""
    certificate = stage.store("edge/mutual")
    stage.edge.serve(stage.site("mutual", certificate, lines=(f"ssl_client_certificate {stage.folder}/trust/clients.pem", "ssl_verify_client on")))


def nothing(_: Stage) -> None:
    """There is nothing to repair."""


STATES = (
    State(
        "fine",
        wrong="nothing: an endpoint as it should be",
        seen=f"good on the page; notafter check of {server_name('fine')} exits with 0",
        mended="nothing",
        broken=serve_fine,
        repaired=nothing,
        endpoint="edge",
    ),
    State(
        "stapled",
        wrong="nothing: nginx staples the OCSP response of a file, and both are watched",
        seen="tls_ocsp_stapled 1, x509_ocsp_next_update, and the certificate in two places",
        mended="nothing",
        broken=serve_stapled,
        repaired=nothing,
        endpoint="edge",
    ),
    State(
        "mutual",
        wrong="nothing: mutual TLS, enforced, and our client certificate is taken",
        seen="tls_client_certificate_requested 1",
        mended="nothing",
        broken=serve_mutual,
        repaired=nothing,
        endpoint="payments",
    ),
    State(
        "rotating",
        wrong="nothing: a certificate of two minutes in workloads/rotating.pem, renewed every minute",
        seen="a line `renewed` in logs/notafter.log each minute, x509_renewal_margin_ratio",
        mended="nothing",
        broken=rotate,
        repaired=nothing,
    ),
)
