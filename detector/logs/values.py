"""Reads every form of a metric value into one: a set of observations.

Forms: a number; a list of numbers, each one observation; a statistic set with all of ``Max``,
``Min``, ``Count`` and ``Sum``; ``{Values, Counts}``, with or without other members; a number
written as text, where allowed.

Law: bad values are data, not exceptions: any other form is returned as a ``ValueFault``. Booleans,
NaN and infinity are not numbers; counts are never negative.
"""

import math
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,9})?")
_SET_MEMBERS = ("Min", "Max", "Count", "Sum")


class ValueFault(StrEnum):
    """Why a value is refused: the end of a sentence that begins with the field's name."""

    TRUTH_VALUE = "is a truth value, expected a number"
    TEXT = "is text, expected a number (numeric_strings allows numbers written as text)"
    NOT_A_NUMBER = "is text that is not a number"
    NOT_FINITE = "is too large for a number"
    NEGATIVE = "is negative"
    UNKNOWN_SHAPE = "has an unknown shape, expected a number, a list of numbers or a statistic set"
    INCONSISTENT = "is a statistic set that contradicts itself"


class Observations(msgspec.Struct, frozen=True):
    """A set of observations: their number, total, smallest and largest value.

    ``values`` holds pairs (value, count) if the single values are known, ``None`` for a statistic
    set. Without observations all numbers are 0.
    """

    count: float
    total: float
    minimum: float
    maximum: float
    values: tuple[tuple[float, float], ...] | None


def observe(
    value: Any, *, numeric_strings: bool = False, negative: bool = False
) -> Observations | ValueFault:
    """Read any form of metric value; ``negative`` allows values, but not counts, below zero."""
    if isinstance(value, list):
        return _from_list(value, numeric_strings, negative)
    if isinstance(value, dict):
        if isinstance(value.get("Values"), list):
            return _from_values(
                value["Values"],
                value.get("Counts", [1] * len(value["Values"])),
                value.get("Sum"),
                numeric_strings,
                negative,
            )
        return _from_set(value, numeric_strings, negative)
    number = read_number(value, numeric_strings=numeric_strings, negative=negative)
    if isinstance(number, ValueFault):
        return number
    return Observations(1.0, number, number, number, ((number, 1.0),))


def read_number(
    value: Any, *, numeric_strings: bool = False, negative: bool = False
) -> float | ValueFault:
    """Read one number."""
    if isinstance(value, bool):
        return ValueFault.TRUTH_VALUE
    if isinstance(value, str):
        if not numeric_strings:
            return ValueFault.TEXT
        if not _NUMBER.fullmatch(value):
            return ValueFault.NOT_A_NUMBER
        number = float(value)
    elif isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return ValueFault.NOT_FINITE
    else:
        return ValueFault.UNKNOWN_SHAPE
    if not math.isfinite(number):
        return ValueFault.NOT_FINITE
    if number < 0.0 and not negative:
        return ValueFault.NEGATIVE
    return number


def slow_count(observations: Observations, threshold: float) -> float:
    """Count the observations above ``threshold``, which is in the unit of the values.

    Exact if the values are known. Of a statistic set only what is certain counts: all if the
    smallest is above, none if the largest is not, else only the largest.
    """
    if observations.values is not None:
        slow = 0.0
        for value, often in observations.values:
            if value > threshold:
                slow += often
        return slow
    if observations.maximum <= threshold:
        return 0.0
    if observations.minimum > threshold:
        return observations.count
    return min(1.0, observations.count)


def _read_all(
    values: Iterable[Any], numeric_strings: bool, negative: bool
) -> list[float] | ValueFault:
    numbers: list[float] = []
    for value in values:
        number = read_number(value, numeric_strings=numeric_strings, negative=negative)
        if isinstance(number, ValueFault):
            return number
        numbers.append(number)
    return numbers


def _from_list(
    values: list[Any], numeric_strings: bool, negative: bool
) -> Observations | ValueFault:
    numbers = _read_all(values, numeric_strings, negative)
    if isinstance(numbers, ValueFault):
        return numbers
    if not numbers:
        return Observations(0.0, 0.0, 0.0, 0.0, ())
    total = sum(numbers)
    if not math.isfinite(total):
        return ValueFault.NOT_FINITE
    once = tuple([(number, 1.0) for number in numbers])
    return Observations(float(len(numbers)), total, min(numbers), max(numbers), once)


def _from_values(
    values: list[Any], counts: Any, total: Any, numeric_strings: bool, negative: bool
) -> Observations | ValueFault:
    numbers = _read_all(values, numeric_strings, negative)
    if isinstance(numbers, ValueFault):
        return numbers
    if not isinstance(counts, list):
        return ValueFault.UNKNOWN_SHAPE
    often = _read_all(counts, numeric_strings, negative=False)
    if isinstance(often, ValueFault):
        return often
    if len(numbers) != len(often):
        return ValueFault.INCONSISTENT
    pairs = tuple((number, times) for number, times in zip(numbers, often, strict=True) if times)
    summed = sum((number * times for number, times in pairs), 0.0)
    if total is not None:
        declared = read_number(total, numeric_strings=numeric_strings, negative=negative)
        if isinstance(declared, ValueFault):
            return declared
        summed = declared
    count = sum((times for _, times in pairs), 0.0)
    if not (math.isfinite(summed) and math.isfinite(count)):
        return ValueFault.NOT_FINITE
    if not pairs:
        return Observations(0.0, 0.0, 0.0, 0.0, ())
    return Observations(count, summed, min(pairs)[0], max(pairs)[0], pairs)


def _from_set(
    value: dict[str, Any], numeric_strings: bool, negative: bool
) -> Observations | ValueFault:
    if any(value.get(name) is None for name in _SET_MEMBERS):
        return ValueFault.UNKNOWN_SHAPE
    numbers = _read_all((value[name] for name in _SET_MEMBERS), numeric_strings, negative)
    if isinstance(numbers, ValueFault):
        return numbers
    minimum, maximum, count, total = numbers
    if count < 0.0:
        return ValueFault.NEGATIVE
    if minimum > maximum or (count == 0.0 and total != 0.0):
        return ValueFault.INCONSISTENT
    if count == 0.0:
        return Observations(0.0, 0.0, 0.0, 0.0, None)
    return Observations(count, total, minimum, maximum, None)
