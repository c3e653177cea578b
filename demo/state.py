"""What a state of the demo is: what is wrong, what comes of it at Alertmanager, how it is made and how it is repaired.

May touch: nothing. Must not: know how anything is done.
"""

from __future__ import annotations

import dataclasses
import pathlib
import typing
import urllib.parse
from collections.abc import Callable, Mapping

if typing.TYPE_CHECKING:
    from stage import Stage

DOMAIN = "demo.test"


@dataclasses.dataclass(frozen=True, order=True)
class Alert:
    """An alert at Alertmanager, by what tells it apart."""

    name: str
    severity: str
    place: str = ""
    """A server name, a file below the demo's folder, the path of a URL, or a CA."""
    source: str = ""
    """source_name, where it has one."""
    inhibited: bool = False
    """Whether another one silences it."""


@dataclasses.dataclass(frozen=True)
class State:
    """One state."""

    name: str
    wrong: str
    """What is wrong, in a sentence."""
    seen: str
    """What a newcomer sees besides the alerts, and where."""
    mended: str
    """What repairing it does."""
    broken: Callable[[Stage], None]
    """Makes it so, before anything watches."""
    repaired: Callable[[Stage], None]
    """Repairs it, while everything runs."""
    alerts: tuple[Alert, ...] = ()
    endpoint: str = ""
    """The source that watches it as NAME.demo.test; of what is no endpoint ''."""
    later: Callable[[Stage], None] | None = None
    """What happens to it while everything runs already."""

    @property
    def server_name(self) -> str:
        """What the endpoint is called."""
        return server_name(self.name)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing comes of it."""
        return not self.alerts

    def expected(self) -> frozenset[Alert]:
        """Its alerts; of an endpoint those that name no place are about the endpoint."""
        def of_endpoint(alert: Alert) -> Alert:
            return dataclasses.replace(alert, place=self.server_name, source=self.endpoint)

        return frozenset(of_endpoint(alert) if self.endpoint and not alert.place else alert for alert in self.alerts)


def server_name(name: str) -> str:
    """What the endpoint of a state is called."""
    return f"{name}.{DOMAIN}"


def place(labels: Mapping[str, str], folder: pathlib.Path) -> str:
    """What an alert with these labels is about."""
    if path := labels.get("filepath"):
        return path[len(str(folder)) + 1 :] if path.startswith(f"{folder}/") else path
    if url := labels.get("url"):
        return urllib.parse.urlsplit(url).path
    names = ("server_name", "target", "subject", "issuer_CN", "cause")
    return next((labels[name] for name in names if labels.get(name)), "")
