"""Revoked certificates, lists that end, and a CA about which nobody says anything any more."""

from __future__ import annotations

import typing
from datetime import timedelta

from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage

SILENT = "Demo Silent CA"


def revoked_crl(stage: Stage) -> None:
    stage.authorities["issuing"].revoke(stage.serve("revoked-crl"))


def replace_crl(stage: Stage) -> None:
    stage.serve("revoked-crl")


def revoked_ocsp(stage: Stage) -> None:
    stage.authorities["issuing"].revoke(stage.serve("revoked-ocsp", crl=False, ocsp=True))


def replace_ocsp(stage: Stage) -> None:
    stage.serve("revoked-ocsp", crl=False, ocsp=True)


def stale_crl(stage: Stage) -> None:
    stage.authority("stale", "Demo Stale CA", above="root").publish(timedelta(days=-8), timedelta(days=-1))
    stage.store("files/stale", by="stale")


def publish_stale(stage: Stage) -> None:
    stage.authorities["stale"].publish()


def ending_crl(stage: Stage) -> None:
    stage.authority("ending", "Demo Slow CA", above="root").publish(timedelta(days=-6, hours=-12), timedelta(hours=12))
    stage.store("files/ending", by="ending")


def publish_ending(stage: Stage) -> None:
    stage.authorities["ending"].publish()


def _renew_silent(stage: Stage) -> None:
    for file in ("files/silent-a", "files/silent-b"):
        stage.store(file, by="silent", ocsp=True)


def blind(stage: Stage) -> None:
    """A CA whose list is nowhere, and whose responder answers, yet."""
    stage.authority("silent", SILENT, above="root", responds=True)
    del stage.publication.lists["/silent/crl"]
    _renew_silent(stage)


def fall_silent(stage: Stage) -> None:
    """The host goes away once Prometheus has seen that it did answer; the next renewals find nobody."""
    known = f'notafter:revocation_known{{issuer_CN="{SILENT}"}}'
    stage.interrupts.wait(lambda: stage.monitoring.query(known), f"the revocation of certificates of {SILENT} is known", pause=0.5)
    del stage.publication.responders["/silent/ocsp"]
    _renew_silent(stage)


def publish_elsewhere(stage: Stage) -> None:
    authority = stage.authorities["silent"]
    authority.address = f"{stage.publication.base}/moved"
    authority.publish()
    stage.publication.lists["/moved/crl"] = authority.list_now
    stage.publication.responders["/moved/ocsp"] = authority.answer
    _renew_silent(stage)


STATES = (
    State(
        "revoked-crl",
        wrong="an endpoint whose certificate is on its CA's list",
        seen="revoked on the page, keyCompromise in the API",
        mended="issues one with a new key and reloads nginx",
        broken=revoked_crl,
        repaired=replace_crl,
        alerts=(Alert("CertificateRevoked", "critical"),),
        endpoint="edge",
    ),
    State(
        "revoked-ocsp",
        wrong="an endpoint whose certificate is revoked, as its CA's OCSP responder says",
        seen="revoked on the page",
        mended="issues one with a new key and reloads nginx",
        broken=revoked_ocsp,
        repaired=replace_ocsp,
        alerts=(Alert("CertificateRevoked", "critical"),),
        endpoint="edge",
    ),
    State(
        "stale-crl",
        wrong="a CA whose list ended yesterday",
        seen="stale in /api/v1/revocation; unknown of files/stale.pem",
        mended="publishes a new list",
        broken=stale_crl,
        repaired=publish_stale,
        # That nobody can say anything about its certificates follows.
        alerts=(Alert("CRLEnding", "critical", "/stale/crl"), Alert("RevocationBlind", "warning", "Demo Stale CA", inhibited=True)),
    ),
    State(
        "ending-crl",
        wrong="a CA whose list of a week ends in twelve hours, and nothing newer is there",
        seen="x509_crl_next_update; its certificates are good, yet",
        mended="publishes a new list",
        broken=ending_crl,
        repaired=publish_ending,
        alerts=(Alert("CRLEnding", "warning", "/ending/crl"),),
    ),
    State(
        "blind",
        wrong="a CA whose host is gone: neither its list nor its responder answers since",
        seen="unknown of files/silent-a.pem and silent-b.pem on the page, the error in /api/v1/revocation",
        mended="the CA publishes at another address, and its certificates are renewed and name it",
        broken=blind,
        repaired=publish_elsewhere,
        later=fall_silent,
        alerts=(
            Alert("RevocationBlind", "warning", SILENT),
            Alert("CRLBroken", "warning", "/silent/crl"),
            Alert("OCSPResponderBroken", "warning", "/silent/ocsp"),
        ),
    ),
)
