"""Idleness: for how long one source partition has been seen to hold nothing new.

Law: a partition is idle only when its log was proven to end at the same offset again and again for
the whole of ``idle_ms``. One look is not enough: a worker that finds the broker again after an
outage sees the end of the log at once, while producers, which have been waiting as long, are yet to
come with what they could not deliver.
"""

LEAST_GAP_MS = 2_000
"""Proofs no further apart than this always count as one run; they come about twice a second."""


class Idleness:
    """What was seen of the end of one partition's log; times in epoch milliseconds."""

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._most_gap_ms = max(LEAST_GAP_MS, idle_ms // 2)
        self._offset = -1
        self._since_ms = self._seen_ms = 0

    def proves(self, next_offset: int, now_ms: int) -> bool:
        """Take one proof that the log ended at ``next_offset``; say whether it is idle by now.

        A new offset, a gap of more than half the idle time (at least 2 s), and a clock that was
        set back begin the run anew.
        """
        gap = now_ms - self._seen_ms
        if next_offset != self._offset or not 0 <= gap <= self._most_gap_ms:
            self._offset, self._since_ms = next_offset, now_ms
        self._seen_ms = now_ms
        return now_ms - self._since_ms >= self._idle_ms
