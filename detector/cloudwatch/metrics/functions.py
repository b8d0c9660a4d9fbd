"""The functions of metric math over arrays of values.

Source of every rule, unless it says "ours": Amazon CloudWatch User Guide, "Using metric math",
table of functions. All functions take arrays over an axis (``axis.py``) and never change them.

- Over an array of series: one datapoint in every period in which any series has one. ``AVG`` counts
  a missing datapoint as 0, and so in effect does ``SUM``; ``MIN``, ``MAX``, ``STDDEV`` and
  ``DATAPOINT_COUNT`` ignore missing datapoints.
- Over one series: a scalar. ``AVG`` divides by the number of periods of the range, because "missing
  values are treated as 0"; ``SUM(m1) / DATAPOINT_COUNT(m1)`` is the guide's average of a sparse
  metric. For an empty series ``SUM``, ``AVG`` and ``DATAPOINT_COUNT`` are 0, and the others have no
  value (ours).
- ``STDDEV`` is the population standard deviation (ours: the guide does not say).
- ``RATE``, ``DIFF`` and ``DIFF_TIME`` use the previous datapoint, however old; the first datapoint
  of a range has no previous one and is dropped.
- ``FILL`` with ``REPEAT`` repeats the newest datapoint before the gap, and with ``LINEAR`` it
  interpolates between both ends; a gap without the end that is needed stays a gap.
"""

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.metrics.axis import Axis, Lanes, Values
from detector.cloudwatch.metrics.missing import only_finite

_MS_PER_SECOND = 1_000
_MS_PER_MINUTE = 60_000
_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 86_400_000
_DAYS_FROM_MONDAY = 3
"""1970-01-01 was a Thursday."""


def stacked(axis: Axis, lanes: Lanes) -> Values:
    """Stack the series of an array on a new first axis."""
    if not lanes:
        return np.full((0, axis.size), np.nan)
    return np.stack(np.broadcast_arrays(*(lane.values for lane in lanes)))


def across(statistic: str, axis: Axis, lanes: Lanes) -> Values:
    """Return a statistic over the series of an array, period by period, as one series."""
    rows = stacked(axis, lanes)
    missing = np.isnan(rows)
    result = _reduced(statistic, rows, missing, 0)[0]
    return np.where(missing.all(axis=0), np.nan, only_finite(result))


def along(statistic: str, values: Values) -> Values:
    """Return a statistic over the datapoints of one series, as a scalar."""
    return only_finite(_reduced(statistic, values, np.isnan(values), -1))


def _reduced(statistic: str, values: Values, missing: NDArray[np.bool_], over: int) -> Values:
    """Reduce one axis to length 1."""
    if statistic in {"MIN", "MAX"}:
        beyond = np.inf if statistic == "MIN" else -np.inf
        extreme = np.minimum if statistic == "MIN" else np.maximum
        there = np.where(missing, beyond, values)
        found: Values = extreme.reduce(there, axis=over, keepdims=True, initial=beyond)
        return found
    if statistic == "DATAPOINT_COUNT":
        return np.asarray((~missing).sum(axis=over, keepdims=True), dtype=np.float64)
    total: Values = np.where(missing, 0.0, values).sum(axis=over, keepdims=True)
    if statistic == "SUM":
        return total
    if statistic == "AVG":
        return np.divide(total, max(1, values.shape[over]))
    return _deviation(values, missing, total, over)


def _deviation(values: Values, missing: NDArray[np.bool_], total: Values, over: int) -> Values:
    count = (~missing).sum(axis=over, keepdims=True)
    apart = np.where(missing, 0.0, values - total / count)
    deviation: Values = np.sqrt((apart * apart).sum(axis=over, keepdims=True) / count)
    return deviation


def pointwise(name: str, values: Values) -> Values:
    """Apply ``ABS CEIL FLOOR LOG LOG10`` to each datapoint; logarithms of 0 or less are dropped."""
    functions = {
        "ABS": np.abs, "CEIL": np.ceil, "FLOOR": np.floor, "LOG": np.log, "LOG10": np.log10,
    }  # fmt: skip
    return only_finite(functions[name](values))


def running_sum(values: Values) -> Values:
    """Return the cumulative sum, at every datapoint."""
    missing = np.isnan(values)
    sums = np.where(missing, 0.0, values).cumsum(axis=-1)
    return np.where(missing | ~np.isfinite(sums), np.nan, sums)


