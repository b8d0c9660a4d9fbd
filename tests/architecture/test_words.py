"""One word per thing, nothing left for later, no trace of a machine, every reason explained.

The reference page explains the closed lists of ``detector/core/vocabulary.py``, value by value.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from prometheus_client import Metric

from detector.actuation.admission import AdmissionRefusal
from detector.bootstrap.metric_alarm_metrics import MetricAlarmMetrics
from detector.cloudwatch.api import ApiMetrics
from detector.cloudwatch.api.messages import ApiOutcome
from detector.core.vocabulary import (
    AlarmState,
    Culprit,
    DeadLetterReason,
    HistoryTrouble,
    Loss,
    OutcomeState,
    Refusal,
    ReportResult,
    RuleRejection,
    Switch,
)
from detector.detection.detectors.fleet_guard import MISSING, RATE, SUSPECTS, ZONES
from detector.detection.detectors.roster import detector_names
from detector.detection.zone_test import ZoneGate
from detector.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "deploy" / "docs" / "reference.md").read_text()
VAGUE = {"manager", "helper", "util", "utils", "handler", "misc", "impl", "common_utils"}
OTHERS_WORDS = {"offender", "incident", "quota", "throttle", "failover", "chaos", "region", "query"}
"""Words that our glossary replaces: contributor, alarm, budget, shift, drill, zone, rule."""
PRIVATE_WORDS = set(
    "told heard hear hearing standing standings ruling rulings bench situation census objection "
    "objections complaint complaints fate fates lesson lessons taught favour exotic incarnation "
    "bury scene scenes vote votes joint judge judged judgement book books patience layout layouts "
    "dominance remembering anew".split()
)
"""Words of a court, a library, a theatre or a school that a stranger would have to learn."""
PUBLIC_NAMES = {"patience_seconds", "max_standing", "max_rulings", "rulings", "rulings_by_refusal"}
"""Settings and members of public records keep the names that users depend on."""
WIRE_NAMES = {"standing", "incarnation"}
"""Members of stored records that keep their first names; only a literal of its own may hold one."""
PRIVATE_PROSE = re.compile(
    r"\b(told|anew|whoever|heard back|comes? again|standings?|rulings?|bench of|book of|no room)\b",
    re.IGNORECASE,
)
PAGES = ("README.md", "detector/README.md", "deploy/")
VAGUE_METHODS = {"take", "see", "tell", "hear"}
CLOUDWATCHS_WORDS = {"query", "queries", "region", "handler", "handlers"}
"""What CloudWatch's API calls a metric or an expression of a request, and what is signed for: its
words, where we speak it. What answers an operation is its handler."""
SPEAK_CLOUDWATCH = (
    *("detector/cloudwatch/metrics/", "detector/cloudwatch/operations/"),
    *("detector/cloudwatch/api/", "detector/settings/serving.py"),
)
BANNED = {word + ending for word in VAGUE | OTHERS_WORDS for ending in ("", "s")} | {"queries"}

# Spelt in two halves, so that this file does not contain what it looks for.
LEFT_FOR_LATER = re.compile("|".join(("TO" + "DO", "FIX" + "ME", r"\bXX" + r"X\b")))
NOT_WRITTEN = "NotImplemented" + "Error"
MACHINE_PATH = re.compile(
    "/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers")) + ")/"
)
TEMPORARY_PATH = re.compile("/" + r"tmp/\w")
LISTS: dict[str, type[StrEnum]] = {
    "Dead-letter reasons": DeadLetterReason,
    "Lost events": Loss,
    "Alarm states": AlarmState,
    "Refusals": Refusal,
    "Action outcomes": OutcomeState,
    "Executor refusals": AdmissionRefusal,
    "Rule change rejections": RuleRejection,
    "History results": ReportResult,
    "History troubles": HistoryTrouble,
    "Detector switches": Switch,
    "Diagnoses": Culprit,
    "Zone gates": ZoneGate,
    "API request outcomes": ApiOutcome,
}


def tracked() -> dict[str, str]:
    """Text of every file of the project by its path; foreign schemas and locks left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is on PATH wherever this is a clone
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    names = [name.decode() for name in listed.split(b"\0") if name]
    return {
        name: (ROOT / name).read_text(errors="replace")
        for name in names
        if (ROOT / name).is_file() and not re.search(r"\.lock$|compose_schema\.", name)
    }


FILES = tracked()
CODE = {name: text for name, text in FILES.items() if name.endswith(".py")}
PRODUCT = sorted(name for name in CODE if name.startswith("detector/"))


