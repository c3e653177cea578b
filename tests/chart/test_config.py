"""Configurations: what the chart renders, and what the documentation shows, is taken by `notafter config check`."""

import re
import unittest

import yaml

from cases import CASES
from support import ROOT, config_check, configurations, fenced, render
from test_access import ROWS

GUIDE = ROOT / "docs/KUBERNETES.md"
MIGRATING = ROOT / "docs/MIGRATING.md"


class Configurations(unittest.TestCase):
    def assertTaken(self, text):
        code, output = config_check(text)
        self.assertEqual(0, code, f"{output}\n{text}")

    def test_rendered_ones_are_taken(self):
        for name, values in {**CASES, **{name: row[0] for name, row in ROWS.items()}}.items():
            for text in configurations(render(values)).values():
                with self.subTest(name):
                    self.assertTaken(text)

    def test_a_wrong_one_would_be_seen(self):
        code, output = config_check('[sources.x]\ntype = "file"\npath = ["/x"]\n')
        self.assertEqual(64, code)
        self.assertIn("path", output)

    def test_documented_ones_are_taken(self):
        for path in (GUIDE, MIGRATING):
            blocks = fenced(path, "toml")
            self.assertGreater(len(blocks), 3, path)
            for line, text in blocks:
                with self.subTest(f"{path.name}:{line}"):
                    self.assertTaken(text)

    def test_documented_values_render_and_their_configurations_are_taken(self):
        for path in (GUIDE, MIGRATING, ROOT / "deploy/chart/notafter/README.md"):
            for line, text in fenced(path, "yaml"):
                if not text.startswith("# values"):
                    continue
                with self.subTest(f"{path.name}:{line}"):
                    for config in configurations(render(yaml.safe_load(text) or {})).values():
                        self.assertTaken(config)


class Migration(unittest.TestCase):
    """docs/MIGRATING.md: each row of its tables of values has an example, and the example holds what the row says."""

    def rows(self):
        return re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", MIGRATING.read_text(), re.M)

    def test_each_row_of_values_has_an_example_with_its_keys(self):
        examples = {}
        for language in ("toml", "yaml"):
            for line, text in fenced(MIGRATING, language):
                first = re.match(r"# (?:values, )?rows? ([\d, ]+)", text)
                self.assertTrue(first or language == "yaml", f"MIGRATING.md:{line} names no row")
                for number in re.findall(r"\d+", first.group(1)) if first else []:
                    examples.setdefault(number, []).append(text)
        rows = self.rows()
        self.assertGreater(len(rows), 20)
        self.assertEqual([str(number) for number in range(1, len(rows) + 1)], [number for number, _, _ in rows])
        for number, theirs, ours in rows:
            with self.subTest(f"row {number}: {theirs}"):
                self.assertIn(number, examples)
                keys = re.findall(r"`([^`]+)`", ours)
                self.assertTrue(keys)
                for key in keys:
                    for part in re.split(r"[.= \[\]\"{},]+", key):
                        if part:
                            self.assertTrue(any(part in text for text in examples[number]), f"{key}: {part} is in no example of the row")

    def test_no_example_is_without_a_row(self):
        numbers = {number for number, _, _ in self.rows()}
        for language in ("toml", "yaml"):
            for line, text in fenced(MIGRATING, language):
                first = re.match(r"# (?:values, )?rows? ([\d, ]+)", text)
                for number in re.findall(r"\d+", first.group(1)) if first else []:
                    self.assertIn(number, numbers, f"MIGRATING.md:{line}")
