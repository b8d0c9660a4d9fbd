"""All alarms and mute rules that exist, built from the records of their topic.

Law: the store depends on the records alone, and on their order only within one key, so compaction
changes nothing. A record that cannot be read is counted and skipped; it stops nothing.
"""

import msgspec

from detector.cloudwatch.alarms.alarm_graph import AlarmGraph
from detector.cloudwatch.alarms.alarm_history import HistoryItem, NotificationContext
from detector.cloudwatch.alarms.alarm_model import (
    Alarm,
    AlarmKind,
    CompositeAlarm,
)
from detector.cloudwatch.alarms.alarm_records import (
    ALARM,
    MUTE,
    STATE,
    THROUGH,
    AlarmRecord,
    MetricAlarmStateRecord,
    MuteRecord,
    ThroughRecord,
    decode_record,
)
from detector.cloudwatch.alarms.alarm_state import MetricAlarmState, first_state
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.mute_rules import MuteRule, read_mute_rule
from detector.cloudwatch.alarms.notifications import has_waiting_actions
from detector.cloudwatch.alarms.requests import read_composite_alarm, read_metric_alarm
from detector.core.errors import DetectorError


class Entry:
    """One alarm: what was put, its state, and the items of its newest change of state."""

    __slots__ = ("alarm", "name", "record", "state", "state_outbox")

    def __init__(self, record: AlarmRecord, alarm: Alarm) -> None:
        self.name = alarm.name
        self.record = record
        self.alarm = alarm
        self.state: MetricAlarmState = first_state(alarm, record.created_ms)
        self.state_outbox: tuple[HistoryItem, ...] = ()


class MetricAlarmStore:
    """Alarms and mute rules by name."""

    def __init__(self) -> None:
        self._states: dict[str, MetricAlarmStateRecord] = {}
        self._muting: dict[str, set[str]] = {}
        self.entries: dict[str, Entry] = {}
        self.deleted: dict[str, AlarmRecord] = {}
        self.mutes: dict[str, tuple[MuteRecord, MuteRule]] = {}
        self.graph = AlarmGraph()
        self.waiting: set[str] = set()
        self.through_ms: int | None = None
        self.unreadable = 0
        self.changes = 0

    def apply(self, key: str, raw: bytes | None) -> None:
        """Apply one record; ``None`` is a tombstone."""
        for start, apply in (
            (ALARM, self._apply_alarm),
            (STATE, self._apply_state),
            (MUTE, self._apply_mute),
            (THROUGH, self._apply_through),
        ):
            if key.startswith(start):
                try:
                    apply(key.removeprefix(start), raw)
                except (ValueError, TypeError, DetectorError, msgspec.MsgspecError):
                    self.unreadable += 1
                return
        self.unreadable += 1

    def state_of(self, name: str) -> StateValue | None:
        """Return an alarm's state; ``None`` when there is no such alarm."""
        entry = self.entries.get(name)
        return None if entry is None else entry.state.state

    def of_kind(self, kind: AlarmKind) -> list[Entry]:
        """Return the alarms of one kind, by name."""
        found = [entry for entry in self.entries.values() if entry.record.kind is kind]
        return sorted(found, key=lambda entry: entry.name)

    def notification_context(self, entry: Entry, at_ms: int) -> NotificationContext:
        """Return which mute rule mutes an alarm's actions at an instant, and their tags."""
        muting = sorted(
            name
            for name in self._muting.get(entry.name, ())
            if self.mutes[name][1].is_active(at_ms)
        )
        tags = entry.alarm.actions.notification_tags(entry.record.tags)
        return NotificationContext(muting[0] if muting else "", tags)

    def _apply_alarm(self, name: str, raw: bytes | None) -> None:
        self.changes += 1
        self._remove(name)
        if raw is None:
            return
        record = decode_record(raw, AlarmRecord)
        if record.deleted:
            self.deleted[name] = record
            return
        alarm: Alarm
        if record.kind is AlarmKind.COMPOSITE:
            alarm = read_composite_alarm(record.members)
            self.graph.put(alarm)
        else:
            alarm = read_metric_alarm(record.members)
        entry = self.entries[name] = Entry(record, alarm)
        state = self._states.get(name)
        if state is not None:
            self._set_state(entry, state)

    def _remove(self, name: str) -> None:
        entry = self.entries.pop(name, None)
        self.deleted.pop(name, None)
        self.waiting.discard(name)
        if entry is not None and isinstance(entry.alarm, CompositeAlarm):
            self.graph.drop(name)

    def _apply_state(self, name: str, raw: bytes | None) -> None:
        self._states.pop(name, None)
        if raw is None:
            return
        record = self._states[name] = decode_record(raw, MetricAlarmStateRecord)
        entry = self.entries.get(name)
        if entry is not None:
            self._set_state(entry, record)

    def _set_state(self, entry: Entry, record: MetricAlarmStateRecord) -> None:
        if record.generation != entry.record.generation:
            return
        entry.state = record.state
        entry.state_outbox = record.outbox
        self.waiting.discard(entry.name)
        if has_waiting_actions(record.state):
            self.waiting.add(entry.name)

    def _apply_mute(self, name: str, raw: bytes | None) -> None:
        _, before = self.mutes.pop(name, (None, None))
        for target in before.targets if before else ():
            self._muting[target].discard(name)
            if not self._muting[target]:
                del self._muting[target]
        if raw is None:
            return
        record = decode_record(raw, MuteRecord)
        rule = read_mute_rule(record.members)
        self.mutes[name] = (record, rule)
        for target in rule.targets:
            self._muting.setdefault(target, set()).add(name)

    def _apply_through(self, _: str, raw: bytes | None) -> None:
        self.through_ms = None if raw is None else decode_record(raw, ThroughRecord).through_ms
