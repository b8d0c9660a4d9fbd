"""Metric math a second time, slow and plain: a recursion over dictionaries of datapoints.

Written from the rules of Amazon CloudWatch User Guide, "Using metric math", and from our own where
the guide is silent (stated in ``detector/cloudwatch/metrics``); shares nothing with the product. An
expression is a nested tuple, so that it needs no parser; ``render`` writes it as text.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

Points = dict[int, float]
"""One series: value by time in milliseconds."""

Expression = tuple[Any, ...]

ARITHMETIC = ("+", "-", "*", "/", "^")
COMPARING = ("==", "!=", "<", ">", "<=", ">=")
LOGICAL = ("AND", "OR", "&&", "||")
CHANGING = ("ABS", "CEIL", "FLOOR", "LOG", "LOG10", "DIFF", "DIFF_TIME", "RATE", "RUNNING_SUM")
REDUCING = ("SUM", "MIN", "MAX", "AVG", "STDDEV", "DATAPOINT_COUNT")
DATING = ("MINUTE", "HOUR", "DAY", "DATE", "MONTH", "YEAR", "EPOCH")


class TooCloseError(Exception):
    """A result that hangs on the last bits of a number: two right programs may differ in it."""


class Recount:
    """Evaluates expressions over one range: ``known`` holds what ids mean."""

    def __init__(
        self,
        known: Mapping[str, Any],
        metrics: Sequence[str],
        *,
        start: int,
        periods: int,
        period: int,
    ) -> None:
        self.known = known
        self.metrics = metrics
        self.period = period
        self.times = [start + period * number for number in range(periods)]

    def value(self, expression: Expression) -> Any:
        """Return a number, ``None`` for a scalar without a value, points, or a list of points."""
        kind, *rest = expression
        match kind:
            case "number":
                return rest[0]
            case "id":
                return self.known[rest[0]]
            case "negative":
                return self.each(lambda value: -value, self.value(rest[0]))
            case "binary":
                return self.binary(rest[0], self.value(rest[1]), self.value(rest[2]))
            case "array":
                items = [self.value(item) for item in rest[0]]
                return [
                    points
                    for item in items
                    for points in (item if isinstance(item, list) else [item])
                ]
            case _:
                return self.call(rest[0], rest[1])

    def each(self, change: Callable[[float], float | None], value: Any) -> Any:
        if isinstance(value, list):
            return [self.each(change, points) for points in value]
        if isinstance(value, dict):
            changed = {time: checked(change(number)) for time, number in value.items()}
            return {time: number for time, number in changed.items() if number is not None}
        return None if value is None else checked(change(value))

    def binary(self, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, list):
            return [self.binary(operator, points, right) for points in left]
        if isinstance(right, list):
            return [self.binary(operator, left, points) for points in right]
        if isinstance(left, dict) and isinstance(right, dict):
            return {
                time: number
                for time in sorted(left.keys() | right.keys())
                for number in [of_two(operator, left.get(time, 0.0), right.get(time, 0.0))]
                if number is not None
            }
        if isinstance(left, dict):
            return self.each(lambda value: of_two(operator, value, right), left)
        if isinstance(right, dict):
            return self.each(lambda value: of_two(operator, left, value), right)
        return of_two(operator, left, right)

    def call(self, name: str, arguments: Sequence[Any]) -> Any:
        words = [argument for argument in arguments if isinstance(argument, str)]
        values = [self.value(argument) for argument in arguments if not isinstance(argument, str)]
        if name in REDUCING:
            return self.reduced(name, values[0])
        if name in CHANGING:
            return self.changed(name, values[0])
        if name in DATING:
            return {time: dated(name, time) for time in self.times}
        if name == "METRICS":
            part = words[0].strip('"') if words else ""
            return [self.known[metric] for metric in self.metrics if part in metric]
        return getattr(self, f"do_{name.lower()}")(*values, *words)

    def reduced(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return reduced(name, list(value.values()), len(self.times))
        found: Points = {}
        for time in self.times:
            numbers = [points[time] for points in value if time in points]
            number = reduced(name, numbers, len(value)) if numbers else None
            if number is not None:
                found[time] = number
        return found

    def changed(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.changed(name, points) for points in value]
        if name in {"LOG", "LOG10"}:
            logarithm = math.log if name == "LOG" else math.log10
            return self.each(lambda x: logarithm(x) if steady(x) > 0 else None, value)
        if name in {"CEIL", "FLOOR", "ABS"}:
            functions: dict[str, Callable[[float], float]] = {
                "CEIL": lambda x: math.ceil(whole(x)),
                "FLOOR": lambda x: math.floor(whole(x)),
                "ABS": abs,
            }
            return self.each(functions[name], value)
        found: Points = {}
        total, earlier = 0.0, None
        for time in sorted(value):
            total += value[time]
            if name == "RUNNING_SUM":
                found[time] = checked(total) or 0.0
            elif earlier is not None:
                seconds = (time - earlier) / 1000
                rise = value[time] - value[earlier]
                found[time] = {"DIFF": rise, "DIFF_TIME": seconds, "RATE": rise / seconds}[name]
            earlier = time
        return found

    def do_fill(self, value: Any, filler: Any) -> Any:
        if isinstance(value, list):
            return [self.do_fill(points, filler) for points in value]
        found: Points = {}
        for time in self.times:
            if time in value:
                found[time] = value[time]
                continue
            before = max((other for other in value if other < time), default=None)
            after = min((other for other in value if other > time), default=None)
            if isinstance(filler, dict):
                number = filler.get(time)
            elif filler == "REPEAT":
                number = None if before is None else value[before]
            elif filler == "LINEAR":
                number = None
                if before is not None and after is not None:
                    slope = (value[after] - value[before]) / (after - before)
                    number = value[before] + slope * (time - before)
            else:
                number = filler
            if number is not None:
                found[time] = number
        return found

    def do_if(self, condition: Any, then: Any, otherwise: Any = None) -> Any:
        if condition is None:
            return {}
        if not isinstance(condition, dict):
            return (then if steady(condition) != 0 else otherwise) or {}
        found: Points = {}
        for time, truth in condition.items():
            if steady(truth) != 0:
                number = then.get(time, 0.0) if isinstance(then, dict) else then
            else:
                number = otherwise.get(time) if isinstance(otherwise, dict) else otherwise
            if number is not None:
                found[time] = number
        return found

    def do_time_series(self, scalar: float | None) -> Points:
        return {} if scalar is None else dict.fromkeys(self.times, scalar)

    def do_period(self, _: Points) -> float:
        return self.period / 1000

    def do_first(self, series: list[Points]) -> Points:
        return series[0] if series else {}

    def do_last(self, series: list[Points]) -> Points:
        return series[-1] if series else {}

    def do_metric_count(self, series: list[Points]) -> float:
        return len(series)

    def do_remove_empty(self, series: list[Points]) -> list[Points]:
        return [points for points in series if points]

    def do_slice(self, series: list[Points], start: Any, end: Any = "none") -> list[Points]:
        return series[place(start) : None if end == "none" else place(end)]

    def do_sort(self, series: list[Points], *rest: Any) -> list[Points]:
        *limit, statistic, order = rest
        keyed = [
            (reduced(statistic, list(points.values()), len(self.times)), points)
            for points in series
        ]
        numbers = [number for number, _ in keyed if number is not None]
        for one in range(len(numbers)):
            for other in range(one):
                apart(numbers[one], numbers[other])
        known = [pair for pair in keyed if pair[0] is not None]
        sign = -1 if order == "DESC" else 1
        known = sorted(known, key=lambda pair: sign * (pair[0] or 0.0))
        found = [points for _, points in [*known, *(pair for pair in keyed if pair[0] is None)]]
        return found[: place(limit[0])] if limit else found


def place(scalar: float | None) -> int:
    """A scalar as a place in a list."""
    return 0 if scalar is None or scalar < 0 else math.floor(whole(scalar))


def reduced(name: str, numbers: list[float], room: int) -> float | None:
    """A statistic over numbers, of which there could be ``room``."""
    if name == "SUM":
        return checked(sum(numbers))
    if name == "DATAPOINT_COUNT":
        return len(numbers)
    if name == "AVG":
        return sum(numbers) / room if room else 0.0
    if not numbers:
        return None
    if name == "STDDEV":
        return statistics.pstdev(numbers)
    return min(numbers) if name == "MIN" else max(numbers)


def of_two(operator: str, left: float | None, right: float | None) -> float | None:
    """Combine two numbers; ``None`` when there is no result."""
    if left is None or right is None:
        return None
    if operator in COMPARING:
        apart(left, right)
        return float({
            "==": left == right, "!=": left != right, "<": left < right, ">": left > right,
            "<=": left <= right, ">=": left >= right,
        }[operator])  # fmt: skip
    if operator in LOGICAL:
        both = (steady(left) != 0, steady(right) != 0)
        return float(all(both) if operator in {"AND", "&&"} else any(both))
    if operator == "/":
        return checked(left / right) if steady(right) != 0 else None
    if operator == "^":
        try:
            power = steady(left) ** whole(right)
        except (ZeroDivisionError, OverflowError):
            return None
        return None if isinstance(power, complex) else checked(power)
    return checked({"+": left + right, "-": left - right, "*": left * right}[operator])


def dated(name: str, time: int) -> float:
    """A part of a time, by Python's calendar."""
    at = datetime.fromtimestamp(time / 1000, UTC)
    return {
        "MINUTE": at.minute, "HOUR": at.hour, "DAY": at.isoweekday(), "DATE": at.day,
        "MONTH": at.month, "YEAR": at.year, "EPOCH": at.timestamp(),
    }[name]  # fmt: skip


