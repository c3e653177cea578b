"""What an Alertmanager holds, in the words of the states.

May touch: HTTP of loopback.
"""

from __future__ import annotations

import dataclasses
import pathlib
import urllib.parse
from collections.abc import Mapping

from loopback import fetched
from state import Alert, place


@dataclasses.dataclass(frozen=True)
class Held:
    """An active alert."""

    alert: Alert
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def held(alertmanager: str, folder: pathlib.Path) -> list[Held]:
    """All active alerts, the inhibited ones too."""
    query = urllib.parse.urlencode({"active": "true", "inhibited": "true", "silenced": "true"})
    found = []
    for each in fetched(f"{alertmanager}/api/v2/alerts?{query}"):
        alert = named(each["labels"], folder, bool(each["status"]["inhibitedBy"]))
        found.append(Held(alert, each["labels"], each["annotations"]))
    return found


def named(labels: Mapping[str, str], folder: pathlib.Path, inhibited: bool = False) -> Alert:
    """An alert by its labels."""
    source = labels.get("source_name", "")
    return Alert(labels["alertname"], labels.get("severity", ""), place(labels, folder), source, inhibited)
