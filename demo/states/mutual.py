"""Mutual TLS that is not what it should be."""

from __future__ import annotations

import typing

from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage


def _optional(stage: Stage, verify: str) -> None:
    lines = (f"ssl_client_certificate {stage.folder}/trust/clients.pem", f"ssl_verify_client {verify}")
    stage.edge.serve(stage.site("not-enforced", stage.folder / "edge" / "not-enforced.pem", lines=lines))


def not_enforced(stage: Stage) -> None:
    stage.store("edge/not-enforced")
    _optional(stage, "optional")


def enforced(stage: Stage) -> None:
    _optional(stage, "on")


def _refusing(stage: Stage, clients: str) -> None:
    bind = f"verify required ca-file {stage.folder}/trust/{clients}.pem"
    stage.gateway.serve(stage.site("refused", stage.folder / "gateway" / "refused.pem", bind=bind))


def refused(stage: Stage) -> None:
    stage.store("gateway/refused")
    _refusing(stage, "partners")


def taken(stage: Stage) -> None:
    _refusing(stage, "clients")


STATES = (
    State(
        "not-enforced",
        wrong="nginx asks for client certificates and serves whoever has none",
        seen="mutual_tls_not_enforced on the page; curl without a certificate gets an answer",
        mended="ssl_verify_client on, and a reload",
        broken=not_enforced,
        repaired=enforced,
        alerts=(Alert("MutualTLSNotEnforced", "critical"),),
        endpoint="payments",
    ),
    State(
        "refused",
        wrong="a HAProxy that trusts another CA refuses our client certificate",
        seen="client_auth, unknown_ca on the page and in the alert's text",
        mended="gives it the bundle with our CA and reloads it",
        broken=refused,
        repaired=taken,
        # The finding that says why is silenced by the outage itself.
        alerts=(Alert("EndpointBroken", "critical"), Alert("ClientCertificateUnfit", "warning", inhibited=True)),
        endpoint="payments",
    ),
)