def checked(number: float | None) -> float | None:
    """Refuse numbers so large or small that rounding decides what is made of them."""
    if number is not None and abs(number) > 1e9:
        raise TooCloseError
    return number


def steady(number: float) -> float:
    """Refuse a number of which it is unsure whether it is 0."""
    if 0 < abs(number) < 1e-6:
        raise TooCloseError
    return number


def whole(number: float) -> float:
    """Refuse a number of which it is unsure whether it is whole."""
    if 0 < abs(number - round(number)) < 1e-6:
        raise TooCloseError
    return number


def apart(left: float, right: float) -> None:
    """Refuse two numbers of which it is unsure which is larger."""
    exact = all(float(number * 64).is_integer() for number in (left, right))
    if abs(left - right) < 1e-6 * max(1.0, abs(left)) and not exact:
        raise TooCloseError


def render(expression: Expression) -> str:
    """Write an expression with every bracket that it may need."""
    kind, *rest = expression
    match kind:
        case "number":
            return f"{rest[0]:g}"
        case "id":
            return str(rest[0])
        case "negative":
            return f"-({render(rest[0])})"
        case "binary":
            return f"({render(rest[1])}) {rest[0]} ({render(rest[2])})"
        case "array":
            return f"[{', '.join(map(render, rest[0]))}]"
        case _:
            parts = [part if isinstance(part, str) else render(part) for part in rest[1]]
            return f"{rest[0]}({', '.join(parts)})"


