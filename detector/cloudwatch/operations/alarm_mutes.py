"""Mute rules: PutAlarmMuteRule, GetAlarmMuteRule, ListAlarmMuteRules, DeleteAlarmMuteRule."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from detector.cloudwatch.alarms.alarm_records import MUTE, MuteRecord, encode_record
from detector.cloudwatch.alarms.mute_rules import MuteRule, MuteStatus, read_mute_rule
from detector.cloudwatch.alarms.requests import read_tags
from detector.cloudwatch.alarms.service import LogRecord, MetricAlarms
from detector.cloudwatch.alarms.validation import (
    LIMIT_EXCEEDED,
    ValidationErrors,
    refuse,
    shown,
)
from detector.cloudwatch.operations.alarm_commands import plain_members
from detector.cloudwatch.operations.alarm_pages import page
from detector.cloudwatch.operations.alarm_views import utc
from detector.cloudwatch.operations.contract import Members

PAGE_SIZE = 50
TIMES = ("StartDate", "ExpireDate")
NOT_FOUND = "ResourceNotFoundException"


def mute_arn_prefix(arn_prefix: str) -> str:
    """Return the ARN of a mute rule without its name, from that of an alarm."""
    return f"{arn_prefix.removesuffix('alarm:')}alarm-mute-rule:"


class AlarmMutes:
    """The operations on mute rules of one service; ``clock`` returns epoch seconds."""

    def __init__(self, alarms: MetricAlarms, clock: Callable[[], float]) -> None:
        self._alarms = alarms
        self._store = alarms.store
        self._clock = clock
        self._prefix = mute_arn_prefix(alarms.settings.evaluation.arn_prefix)

    async def put_alarm_mute_rule(self, members: Members) -> Members:
        """Create or replace a mute rule; its target alarms must exist."""
        rule = read_mute_rule(members)
        async with self._alarms.lock:
            missing = sorted(rule.targets - self._store.entries.keys())
            if missing:
                refuse(
                    f"MuteTargets.AlarmNames has {', '.join(map(shown, missing[:5]))}, "
                    "expected alarms that exist"
                )
            found = self._store.mutes.get(rule.name)
            limit = self._alarms.settings.mute_rules
            if found is None and len(self._store.mutes) >= limit:
                refuse(
                    f"there are {len(self._store.mutes)} mute rules, expected fewer than {limit}: "
                    "delete some",
                    LIMIT_EXCEEDED,
                )
            errors = ValidationErrors(members)
            tags = read_tags(errors) if found is None else found[0].tags
            errors.raise_if_invalid()
            now_ms = self._now_ms()
            record = MuteRecord(_plain(members), now_ms, tags)
            await self._write(rule.name, record)
        return {}

    async def get_alarm_mute_rule(self, members: Members) -> Members:
        """Return one mute rule and its status."""
        name = str(members.get("AlarmMuteRuleName"))
        found = self._store.mutes.get(name)
        if found is None:
            refuse(f"there is no alarm mute rule {shown(name)}", NOT_FOUND)
        record, rule = found
        kept = {key: value for key, value in record.members.items() if key not in TIMES}
        return {**kept, **self._summary(record, rule), **_times(rule)}

    async def list_alarm_mute_rules(self, members: Members) -> Members:
        """Return mute rules by alarm and status, in pages by name."""
        errors = ValidationErrors(members)
        statuses = [str(each) for each in errors.items("Statuses", high=len(MuteStatus))]
        for each in statuses:
            if each not in set(MuteStatus):
                errors.add(f"Statuses has {shown(each)}, expected {', '.join(MuteStatus)}")
        errors.raise_if_invalid()
        alarm = members.get("AlarmName")
        if alarm is not None and alarm not in self._store.entries:
            refuse(f"there is no alarm {shown(alarm)}", NOT_FOUND)
        now_ms = self._now_ms()
        found = [
            (record, rule)
            for _, (record, rule) in sorted(self._store.mutes.items())
            if (alarm is None or alarm in rule.targets)
            and (not statuses or rule.status(now_ms) in statuses)
        ]
        rules, token = page(members, found, lambda each: each[1].name, length=PAGE_SIZE)
        summaries = [self._summary(*each) for each in rules]
        return {"AlarmMuteRuleSummaries": summaries, **token}

    async def delete_alarm_mute_rule(self, members: Members) -> Members:
        """Delete a mute rule and release what it muted at once; an unknown one is no error."""
        name = str(members.get("AlarmMuteRuleName"))
        async with self._alarms.lock:
            if name in self._store.mutes:
                await self._alarms.write([LogRecord(f"{MUTE}{name}", None)], ())
                await self._alarms.evaluate_changed({}, self._now_ms())
        return {}

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _write(self, name: str, record: MuteRecord) -> None:
        await self._alarms.write([LogRecord(f"{MUTE}{name}", encode_record(record))], ())

    def _summary(self, record: MuteRecord, rule: MuteRule) -> dict[str, Any]:
        expires = {name: value for name, value in _times(rule).items() if name == TIMES[1]}
        return {
            "AlarmMuteRuleArn": f"{self._prefix}{rule.name}",
            "LastUpdatedTimestamp": utc(record.updated_ms),
            "MuteType": rule.mute_type.value,
            "Status": rule.status(self._now_ms()).value,
            **expires,
        }


def _times(rule: MuteRule) -> dict[str, datetime]:
    values = zip(TIMES, (rule.start_ms, rule.expire_ms), strict=True)
    return {name: utc(value) for name, value in values if value is not None}


def _plain(members: Members) -> dict[str, Any]:
    changed = {
        name: int(members[name].timestamp() * 1000)
        for name in TIMES
        if members.get(name) is not None
    }
    return plain_members({**members, **changed})
