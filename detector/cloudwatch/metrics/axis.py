"""The periods of an evaluation, and series as arrays over them.

Law: inside an evaluation a series is an array with one number per period of the axis, ``nan`` where
it has no datapoint, and a scalar is an array of one number, ``nan`` where it has no value. Both may
have further leading axes, for the same expression over many metrics at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.series import Series

Values = NDArray[np.float64]


class Lane(NamedTuple):
    """One series of an array of series; ``label`` is empty when it has none."""

    label: str
    values: Values


Lanes = tuple[Lane, ...]
Value = Values | Lanes


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Periods of ``period_ms`` that begin in ``[start_ms, end_ms)``, the first at ``start_ms``."""

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
        """The number of periods."""
        return len(self.times)

    def empty(self) -> Values:
        """Return a series without datapoints."""
        return np.full(self.size, np.nan)

    def grid(self, series: Series) -> Values:
        """Return a series as an array; of several datapoints in one period the newest wins."""
        values = self.empty()
        indices = (series.times - self.start_ms) // self.period_ms
        inside = (indices >= 0) & (indices < self.size)
        values[indices[inside]] = series.values[inside]
        return values

    def grid_all(self, many: Sequence[Series]) -> Values:
        """Return many series as an array, one per row."""
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
        """Return the datapoints of an array over this axis."""
        there = ~np.isnan(values)
        return Series(times=self.times[there], values=values[there])
