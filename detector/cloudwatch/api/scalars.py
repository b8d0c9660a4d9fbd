"""Readers of the scalars of a request (numbers, strings, times, blobs), by protocol.

Handlers get ``int``, ``float``, ``bool``, ``str``, ``bytes`` and aware ``datetime`` in UTC.
"""

import base64
import math
import numbers
import re
from datetime import UTC, datetime
from typing import Any

from cbor2 import CBORTag

from detector.cloudwatch.api.shapes import ScalarError, Scalars

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?)?")
_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
EPOCH_TAG = 1
_TIMES = "a time of the years 1 to 9999"


def whole(value: Any) -> int:
    """Read the model's ``integer``: 32 bits."""
    return _of_bits(32, value)


def long(value: Any) -> int:
    """Read the model's ``long``: 64 bits."""
    return _of_bits(64, value)


def _of_bits(bits: int, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | numbers.Integral):
        raise ScalarError("a whole number")
    found = int(value)
    if not -(1 << bits - 1) <= found < 1 << bits - 1:
        raise ScalarError(f"a whole number of {bits} bits")
    return found


def number(value: Any) -> float:
    """Read a double."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ScalarError("a number")
    try:
        return float(value)
    except OverflowError:
        raise ScalarError("a number that a double can hold") from None


def boolean(value: Any) -> bool:
    """Read a boolean; numbers are not accepted."""
    if not isinstance(value, bool):
        raise ScalarError("true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ScalarError("text")
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise ScalarError("text without halves of surrogate pairs")
    return value


def _instant(seconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(number(seconds), UTC)
    except (OverflowError, ValueError, OSError, ScalarError):
        raise ScalarError(_TIMES) from None


def _json_number_in(value: Any) -> float:
    if isinstance(value, str) and value in _NAMED:
        return _NAMED[value]
    return number(value)


def _json_time_in(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScalarError("a time in epoch seconds")
    return _instant(value)


def _base64_in(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (ValueError, ScalarError):
        raise ScalarError("bytes in base64") from None


def _cbor_time_in(value: Any) -> datetime:
    if not isinstance(value, CBORTag) or value.tag != EPOCH_TAG:
        raise ScalarError("a time in epoch seconds under tag 1")
    return _instant(value.value)


def octets(value: Any) -> bytes:
    """Read a blob that is already bytes."""
    if not isinstance(value, bytes):
        raise ScalarError("bytes")
    return value


def _digits(value: Any) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ScalarError("a whole number")
    return int(value)


def _form_number_in(value: Any) -> float:
    if isinstance(value, str) and value in _NAMED:
        return _NAMED[value]
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ScalarError("a number")
    return float(value)


def _form_boolean_in(value: Any) -> bool:
    if value not in {"true", "false"}:
        raise ScalarError("true or false")
    return bool(value == "true")


def _form_time_in(value: Any) -> datetime:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ScalarError("a time as in 2024-05-01T12:00:00Z")
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ScalarError("a time as in 2024-05-01T12:00:00Z") from None


JSON_IN: Scalars = {
    "integer": whole,
    "long": long,
    **dict.fromkeys(("double", "float"), _json_number_in),
    "boolean": boolean,
    "string": _text,
    "timestamp": _json_time_in,
    "blob": _base64_in,
}
CBOR_IN: Scalars = {
    **JSON_IN,
    **dict.fromkeys(("double", "float"), number),
    "timestamp": _cbor_time_in,
    "blob": octets,
}
FORM_IN: Scalars = {
    "integer": lambda value: whole(_digits(value)),
    "long": lambda value: long(_digits(value)),
    **dict.fromkeys(("double", "float"), _form_number_in),
    "boolean": _form_boolean_in,
    "string": _text,
    "timestamp": _form_time_in,
    "blob": _base64_in,
}
