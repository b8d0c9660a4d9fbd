"""Alerts are tested by their own cases, explained in the runbook, and delivered to a receiver.

promtool and amtool, which come with Prometheus and Alertmanager, check the syntax and what fires;
`test_dashboards.py` checks the series that the alerts use against the exporter.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import neighbours

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RUNBOOK = (DEPLOY / "docs" / "operate.md").read_text()
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"
RULES = DEPLOY / "prometheus" / "alerts.yml"
CASES = DEPLOY / "prometheus" / "alerts_test.yml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
ALWAYS = "DetectorWatchdog"


def run(program: str, *arguments: str) -> str:
    """Run a neighbour that must succeed; return its output."""
    command = [str(neighbours.require(program)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def cases() -> dict[str, list[list[bool]]]:
    """Per alert, the groups of cases: for each moment, in order, whether it should fire."""
    found: dict[str, list[list[bool]]] = {}
    for group in yaml.safe_load(CASES.read_text())["tests"]:
        [alert] = {case["alertname"] for case in group["alert_rule_test"]}
        moments = [bool(case["exp_alerts"]) for case in group["alert_rule_test"]]
        found.setdefault(alert, []).append(moments)
    return found


@pytest.mark.neighbours
def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    run("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))


@pytest.mark.neighbours
def test_every_case_of_the_alerts_comes_out_as_written() -> None:
    run("promtool", "test", "rules", str(CASES))


@pytest.mark.neighbours
def test_a_looser_threshold_is_noticed_by_the_cases(tmp_path: Path) -> None:
    """The cases would be worth nothing if they passed whatever the rules say."""
    promtool = str(neighbours.require("promtool"))
    (tmp_path / CASES.name).write_text(CASES.read_text())
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("[10m])) > 10", "[10m])) > 9"))
    command = [promtool, "test", "rules", str(tmp_path / CASES.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, True) == (
        done.returncode,
        "DetectorActionsRefusedBurst" in done.stdout + done.stderr,
    )


@pytest.mark.parametrize("name", sorted(set(ALERTS) - {ALWAYS}))
def test_an_alert_has_a_case_that_fires_and_recovers_and_one_just_below(name: str) -> None:
    fires, below = cases()[name]
    assert [True, False] == fires[-2:]
    assert [False] == below


def test_the_watchdog_fires_always() -> None:
    assert [[True, True]] == cases()[ALWAYS]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert re.fullmatch(r"Detector([A-Z][a-z]+)*", name)
    assert {"severity"} == set(rule["labels"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert {"summary", "description", "runbook_url"} == set(notes)
    assert notes["summary"].endswith(".")
    assert "{{" not in notes["summary"]
    assert notes["description"].endswith(".")
    assert f"deploy/docs/operate.md#{name.lower()}" == notes["runbook_url"]


@pytest.mark.parametrize("name", ALERTS)
def test_the_runbook_has_a_section_for_the_alert(name: str) -> None:
    [section] = re.findall(rf"^### {name}\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert HEADINGS == re.findall(r"^\*\*(\w+)\.\*\* \S", section, re.MULTILINE)


def test_the_runbook_explains_no_alert_that_does_not_exist() -> None:
    assert list(ALERTS) == re.findall(r"^### (Detector\w+)$", RUNBOOK, re.MULTILINE)


@pytest.mark.neighbours
def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    run("amtool", "check-config", str(ALERTMANAGER))


@pytest.mark.neighbours
@pytest.mark.parametrize(
    ("name", "receiver"),
    [
        ("DetectorWatchdog", "dead-mans-switch"),
        ("DetectorDown", "page"),
        ("DetectorAlarmRaised", "ticket"),
        ("DetectorKillSwitchEngaged", "nobody"),
    ],
)
def test_an_alert_goes_to_the_receiver_of_its_severity(name: str, receiver: str) -> None:
    labels = [f"alertname={name}", f"severity={ALERTS[name]['labels']['severity']}"]
    config = f"--config.file={ALERTMANAGER}"
    assert receiver == run("amtool", "config", "routes", "test", config, *labels).strip()


def test_alertmanager_inhibits_only_alerts_that_exist_and_holds_no_address_or_secret() -> None:
    config = yaml.safe_load(ALERTMANAGER.read_text())
    matchers = [
        matcher
        for rule in config["inhibit_rules"]
        for matcher in rule["source_matchers"] + rule["target_matchers"]
    ]
    named = {name for matcher in matchers for name in re.findall(r"Detector\w+", matcher)}
    assert set() == named - set(ALERTS)
    assert [["name"]] * 4 == [list(receiver) for receiver in config["receivers"]]
