"""The newest datapoints of all metrics in memory, so ten thousand alarms need no database.

Law: an answer from memory equals the answer of the history; a range that memory does not hold in
full is read from the history. Memory holds the values of every window and of every pane of the last
``kept_ms``, which alarms with the period of a window or a pane read.

Known limit: a report that arrives after its window was closed is in the history and not here.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.axis import Axis
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.cloudwatch.metrics.series import Metric, Series
from detector.cloudwatch.operations.contract import MetricSource

KEPT_MS: Final = 900_000
MAX_METRICS: Final = 20_000
_FIRST_ROWS: Final = 64

Values = NDArray[np.float64]


class RowSource(MetricSource, Protocol):
    """A source that can read many metrics at once."""

    def rows(
        self, metrics: Sequence[Metric | None], start_ms: int, end_ms: int, period_ms: int
    ) -> Values:
        """Return what ``read`` returns, a row per metric, a column per period; ``nan`` is missing.

        The row of a metric that is ``None`` is all missing.
        """
        ...


def rows_by_reading(
    source: MetricSource,
    metrics: Sequence[Metric | None],
    start_ms: int,
    end_ms: int,
    period_ms: int,
) -> Values:
    """Read one metric after the other, each once."""
    axis = Axis(start_ms, end_ms, period_ms)
    read = {
        metric: source.read(metric, start_ms, end_ms, period_ms)
        for metric in dict.fromkeys(metrics)
        if metric is not None
    }
    return axis.grid_all([Series.empty() if each is None else read[each] for each in metrics])


class _Part:
    """One partition of the reports: the ends of its closed windows by slot, and its rows."""

    def __init__(self, slots: int) -> None:
        self.ends = np.zeros(slots, np.int64)
        self.first_ms = 0
        self.newest_ms = 0
        self.rows: list[int] = []


class RecentMetrics:
    """A ``MetricSource`` over ``history`` that answers from memory what it holds.

    ``pane_ms`` and ``window_ms`` are those of the reports; at most ``max_metrics`` are held.
    """

    def __init__(
        self,
        history: MetricSource,
        *,
        pane_ms: int,
        window_ms: int,
        kept_ms: int = KEPT_MS,
        max_metrics: int = MAX_METRICS,
    ) -> None:
        self._history = history
        self._pane_ms = pane_ms
        self._slots = max(1, kept_ms // pane_ms)
        self._max_metrics = max_metrics
        self._parts: dict[int, _Part] = {}
        self._place_by_metric: dict[Metric, tuple[int, _Part]] = {}
        self._values = {
            period: np.full((_FIRST_ROWS, self._slots), np.nan) for period in (pane_ms, window_ms)
        }
        self._window_ms = window_ms

    def add(self, window: ClosedWindow) -> None:
        """Hold the values of a closed window; windows of a partition arrive in order."""
        part = self._parts.get(window.partition)
        if part is None:
            part = self._parts[window.partition] = _Part(self._slots)
        if window.end_ms <= part.newest_ms:
            return
        slot = window.end_ms // self._pane_ms % self._slots
        # What was before the first window since the start is unknown.
        part.first_ms = part.first_ms or window.end_ms
        part.newest_ms = window.end_ms
        part.ends[slot] = window.end_ms
        for period_ms, found in ((self._pane_ms, window.pane), (self._window_ms, window.window)):
            rows = [self._row(metric, part) for metric in found]
            values = self._values[period_ms]
            values[part.rows, slot] = np.nan
            for row, value in zip(rows, found.values(), strict=True):
                if row is not None:
                    values[row, slot] = value

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        """Return the datapoints of periods that begin at ``start_ms`` and on, before ``end_ms``."""
        place, values = self._place_by_metric.get(metric), self._values.get(period_ms)
        if place is None or values is None or start_ms % self._pane_ms:
            return self._history.read(metric, start_ms, end_ms, period_ms)
        row, part = place
        if start_ms + period_ms < self._oldest_ms(part):
            return self._history.read(metric, start_ms, end_ms, period_ms)
        starts = np.arange(start_ms, end_ms, period_ms, dtype=np.int64)
        ends = starts + period_ms
        slots = ends // self._pane_ms % self._slots
        found = values[row, slots]
        there = (part.ends[slots] == ends) & ~np.isnan(found)
        return Series(starts[there], found[there])

    def rows(
        self, metrics: Sequence[Metric | None], start_ms: int, end_ms: int, period_ms: int
    ) -> Values:
        """Return many series at once; series that are not held in full are read one by one."""
        values = self._values.get(period_ms)
        if values is None or start_ms % self._pane_ms:
            return rows_by_reading(self, metrics, start_ms, end_ms, period_ms)
        ends = np.arange(start_ms, end_ms, period_ms, dtype=np.int64) + period_ms
        slots = ends // self._pane_ms % self._slots
        found = np.full((len(metrics), len(ends)), np.nan)
        held: dict[int, tuple[list[int], list[int]]] = {}
        others = []
        whole = {
            id(part): start_ms + period_ms >= self._oldest_ms(part) for part in self._parts.values()
        }
        for number, metric in enumerate(metrics):
            place = None if metric is None else self._place_by_metric.get(metric)
            if place is not None and whole[id(place[1])]:
                numbers, rows = held.setdefault(id(place[1]), ([], []))
                numbers.append(number)
                rows.append(place[0])
            elif metric is not None:
                others.append(number)
        for part in self._parts.values():
            numbers, rows = held.get(id(part), ([], []))
            closed = np.where(part.ends[slots] == ends, 0.0, np.nan)
            found[numbers] = values[np.ix_(np.array(rows, np.int64), slots)] + closed
        if others:
            wanted = [metrics[number] for number in others]
            found[others] = rows_by_reading(self, wanted, start_ms, end_ms, period_ms)
        return found

    def _oldest_ms(self, part: _Part) -> int:
        """Return the end of the oldest period since which all periods are held."""
        return max(part.first_ms, part.newest_ms - (self._slots - 1) * self._pane_ms)

    def _row(self, metric: Metric, part: _Part) -> int | None:
        place = self._place_by_metric.get(metric)
        if place is not None:
            return place[0]
        row = len(self._place_by_metric)
        if row >= self._max_metrics:
            return None
        if row >= len(self._values[self._pane_ms]):
            for period_ms, values in self._values.items():
                more = np.full_like(values, np.nan)
                self._values[period_ms] = np.concatenate([values, more])
        self._place_by_metric[metric] = (row, part)
        part.rows.append(row)
        return row
