"""Which time an event is given, and how times are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import TimeSource
from detector.logs.event_time import (
    EARLIEST_MS,
    LATEST_MS,
    EventTime,
    event_time,
    read_emf,
    read_field,
)
from detector.logs.field_paths import field_names

NAMES = field_names(["@timestamp", "time"])
RECORD_MS = 1_790_000_009_999
EMF_MS = 1_790_000_000_123


def test_the_bounds_are_the_years_2000_and_2100() -> None:
    assert EARLIEST_MS == datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert LATEST_MS == datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000


def test_the_emf_timestamp_goes_before_all_others() -> None:
    document = {"@timestamp": "2026-11-23T10:00:00Z"}
    found = event_time(document, emf=EMF_MS, names=NAMES, record_ms=RECORD_MS)
    assert EventTime(EMF_MS, TimeSource.EMF, "Timestamp") == found


def test_a_mapped_field_goes_before_the_record() -> None:
    document = {"time": "2026-11-23T10:00:00Z"}
    found = event_time(document, emf=None, names=NAMES, record_ms=RECORD_MS)
    assert EventTime(1_795_428_000_000, TimeSource.FIELD, "time") == found


def test_a_mapped_field_that_is_no_time_is_passed_over() -> None:
    document = {"@timestamp": "12:00", "time": 0.25}
    found = event_time(document, emf=None, names=NAMES, record_ms=RECORD_MS)
    assert EventTime(RECORD_MS, TimeSource.RECORD, "") == found


def test_an_unreadable_emf_timestamp_leaves_the_event_without_a_time() -> None:
    document = {"@timestamp": "2026-11-23T10:00:00Z"}
    assert event_time(document, emf="soon", names=NAMES, record_ms=RECORD_MS) is None


def test_without_any_time_there_is_none() -> None:
    assert event_time({}, emf=None, names=NAMES, record_ms=-1) is None


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (EMF_MS, EMF_MS),
        (float(EMF_MS), EMF_MS),
        (EARLIEST_MS, EARLIEST_MS),
        (LATEST_MS - 1, LATEST_MS - 1),
        (EARLIEST_MS - 1, None),
        (LATEST_MS, None),
        (EMF_MS + 0.5, None),
        (EMF_MS // 1000, None),
        (float("inf"), None),
        (str(EMF_MS), None),
        (True, None),
        ([EMF_MS], None),
        (10**400, None),
    ],
)
def test_emf_timestamps_are_whole_plausible_milliseconds(value: object, ms: int | None) -> None:
    assert ms == read_emf(value)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        # Expected values: date -u -d TEXT +%s%3N of GNU coreutils.
        ("2026-11-23T10:00:00Z", 1_795_428_000_000),
        ("2026-11-23t10:00:00z", 1_795_428_000_000),
        ("2026-11-23 10:00:00.123Z", 1_795_428_000_123),
        ("2026-11-23T10:00:00.1234567891234Z", 1_795_428_000_123),
        ("2026-11-23T10:00:00,9Z", 1_795_428_000_900),
        ("2026-11-23T10:00:00+02:00", 1_795_420_800_000),
        ("2026-11-23T10:00:00-0530", 1_795_447_800_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2000-01-01T00:00:00Z", EARLIEST_MS),
        ("2099-12-31T23:59:59.999Z", LATEST_MS - 1),
        ("1999-12-31T23:59:59.999Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("2026-11-23T10:00:00", None),
        ("2026-11-23", None),
        ("2026-13-23T10:00:00Z", None),
        ("2026-02-30T10:00:00Z", None),
        ("2026-11-23T24:00:00Z", None),
        ("2026-11-23T10:00:00+24:00", None),
        ("2026-11-23T10:00:00Z ", None),
        ("٢026-11-23T10:00:00Z", None),
        ("9999-12-31T23:59:60-23:59", None),
        ("1795428000", None),
        ("", None),
    ],
)
def test_texts_are_rfc_3339_with_an_offset(text: str, ms: int | None) -> None:
    assert ms == read_field(text)


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_790_000_000, 1_790_000_000_000),
        (1_790_000_000.123456, 1_790_000_000_123),
        (1_790_000_000_123, 1_790_000_000_123),
        (1_790_000_000_123.0, 1_790_000_000_123),
        (1_790_000_000_123_999, 1_790_000_000_123),
        (1_790_000_000_123_999_999, 1_790_000_000_123),
        (1.790000000123e18, 1_790_000_000_123),
        (946_684_800, EARLIEST_MS),
        (946_684_799, None),
        (4_102_444_800, None),
        (4_102_444_799.9999, None),
        (0, None),
        (-1_790_000_000, None),
        (10**400, None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_the_magnitude_of_a_number_tells_its_unit(value: object, ms: int | None) -> None:
    assert ms == read_field(value)


moments = st.integers(EARLIEST_MS + 86_400_000, LATEST_MS - 2 * 86_400_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_any_offset_names_the_same_moment(moment: datetime, minutes: int) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert expected == read_field(local.isoformat())


@given(st.integers(EARLIEST_MS, LATEST_MS - 1))
def test_every_unit_of_a_moment_gives_the_same_milliseconds(ms: int) -> None:
    assert {ms} == {read_field(value) for value in (ms, ms * 1_000, ms * 1_000_000, ms / 1_000)}


@given(st.integers() | st.floats() | st.text() | st.booleans() | st.none())
def test_whatever_is_read_lies_within_the_bounds(value: object) -> None:
    for ms in (read_field(value), read_emf(value)):
        assert ms is None or EARLIEST_MS <= ms < LATEST_MS
