"""Reads our own topics without gaps: decides which record is next, per partition.

Law: after ``begin`` every record from that offset on is taken once and in order. A consumer that
lost fetched records (when a rebalance happens while records wait in a queue) seeks back to them.

Theory of operation: an offset below the expected one is a repetition. One above it is a gap: the
reader seeks back to the expected offset and skips what is still queued, whose offsets only ascend;
the first offset that is not higher marks the start of the second read. Offsets that the second read
lacks, up to the end of the old queue, are missing in the log itself (retention, compaction,
transaction markers).
"""

from dataclasses import dataclass
from enum import Enum

TopicPartition = tuple[str, int]
"""Topic and partition."""


class ReadStep(Enum):
    """What to do with a record: take it, skip it, or skip it and seek back."""

    TAKE = "take"
    SKIP = "skip"
    GO_BACK = "go_back"


@dataclass(slots=True)
class _PartitionOrder:
    """``doubted``: end of the old queue; ``reads_again``: that queue is past."""

    expected: int
    doubted: int = -1
    reads_again: bool = True


class ReadingOrder:
    """Reading position in each partition of our own topics."""

    def __init__(self) -> None:
        self._readings: dict[TopicPartition, _PartitionOrder] = {}

    def begin(self, place: TopicPartition, offset: int) -> None:
        """Expect ``offset`` next, whatever was expected before."""
        self._readings[place] = _PartitionOrder(offset)

    def end(self, place: TopicPartition) -> None:
        """Skip all further records of a partition."""
        self._readings.pop(place, None)

    def expected(self, place: TopicPartition) -> int:
        """Return the offset expected next; ``KeyError`` for a partition that was not begun."""
        return self._readings[place].expected

    def step_for(self, place: TopicPartition, offset: int) -> ReadStep:
        """Return what to do with a record at ``offset``."""
        reading = self._readings.get(place)
        if reading is None or offset < reading.expected:
            return ReadStep.SKIP
        if offset > reading.doubted and not reading.reads_again:
            # It was queued before the seek, and will be read a second time.
            reading.doubted = offset
            return ReadStep.SKIP
        if offset > max(reading.expected, reading.doubted):
            reading.doubted, reading.reads_again = offset, False
            return ReadStep.GO_BACK
        reading.expected, reading.reads_again = offset + 1, True
        return ReadStep.TAKE
