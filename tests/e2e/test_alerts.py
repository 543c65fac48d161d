"""The dashboard and the alert rules: they are what Prometheus and Grafana take, the metrics that they name exist in a
daemon, and each alert has its part in docs/operations.md."""
import json
import os
import re
import subprocess
import unittest

import yaml

import harness
from test_observability import Http, samples_of

ROOT = os.path.normpath(os.path.join(harness.HERE, "..", ".."))
RULES = os.path.join(ROOT, "config", "prometheus", "melstream.rules.yml")
DASHBOARD = os.path.join(ROOT, "config", "grafana", "melstream.json")
WANTED = ("MelstreamDown", "MelstreamNotReady", "MelstreamFramesGapped", "MelstreamCaptureOverflow", "MelstreamLatencyHigh",
          "MelstreamCertificateExpires", "MelstreamReloadFailed", "MelstreamOverload", "MelstreamEngineFallback",
          "MelstreamAuthFailures", "MelstreamLoopStalled")


def rules():
    with open(RULES, encoding="utf-8") as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


def dashboard():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)


def expressions(board):
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


class Alerts(unittest.TestCase):
    def promtool(self, *arguments):
        result = subprocess.run(["promtool", *arguments], cwd=os.path.dirname(RULES), capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_rules_are_rules_and_fire_when_they_should(self):
        self.promtool("check", "rules", "melstream.rules.yml")
        self.promtool("test", "rules", "melstream.rules.test.yml")
        with open(RULES.replace(".yml", ".test.yml"), encoding="utf-8") as file:
            tested = {test["alertname"] for part in yaml.safe_load(file)["tests"] for test in part["alert_rule_test"]
                      if test.get("exp_alerts")}
        self.assertEqual(tested, set(WANTED))

    def test_each_alert_has_its_heading(self):
        with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
            text = file.read()
        self.assertEqual([rule["alert"] for rule in rules()], list(WANTED))
        for rule in rules():
            with self.subTest(alert=rule["alert"]):
                url = rule["annotations"]["runbook_url"]
                self.assertEqual(url, "docs/operations.md#" + rule["alert"].lower())
                part = re.search(r"^### %s\n(.+?)(?=^##|\Z)" % rule["alert"], text, re.M | re.S)
                self.assertIsNotNone(part, "no heading")
                self.assertGreater(len(part.group(1)), 100, "nothing to go by")

    def test_dashboard_has_what_grafana_needs(self):
        board = dashboard()
        self.assertEqual((board["title"], board["uid"]), ("melstream", "melstream"))
        self.assertGreaterEqual(board["schemaVersion"], 36)
        self.assertIn("datasource", [variable["name"] for variable in board["templating"]["list"]])
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        taken = set()
        for panel in board["panels"]:
            self.assertEqual(panel["datasource"]["uid"], "$datasource", panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "$datasource", panel["title"])
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24)
            self.assertFalse(taken & cells, "%s lies on another panel" % panel["title"])
            taken |= cells

    def test_every_metric_that_is_named_exists(self):
        daemon = harness.Daemon('[metrics]\nlisten = "127.0.0.1:0"\n')
        self.addCleanup(daemon.close)
        there = {name for name, _ in samples_of(Http(daemon).get("/metrics").body)}
        texts = expressions(dashboard()) + [rule["expr"] for rule in rules()]
        named = set(re.findall(r"\b(?:melstream|process)_[a-z_]+", " ".join(texts)))
        self.assertGreater(len(named), 30)
        self.assertEqual(named - there, set())
