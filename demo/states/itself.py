"""Whether the monitoring sees: a source that cannot be listed, a configuration that is refused."""

from __future__ import annotations

import typing

from machine import written
from state import Alert, State, server_name

if typing.TYPE_CHECKING:
    from stage import Stage

MISSPELT = '\n[sources.new]\ntype = "fil"\npaths = ["new/*.pem"]\n'
SERVER = """\
events {{ }}
http {{
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
    }}
{end}"""


def _intranet(stage: Stage, end: str) -> None:
    certificate = stage.folder / "edge" / "fine.pem"
    server = SERVER.format(port=stage.ports["fine"], name=server_name("fine"), certificate=certificate, key=certificate.with_suffix(".key"), end=end)
    written(stage.folder / "intranet" / "nginx.conf", server)


def source_down(stage: Stage) -> None:
    _intranet(stage, "")


def source_up(stage: Stage) -> None:
    _intranet(stage, "}\n")


def nothing_yet(_: Stage) -> None:
    """It was fine when the exporter started."""


def misspell(stage: Stage) -> None:
    written(stage.exporter.config, stage.exporter.config.read_text() + MISSPELT)
    stage.exporter.reload()


def correct(stage: Stage) -> None:
    written(stage.exporter.config, stage.exporter.config.read_text().replace(MISSPELT, ""))
    stage.exporter.reload()


STATES = (
    State(
        "source-down",
        wrong="a source that cannot be listed: the nginx configuration that it reads lacks a brace",
        seen="x509_source_up 0, and the line in the log",
        mended="closes the brace",
        broken=source_down,
        repaired=source_up,
        alerts=(Alert("CertificateMonitoringBlind", "critical", "source_down", "intranet"),),
    ),
    State(
        "bad-config",
        wrong="the exporter's new configuration has a misspelt word; it goes on with the old one",
        seen="notafter config check, the log, notafter_config_last_reload_successful 0",
        mended="takes the line out and reloads the exporter (SIGHUP)",
        broken=nothing_yet,
        repaired=correct,
        later=misspell,
        alerts=(Alert("ConfigurationRefused", "warning"),),
    ),
)
