"""Ends and renewals of leaf certificates."""

from __future__ import annotations

import typing
from datetime import timedelta

from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage

# Of ninety days, due after three quarters: 78 % of the time from there to the end have passed.
DUE: dict[str, typing.Any] = {"began": timedelta(days=-85), "ends": timedelta(days=5)}
OVERDUE = (
    Alert("CertificateRenewalOverdue", "critical"),
    Alert("CertificateRenewalOverdue", "warning", inhibited=True),
)


def overdue(stage: Stage) -> None:
    stage.serve("overdue", **DUE)


def renew_overdue(stage: Stage) -> None:
    stage.serve("overdue")


def expired(stage: Stage) -> None:
    stage.serve("expired", began=timedelta(days=-90), ends=timedelta(hours=-2))


def renew_expired(stage: Stage) -> None:
    stage.serve("expired")


def not_reloaded(stage: Stage) -> None:
    """An nginx of its own that has the old certificate, since the reload of any other state would bring the new one."""
    site = stage.site("not-reloaded", stage.store("shop/not-reloaded", **DUE))
    stage.shop.sites[site.name] = site
    stage.shop.start()
    stage.interrupts.wait(lambda: stage.is_served(site), "nginx serves the old certificate")
    stage.store("shop/not-reloaded")


def reload(stage: Stage) -> None:
    stage.shop.reload()


STATES = (
    State(
        "overdue",
        wrong="a certificate of 90 days that ends in five: its renewal is long overdue",
        seen="rotation_overdue on the page",
        mended="issues a new one and reloads nginx",
        broken=overdue,
        repaired=renew_overdue,
        alerts=OVERDUE,
        endpoint="edge",
    ),
    State(
        "expired",
        wrong="an endpoint whose certificate ended two hours ago",
        seen="expired on the page; openssl s_client says certificate has expired",
        mended="issues a new one and reloads nginx",
        broken=expired,
        repaired=renew_expired,
        alerts=(Alert("CertificateExpired", "critical"),),
        endpoint="edge",
    ),
    State(
        "not-reloaded",
        wrong="the file was renewed, and nginx was not reloaded: it serves the old certificate",
        seen="stored_not_served on the page, with the file that has the newer one",
        mended="nginx -s reload, and nothing else",
        broken=not_reloaded,
        repaired=reload,
        # That the old one is overdue at the endpoint follows from it.
        alerts=(
            Alert("RenewedButNotServed", "critical"),
            Alert("CertificateRenewalOverdue", "critical", inhibited=True),
            Alert("CertificateRenewalOverdue", "warning", inhibited=True),
        ),
        endpoint="edge",
    ),
)
