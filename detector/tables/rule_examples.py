"""Examples of a rule, in the manner of promtool: records in, the contributors they must make out.

Law: what counts in production counts here: decoder, matcher, tables and ranking are the same. All
records of one example lie in one window, whatever their times.
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
    """A contributor as the report must list it; percentiles are compared within their error."""

    keys: list[str]
    value: float


class ExpectedReport(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """What an example must give: all contributors by rank, and who was refused why, in order."""

    contributors: list[ExpectedContributor]
    sum: float | None = None
    below_minimum: int = 0
    refused: list[str] = []


class Example(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """Records (objects are written as JSON, text goes in as it is) and what they must give."""

    name: str
    records: list[Any]
    expect: ExpectedReport
    topic: str = "logs"


class Examples(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """The contents of a ``NAME_test.json``; ``faults`` is for rules that must be refused."""

    tests: list[Example] = []
    faults: list[str] = []


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How one example ended; ``differences`` is empty when it gave what it must."""

    name: str
    differences: tuple[str, ...]


def read_examples(text: str) -> Examples:
    """Read the text of a test file. Raise ``RuleError`` when it is none."""
    try:
        examples = msgspec.json.decode(text, type=Examples)
    except (msgspec.DecodeError, RecursionError) as error:
        told = str(error)
        expected = "examples: {Tests: [{Name, Records, Expect: {Contributors: [{Keys, Value}]}}]}"
        raise RuleError([Fault(0, "", f"{told[0].lower()}{told[1:]}", expected)]) from error
    if not examples.tests and not examples.faults:
        raise RuleError([Fault(0, "Tests", "nothing", "at least one example, or Faults")])
    return examples


def try_fault(examples: Examples, told: list[str]) -> ExampleResult:
    """Compare the faults of a rule that was refused with those that its examples expect."""
    expected, found = "; ".join(examples.faults) or "none", "; ".join(told) or "none"
    differences = () if expected == found else (f"faults: found {found}, expected {expected}",)
    return ExampleResult("the rule's faults", differences)


def try_example(
    example: Example, rule: ContributorRule, mapping: FieldMapping, limits: DecodeLimits
) -> ExampleResult:
    """Count the records of an example and compare."""
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
        told, must_be = _contributors(found), _contributors(wanted)
        differences.append(f"contributors: found {told}, expected {must_be}")
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
    book = RuleSet((rule,))
    decoder = Decoder(mapping, limits, book)
    tally = PartitionTally(
        example.topic,
        0,
        rules_at=lambda _: book,
        times=WindowTimes(),
        limits=TallyLimits(),
        begins_inside=False,
    )
    pane = OpenPane(0, book)
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
