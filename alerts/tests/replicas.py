#!/usr/bin/env python3
"""Does every alert stay one alert when two exporters watch the same things?

Takes the promtool tests of this folder, gives every series of a shared source (all but files and what configurations of this machine
name) a twin with another `instance` and `pod`, as a second replica would, and wants the very alerts that the tests want without it. A
series that a test has from several instances already is about replicas that differ, and stays. What belongs to one process (`up`,
`notafter_build_info`, its configuration) has no twin: two of those are two alerts, as docs/DEPLOYMENT.md says. Recorded sums of events
are left out: two replicas make twice as many handshakes, and no alert looks at a sum that is not divided by another.

Reads the files as text, in the plain block style that they are written in.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
# Kinds of sources that belong to one machine, as the rules have them.
LOCAL = {"file", "kubeconfig", "nginx", "envoy-config"}
# Ours, but of a process and not of what it watches.
OF_PROCESS = {"notafter_build_info", "notafter_config_last_reload_successful", "notafter_web_config_last_reload_successful"}
# Enough to see that a rule which counts replicas is noticed; the others take four times as long.
QUICK = {"endpoints_test.yml", "policy_test.yml"}
EVENTS = re.compile(r"^    promql_expr_test:\n      - expr: 'notafter:\w+:increase\w+'\n(?:        .*\n)+", re.M)
SERIES = re.compile(r"^      - series: '(?P<name>(?:x509|tls|notafter)_\w+)\{(?P<labels>.*)\}'\n(?P<values>        values: .*\n)", re.M)


def is_shared(name, labels):
    kind = re.search(r'source_kind="([^"]*)"', labels)
    return name not in OF_PROCESS and (kind is None or kind[1] not in LOCAL)


def without_instance(name, labels):
    return name + re.sub(r',?instance="[^"]*"', "", labels)


def doubled(test):
    """The test with a twin for each series of a shared source, and how many there are."""
    instances = {}
    for found in SERIES.finditer(test):
        instances.setdefault(without_instance(found["name"], found["labels"]), []).append(found["labels"])
    twins = 0

    def twin(found):
        nonlocal twins
        name, labels = found["name"], found["labels"]
        if not is_shared(name, labels) or len(instances[without_instance(name, labels)]) > 1:
            return found[0]
        twins += 1
        other, count = re.subn(r'instance="([^"]*)"', r'instance="twin of \1",pod="twin"', labels)
        if count != 1:
            sys.exit(f"replicas: {name}{{{labels}}} has no instance: a scraped series has one")
        return f"{found[0]}      - series: '{name}{{{other}}}'\n{found['values']}"

    return SERIES.sub(twin, EVENTS.sub("", test)), twins


def judged(rules, tests):
    """What promtool says of these tests."""
    done = subprocess.run(["promtool", "test", "rules", *tests], cwd=rules, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def prepared(folder, change):
    """The rules, changed, and the doubled tests in a folder; the tests' paths, and the number of twins."""
    (folder / "tests").mkdir()
    for path in (FOLDER.parent).glob("*.yml"):
        (folder / path.name).write_text(change(path.read_text()))
    paths, total = [], 0
    for path in sorted(FOLDER.glob("*_test.yml")):
        text, twins = doubled_file(path.read_text())
        total += twins
        if twins:
            paths.append(folder / "tests" / path.name)
            paths[-1].write_text(text)
    return paths, total


def doubled_file(text):
    head, *tests = re.split(r"^(?=  - name: )", text, flags=re.M)
    results = [doubled(test) for test in tests]
    return head + "".join(test for test, _ in results), sum(twins for _, twins in results)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths, twins = prepared(folder, lambda text: text)
        code, said = judged(folder, paths)
        if code != 0:
            print(said)
            return 1
    if twins < 100:
        print(f"replicas: only {twins} series have a twin: the files are not read as they are written")
        return 1
    # Rules that do not look away from the replica must be noticed, or this shows nothing.
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths, _ = prepared(folder, lambda text: text.replace("without (instance, pod", "without (job, job"))
        unnoticed = [path.name for path in paths if path.name in QUICK and judged(folder, [path])[0] == 0]
        if unnoticed:
            print(f"replicas: rules that count replicas twice pass in {', '.join(unnoticed)}")
            return 1
    print(f"alerts: the same with a second replica, {twins} series twice in {len(paths)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
