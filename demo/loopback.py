"""HTTP to this machine itself.

May touch: HTTP of loopback.
"""

from __future__ import annotations

import json
import os
import typing
import urllib.error
import urllib.parse
import urllib.request

# The largest document that is read.
MOST = 1 << 24
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


def without_proxies() -> None:
    """From here on nothing of this process, nor of those that it starts, goes through a proxy: all of it is on this machine."""
    for name in [name for name in os.environ if name.lower() in PROXIES]:
        del os.environ[name]


def answers(url: str) -> bool:
    """Whether something answers well there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def text_of(url: str) -> str:
    """What stands there, as text; '' where nothing does."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read(MOST).decode(errors="replace")
    except (urllib.error.URLError, OSError):
        return ""


def fetched(url: str) -> typing.Any:
    """A JSON document."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read(MOST))


def query(prometheus: str, expression: str) -> list[dict]:
    """The series of an expression's answer; none while Prometheus does not answer."""
    try:
        answer = fetched(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    except (urllib.error.URLError, OSError):
        return []
    return answer["data"]["result"]
