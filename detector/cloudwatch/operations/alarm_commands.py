"""Operations that change alarms: put, delete, set the state, enable or disable actions.

Every command makes its records durable before it answers. A command without an answer may be
repeated. Of two concurrent commands the later one in the log counts.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from detector.cloudwatch.alarms.alarm_history import configuration_item
from detector.cloudwatch.alarms.alarm_model import Alarm, AlarmKind, CompositeAlarm
from detector.cloudwatch.alarms.alarm_records import ALARM, AlarmRecord, encode_record
from detector.cloudwatch.alarms.alarm_store import Entry
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.requests import read_composite_alarm, read_metric_alarm, read_tags
from detector.cloudwatch.alarms.service import LogRecord, MetricAlarms
from detector.cloudwatch.alarms.validation import (
    LIMIT_EXCEEDED,
    ValidationErrors,
    refuse,
    shown,
)
from detector.cloudwatch.operations.contract import Members

NOT_FOUND = "ResourceNotFound"
CONFLICT = "ResourceConflict"
MAX_DELETED = 100


class AlarmCommands:
    """The commands on one service; ``clock`` returns epoch seconds."""

    def __init__(self, alarms: MetricAlarms, clock: Callable[[], float]) -> None:
        self._alarms = alarms
        self._store = alarms.store
        self._clock = clock

    async def put_metric_alarm(self, members: Members) -> Members:
        """Create or update a metric alarm; an update keeps its state and its tags."""
        alarm = read_metric_alarm(members)
        async with self._alarms.lock:
            await self._put(AlarmKind.METRIC, alarm, members)
        return {}

    async def put_composite_alarm(self, members: Members) -> Members:
        """Create or update a composite alarm and evaluate it at once."""
        alarm = read_composite_alarm(members)
        async with self._alarms.lock:
            self._store.graph.check(alarm, self._store.entries)
            await self._put(AlarmKind.COMPOSITE, alarm, members)
            await self._alarms.evaluate_changed({}, self._now_ms(), [alarm.name])
        return {}

    async def set_alarm_state(self, members: Members) -> Members:
        """Set the state of an alarm until its next evaluation."""
        errors = ValidationErrors(members)
        name = errors.text("AlarmName", low=1, high=255, required=True)
        state = StateValue(errors.choice("StateValue", StateValue))
        reason = errors.text("StateReason", low=0, high=1_023)
        if not errors.has("StateReason"):
            errors.add("StateReason is missing, expected a text")
        reason_data = str(members.get("StateReasonData") or "")
        if len(reason_data) > 4_000:  # noqa: PLR2004 - the model's bound
            errors.add(f"StateReasonData has {len(reason_data)} characters, expected at most 4000")
        errors.raise_if_invalid()
        if reason_data and not _is_json(reason_data):
            refuse(f"StateReasonData is {shown(reason_data)}, expected JSON", "InvalidFormat")
        async with self._alarms.lock:
            entry = self._store.entries.get(name)
            if entry is None:
                refuse(f"there is no alarm {shown(name)}", NOT_FOUND)
            now_ms = self._now_ms()
            moved = entry.state.moved(state, reason, reason_data, now_ms)
            await self._alarms.evaluate_changed({name: moved}, now_ms)
        return {}

    async def enable_alarm_actions(self, members: Members) -> Members:
        """Enable the actions of alarms; unknown names are ignored."""
        return await self._set_actions(members, enabled=True)

    async def disable_alarm_actions(self, members: Members) -> Members:
        """Disable the actions of alarms; they are still evaluated."""
        return await self._set_actions(members, enabled=False)

    async def delete_alarms(self, members: Members) -> Members:
        """Delete up to 100 alarms, at most one of them composite."""
        errors = ValidationErrors(members)
        names = [str(name) for name in errors.items("AlarmNames", high=MAX_DELETED)]
        errors.raise_if_invalid()
        async with self._alarms.lock:
            entries = self._store.entries
            found = [entries[name] for name in dict.fromkeys(names) if name in entries]
            self._check_deletion(found)
            for entry in found:
                await self._delete(entry)
        missing = [name for name in names if name not in {entry.name for entry in found}]
        if missing:
            refuse(
                f"there are no alarms {', '.join(map(shown, missing[:5]))}; "
                f"{len(found)} others were deleted",
                NOT_FOUND,
            )
        return {}

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _put(self, kind: AlarmKind, alarm: Alarm, members: Members) -> None:
        stored = plain_members(members)
        before = self._store.entries.get(alarm.name)
        now_ms = self._now_ms()
        if before is None:
            if len(self._store.entries) >= self._alarms.settings.alarms:
                refuse(
                    f"there are {len(self._store.entries)} alarms, expected fewer than "
                    f"{self._alarms.settings.alarms}: delete some",
                    LIMIT_EXCEEDED,
                )
            errors = ValidationErrors(members)
            tags = read_tags(errors)
            errors.raise_if_invalid()
            item = configuration_item(alarm.name, kind, "created", stored, now_ms)
            generation = f"{now_ms}"
            record = AlarmRecord(kind, stored, tags, generation, now_ms, now_ms, outbox=(item,))
            await self._write(alarm.name, record)
            return
        if before.record.kind is not kind:
            refuse(
                f"alarm {shown(alarm.name)} is a {before.record.kind}, expected a {kind} or a "
                "name that is not taken"
            )
        await self._change(before, stored, now_ms)

    async def _change(self, entry: Entry, stored: dict[str, Any], now_ms: int) -> None:
        item = configuration_item(entry.name, entry.record.kind, "updated", stored, now_ms)
        outbox = (*self._alarms.lacking(entry.record.outbox), item)
        await self._write(
            entry.name, replace(entry.record, members=stored, updated_ms=now_ms, outbox=outbox)
        )

    async def _write(self, name: str, record: AlarmRecord) -> None:
        log_record = LogRecord(f"{ALARM}{name}", encode_record(record))
        await self._alarms.write([log_record], record.outbox)

    async def _set_actions(self, members: Members, *, enabled: bool) -> Members:
        errors = ValidationErrors(members)
        names = [str(name) for name in errors.items("AlarmNames", high=100)]
        errors.raise_if_invalid()
        async with self._alarms.lock:
            for name in dict.fromkeys(names):
                entry = self._store.entries.get(name)
                if entry is not None and entry.alarm.actions.enabled is not enabled:
                    stored = {**entry.record.members, "ActionsEnabled": enabled}
                    await self._change(entry, stored, self._now_ms())
        return {}

    def _check_deletion(self, found: list[Entry]) -> None:
        composites = [entry for entry in found if isinstance(entry.alarm, CompositeAlarm)]
        if len(composites) > 1:
            refuse(f"found {len(composites)} composite alarms, expected at most one at a time")
        deleted = {entry.name for entry in found}
        for entry in found:
            parents = [
                name for name in self._store.graph.parents(entry.name) if name not in deleted
            ]
            if parents:
                refuse(
                    f"alarm {shown(entry.name)} is named by composite alarms "
                    f"{', '.join(map(shown, parents[:5]))}: change their rules first",
                    CONFLICT,
                )

    async def _delete(self, entry: Entry) -> None:
        record, now_ms = entry.record, self._now_ms()
        item = configuration_item(entry.name, record.kind, "deleted", record.members, now_ms)
        outbox = (
            *self._alarms.lacking(record.outbox),
            *self._alarms.lacking(entry.state_outbox),
            item,
        )
        deleted = replace(record, updated_ms=now_ms, deleted=True, outbox=outbox)
        await self._write(entry.name, deleted)
        await self._alarms.write_tombstone(entry.name)


def plain_members(members: Members) -> dict[str, Any]:
    """Return a request's members as plain data to store: without tags and null members."""
    kept = {name: value for name, value in members.items() if value is not None}
    kept.pop("Tags", None)
    plain: dict[str, Any] = msgspec.to_builtins(kept)
    return plain


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
