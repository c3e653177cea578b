#!/usr/bin/env python3
"""Has every alert of alerts/ a page, a text and its tests, and every page an alert?

An alert counts as tested when one test shows it firing and, later in the same test, resolved; when some test looks at it before it fires; and
when each of its severities has been seen. Reads the files as text, in the plain block style that they are written in.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = "https://github.com/notafter/notafter/blob/main/docs/runbooks/"
# What is no page of an alert.
OTHER_PAGES = {"reasons"}
# Of a runbook, the headings in their order.
HEADINGS = ["What it means", "How bad it is", "How to confirm", "How to fix", "When it is fixed"]


def rules():
    """Each alert: file, name, its lines."""
    for path in sorted((ROOT / "alerts").glob("*.yml")):
        for part in re.split(r"^      - ", path.read_text(), flags=re.M)[1:]:
            if found := re.match(r"alert: (\w+)$", part, flags=re.M):
                yield path.name, found[1], part


def minutes(text):
    """A time of promtool, in minutes."""
    return sum(int(count) * {"d": 1440, "h": 60, "m": 1}[unit] for count, unit in re.findall(r"(\d+)([dhm])", text))


def assertions():
    """Of each alert, by test: when, and the severities that fire then."""
    for path in sorted((ROOT / "alerts" / "tests").glob("*_test.yml")):
        for test in re.split(r"^  - name: ", path.read_text(), flags=re.M)[1:]:
            seen = {}
            for part in re.split(r"^      - eval_time: ", test, flags=re.M)[1:]:
                if found := re.match(r"(\S+)\n +alertname: (\w+)$", part, flags=re.M):
                    firing = set(re.findall(r"^ +severity: \"?(\w+)\"?$", part, flags=re.M)) if "exp_labels" in part else set()
                    seen.setdefault(found[2], []).append((minutes(found[1]), firing))
            yield from seen.items()


def faults():
    """What is missing."""
    severities, tested = {}, {}
    for file, name, text in rules():
        own = file != "seed.yml"
        severity = re.search(r"severity: (\w+)", text)
        severities.setdefault(name, set()).add(severity and severity[1])
        if severity is None or severity[1] not in ("warning", "critical"):
            yield f"{file}: {name}: severity is warning or critical"
        if not own:
            continue
        for annotation in ("summary", "description"):
            if not re.search(rf"^ +{annotation}: \S", text, flags=re.M):
                yield f"{file}: {name}: no {annotation}"
        if f"runbook_url: {BASE}{name}.md" not in text:
            yield f"{file}: {name}: runbook_url is not {BASE}{name}.md"
        page = ROOT / "docs" / "runbooks" / f"{name}.md"
        if not page.is_file():
            yield f"{name}: no docs/runbooks/{name}.md"
            continue
        written = page.read_text()
        headings = re.findall(r"^## (.+)$", written, flags=re.M)
        if not written.startswith(f"# {name}\n") or headings != HEADINGS:
            yield f"{page.name}: its title is the alert, its headings are {', '.join(HEADINGS)}"
        if "```sh" not in written:
            yield f"{page.name}: no command that confirms it"

    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md")} - OTHER_PAGES
    yield from (f"docs/runbooks/{page}.md: no such alert" for page in sorted(pages - severities.keys()))

    for name, seen in assertions():
        if name not in severities:
            yield f"{name}: tested, and no such alert"
        fires = [at for at, firing in seen if firing]
        record = tested.setdefault(name, {"fires": set(), "resolves": False, "below": False})
        record["fires"] |= set().union(*(firing for _, firing in seen))
        record["resolves"] |= bool(fires) and any(not firing and at > min(fires) for at, firing in seen)
        record["below"] |= any(not firing and (not fires or at < min(fires)) for at, firing in seen)
    # The seed's tests are about the rules as they were given.
    for name in sorted({name for file, name, _ in rules() if file != "seed.yml"}):
        record = tested.get(name, {"fires": set(), "resolves": False, "below": False})
        missing = [f"firing as {severity}" for severity in sorted(severities[name] - record["fires"])]
        missing += [words for key, words in (("resolves", "resolved"), ("below", "not firing just below")) if not record[key]]
        if missing:
            yield f"{name}: no test of it {', '.join(missing)}"


if __name__ == "__main__":
    found = list(faults())
    names = {name for _, name, _ in rules()}
    print("\n".join(found) or f"alerts: {len(names)} names, each with its page, text and tests")
    sys.exit(bool(found) or len(names) < 30)
