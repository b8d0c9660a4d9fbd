"""The fleet at work writes every event of the script once, in order, and stops on request."""

import threading
from collections.abc import Iterable

from detector.demo.fleet import FleetWriter
from tests.demo.builders import FLEET, SCRIPT, START_MS


class FakeFeed:
    """A broker that takes everything, or nothing."""

    def __init__(self, *, room: int = 10**9, failed: int = 0) -> None:
        self.lines: list[tuple[bytes, bytes, int]] = []
        self.failed = failed
        self.closed = threading.Event()
        self._room = room

    @property
    def written(self) -> int:
        return len(self.lines)

    def write(self, lines: Iterable[tuple[bytes, bytes, int]]) -> None:
        self.lines += lines
        if len(self.lines) > self._room:
            raise BufferError("queue full")

    def close(self) -> None:
        self.closed.set()


class Clock:
    """Every look takes it further by an uneven step, up to an end."""

    def __init__(self, until_ms: int) -> None:
        self._ms = START_MS
        self._until_ms = until_ms
        self.ended = threading.Event()

    def __call__(self) -> float:
        if self._ms == self._until_ms:
            self.ended.set()
        self._ms = min(self._until_ms, self._ms + 317)
        return self._ms / 1000


def test_every_event_is_written_once_and_in_order() -> None:
    clock, feed = Clock(START_MS + 900), FakeFeed()
    with FleetWriter(FLEET, SCRIPT, feed, clock) as fleet:  # type: ignore[arg-type]
        assert clock.ended.wait(20.0)
    assert FLEET.events(START_MS, START_MS + 900, SCRIPT.faults) == feed.lines
    assert (len(feed.lines), "") == (fleet.written, fleet.trouble)
    assert feed.closed.is_set()


def test_a_broker_that_takes_nothing_stops_the_fleet_with_a_reason() -> None:
    clock, feed = Clock(START_MS + 10_000), FakeFeed(room=1)
    with FleetWriter(FLEET, SCRIPT, feed, clock) as fleet:  # type: ignore[arg-type]
        assert feed.closed.wait(20.0)
    assert fleet.trouble == "the broker does not accept log lines: queue full"


def test_lines_that_were_given_up_stop_the_fleet_with_a_reason() -> None:
    clock, feed = Clock(START_MS + 10_000), FakeFeed(failed=3)
    with FleetWriter(FLEET, SCRIPT, feed, clock) as fleet:  # type: ignore[arg-type]
        assert feed.closed.wait(20.0)
    assert fleet.trouble == "3 log lines did not reach the broker"
