"""Alarms are kept while they matter, at most so many, and survive as plain data."""

from dataclasses import replace

import msgspec
import pytest

from detector.core.vocabulary import AlarmState
from detector.detection.alarm_store import AlarmStore
from detector.detection.alarms import Target
from detector.detection.state_machine import Persistence, WindowResult
from detector.detection.tracked_alarm import TrackedAlarm

HERE = ("r66", "fleet:checkout")
THERE = ("zone", "fleet:checkout")
NEW = TrackedAlarm(*HERE, ("az1", "h"))
PENDING = replace(NEW, state=AlarmState.PENDING, results=(WindowResult.MET,))
LACKING = replace(NEW, state=AlarmState.INSUFFICIENT_DATA, results=(WindowResult.UNKNOWN,) * 3)


def named(alarm: TrackedAlarm, name: str) -> TrackedAlarm:
    return replace(alarm, contributor=(name,))


def test_what_is_quiet_is_forgotten() -> None:
    store = AlarmStore(10)
    store.put(PENDING)
    assert (1, (HERE,), {("az1", "h"): PENDING}) == (
        len(store),
        store.alarm_keys(),
        store.alarms(HERE),
    )
    store.put(NEW)
    assert (0, (), {}) == (len(store), store.alarm_keys(), store.alarms(HERE))


def test_dropping_what_is_not_there_changes_nothing() -> None:
    store = AlarmStore(10)
    store.put(named(PENDING, "a"))
    store.drop(named(PENDING, "b"))
    store.drop(replace(named(PENDING, "a"), detector="zone"))
    assert 1 == len(store)


def test_the_oldest_that_only_lacks_data_makes_room() -> None:
    store = AlarmStore(3)
    for name, alarm in (("a", PENDING), ("b", LACKING), ("c", LACKING)):
        store.put(named(alarm, name))
    assert store.make_room()
    assert [("a",), ("c",)] == list(store.alarms(HERE))


def test_a_full_store_without_idle_alarms_takes_no_more() -> None:
    store = AlarmStore(1)
    assert store.make_room()
    store.put(PENDING)
    assert not store.make_room()
    assert 1 == len(store)


def test_a_store_survives_as_msgpack() -> None:
    store = AlarmStore(10)
    target = Target("checkout", "az1", "az1", "east-a", "h")
    results = (WindowResult.MET, WindowResult.NOT_MET, WindowResult.UNKNOWN)
    alarm = TrackedAlarm(
        *HERE,
        contributor=("az1", "h"),
        state=AlarmState.ALARM,
        results=results,
        confirmed=True,
        target=target,
        rule_version="v1",
        last_published_ms=7,
        frozen=True,
    )
    zone = TrackedAlarm(*THERE, ("az1",), AlarmState.PENDING, (WindowResult.MET,))
    store.put(alarm)
    store.put(zone)
    again = AlarmStore(10)
    again.put(named(PENDING, "old"))
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(store.snapshot())))
    assert {("az1", "h"): alarm} == again.alarms(HERE)
    assert {("az1",): zone} == again.alarms(THERE)
    assert 2 == len(again)


@pytest.mark.parametrize(("end", "frozen"), [([], False), ([False], False), ([True], True)])
def test_a_row_is_written_as_ever_and_one_of_an_earlier_release_is_read(
    end: list[bool], frozen: bool
) -> None:
    target = ["checkout", "az1", "az1", "east-a", "h"]
    row = [*HERE, ["az1", "h"], "alarm", "mhnu", True, "v1", target, 1_000]
    alarm = TrackedAlarm.from_row([*row, *end])
    assert (*WindowResult,) == alarm.results
    assert [*row, frozen] == alarm.row()


def test_all_alarms_can_be_changed_at_once() -> None:
    store = AlarmStore(10)
    store.put(PENDING)
    store.update(lambda alarm: alarm.after_gap(Persistence(1, 2)))
    expected = replace(PENDING, results=(WindowResult.UNKNOWN,) * 2)
    assert expected == store.alarms(HERE)["az1", "h"]