numbers = st.sampled_from([0, 1, 2, 3, 5, 10, 0.5, 100]).map(lambda number: ("number", number))


@st.composite
def scalars(draw: st.DrawFn, ids: Sequence[str], depth: int) -> Expression:
    """An expression that is a scalar."""
    form = draw(st.integers(0, 5)) if depth else 0
    if form <= 1:
        return draw(numbers)
    if form == 2:
        return ("call", draw(st.sampled_from(REDUCING)), [draw(series(ids, depth - 1))])
    if form == 3:
        return ("call", "METRIC_COUNT", [draw(arrays(ids, depth - 1))])
    if form == 4:
        return ("negative", draw(scalars(ids, depth - 1)))
    operator = draw(st.sampled_from(ARITHMETIC + COMPARING + LOGICAL))
    return ("binary", operator, draw(scalars(ids, depth - 1)), draw(scalars(ids, depth - 1)))


@st.composite
def series(draw: st.DrawFn, ids: Sequence[str], depth: int) -> Expression:
    """An expression that is one series."""
    form = draw(st.integers(0, 9)) if depth else 0
    below = depth - 1
    if form == 0:
        return ("id", draw(st.sampled_from(ids)))
    if form <= 3:
        operator = draw(st.sampled_from(ARITHMETIC + COMPARING + LOGICAL))
        sides = [draw(series(ids, below)), draw(series(ids, below) | scalars(ids, below))]
        first, second = draw(st.permutations(sides))
        return ("binary", operator, first, second)
    if form == 4:
        return ("negative", draw(series(ids, below)))
    if form == 5:
        return ("call", draw(st.sampled_from(CHANGING + DATING)), [draw(series(ids, below))])
    if form == 6:
        names = (*REDUCING, "FIRST", "LAST")
        return ("call", draw(st.sampled_from(names)), [draw(arrays(ids, below))])
    if form == 7:
        fillers = st.sampled_from(["REPEAT", "LINEAR"]) | scalars(ids, below) | series(ids, below)
        return ("call", "FILL", [draw(series(ids, below)), draw(fillers)])
    if form == 8:
        return ("call", "TIME_SERIES", [draw(scalars(ids, below))])
    return ("call", "IF", draw(ifs(ids, below)))