def names_given(name: str) -> Iterator[str]:
    """Every name that a file gives to something of its own."""
    for node in ast.walk(ast.parse(CODE[name])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
    yield from Path(name).with_suffix("").parts


def words(name: str) -> set[str]:
    """Split a name in snake or camel case into its words, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def families() -> list[Metric]:
    """Metrics of a fresh exporter that are our own."""
    metrics = Metrics(topics=["detector.logs"], build={"version": "1"}, config_hash="0")
    ApiMetrics(metrics.registry, ["DescribeAlarms"])
    MetricAlarmMetrics(metrics.registry)
    found = metrics.registry.collect()
    return [family for family in found if family.name.startswith("detector")]


def exposed_name(family: Metric) -> str:
    """Spell a family's name as queries do."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def table(heading: str) -> dict[str, str]:
    """Rows of the reference page's table under a heading: its first cell and its last."""
    pattern = rf"^##+ {heading}\n(.*?)(?=^##|\Z)"
    [section] = re.findall(pattern, REFERENCE, re.MULTILINE | re.DOTALL)
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first.strip("`"): last for first, *_, last in cells}


@pytest.mark.parametrize("name", PRODUCT)
def test_no_name_is_a_private_word(name: str) -> None:
    found = {each for each in names_given(name) if words(each) & PRIVATE_WORDS} - PUBLIC_NAMES
    assert set() == found


def prose(name: str) -> str:
    """Return the docstrings and comments of a Python file, or the text of a page, without code."""
    text = FILES[name]
    if name.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        kinds = {tokenize.COMMENT, tokenize.STRING}
        strings = (token.string for token in tokens if token.type in kinds)
        text = "\n".join(each for each in strings if each.strip('"') not in WIRE_NAMES)
    return re.sub(r"```.*?```|``[^`]*``|`[^`\n]*`", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    "name", [*PRODUCT, *(each for each in FILES if each.endswith(".md") and each.startswith(PAGES))]
)
def test_prose_is_plain(name: str) -> None:
    assert [] == PRIVATE_PROSE.findall(prose(name))


def test_every_class_has_a_name_of_its_own_and_every_method_says_what_it_does() -> None:
    classes: Counter[str] = Counter()
    vague = set()
    for name in PRODUCT:
        for node in ast.walk(ast.parse(CODE[name])):
            if isinstance(node, ast.ClassDef):
                classes[node.name] += 1
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                vague |= {(name, node.name)} if node.name in VAGUE_METHODS else set()
    assert [] == [each for each, count in classes.items() if count > 1]
    assert set() == vague


@pytest.mark.parametrize("name", PRODUCT)
def test_a_name_says_what_it_names_in_our_words(name: str) -> None:
    banned = BANNED - CLOUDWATCHS_WORDS if name.startswith(SPEAK_CLOUDWATCH) else BANNED
    vague = {each for each in names_given(name) if words(each) & banned}
    assert set() == vague


def test_nothing_is_left_for_later() -> None:
    marked = {name for name, text in FILES.items() if LEFT_FOR_LATER.search(text)}
    assert set() == marked
    assert set() == {name for name, text in CODE.items() if NOT_WRITTEN in text}


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """A part that the machine lacks is the one reason, and ``neighbours`` alone knows it."""
    skipping = re.compile(r"pytest\.(?:skip|xfail|importorskip)\b|mark\.(?:skip|xfail)")
    found = {name for name, text in CODE.items() if skipping.search(text)}
    assert {"tests/support/neighbours.py"} >= found - {"tests/architecture/test_words.py"}


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    assert set() == {name for name, text in FILES.items() if MACHINE_PATH.search(text)}
    code = {name: text for name, text in FILES.items() if not name.startswith("tests/")}
    assert set() == {name for name, text in code.items() if TEMPORARY_PATH.search(text)}


def test_metrics_are_named_in_one_manner_and_end_with_their_unit() -> None:
    for family in families():
        assert re.fullmatch(r"detector_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert family.type != "histogram" or family.name.endswith("_seconds")
        assert family.type != "gauge" or not family.name.endswith("_total")


def test_no_metric_has_a_label_that_grows_with_the_fleet() -> None:
    labels = {label for each in families() for sample in each.samples for label in sample.labels}
    assert set() == labels & {"host", "zone", "contributor", "key", "caller", "id", "target"}


def test_the_runbook_explains_every_metric() -> None:
    assert {exposed_name(each) for each in families()} == set(table("Metrics"))


def test_the_runbook_explains_every_detector_and_every_reason_of_the_guard() -> None:
    assert list(detector_names()) == list(table("Detectors"))
    reasons = table("Fleet guard reasons")
    assert [RATE, SUSPECTS, ZONES, MISSING] == list(reasons)


@pytest.mark.parametrize("heading", LISTS)
def test_the_runbook_explains_every_value_of_a_closed_list(heading: str) -> None:
    rows = table(heading)
    assert [each.value for each in LISTS[heading]] == list(rows)
    assert all(rows.values())
