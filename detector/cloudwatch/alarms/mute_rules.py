"""Mute rules: when the actions of which alarms are muted; the alarms are still evaluated.

A rule mutes for ``duration_ms`` from every occurrence of its schedule: ``cron(minutes hours
day-of-month month day-of-week)`` or ``at(yyyy-MM-ddThh:mm)``, in its time zone. When clocks go
forward, an occurrence in the skipped hour moves to the moment of the change; when they go back, an
occurrence in the repeated hour happens once. Nothing is muted before ``start_ms``, or from
``expire_ms`` on.

Source: CloudWatch API reference, PutAlarmMuteRule and Schedule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from cronsim import CronSim, CronSimError

from detector.cloudwatch.alarms.evaluation_times import DAY_MS, MINUTE_MS, zone_of
from detector.cloudwatch.alarms.requests import (
    DESCRIPTION_CHARACTERS,
    NAME_CHARACTERS,
    read_name,
)
from detector.cloudwatch.alarms.validation import ValidationErrors, shown

TARGETS: Final = 100
EXPRESSION_CHARACTERS: Final = 256
SHORTEST_MS: Final = MINUTE_MS
LONGEST_MS: Final = 15 * DAY_MS
_CRON: Final = re.compile(r"cron\(([^()]*)\)")
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d)\)")
_TERM: Final = r"(?:\d{1,2}|[A-Za-z]{3})(?:-(?:\d{1,2}|[A-Za-z]{3}))?"
_CRON_FIELD: Final = re.compile(rf"\*|{_TERM}(?:,{_TERM})*")
_CRON_FIELDS: Final = 5
_DURATION: Final = re.compile(
    r"P(?=.)(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)"
)
_DURATION_SECONDS: Final = (604_800, 86_400, 3_600, 60, 1)


class MuteStatus(StrEnum):
    """The status of a mute rule, in CloudWatch's words."""

    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"


class MuteType(StrEnum):
    """Whether a mute rule mutes once or repeatedly, in CloudWatch's words."""

    ONE_TIME = "ONE_TIME"
    RECURRING = "RECURRING"


