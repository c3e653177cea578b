#!/usr/bin/env python3
"""Does every state of the demo give exactly its alerts at Alertmanager, and silence when it is repaired?

Starts `demo/run` as a newcomer would, and asks Alertmanager and Prometheus. Takes a minute and a half on two quiet cores.

demo/test.py [--binary NOTAFTER]
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Callable, Iterator

sys.dont_write_bytecode = True

from alertmanager import Held, held, named  # noqa: E402
from control import ask  # noqa: E402
from loopback import fetched, query, without_proxies  # noqa: E402
from machine import ROOT  # noqa: E402
from monitoring import ALERTS, LEFT_OUT  # noqa: E402
from state import Alert, State  # noqa: E402
from states import STATES  # noqa: E402
from words import REPAIRED  # noqa: E402

# For each thing that is waited for, on a machine that does much else.
PATIENCE = 120.0
# Longer than any rule of the demo waits: what has not come by then does not come.
SETTLED = 15.0
# So many states are repaired together; what each group leaves behind is looked at.
AT_ONCE = 5
PAGES = "https://github.com/notafter/notafter/blob/main/"
# What a template leaves where something is missing or wrong.
HOLES = ("<no value>", "%!", "error expanding template", "NaN")
WAITING = re.compile(r" +(for|keep_firing_for): \S+")


class Fault(Exception):
    """The demo is not as it should be."""


class Demo:
    """A running demo."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path) -> None:
        self.folder = folder
        self.told = folder.with_suffix(".log")
        self.began = time.monotonic()
        with open(self.told, "wb") as log:
            command: list[str | pathlib.Path] = [ROOT / "demo" / "run", "--folder", folder, "--binary", binary]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.addresses = self.wait(lambda: addresses(folder), "the demo is up")
        self.prometheus, self.alertmanager = self.addresses["prometheus"], self.addresses["alertmanager"]

    def wait(self, ready: Callable[[], typing.Any], what: str, patience: float = PATIENCE) -> typing.Any:
        """What `ready` gives as soon as it gives something."""
        end = time.monotonic() + patience
        while not (found := ready()):
            if self.process.poll() is not None:
                raise Fault(f"{what}: the demo ended\n{self.told.read_text(errors='replace')[-4_000:]}")
            if time.monotonic() > end:
                raise Fault(f"{what}: not within {patience:.0f} s")
            time.sleep(0.3)
        return found

    def held(self) -> list[Held]:
        """What Alertmanager holds."""
        return held(self.alertmanager, self.folder)

    def holds(self, expected: collections.Counter[Alert], when: str) -> None:
        """Waits until Alertmanager holds exactly that."""
        try:
            self.wait(lambda: collections.Counter(each.alert for each in self.held()) == expected, when)
        except Fault as fault:
            found = collections.Counter(each.alert for each in self.held())
            raise Fault("\n".join([str(fault), *differences(expected, found)])) from fault

    def repair(self, state: State) -> None:
        """demo/run repair STATE, but for the waiting."""
        answer = ask(self.folder, f"repair {state.name}")
        if not answer.startswith(REPAIRED):
            raise Fault(f"repair {state.name}: {answer}")

    def say(self, text: str) -> None:
        """How far it is."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def stop(self) -> int:
        """Ctrl-C"""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def addresses(folder: pathlib.Path) -> dict | None:
    """Where everything is, once it is."""
    try:
        return json.loads((folder / "addresses.json").read_text())
    except FileNotFoundError:
        return None


def expected_of(states: list[State]) -> collections.Counter[Alert]:
    """The alerts of these states, each once."""
    return collections.Counter(itertools.chain.from_iterable(state.expected() for state in states))


def differences(expected: collections.Counter[Alert], found: collections.Counter[Alert]) -> Iterator[str]:
    """What is missing and what is too much."""
    for word, more, less in (("missing", expected, found), ("not expected", found, expected)):
        for alert in sorted((more - less).elements()):
            yield f"  {word}: {alert}"


def the_rules_are_the_shipped_ones(demo: Demo) -> None:
    """Nothing but waiting times differs, and all of them are short."""
    shipped = {path.name for path in ALERTS.glob("*.yml")} - set(LEFT_OUT)
    loaded = {path.name for path in (demo.folder / "rules").iterdir()}
    if shipped != loaded:
        raise Fault(f"rule files: {sorted(shipped ^ loaded)}")
    for name in sorted(shipped):
        ours, theirs = ((folder / name).read_text().split("\n") for folder in (demo.folder / "rules", ALERTS))
        if len(ours) != len(theirs):
            raise Fault(f"{name}: {len(ours)} lines, shipped are {len(theirs)}")
        for at, (our, their) in enumerate(zip(ours, theirs), 1):
            both_wait = WAITING.fullmatch(our) and WAITING.fullmatch(their)
            if our != their and not (both_wait and our.split(":")[0] == their.split(":")[0]):
                raise Fault(f"{name}:{at}: {our!r}, shipped is {their!r}")
            if both_wait and not re.fullmatch(r"(?:[0-9]|10)s", our.split(": ")[1]):
                raise Fault(f"{name}:{at}: waits for longer than a demo: {our!r}")
    subprocess.run(["promtool", "check", "rules", "--lint=all", "--lint-fatal", *(demo.folder / "rules").iterdir()], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["amtool", "check-config", demo.folder / "alertmanager.yml"], check=True, stdout=subprocess.DEVNULL)


def the_rules_are_evaluated(demo: Demo) -> None:
    """All groups are loaded, and no rule has an error."""
    groups = fetched(f"{demo.prometheus}/api/v1/rules")["data"]["groups"]
    files = itertools.chain.from_iterable(re.findall(r"^  - name: (\S+)$", path.read_text(), flags=re.MULTILINE) for path in ALERTS.glob("*.yml") if path.name not in LEFT_OUT)
    names = sorted(files)
    if names != sorted(group["name"] for group in groups):
        raise Fault(f"groups of rules: {[group['name'] for group in groups]}, shipped are {names}")
    for group in groups:
        for rule in group["rules"]:
            if rule["health"] != "ok" or rule.get("lastError"):
                raise Fault(f"{group['name']}: {rule['name']}: {rule['health']}: {rule.get('lastError')}")


def the_alerts_say_enough(demo: Demo) -> None:
    """Each has its texts without holes, and its page."""
    for each in demo.held():
        for annotation in ("summary", "description", "runbook_url"):
            text = each.annotations.get(annotation, "")
            if not text.strip() or any(hole in text for hole in HOLES):
                raise Fault(f"{each.alert}: {annotation} is {text!r}")
        page = each.annotations["runbook_url"]
        if page != f"{PAGES}docs/runbooks/{each.alert.name}.md" or not (ROOT / page[len(PAGES) :]).is_file():
            raise Fault(f"{each.alert}: no page {page}")


def the_reason_is_in_the_text(demo: Demo) -> None:
    """Why an endpoint fails stands in its alert, as of now."""
    for state, words in (("down", "refused at connect"), ("refused", "unknown_ca at client_auth")):
        texts = [each.annotations["description"] for each in demo.held() if each.alert.name == "EndpointBroken" and each.labels["server_name"].startswith(f"{state}.")]
        if len(texts) != 1 or words not in texts[0]:
            raise Fault(f"{state}: {words!r} is not in {texts}")


def nothing_else_ever_fired(demo: Demo, expected: collections.Counter[Alert]) -> None:
    """By Prometheus' own memory, which misses nothing between two looks."""
    ever = query(demo.prometheus, 'max_over_time(ALERTS{alertstate="firing"}[1h])')
    if not ever:
        raise Fault("Prometheus does not know what fired")
    told = {(alert.name, alert.severity, alert.place, alert.source) for alert in expected}
    for series in ever:
        alert = named(series["metric"], demo.folder)
        if (alert.name, alert.severity, alert.place, alert.source) not in told:
            raise Fault(f"fired, and is no state's: {series['metric']}")


