"""Alerts and dashboard select only series that the exporter has, and are fit for display.

A fresh exporter has every series from the start, so a selector that finds none is misspelt.
Dashboards follow the eleven rules of Grafana's dashboard-linter; `test_alerts.py` checks alerts
against their runbook.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from detector.bootstrap.metric_alarm_metrics import MetricAlarmMetrics
from detector.cloudwatch.api import ApiMetrics
from detector.telemetry.metrics import Metrics
from tests.support import neighbours

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/detector.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"none", "short", "s", "bytes", "ops", "rps", "cps"}
# What Grafana puts in place of its variables, as far as syntax is concerned.
FILLED = {"$__rate_interval": "4m", "$__range": "1h", "$job": ".+", "$instance": ".+"}
TARGET_LABELS = {"job", "instance"}

SELECTOR = re.compile(r"([a-z_:]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Series:
    """One series of the exporter."""

    name: str
    kind: str
    labels: dict[str, str]

    def fits(self, matchers: list[tuple[str, str, str]]) -> bool:
        """Tell whether all matchers hold; those on labels of the target always do."""
        return all(
            label in TARGET_LABELS or _holds(self.labels.get(label, ""), operator, value)
            for label, operator, value in matchers
        )


def _holds(found: str, operator: str, value: str) -> bool:
    equal = re.fullmatch(value, found) is not None if "~" in operator else value == found
    return equal is not operator.startswith("!")


def exported() -> list[Series]:
    """Every series of a fresh exporter of any role, and ``up``, which Prometheus adds."""
    metrics = Metrics(topics=["detector.logs"], build={"version": "1"}, config_hash="0")
    ApiMetrics(metrics.registry)
    MetricAlarmMetrics(metrics.registry)
    text = generate_latest(metrics.registry).decode()
    return [Series("up", "gauge", {})] + [
        Series(sample.name, family.type, dict(sample.labels))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


SERIES = exported()
QUERIES = [
    pytest.param(target["expr"], target["legendFormat"], id=f"{title} {target['refId']}")
    for title, panel in PANELS.items()
    for target in panel["targets"]
] + [
    pytest.param(each["expr"], each["titleFormat"], id=each["name"])
    for each in DASHBOARD["annotations"]["list"]
    if "expr" in each
]
RULES = [
    pytest.param(rule["expr"], " ".join(rule["annotations"].values()), id=name)
    for name, rule in ALERTS.items()
]


def selected(expression: str) -> list[Series]:
    """Series that the selectors of an expression find; each must find at least one."""
    found: list[Series] = []
    for name, matchers in SELECTOR.findall(expression):
        parsed = MATCHER.findall(matchers)
        assert len(parsed) == matchers.count('"') / 2, f"matchers not understood: {matchers}"
        series = [each for each in SERIES if each.name == name and each.fits(parsed)]
        assert series, f"no series of the exporter fits {name}{{{matchers}}}"
        found += series
    return found


@pytest.mark.parametrize(("expression", "text"), QUERIES + RULES)
def test_every_selector_finds_a_series_and_every_label_exists(expression: str, text: str) -> None:
    labels = {label for series in selected(expression) for label in series.labels} | TARGET_LABELS
    grouped = re.findall(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)", expression)
    used = {name for part in grouped for name in re.findall(r"\w+", part)}
    used |= set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))
    assert set() == used - labels


@pytest.mark.parametrize(("expression", "text"), QUERIES + RULES)
def test_no_metric_is_asked_for_without_its_job(expression: str, text: str) -> None:
    bare = re.findall(r"\b((?:detector_|process_)\w+|up)\b(?!\s*\{)", SELECTOR.sub("", expression))
    assert [] == bare
    assert all("job=" in matchers for _, matchers in SELECTOR.findall(expression))


@pytest.mark.parametrize(("expression", "text"), QUERIES + RULES)
def test_only_what_counts_up_is_turned_into_a_rate(expression: str, text: str) -> None:
    rising = re.findall(r"\b(?:rate|irate|increase)\(([a-z_]+)\{", expression)
    level = re.findall(r"\b(?:delta|deriv|changes)\(([a-z_]+)\{", expression)
    kinds = {series.name: series.kind for series in SERIES}
    assert {"counter", "histogram"} >= {kinds[name] for name in rising}
    assert {"gauge"} >= {kinds[name] for name in level}


def test_every_metric_of_the_exporter_is_shown_or_known_to_be_left_out() -> None:
    expressions = [query.values[0] for query in QUERIES + RULES]
    shown = {name for each in expressions for name, _ in SELECTOR.findall(str(each))}
    families = {re.sub(r"_(bucket|sum|count)$", "", each.name) for each in SERIES}
    missing = families - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    # The first two name versions, the next two are parts of detector_events_lost_total, and what
    # was proposed is the sum of what was decided.
    assert {
        "detector_build_info",
        "detector_config_info",
        "detector_records_late_total",
        "detector_records_duplicate_total",
        "detector_actions_proposed_total",
    } == {name for name in missing if name.startswith("detector_")}


@pytest.mark.neighbours
def test_promtool_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": "a:b", "expr": fill(str(query.values[0]))} for query in QUERIES]
    for number, rule in enumerate(rules):
        rule["record"] = f"query:number_{number}"
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run("promtool", "check", "rules", str(file))


def fill(expression: str) -> str:
    """Put something in place of Grafana's variables."""
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def run(program: str, *arguments: str) -> str:
    """Run a neighbour that must succeed; return what it said."""
    command = [str(neighbours.require(program)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_the_dashboard_lets_its_reader_choose_source_job_and_instance() -> None:
    """Rules template-datasource, template-job, template-instance and template-label-promql."""
    assert ["datasource", "job", "instance"] == list(VARIABLES)
    source = VARIABLES["datasource"]
    found = (source["type"], source["query"], source["label"])
    assert ("datasource", "prometheus", "Data source") == found
    for name in ("job", "instance"):
        variable = VARIABLES[name]
        assert ("query", SOURCE, name.title()) == (
            variable["type"],
            variable["datasource"],
            variable["label"],
        )
        assert (True, ".+", 2) == (variable["multi"], variable["allValue"], variable["refresh"])
        match = re.fullmatch(r"label_values\(([a-z_]+)(\{.*\})?, (\w+)\)", variable["query"])
        assert match
        assert name == match[3]
        assert match[1] in {series.name for series in SERIES}


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_from_which_source(title: str) -> None:
    """Rules panel-datasource, panel-title-description and panel-units."""
    panel = PANELS[title]
    assert title
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert [SOURCE] * (1 + len(panel["targets"])) == [
        panel["datasource"],
        *(target["datasource"] for target in panel["targets"]),
    ]


@pytest.mark.parametrize(("expression", "text"), QUERIES[:-1])
def test_a_query_obeys_the_choice_of_the_reader(expression: str, text: str) -> None:
    """Rules target-job, target-instance and target-rate-interval."""
    for _, matchers in SELECTOR.findall(expression):
        assert 'job=~"$job", instance=~"$instance"' in matchers
    assert {"$__rate_interval"} >= set(re.findall(r"rate\([^[]*\[([^]]+)\]", expression))


def test_the_dashboard_can_be_provisioned_and_its_panels_do_not_overlap() -> None:
    assert "grayfail-detector" == DASHBOARD["uid"]
    assert (False, False) == (DASHBOARD["editable"], "id" in DASHBOARD)
    assert DASHBOARD["schemaVersion"] >= 39
    everything = DASHBOARD["panels"]
    assert len(everything) == len({panel["id"] for panel in everything})
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in everything)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
