"""The functions of metric math by name: the arguments, the result and the code of each.

Source: Amazon CloudWatch User Guide, "Using metric math", tables of functions and of ``IF``. The
overloads are those of the guide, so an expression that compiles here compiles there; the only
addition is ``FILL(TS, TS)``.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np

from detector.cloudwatch.metrics import functions
from detector.cloudwatch.metrics.axis import Axis, Lane, Lanes, Value, Values
from detector.cloudwatch.metrics.plan import Run, ValueKind

POINTWISE = frozenset({"ABS", "CEIL", "FLOOR", "LOG", "LOG10"})
CHANGES = frozenset({"DIFF", "DIFF_TIME", "RATE"})
STATISTICS = frozenset({"SUM", "MIN", "MAX", "AVG", "STDDEV", "DATAPOINT_COUNT"})
CALENDAR = frozenset({"MINUTE", "HOUR", "DAY", "DATE", "MONTH", "YEAR", "EPOCH"})
SORTED_BY = frozenset({"AVG", "MIN", "MAX", "SUM"})
ORDERS = frozenset({"ASC", "DESC"})
CLOUDWATCH_ONLY = frozenset({
    "SEARCH", "ANOMALY_DETECTION_BAND", "SERVICE_QUOTA", "LAMBDA", "DB_PERF_INSIGHTS",
})  # fmt: skip
"""Functions of CloudWatch that read data which only CloudWatch has."""

_EITHER = ("TS", "TS[]")
_SORT = "TS[], AVG|MIN|MAX|SUM, ASC|DESC"

FORMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(POINTWISE | CHANGES | STATISTICS | {"RUNNING_SUM"}), _EITHER),
    **dict.fromkeys(sorted(CALENDAR), ("TS",)),
    **dict.fromkeys(("FIRST", "LAST", "METRIC_COUNT", "REMOVE_EMPTY"), ("TS[]",)),
    "FILL": (
        "TS, S", "TS, TS", "TS, REPEAT", "TS, LINEAR",
        "TS[], S", "TS[], TS", "TS[], REPEAT", "TS[], LINEAR",
    ),
    "IF": (
        "TS, S", "TS, TS", "TS, S, S", "TS, S, TS", "TS, TS, S", "TS, TS, TS",
        "S, TS", "S, TS, TS",
    ),
    "METRICS": ("", '"text"'),
    "PERIOD": ("the id of a metric",),
    "SLICE": ("TS[], S", "TS[], S, S"),
    "SORT": (_SORT, f"{_SORT}, S"),
    "TIME_SERIES": ("S",),
}  # fmt: skip
"""The arguments of each function, in the abbreviations of the guide."""

RETURNS: Mapping[str, tuple[ValueKind, ValueKind]] = {
    **dict.fromkeys(sorted(POINTWISE | CHANGES), (ValueKind.SERIES, ValueKind.ARRAY)),
    **dict.fromkeys(("RUNNING_SUM", "FILL"), (ValueKind.SERIES, ValueKind.ARRAY)),
    **dict.fromkeys(sorted(STATISTICS), (ValueKind.SCALAR, ValueKind.SERIES)),
    **dict.fromkeys(sorted(CALENDAR), (ValueKind.SERIES,) * 2),
    **dict.fromkeys(("FIRST", "LAST", "IF", "TIME_SERIES"), (ValueKind.SERIES,) * 2),
    **dict.fromkeys(("REMOVE_EMPTY", "SLICE", "SORT"), (ValueKind.ARRAY,) * 2),
    "METRIC_COUNT": (ValueKind.SCALAR,) * 2,
}  # fmt: skip
"""The type of the result: where the first argument is not an array, and where it is one."""

Change = Callable[[Axis, Values], Values]


def run_of(name: str, kinds: Sequence[ValueKind], words: Sequence[str]) -> Run:
    """Return the code of ``name`` for arguments of ``kinds`` and the bare words ``words``."""
    array = kinds[0] is ValueKind.ARRAY
    if name in STATISTICS:
        return partial(_across if array else _along, name)
    if name in CALENDAR:
        return partial(_calendar, name)
    if name == "IF":
        return partial(_if, kinds[0] is ValueKind.SERIES and kinds[1] is ValueKind.SERIES)
    if name == "FILL" and not words:
        return _each_filled if array else _filled
    if name == "SORT":
        return partial(_sort, words[0], words[1] == "DESC")
    if name in _PLAIN:
        return _PLAIN[name]
    changed = _change(name, words)
    return partial(_each, changed) if array else partial(_one, changed)


def _change(name: str, words: Sequence[str]) -> Change:
    """Return the operation on one series, or on each series of an array."""
    if name in POINTWISE:
        return lambda _, values: functions.pointwise(name, values)
    if name in CHANGES:
        return lambda axis, values: functions.change(name, axis, values)
    if name == "RUNNING_SUM":
        return lambda _, values: functions.running_sum(values)
    fill = functions.fill_repeat if words[0] == "REPEAT" else functions.fill_linear
    return lambda _, values: fill(values)


def _one(change: Change, axis: Axis, arguments: Sequence[Value]) -> Value:
    return change(axis, _values(arguments[0]))


def _each(change: Change, axis: Axis, arguments: Sequence[Value]) -> Value:
    return tuple(Lane(lane.label, change(axis, lane.values)) for lane in _lanes(arguments[0]))


def _along(statistic: str, _: Axis, arguments: Sequence[Value]) -> Value:
    return functions.along(statistic, _values(arguments[0]))


def _across(statistic: str, axis: Axis, arguments: Sequence[Value]) -> Value:
    return functions.across(statistic, axis, _lanes(arguments[0]))


def _calendar(name: str, axis: Axis, _: Sequence[Value]) -> Value:
    return functions.calendar(name, axis)


def _filled(_: Axis, arguments: Sequence[Value]) -> Value:
    return functions.fill(_values(arguments[0]), _values(arguments[1]))


def _each_filled(_: Axis, arguments: Sequence[Value]) -> Value:
    filler = _values(arguments[1])
    lanes = _lanes(arguments[0])
    return tuple(Lane(lane.label, functions.fill(lane.values, filler)) for lane in lanes)


def _if(zero_where_true: bool, _: Axis, arguments: Sequence[Value]) -> Value:
    condition, then = _values(arguments[0]), _values(arguments[1])
    otherwise = _values(arguments[2]) if len(arguments) > 2 else np.array([np.nan])  # noqa: PLR2004
    return functions.choose(condition, then, otherwise, zero_where_true=zero_where_true)


def _sort(statistic: str, descending: bool, _: Axis, arguments: Sequence[Value]) -> Value:
    limit = _index(arguments[1]) if len(arguments) > 1 else None
    lanes = _lanes(arguments[0])
    return functions.ordered(lanes, statistic, descending=descending, limit=limit)


def _slice(_: Axis, arguments: Sequence[Value]) -> Value:
    lanes, start = _lanes(arguments[0]), _index(arguments[1])
    end = _index(arguments[2]) if len(arguments) > 2 else len(lanes)  # noqa: PLR2004
    return lanes[start:end]


def _first(axis: Axis, arguments: Sequence[Value]) -> Value:
    lanes = _lanes(arguments[0])
    return lanes[0].values if lanes else axis.empty()


def _last(axis: Axis, arguments: Sequence[Value]) -> Value:
    lanes = _lanes(arguments[0])
    return lanes[-1].values if lanes else axis.empty()


def _metric_count(_: Axis, arguments: Sequence[Value]) -> Value:
    return np.array([float(len(arguments[0]))])


def _remove_empty(_: Axis, arguments: Sequence[Value]) -> Value:
    return functions.without_empty(_lanes(arguments[0]))


def _time_series(axis: Axis, arguments: Sequence[Value]) -> Value:
    scalar = _values(arguments[0])
    return np.broadcast_to(scalar, (*scalar.shape[:-1], axis.size))


def _index(scalar: Value) -> int:
    """Return a scalar as an index into an array: an integer >= 0; 0 where it has no value."""
    number = float(_values(scalar)[0])
    return int(min(max(number, 0.0), 1e9)) if number == number else 0  # noqa: PLR0124 - nan


def _values(value: Value) -> Values:
    return cast("Values", value)


def _lanes(value: Value) -> Lanes:
    return cast("Lanes", value)


_PLAIN: Mapping[str, Run] = {
    "FIRST": _first,
    "LAST": _last,
    "METRIC_COUNT": _metric_count,
    "REMOVE_EMPTY": _remove_empty,
    "SLICE": _slice,
    "TIME_SERIES": _time_series,
}
