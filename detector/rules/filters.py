"""The filters of a contributor rule, read and checked one by one."""

from typing import Any

from detector.rules.json_lines import JsonPath
from detector.rules.patterns import PATTERN_CHARACTERS, pattern_fault
from detector.rules.reading import STRICT, Reading, counted, finite, is_list, listed, shown
from detector.rules.rules import CLOUDWATCH_OPERATORS, Filter, Operand, Operator

_TEXT_OPERATORS = frozenset(
    {
        Operator.IN, Operator.NOT_IN, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS,
    }
)  # fmt: skip
_AS_TEXT = {Operator.EQUAL_TO: Operator.IN, Operator.NOT_EQUAL_TO: Operator.NOT_IN}
_PLAIN = tuple(operator.value for operator in CLOUDWATCH_OPERATORS)
_ALL = tuple(operator.value for operator in Operator)


def read_filters(
    reading: Reading, value: Any, path: JsonPath, *, most: int, extended: bool = False
) -> tuple[Filter, ...]:
    """Read a list of at most ``most`` filters; ``extended`` ones have more operators."""
    if not is_list(value) or len(value) > most:
        reading.fault(path, counted(value, "filters"), f"a list of at most {most} filters")
        return ()
    read = [
        _read_filter(reading, item, (*path, position), extended=extended)
        for position, item in enumerate(value)
    ]
    return tuple(wanted for wanted in read if wanted is not None)


def _read_filter(reading: Reading, value: Any, path: JsonPath, *, extended: bool) -> Filter | None:
    operators = _ALL if extended else _PLAIN
    members = reading.object_at(value, path, ("Match", *operators), required=("Match",))
    match = reading.field(members["Match"], (*path, "Match")) if "Match" in members else None
    named = [name for name in members if name in operators]
    if isinstance(value, dict) and len(named) != 1:
        found = listed(tuple(named)) if named else "no operator"
        reading.fault(path, found, f"exactly one of {listed(operators)}")
    read = [
        _read_operand(reading, Operator(name), members[name], (*path, name), extended=extended)
        for name in named
    ]
    if match is None or len(read) != 1 or read[0] is None:
        return None
    return Filter(match, *read[0])


def _read_operand(
    reading: Reading, operator: Operator, value: Any, path: JsonPath, *, extended: bool
) -> tuple[Operator, Operand] | None:
    operand: Operand | None
    if extended and operator in _AS_TEXT and isinstance(value, str):
        return _AS_TEXT[operator], (value,)
    match operator:
        case Operator.IS_PRESENT:
            operand = value if isinstance(value, bool) else None
            expected = "true or false"
        case Operator.MATCHES:
            operand, expected = (
                _pattern(value),
                f"a pattern of 1 to {PATTERN_CHARACTERS} characters",
            )
            if operand is None and isinstance(value, str) and value:
                expected += " in the syntax of RE2"
                reading.fault(path, f"{shown(value)} ({pattern_fault(value)})", expected)
                return None
        case Operator.BETWEEN:
            operand, expected = _range(value), "a list of two numbers, the smaller one first"
        case _ if operator in _TEXT_OPERATORS:
            return _read_strings(reading, operator, value, path)
        case _:
            operand = finite(value)
            expected = (
                "one number or one string" if extended and operator in _AS_TEXT else ("one number")
            )
    if operand is None:
        reading.fault(path, shown(value), expected)
        return None
    return operator, operand


def _read_strings(
    reading: Reading, operator: Operator, value: Any, path: JsonPath
) -> tuple[Operator, Operand] | None:
    most = reading.limits.strings
    texts = is_list(value) and all(isinstance(item, str) for item in value)
    if texts and 1 <= len(value) <= most:
        if len(value) > STRICT.strings:
            expected = f"a list of 1 to {STRICT.strings} strings"
            reading.warn(path, counted(value, "strings"), expected)
        return operator, tuple(value)
    found = counted(value, "strings") if texts else shown(value)
    reading.fault(path, found, f"a list of 1 to {most} strings")
    return None


def _pattern(value: Any) -> tuple[str] | None:
    return (value,) if isinstance(value, str) and value and not pattern_fault(value) else None


def _range(value: Any) -> tuple[float, float] | None:
    if not is_list(value) or len(value) != 2:  # noqa: PLR2004
        return None
    low, high = map(finite, value)
    return (low, high) if low is not None and high is not None and low <= high else None
