"""Reading positions of each partition, inside the reader and as reported to others."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class PartitionState:
    """The reader's own state of one partition.

    ``next_offset`` is one past the last record handed over; ``read_to`` may be higher, past
    invisible records (aborted ones, transaction markers).
    """

    next_offset: int
    read_to: int
    records: int = 0
    bytes: int = 0
    lost: int = 0
    high_watermark: int = -1
    at_end: bool = False
    proof_due: float = 0.0


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """What was read of one partition in this assignment, for metrics.

    ``position`` is the next offset to hand over; ``high_watermark`` is the end of the log as of the
    newest fetch, negative before the first; ``lost`` counts offsets that retention removed unread.
    """

    position: int
    high_watermark: int
    records: int
    bytes: int
    lost: int

    @property
    def lag(self) -> int:
        """Offsets between ``position`` and the end of the log; 0 while the end is unknown."""
        return max(0, self.high_watermark - self.position)


@dataclass(frozen=True, slots=True)
class EndOfLog:
    """Proof that at ``seen_at`` or later the log held no record at or after ``next_offset``.

    ``next_offset`` is one past the last record handed over, or the start if there was none.
    """

    generation: int
    topic: str
    partition: int
    next_offset: int
    seen_at: float


class NothingRead(dict[Any, Any]):
    """Faust's map of the last offset read, always empty.

    Faust drops records below these offsets, and sets them again after a seek cleared them, so that
    the records to be read again never arrived. The agents check order and repetition themselves.
    """

    def __getitem__(self, _tp: Any) -> None:
        """Return ``None``: nothing was read."""
