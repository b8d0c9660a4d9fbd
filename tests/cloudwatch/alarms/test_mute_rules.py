"""Mute rules: schedules against a scan minute by minute, changes of clocks, every refusal."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detector.cloudwatch.alarms.mute_rules import (
    MuteStatus,
    MuteType,
    duration_ms_of,
    read_mute_rule,
)
from detector.cloudwatch.alarms.validation import AlarmRefusedError

MINUTE = 60_000
UTC_ZONE = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")


def members(
    expression: str = "cron(0 2 * * SUN)",
    duration: str = "PT4H",
    zone: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    schedule = {"Expression": expression, "Duration": duration}
    if zone is not None:
        schedule["Timezone"] = zone
    return {
        "Name": "nightly",
        "Rule": {"Schedule": schedule},
        "MuteTargets": {"AlarmNames": ["a", "b"]},
        **changes,
    }


def at(text: str, zone: ZoneInfo = UTC_ZONE, fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) * 1000


def active(rule: dict[str, Any], first: int, last: int) -> list[str]:
    """Where the rule begins and ends to mute, to the minute, in UTC."""
    read, found, was = read_mute_rule(rule), [], False
    for at_ms in range(first, last, MINUTE):
        now = read.is_active(at_ms)
        if now is not was:
            found.append(
                f"{'+' if now else '-'}{datetime.fromtimestamp(at_ms / 1000, UTC):%dT%H:%M}"
            )
        was = now
    return found


def test_a_rule_mutes_from_every_occurrence_for_its_duration() -> None:
    rule = members("cron(30 1 * * MON-TUE,FRI)", "PT90M")
    # 2026-11-23 is a Monday.
    expected = ["+23T01:30", "-23T03:00", "+24T01:30", "-24T03:00", "+27T01:30", "-27T03:00"]
    assert expected == active(rule, at("2026-11-23T00:00"), at("2026-11-28T00:00"))


def test_occurrences_that_overlap_mute_without_a_gap() -> None:
    rule = members("cron(0 1 * * *)", "P2D")
    assert active(rule, at("2026-11-23T02:00"), at("2026-11-27T00:00")) == ["+23T02:00"]


def test_random_schedules_agree_with_a_scan_of_the_calendar(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        hours = sorted(chance.sample(range(24), 2))
        days = chance.sample(range(7), 3)
        minute = chance.randint(0, 59)
        length = chance.randint(1, 300)
        names = ",".join(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")[day] for day in days)
        expression = f"cron({minute} {hours[0]}-{hours[1]} * * {names})"
        rule = read_mute_rule(members(expression, f"PT{length}M"))
        moment = at("2026-03-01T00:00") + chance.randint(0, 300 * 24 * 60) * MINUTE
        began = [
            back for back in range(length) if _starts(moment - back * MINUTE, minute, hours, days)
        ]
        assert bool(began) is rule.is_active(moment), (expression, length, moment)


def _starts(at_ms: int, minute: int, hours: list[int], days: list[int]) -> bool:
    then = datetime.fromtimestamp(at_ms / 1000, UTC)
    return then.minute == minute and hours[0] <= then.hour <= hours[1] and then.weekday() in days


def test_where_clocks_go_forward_a_missing_occurrence_comes_with_the_change() -> None:
    # New York has no 02:30 on 2026-03-08: 02:00 EST is 03:00 EDT, 07:00 UTC.
    rule = members("cron(30 2 * * *)", "PT1H", "America/New_York")
    expected = ["+07T07:30", "-07T08:30", "+08T07:00", "-08T08:00", "+09T06:30", "-09T07:30"]
    assert expected == active(rule, at("2026-03-07T00:00"), at("2026-03-10T00:00"))


def test_where_clocks_go_back_a_repeated_occurrence_comes_once() -> None:
    # New York has 01:30 twice on 2026-11-01: 05:30 UTC and 06:30 UTC.
    rule = members("cron(30 1 * * *)", "PT1H", "America/New_York")
    expected = ["+31T05:30", "-31T06:30", "+01T05:30", "-01T06:30", "+02T06:30", "-02T07:30"]
    assert expected == active(rule, at("2026-10-31T00:00"), at("2026-11-03T00:00"))


def test_every_hour_comes_also_in_the_night_of_the_change() -> None:
    rule = members("cron(0 * * * *)", "PT10M", "America/New_York")
    found = active(rule, at("2026-11-01T04:00"), at("2026-11-01T09:00"))
    assert [f"+01T0{hour}:00" for hour in range(4, 9)] == found[::2]


def test_a_rule_may_mute_once_in_the_time_of_its_zone() -> None:
    rule = members("at(2026-05-10T14:00)", "PT2H", "Asia/Tokyo")
    assert active(rule, at("2026-05-10T00:00"), at("2026-05-11T00:00")) == [
        "+10T05:00",
        "-10T07:00",
    ]
    read = read_mute_rule(rule)
    assert read.mute_type is MuteType.ONE_TIME
    stands = [read.status(at(f"2026-05-10T{hour}:00")) for hour in ("04", "05", "07")]
    assert [MuteStatus.SCHEDULED, MuteStatus.ACTIVE, MuteStatus.EXPIRED] == stands


def test_nothing_is_muted_before_the_start_or_after_the_expiry() -> None:
    rule = members(
        "cron(0 2 * * *)",
        "PT4H",
        StartDate=datetime(2026, 11, 24, 3, tzinfo=UTC),
        ExpireDate=at("2026-11-25T05:00"),
    )
    expected = ["+24T03:00", "-24T06:00", "+25T02:00", "-25T05:00"]
    assert expected == active(rule, at("2026-11-23T00:00"), at("2026-11-27T00:00"))
    read = read_mute_rule(rule)
    assert read.mute_type is MuteType.RECURRING
    stands = [read.status(at(f"2026-11-{day}T04:00")) for day in ("23", "24", "26")]
    assert [MuteStatus.SCHEDULED, MuteStatus.ACTIVE, MuteStatus.EXPIRED] == stands


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1M", 60),
        ("P15D", 15 * 86_400),
        ("P2DT12H", 60 * 3_600),
        ("PT4H", 4 * 3_600),
        ("P1W", 7 * 86_400),
        ("PT90S", 90),
        ("P1DT1H1M1S", 90_061),
    ],
)
def test_durations_are_iso_8601(text: str, seconds: int) -> None:
    assert duration_ms_of(text) == seconds * 1000
    pieces = timedelta(seconds=seconds)
    assert timedelta(milliseconds=duration_ms_of(text)) == pieces


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "1H", "PT1.5H", "PT1H1D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration such as PT4H or P2DT12H"):
        duration_ms_of(text)


WHAT = "found '{}', expected numbers and names, alone or with '-' and ',', or '*'"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (members(Name=None), "Name is missing, expected a text"),
        (members(Rule=None), None),
        (
            members("every day"),
            (
                "Rule.Schedule.Expression is 'every day', "
                "expected cron(0 2 * * SUN) or at(2026-05-10T14:00)"
            ),
        ),
        (
            members("cron(0 2 * *)"),
            (
                "Rule.Schedule.Expression is 'cron(0 2 * *)': found 4 fields, expected 5: "
                "minutes, hours, day of month, month, day of week"
            ),
        ),
        (
            members("cron(*/5 2 * * *)"),
            f"Rule.Schedule.Expression is 'cron(*/5 2 * * *)': {WHAT.format('*/5')}",
        ),
        (
            members("cron(0 2 L * *)"),
            f"Rule.Schedule.Expression is 'cron(0 2 L * *)': {WHAT.format('L')}",
        ),
        (
            members("cron(61 2 * * *)"),
            (
                "Rule.Schedule.Expression is 'cron(61 2 * * *)': bad minute, "
                "expected values that the calendar has"
            ),
        ),
        (
            members("cron(0 2 31 2 *)"),
            (
                "Rule.Schedule.Expression is 'cron(0 2 31 2 *)': bad day-of-month, "
                "expected values that the calendar has"
            ),
        ),
        (
            members("at(2026-02-30T10:00)"),
            (
                "Rule.Schedule.Expression is 'at(2026-02-30T10:00)', "
                "expected a date that exists in at(...)"
            ),
        ),
        (
            members(duration="4 hours"),
            "Rule.Schedule.Duration is '4 hours', expected an ISO 8601 duration such as PT4H",
        ),
        (members(duration="PT59S"), "Rule.Schedule.Duration is 'PT59S', expected PT1M to P15D"),
        (members(duration="P16D"), "Rule.Schedule.Duration is 'P16D', expected PT1M to P15D"),
        (
            members(zone="Mars"),
            "Rule.Schedule.Timezone: 'Mars' is no time zone, expected a name such as Europe/London",
        ),
        (
            members(MuteTargets={"AlarmNames": ["a"] * 101}),
            "MuteTargets.AlarmNames has 101 items, expected at most 100",
        ),
        (
            members(MuteTargets={"AlarmNames": [""]}),
            "MuteTargets.AlarmNames[0] has 0 characters, expected 1 to 255",
        ),
        (
            members(StartDate=2_000, ExpireDate=1_000),
            "ExpireDate is not after StartDate, expected a later moment",
        ),
        (
            members(Description="x" * 1025),
            "Description has 1025 characters, expected 0 to 1024",
        ),
    ],
)
def test_a_bad_rule_is_refused_with_what_is_wrong(
    rule: dict[str, Any], message: str | None
) -> None:
    with pytest.raises(AlarmRefusedError) as raised:
        read_mute_rule(rule)
    if message is None:
        message = (
            "Rule.Schedule.Expression is missing, expected a text; Rule.Schedule.Expression is '', "
            "expected cron(0 2 * * SUN) or at(2026-05-10T14:00); Rule.Schedule.Duration is "
            "missing, expected a text; Rule.Schedule.Duration is '', expected an ISO 8601 "
            "duration such as PT4H"
        )
    assert ("ValidationError", message) == (raised.value.code, str(raised.value))
