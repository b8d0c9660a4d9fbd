"""Alarms are kept while they matter, at most so many, and survive as plain data."""

import msgspec

from detector.core.vocabulary import AlarmState
from detector.detection.alarm_store import AlarmStore
from detector.detection.alarms import Target
from detector.detection.persistence import Persistence
from detector.detection.tracked_alarm import TrackedAlarm, WindowResult

HERE = ("r66", "fleet:checkout")
THERE = ("zone", "fleet:checkout")
PENDING = TrackedAlarm(AlarmState.PENDING, (WindowResult.MET,))
LACKING = TrackedAlarm(AlarmState.INSUFFICIENT_DATA, (WindowResult.UNKNOWN,) * 3)


def test_what_is_quiet_is_forgotten() -> None:
    store = AlarmStore(10)
    store.put(HERE, ("az1", "h"), PENDING)
    assert (1, (HERE,), {("az1", "h"): PENDING}) == (len(store), store.tracked(), store.entry(HERE))
    store.put(HERE, ("az1", "h"), TrackedAlarm())
    assert (0, (), {}) == (len(store), store.tracked(), store.entry(HERE))


def test_dropping_what_is_not_there_changes_nothing() -> None:
    store = AlarmStore(10)
    store.put(HERE, ("a",), PENDING)
    store.drop(HERE, ("b",))
    store.drop(THERE, ("a",))
    assert 1 == len(store)


def test_the_oldest_that_only_lacks_data_makes_room() -> None:
    store = AlarmStore(3)
    for name, alarm in (("a", PENDING), ("b", LACKING), ("c", LACKING)):
        store.put(HERE, (name,), alarm)
    assert store.make_space()
    assert [("a",), ("c",)] == list(store.entry(HERE))


def test_without_anything_to_give_up_there_is_no_room() -> None:
    store = AlarmStore(1)
    assert store.make_space()
    store.put(HERE, ("a",), PENDING)
    assert not store.make_space()
    assert 1 == len(store)


def test_a_store_survives_as_msgpack() -> None:
    store = AlarmStore(10)
    target = Target("checkout", "az1", "az1", "east-a", "h")
    results = (WindowResult.MET, WindowResult.NOT_MET, WindowResult.UNKNOWN)
    alarm = TrackedAlarm(AlarmState.ALARM, results, True, target, "v1")
    store.put(HERE, ("az1", "h"), alarm)
    store.put(THERE, ("az1",), PENDING)
    again = AlarmStore(10)
    again.put(HERE, ("old",), PENDING)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(store.snapshot())))
    assert {("az1", "h"): alarm} == again.entry(HERE)
    assert {("az1",): PENDING} == again.entry(THERE)
    assert 2 == len(again)


def test_all_alarms_can_be_changed_at_once() -> None:
    store = AlarmStore(10)
    store.put(HERE, ("a",), PENDING)
    store.update(lambda _, alarm: alarm.after_gap(Persistence(1, 2)))
    expected = TrackedAlarm(AlarmState.PENDING, (WindowResult.UNKNOWN,) * 2)
    assert expected == store.entry(HERE)["a",]
