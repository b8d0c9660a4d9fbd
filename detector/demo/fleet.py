"""The running fleet: a thread that writes the fleet's log lines in real time.

Law: the lines of every millisecond since the start are written exactly once and in order, so a
stall of the machine delays lines but loses none.
"""

import threading
from collections.abc import Callable
from typing import Self

from detector.demo.kafka_feed import LogFeed
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script

TICK_SECONDS = 0.1


class FleetWriter:
    """Writes the fleet's events from ``script.start_ms`` on; a context manager.

    ``now`` returns epoch seconds.
    """

    def __init__(
        self, fleet: Fleet, script: Script, feed: LogFeed, now: Callable[[], float]
    ) -> None:
        self._fleet = fleet
        self._script = script
        self._feed = feed
        self._now = now
        self._through_ms = script.start_ms
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fleet", daemon=True)
        self.trouble = ""
        """Why it failed; empty while it has not."""

    @property
    def written(self) -> int:
        """Number of lines that the broker has acknowledged."""
        return self._feed.written

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._stopping.wait(TICK_SECONDS):
                self._catch_up()
        except BufferError as error:
            self.trouble = f"the broker does not accept log lines: {error}"
        finally:
            self._feed.close()

    def _catch_up(self) -> None:
        until_ms = int(self._now() * 1000)
        if until_ms > self._through_ms:
            lines = self._fleet.events(self._through_ms, until_ms, self._script.faults)
            self._through_ms = until_ms
            self._feed.write(lines)
        if self._feed.failed:
            self.trouble = f"{self._feed.failed} log lines did not reach the broker"
            self._stopping.set()
