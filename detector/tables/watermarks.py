"""Progress of every source partition, and the panes that may close.

Law: a pane closes when every expected source partition has progressed past it; or, incomplete, when
``max_wait_ms`` of the reader's clock have passed since a source partition first passed it.

The sources declare which partitions are expected: every record names all input topics with their
numbers of partitions. While a change of configuration rolls out, the union of the declarations
holds, so no source is forgotten before its last reader is; a topic that is no longer read drops out
once its readers declare so.

A partition is idle only when its log was repeatedly proven to end at the same offset for the whole
of ``idle_ms``. One proof is not enough: a worker that reconnects to the broker after an outage sees
the end of the log at once, while producers have yet to deliver what waited in the meantime.
"""

from collections import deque
from collections.abc import Mapping

MIN_GAP_MS = 2_000
"""Proofs no further apart than this always form one run; they come about twice a second."""


class Idleness:
    """Proofs of the end of one partition's log; times in epoch milliseconds."""

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._max_gap_ms = max(MIN_GAP_MS, idle_ms // 2)
        self._offset = -1
        self._since_ms = self._seen_ms = 0

    def proves(self, next_offset: int, now_ms: int) -> bool:
        """Add a proof that the log ended at ``next_offset``; return whether it is idle.

        A new offset, a gap of more than half the idle time (at least 2 s), and a clock that was
        set back start a new run.
        """
        gap = now_ms - self._seen_ms
        if next_offset != self._offset or not 0 <= gap <= self._max_gap_ms:
            self._offset, self._since_ms = next_offset, now_ms
        self._seen_ms = now_ms
        return now_ms - self._since_ms >= self._idle_ms


Source = tuple[str, int]
"""Topic and partition."""

NOWHERE = -1


class SourceProgress:
    """Progress of all source partitions; arrivals in seconds, panes in epoch milliseconds."""

    def __init__(self, max_wait_ms: int) -> None:
        self._max_wait_seconds = max_wait_ms / 1000
        self._through: dict[Source, int] = {}
        self._declared: dict[Source, Mapping[str, int]] = {}
        self._newest: Mapping[str, int] = {}
        self._expected: tuple[Source, ...] = ()
        # Only moves of the farthest source matter: then a pane is passed for the first time.
        self._moves: deque[tuple[int, float]] = deque()
        self._farthest = NOWHERE
        self._timed_out = NOWHERE

    def through(self, source: Source) -> int:
        """Return the newest pane that ``source`` has closed, -1 before its first record."""
        return self._through.get(source, NOWHERE)

    def note(
        self, source: Source, through_ms: int, sources: Mapping[str, int], arrived: float
    ) -> None:
        """Record that ``source`` has closed all panes up to ``through_ms``."""
        self._through[source] = max(self.through(source), through_ms)
        if sources != self._newest or sources != self._declared.get(source):
            self._declared[source] = self._newest = dict(sources)
            self._expected = self._all_declared()
        if through_ms > self._farthest:
            self._farthest = through_ms
            self._moves.append((through_ms, arrived))

    def frontier(self, now: float) -> int:
        """Return the newest pane that may close at ``now``, complete or not; -1 when none may."""
        while self._moves and self._moves[0][1] + self._max_wait_seconds <= now:
            self._timed_out = self._moves.popleft()[0]
        return max(self.complete_through(), self._timed_out)

    def complete_through(self) -> int:
        """Return the newest pane that every expected source partition has closed, or -1."""
        return min(map(self.through, self._expected), default=NOWHERE)

    def missing(self, pane_ms: int) -> tuple[str, ...]:
        """Name the expected source partitions that have not closed ``pane_ms`` yet."""
        return tuple(
            f"{topic}/{partition}"
            for topic, partition in self._expected
            if self.through((topic, partition)) < pane_ms
        )

    def _all_declared(self) -> tuple[Source, ...]:
        partitions = dict(self._newest)
        for (topic, partition), declared in self._declared.items():
            if partition < self._newest.get(topic, 0):
                for name, count in declared.items():
                    partitions[name] = max(partitions.get(name, 0), count)
        return tuple(
            (topic, partition)
            for topic in sorted(partitions)
            for partition in range(partitions[topic])
        )
