"""Metrics of rules and fleets as series, read from the rows into numpy arrays.

Law: a period has a datapoint when something was observed in it, none of its data is known to be
missing, and it is over. Any other period has none; it is never zero. A period that begins before
the history does is incomplete and has none either.

Known limit: the history does not distinguish a pane without log events from one that was never
reported because the detector was down for longer than its inputs are retained.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.history.ranges import parameters, read_points, reading, used
from detector.cloudwatch.history.statements import FLEET_COLUMNS
from detector.cloudwatch.history.store import ReportStore
from detector.cloudwatch.metrics.fleets import FleetColumn, Statistic, fleet_parts
from detector.cloudwatch.metrics.ranges import RangeRequest
from detector.cloudwatch.metrics.series import InsightRuleMetric, Metric, RuleMetric, Series

_OF_CONTRIBUTORS: Final = {
    RuleMetric.UNIQUE_CONTRIBUTORS,
    RuleMetric.MAX_CONTRIBUTOR_VALUE,
    RuleMetric.AVERAGE,
}
_EMPTY: Final = Series(np.zeros(0, np.int64), np.zeros(0, np.float64))

Arrays = dict[str, NDArray[Any]]


class ReportMetrics:
    """A ``MetricSource`` over the history; ``through_ms`` returns how far a partition is read."""

    def __init__(self, store: ReportStore, through_ms: Callable[[int], int]) -> None:
        self._store = store
        self._through_ms = through_ms

    def complete_until_ms(self, metrics: Iterable[Metric]) -> int | None:
        """Return until when all known ``metrics`` are complete; ``None`` if none is known."""
        subjects = [self._store.subject(_name_of(metric)) for metric in metrics]
        parts = {subject.part for subject in subjects if subject is not None}
        return min(map(self._through_ms, parts), default=None)

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        """Return the datapoints of periods that begin from ``start_ms`` until ``end_ms``.

        Empty for an unknown metric. Raises ``ValueError`` when ``period_ms`` is not a positive
        multiple of a pane, and ``RangeTooCostlyError`` when the range costs too much.
        """
        pane_ms = self._store.config.pane_ms
        if period_ms <= 0 or period_ms % pane_ms:
            raise ValueError(f"period of {period_ms} ms, expected a multiple of {pane_ms} ms")
        name = _name_of(metric)
        subject = self._store.subject(name)
        if subject is None:
            return _EMPTY
        oldest = self._store.oldest_ms - pane_ms
        through = self._through_ms(subject.part)
        first = start_ms + max(0, -(-(oldest - start_ms) // period_ms)) * period_ms
        whole = (through - start_ms) // period_ms
        last = start_ms + min(-(-(end_ms - start_ms) // period_ms), whole) * period_ms
        if last <= first:
            return _EMPTY
        given = parameters(
            self._store, RangeRequest(name, first, last, period_ms, phase_ms=start_ms % period_ms)
        )
        assert given is not None  # noqa: S101 - the subject was just found
        with reading(self._store) as cursor:
            if isinstance(metric, InsightRuleMetric):
                merge = metric.metric in _OF_CONTRIBUTORS and period_ms != pane_ms
                points = read_points(cursor, given, merge=merge)
                return _known(points.times, points.metrics[metric.metric], points.complete)
            parts = fleet_parts(metric)
            column, statistic = parts[1:] if parts else (FleetColumn.HOSTS, Statistic.SUM)
            statement = FLEET_COLUMNS[column]
            found = cursor.execute(statement, used(statement, given)).fetchnumpy()
        arrays = {key: np.ma.getdata(array) for key, array in found.items()}
        return _known(arrays["period"], _statistic(arrays, statistic), arrays["complete"])


def _name_of(metric: Metric) -> str:
    """Return the subject's name; empty, which no subject has, for an unknown fleet metric."""
    if isinstance(metric, InsightRuleMetric):
        return f"rule:{metric.rule}"
    parts = fleet_parts(metric)
    return f"fleet:{parts[0]}" if parts else ""


def _statistic(arrays: Arrays, statistic: Statistic) -> NDArray[np.float64]:
    match statistic:
        case Statistic.SUM:
            return arrays["total"]
        case Statistic.SAMPLE_COUNT:
            return arrays["samples"].astype(np.float64)
        case Statistic.AVERAGE:
            return arrays["total"] / arrays["samples"]
        case Statistic.MINIMUM:
            return arrays["minimum"]
        case Statistic.MAXIMUM:
            return arrays["maximum"]


def _known(
    times: NDArray[np.int64], values: NDArray[np.float64], complete: NDArray[np.bool_]
) -> Series:
    kept = complete & np.isfinite(values)
    return Series(times[kept], values[kept])
