"""Recorded log records as a backtest reads them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class RecordedMessage:
    """One recorded log record, with the interface of a consumed message.

    ``time_ms`` is the record's own timestamp in epoch milliseconds.
    """

    __slots__ = ("_value", "partition", "time_ms")

    def __init__(self, value: bytes, time_ms: int, partition: int = 0) -> None:
        self._value = value
        self.time_ms = time_ms
        self.partition = partition

    def value(self) -> bytes:
        """Return the record's value."""
        return self._value

    def timestamp(self) -> tuple[int, int]:
        """Return the type (1, set by the producer) and the record's timestamp."""
        return (1, self.time_ms)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open range of record times in epoch milliseconds; ``None`` is open."""

    from_ms: int | None = None
    until_ms: int | None = None

    def holds(self, time_ms: int) -> bool:
        """Return whether a time is in the range."""
        after = self.from_ms is None or time_ms >= self.from_ms
        return after and (self.until_ms is None or time_ms < self.until_ms)


class Recording(Protocol):
    """A range of recorded records.

    Law: every read of the same recording yields the same records in the same order.
    """

    topic: str
    """Topic that the records come from, or would come from."""
    partitions: int
    """Number of source partitions of the records."""

    def chunks(self, on_progress: Callable[[float], None]) -> Iterator[Sequence[RecordedMessage]]:
        """Yield the records in order; ``on_progress`` is called with the share read, 0 to 1.

        Raises ``DetectorError`` if the recording cannot be read.
        """
        ...
