"""Standings are kept while they matter, at most so many, and survive as plain data."""

import msgspec

from detector.core.vocabulary import AlarmState
from detector.detection.alarm_store import AlarmStore, TrackedAlarm
from detector.detection.alarms import Target
from detector.detection.state_machine import Persistence, Standing, WindowResult

HERE = ("r66", "fleet:checkout")
THERE = ("zone", "fleet:checkout")
PENDING = TrackedAlarm(Standing(AlarmState.PENDING, (WindowResult.MET,)))
LACKING = TrackedAlarm(Standing(AlarmState.INSUFFICIENT_DATA, (WindowResult.UNKNOWN,) * 3))


def test_what_is_quiet_is_forgotten() -> None:
    book = AlarmStore(10)
    book.put(HERE, ("az1", "h"), PENDING)
    assert (1, (HERE,), {("az1", "h"): PENDING}) == (len(book), book.places(), book.page(HERE))
    book.put(HERE, ("az1", "h"), TrackedAlarm())
    assert (0, (), {}) == (len(book), book.places(), book.page(HERE))


def test_dropping_what_is_not_there_changes_nothing() -> None:
    book = AlarmStore(10)
    book.put(HERE, ("a",), PENDING)
    book.drop(HERE, ("b",))
    book.drop(THERE, ("a",))
    assert 1 == len(book)


def test_the_oldest_that_only_lacks_data_makes_room() -> None:
    book = AlarmStore(3)
    for name, followed in (("a", PENDING), ("b", LACKING), ("c", LACKING)):
        book.put(HERE, (name,), followed)
    assert book.has_room()
    assert [("a",), ("c",)] == list(book.page(HERE))


def test_without_anything_to_give_up_there_is_no_room() -> None:
    book = AlarmStore(1)
    assert book.has_room()
    book.put(HERE, ("a",), PENDING)
    assert not book.has_room()
    assert 1 == len(book)


def test_a_book_survives_as_msgpack() -> None:
    book = AlarmStore(10)
    target = Target("checkout", "az1", "az1", "east-a", "h")
    verdicts = (WindowResult.MET, WindowResult.NOT_MET, WindowResult.UNKNOWN)
    alarm = TrackedAlarm(Standing(AlarmState.ALARM, verdicts), True, target, "v1")
    book.put(HERE, ("az1", "h"), alarm)
    book.put(THERE, ("az1",), PENDING)
    again = AlarmStore(10)
    again.put(HERE, ("old",), PENDING)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(book.snapshot())))
    assert {("az1", "h"): alarm} == again.page(HERE)
    assert {("az1",): PENDING} == again.page(THERE)
    assert 2 == len(again)


def test_all_standings_can_be_changed_at_once() -> None:
    book = AlarmStore(10)
    book.put(HERE, ("a",), PENDING)
    book.update(lambda _, standing: standing.after_gap(Persistence(1, 2)))
    expected = Standing(AlarmState.PENDING, (WindowResult.UNKNOWN,) * 2)
    assert expected == book.page(HERE)["a",].standing