def nothing_is_left(demo: Demo) -> None:
    """Neither a process nor a file."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            # Workers do not have it in their command line; their log is open.
            files = [str(file.readlink()) for file in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(f"{demo.folder}/" in text for text in (words, *files)):
            found.append(f"{process.name}: {words}")
    if found or demo.folder.exists():
        raise Fault(f"left behind: {found or demo.folder}")


def tested(demo: Demo) -> None:
    """The whole story."""
    wrong = [state for state in STATES if not state.is_healthy]
    everything = expected_of(wrong)
    if max(everything.values()) > 1:
        raise Fault(f"two states have one alert: {[alert for alert, count in everything.items() if count > 1]}")
    demo.say("the demo is up")
    the_rules_are_the_shipped_ones(demo)
    demo.holds(everything, "every state has its alerts, and there are no others")
    demo.say(f"{len(everything)} alerts of {len(wrong)} states, {sum(alert.inhibited for alert in everything)} of them inhibited")
    the_alerts_say_enough(demo)
    the_reason_is_in_the_text(demo)
    the_rules_are_evaluated(demo)
    while wrong:
        group, wrong = wrong[:AT_ONCE], wrong[AT_ONCE:]
        for state in group:
            demo.repair(state)
        names = ", ".join(state.name for state in group)
        demo.holds(expected_of(wrong), f"after the repair of {names} the others are left")
        demo.say(f"repaired and resolved: {names}")
    renewals = 'sum(x509_renewal_margin_ratio_count{source_name="workloads"}) > 0'
    demo.wait(lambda: query(demo.prometheus, renewals), "the healthy certificate is renewed, and counted")
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        if left := demo.held():
            raise Fault(f"all is repaired, and there is: {[each.labels for each in left]}")
        time.sleep(1)
    demo.say("silence")
    nothing_else_ever_fired(demo, everything)
    the_rules_are_evaluated(demo)
    if (code := demo.stop()) != 0:
        raise Fault(f"Ctrl-C: exit {code}\n{demo.told.read_text(errors='replace')[-2_000:]}")
    nothing_is_left(demo)
    demo.say("stopped, and nothing is left")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "debug" / "notafter", help="the notafter to test (default: the debug build)")
    options = parser.parse_args()
    without_proxies()
    aside = pathlib.Path(tempfile.mkdtemp(prefix="notafter-demo-"))
    demo = None
    try:
        demo = Demo(aside / "demo", options.binary.absolute())
        tested(demo)
    except Fault as fault:
        print(f"demo/test.py: {fault}", file=sys.stderr)
        if demo:
            print(f"the exporter said:\n{tail(demo.folder / 'logs' / 'notafter.log')}", file=sys.stderr)
        return 1
    finally:
        if demo:
            demo.stop()
        shutil.rmtree(aside)
    return 0


def tail(path: pathlib.Path) -> str:
    """The end of a log."""
    try:
        return path.read_text(errors="replace")[-4_000:]
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
