"""Time ranges, periods and metric names, shared by the operations that read metrics.

Source: the model of CloudWatch's API, GetMetricData and GetMetricStatistics.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from detector.cloudwatch.metrics.ranges import RangeTooCostlyError
from detector.cloudwatch.metrics.series import FleetMetric, Metric, Series
from detector.cloudwatch.operations.contract import ApiError, MetricSource
from detector.detection.explanations import plain_name

NAMESPACE = "Detector/Fleet"
"""Namespace of the fleet metrics."""

INVALID = "InvalidParameterValue"

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_ROUNDED_BY_AGE = ((63 * _DAY_MS, 60 * _MINUTE_MS), (15 * _DAY_MS, 5 * _MINUTE_MS))
_SHORT_PERIODS = (1, 5, 10, 20, 30)
_STATISTIC = re.compile(
    r"SampleCount|Average|Sum|Minimum|Maximum|IQM|(?:p|tm|wm|tc|ts)\d{1,2}(?:\.\d{1,10})?|p100"
    r"|(?:TM|WM|PR|TC|TS)\([0-9.%]*:[0-9.%]*\)",
    re.ASCII,
)


def epoch_ms(time: datetime) -> int:
    """Return an aware time in milliseconds since the epoch."""
    return round(time.timestamp() * 1000)


def at(time_ms: int) -> datetime:
    """Return milliseconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def first_period(start_ms: int, period_ms: int, now_ms: int) -> int:
    """Return the start of the first period of a range, after CloudWatch's rounding of StartTime.

    StartTime is rounded down to the minute; if more than 15 days ago to five minutes, if more than
    63 days ago to the hour; for periods under a minute to the period. Periods are aligned to the
    epoch; the first one is the first that begins at or after the rounded time.
    """
    unit = min(period_ms, _MINUTE_MS)
    if period_ms >= _MINUTE_MS:
        for age, coarser in _ROUNDED_BY_AGE:
            if now_ms - start_ms > age:
                unit = coarser
                break
    rounded = start_ms // unit * unit
    return -(-rounded // period_ms) * period_ms


def check_range(members: Mapping[str, Any]) -> tuple[int, int]:
    """Return StartTime and EndTime in epoch milliseconds; raises ``ApiError`` for no range."""
    start, end = epoch_ms(members["StartTime"]), epoch_ms(members["EndTime"])
    if start >= end:
        message = "The parameter StartTime must be less than the parameter EndTime."
        raise ApiError(INVALID, message)
    return start, end


def check_period(period: int, pane_seconds: int, member: str) -> int:
    """Return ``period``, in seconds; raises ``ApiError`` when it is not valid."""
    if period not in _SHORT_PERIODS and period % 60:
        expected = "1, 5, 10, 20, 30 or a multiple of 60"
    elif period % pane_seconds:
        expected = f"a multiple of {pane_seconds}, the seconds of a pane"
    else:
        return period
    raise ApiError(INVALID, f"The parameter {member} is {period}, expected {expected}.")


def check_statistic(statistic: str, member: str) -> str:
    """Return ``statistic``; raises ``ApiError`` when CloudWatch has no such statistic."""
    if _STATISTIC.fullmatch(statistic):
        return statistic
    expected = "SampleCount, Average, Sum, Minimum, Maximum or an extended statistic such as p99"
    message = f"The parameter {member} is {plain_name(statistic)}, expected {expected}."
    raise ApiError(INVALID, message)


def read_series(source: MetricSource, metric: Metric, span: tuple[int, int, int]) -> Series:
    """Read a metric over ``span``: start, end and period in milliseconds.

    Other namespaces have no datapoints. Raises ``ApiError`` when the range costs too much.
    """
    if isinstance(metric, FleetMetric) and metric.namespace != NAMESPACE:
        return Series.empty()
    try:
        return source.read(metric, *span)
    except RangeTooCostlyError as error:
        message = f"The range is too costly: {error}; increase Period, or shorten the time range."
        raise ApiError(INVALID, message) from None


def fleet_metric(metric: Mapping[str, Any], statistic: str, prefix: str) -> FleetMetric:
    """Return the metric of a request; raises ``ApiError`` for a missing or repeated member."""
    for member in ("Namespace", "MetricName"):
        if not metric.get(member):
            raise ApiError("MissingParameter", f"The parameter {prefix}{member} is required.")
    dimensions = [(each["Name"], each["Value"]) for each in metric.get("Dimensions", ())]
    names = [name for name, _ in dimensions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        message = (
            f"The parameter {prefix}Dimensions holds {plain_name(twice)} twice, expected once."
        )
        raise ApiError(INVALID, message)
    return FleetMetric(
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        dimensions=tuple(sorted(dimensions)),
        statistic=statistic,
    )
