"""When alarms are evaluated and what they look at; calendars against Python's own arithmetic."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.alarms.evaluation_times import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    WALL_CLOCK_PERIODS,
    WEEK_MS,
    EvaluationTimes,
    wall_clock_floor,
    zone_of,
)

NEW_YORK = ZoneInfo("America/New_York")
instants = st.integers(0, 2_000_000_000).map(lambda seconds: seconds * 1000)


def at(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1000


@pytest.mark.parametrize(
    ("period", "due"),
    [(10_000, [0, 10, 20, 30, 40, 50]), (30_000, [0, 10, 20, 30, 40, 50]), (60_000, [0])],
)
def test_short_periods_are_evaluated_every_ten_seconds_others_every_minute(
    period: int, due: list[int]
) -> None:
    times = EvaluationTimes(period, 3)
    assert due == [second for second in range(60) if times.is_due(MINUTE_MS + second * 1000)]


def test_a_sliding_range_ends_at_the_instant() -> None:
    times = EvaluationTimes(300_000, 2)
    at_ms = 7 * MINUTE_MS
    assert [at_ms - 600_000, at_ms - 300_000, at_ms] == times.boundaries(at_ms)


@given(instants, st.sampled_from(WALL_CLOCK_PERIODS))
def test_a_wall_clock_range_holds_only_whole_periods_in_order(at_ms: int, seconds: int) -> None:
    boundaries = EvaluationTimes(seconds * 1000, 4, NEW_YORK).boundaries(at_ms)
    assert len(boundaries) == 5
    assert boundaries == sorted(set(boundaries))
    assert boundaries[-1] <= at_ms
    assert boundaries[-1] == wall_clock_floor(boundaries[-1], seconds * 1000, NEW_YORK)


@given(instants)
def test_a_day_begins_at_local_midnight_and_a_week_on_monday(at_ms: int) -> None:
    for period_ms in (DAY_MS, WEEK_MS):
        begin = datetime.fromtimestamp(wall_clock_floor(at_ms, period_ms, NEW_YORK) / 1000, UTC)
        local = begin.astimezone(NEW_YORK)
        assert (0, 0, 0) == (local.hour, local.minute, local.second)
        assert period_ms == DAY_MS or local.weekday() == 0
        passed = datetime.fromtimestamp(at_ms / 1000, UTC) - begin
        assert timedelta() <= passed < timedelta(milliseconds=period_ms + HOUR_MS)


def test_days_are_as_long_as_the_calendar_makes_them() -> None:
    # Clocks go forward on 2026-03-08 and back on 2026-11-01.
    spring = EvaluationTimes(DAY_MS, 2, NEW_YORK).boundaries(at("2026-03-09T06:00"))
    autumn = EvaluationTimes(DAY_MS, 2, NEW_YORK).boundaries(at("2026-11-02T06:00"))
    hours = [[(b - a) // HOUR_MS for a, b in itertools.pairwise(x)] for x in (spring, autumn)]
    assert [[24, 23], [24, 25]] == hours


def test_hours_follow_an_offset_that_is_no_whole_hour() -> None:
    india = zone_of("+05:30")
    found = wall_clock_floor(at("2026-01-01T10:10", ZoneInfo("UTC")), HOUR_MS, india)
    assert found == at("2026-01-01T09:30", ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("UTC", 0), ("+05:30", 330), ("UTC-08:00", -480), ("Asia/Tokyo", 540)],
)
def test_a_zone_is_a_name_or_an_offset(text: str, minutes: int) -> None:
    offset = zone_of(text).utcoffset(datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))
    assert timedelta(minutes=minutes) == offset


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Mars/Olympus", "'Mars/Olympus' is no time zone"),
        ("../etc/passwd", "'../etc/passwd' is no time zone"),
        ("+05:33", "'+05:33' is no offset of whole five minutes under a day"),
        ("+25:00", "'+25:00' is no offset of whole five minutes under a day"),
    ],
)
def test_what_is_no_zone_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="is no") as raised:
        zone_of(text)
    assert message == str(raised.value)
