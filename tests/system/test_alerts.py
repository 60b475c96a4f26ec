"""The alert rules, the scrape configuration and the dashboard of deploy/: promtool tries them, and
every metric that they name is in the table of metrics."""

import json
import re
import subprocess
import sys

import pytest

from harness import postern

sys.path.insert(0, str(postern.ROOT / "tests" / "lint"))
import tables  # noqa: E402

DEPLOY = postern.ROOT / "deploy"
RULES = (DEPLOY / "prometheus" / "alerts.yml").read_text()
TESTS = (DEPLOY / "prometheus" / "alerts_test.yml").read_text()
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.M)
RUNBOOK = (postern.ROOT / "docs" / "RUNBOOK.md").read_text()


@pytest.mark.parametrize("command", ["check config prometheus.yml", "check rules alerts.yml",
                                     "test rules alerts_test.yml"])
def test_promtool(needs, command):
    needs("promtool")
    done = subprocess.run(["promtool", *command.split()], cwd=DEPLOY / "prometheus",
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def only(text, starts, wanted):
    """TEXT without the items of a list, which begin as STARTS says, but those that begin with WANTED."""
    begin, *items = re.split(rf"^(?={starts})", text, flags=re.M)
    return begin + "".join(item for item in items if item.startswith(wanted))


def test_a_rule_that_is_broken_is_found(needs, tmp_path):
    """promtool's tests can fail: without its threshold a rule fires where it must not."""
    needs("promtool")
    rule = only(RULES, " +- alert: ", "      - alert: PosternReaderLag\n")
    tests = only(TESTS, "  - name: ", "  - name: PosternReaderLag ")
    assert tests.count("- name: ") == 2
    (tmp_path / "alerts.yml").write_text(rule)
    (tmp_path / "alerts_test.yml").write_text(tests)
    command = ["promtool", "test", "rules", "alerts_test.yml"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode == 0
    (tmp_path / "alerts.yml").write_text(rule.replace("postern_reader_lag > 10000", "postern_reader_lag > 1"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "PosternReaderLag" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_tried_and_explained(alert):
    cases = re.findall(rf"alertname: {alert}\n +exp_alerts:( \[\])?", TESTS)
    assert sorted(cases) == ["", " []"], "one case where it fires, one where it does not"
    rule = RULES.split(f"- alert: {alert}\n")[1].split("- alert:")[0]
    severity = re.search(r"severity: (critical|warning)\}", rule)[1]
    assert re.search(r'summary: ".+"', rule)
    assert f"runbook: docs/RUNBOOK.md#{alert.lower()}\n" in rule
    section = RUNBOOK.split(f"\n### {alert}\n")[1].split("\n#")[0]
    parts = re.findall(r"^- \*\*(.+?)\*\*(?: \((\w+)\))?:", section, re.M)
    assert parts == [("Means", severity), ("Look at", ""), ("Do", "")]


def test_the_runbook_explains_no_alert_that_is_not_there():
    assert re.findall(r"^### (\w+)$", RUNBOOK, re.M) == ALERTS


def known():
    """Every series that the processes export, and what Prometheus adds."""
    names = {"up"} | {row[0] for row in tables.rows("common/monitor/metrics.def", "PROCESS_METRIC")}
    for name, kind, *_ in tables.rows("common/monitor/metrics.def", "METRIC"):
        ends = ("_bucket", "_sum", "_count") if tables.TYPES[kind] == "histogram" else ("",)
        names |= {f"postern_{name}{end}" for end in ends}
    return names


def named(expression):
    return set(re.findall(r"\b(?:postern|process)_\w+", expression))


def test_the_rules_name_metrics_that_exist():
    found = named(" ".join(re.findall(r"^ +expr: (.*)$", RULES, re.M)))
    assert len(found) > 15 and found <= known()
    assert named(" ".join(re.findall(r"series: '(.*)'", TESTS))) <= known()


def test_the_dashboard_names_metrics_that_exist():
    dashboard = json.loads((DEPLOY / "grafana" / "postern.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found = named(" ".join(expressions))
    assert len(found) > 25 and found <= known()
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_the_rule_of_server_errors_knows_every_code_of_5xx():
    listed = re.search(r'http_errors_total\{code=~"([^"]*)"', RULES)[1].split("|")
    assert listed == [row[1] for row in tables.rows("common/errors.def", "ERROR")
                      if row[2].startswith("5")]
