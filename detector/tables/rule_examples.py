"""Examples of a rule, as in promtool's tests: input records and the contributors they must give.

Law: decoder, matcher, tables and ranking are those of production. All records of one example are in
one window, whatever their times.
"""

import math
from dataclasses import dataclass
from typing import Any

import msgspec

from detector.core.errors import Fault, RuleError
from detector.logs.decode import Decoder
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match
from detector.rules.rules import ContributorRule, RuleSet
from detector.tables.contributor_window import VersionTable
from detector.tables.open_pane import OpenPane, packed_tables
from detector.tables.ranking import MAX_LISTED, report_rule
from detector.tables.reports import Report, WindowMeta
from detector.tables.tally import PartitionTally, TallyLimits
from detector.tables.windows import Window, WindowTimes

RECORD_MS = 1_700_000_000_000
"""Kafka timestamp of every record of an example, epoch milliseconds."""

_META = WindowMeta(Window(0, 60_000), complete=True, partial=False, missing_partitions=(), late=0)
_EXACT = 1e-9


class ExpectedContributor(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """A contributor as the report must list it; percentiles may differ by their relative error."""

    keys: list[str]
    value: float


class ExpectedReport(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """Expected result: all contributors by rank, and why records were refused, in order."""

    contributors: list[ExpectedContributor]
    sum: float | None = None
    below_minimum: int = 0
    refused: list[str] = []


class Example(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """Records (objects are encoded as JSON, text is used as it is) and the expected result."""

    name: str
    records: list[Any]
    expect: ExpectedReport
    topic: str = "logs"


class Examples(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """The contents of a ``NAME_test.json``; ``faults`` are those of a rule that must be refused."""

    tests: list[Example] = []
    faults: list[str] = []


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """Result of one example; ``differences`` is empty when it passed."""

    name: str
    differences: tuple[str, ...]


def read_examples(text: str) -> Examples:
    """Read the text of a test file. Raise ``RuleError`` when it is not valid."""
    try:
        examples = msgspec.json.decode(text, type=Examples)
    except (msgspec.DecodeError, RecursionError) as error:
        message = str(error)
        expected = "examples: {Tests: [{Name, Records, Expect: {Contributors: [{Keys, Value}]}}]}"
        raise RuleError([Fault(0, "", f"{message[0].lower()}{message[1:]}", expected)]) from error
    if not examples.tests and not examples.faults:
        raise RuleError([Fault(0, "Tests", "nothing", "at least one example, or Faults")])
    return examples


def try_fault(examples: Examples, faults: list[str]) -> ExampleResult:
    """Compare the faults of a refused rule with those that its examples expect."""
    expected, found = "; ".join(examples.faults) or "none", "; ".join(faults) or "none"
    differences = () if expected == found else (f"faults: found {found}, expected {expected}",)
    return ExampleResult("the rule's faults", differences)


def try_example(
    example: Example, rule: ContributorRule, mapping: FieldMapping, limits: DecodeLimits
) -> ExampleResult:
    """Count the records of an example and compare the report with the expected one."""
    refused, report = _count(example, rule, mapping, limits)
    expect = example.expect
    differences = []
    if refused != expect.refused:
        differences.append(f"refused: found {_listed(refused)}, expected {_listed(expect.refused)}")
    error = report.measure.relative_error if report.measure else 0.0
    found = [(list(each.keys), each.value) for each in report.contributors]
    wanted = [(each.keys, each.value) for each in expect.contributors]
    if len(found) != len(wanted) or not all(
        keys == listed and math.isclose(value, must, rel_tol=max(error, _EXACT))
        for (keys, value), (listed, must) in zip(found, wanted, strict=True)
    ):
        listed, expected = _contributors(found), _contributors(wanted)
        differences.append(f"contributors: found {listed}, expected {expected}")
    if expect.sum is not None and not math.isclose(
        report.sum, expect.sum, rel_tol=max(error, _EXACT)
    ):
        differences.append(f"sum: found {report.sum:g}, expected {expect.sum:g}")
    below = report.measure.below_minimum if report.measure else 0
    if below != expect.below_minimum:
        differences.append(f"below the minimum: found {below}, expected {expect.below_minimum}")
    return ExampleResult(example.name, tuple(differences))


def _count(
    example: Example, rule: ContributorRule, mapping: FieldMapping, limits: DecodeLimits
) -> tuple[list[str], Report]:
    rule_set = RuleSet((rule,))
    decoder = Decoder(mapping, limits, rule_set)
    tally = PartitionTally(
        example.topic,
        0,
        rules_at=lambda _: rule_set,
        times=WindowTimes(),
        limits=TallyLimits(),
        begins_inside=False,
    )
    pane = OpenPane(0, rule_set)
    refused = []
    for record in example.records:
        raw = record.encode() if isinstance(record, str) else msgspec.json.encode(record)
        decoded = decoder.decode(raw, topic=example.topic, record_ms=RECORD_MS)
        if decoded.unreadable is not None:
            refused.append(decoded.unreadable.reason.value)
        for event in decoded.events:
            added = match(event, rule, key_characters=limits.key_characters)
            if added is not None:
                tally.add_contributions(pane, [(0, added)])
    table = VersionTable(rule.name, rule.version, 1, MAX_LISTED)
    for packed in packed_tables(pane)[1]:
        table.stage(0, (example.topic, 0, 0), packed)
    table.close(0)
    return refused, report_rule(table.window(_META, rule.key_labels), MAX_LISTED)


def _listed(reasons: list[str]) -> str:
    return ", ".join(reasons) or "none"


def _contributors(found: list[tuple[list[str], float]]) -> str:
    return "; ".join(f"[{', '.join(keys)}] {value:g}" for keys, value in found) or "none"
