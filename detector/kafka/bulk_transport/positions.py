"""Where reading stands in each partition, and what is told of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class PartitionState:
    """The reader's own note of one partition.

    ``next_offset`` is one past the last record handed over; ``read_to`` may lie further, behind
    records that nobody may see (aborted ones, transaction markers).
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

    ``position`` is the next offset that will be handed over; ``high_watermark`` the end of the log
    as of the newest fetch, negative before the first; ``lost`` counts offsets that retention
    removed unread.
    """

    position: int
    high_watermark: int
    records: int
    bytes: int
    lost: int

    @property
    def lag(self) -> int:
        """Offsets between ``position`` and the end of the log; 0 as long as the end is unknown."""
        return max(0, self.high_watermark - self.position)


@dataclass(frozen=True, slots=True)
class EndOfLog:
    """Proof that at ``seen_at`` or later no record stood at or behind ``next_offset``.

    ``next_offset`` is one past the last record handed over, or the start where none was.
    """

    generation: int
    topic: str
    partition: int
    next_offset: int
    seen_at: float


class NothingRead(dict[Any, Any]):
    """Faust's book of what was read last, kept empty.

    Faust drops whatever lies before it, and writes it once more after a seek has cleared it; then
    what was to be read again never came. Order and repetition are the agents' own to judge.
    """

    def __getitem__(self, _tp: Any) -> None:
        """Return that nothing was read."""
