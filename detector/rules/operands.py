"""Reads the operand of one filter: text, a pattern, numbers or a truth value, by operator."""

import math
from typing import Any, NamedTuple

from detector.rules.json_lines import counted, shown
from detector.rules.patterns import PATTERN_CHARACTERS, pattern_fault
from detector.rules.rules import Operand, Operator

_AS_TEXT = {Operator.EQUAL_TO: Operator.IN, Operator.NOT_EQUAL_TO: Operator.NOT_IN}
_NUMERIC = (Operator.EQUAL_TO, Operator.NOT_EQUAL_TO, Operator.GREATER_THAN, Operator.LESS_THAN)


class OperandFault(NamedTuple):
    """What an operand is, and what it should be."""

    found: str
    expected: str


def read_operand(
    operator: Operator, value: Any, max_strings: int, *, takes_text: bool
) -> tuple[Operator, Operand] | OperandFault:
    """Return the operator and its operand.

    With ``takes_text`` a string under ``EqualTo`` becomes ``In``, under ``NotEqualTo`` ``NotIn``.
    """
    takes_text = takes_text and operator in _AS_TEXT
    if takes_text and isinstance(value, str):
        return _AS_TEXT[operator], (value,)
    operand: Operand | None
    match operator:
        case Operator.IS_PRESENT:
            operand = value if isinstance(value, bool) else None
            expected = "true or false"
        case Operator.MATCHES:
            return _pattern(value)
        case Operator.BETWEEN:
            operand, expected = _range(value), "a list of two numbers, the smaller one first"
        case _ if operator in _NUMERIC:
            operand = finite(value)
            expected = "one number or one string" if takes_text else "one number"
        case _:
            return _strings(operator, value, max_strings)
    return OperandFault(shown(value), expected) if operand is None else (operator, operand)


def finite(value: Any) -> float | None:
    """Read a number that a double can hold; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _pattern(value: Any) -> tuple[Operator, Operand] | OperandFault:
    expected = f"a pattern of 1 to {PATTERN_CHARACTERS} characters"
    if not isinstance(value, str) or not value:
        return OperandFault(shown(value), expected)
    if reason := pattern_fault(value):
        return OperandFault(f"{shown(value)} ({reason})", f"{expected} in the syntax of RE2")
    return Operator.MATCHES, (value,)


def _range(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004
        return None
    low, high = map(finite, value)
    return (low, high) if low is not None and high is not None and low <= high else None


def _strings(operator: Operator, value: Any, most: int) -> tuple[Operator, Operand] | OperandFault:
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if texts and 1 <= len(value) <= most:
        return operator, tuple(value)
    found = counted(value, "strings") if texts else shown(value)
    return OperandFault(found, f"a list of 1 to {most} strings")
