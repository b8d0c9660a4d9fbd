"""Facts about laying series out over periods."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.metrics.axis import Axis
from detector.cloudwatch.metrics.series import Series

points = st.dictionaries(st.integers(-50, 250), st.floats(-9, 9), max_size=12)


def series_of(value_by_time: dict[int, float]) -> Series:
    times = sorted(value_by_time)
    return Series(
        times=np.array(times, dtype=np.int64),
        values=np.array([value_by_time[time] for time in times], dtype=np.float64),
    )


def recount(axis: Axis, value_by_time: dict[int, float]) -> list[float | None]:
    """The newest datapoint of every period, one period at a time."""
    found: list[float | None] = []
    for begin in axis.times.tolist():
        inside = [time for time in value_by_time if begin <= time < begin + axis.period_ms]
        found.append(value_by_time[max(inside)] if inside else None)
    return found


@given(st.lists(points, max_size=4), st.integers(1, 200), st.integers(1, 60))
def test_a_period_has_the_newest_datapoint_that_lies_in_it(
    many: list[dict[int, float]], end: int, period: int
) -> None:
    axis = Axis(0, end, period)
    assert list(range(0, end, period)) == axis.times.tolist()
    grids = axis.grid_all([series_of(each) for each in many])
    assert (len(many), axis.size) == grids.shape
    for value_by_time, row in zip(many, grids, strict=True):
        expected = recount(axis, value_by_time)
        assert expected == [None if np.isnan(value) else value for value in row]
        alone = axis.grid(series_of(value_by_time))
        assert np.array_equal(row, alone, equal_nan=True)


@given(points)
def test_what_is_laid_out_and_read_back_is_the_same(value_by_time: dict[int, float]) -> None:
    axis = Axis(-50, 251, 1)
    back = axis.series(axis.grid(series_of(value_by_time)))
    assert value_by_time == dict(zip(back.times.tolist(), back.values.tolist(), strict=True))
