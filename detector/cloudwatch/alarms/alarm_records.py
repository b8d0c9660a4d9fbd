"""The records on the compacted topic of alarms: the newest record of each key counts.

=================== ========================================================
key                 value
=================== ========================================================
``alarm/<name>``    the alarm as the user put it, its tags, and when
``state/<name>``    the state of the alarm
``mute/<name>``     a mute rule
``through``         the newest instant whose evaluations are durable
=================== ========================================================

Law: an alarm or state record also holds the history items that its change caused (its outbox). The
record is written first and its items are published after it; items that a crash left unpublished
are published from the record, under the same ids. A state record names the generation of its alarm,
so a state never counts for another alarm of the same name. A deletion is first written as a record
with ``deleted`` set, because of its outbox, and then as a tombstone.
"""

from typing import Any, Final, TypeVar

import msgspec

from detector.cloudwatch.alarms.alarm_history import HistoryItem
from detector.cloudwatch.alarms.alarm_model import AlarmKind
from detector.cloudwatch.alarms.alarm_state import MetricAlarmState

SCHEMA: Final = 1
ALARM: Final = "alarm/"
STATE: Final = "state/"
MUTE: Final = "mute/"
THROUGH: Final = "through"
_GENERATION: Final = "incarnation"
_STATE: Final = "standing"
"""Members keep their first names on the wire, because topics hold records of older versions."""


class AlarmRecord(msgspec.Struct, frozen=True):
    """One alarm as it was put; ``members`` are the request's, without its tags."""

    kind: AlarmKind
    members: dict[str, Any]
    tags: dict[str, str]
    generation: str = msgspec.field(name=_GENERATION)
    created_ms: int
    updated_ms: int
    deleted: bool = False
    outbox: tuple[HistoryItem, ...] = ()
    schema: int = SCHEMA


class MetricAlarmStateRecord(msgspec.Struct, frozen=True):
    """The state of an alarm, and the history items that its newest change caused."""

    generation: str = msgspec.field(name=_GENERATION)
    state: MetricAlarmState = msgspec.field(name=_STATE)
    outbox: tuple[HistoryItem, ...] = ()
    schema: int = SCHEMA


class MuteRecord(msgspec.Struct, frozen=True):
    """One mute rule as it was put; moments in ``members`` are epoch milliseconds."""

    members: dict[str, Any]
    updated_ms: int
    tags: dict[str, str] = {}
    schema: int = SCHEMA


class ThroughRecord(msgspec.Struct, frozen=True):
    """The newest instant whose evaluations, and the history items of them, are durable."""

    through_ms: int
    schema: int = SCHEMA


Record = AlarmRecord | MetricAlarmStateRecord | MuteRecord | ThroughRecord
Kind = TypeVar("Kind", AlarmRecord, MetricAlarmStateRecord, MuteRecord, ThroughRecord)


def encode_record(record: Record) -> bytes:
    """Return the JSON of a record."""
    return msgspec.json.encode(record)


def decode_record(raw: bytes, kind: type[Kind]) -> Kind:
    """Read a record; ``ValueError`` when it is not one or has another schema version."""
    record = msgspec.json.decode(raw, type=kind)
    if record.schema != SCHEMA:
        raise ValueError(f"found schema {record.schema}, expected {SCHEMA}")
    return record
