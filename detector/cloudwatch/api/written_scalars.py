"""Writers of the scalars of an answer (numbers, strings, times, blobs), by protocol.

Lone surrogates in text become question marks.
"""

import base64
import math
from datetime import UTC, datetime
from typing import Any

from cbor2 import CBORTag

from detector.cloudwatch.api.scalars import (
    EPOCH_TAG,
    boolean,
    long,
    number,
    octets,
    whole,
)
from detector.cloudwatch.api.shapes import ScalarError, Scalars

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.resolution


def _epoch(value: Any) -> int | float:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ScalarError("an aware datetime")
    # Whole microseconds first, so that the result is rounded only once.
    micros = (value - _EPOCH) // _MICROSECOND
    return micros // 1_000_000 if micros % 1_000_000 == 0 else micros / 1_000_000


def _text_out(value: Any) -> str:
    if not isinstance(value, str):
        raise ScalarError("text")
    return value.encode("utf-8", "replace").decode()


def _json_number_out(value: Any) -> float | str:
    return _finite_or_name(number(value))


def _finite_or_name(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _base64_out(value: Any) -> str:
    return base64.b64encode(octets(value)).decode()


def _xml_time_out(value: Any) -> str:
    _epoch(value)
    return str(value.astimezone(UTC).isoformat().replace("+00:00", "Z"))


JSON_OUT: Scalars = {
    "integer": whole,
    "long": long,
    "boolean": boolean,
    **dict.fromkeys(("double", "float"), _json_number_out),
    "string": _text_out,
    "timestamp": _epoch,
    "blob": _base64_out,
}
CBOR_OUT: Scalars = {
    **JSON_OUT,
    **dict.fromkeys(("double", "float"), number),
    "blob": octets,
    "timestamp": lambda value: CBORTag(EPOCH_TAG, _epoch(value)),
}
XML_OUT: Scalars = {
    "integer": lambda value: str(whole(value)),
    "long": lambda value: str(long(value)),
    **dict.fromkeys(
        ("double", "float"),
        lambda value: repr(found) if isinstance(found := _json_number_out(value), float) else found,
    ),
    "boolean": lambda value: "true" if boolean(value) else "false",
    "string": _text_out,
    "timestamp": _xml_time_out,
    "blob": _base64_out,
}
