"""CAs and trust bundles."""

from __future__ import annotations

import typing
from datetime import timedelta

from authority import ORGANISATION
from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage


def ca_ending(stage: Stage) -> None:
    stage.authority("old", "Demo Old CA", publishes=False, began=timedelta(days=-3500), ends=timedelta(days=150))
    stage.store("files/archive", by="old")


def ca_renewed(stage: Stage) -> None:
    stage.trust("old", stage.authorities["old"].begin(ends=timedelta(days=3650)))


def outlives(stage: Stage) -> None:
    stage.authority("branch", "Demo Branch CA", publishes=False, ends=timedelta(days=200))
    stage.store("files/branch", by="branch", ends=timedelta(days=300))


def lives_shorter(stage: Stage) -> None:
    stage.store("files/branch", by="branch")


def bundle(stage: Stage) -> None:
    """One CA with two keys. That they are one's is known from the bundle that has both."""
    old = stage.authority("mesh", "Demo Mesh CA", publishes=False)
    new = stage.authority("mesh-next", "Demo Mesh CA", publishes=False)
    stage.trust("mesh-next", old, new)
    stage.store("files/mesh", by="mesh-next")


def bundle_completed(stage: Stage) -> None:
    stage.trust("mesh", stage.authorities["mesh"], stage.authorities["mesh-next"])


STATES = (
    State(
        "ca-ending",
        wrong="a root of ten years that ends in 150 days, with a certificate hanging on it",
        seen="/api/v1/trust, /api/v1/trust/dependants",
        mended="renews the root with the same key",
        broken=ca_ending,
        repaired=ca_renewed,
        alerts=(Alert("CertificateAuthorityEnding", "warning", f"CN=Demo Old CA,O={ORGANISATION}"),),
    ),
    State(
        "outlives",
        wrong="a certificate that ends a hundred days after its CA",
        seen="outlives_issuer on the page",
        mended="issues one that ends before the CA",
        broken=outlives,
        repaired=lives_shorter,
        alerts=(Alert("CertificateOutlivesIssuer", "warning", "files/branch.pem", "files"),),
    ),
    State(
        "bundle",
        wrong="a trust bundle with the old key of a CA alone, while certificates are issued by the new one",
        seen="bundle_lacks_issuer on the page, with the place that has the new key",
        mended="adds the new CA certificate to the bundle",
        broken=bundle,
        repaired=bundle_completed,
        alerts=(Alert("TrustBundleLacksIssuer", "critical", "trust/mesh.pem", "trust"),),
    ),
)
