"""Pages of datapoints: where one ends and the next begins.

Law: the pages of a request together hold each datapoint of its range once, in the order of ScanBy,
whatever is published in between: a token names the last datapoint, not a count.
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
    """The last datapoint of a page: its time and the index of its series."""

    time_ms: int
    series_index: int


class DatapointPage(NamedTuple):
    """Datapoints of each series, in scan order; ``more`` says which series continue."""

    parts: Sequence[Series]
    more: Sequence[bool]
    end: Position | None


def cut(
    series: Sequence[Series], *, after: Position | None, limit: int, descending: bool
) -> DatapointPage:
    """Return the next ``limit`` datapoints of all series: by time, then by index of the series."""
    sign = -1 if descending else 1
    times = np.concatenate([each.times for each in series]) if series else np.empty(0, np.int64)
    indexes = np.repeat(np.arange(len(series)), [each.times.size for each in series])
    within = np.concatenate([np.arange(each.times.size) for each in series] or [indexes])
    order = np.lexsort((indexes, sign * times))
    if after is not None:
        key, last = sign * times[order], sign * after.time_ms
        order = order[(key > last) | ((key == last) & (indexes[order] > after.series_index))]
    taken, left = order[:limit], order[limit:]
    parts = []
    for index, each in enumerate(series):
        chosen = within[taken[indexes[taken] == index]]
        parts.append(Series(times=each.times[chosen], values=each.values[chosen]))
    following = set(indexes[left].tolist())
    end = Position(int(times[taken[-1]]), int(indexes[taken[-1]])) if left.size else None
    return DatapointPage(parts, [index in following for index in range(len(series))], end)


def token_of(end: Position, request: str) -> str:
    """Return the token for the end of a page; it is valid only for this request."""
    encoded = msgspec.json.encode([request, end.time_ms, end.series_index])
    return base64.urlsafe_b64encode(encoded).decode()


def position_of(token: str, request: str) -> Position:
    """Return the position in a token; raises ``ApiError`` if it is not of this request."""
    try:
        digest, time_ms, index = msgspec.json.decode(
            base64.urlsafe_b64decode(token.encode()), type=tuple[str, int, int]
        )
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        raise ApiError("InvalidNextToken", "The token is not one that this API gave.") from None
    if digest != request:
        message = "The token belongs to another request: send the same parameters for every page."
        raise ApiError("InvalidNextToken", message)
    return Position(time_ms, index)


def request_digest(members: Mapping[str, Any]) -> str:
    """Return a digest of a request, the same for all its pages."""
    lasting = {name: value for name, value in members.items() if name != "NextToken"}
    return hashlib.sha256(msgspec.json.encode(lasting, order="deterministic")).hexdigest()[:16]