@dataclass(frozen=True, slots=True)
class MuteRule:
    """One mute rule; exactly one of ``cron`` and ``at_ms`` is set."""

    name: str
    targets: frozenset[str]
    zone: tzinfo
    duration_ms: int
    cron: str = ""
    at_ms: int | None = None
    start_ms: int | None = None
    expire_ms: int | None = None

    @property
    def mute_type(self) -> MuteType:
        """Whether it mutes once or repeatedly."""
        return MuteType.RECURRING if self.cron else MuteType.ONE_TIME

    def is_active(self, at_ms: int) -> bool:
        """Return whether the rule mutes at ``at_ms``."""
        if self.expire_ms is not None and at_ms >= self.expire_ms:
            return False
        if self.start_ms is not None and at_ms < self.start_ms:
            return False
        began = self.at_ms if self.at_ms is not None else self._last_occurrence(at_ms)
        return began is not None and began <= at_ms < began + self.duration_ms

    def status(self, at_ms: int) -> MuteStatus:
        """Return the status at ``at_ms``."""
        if self.is_active(at_ms):
            return MuteStatus.ACTIVE
        over = self.expire_ms is not None and at_ms >= self.expire_ms
        if self.at_ms is not None:
            over = over or at_ms >= self.at_ms + self.duration_ms
        return MuteStatus.EXPIRED if over else MuteStatus.SCHEDULED

    def _last_occurrence(self, at_ms: int) -> int | None:
        """Return the start of the newest occurrence in milliseconds, or ``None``."""
        local = datetime.fromtimestamp(at_ms // MINUTE_MS * 60, UTC).astimezone(self.zone)
        # CronSim returns occurrences strictly before the moment, so start one minute later. In the
        # repeated hour it ignores the UTC offset: start after that hour and skip occurrences that
        # are still in the future.
        first = local.replace(fold=0).utcoffset() or timedelta()
        repeated = first - (local.utcoffset() or timedelta())
        begin = local.replace(fold=0) + timedelta(minutes=1) + repeated
        occurrences = CronSim(self.cron, begin, reverse=True)
        moments = (int(found.timestamp()) * 1000 for found in occurrences)
        return next((began for began in moments if began <= at_ms), None)


def read_mute_rule(members: Mapping[str, Any]) -> MuteRule:
    """Read the members of PutAlarmMuteRule; ``AlarmRefusedError`` reports every fault at once."""
    errors = ValidationErrors(members)
    name = read_name(errors, "Name")
    errors.text("Description", low=0, high=DESCRIPTION_CHARACTERS)
    rule = errors.structure("Rule") or {}
    schedule = ValidationErrors(rule.get("Schedule") or {})
    zone = _read_zone(schedule)
    cron, at_ms = _read_expression(schedule, zone)
    duration_ms = _read_duration(schedule)
    for text in schedule.messages:
        errors.add(f"Rule.Schedule.{text}")
    start, expire = _instant(members.get("StartDate")), _instant(members.get("ExpireDate"))
    if start is not None and expire is not None and expire <= start:
        errors.add("ExpireDate is not after StartDate, expected a later moment")
    targets = _read_targets(errors)
    errors.raise_if_invalid()
    return MuteRule(name, targets, zone, duration_ms, cron, at_ms, start, expire)


def duration_ms_of(text: str) -> int:
    """Return the milliseconds of an ISO 8601 duration in weeks, days, hours, minutes and seconds.

    ``ValueError`` when it is not one; years and months have no fixed length and are refused.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration such as PT4H or P2DT12H")
    parts = zip(match.groups(), _DURATION_SECONDS, strict=True)
    return sum(int(amount or 0) * seconds for amount, seconds in parts) * 1000


def _read_zone(schedule: ValidationErrors) -> tzinfo:
    text = schedule.text("Timezone", low=1, high=50) or "UTC"
    try:
        return zone_of(text)
    except ValueError as error:
        schedule.add(f"Timezone: {error}, expected a name such as Europe/London")
        return UTC


def _read_expression(schedule: ValidationErrors, zone: tzinfo) -> tuple[str, int | None]:
    text = schedule.text("Expression", low=1, high=EXPRESSION_CHARACTERS, required=True)
    once = _AT.fullmatch(text)
    if once is not None:
        try:
            moment = datetime.fromisoformat(once[1]).replace(tzinfo=zone)
        except ValueError:
            schedule.add(f"Expression is {shown(text)}, expected a date that exists in at(...)")
            return "", None
        return "", int(moment.timestamp()) * 1000
    cron = _CRON.fullmatch(text)
    if cron is None:
        schedule.add(
            f"Expression is {shown(text)}, expected cron(0 2 * * SUN) or at(2026-05-10T14:00)"
        )
        return "", None
    trouble = _cron_trouble(cron[1])
    if trouble:
        schedule.add(f"Expression is {shown(text)}: {trouble}")
    return cron[1], None


def _cron_trouble(text: str) -> str:
    fields = text.split()
    if len(fields) != _CRON_FIELDS:
        return (
            f"found {len(fields)} fields, expected 5: minutes, hours, day of month, month, "
            "day of week"
        )
    bad = [field for field in fields if not _CRON_FIELD.fullmatch(field)]
    if bad:
        return (
            f"found {shown(bad[0])}, expected numbers and names, alone or with '-' and ',', or '*'"
        )
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        return f"{str(error).lower() or 'it never comes'}, expected values that the calendar has"
    return ""


def _read_duration(schedule: ValidationErrors) -> int:
    text = schedule.text("Duration", low=1, high=50, required=True)
    try:
        found = duration_ms_of(text)
    except ValueError:
        schedule.add(f"Duration is {shown(text)}, expected an ISO 8601 duration such as PT4H")
        return SHORTEST_MS
    if not SHORTEST_MS <= found <= LONGEST_MS:
        schedule.add(f"Duration is {shown(text)}, expected PT1M to P15D")
    return found


def _read_targets(errors: ValidationErrors) -> frozenset[str]:
    targets = errors.structure("MuteTargets") or {}
    inner = ValidationErrors(targets)
    names = [
        inner.checked_text(name, f"AlarmNames[{index}]", low=1, high=NAME_CHARACTERS)
        for index, name in enumerate(inner.items("AlarmNames", high=TARGETS))
    ]
    for text in inner.messages:
        errors.add(f"MuteTargets.{text}")
    return frozenset(names)


def _instant(value: object) -> int | None:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    return value if isinstance(value, int) else None