def _indices_before(values: Values) -> NDArray[np.intp]:
    """Return, for every period, the index of the newest datapoint before it, or -1."""
    size = values.shape[-1]
    indices = np.where(np.isnan(values), -1, np.arange(size))
    newest = np.maximum.accumulate(indices, axis=-1)
    first = np.full((*newest.shape[:-1], 1), -1)
    return np.concatenate([first, newest], axis=-1)[..., :-1]


def change(name: str, axis: Axis, values: Values) -> Values:
    """Apply ``DIFF DIFF_TIME RATE`` between every datapoint and the one before it."""
    before = _indices_before(values)
    none = (before < 0) | np.isnan(values)
    seconds = (np.arange(axis.size) - before) * (axis.period_ms / _MS_PER_SECOND)
    if name == "DIFF_TIME":
        return np.where(none, np.nan, seconds)
    risen = values - np.take_along_axis(values, before.clip(0), axis=-1)
    return only_finite(np.where(none, np.nan, risen if name == "DIFF" else risen / seconds))


def fill(values: Values, filler: Values) -> Values:
    """Fill gaps with a scalar, or with another series where that has a datapoint."""
    return np.where(np.isnan(values), filler, values)


def fill_repeat(values: Values) -> Values:
    """Fill gaps with the newest datapoint before them."""
    before = _indices_before(values)
    filler = np.take_along_axis(values, before.clip(0), axis=-1)
    return np.where(np.isnan(values) & (before >= 0), filler, values)


def fill_linear(values: Values) -> Values:
    """Fill gaps with the line between the datapoints at both ends."""
    size = values.shape[-1]
    indices = np.arange(size)
    before = _indices_before(values)
    after = size - 1 - _indices_before(values[..., ::-1])[..., ::-1]
    gap = np.isnan(values) & (before >= 0) & (after < size)
    before, after = before.clip(0), after.clip(None, size - 1)
    low = np.take_along_axis(values, before, axis=-1)
    high = np.take_along_axis(values, after, axis=-1)
    share = (indices - before) / np.maximum(after - before, 1)
    return np.where(gap, only_finite(low + (high - low) * share), values)


def choose(condition: Values, then: Values, otherwise: Values, *, zero_where_true: bool) -> Values:
    """Apply ``IF``: no datapoint where the condition has no value.

    ``zero_where_true``: a missing datapoint of ``then`` counts as 0, as the guide requires where
    both the condition and ``then`` are series.
    """
    if zero_where_true:
        then = np.where(np.isnan(then), 0.0, then)
    chosen = np.where(condition != 0, then, otherwise)
    return np.where(np.isnan(condition), np.nan, chosen)


def calendar(name: str, axis: Axis) -> Values:
    """Return a calendar field of every period, in UTC; ``DAY`` is 1 on Monday and 7 on Sunday."""
    times = axis.times
    if name == "EPOCH":
        return np.asarray(times / _MS_PER_SECOND, dtype=np.float64)
    if name == "MINUTE":
        return (times // _MS_PER_MINUTE % 60).astype(np.float64)
    if name == "HOUR":
        return (times // _MS_PER_HOUR % 24).astype(np.float64)
    if name == "DAY":
        return ((times // _MS_PER_DAY + _DAYS_FROM_MONDAY) % 7 + 1).astype(np.float64)
    days = (times // _MS_PER_DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    if name == "DATE":
        return np.asarray((days - months).astype(np.int64) + 1, dtype=np.float64)
    if name == "MONTH":
        return (months.astype(np.int64) % 12 + 1).astype(np.float64)
    return np.asarray(days.astype("datetime64[Y]").astype(np.int64) + 1970, dtype=np.float64)


def ordered(lanes: Lanes, statistic: str, *, descending: bool, limit: int | None) -> Lanes:
    """Apply ``SORT`` by a statistic of each series; the sort is stable.

    A series without that statistic, because it is empty, comes last.
    """
    found = [float(along(statistic, lane.values)[0]) for lane in lanes]
    sign = -1 if descending else 1
    indices = sorted(range(len(lanes)), key=lambda at: (np.isnan(found[at]), sign * found[at]))
    return tuple(lanes[index] for index in indices[:limit])


def without_empty(lanes: Lanes) -> Lanes:
    """Apply ``REMOVE_EMPTY``: drop the series without a datapoint."""
    return tuple(lane for lane in lanes if not np.isnan(lane.values).all())
