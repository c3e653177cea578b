"""Rules and dashboards: what the chart renders is what stands in alerts/ and dashboards/, of which there is one copy."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import yaml

from support import CHART, ROOT, of_kind, one, render

FILES = sorted((ROOT / "alerts").glob("*.yml"))


def groups(paths):
    return [group for path in paths for group in yaml.safe_load(path.read_text())["groups"]]


class Rules(unittest.TestCase):
    maxDiff = None

    def test_there_is_one_copy(self):
        for name in ("alerts", "dashboards"):
            self.assertTrue((CHART / name).is_symlink(), name)
            self.assertEqual((ROOT / name).resolve(), (CHART / name).resolve())

    def test_rendered_rules_equal_the_files(self):
        for seed, paths in ((True, FILES), (False, [path for path in FILES if path.name != "seed.yml"])):
            objects = render({"prometheusRule": {"enabled": True, "seed": seed}})
            rendered = [group for item in of_kind(objects, "PrometheusRule") for group in item["spec"]["groups"]]
            self.assertEqual(groups(paths), rendered)

    def test_the_seed_is_off_unless_asked_for(self):
        own = {"name": "own", "rules": [{"alert": "A", "expr": "vector(1)"}]}
        rendered = one(render({"prometheusRule": {"enabled": True, "extraGroups": [own]}}), "PrometheusRule")["spec"]["groups"]
        self.assertIn(own, rendered)
        self.assertNotIn("certificate-alerts", [group["name"] for group in rendered])
        self.assertEqual([], of_kind(render({}), "PrometheusRule"))

    def test_promtool_takes_them(self):
        rule = one(render({"prometheusRule": {"enabled": True, "seed": True}}), "PrometheusRule")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "rules.yml")
            path.write_text(yaml.safe_dump({"groups": rule["spec"]["groups"]}))
            done = subprocess.run(["promtool", "check", "rules", "--lint=all", "--lint-fatal", path], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_dashboards_equal_the_files(self):
        objects = [item for item in of_kind(render({"dashboards": {"enabled": True}}), "ConfigMap") if "notafter.toml" not in item["data"]]
        rendered = {}
        for item in objects:
            self.assertEqual("1", item["metadata"]["labels"]["grafana_dashboard"])
            rendered.update(item["data"])
        self.assertEqual({path.name: path.read_text() for path in (ROOT / "dashboards").glob("*.json")}, rendered)
        for text in rendered.values():
            json.loads(text)
