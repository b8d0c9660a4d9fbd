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
from detector.cloudwatch.operations.alarm_views import moment
from detector.cloudwatch.operations.contract import Members

PAGE = 50
MOMENTS = ("StartDate", "ExpireDate")
NOT_FOUND = "ResourceNotFoundException"


def mute_arn_prefix(arn_prefix: str) -> str:
    """Return the ARN of a mute rule without its name, from that of an alarm."""
    return f"{arn_prefix.removesuffix('alarm:')}alarm-mute-rule:"


class AlarmMutes:
    """The operations of mute rules over one service; ``clock`` returns epoch seconds."""

    def __init__(self, alarms: MetricAlarms, clock: Callable[[], float]) -> None:
        self._alarms = alarms
        self._book = alarms.store
        self._clock = clock
        self._prefix = mute_arn_prefix(alarms.settings.evaluation.arn_prefix)

    async def put_alarm_mute_rule(self, members: Members) -> Members:
        """Create or replace a mute rule; the alarms that it names must exist."""
        rule = read_mute_rule(members)
        async with self._alarms.lock:
            lacking = sorted(rule.targets - self._book.entries.keys())
            if lacking:
                refuse(
                    f"MuteTargets.AlarmNames has {', '.join(map(shown, lacking[:5]))}, "
                    "expected alarms that exist"
                )
            found = self._book.mutes.get(rule.name)
            limit = self._alarms.settings.mute_rules
            if found is None and len(self._book.mutes) >= limit:
                refuse(
                    f"there are {len(self._book.mutes)} mute rules, expected fewer than {limit}: "
                    "delete some",
                    LIMIT_EXCEEDED,
                )
            complaints = ValidationErrors(members)
            tags = read_tags(complaints) if found is None else found[0].tags
            complaints.raise_if_invalid()
            now_ms = self._now_ms()
            record = MuteRecord(_plain(members), now_ms, tags)
            await self._write(rule.name, record)
        return {}

    async def get_alarm_mute_rule(self, members: Members) -> Members:
        """Show one mute rule and where it stands."""
        name = str(members.get("AlarmMuteRuleName"))
        found = self._book.mutes.get(name)
        if found is None:
            refuse(f"there is no alarm mute rule {shown(name)}", NOT_FOUND)
        record, rule = found
        kept = {key: value for key, value in record.members.items() if key not in MOMENTS}
        return {**kept, **self._summary(record, rule), **_moments(rule)}

    async def list_alarm_mute_rules(self, members: Members) -> Members:
        """Show mute rules by alarm and status, in pages by name."""
        complaints = ValidationErrors(members)
        statuses = [str(each) for each in complaints.items("Statuses", high=len(MuteStatus))]
        for each in statuses:
            if each not in set(MuteStatus):
                complaints.add(f"Statuses has {shown(each)}, expected {', '.join(MuteStatus)}")
        complaints.raise_if_invalid()
        alarm = members.get("AlarmName")
        if alarm is not None and alarm not in self._book.entries:
            refuse(f"there is no alarm {shown(alarm)}", NOT_FOUND)
        now_ms = self._now_ms()
        found = [
            (record, rule)
            for _, (record, rule) in sorted(self._book.mutes.items())
            if (alarm is None or alarm in rule.targets)
            and (not statuses or rule.status(now_ms) in statuses)
        ]
        rules, token = page(members, found, lambda each: each[1].name, length=PAGE)
        summaries = [self._summary(*each) for each in rules]
        return {"AlarmMuteRuleSummaries": summaries, **token}

    async def delete_alarm_mute_rule(self, members: Members) -> Members:
        """Delete a mute rule; what it held is told at once. One that is not there is no error."""
        name = str(members.get("AlarmMuteRuleName"))
        async with self._alarms.lock:
            if name in self._book.mutes:
                await self._alarms.write([LogRecord(f"{MUTE}{name}", None)], ())
                await self._alarms.evaluate_changed({}, self._now_ms())
        return {}

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _write(self, name: str, record: MuteRecord) -> None:
        await self._alarms.write([LogRecord(f"{MUTE}{name}", encode_record(record))], ())

    def _summary(self, record: MuteRecord, rule: MuteRule) -> dict[str, Any]:
        expires = {name: value for name, value in _moments(rule).items() if name == MOMENTS[1]}
        return {
            "AlarmMuteRuleArn": f"{self._prefix}{rule.name}",
            "LastUpdatedTimestamp": moment(record.updated_ms),
            "MuteType": rule.mute_type.value,
            "Status": rule.status(self._now_ms()).value,
            **expires,
        }


def _moments(rule: MuteRule) -> dict[str, datetime]:
    values = zip(MOMENTS, (rule.start_ms, rule.expire_ms), strict=True)
    return {name: moment(value) for name, value in values if value is not None}


def _plain(members: Members) -> dict[str, Any]:
    changed = {
        name: int(members[name].timestamp() * 1000)
        for name in MOMENTS
        if members.get(name) is not None
    }
    return plain_members({**members, **changed})
