"""Pages of datapoints: where one ends and the next begins.

Law: the pages of a request, put together, hold every datapoint of its range once, in the order of
ScanBy, whatever is published between them: a token names the last datapoint, not how many there
were.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from detector.cloudwatch.metrics.series import Series
from detector.cloudwatch.operations.contract import ApiError


class Position(NamedTuple):
    """The datapoint with which a page ends: its time and the place of its series."""

    time_ms: int
    place: int


class DatapointPage(NamedTuple):
    """Some datapoints of each series, in scan order; ``more`` says in which series some follow."""

    parts: Sequence[Series]
    more: Sequence[bool]
    end: Position | None


def cut(
    series: Sequence[Series], *, after: Position | None, limit: int, descending: bool
) -> DatapointPage:
    """Return the next ``limit`` datapoints over all series: by time, then by the series' place."""
    sign = -1 if descending else 1
    times = np.concatenate([each.times for each in series]) if series else np.empty(0, np.int64)
    places = np.repeat(np.arange(len(series)), [each.times.size for each in series])
    within = np.concatenate([np.arange(each.times.size) for each in series] or [places])
    order = np.lexsort((places, sign * times))
    if after is not None:
        key, last = sign * times[order], sign * after.time_ms
        order = order[(key > last) | ((key == last) & (places[order] > after.place))]
    taken, left = order[:limit], order[limit:]
    parts = []
    for place, each in enumerate(series):
        chosen = within[taken[places[taken] == place]]
        parts.append(Series(times=each.times[chosen], values=each.values[chosen]))
    following = set(places[left].tolist())
    end = Position(int(times[taken[-1]]), int(places[taken[-1]])) if left.size else None
    return DatapointPage(parts, [place in following for place in range(len(series))], end)


def token_of(end: Position, request: str) -> str:
    """Write where a page ended as a token that is of use for this request only."""
    told = msgspec.json.encode([request, end.time_ms, end.place])
    return base64.urlsafe_b64encode(told).decode()


def position_of(token: str, request: str) -> Position:
    """Read a token; raise ``ApiError`` when it is not one of this request."""
    try:
        told = msgspec.json.decode(
            base64.urlsafe_b64decode(token.encode()), type=tuple[str, int, int]
        )
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        raise ApiError("InvalidNextToken", "The token is not one that this API gave.") from None
    if told[0] != request:
        message = "The token belongs to another request: send the same parameters for every page."
        raise ApiError("InvalidNextToken", message)
    return Position(told[1], told[2])


def request_digest(members: Mapping[str, Any]) -> str:
    """Return what tells one request from another, whatever page it asks for."""
    lasting = {name: value for name, value in members.items() if name != "NextToken"}
    return hashlib.sha256(msgspec.json.encode(lasting, order="deterministic")).hexdigest()[:16]
