"""Readers of what a metric alarm watches: one metric by name, or ``Metrics`` with expressions."""

import re
from collections.abc import Mapping
from typing import Any, Final

from detector.cloudwatch.alarms.alarm_model import ExpressionWatch, MetricWatch
from detector.cloudwatch.alarms.validation import ValidationErrors, shown
from detector.cloudwatch.metrics.errors import MetricMathError
from detector.cloudwatch.metrics.plan import ValueKind
from detector.cloudwatch.metrics.program import Program, compile_queries
from detector.cloudwatch.metrics.queries import Query
from detector.cloudwatch.metrics.series import FleetMetric

STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
ENTRIES: Final = 20
ENTRIES_PER_KIND: Final = 10
EXPRESSION_CHARACTERS: Final = 2_048
DIMENSIONS: Final = 30
_ID: Final = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_NUMBER: Final = r"\d{1,3}(?:\.\d{1,10})?"
_PERCENTILE: Final = re.compile(rf"p({_NUMBER})")
_EXTENDED: Final = re.compile(
    rf"(?:p|tm|tc|ts|wm){_NUMBER}|IQM|(?:PR|TM|TC|TS|WM)\([^()]{{1,60}}\)"
)


def read_metric(errors: ValidationErrors) -> MetricWatch:
    """Read ``MetricName``, ``Namespace``, ``Dimensions`` and the statistic."""
    name = errors.text("MetricName", low=1, high=255)
    namespace = errors.text("Namespace", low=1, high=255, required=True)
    if namespace.startswith(":"):
        errors.add(f"Namespace is {shown(namespace)}, expected no colon at its beginning")
    dimensions = read_dimensions(errors)
    statistic, low_samples = _read_statistic(errors)
    metric = FleetMetric(namespace, name, dimensions, statistic)
    if not low_samples:
        return MetricWatch(metric)
    return MetricWatch(metric, FleetMetric(namespace, name, dimensions, "SampleCount"), low_samples)


def read_dimensions(errors: ValidationErrors) -> tuple[tuple[str, str], ...]:
    """Read ``Dimensions``, sorted by name, each name once."""
    found: dict[str, str] = {}
    for index, item in enumerate(errors.items("Dimensions", high=DIMENSIONS)):
        entry: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        where = f"Dimensions[{index}]"
        name = errors.checked_text(entry.get("Name"), f"{where}.Name", low=1, high=255)
        value = errors.checked_text(entry.get("Value"), f"{where}.Value", low=1, high=1024)
        if name in found:
            errors.add(f"{where}.Name {shown(name)} stands there twice, expected every name once")
        found[name] = value
    return tuple(sorted(found.items()))


def low_sample_bound(percentile: float) -> float:
    """Return how many samples a percentile needs: 10 / (1 - p) from the median up, else 10 / p.

    Source: CloudWatch User Guide, "Percentile-based alarms and low data samples".
    """
    p = percentile / 100
    rest = 1 - p if p >= 0.5 else p  # noqa: PLR2004 - the median
    return 10 / rest if rest > 0 else float("inf")


def _read_statistic(errors: ValidationErrors) -> tuple[str, float]:
    plain, extended = errors.has("Statistic"), errors.has("ExtendedStatistic")
    if plain == extended:
        found = "both" if plain else "neither"
        errors.add(f"found {found}, expected Statistic or ExtendedStatistic")
    if not extended:
        errors.refuse_members(("EvaluateLowSampleCountPercentile",), "without ExtendedStatistic")
        return errors.choice("Statistic", STATISTICS, default=STATISTICS[0]), 0.0
    statistic = errors.text("ExtendedStatistic", low=1, high=100)
    if not _EXTENDED.fullmatch(statistic):
        errors.add(
            f"ExtendedStatistic is {shown(statistic)}, expected one such as p99, tm90 or PR(0:300)"
        )
    mode = errors.choice(
        "EvaluateLowSampleCountPercentile", ("evaluate", "ignore"), default="evaluate"
    )
    percentile = _PERCENTILE.fullmatch(statistic)
    if mode == "evaluate" or percentile is None:
        return statistic, 0.0
    return statistic, low_sample_bound(float(percentile[1]))


