"""When an event happened: the time in the event itself, else the time of its Kafka record.

Law: the first readable source wins: the EMF timestamp, then the mapped time fields in their order,
then the record. Only the EMF timestamp is binding: if it is present but unreadable, the event has
no time. An unreadable mapped field is skipped, since ``time`` may also be a duration.

Times are from 2000 (inclusive) to 2100 (exclusive), UTC. In that span the values in seconds,
milli-, micro- and nanoseconds since the epoch do not overlap, so the magnitude determines the unit.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from detector.core.vocabulary import TimeSource
from detector.logs.field_paths import FieldName, first_usable

EARLIEST_MS = 946_684_800_000
"""2000-01-01T00:00:00Z."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01T00:00:00Z, exclusive."""

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(?:[.,][0-9]{1,32})?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNITS = ((1_000, 1), (1, 1), (1, 1_000), (1, 1_000_000))
"""Milliseconds per unit as (numerator, denominator): seconds, milli-, micro-, nanoseconds."""


class EventTime(NamedTuple):
    """A time in epoch milliseconds, its source, and the name of its field (empty if none)."""

    ms: int
    source: TimeSource
    name: str


def event_time(
    document: Mapping[str, Any], *, emf: Any, names: Iterable[FieldName], record_ms: int
) -> EventTime | None:
    """Return the time of an event, ``None`` if it has no valid one.

    ``emf`` is the value of the EMF timestamp, ``None`` if the document has none.
    """
    if emf is not None:
        ms = read_emf(emf)
        return None if ms is None else EventTime(ms, TimeSource.EMF, "Timestamp")
    found = first_usable(document, names, read_field)
    if found is not None:
        return EventTime(found[1], TimeSource.FIELD, found[0])
    if _plausible(record_ms):
        return EventTime(record_ms, TimeSource.RECORD, "")
    return None


def read_emf(value: Any) -> int | None:
    """Read an EMF timestamp: whole milliseconds, also when written ``1700000000000.0``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not _plausible(value) or value != int(value):
        return None
    return int(value)


def read_field(value: Any) -> int | None:
    """Read a time field: RFC 3339 text with an offset, or a number since the epoch.

    Fractions of a millisecond are truncated in text and integers. Floats are rounded, because a
    double in epoch seconds cannot represent most milliseconds exactly.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for times, over in _UNITS:
        scaled = value * times
        if EARLIEST_MS * over <= scaled < LATEST_MS * over:
            ms = scaled // over if isinstance(scaled, int) else round(scaled / over)
            return ms if _plausible(ms) else None
    return None


def _plausible(ms: float) -> bool:
    return EARLIEST_MS <= ms < LATEST_MS


def _from_text(text: str) -> int | None:
    parts = _RFC_3339.fullmatch(text)
    if parts is None:
        return None
    # datetime supports neither leap seconds nor a lower-case z.
    leap = parts[1] == "60"
    if leap:
        text = f"{text[: parts.start(1)]}59{text[parts.end(1) :]}"
    try:
        ms = (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND + leap * 1_000
    except (ValueError, OverflowError):
        return None
    return ms if _plausible(ms) else None