@st.composite
def ifs(draw: st.DrawFn, ids: Sequence[str], depth: int) -> list[Expression]:
    """Arguments of IF in one of the guide's forms."""
    if draw(st.booleans()):
        branch = series(ids, depth) | scalars(ids, depth)
        condition = draw(series(ids, depth))
    else:
        branch = series(ids, depth)
        condition = draw(scalars(ids, depth))
    return [condition, *draw(st.lists(branch, min_size=1, max_size=2))]


@st.composite
def arrays(draw: st.DrawFn, ids: Sequence[str], depth: int) -> Expression:
    """An expression that is an array of series."""
    form = draw(st.integers(0, 8)) if depth > 0 else draw(st.integers(0, 1))
    below = depth - 1
    if form == 0:
        return ("call", "METRICS", draw(st.sampled_from([[], ['"m"'], ['"1"'], ['"none"']])))
    if form == 1:
        items = st.sampled_from(ids).map(lambda name: ("id", name))
        return ("array", draw(st.lists(items, max_size=3)))
    if form == 2:
        return ("array", draw(st.lists(series(ids, below) | arrays(ids, below), max_size=3)))
    if form == 3:
        sides = [draw(arrays(ids, below)), draw(series(ids, below) | scalars(ids, below))]
        first, second = draw(st.permutations(sides))
        return ("binary", draw(st.sampled_from(ARITHMETIC)), first, second)
    if form == 4:
        return ("call", draw(st.sampled_from(CHANGING)), [draw(arrays(ids, below))])
    if form == 5:
        fillers = st.sampled_from(["REPEAT", "LINEAR"]) | scalars(ids, below) | series(ids, below)
        return ("call", "FILL", [draw(arrays(ids, below)), draw(fillers)])
    if form == 6:
        return ("call", "REMOVE_EMPTY", [draw(arrays(ids, below))])
    limit = draw(st.lists(scalars(ids, below), max_size=1))
    if form == 7:
        bounds = [draw(scalars(ids, below)), *limit]
        return ("call", "SLICE", [draw(arrays(ids, below)), *bounds])
    statistic = draw(st.sampled_from(["AVG", "MIN", "MAX", "SUM"]))
    order = draw(st.sampled_from(["ASC", "DESC"]))
    return ("call", "SORT", [draw(arrays(ids, below)), statistic, order, *limit])
