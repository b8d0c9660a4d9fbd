"""What is kept of alarms on their compacted topic: one record per key, the newest of a key counts.

=================== ========================================================
key                 value
=================== ========================================================
``alarm/<name>``    what the user put, its tags, and when
``state/<name>``    the standing
``mute/<name>``     a mute rule
``through``         the newest instant whose evaluations are durable
=================== ========================================================

Law: alarm and state records also hold the history items that they stand for (outbox). They are
written first and their items published after; what a crash left unpublished is published from the
record, under the same identity. A state record names the incarnation of its alarm, so that a state
never counts for another alarm of the same name. A deletion is first a record that says so, for the
sake of its outbox, and then a tombstone.
"""

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm as it was put; ``members`` are the request's, without its tags."""

    kind: AlarmKind
    members: dict[str, Any]
    tags: dict[str, str]
    incarnation: str
    created_ms: int
    updated_ms: int
    deleted: bool = False
    outbox: tuple[HistoryItem, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class MetricAlarmStateRecord:
    """How an alarm stands, and the items that its newest change stands for."""

    incarnation: str
    standing: MetricAlarmState
    outbox: tuple[HistoryItem, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class MuteRecord:
    """One mute rule as it was put; moments in ``members`` are epoch milliseconds."""

    members: dict[str, Any]
    updated_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class ThroughRecord:
    """The newest instant whose evaluations, and what they told, are durable."""

    through_ms: int
    schema: int = SCHEMA


Record = AlarmRecord | MetricAlarmStateRecord | MuteRecord | ThroughRecord
Kind = TypeVar("Kind", AlarmRecord, MetricAlarmStateRecord, MuteRecord, ThroughRecord)


def encode_record(record: Record) -> bytes:
    """Write a record."""
    return msgspec.json.encode(record)


def decode_record(raw: bytes, kind: type[Kind]) -> Kind:
    """Read a record; ``ValueError`` when it is none or of another version."""
    record = msgspec.json.decode(raw, type=kind)
    if record.schema != SCHEMA:
        raise ValueError(f"found schema {record.schema}, expected {SCHEMA}")
    return record