def read_entries(errors: ValidationErrors) -> tuple[ExpressionWatch, int]:
    """Read ``Metrics``; return what is watched and the period, in seconds, that all share."""
    entries = [
        entry if isinstance(entry, Mapping) else {}
        for entry in errors.items("Metrics", high=ENTRIES)
    ]
    periods: set[int] = set()
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        where = f"Metrics[{index}]"
        name = str(entry.get("Id", ""))
        if not _ID.fullmatch(name):
            errors.add(
                f"{where}.Id is {shown(name)}, expected letters, digits and underscores "
                "after a small letter"
            )
        if name in seen:
            errors.add(f"{where}.Id {shown(name)} stands there twice, expected every Id once")
        seen.add(name)
        periods |= _read_entry(errors, where, entry)
    _check_counts(errors, entries)
    if len(periods) != 1:
        found = ", ".join(map(str, sorted(periods))) or "none"
        errors.add(f"Metrics have the Periods {found}, expected one that all share")
    returned = _returned(errors, entries)
    return _compiled(errors, entries, returned), min(periods, default=60)


def _compiled(
    errors: ValidationErrors, entries: list[Mapping[str, Any]], returned: str
) -> ExpressionWatch:
    program = Program((), (), {}, {}, 0)
    if errors.messages:
        return ExpressionWatch(program, returned)
    try:
        program = compile_queries([_member(entry, returned) for entry in entries])
        if program.result_by_id[returned].kind is not ValueKind.SERIES:
            errors.add(f"{returned} gives several series, expected one that an alarm can watch")
    except MetricMathError as error:
        errors.add(f"Metrics: {error}")
    return ExpressionWatch(program, returned)


def _member(entry: Mapping[str, Any], returned: str) -> Query:
    stat = entry.get("MetricStat")
    if stat is None:
        return Query(
            entry["Id"],
            expression=entry["Expression"],
            period_seconds=entry.get("Period"),
            return_data=entry["Id"] == returned,
        )
    metric = stat.get("Metric") or {}
    dimensions = [(each["Name"], each["Value"]) for each in metric.get("Dimensions") or ()]
    fleet = FleetMetric(
        str(metric.get("Namespace", "")),
        str(metric.get("MetricName", "")),
        tuple(sorted(dimensions)),
        str(stat.get("Stat", "")),
    )
    return Query(
        entry["Id"],
        metric=fleet,
        period_seconds=stat.get("Period"),
        return_data=entry["Id"] == returned,
    )


def _read_entry(errors: ValidationErrors, where: str, entry: Mapping[str, Any]) -> set[int]:
    stat, expression = entry.get("MetricStat"), entry.get("Expression")
    if (stat is None) == (expression is None):
        found = "neither" if stat is None else "both"
        errors.add(f"{where} has {found}, expected MetricStat or Expression")
    if entry.get("AccountId") is not None:
        errors.add(f"{where} has AccountId, expected none: there is one account")
    if expression is not None:
        errors.checked_text(expression, f"{where}.Expression", low=1, high=EXPRESSION_CHARACTERS)
    if stat is not None and entry.get("Period") is not None:
        errors.add(f"{where} has Period beside MetricStat, expected it in MetricStat alone")
    period = stat.get("Period") if isinstance(stat, Mapping) else entry.get("Period")
    return {period} if isinstance(period, int) else set()


def _check_counts(errors: ValidationErrors, entries: list[Mapping[str, Any]]) -> None:
    for member in ("MetricStat", "Expression"):
        count = sum(member in entry for entry in entries)
        if count > ENTRIES_PER_KIND:
            errors.add(
                f"Metrics have {count} items with {member}, expected at most {ENTRIES_PER_KIND}"
            )


def _returned(errors: ValidationErrors, entries: list[Mapping[str, Any]]) -> str:
    returned = [str(entry.get("Id")) for entry in entries if entry.get("ReturnData", True)]
    if len(returned) != 1:
        errors.add(
            f"ReturnData is true for {', '.join(returned) or 'no item'}, "
            "expected true for exactly one item of Metrics and false for the others"
        )
    return returned[0] if returned else ""
