"""The periods that an evaluation covers, and series laid out over them.

Law: inside an evaluation a series is one number per period of the axis, ``nan`` where it has no
datapoint, and a scalar is an array of one number, ``nan`` where it has no value. Both may have
further axes in front: the same expression over many metrics at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.series import Series

Values = NDArray[np.float64]


class Lane(NamedTuple):
    """One series of an array of series; ``label`` is empty where it has none of its own."""

    label: str
    values: Values


Lanes = tuple[Lane, ...]
Value = Values | Lanes


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Periods of ``period_ms`` that begin at ``start_ms`` and before ``end_ms``."""

    start_ms: int
    end_ms: int
    period_ms: int
    times: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        if self.period_ms <= 0:
            raise ValueError(f"period of {self.period_ms} ms, expected more than 0")
        times = np.arange(self.start_ms, self.end_ms, self.period_ms, dtype=np.int64)
        object.__setattr__(self, "times", times)

    @property
    def size(self) -> int:
        """How many periods there are."""
        return len(self.times)

    def empty(self) -> Values:
        """Return a series without datapoints."""
        return np.full(self.size, np.nan)

    def grid(self, series: Series) -> Values:
        """Lay a series out; a datapoint belongs to the period that it lies in, the newest wins."""
        values = self.empty()
        indices = (series.times - self.start_ms) // self.period_ms
        inside = (indices >= 0) & (indices < self.size)
        values[indices[inside]] = series.values[inside]
        return values

    def grid_all(self, many: Sequence[Series]) -> Values:
        """Lay many series out, one a row."""
        values = np.full((len(many), self.size), np.nan)
        if not many or not self.size:
            return values
        rows = np.repeat(np.arange(len(many)), [series.times.size for series in many])
        times = np.concatenate([series.times for series in many])
        indices = (times - self.start_ms) // self.period_ms
        found = np.concatenate([series.values for series in many])
        inside = (indices >= 0) & (indices < self.size)
        if not inside.all():
            rows, indices, found = rows[inside], indices[inside], found[inside]
        values[rows, indices] = found
        return values

    def series(self, values: Values) -> Series:
        """Return the datapoints of a laid out series."""
        there = ~np.isnan(values)
        return Series(times=self.times[there], values=values[there])
