"""Files: weak keys, a policy, a waiver, garbage."""

from __future__ import annotations

import typing
from datetime import timedelta

from machine import written
from state import Alert, State

if typing.TYPE_CHECKING:
    from stage import Stage

WEEK: dict[str, typing.Any] = {"began": timedelta(days=-1), "ends": timedelta(days=5)}


def weak_key(stage: Stage) -> None:
    stage.store("files/legacy", key="RSA-1024")


def strong_key(stage: Stage) -> None:
    stage.store("files/legacy")


def waived(stage: Stage) -> None:
    stage.store("files/appliance", key="RSA-1024")


def replaced(stage: Stage) -> None:
    stage.store("files/appliance")


def policy(stage: Stage) -> None:
    stage.store("workloads/batch", key="RSA-2048", **WEEK)


def policy_kept(stage: Stage) -> None:
    stage.store("workloads/batch", **WEEK)


def garbage(stage: Stage) -> None:
    written(stage.folder / "files" / "garbage.pem", "-----BEGIN CERTIFICATE-----\nthe disk was full\n")


def readable(stage: Stage) -> None:
    stage.store("files/garbage")


STATES = (
    State(
        "weak-key",
        wrong="a certificate with an RSA key of 1024 bits",
        seen="weak_key on the page",
        mended="issues one with a better key",
        broken=weak_key,
        repaired=strong_key,
        alerts=(Alert("WeakCryptography", "warning", "files/legacy.pem", "files"),),
    ),
    State(
        "waiver",
        wrong="another one, waived until in five days",
        seen="waived on the page, with owner and reason",
        mended="issues one with a better key: nothing is left to be waived",
        broken=waived,
        repaired=replaced,
        alerts=(Alert("WaiverEnding", "warning", "files/appliance.pem", "files"),),
    ),
    State(
        "policy",
        wrong="a workload with an RSA key, where the policy asks for EC",
        seen="key_algorithm_not_allowed on the page",
        mended="issues one as the policy has it",
        broken=policy,
        repaired=policy_kept,
        alerts=(Alert("PolicyBroken", "warning", "workloads/batch.pem", "workloads"),),
    ),
    State(
        "garbage",
        wrong="a file that was cut while it was written",
        seen="no certificate in files/garbage.pem, and why, on the page",
        mended="writes a certificate there",
        broken=garbage,
        repaired=readable,
        alerts=(Alert("PlaceUnreadable", "warning", "files/garbage.pem", "files"),),
    ),
)
