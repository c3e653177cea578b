"""What the tests of the chart share: the chart itself, rendered by Helm's own SDK, and the places in the repository."""

import difflib
import os
import pathlib
import subprocess
import tempfile

import helm_python
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/chart/notafter"
PROGRAM = ROOT / "target/debug/notafter"
NAMESPACE = "monitoring"

_chart = None


def chart():
    """Loaded once."""
    global _chart
    if _chart is None:
        _chart = helm_python.Chart.load(CHART)
    return _chart


def render_files(values=None):
    return chart().render(values or {}, name="prod", namespace=NAMESPACE)


def render(values=None):
    """Every object, in the order of kind, namespace and name; each must have a name and each pair of kind and name is there once."""
    objects = {}
    for path, text in render_files(values).items():
        if path.endswith(".txt"):
            continue
        for document in yaml.safe_load_all(text):
            if document:
                meta = document["metadata"]
                key = (document["kind"], meta.get("namespace", ""), meta["name"])
                assert key not in objects, f"twice: {key}"
                objects[key] = document
    return [objects[key] for key in sorted(objects)]


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def one(objects, kind, name=None):
    found = [item for item in of_kind(objects, kind) if name is None or item["metadata"]["name"] == name]
    assert len(found) == 1, f"expected one {kind} {name or ''}, found {len(found)}"
    return found[0]


def configurations(objects):
    """Name of the ConfigMap → its notafter.toml."""
    return {item["metadata"]["name"]: item["data"]["notafter.toml"] for item in of_kind(objects, "ConfigMap") if "notafter.toml" in item["data"]}


def pods(objects):
    """Kind and pod template of each workload."""
    return [(item["kind"], item["spec"]["template"]) for item in objects if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet")]


def config_check(text):
    """What `notafter config check` says of a configuration: exit code and output."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: cargo build"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "notafter.toml")
        path.write_text(text)
        # What an example names beside it.
        pathlib.Path(folder, "web.yml").write_text("rate_limit: {interval: 1s, burst: 5}\n")
        done = subprocess.run([PROGRAM, "config", "check", path], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def fenced(path, language):
    """The fenced blocks of a language in a Markdown file, as (line, text)."""
    blocks, block = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if block is None and line.strip() == f"```{language}":
            block = (number + 1, [])
        elif block is not None and line.strip() == "```":
            blocks.append((block[0], "\n".join(block[1]) + "\n"))
            block = None
        elif block is not None:
            block[1].append(line)
    return blocks


def golden(test, path, text):
    """Compares with a golden file; UPDATE_GOLDEN=1 rewrites it."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
        return
    wanted = path.read_text() if path.exists() else ""
    if wanted != text:
        difference = "".join(difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), "golden", "rendered", n=2))
        test.fail(f"{path.relative_to(ROOT)} differs (UPDATE_GOLDEN=1 rewrites it; read the difference):\n{difference}")
