"""Reading one's own topics without a gap: which record may be taken next, per partition.

Law: after ``begin`` every record from that offset on is taken once and in order. A consumer that
loses what it had fetched (as happens when a rebalance comes while records wait in a queue) is sent
back to what is missing.

Theory of operation: an offset behind the expected one is a repetition. One ahead of it is a gap:
the reader goes back to the expected offset and skips what still waits in the queue, which only
ascends; with the first offset that is not higher the log is read again. What comes then, up to
where the queue ended, is all that there is: the rest is missing in the log itself (retention,
compaction, transaction markers).
"""

from dataclasses import dataclass
from enum import Enum

TopicPartition = tuple[str, int]
"""Topic and partition."""


class ReadStep(Enum):
    """What to do with a record: take it, skip it, or skip it and go back."""

    TAKE = "take"
    SKIP = "skip"
    GO_BACK = "go_back"


@dataclass(slots=True)
class _PartitionOrder:
    """``doubted``: up to where the log is read again; ``reads_again``: none of it is awaited."""

    expected: int
    doubted: int = -1
    reads_again: bool = True


class ReadingOrder:
    """Where reading stands in each partition of one's own topics."""

    def __init__(self) -> None:
        self._readings: dict[TopicPartition, _PartitionOrder] = {}

    def begin(self, place: TopicPartition, offset: int) -> None:
        """Expect ``offset`` next; forgets what was expected before."""
        self._readings[place] = _PartitionOrder(offset)

    def end(self, place: TopicPartition) -> None:
        """Take nothing more of a partition."""
        self._readings.pop(place, None)

    def expected(self, place: TopicPartition) -> int:
        """Return the offset that is to come next; ``KeyError`` where nothing was begun."""
        return self._readings[place].expected

    def step_for(self, place: TopicPartition, offset: int) -> ReadStep:
        """Judge the next record that came."""
        reading = self._readings.get(place)
        if reading is None or offset < reading.expected:
            return ReadStep.SKIP
        if offset > reading.doubted and not reading.reads_again:
            # It waited in the queue when we went back, and comes again.
            reading.doubted = offset
            return ReadStep.SKIP
        if offset > max(reading.expected, reading.doubted):
            reading.doubted, reading.reads_again = offset, False
            return ReadStep.GO_BACK
        reading.expected, reading.reads_again = offset + 1, True
        return ReadStep.TAKE
